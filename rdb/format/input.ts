/**
 * The bytes of an RDB, which arrive in chunks, and the primitives of its grammar:
 *
 *   length   00nnnnnn | 01nnnnnn n(1) | 0x80 n(4) | 0x81 n(8)               big-endian
 *   string   length bytes(length)
 *            | 0xc0 n(1) | 0xc1 n(2) | 0xc2 n(4)             an integer, as its decimal text
 *            | 0xc3 length(compressed) length(original) bytes(compressed)           LZF
 *
 * A primitive whose bytes are not there yet throws NEEDS_MORE. The reader rewinds to the last
 * commit and tries again when `isReady`. Only bytes after the last commit are held.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Budget } from './budget.ts'
import { LENGTH_32, LENGTH_64, STRING_INT8, STRING_INT16, STRING_INT32, STRING_LZF } from './codes.ts'
import { Crc64 } from './crc64.ts'
import { lzfDecompress, MAX_LZF_RATIO } from './lzf.ts'
import { Packed } from './packed.ts'
import { damagedAt, type RdbError } from './rdb-error.ts'

class NeedsMore extends Error {
  override readonly message = 'the next bytes have not arrived yet'
}

export const NEEDS_MORE = new NeedsMore()

/** Returns a number of 64 bits with a sign; one that is not a safe integer is rounded. */
const int64 = (buffer: Buffer, position: number): number => buffer.readInt32LE(position + 4) * 2 ** 32 + buffer.readUInt32LE(position)

const NO_BYTES = Buffer.alloc(0)
const STRING_KIND = 0xc0

/** The bytes that arrived and a position within them. */
export class RdbInput {
  readonly budget: Budget
  private buffer: Buffer = NO_BYTES
  private position = 0
  /** The offset of the first byte of the buffer. */
  private baseOffset = 0
  private keptFrom = 0
  private chunks: Buffer[] = []
  private chunkBytes = 0
  private wantedBytes = 0
  private isEnded = false
  private readonly crc = new Crc64()
  private summedTo = 0

  constructor(budget: Budget) {
    this.budget = budget
  }

  /** Adds bytes, which must not change afterwards. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.chunks.push(chunk)
    this.chunkBytes += chunk.length
  }

  /** Ends the input: no more bytes arrive, so missing bytes are damage from now on. */
  end(): void {
    this.isEnded = true
  }

  /** True unless the element that failed with NEEDS_MORE would fail again. */
  get isReady(): boolean {
    return this.isEnded || this.chunkBytes >= this.wantedBytes
  }

  get offset(): number {
    return this.baseOffset + this.position
  }

  /** Releases the bytes read so far. `rewind` returns to this position. */
  commit(): void {
    this.keptFrom = this.position
  }

  /** Goes back to where `commit` was last called. */
  rewind(): void {
    this.position = this.keptFrom
  }

  /** Goes back to an offset after the last commit. */
  rewindTo(offset: number): void {
    this.position = offset - this.baseOffset
  }

  damaged(text: string): RdbError {
    return damagedAt(this.offset, text)
  }

  /** Returns true where no byte is left. REQUIRES: `end` was called. */
  get isExhausted(): boolean {
    return this.position === this.buffer.length && this.chunkBytes === 0
  }

  /** Returns the checksum of all bytes before the position. */
  checksum(): Buffer {
    this.crc.update(this.buffer, this.summedTo, this.position)
    this.summedTo = this.position
    return this.crc.digest()
  }

  /** Returns the bytes after the position, which the input gives up. */
  rest(): Buffer {
    const rest = Buffer.concat([this.buffer.subarray(this.position), ...this.chunks])
    this.chunks = []
    this.chunkBytes = 0
    this.position = this.buffer.length
    return rest
  }

  private need(count: number): void {
    const missing = this.position + count - this.buffer.length
    if (missing > 0) this.gather(missing)
  }

  private gather(missingBytes: number): void {
    if (missingBytes > this.chunkBytes) {
      if (this.isEnded) throw damagedAt(this.baseOffset + this.buffer.length + this.chunkBytes, 'the data ends within an element')
      this.wantedBytes = missingBytes
      throw NEEDS_MORE
    }
    this.wantedBytes = 0
    const dropped = this.keptFrom
    if (dropped > this.summedTo) {
      this.crc.update(this.buffer, this.summedTo, dropped)
      this.summedTo = dropped
    }
    const kept = this.buffer.subarray(dropped)
    const only = this.chunks.length === 1 && kept.length === 0 ? this.chunks[0] : undefined
    this.buffer = only ?? Buffer.concat([kept, ...this.chunks])
    this.chunks = []
    this.chunkBytes = 0
    this.baseOffset += dropped
    this.position -= dropped
    this.summedTo -= dropped
    this.keptFrom = 0
  }

