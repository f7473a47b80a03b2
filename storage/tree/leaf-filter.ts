/**
 * The values that a leaf of a list may hold: a Bloom filter (Bloom, "Space/Time Trade-offs in Hash
 * Coding with Allowable Errors", 1970). A search for a value among a million elements compares few
 * of them. The filter may name removed values, and never misses a value that the leaf holds.
 */
import type { Bytes } from '../../base/bytes.ts'

// hot: every comparison of a list search sets or tests one bit

const BITS = 4096
/** The number of bytes at each end of a value that are hashed. */
const HASHED_BYTES = 32
/** Memory of a filter in bytes. */
export const FILTER_BYTES = BITS / 8 + 160

/** Returns the 32-bit hash by which filters know a value. */
export function filterHashOf(value: Bytes): number {
  const { length } = value
  let hash = length
  const head = length <= 2 * HASHED_BYTES ? length : HASHED_BYTES
  for (let i = 0; i < head; i++) hash = Math.imul(hash ^ value.charCodeAt(i), 0x01000193)
  for (let i = head === length ? length : length - HASHED_BYTES; i < length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), 0x01000193)
  // The low bits alone depend little on the first bytes.
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b | 0)
  return hash ^ (hash >>> 16)
}

/** A Bloom filter over the values of one leaf. */
export class LeafFilter {
  private readonly words = new Int32Array(BITS / 32)

  add(value: Bytes): void {
    const hash = filterHashOf(value)
    this.mark(hash)
    this.mark(hash >>> 12)
    this.mark(Math.imul(hash, 0x9e3779b1) >>> 20)
  }

  mayHave(hash: number): boolean {
    return this.isMarked(hash) && this.isMarked(hash >>> 12) && this.isMarked(Math.imul(hash, 0x9e3779b1) >>> 20)
  }

  private mark(bit: number): void {
    const at = (bit & (BITS - 1)) >>> 5
    this.words[at] = (this.words[at] as number) | (1 << (bit & 31))
  }

  private isMarked(bit: number): boolean {
    return ((this.words[(bit & (BITS - 1)) >>> 5] as number) & (1 << (bit & 31))) !== 0
  }
}
