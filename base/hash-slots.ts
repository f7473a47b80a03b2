/**
 * Hash slots: a key belongs to the slot CRC-16 (XMODEM) of its hash tag modulo 16,384. The tag is
 * the text between the first `{` and the next `}`, or the whole key if there is none or it is
 * empty. Source: Redis Cluster specification, "Key distribution model" and "Hash tags".
 */
import type { Bytes } from './bytes.ts'

export const SLOTS = 16_384

const POLYNOMIAL = 0x1021
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0)
  return crc
})

/** Returns the slot of a key, 0 to 16,383. */
export function slotOf(key: Bytes): number {
  const open = key.indexOf('{')
  if (open < 0) return crcOf(key, 0, key.length) % SLOTS
  const close = key.indexOf('}', open + 1)
  return (close <= open + 1 ? crcOf(key, 0, key.length) : crcOf(key, open + 1, close)) % SLOTS
}

function crcOf(key: Bytes, from: number, end: number): number {
  let crc = 0
  for (let i = from; i < end; i++) crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ key.charCodeAt(i)] ?? 0)
  return crc
}