  byte(): number {
    this.need(1)
    return must(this.buffer[this.position++])
  }

  /** Returns a view of the next bytes. REQUIRES: the count is small or within the budget. */
  view(count: number): Buffer {
    this.need(count)
    const from = this.position
    this.position += count
    return this.buffer.subarray(from, this.position)
  }

  bytes(count: number): Bytes {
    this.need(count)
    const from = this.position
    this.position += count
    return this.buffer.latin1Slice(from, this.position)
  }

  int32(): number {
    this.need(4)
    this.position += 4
    return this.buffer.readInt32LE(this.position - 4)
  }

  /** Returns a time in ms; Redis writes 8 bytes with a sign. */
  milliseconds(): number {
    this.need(8)
    this.position += 8
    const value = int64(this.buffer, this.position - 8)
    if (!Number.isSafeInteger(value)) throw this.damaged('a time is out of range')
    return value
  }

  double(): number {
    this.need(8)
    this.position += 8
    return this.buffer.readDoubleLE(this.position - 8)
  }

  length(): number {
    const first = this.byte()
    return first < STRING_KIND ? this.lengthAfter(first) : this.noLength()
  }

  private lengthAfter(first: number): number {
    if (first < 0x40) return first
    if (first < 0x80) return ((first & 0x3f) << 8) | this.byte()
    if (first === LENGTH_32) return this.view(4).readUInt32BE(0)
    if (first !== LENGTH_64) return this.noLength()
    const value = Number(this.view(8).readBigUInt64BE(0))
    if (!Number.isSafeInteger(value)) throw this.damaged('a length is out of range')
    return value
  }

  private noLength(): never {
    this.position--
    throw this.damaged('a length is missing')
  }

  /** Returns a number that may have all of 64 bits. */
  unsigned(): bigint {
    this.need(1)
    if (this.buffer[this.position] !== LENGTH_64) return BigInt(this.length())
    this.need(9)
    const value = this.buffer.readBigUInt64BE(this.position + 1)
    this.position += 9
    return value
  }

  /** Returns the number of elements that follow, each of at least `minBytes` bytes. */
  count(minBytes: number): number {
    const { offset } = this
    const count = this.length()
    if (count > this.budget.maxElementCount) throw damagedAt(offset, `${count} elements exceed the budget`)
    if (this.isEnded && count * minBytes > this.buffer.length - this.position + this.chunkBytes) {
      throw damagedAt(offset, `${count} elements exceed the bytes that follow`)
    }
    return count
  }

  string(): Bytes {
    const first = this.byte()
    if (first < STRING_KIND) return this.bytes(this.budgeted(this.lengthAfter(first)))
    if (first === STRING_LZF) return this.compressed().latin1Slice()
    return this.integerAfter(first)
  }

  /** Returns a string as the bytes of a packed encoding, valid for as long as they are kept. */
  packed(): Packed {
    const first = this.byte()
    if (first < STRING_KIND) {
      const length = this.budgeted(this.lengthAfter(first))
      const { offset } = this
      return new Packed(this.view(length), offset, 'raw')
    }
    const { offset } = this
    if (first === STRING_LZF) return new Packed(this.compressed(), offset, 'compressed')
    return new Packed(Buffer.from(this.integerAfter(first), 'latin1'), offset, 'compressed')
  }

  /** Returns the length of a string of plain bytes that follows, or the whole of another one. */
  stringOrLength(): Buffer | number {
    const first = this.byte()
    if (first < STRING_KIND) return this.budgeted(this.lengthAfter(first))
    return first === STRING_LZF ? this.compressed() : Buffer.from(this.integerAfter(first), 'latin1')
  }

  private integerAfter(first: number): Bytes {
    if (first === STRING_INT8) return String((this.byte() << 24) >> 24)
    if (first === STRING_INT16) return String(((this.byte() | (this.byte() << 8)) << 16) >> 16)
    if (first === STRING_INT32) return String(this.int32())
    this.position--
    throw this.damaged('a string has an unknown encoding')
  }

  private compressed(): Buffer {
    const { offset } = this
    const size = this.budgeted(this.length())
    const length = this.budgeted(this.length())
    if (length > size * MAX_LZF_RATIO) throw damagedAt(offset, 'compressed bytes state an impossible length')
    const bytes = lzfDecompress(this.view(size), length)
    if (bytes === null) throw damagedAt(offset, 'compressed bytes cannot be decompressed')
    return bytes
  }

  private budgeted(length: number): number {
    if (length > this.budget.maxStringBytes) throw this.damaged(`a string of ${length} bytes exceeds the budget`)
    return length
  }
}
