/** Accepts new connections. Refuses those beyond maxclients, and remote ones in protected mode. */
import { isIP, type Socket } from 'node:net'
import { bytesOfText } from '../../base/bytes.ts'
import type { Config } from '../config/config.ts'
import type { Statistics } from '../metrics/statistics.ts'
import type { ClientRegistry } from './client-registry.ts'
import type { ClientSocket } from './client-socket.ts'
import { Connection } from './connection.ts'
import type { ConnectionHost } from './connection-host.ts'
import { Handshakes } from './handshakes.ts'
import type { Accepted, Admitter, OnData } from './listener.ts'

const FULL = '-ERR max number of clients reached\r\n'
const PROTECTED =
  '-DENIED haypile is running in protected mode: no password is set, and so only connections from this host are accepted. Set a password ' +
  '(requirepass), or turn protected mode off from this host (CONFIG SET protected-mode no), or bind to addresses of your choice (bind).\r\n'

/** Accepts or refuses new connections. */
export class Acceptor implements Admitter {
  readonly handshakes = new Handshakes()
  private readonly config: Config
  private readonly clients: ClientRegistry
  private readonly statistics: Statistics
  private readonly host: ConnectionHost
  private readonly unixPath: string
  private nextId = 1

  constructor(options: { config: Config; clients: ClientRegistry; statistics: Statistics; host: ConnectionHost }) {
    this.config = options.config
    this.clients = options.clients
    this.statistics = options.statistics
    this.host = options.host
    this.unixPath = this.config.path('unixsocket')
  }

  admitToHandshake(socket: Socket, begin: () => void): void {
    if (this.mayShakeHands()) begin()
    else socket.destroy()
  }

  /** Returns false, and counts a rejected connection, if there is no room for another client. */
  mayShakeHands(): boolean {
    if (!this.isFull) return true
    this.statistics.connectionsReceived++
    this.statistics.rejectedConnections++
    return false
  }

  accept({ socket, isUnix, isTls }: Accepted<ClientSocket>): OnData | null {
    const { clients, statistics } = this
    statistics.connectionsReceived++
    const refusal = this.isFull ? FULL : this.isUnprotected(socket.remoteAddress, isUnix) ? PROTECTED : null
    if (refusal !== null) {
      statistics.rejectedConnections++
      refuse(socket, refusal, isTls)
      return null
    }
    const address = isUnix
      ? { remote: `${bytesOfText(this.unixPath)}:0`, local: `${bytesOfText(this.unixPath)}:0` }
      : { remote: addressText(socket.remoteAddress, socket.remotePort), local: addressText(socket.localAddress, socket.localPort) }
    const connection = new Connection(socket, this.nextId++, this.host, address)
    clients.add(connection)
    return (buffer, length) => connection.receive(buffer, length)
  }

  private get isFull(): boolean {
    return this.clients.connections.size + this.handshakes.count >= this.config.number('maxclients')
  }

  private isUnprotected(remote: string | undefined, isUnix: boolean): boolean {
    const { config, host } = this
    if (isUnix || !config.flag('protected-mode') || !host.acl.defaultUser.needsNoPassword) return false
    return remote === undefined || !isLoopback(remote)
  }
}

/**
 * Refuses a connection. A plain socket is closed at once, so that a burst of refused connections
 * does not hold descriptors until the next turn.
 */
function refuse(socket: ClientSocket, text: string, isTls: boolean): void {
  socket.on('error', () => {})
  socket.write(text, 'latin1') // the kernel has a plain socket's bytes when write() returns
  if (isTls) socket.end(() => socket.destroy())
  else socket.destroy()
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
}

function addressText(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return '?:0'
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
}
