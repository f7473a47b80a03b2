/**
 * Requests begin with one of a few hundred words. A word seen before is answered with the string made then, found by comparing bytes,
 * which costs a quarter of making it again. One slot per hash, the newest word wins; bounded, so that garbage only costs speed.
 */
import type { Bytes } from '../../base/bytes.ts'

const SLOTS = 1024
const LONGEST_KEPT = 24

const slots: Bytes[] = new Array<Bytes>(SLOTS).fill('')

/** The bytes [start, end) of `buffer` as a string that shares no memory with it. */
export function commandWord(buffer: Buffer, start: number, end: number): Bytes {
  const length = end - start
  if (length === 0 || length > LONGEST_KEPT) return buffer.latin1Slice(start, end)
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
