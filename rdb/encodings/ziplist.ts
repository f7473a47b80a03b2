/**
 * Ziplists: small lists of Redis before 7.0 in one string. On disk:
 *
 *   ziplist   bytes(4) tail(4) count(2) entry* 0xff  little-endian; tail is where the last entry
 *             begins; count 65535: not known
 *   entry     previous: length(1) < 254 | 0xfe length(4)          the whole of the entry before
 *             and then
 *             00llllll bytes(l) | 01llllll l(1) bytes(l) | 0x80 l(4) bytes(l)     big-endian
 *             | 0xc0 n(2) | 0xd0 n(4) | 0xe0 n(8) | 0xf0 n(3) | 0xfe n(1)
 *             | 1111nnnn                              an integer, n - 1, where n is 1 to 13
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { type Packed, signed } from '../format/packed.ts'

const HEADER_BYTES = 10
const END = 0xff
const COUNT_UNKNOWN = 0xffff
const PREVIOUS_IS_LONG = 0xfe

/** The length of the part before the content, and of the content; reused by all entries. */
const shape = { headSize: 0, bodySize: 0 }

/** Returns the elements. Throws RdbError where the bytes are no ziplist. */
export function readZiplist(packed: Packed): Bytes[] {
  const { bytes } = packed
  if (bytes.length < HEADER_BYTES + 1) throw packed.damaged(0, 'a ziplist is shorter than its header')
  if (bytes.readUInt32LE(0) !== bytes.length) throw packed.damaged(0, 'the length in the header of a ziplist is wrong')
  const end = bytes.length - 1
  if (bytes[end] !== END) throw packed.damaged(end, 'a ziplist has no end marker')
  const elements: Bytes[] = []
  let position = HEADER_BYTES
  let last = position
  let previous = 0
  while (position < end) {
    const isLong = bytes[position] === PREVIOUS_IS_LONG
    const start = position + (isLong ? 5 : 1)
    if (start >= end) throw packed.damaged(position, 'an entry of a ziplist extends past its end')
    const claimed = isLong ? bytes.readUInt32LE(position + 1) : must(bytes[position])
    if (claimed !== previous) throw packed.damaged(position, 'an entry of a ziplist states a wrong length of the previous one')
    if (!measure(bytes, start, end)) throw packed.damaged(start, 'an entry of a ziplist extends past its end')
    elements.push(elementAt(bytes, start))
    packed.checkCount(elements.length)
    last = position
    previous = start + shape.headSize + shape.bodySize - position
    position += previous
  }
  if (bytes.readUInt32LE(4) !== last) throw packed.damaged(4, 'the tail offset in the header of a ziplist is wrong')
  const count = bytes.readUInt16LE(8)
  if (count !== COUNT_UNKNOWN && count !== elements.length) throw packed.damaged(8, 'the count in the header of a ziplist is wrong')
  return elements
}

/** Sets the shape of the entry. Returns false where it is none or not within the ziplist. */
function measure(bytes: Buffer, start: number, end: number): boolean {
  const first = must(bytes[start])
  if (first < 0x40) {
    shape.headSize = 1
    shape.bodySize = first
  } else if (first < 0x80) {
    if (start + 2 > end) return false
    shape.headSize = 2
    shape.bodySize = ((first & 0x3f) << 8) | must(bytes[start + 1])
  } else if (first === 0x80) {
    if (start + 5 > end) return false
    shape.headSize = 5
    shape.bodySize = bytes.readUInt32BE(start + 1)
  } else {
    shape.headSize = 1
    shape.bodySize = integerSize(first)
    if (shape.bodySize < 0) return false
  }
  return start + shape.headSize + shape.bodySize <= end
}

/** Returns the length of an integer after its first byte; -1 where that byte is none. */
function integerSize(first: number): number {
  if (first === 0xc0) return 2
  if (first === 0xd0) return 4
  if (first === 0xe0) return 8
  if (first === 0xf0) return 3
  if (first === 0xfe) return 1
  return first >= 0xf1 && first <= 0xfd ? 0 : -1
}

function elementAt(bytes: Buffer, start: number): Bytes {
  const first = must(bytes[start])
  const from = start + shape.headSize
  if (first <= 0x80) return bytes.latin1Slice(from, from + shape.bodySize)
  if (shape.bodySize === 0) return String((first & 0x0f) - 1)
  return shape.bodySize === 8 ? String(bytes.readBigInt64LE(from)) : signed(bytes, from, shape.bodySize)
}
