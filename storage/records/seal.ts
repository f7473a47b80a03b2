/**
 * The CRC at the end of a record. It is checked without a view of the bytes before it: the CRC-32
 * of a record that includes its stated CRC can be computed from the stated CRC in four steps.
 */
import { crc32 } from 'node:zlib'
import { assert } from '../../base/assert.ts'
import { crc32WithWord } from './checksums.ts'

export const CRC_BYTES = 4

/** Ends a record of this length with its CRC. Returns the record. */
export function seal(buffer: Buffer, length: number): Buffer {
  assert(length > 0 && length + CRC_BYTES <= buffer.length, 'a record lies inside its buffer')
  buffer.writeUInt32BE(crc32(buffer.subarray(0, length)), length)
  return buffer.subarray(0, length + CRC_BYTES)
}

/** True if a record ends with its CRC. REQUIRES: it is longer than that. */
export function isSealed(record: Buffer): boolean {
  const stated = record.readUInt32BE(record.length - CRC_BYTES)
  return crc32(record) === crc32WithWord(stated, stated)
}
