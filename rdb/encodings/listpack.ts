/**
 * Listpacks: small lists in one string. On disk:
 *
 *   listpack   bytes(4) count(2) entry* 0xff         little-endian; count 65535: not known
 *   entry      0nnnnnnn                                     an integer of 7 bits
 *              | 10llllll bytes(l)                          a string
 *              | 110nnnnn n(1)                              an integer of 13 bits, with a sign
 *              | 1110llll l(1) bytes(l)                     a string
 *              | 0xf0 l(4) bytes(l)                         a string
 *              | 0xf1 n(2) | 0xf2 n(3) | 0xf3 n(4) | 0xf4 n(8)
 *             and then back(1..5): the length of the above, 7 bits a byte, the lowest last; all but
 *              the first byte have the highest bit
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { type Packed, signed } from '../format/packed.ts'

const HEADER_BYTES = 6
const END = 0xff
const COUNT_UNKNOWN = 0xffff

/** Returns the elements. Throws RdbError where the bytes are no listpack. */
export function readListpack(packed: Packed): Bytes[] {
  const { bytes } = packed
  if (bytes.length < HEADER_BYTES + 1) throw packed.damaged(0, 'a listpack is shorter than its header')
  if (bytes.readUInt32LE(0) !== bytes.length) throw packed.damaged(0, 'the length in the header of a listpack is wrong')
  const end = bytes.length - 1
  if (bytes[end] !== END) throw packed.damaged(end, 'a listpack has no end marker')
  const elements: Bytes[] = []
  let position = HEADER_BYTES
  while (position < end) {
    const size = entrySize(bytes, position)
    const backSize = backLength(size)
    if (size === 0 || position + size + backSize > end) throw packed.damaged(position, 'an entry of a listpack extends past its end')
    if (readBack(bytes, position + size, backSize) !== size) throw packed.damaged(position, 'an entry of a listpack has a wrong length')
    elements.push(elementAt(bytes, position, size))
    position += size + backSize
    packed.checkCount(elements.length)
  }
  const count = bytes.readUInt16LE(4)
  if (count !== COUNT_UNKNOWN && count !== elements.length) throw packed.damaged(4, 'the count in the header of a listpack is wrong')
  return elements
}

/** Returns the length of an entry without its trailing back length; 0 if there is no entry. */
function entrySize(bytes: Buffer, position: number): number {
  const first = must(bytes[position])
  if (first < 0x80) return 1
  if (first < 0xc0) return 1 + (first & 0x3f)
  if (first < 0xe0) return 2
  if (first < 0xf0) return position + 1 < bytes.length ? 2 + (((first & 0x0f) << 8) | must(bytes[position + 1])) : 0
  if (first === 0xf0) return position + 5 <= bytes.length ? 5 + bytes.readUInt32LE(position + 1) : 0
  if (first <= 0xf3) return first - 0xf1 + 3
  return first === 0xf4 ? 9 : 0
}

function elementAt(bytes: Buffer, position: number, size: number): Bytes {
  const first = must(bytes[position])
  if (first < 0x80) return String(first)
  if (first < 0xc0) return bytes.latin1Slice(position + 1, position + size)
  if (first < 0xe0) return String((((first & 0x1f) << 27) >> 19) | must(bytes[position + 1]))
  if (first < 0xf0) return bytes.latin1Slice(position + 2, position + size)
  if (first === 0xf0) return bytes.latin1Slice(position + 5, position + size)
  return first === 0xf4 ? String(bytes.readBigInt64LE(position + 1)) : signed(bytes, position + 1, size - 1)
}

/** Returns how many bytes lead back over an entry. The limits are those of Redis. */
function backLength(size: number): number {
  if (size <= 127) return 1
  if (size < 16383) return 2
  if (size < 2097151) return 3
  return size < 268435455 ? 4 : 5
}

function readBack(bytes: Buffer, position: number, size: number): number {
  let value = 0
  for (let i = 0; i < size; i++) {
    const byte = must(bytes[position + i])
    if (byte >= 0x80 !== i > 0) return -1
    value = value * 128 + (byte & 0x7f)
  }
  return value
}

/** A listpack that is being written. */
export class ListpackWriter {
  private buffer = Buffer.allocUnsafe(512)
  private length = HEADER_BYTES
  private count = 0

  /** The length of the finished listpack. */
  get sizeBytes(): number {
    return this.length + 1
  }

  get isEmpty(): boolean {
    return this.count === 0
  }

  reset(): void {
    this.length = HEADER_BYTES
    this.count = 0
  }

  /** Adds an element; text that is a decimal integer of 64 bits is written as one. */
  add(element: Bytes): void {
    const integer = integerOf(element)
    if (integer !== null) this.addInteger(integer)
    else this.addString(element)
  }

  addInteger(value: bigint): void {
    this.makeRoom(10)
    const { buffer } = this
    const start = this.length
    let at = start
    const small = value >= -0x80000000n && value <= 0x7fffffffn ? Number(value) : null
    if (small === null) {
      buffer[at] = 0xf4
      buffer.writeBigInt64LE(value, at + 1)
      at += 9
    } else if (small >= 0 && small < 128) {
      buffer[at++] = small
    } else if (small >= -4096 && small < 4096) {
      buffer[at++] = 0xc0 | ((small >> 8) & 0x1f)
      buffer[at++] = small & 0xff
    } else {
      const size = small >= -0x8000 && small < 0x8000 ? 2 : small >= -0x800000 && small < 0x800000 ? 3 : 4
      buffer[at] = 0xf1 + size - 2
      buffer.writeIntLE(small, at + 1, size)
      at += 1 + size
    }
    this.finishEntry(start, at)
  }

  /** Returns the bytes, which are valid until the next call of a method. */
  finished(): Buffer {
    this.makeRoom(1)
    this.buffer[this.length] = END
    this.buffer.writeUInt32LE(this.length + 1, 0)
    this.buffer.writeUInt16LE(Math.min(this.count, COUNT_UNKNOWN), 4)
    return this.buffer.subarray(0, this.length + 1)
  }

  private addString(element: Bytes): void {
    this.makeRoom(element.length + 10)
    const { buffer } = this
    const start = this.length
    let at = start
    if (element.length < 64) {
      buffer[at++] = 0x80 | element.length
    } else if (element.length < 4096) {
      buffer[at++] = 0xe0 | (element.length >> 8)
      buffer[at++] = element.length & 0xff
    } else {
      buffer[at] = 0xf0
      buffer.writeUInt32LE(element.length, at + 1)
      at += 5
    }
    buffer.latin1Write(element, at)
    this.finishEntry(start, at + element.length)
  }

  private finishEntry(start: number, end: number): void {
    let size = end - start
    const backSize = backLength(size)
    for (let i = backSize - 1; i >= 0; i--) {
      this.buffer[end + i] = (size & 0x7f) | (i > 0 ? 0x80 : 0)
      size = Math.floor(size / 128)
    }
    this.length = end + backSize
    this.count++
  }

  private makeRoom(count: number): void {
    if (this.length + count <= this.buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + count))
    this.buffer.copy(grown, 0, 0, this.length)
    this.buffer = grown
  }
}

/** Returns the integer of 64 bits whose decimal form the text is; null where it is none. */
export function integerOf(text: Bytes): bigint | null {
  if (text.length === 0 || text.length > 20) return null
  const first = text.charCodeAt(0)
  if (first !== 0x2d && (first < 0x30 || first > 0x39)) return null
  if (!/^(?:0|-?[1-9][0-9]*)$/.test(text)) return null
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? value : null
}
