/**
 * Two checksums of records. CRC-32C as LevelDB stores it: rotated and offset (util/crc32c.h). The
 * tables are those of slicing by eight (Kounavis and Berry, 2005).
 */
import { crc32 } from 'node:zlib'
import { must } from '../../base/assert.ts'

// hot: runs for each byte of a table
const CASTAGNOLI = tablesOf(0x82f63b78)
const IEEE = tablesOf(0xedb88320)
/** Bytes up to which the loop is faster than a call of zlib: for 200 bytes 166 ns, not 257. */
const SHORT_BYTES = 256

function tablesOf(polynomial: number): Int32Array {
  const tables = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    tables[byte] = crc
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256] as number
    tables[i] = (before >>> 8) ^ (tables[before & 0xff] as number)
  }
  return tables
}

/** Returns the masked CRC-32C of the bytes from `start` to `end`. */
export function maskedCrc(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const crc = crcOf(CASTAGNOLI, bytes, start, end)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** Returns the CRC-32 of the bytes from `start` to `end`. */
export function crc32Of(bytes: Uint8Array, start: number, end: number): number {
  return end - start > SHORT_BYTES ? crc32(bytes.subarray(start, end)) : crcOf(IEEE, bytes, start, end) >>> 0
}

/** Returns the CRC-32 of bytes of this CRC-32 that a word follows, its highest byte first. */
export function crc32WithWord(crc32OfBytes: number, word: number): number {
  let crc = ~crc32OfBytes
  for (let shift = 24; shift >= 0; shift -= 8) crc = (crc >>> 8) ^ must(IEEE[(crc ^ (word >>> shift)) & 0xff])
  return ~crc >>> 0
}

function crcOf(tables: Int32Array, bytes: Uint8Array, start: number, end: number): number {
  let crc = -1
  let i = start
  for (; i + 8 <= end; i += 8) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    crc =
      tables[1792 + (low & 0xff)]! ^
      tables[1536 + ((low >>> 8) & 0xff)]! ^
      tables[1280 + ((low >>> 16) & 0xff)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + bytes[i + 4]!]! ^
      tables[512 + bytes[i + 5]!]! ^
      tables[256 + bytes[i + 6]!]! ^
      tables[bytes[i + 7]!]!
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[i]!) & 0xff]!
  return ~crc
}
