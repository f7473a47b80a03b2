/** The bytes of an RDB that is being written; format/input.ts has the grammar of primitives. */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { LENGTH_32, LENGTH_64, STRING_INT8, STRING_INT16, STRING_INT32, STRING_LZF } from './codes.ts'
import { Crc64 } from './crc64.ts'
import { lzfCompressInto, MIN_SAVED_BYTES } from './lzf.ts'

/** The length from which on a chunk is handed on. */
const CHUNK_BYTES = 64 * 1024
/**
 * The input after which a chunk is handed on whatever its length, in bytes. Compression, and
 * elements that are held, take time for input of which little comes out. Keys and elements count as
 * input, too. So the work for a chunk is bounded, unless an element is large.
 */
const MAX_INPUT_BYTES = 64 * 1024
/**
 * The input for which an element counts beside its content: many short ones take longer than their
 * bytes.
 */
export const ELEMENT_INPUT_BYTES = 64
/** The first buffer: most values fit. Each buffer that is too small is followed by a larger one. */
const SMALL_BYTES = 512
const GROWTH = 8
/** The buffer of a long output, in which several chunks lie. */
const BUFFER_BYTES = 4 * CHUNK_BYTES
const NO_BYTES = Buffer.alloc(0)
const MIN_COMPRESSED_BYTES = 21
/** Longer strings are not compressed: compression runs in one go, about a millisecond for these. */
const MAX_COMPRESSED_BYTES = 256 * 1024
/**
 * Once this many short strings in a row could not be compressed, one of some is tried until one
 * can. Long strings are always tried.
 */
const MAX_FAILURES = 64
const TRIED_MASK = 7
const SHORT_COMPRESSED_BYTES = 1024
const MAX_INTEGER_LENGTH = 11
/** Strings up to this length are copied byte by byte, which is faster than a call. */
const SHORT_BYTES = 48

/** Holds a string while it is compressed. */
const scratch = Buffer.allocUnsafeSlow(MAX_COMPRESSED_BYTES)

export interface RdbOutputOptions {
  /** True: strings of more than 20 bytes are compressed where that makes them shorter. */
  readonly mayCompress: boolean
  /** True: a checksum of all bytes is kept. */
  readonly hasChecksum: boolean
}

/** A buffer that grows, and is handed on as a chunk. */
export class RdbOutput {
  private buffer: Buffer = NO_BYTES
  /** Where the chunk begins and ends in the buffer. */
  private start = 0
  private length = 0
  /** The input since the last chunk, in bytes, as far as it is counted. */
  private inputBytes = 0
  private readonly mayCompress: boolean
  /** The strings in a row that could not be compressed, as far as they were short. */
  private failures = 0
  private readonly crc: Crc64 | null

  constructor({ mayCompress, hasChecksum }: RdbOutputOptions) {
    this.mayCompress = mayCompress
    this.crc = hasChecksum ? new Crc64() : null
  }

  /** True when a chunk is to be handed on: it is long, or has taken its time. */
  get isFull(): boolean {
    return this.length - this.start >= CHUNK_BYTES || this.inputBytes >= MAX_INPUT_BYTES
  }

  /** Counts input of which nothing is written yet. */
  countInput(sizeBytes: number): void {
    this.inputBytes += sizeBytes
  }

  /**
   * Returns the bytes written since the last call, and releases them from the output. There are
   * none where the chunk was full of counted input.
   */
  take(): Buffer {
    const chunk = this.buffer.subarray(this.start, this.length)
    this.crc?.update(chunk)
    this.start = this.length
    this.inputBytes = 0
    return chunk
  }

  /** Returns the checksum of all chunks so far; zeros without `hasChecksum`. */
  checksum(): Buffer {
    return this.crc?.digest() ?? Buffer.alloc(8)
  }

  byte(value: number): void {
    this.makeRoom(1)
    this.buffer[this.length++] = value
  }

  raw(bytes: Bytes): void {
    const { length } = bytes
    this.makeRoom(length)
    const { buffer } = this
    let to = this.length
    if (length <= SHORT_BYTES) for (let i = 0; i < length; i++) buffer[to++] = bytes.charCodeAt(i)
    else buffer.latin1Write(bytes, to)
    this.length += length
  }

  rawBuffer(bytes: Buffer, start = 0, end = bytes.length): void {
    const count = end - start
    this.makeRoom(count)
    const { buffer } = this
    let to = this.length
    if (count <= SHORT_BYTES) for (let i = start; i < end; i++) buffer[to++] = must(bytes[i])
    else bytes.copy(buffer, to, start, end)
    this.length += count
  }

