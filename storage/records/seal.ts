/**
 * The CRC at the end of a record. It is checked without a view of the bytes before it: the CRC-32
 * of the whole record, with its CRC, follows from the stated CRC by four steps.
 */
import { crc32 } from 'node:zlib'
import { assert, must } from '../../base/assert.ts'

export const CRC_BYTES = 4

const TABLE = new Int32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  TABLE[byte] = crc
}

/** Ends a record of this length with its CRC. Returns the record. */
export function seal(buffer: Buffer, length: number): Buffer {
  assert(length > 0 && length + CRC_BYTES <= buffer.length, 'a record lies inside its buffer')
  buffer.writeUInt32BE(crc32(buffer.subarray(0, length)), length)
  return buffer.subarray(0, length + CRC_BYTES)
}

/** True if a record ends with its CRC. REQUIRES: it is longer than that. */
export function isSealed(record: Buffer): boolean {
  const stated = record.readUInt32BE(record.length - CRC_BYTES)
  let crc = ~stated
  for (let shift = 24; shift >= 0; shift -= 8) crc = (crc >>> 8) ^ must(TABLE[(crc ^ (stated >>> shift)) & 0xff])
  return crc32(record) === ~crc >>> 0
}
