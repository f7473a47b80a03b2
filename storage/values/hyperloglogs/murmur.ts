/**
 * MurmurHash64A, https://github.com/aappleby/smhasher (MurmurHash2.cpp), on words of 32 bits:
 * numbers cannot hold 64 bits, and bigints cost a hundred times as much.
 */
import type { Bytes } from '../../../base/bytes.ts'

/** The multiplier, 0xc6a4a7935bd1e995, in halves, and the lower half in halves again. */
const M_HIGH = 0xc6a4a793 | 0
const M_LOW = 0x5bd1e995
const M_LOW_UPPER = M_LOW >>> 16
const M_LOW_LOWER = M_LOW & 0xffff

/** The result of the last `murmurHash64`, as signed words. */
export const hashed = { high: 0, low: 0 }

/** Returns the upper word of the product of a word and the multiplier's lower half. */
function upperProduct(word: number): number {
  const upper = word >>> 16
  const lower = word & 0xffff
  const crossed = upper * M_LOW_LOWER
  const middle = lower * M_LOW_UPPER
  const carry = ((lower * M_LOW_LOWER) >>> 16) + (crossed & 0xffff) + (middle & 0xffff)
  return (upper * M_LOW_UPPER + (crossed >>> 16) + (middle >>> 16) + (carry >>> 16)) | 0
}

function upperOf(high: number, low: number): number {
  return (upperProduct(low) + Math.imul(high, M_LOW) + Math.imul(low, M_HIGH)) | 0
}

function wordAt(bytes: Bytes, at: number): number {
  return bytes.charCodeAt(at) | (bytes.charCodeAt(at + 1) << 8) | (bytes.charCodeAt(at + 2) << 16) | (bytes.charCodeAt(at + 3) << 24)
}

/** Leaves the hash in `hashed`. The seed is given in words. */
export function murmurHash64(bytes: Bytes, seedHigh: number, seedLow: number): void {
  const { length } = bytes
  let high = seedHigh ^ upperOf(0, length)
  let low = seedLow ^ Math.imul(length, M_LOW)
  const end = length & ~7
  for (let at = 0; at < end; at += 8) {
    let wordLow = wordAt(bytes, at)
    let wordHigh = wordAt(bytes, at + 4)
    wordHigh = upperOf(wordHigh, wordLow)
    wordLow = Math.imul(wordLow, M_LOW) ^ (wordHigh >>> 15)
    high ^= upperOf(wordHigh, wordLow)
    low ^= Math.imul(wordLow, M_LOW)
    high = upperOf(high, low)
    low = Math.imul(low, M_LOW)
  }
  if (end < length) {
    for (let i = end; i < length; i++) {
      const shift = (i & 3) * 8
      if (i - end < 4) low ^= bytes.charCodeAt(i) << shift
      else high ^= bytes.charCodeAt(i) << shift
    }
    high = upperOf(high, low)
    low = Math.imul(low, M_LOW)
  }
  low ^= high >>> 15
  high = upperOf(high, low)
  low = Math.imul(low, M_LOW)
  low ^= high >>> 15
  hashed.high = high | 0
  hashed.low = low | 0
}
