/**
 * The CRC-64 at the end of Redis's dumps: Jones's polynomial ad93d23594c935a9, reflected, starting
 * at 0. The state is two halves of 32 bits.
 */

// hot: runs once for each byte

/** The polynomial, reflected. */
const HIGH = 0x95ac9329
const LOW = 0xac4bc9b5

const highs = new Uint32Array(256)
const lows = new Uint32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let high = 0
  let low = byte
  for (let bit = 0; bit < 8; bit++) {
    const isOdd = (low & 1) === 1
    low = (low >>> 1) | (high << 31)
    high >>>= 1
    if (isOdd) {
      high ^= HIGH
      low ^= LOW
    }
  }
  highs[byte] = high
  lows[byte] = low
}

/** Returns the checksum of the first `length` bytes as eight bytes, little-endian. */
export function crc64(buffer: Buffer, length: number): Buffer {
  let high = 0
  let low = 0
  for (let at = 0; at < length; at++) {
    const index = (low ^ (buffer[at] as number)) & 0xff
    low = ((low >>> 8) | (high << 24)) ^ (lows[index] as number)
    high = (high >>> 8) ^ (highs[index] as number)
  }
  const checksum = Buffer.allocUnsafe(8)
  checksum.writeUInt32LE(low >>> 0, 0)
  checksum.writeUInt32LE(high >>> 0, 4)
  return checksum
}
