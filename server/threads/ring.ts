/**
 * Frames from one thread to another in shared memory. One thread writes, one reads.
 *
 *   memory = control (256 bytes), frames (the capacity, a power of two)
 *   frame  = kind and length (4 bytes: length << 4 | kind), slot (4), payload, zero to seven bytes
 *
 * Frames begin at multiples of 8 bytes. A frame is contiguous: if the room before the ring's end is
 * too small, a frame PADDING fills it. The numbers of written and read bytes are kept modulo 2^32.
 *
 * A thread that finds its ring empty sleeps in its event loop. It first announces that (SLEEPING)
 * and looks again. The writer looks at SLEEPING after it has written. So one of the two sees the
 * other.
 */

const CONTROL_BYTES = 256
/** Places in the control words. Each is alone in its cache line. */
const READ = 0
const WRITTEN = 16
const SLEEPING = 32
const WAKE_UPS = 48
const AWAITING_ROOM = 56

const HEADER_BYTES = 8
const KIND_BITS = 4
const KIND_MASK = 2 ** KIND_BITS - 1
/** The kind of frame that fills the end of the ring. */
const PADDING = KIND_MASK
/** The result of `RingWriter.beginFrame` without room. */
export const NO_ROOM = -1
/** A longer payload needs several frames. */
export const MAX_PAYLOAD_BYTES = 64 * 1024
/** Any frame fits into half of a ring. */
export const MIN_RING_BYTES = 4 * MAX_PAYLOAD_BYTES

/** The waiting that V8 has and the types of ES2023 lack. */
interface AsyncWait {
  waitAsync(words: Int32Array, index: number, value: number): { readonly value: Promise<string> | string }
}

const asyncWait = Atomics as unknown as AsyncWait

/** Returns the memory of a ring. REQUIRES: `bytes` is a power of two, at least MIN_RING_BYTES. */
export function newRing(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES + bytes)
}

function frameBytes(payloadBytes: number): number {
  return HEADER_BYTES + ((payloadBytes + 7) & ~7)
}

/** The end of a ring that writes. */
export class RingWriter {
  /** Payloads are written here, at the offset that `beginFrame` returns. */
  readonly bytes: Buffer
  private readonly control: Int32Array
  private readonly words: Int32Array
  private readonly capacity: number
  private written = 0
  /** Bytes read, as far as known here. */
  private knownRead = 0

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, CONTROL_BYTES / 4)
    this.words = new Int32Array(memory, CONTROL_BYTES)
    this.bytes = Buffer.from(memory, CONTROL_BYTES)
    this.capacity = this.bytes.length
  }

  /**
   * Begins a frame. Returns the offset in `bytes` for its payload, or NO_ROOM. The reader sees the
   * frame after `publish`. REQUIRES: payloadBytes <= MAX_PAYLOAD_BYTES.
   */
  beginFrame(kind: number, slot: number, payloadBytes: number): number {
    const { capacity, words } = this
    const size = frameBytes(payloadBytes)
    let at = this.written & (capacity - 1)
    const toEnd = capacity - at
    const needed = size <= toEnd ? size : toEnd + size
    if (!this.hasRoomFor(needed)) return NO_ROOM
    if (size > toEnd) {
      words[at >> 2] = PADDING
      at = 0
    }
    words[at >> 2] = (payloadBytes << KIND_BITS) | kind
    words[(at >> 2) + 1] = slot
    this.written = (this.written + needed) | 0
    return at + HEADER_BYTES
  }

  /** Shows the reader the frames that were begun. */
  publish(): void {
    Atomics.store(this.control, WRITTEN, this.written)
  }

  /** Wakes the reader if it sleeps. */
  wake(): void {
    const { control } = this
    if (Atomics.load(control, SLEEPING) === 0) return
    Atomics.store(control, SLEEPING, 0)
    Atomics.add(control, WAKE_UPS, 1)
    Atomics.notify(control, WAKE_UPS)
  }

  /**
   * Asks the reader to wake this thread once it has read. Returns true if there is room already.
   */
  awaitRoom(): boolean {
    Atomics.store(this.control, AWAITING_ROOM, 1)
    return this.hasRoomFor(this.capacity / 2)
  }

  private hasRoomFor(bytes: number): boolean {
    if (this.capacity - ((this.written - this.knownRead) | 0) >= bytes) return true
    this.knownRead = Atomics.load(this.control, READ)
    return this.capacity - ((this.written - this.knownRead) | 0) >= bytes
  }
}

/** The end of a ring that reads. */
export class RingReader {
  /** The frame that `next` found; its payload is `bytes` from `start` to `end`. */
  kind = 0
  slot = 0
  start = 0
  end = 0
  readonly bytes: Buffer
  private readonly control: Int32Array
  private readonly words: Int32Array
  private readonly capacity: number
  private read = 0
  /** Bytes written, as far as known here. */
  private knownWritten = 0

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, CONTROL_BYTES / 4)
    this.words = new Int32Array(memory, CONTROL_BYTES)
    this.bytes = Buffer.from(memory, CONTROL_BYTES)
    this.capacity = this.bytes.length
  }

  /** Takes notice of frames written since. Returns the bytes of all that are not read. */
  refresh(): number {
    this.knownWritten = Atomics.load(this.control, WRITTEN)
    return (this.knownWritten - this.read) | 0
  }

  /** Finds the next of the frames that `refresh` saw. Returns false at their end. */
  next(): boolean {
    if (this.read === this.knownWritten) return false
    const { words, capacity } = this
    let at = this.read & (capacity - 1)
    let header = Atomics.load(words, at >> 2)
    if ((header & KIND_MASK) === PADDING) {
      this.read = (this.read + capacity - at) | 0
      at = 0
      header = Atomics.load(words, 0)
    }
    this.kind = header & KIND_MASK
    this.slot = Atomics.load(words, (at >> 2) + 1)
    this.start = at + HEADER_BYTES
    this.end = this.start + (header >>> KIND_BITS)
    return true
  }

  /** Leaves the frame that `next` found. Its memory is the writer's again after `publish`. */
  endFrame(): void {
    this.read = (this.read + frameBytes(this.end - this.start)) | 0
  }

  /**
   * Gives the memory of read frames back. Returns true if the writer has asked to be woken then.
   */
  publish(): boolean {
    const { control } = this
    Atomics.store(control, READ, this.read)
    if (Atomics.load(control, AWAITING_ROOM) === 0) return false
    Atomics.store(control, AWAITING_ROOM, 0)
    return true
  }

  /** Announces that this thread is going to sleep unless it finds work. Returns a token. */
  announceSleep(): number {
    const token = Atomics.load(this.control, WAKE_UPS)
    Atomics.store(this.control, SLEEPING, 1)
    return token
  }

  /** Takes the announcement back. */
  stayAwake(): void {
    Atomics.store(this.control, SLEEPING, 0)
  }

  /** Resolves at the first wake-up since the token was taken. */
  async sleep(token: number): Promise<void> {
    await asyncWait.waitAsync(this.control, WAKE_UPS, token).value
  }
}
