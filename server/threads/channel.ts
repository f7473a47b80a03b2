/**
 * One thread's end of the two rings between the main thread and a socket thread. Frames for which
 * the ring has no room wait here, in order. An idle channel sleeps in the event loop.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { ChannelMemory } from './messages.ts'
import { MAX_PAYLOAD_BYTES, NO_ROOM, newRing, RingReader, RingWriter } from './ring.ts'

/** Small enough for the cache of a processor, large enough for a turn of many clients. */
const RING_BYTES = 1024 * 1024
/** Bytes of frames received in one go; then the event loop gets its turn. */
const MAX_PASS_BYTES = 256 * 1024

export function newChannelMemory(): ChannelMemory {
  return { toMain: newRing(RING_BYTES), toThread: newRing(RING_BYTES) }
}

/** Receives the frame that the reader has found. Its memory is reused afterwards. */
type OnFrame = (frame: RingReader) => void

export interface ChannelOptions {
  readonly inbox: SharedArrayBuffer
  readonly outbox: SharedArrayBuffer
  /** Calls a function once the frames of a batch are likely to be written. */
  readonly afterBatch: (call: () => void) => void
  readonly onFrame: OnFrame
  /** Called when frames that had to wait are in the ring. */
  readonly onRoom: () => void
}

interface WaitingFrame {
  readonly kind: number
  readonly slot: number
  readonly payload: Bytes | Buffer
}

/** One thread's end of a pair of rings. */
export class Channel {
  private readonly reader: RingReader
  private readonly writer: RingWriter
  private readonly options: ChannelOptions
  /** Frames without room in the ring, in order. */
  private waiting: WaitingFrame[] = []
  private isWakeDue = false
  private isClosed = false
  private readonly wakeOther = () => {
    this.isWakeDue = false
    this.writer.wake()
  }
  private readonly pollLater = () => this.poll()

  constructor(options: ChannelOptions) {
    this.options = options
    this.reader = new RingReader(options.inbox)
    this.writer = new RingWriter(options.outbox)
  }

  /** True while frames wait for room in the ring. */
  get isFull(): boolean {
    return this.waiting.length > 0
  }

  /** Starts receiving. */
  start(): void {
    this.poll()
  }

  close(): void {
    this.isClosed = true
    this.waiting = []
  }

  /** Sends a frame. A Buffer is copied. REQUIRES: at most MAX_PAYLOAD_BYTES. */
  send(kind: number, slot: number, payload: Bytes | Buffer): void {
    if (this.isClosed) return
    if (this.waiting.length > 0 || !this.put(kind, slot, payload)) {
      this.waiting.push({ kind, slot, payload: typeof payload === 'string' ? payload : Buffer.from(payload) })
      if (this.waiting.length === 1 && this.writer.awaitRoom()) this.sendWaiting()
    }
    if (this.isWakeDue) return
    this.isWakeDue = true
    this.options.afterBatch(this.wakeOther)
  }

  /** Sends bytes [start, end) of a payload of any length in frames of one kind. */
  sendInFrames(kind: number, slot: number, payload: Bytes | Buffer): void {
    if (payload.length <= MAX_PAYLOAD_BYTES) {
      this.send(kind, slot, payload)
      return
    }
    for (let start = 0; start < payload.length; start += MAX_PAYLOAD_BYTES) {
      const end = start + MAX_PAYLOAD_BYTES
      this.send(kind, slot, typeof payload === 'string' ? payload.slice(start, end) : payload.subarray(start, end))
    }
  }

  private put(kind: number, slot: number, payload: Bytes | Buffer): boolean {
    const { writer } = this
    const at = writer.beginFrame(kind, slot, payload.length)
    if (at === NO_ROOM) return false
    if (typeof payload === 'string') writer.bytes.latin1Write(payload, at)
    else payload.copy(writer.bytes, at)
    writer.publish()
    return true
  }

  private poll(): void {
    if (this.isClosed) return
    const hasReceived = this.receive()
    if (this.waiting.length > 0) this.sendWaiting()
    if (hasReceived || !this.fallAsleep()) setImmediate(this.pollLater)
  }

  /** Receives what the ring holds, up to MAX_PASS_BYTES. Returns true if it was anything. */
  private receive(): boolean {
    const { reader, options } = this
    let leftBytes = Math.min(reader.refresh(), MAX_PASS_BYTES)
    if (leftBytes === 0) return false
    while (leftBytes > 0 && reader.next()) {
      leftBytes -= reader.end - reader.start + 8
      options.onFrame(reader)
      reader.endFrame()
    }
    if (reader.publish()) this.writer.wake()
    return true
  }

  /** Ends with all frames in the ring, or with the reader asked to report room. */
  private sendWaiting(): void {
    do {
      const { waiting } = this
      let count = 0
      for (const { kind, slot, payload } of waiting) {
        if (!this.put(kind, slot, payload)) break
        count++
      }
      this.waiting = waiting.slice(count)
    } while (this.waiting.length > 0 && this.writer.awaitRoom())
    this.writer.wake()
    if (this.waiting.length === 0) this.options.onRoom()
  }

  /** Sleeps until the other end wakes this one. Returns false if there is work. */
  private fallAsleep(): boolean {
    const { reader } = this
    const token = reader.announceSleep()
    if (reader.refresh() !== 0 || (this.waiting.length > 0 && this.writer.awaitRoom())) {
      reader.stayAwake()
      return false
    }
    void reader.sleep(token).then(this.pollLater)
    return true
  }
}
