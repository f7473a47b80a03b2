/**
 * A cache of first words, since requests begin with one of a few hundred words. A known word is
 * found by comparing bytes and returns the existing string, which costs a quarter of making a new
 * one. One slot per hash, the newest word wins. The size is fixed, so garbage costs only speed.
 */
import type { Bytes } from '../../base/bytes.ts'

// hot: runs once for each request

const SLOTS = 1024
const MAX_KEPT_LENGTH = 24

const slots: Bytes[] = new Array<Bytes>(SLOTS).fill('')

/** Returns bytes [start, end) of `buffer` as a string that shares no memory with it. */
export function commandWord(buffer: Buffer, start: number, end: number): Bytes {
  const length = end - start
  if (length === 0 || length > MAX_KEPT_LENGTH) return buffer.latin1Slice(start, end)
  const slot = (length * 131 + buffer[start]! * 31 + buffer[start + (length >> 1)]! * 7 + buffer[end - 1]!) & (SLOTS - 1)
  const known = slots[slot]!
  if (known.length === length) {
    let i = 0
    while (i < length && known.charCodeAt(i) === buffer[start + i]) i++
    if (i === length) return known
  }
  const word = buffer.latin1Slice(start, end)
  slots[slot] = word
  return word
}
