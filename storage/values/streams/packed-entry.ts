/**
 * The fields and values of a stream's entry as one byte sequence. On disk: never renumber.
 *
 *   entry   form(1) words(varint) { length(varint) word }     fields and values in turn
 *   form    1
 *   varint  7 bits a byte, least significant first
 */
import { must } from '../../../base/assert.ts'
import { type Bytes, MAX_BYTES_LENGTH } from '../../../base/bytes.ts'
import { DamageError } from '../../records/records.ts'

const FORM = 1
/** The longest varint of a length below 2^29, the limit of a byte sequence. */
const MAX_VARINT_BYTES = 5
/** Words up to this length are copied byte by byte, which is faster than a call. */
const SHORT_BYTES = 20
const SCRATCH_BYTES = 16 * 1024

const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

/**
 * Returns the words from position `from` on as an entry, or null if they exceed the limit of one
 * byte sequence.
 */
export function packEntry(words: readonly Bytes[], from: number): Bytes | null {
  let longest = 1 + MAX_VARINT_BYTES
  for (let i = from; i < words.length; i++) longest += MAX_VARINT_BYTES + must(words[i]).length
  if (longest > MAX_BYTES_LENGTH) return null
  const buffer = longest <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(longest)
  buffer[0] = FORM
  let at = putVarint(buffer, 1, words.length - from)
  for (let i = from; i < words.length; i++) {
    const word = must(words[i])
    const { length } = word
    at = putVarint(buffer, at, length)
    if (length > SHORT_BYTES) buffer.latin1Write(word, at)
    else for (let byte = 0; byte < length; byte++) buffer[at + byte] = word.charCodeAt(byte)
    at += length
  }
  return buffer.latin1Slice(0, at)
}

/** Returns fields and values in turn; they share the entry's memory. Throws DamageError. */
export function unpackEntry(entry: Bytes): Bytes[] {
  if (entry.charCodeAt(0) !== FORM) throw new DamageError('an entry of a stream of an unknown form')
  let at = 1
  let count = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = entry.charCodeAt(at++)
    count += (byte & 127) * scale
    if (!(byte >= 128)) break
  }
  if (count > entry.length) throw new DamageError('an entry of a stream with more words than bytes')
  const words: Bytes[] = []
  for (let i = 0; i < count; i++) {
    let length = entry.charCodeAt(at++)
    if (length >= 128) {
      length -= 128
      for (let scale = 128; ; scale *= 128) {
        const byte = entry.charCodeAt(at++)
        length += (byte & 127) * scale
        if (!(byte >= 128)) break
      }
    }
    words.push(entry.slice(at, at + length))
    at += length
  }
  if (at !== entry.length) throw new DamageError('an entry of a stream that is cut short or too long')
  return words
}

function putVarint(buffer: Buffer, position: number, value: number): number {
  let at = position
  let left = value
  while (left >= 128) {
    buffer[at++] = (left & 127) | 128
    left >>>= 7
  }
  buffer[at++] = left
  return at
}
