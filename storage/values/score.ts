/**
 * Scores as bytes in their order: a member's key in a sorted set's second tree is its score in
 * eight bytes, then the member.
 *
 *   score   the double, big-endian, the sign bit inverted; all bits inverted if it is negative.
 *           On disk: never change.
 *
 * Zero has one form: -0 is 0. NaN has none.
 */
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'

// hot: every change of a sorted set encodes scores

const SCORE_BYTES = 8
/** A longer member, with its score, would exceed the limit of a byte sequence. */
export const MAX_MEMBER_BYTES = MAX_BYTES_LENGTH - SCORE_BYTES

const SIGN = 0x80

const scratch = Buffer.allocUnsafeSlow(4096)

const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Returns the index in memory of a byte of a big-endian double. */
function memoryIndexOf(index: number): number {
  return IS_LITTLE_ENDIAN ? 7 - index : index
}

/** Returns a buffer of at least this length: the scratch buffer if it is large enough. */
function bufferFor(length: number): Buffer {
  return length <= scratch.length ? scratch : Buffer.allocUnsafeSlow(length)
}

/** Writes the score's form at the start of a buffer. */
function writeScore(score: number, buffer: Buffer): void {
  double[0] = score === 0 ? 0 : score
  const flip = score < 0 ? 0xff : 0
  for (let i = 0; i < SCORE_BYTES; i++) buffer[i] = (doubleBytes[memoryIndexOf(i)] as number) ^ flip
  if (flip === 0) buffer[0] = (buffer[0] as number) ^ SIGN
}

/** Returns a member's key in the second tree, with memory of its own. */
export function orderKey(score: number, member: Bytes): Bytes {
  const length = SCORE_BYTES + member.length
  const buffer = bufferFor(length)
  writeScore(score, buffer)
  buffer.latin1Write(member, SCORE_BYTES)
  return buffer.latin1Slice(0, length)
}

/** Returns the least of all keys with a greater score. */
export function keyAfterScore(score: number): Bytes {
  writeScore(score, scratch)
  // The loop ends: no score, not even +inf, is encoded as eight bytes of 0xff.
  let at = SCORE_BYTES - 1
  while (scratch[at] === 0xff) scratch[at--] = 0
  scratch[at] = (scratch[at] as number) + 1
  return scratch.latin1Slice(0, SCORE_BYTES)
}

export function scoreOfKey(key: Bytes): number {
  const first = key.charCodeAt(0)
  const flip = first < SIGN ? 0xff : 0
  for (let i = 1; i < SCORE_BYTES; i++) doubleBytes[memoryIndexOf(i)] = key.charCodeAt(i) ^ flip
  doubleBytes[memoryIndexOf(0)] = flip === 0 ? first ^ SIGN : first ^ flip
  return double[0] as number
}

/** Returns the member, for a reply: it shares the key's memory. */
export function memberOfKey(key: Bytes): Bytes {
  return key.slice(SCORE_BYTES)
}

/** Returns the member with memory of its own, which also compares faster. */
export function detachedMemberOfKey(key: Bytes): Bytes {
  const { length } = key
  const buffer = bufferFor(length)
  buffer.latin1Write(key)
  return buffer.latin1Slice(SCORE_BYTES, length)
}
