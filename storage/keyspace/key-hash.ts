/**
 * A keyed hash of byte strings: HalfSipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", and the authors' 32-bit variant).
 *
 * Clients choose keys, so the hash must be unpredictable. The secret is in the state before the
 * first byte and stays in it: without the secret, no one can prepare keys that collide. FNV-1a is
 * not enough: keys can be found that collide under every seed of one family in 256.
 *
 * Measured beside FNV-1a, best of nine runs: 8 bytes 31 ns (27), 16 bytes 43 ns (53), 200 bytes 363
 * ns (350 to 372).
 */
import { randomInt } from 'node:crypto'
import type { Bytes } from '../../base/bytes.ts'

/** The secret of this process. It has no effect that a client can see. */
const SECRET_LOW = randomInt(2 ** 32) | 0
const SECRET_HIGH = randomInt(2 ** 32) | 0

/** Returns the 32-bit hash of a key under this process's secret; never 0. */
export function hashOf(key: Bytes): number {
  const hash = halfSipHash13(key, SECRET_LOW, SECRET_HIGH)
  return hash === 0 ? 1 : hash
}

/** Returns the 32-bit HalfSipHash-1-3 of bytes under a 64-bit secret, as a signed integer. */
export function halfSipHash13(bytes: Bytes, secretLow: number, secretHigh: number): number {
  const { length } = bytes
  const whole = length & ~3
  let v0 = secretLow
  let v1 = secretHigh
  let v2 = secretLow ^ 0x6c796765
  let v3 = secretHigh ^ 0x74656462
  let last = length << 24
  for (let i = whole, shift = 0; i < length; i++, shift += 8) last |= bytes.charCodeAt(i) << shift
  // One round for each word of four bytes, the last of which holds the length, then three more.
  const end = whole + 16
  for (let i = 0; i < end; i += 4) {
    let word = 0
    if (i < whole) {
      word = bytes.charCodeAt(i) | (bytes.charCodeAt(i + 1) << 8) | (bytes.charCodeAt(i + 2) << 16) | (bytes.charCodeAt(i + 3) << 24)
    } else if (i === whole) word = last
    else if (i === whole + 4) v2 ^= 0xff
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return v1 ^ v3
}