  writeLength(value: number): void {
    this.makeRoom(9)
    const { buffer } = this
    if (value < 0x40) {
      buffer[this.length++] = value
    } else if (value < 0x4000) {
      buffer[this.length++] = 0x40 | (value >> 8)
      buffer[this.length++] = value & 0xff
    } else if (value < 2 ** 32) {
      buffer[this.length] = LENGTH_32
      buffer.writeUInt32BE(value, this.length + 1)
      this.length += 5
    } else {
      this.unsigned(BigInt(value))
    }
  }

  /** Writes a number that may have all of 64 bits, as a length. */
  unsigned(value: bigint): void {
    if (value < 2n ** 32n) {
      this.writeLength(Number(value))
      return
    }
    this.makeRoom(9)
    this.buffer[this.length] = LENGTH_64
    this.buffer.writeBigUInt64BE(value, this.length + 1)
    this.length += 9
  }

  milliseconds(value: number): void {
    this.makeRoom(8)
    this.buffer.writeBigInt64LE(BigInt(value), this.length)
    this.length += 8
  }

  double(value: number): void {
    this.makeRoom(8)
    this.buffer.writeDoubleLE(value, this.length)
    this.length += 8
  }

  /** Writes a string in its shortest form. */
  string(bytes: Bytes): void {
    const { length } = bytes
    if (length <= MAX_INTEGER_LENGTH && this.integer(bytes)) return
    if (this.isTried(length)) {
      scratch.latin1Write(bytes, 0)
      if (this.compressed(scratch, 0, length)) return
    }
    this.writeLength(length)
    this.raw(bytes)
  }

  /** Writes the bytes from `start` to before `end` as a string in its shortest form. */
  stringOf(bytes: Buffer, start: number, end: number): void {
    if (end - start <= MAX_INTEGER_LENGTH && this.integer(bytes.latin1Slice(start, end))) return
    this.bytesAsString(bytes, start, end)
  }

  /** Writes a packed encoding as a string. */
  packed(bytes: Buffer): void {
    this.bytesAsString(bytes, 0, bytes.length)
  }

  private bytesAsString(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.isTried(length) && this.compressed(bytes, start, end)) return
    this.writeLength(length)
    this.rawBuffer(bytes, start, end)
  }

  private integer(bytes: Bytes): boolean {
    const first = bytes.charCodeAt(0)
    if (first > 0x39 || Number.isNaN(first)) return false
    const value = Number(bytes)
    if ((value | 0) !== value || String(value) !== bytes) return false
    this.makeRoom(5)
    const size = (value << 24) >> 24 === value ? 1 : (value << 16) >> 16 === value ? 2 : 4
    this.buffer[this.length] = size === 1 ? STRING_INT8 : size === 2 ? STRING_INT16 : STRING_INT32
    this.buffer.writeIntLE(value, this.length + 1, size)
    this.length += 1 + size
    return true
  }

  /** True if a string of this length is to be compressed, if it can be. */
  private isTried(length: number): boolean {
    if (!this.mayCompress || length < MIN_COMPRESSED_BYTES || length > MAX_COMPRESSED_BYTES) return false
    if (length >= SHORT_COMPRESSED_BYTES || this.failures < MAX_FAILURES) return true
    return (++this.failures & TRIED_MASK) === 0
  }

  /** Writes a string compressed, in place. Returns false if that would not make it shorter. */
  private compressed(bytes: Buffer, start: number, end: number): boolean {
    const length = end - start
    this.inputBytes += length
    const lengthBytes = length < 0x40 ? 1 : length < 0x4000 ? 2 : 5
    const headBytes = 1 + 2 * lengthBytes
    this.makeRoom(headBytes + length)
    const head = this.length
    const from = head + headBytes
    const to = lzfCompressInto(bytes, start, end, this.buffer, from, from + length - MIN_SAVED_BYTES)
    if (to < 0) {
      if (length < SHORT_COMPRESSED_BYTES && this.failures < MAX_FAILURES) this.failures++
      return false
    }
    this.failures = 0
    this.buffer[this.length++] = STRING_LZF
    this.writeLength(to - from)
    this.writeLength(length)
    if (this.length < from) this.buffer.copyWithin(this.length, from, to)
    this.length += to - from
    return true
  }

  private makeRoom(count: number): void {
    if (this.length + count <= this.buffer.length) return
    const { start, length } = this
    const kept = length - start
    const usual = Math.min(BUFFER_BYTES, Math.max(SMALL_BYTES, this.buffer.length * GROWTH))
    const grown = Buffer.allocUnsafeSlow(kept + count <= usual ? usual : Math.max(kept * 2, kept + count))
    this.buffer.copy(grown, 0, start, length)
    this.buffer = grown
    this.start = 0
    this.length = kept
  }
}
