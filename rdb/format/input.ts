/**
 * The bytes of an RDB, which arrive in chunks, and the primitives of its grammar:
 *
 *   length   00nnnnnn | 01nnnnnn n(1) | 0x80 n(4) | 0x81 n(8)               big-endian
 *   string   length bytes(length)
 *            | 0xc0 n(1) | 0xc1 n(2) | 0xc2 n(4)             an integer, as its decimal text
 *            | 0xc3 length(compressed) length(original) bytes(compressed)           LZF
 *
 * A primitive whose bytes are not there yet throws NEEDS_MORE. The reader rewinds to the last
 * commit and tries again when `isReady`. Only bytes after the last commit are held, in one buffer
 * into which chunks are copied: a chunk of its own for each read would be garbage of 1 MiB.
 */
import { must } from '../../base/assert.ts'
import type { Bytes, BytesInPlace } from '../../base/bytes.ts'
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
const MIN_CAPACITY_BYTES = 4096
/** A larger buffer is given back once the bytes that it holds are few. */
const MAX_KEPT_CAPACITY_BYTES = 8 * 1024 * 1024

/** The bytes that arrived and a position within them. */
export class RdbInput {
  readonly budget: Budget
  /** The offset of the end, as far as it is known: nothing may claim bytes after it. */
  private readonly totalBytes: number
  private buffer: Buffer = NO_BYTES
  /** The bytes of the buffer that have arrived. */
  private filled = 0
  private position = 0
  /** The offset of the first byte of the buffer. */
  private baseOffset = 0
  private keptFrom = 0
  /** The offset up to which bytes must have arrived before the next attempt. */
  private wantedOffset = 0
  private isEnded = false
  private readonly crc = new Crc64()
  private summedTo = 0

  constructor(budget: Budget, totalBytes = Number.POSITIVE_INFINITY) {
    this.budget = budget
    this.totalBytes = totalBytes
  }

  /** Returns an input of bytes that have all arrived. They must not change while it is in use. */
  static of(bytes: Buffer, budget: Budget): RdbInput {
    const input = new RdbInput(budget, bytes.length)
    input.buffer = bytes
    input.filled = bytes.length
    input.isEnded = true
    return input
  }

  /** Copies bytes to the end of the input. Views of it are no longer valid. */
  push(chunk: Buffer): void {
    if (this.filled + chunk.length > this.buffer.length) this.extend(chunk.length)
    this.buffer.set(chunk, this.filled)
    this.filled += chunk.length
  }

  /** Moves the bytes after the last commit to the front of a buffer that has room for more. */
  private extend(bytes: number): void {
    const { keptFrom: dropped, filled } = this
    if (dropped > this.summedTo) {
      this.crc.update(this.buffer, this.summedTo, dropped)
      this.summedTo = dropped
    }
    const needed = filled - dropped + bytes
    if (needed > this.buffer.length || (this.buffer.length > MAX_KEPT_CAPACITY_BYTES && needed < this.buffer.length / 4)) {
      const larger = Buffer.allocUnsafeSlow(this.capacityFor(needed, bytes))
      this.buffer.copy(larger, 0, dropped, filled)
      this.buffer = larger
    } else this.buffer.copyWithin(0, dropped, filled)
    this.filled -= dropped
    this.baseOffset += dropped
    this.position -= dropped
    this.summedTo -= dropped
    this.keptFrom = 0
  }

  /** Returns a capacity that grows with the bytes that came, up to those that are awaited. */
  private capacityFor(needed: number, bytes: number): number {
    const grown = needed + Math.max(needed >>> 1, Math.min(needed, MAX_KEPT_CAPACITY_BYTES), MIN_CAPACITY_BYTES)
    const awaited = this.wantedOffset - this.baseOffset - this.keptFrom + 2 * bytes
    return this.wantedOffset > this.offset ? Math.min(grown, Math.max(needed, awaited)) : grown
  }

  /** Ends the input: no more bytes arrive, so missing bytes are damage from now on. */
  end(): void {
    this.isEnded = true
  }

  /** True unless the element that failed with NEEDS_MORE would fail again. */
  get isReady(): boolean {
    return this.isEnded || this.baseOffset + this.filled >= this.wantedOffset
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
    return this.position === this.filled
  }

  /** Returns the checksum of all bytes before the position. */
  checksum(): Buffer {
    this.crc.update(this.buffer, this.summedTo, this.position)
    this.summedTo = this.position
    return this.crc.digest()
  }

  /** Returns the bytes after the position, which the input gives up. */
  rest(): Buffer {
    const rest = Buffer.from(this.buffer.subarray(this.position, this.filled))
    this.position = this.filled
    return rest
  }

  private need(count: number): void {
    if (this.position + count > this.filled) this.lack(count)
  }

  /** Throws for bytes that have not arrived: RdbError if they never will. */
  private lack(count: number): never {
    const { offset } = this
    if (this.isEnded) throw damagedAt(this.baseOffset + this.filled, 'the data ends within an element')
    const left = this.totalBytes - offset
    if (count > left) throw damagedAt(offset, `the data ends within an element: it claims ${count} bytes, and ${left} follow`)
    this.wantedOffset = offset + count
    throw NEEDS_MORE
  }

  byte(): number {
    this.need(1)
    return must(this.buffer[this.position++])
  }

  /**
   * Returns a view of the next bytes, valid until more are pushed. REQUIRES: the count is small or
   * within the budget.
   */
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
    const end = this.isEnded ? this.baseOffset + this.filled : this.totalBytes
    if (count * minBytes > end - this.offset) {
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

  /** Returns a string as the bytes of a packed encoding, valid until more bytes are pushed. */
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
    if (first < STRING_KIND) return this.announced(this.budgeted(this.lengthAfter(first)))
    return first === STRING_LZF ? this.compressed() : Buffer.from(this.integerAfter(first), 'latin1')
  }

  /**
   * Reads a string of at most `maxBytes`, whose bytes stay in place until more are pushed. Returns
   * false, at any position, for a longer one.
   */
  range(into: BytesInPlace, maxBytes: number): boolean {
    const first = this.byte()
    if (first >= STRING_KIND) return this.decodedRange(first, into, maxBytes)
    const length = this.lengthAfter(first)
    if (length > maxBytes) return false
    this.need(length)
    into.bytes = this.buffer
    into.from = this.position
    into.length = length
    this.position += length
    return true
  }

  private decodedRange(first: number, into: BytesInPlace, maxBytes: number): boolean {
    const bytes = first === STRING_LZF ? this.compressed() : Buffer.from(this.integerAfter(first), 'latin1')
    into.bytes = bytes
    into.from = 0
    into.length = bytes.length
    return bytes.length <= maxBytes
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

  /** Throws RdbError for a length of bytes that cannot follow. */
  private announced(length: number): number {
    if (this.offset + length > this.totalBytes && !this.isEnded) this.lack(length)
    return length
  }

  private budgeted(length: number): number {
    if (length > this.budget.maxStringBytes) throw this.damaged(`a string of ${length} bytes exceeds the budget`)
    return length
  }
}
