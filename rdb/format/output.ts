/** The bytes of an RDB that is being written; format/input.ts has the grammar of primitives. */
import type { Bytes } from '../../base/bytes.ts'
import { LENGTH_32, LENGTH_64, STRING_INT8, STRING_INT16, STRING_INT32, STRING_LZF } from './codes.ts'
import { Crc64 } from './crc64.ts'
import { lzfCompress } from './lzf.ts'

/** The length from which on a chunk is handed on. */
const CHUNK_BYTES = 64 * 1024
/**
 * The input after which a chunk is handed on whatever its length, in bytes. Compression, and
 * elements that are held, take time for input of which little comes out.
 */
const MAX_INPUT_BYTES = 128 * 1024
/** The first buffer: most values fit. */
const SMALL_BYTES = 512
const NO_BYTES = Buffer.alloc(0)
const MIN_COMPRESSED_BYTES = 21
const MAX_INTEGER_LENGTH = 11

export interface RdbOutputOptions {
  /** True: strings of more than 20 bytes are compressed where that makes them shorter. */
  readonly mayCompress: boolean
  /** True: a checksum of all bytes is kept. */
  readonly hasChecksum: boolean
}

/** A buffer that grows, and is handed on as a chunk. */
export class RdbOutput {
  private buffer: Buffer = NO_BYTES
  private length = 0
  /** The input since the last chunk, in bytes, as far as it is counted. */
  private inputBytes = 0
  private readonly mayCompress: boolean
  private readonly crc: Crc64 | null

  constructor({ mayCompress, hasChecksum }: RdbOutputOptions) {
    this.mayCompress = mayCompress
    this.crc = hasChecksum ? new Crc64() : null
  }

  /** True when a chunk is to be handed on: it is long, or has taken its time. */
  get isFull(): boolean {
    return this.length >= CHUNK_BYTES || this.inputBytes >= MAX_INPUT_BYTES
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
    const chunk = this.buffer.subarray(0, this.length)
    this.crc?.update(chunk)
    this.buffer = NO_BYTES
    this.length = 0
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
    this.makeRoom(bytes.length)
    this.buffer.latin1Write(bytes, this.length)
    this.length += bytes.length
  }

  rawBuffer(bytes: Buffer): void {
    this.makeRoom(bytes.length)
    this.buffer.set(bytes, this.length)
    this.length += bytes.length
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
    if (bytes.length <= MAX_INTEGER_LENGTH && this.integer(bytes)) return
    if (this.mayCompress && bytes.length >= MIN_COMPRESSED_BYTES && this.compressed(Buffer.from(bytes, 'latin1'))) return
    this.writeLength(bytes.length)
    this.raw(bytes)
  }

  /** Writes a packed encoding as a string. */
  packed(bytes: Buffer): void {
    if (this.mayCompress && bytes.length >= MIN_COMPRESSED_BYTES && this.compressed(bytes)) return
    this.writeLength(bytes.length)
    this.rawBuffer(bytes)
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

  private compressed(bytes: Buffer): boolean {
    this.inputBytes += bytes.length
    const shorter = lzfCompress(bytes)
    if (shorter === null) return false
    this.byte(STRING_LZF)
    this.writeLength(shorter.length)
    this.writeLength(bytes.length)
    this.rawBuffer(shorter)
    return true
  }

  private makeRoom(count: number): void {
    const needed = this.length + count
    if (needed <= this.buffer.length) return
    const isSmall = needed <= SMALL_BYTES && this.buffer.length === 0
    const grown = Buffer.allocUnsafeSlow(isSmall ? SMALL_BYTES : Math.max(2 * CHUNK_BYTES, this.buffer.length * 2, needed))
    this.buffer.copy(grown, 0, 0, this.length)
    this.buffer = grown
  }
}
