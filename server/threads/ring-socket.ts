/**
 * A client's socket that a socket thread owns, as the main thread sees it. What is written goes
 * through the ring at once. The number of bytes that have reached the kernel is in shared memory.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { ClientSocket } from '../network/client-socket.ts'
import type { Channel } from './channel.ts'
import { type Endpoints, TO_THREAD } from './messages.ts'

/** Unsent bytes from which on a write asks for the event `drain`. */
const HIGH_WATER_BYTES = 64 * 1024
const NOTHING = ''

type SocketEvent = 'drain' | 'error' | 'end' | 'close'

/** A socket of a socket thread. */
export class RingSocket implements ClientSocket {
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly mayReuseWritten = true
  bytesRead = 0
  private readonly channel: Channel
  private readonly slot: number
  /** Bytes in the kernel by slot, modulo 2^32: the thread's count. */
  private readonly sentCounts: Int32Array
  private readonly listeners: Readonly<Record<SocketEvent, (() => void)[]>> = { drain: [], error: [], end: [], close: [] }
  private writtenBytes = 0
  private sentBytes = 0
  /** The thread's count at its last reading. */
  private lastCount = 0
  private isCorked = false
  private isDestroyed = false
  private isEnded = false
  private mustReport = false

  constructor(channel: Channel, slot: number, sentCounts: Int32Array, endpoints: Endpoints) {
    this.channel = channel
    this.slot = slot
    this.sentCounts = sentCounts
    this.remoteAddress = endpoints.remoteAddress
    this.remotePort = endpoints.remotePort
    this.localAddress = endpoints.localAddress
    this.localPort = endpoints.localPort
  }

  get destroyed(): boolean {
    return this.isDestroyed
  }

  get writable(): boolean {
    return !this.isEnded
  }

  get writableNeedDrain(): boolean {
    return this.mustReport
  }

  get writableLength(): number {
    if (this.isDestroyed) return 0
    const count = Atomics.load(this.sentCounts, this.slot)
    this.sentBytes += (count - this.lastCount) >>> 0
    this.lastCount = count
    return this.writtenBytes - this.sentBytes
  }

  on(event: SocketEvent, listener: () => void): void {
    this.listeners[event].push(listener)
  }

  once(event: 'close', listener: () => void): void {
    this.listeners[event].push(listener)
  }

  write(bytes: Bytes | Buffer): void {
    if (this.isEnded) return
    this.writtenBytes += bytes.length
    this.channel.sendInFrames(this.isCorked ? TO_THREAD.sendMore : TO_THREAD.send, this.slot, bytes)
    if (this.mustReport || this.writableLength <= HIGH_WATER_BYTES) return
    this.mustReport = true
    this.tell(TO_THREAD.reportSent)
  }

  cork(): void {
    this.isCorked = true
  }

  uncork(): void {
    this.isCorked = false
    if (!this.isEnded) this.tell(TO_THREAD.send)
  }

  pause(): void {
    this.tell(TO_THREAD.pause)
  }

  resume(): void {
    this.tell(TO_THREAD.resume)
  }

  /** The thread also destroys the socket at its end. */
  end(): void {
    if (this.isEnded) return
    this.isEnded = true
    this.tell(TO_THREAD.finish)
  }

  destroySoon(): void {
    this.end()
  }

  destroy(): void {
    if (this.isDestroyed) return
    this.isDestroyed = true
    this.isEnded = true
    this.tell(TO_THREAD.destroy)
  }

  /** The thread has sent everything that was written before it was asked. */
  reported(): void {
    if (this.isDestroyed) return
    if (this.writableLength > 0) {
      this.tell(TO_THREAD.reportSent)
      return
    }
    this.mustReport = false
    this.emit('drain')
  }

  inputEnded(): void {
    if (!this.isDestroyed) this.emit('end')
  }

  /** The socket is closed. */
  gone(): void {
    this.isDestroyed = true
    this.isEnded = true
    this.emit('close')
  }

  private tell(kind: number): void {
    this.channel.send(kind, this.slot, NOTHING)
  }

  private emit(event: SocketEvent): void {
    for (const listener of this.listeners[event]) listener()
  }
}
