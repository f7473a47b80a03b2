/**
 * Scores as bytes in their order: what a sorted set's second tree has of a member is its score in eight bytes, then the member.
 *
 *   score   the double, big-endian, the sign bit inverted; all bits inverted where it is negative. On disk: never change.
 *
 * Zero has one form: -0 is 0. NaN has none.
 */
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'

const SCORE_BYTES = 8
/** With its score, a longer member would be longer than a byte sequence can be. */
export const MAX_MEMBER_BYTES = MAX_BYTES_LENGTH - SCORE_BYTES

const SIGN = 0x80

const scratch = Buffer.allocUnsafeSlow(4096)

const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Of a score byte in a big-endian double, its place in memory. */
function placeOf(index: number): number {
  return IS_LITTLE_ENDIAN ? 7 - index : index
}

/** So many bytes to work in: the scratch buffer, unless they are more than that. */
function room(length: number): Buffer {
  return length <= scratch.length ? scratch : Buffer.allocUnsafeSlow(length)
}

/** Puts the score's form at the beginning of a buffer. */
function writeScore(score: number, buffer: Buffer): void {
  double[0] = score === 0 ? 0 : score
  const flip = score < 0 ? 0xff : 0
  for (let i = 0; i < SCORE_BYTES; i++) buffer[i] = (doubleBytes[placeOf(i)] as number) ^ flip
  if (flip === 0) buffer[0] = (buffer[0] as number) ^ SIGN
}

/** What the second tree has of a member; memory of its own. */
export function orderKey(score: number, member: Bytes): Bytes {
  const length = SCORE_BYTES + member.length
  const buffer = room(length)
  writeScore(score, buffer)
  buffer.latin1Write(member, SCORE_BYTES)
  return buffer.latin1Slice(0, length)
}

/** The least of all keys with a greater score. */
export function keyAfterScore(score: number): Bytes {
  writeScore(score, scratch)
  // Not even the greatest score, +inf, is all ones.
  let at = SCORE_BYTES - 1
  while (scratch[at] === 0xff) scratch[at--] = 0
  scratch[at] = (scratch[at] as number) + 1
  return scratch.latin1Slice(0, SCORE_BYTES)
}

export function scoreOfKey(key: Bytes): number {
  const first = key.charCodeAt(0)
  const flip = first < SIGN ? 0xff : 0
  for (let i = 1; i < SCORE_BYTES; i++) doubleBytes[placeOf(i)] = key.charCodeAt(i) ^ flip
  doubleBytes[placeOf(0)] = flip === 0 ? first ^ SIGN : first ^ flip
  return double[0] as number
}

/** The member, for a reply: it shares the key's memory. */
export function memberOfKey(key: Bytes): Bytes {
  return key.slice(SCORE_BYTES)
}

/** The member, with memory of its own: faster to compare, too. */
export function detachedMemberOfKey(key: Bytes): Bytes {
  const { length } = key
  const buffer = room(length)
  buffer.latin1Write(key)
  return buffer.latin1Slice(SCORE_BYTES, length)
}
