/**
 * The sockets of a socket thread, in that thread. It reads and writes them, and does as the main
 * thread says.
 */
import type { Socket } from 'node:net'
import { Handshakes } from '../network/handshakes.ts'
import type { Accepted, Admitter, OnData } from '../network/listener.ts'
import type { Channel } from './channel.ts'
import { type Endpoints, FROM_THREAD, MAX_SLOTS, TO_THREAD } from './messages.ts'
import type { RingReader } from './ring.ts'

const NOTHING = ''
/** Longer payloads are copied as bytes, shorter ones as text, which Node writes faster. */
const MAX_TEXT_BYTES = 16 * 1024

/** One connection. */
class ThreadSocket {
  readonly socket: Socket
  readonly slot: number
  /** Bytes handed to the socket, modulo 2^32. */
  handedBytes = 0
  isReportDue = false
  isPausedByMain = false
  readonly onWritten: () => void

  constructor(socket: Socket, slot: number, onWritten: (written: ThreadSocket) => void) {
    this.socket = socket
    this.slot = slot
    this.onWritten = () => onWritten(this)
  }

  get unsentBytes(): number {
    return this.socket.writable ? this.socket.writableLength : 0
  }
}

/** A TCP connection whose TLS handshake has not ended. */
interface PendingHandshake {
  readonly socket: Socket
  readonly slot: number
  readonly begin: () => void
}

/** The sockets of this thread, by slot. */
export class ThreadSockets implements Admitter {
  readonly handshakes = new Handshakes()
  private readonly channel: Channel
  /** Bytes in the kernel by slot, modulo 2^32, for the main thread. */
  private readonly sentCounts: Int32Array
  private readonly sockets: (ThreadSocket | undefined)[] = []
  private readonly shaking = new Map<number, PendingHandshake>()
  private readonly freeSlots: number[] = []
  private slotCount = 0
  /** Sockets that are not read until the ring has room. */
  private withoutRoom = new Set<ThreadSocket>()
  private readonly noteSent = (written: ThreadSocket) => this.wrote(written)

  constructor(channel: Channel, sentCounts: Int32Array) {
    this.channel = channel
    this.sentCounts = sentCounts
  }

  admitToHandshake(socket: Socket, begin: () => void): void {
    const slot = this.takeSlot()
    if (slot < 0) {
      socket.destroy()
      return
    }
    this.shaking.set(slot, { socket, slot, begin })
    socket.once('close', () => {
      if (this.shaking.delete(slot)) this.tell(FROM_THREAD.closed, slot)
    })
    this.tell(FROM_THREAD.asking, slot)
  }

  accept({ socket, isTls }: Accepted): OnData | null {
    const slot = isTls ? this.slotOfHandshake(socket) : this.takeSlot()
    if (slot < 0) {
      socket.destroy()
      return null
    }
    const taken = new ThreadSocket(socket, slot, this.noteSent)
    this.sockets[slot] = taken
    socket.on('error', () => {})
    socket.on('end', () => this.tell(FROM_THREAD.ended, slot))
    socket.on('close', () => {
      this.sockets[slot] = undefined
      this.tell(FROM_THREAD.closed, slot)
    })
    this.channel.send(FROM_THREAD.opened, slot, JSON.stringify(endpointsOf(socket, isTls)))
    return (buffer, length) => this.received(taken, buffer.subarray(0, length))
  }

  /** Does what a frame of the main thread says. */
  obey(frame: RingReader): void {
    const { kind, slot } = frame
    const taken = this.sockets[slot]
    if (kind === TO_THREAD.forget) this.freeSlots.push(slot)
    else if (taken === undefined) this.obeyHandshake(kind, slot)
    else if (kind === TO_THREAD.send || kind === TO_THREAD.sendMore) this.send(taken, frame)
    else if (kind === TO_THREAD.reportSent) {
      taken.isReportDue = true
      this.wrote(taken)
    } else if (kind === TO_THREAD.destroy) taken.socket.destroy()
    else if (kind === TO_THREAD.finish) taken.socket.end(() => taken.socket.destroySoon())
    else if (kind === TO_THREAD.pause) {
      taken.isPausedByMain = true
      taken.socket.pause()
    } else if (kind === TO_THREAD.resume) {
      taken.isPausedByMain = false
      if (!this.withoutRoom.has(taken)) taken.socket.resume()
    }
  }

  /** The ring has room again. */
  readAgain(): void {
    const { withoutRoom } = this
    this.withoutRoom = new Set()
    for (const { socket, isPausedByMain } of withoutRoom) if (!isPausedByMain) socket.resume()
  }

  private obeyHandshake(kind: number, slot: number): void {
    const handshake = this.shaking.get(slot)
    if (handshake === undefined) return
    if (kind === TO_THREAD.admit) handshake.begin()
    else if (kind === TO_THREAD.destroy) handshake.socket.destroy()
  }

  private received(taken: ThreadSocket, bytes: Buffer): void {
    const { channel } = this
    channel.sendInFrames(FROM_THREAD.received, taken.slot, bytes)
    if (!channel.isFull || this.withoutRoom.has(taken)) return
    this.withoutRoom.add(taken)
    taken.socket.pause()
  }

  private send(taken: ThreadSocket, { kind, bytes, start, end }: RingReader): void {
    const { socket, onWritten } = taken
    taken.handedBytes = (taken.handedBytes + end - start) | 0
    if (socket.writable) {
      const isCorked = socket.writableCorked > 0
      if (kind === TO_THREAD.sendMore && !isCorked) socket.cork()
      if (end - start > MAX_TEXT_BYTES) socket.write(Buffer.from(bytes.subarray(start, end)), onWritten)
      else if (end > start) socket.write(bytes.latin1Slice(start, end), 'latin1', onWritten)
      if (kind === TO_THREAD.send && isCorked) socket.uncork()
    }
    this.wrote(taken)
  }

  /** Tells the main thread how much has been sent. */
  private wrote(taken: ThreadSocket): void {
    const { unsentBytes, slot } = taken
    if (this.sockets[slot] !== taken) return
    Atomics.store(this.sentCounts, slot, (taken.handedBytes - unsentBytes) | 0)
    if (!taken.isReportDue || unsentBytes > 0) return
    taken.isReportDue = false
    this.tell(FROM_THREAD.sent, slot)
  }

  private tell(kind: number, slot: number): void {
    this.channel.send(kind, slot, NOTHING)
  }

  /** Returns -1 if there is none left. */
  private takeSlot(): number {
    const slot = this.freeSlots.pop() ?? (this.slotCount < MAX_SLOTS ? this.slotCount++ : -1)
    if (slot >= 0) Atomics.store(this.sentCounts, slot, 0)
    return slot
  }

  /** Ends the handshake under a TLS socket. Returns its slot, -1 if its connection has closed. */
  private slotOfHandshake(socket: Socket): number {
    for (const [slot, { socket: below }] of this.shaking) {
      if (below.remotePort !== socket.remotePort || below.remoteAddress !== socket.remoteAddress) continue
      if (below.localPort !== socket.localPort || below.localAddress !== socket.localAddress) continue
      this.shaking.delete(slot)
      return slot
    }
    return -1
  }
}

function endpointsOf(socket: Socket, isTls: boolean): Endpoints {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  return { remoteAddress, remotePort, localAddress, localPort, isTls }
}
