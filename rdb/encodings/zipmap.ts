/**
 * Zipmaps: small hashes of Redis before 2.6 in one string. On disk:
 *
 *   zipmap   count(1) (length field length free(1) value unused(free))* 0xff
 *            count: at most 253; 254: not known
 *   length   n(1) < 254 | 0xfe n(4)                                              little-endian
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Packed } from '../format/packed.ts'

const END = 0xff
const LONG = 0xfe

/** Returns fields and values in turn. Throws RdbError where the bytes are no zipmap. */
export function readZipmap(packed: Packed): Bytes[] {
  const { bytes } = packed
  const end = bytes.length - 1
  if (end < 1 || bytes[end] !== END) throw packed.damaged(0, 'a zipmap has no end marker')
  const elements: Bytes[] = []
  let position = 1
  const lengthHere = (): number => {
    const isLong = bytes[position] === LONG
    const size = isLong ? 5 : 1
    if (position + size > end || bytes[position] === END) throw packed.damaged(position, 'a length in a zipmap extends past its end')
    const length = isLong ? bytes.readUInt32LE(position + 1) : must(bytes[position])
    position += size
    return length
  }
  const take = (length: number): void => {
    if (position + length > end) throw packed.damaged(position, 'an entry of a zipmap extends past its end')
    elements.push(bytes.latin1Slice(position, position + length))
    packed.checkCount(elements.length)
    position += length
  }
  while (position < end) {
    take(lengthHere())
    const length = lengthHere()
    if (position >= end) throw packed.damaged(position, 'an entry of a zipmap extends past its end')
    const unused = must(bytes[position++])
    take(length)
    position += unused
    if (position > end) throw packed.damaged(end, 'an entry of a zipmap extends past its end')
  }
  const stated = must(bytes[0])
  if (stated !== LONG && (stated === END || stated !== elements.length / 2))
    throw packed.damaged(0, 'the count in the header of a zipmap is wrong')
  return elements
}
