/** Faults of a connection between two machines that both continue. Each returns a description. */

import { ServerEnd } from '../server-end.ts'
import type { Network, Socket } from './network.ts'

type Fault = (network: Network, socket: Socket, peer: Socket) => string

/** Both sides see the end, at some byte. */
const cut: Fault = (_network, socket, peer) => {
  socket.out.tear()
  peer.out.tear()
  socket.fail('ECONNRESET')
  peer.fail('ECONNRESET')
  return 'is cut'
}

/** One side sees the end, the other never does. */
const halfOpen =
  (side: 'dialler' | 'listener'): Fault =>
  (_network, socket, peer) => {
    const [sees, blind] = side === 'dialler' ? [socket, peer] : [peer, socket]
    sees.out.tear()
    sees.out.isLost = true
    blind.out.isLost = true
    sees.fail('ECONNRESET')
    return `ends for the ${side} only`
  }

/** The dialler sees the end. Its bytes arrive much later, after it has reconnected. */
const late: Fault = ({ schedule, chance }, socket, peer) => {
  const delayMs = 50 + chance.random() * 3000
  socket.out.holdUntil(schedule.nowMs + delayMs)
  peer.out.isLost = true
  socket.fail('ECONNRESET')
  return `ends for the dialler, and its sent bytes arrive ${Math.round(delayMs)} ms later`
}

const lost: Fault = (_network, socket, peer) => {
  socket.out.isLost = true
  peer.out.isLost = true
  return 'silently loses all bytes'
}

const lostOneWay =
  (side: 'dialler' | 'listener'): Fault =>
  (_network, socket, peer) => {
    ;(side === 'dialler' ? socket : peer).out.isLost = true
    return `silently loses the bytes of the ${side}`
  }

const held =
  (side: 'dialler' | 'listener'): Fault =>
  ({ schedule, chance }, socket, peer) => {
    const delayMs = chance.random() * 1500
    ;(side === 'dialler' ? socket : peer).out.holdUntil(schedule.nowMs + delayMs)
    return `delays the bytes of the ${side} by ${Math.round(delayMs)} ms`
  }

/**
 * Inverts a bit of the binlog's stream. (The bytes before the stream have no checksums of their
 * own.)
 */
const corrupted: Fault = (_network, _socket, peer) => {
  if (!(peer.events instanceof ServerEnd) || peer.events.streamingEpoch < 0) return 'stays unchanged'
  peer.out.corrupt()
  return 'inverts a bit'
}

const FAULTS: readonly Fault[] = [
  ...[cut, cut, late, late, lost, corrupted],
  ...[halfOpen('dialler'), halfOpen('dialler'), halfOpen('listener')],
  ...[lostOneWay('dialler'), lostOneWay('listener'), held('dialler'), held('listener')],
]

/** Applies a random fault to one of the existing connections. */
export function breakConnection(network: Network): string {
  const { chance } = network
  const connections = network.dialled.filter((socket) => socket.isOpen && socket.peer?.isOpen === true)
  if (connections.length === 0) return 'no connection to break'
  const socket = chance.pick(connections)
  const peer = socket.peer as Socket
  const what = chance.pick(FAULTS)(network, socket, peer)
  return `connection ${socket.id} of ${socket.party.ip} to ${peer.party.ip} ${what}`
}
