/** Reading ids and intervals of ids from requests. */
import type { Bytes } from '../../base/bytes.ts'
import { idOf, MAX_ID, MAX_UINT64, nextId, previousId, type Uint64, uint64Of, ZERO_ID } from '../../storage/values/streams/id.ts'
import { clientError } from '../contract/errors.ts'

const invalidId = () => clientError('ERR Invalid stream ID specified as stream command argument')
export const noGroupOfKey = (key: Bytes, group: Bytes) => clientError(`NOGROUP No such consumer group '${group}' for key name '${key}'`)
export const noGroup = (key: Bytes, group: Bytes) => clientError(`NOGROUP No such key '${key}' or consumer group '${group}'`)

const ZERO = 48
const NINE = 57
const DASH = 45
/** A number of at most this many digits is a safe integer. */
const SAFE_DIGITS = 15
/** The longest id that Redis accepts, in bytes. */
const MAX_ID_LENGTH = 127

/** A number without a minus, as C's strtoull accepts it. */
const SPELLED = /^[ \t\n\v\f\r]*\+?(\d+)$/

/**
 * Reads an unsigned 64-bit integer as Redis does in ids, leading zeros included; null for any other
 * word.
 */
function uint64OfWord(word: Bytes): Uint64 | null {
  let value = 0
  const { length } = word
  if (length > 0 && length <= SAFE_DIGITS) {
    let i = 0
    for (; i < length; i++) {
      const code = word.charCodeAt(i)
      if (code < ZERO || code > NINE) break
      value = value * 10 + (code - ZERO)
    }
    if (i === length) return value
  }
  const digits = SPELLED.exec(word)?.[1]
  if (digits === undefined) return null
  const exact = BigInt(digits)
  return exact > MAX_UINT64 ? null : uint64Of(exact)
}

/** Reads `ms-seq`, or `ms` with `missingSeq` as its sequence number; null for any other word. */
function idOfWord(word: Bytes, missingSeq: Uint64): Bytes | null {
  if (word.length > MAX_ID_LENGTH) return null
  const nul = word.indexOf('\x00') // Redis reads a C string
  const text = nul < 0 ? word : word.slice(0, nul)
  const dash = text.indexOf('-')
  const ms = uint64OfWord(dash < 0 ? text : text.slice(0, dash))
  const seq = dash < 0 ? missingSeq : uint64OfWord(text.slice(dash + 1))
  return ms === null || seq === null ? null : idOf(ms, seq)
}

/** Reads an entry's id; a missing sequence number is 0. Null for any other word. */
export function strictIdOf(word: Bytes): Bytes | null {
  return idOfWord(word, 0)
}

export function requireStrictId(word: Bytes): Bytes {
  const id = idOfWord(word, 0)
  if (id === null) throw invalidId()
  return id
}

/** Reads an id, or `-` and `+` for the least and the greatest id. */
export function requireId(word: Bytes, missingSeq: Uint64): Bytes {
  if (word === '-') return ZERO_ID
  if (word === '+') return MAX_ID
  const id = idOfWord(word, missingSeq)
  if (id === null) throw invalidId()
  return id
}

/** Reads the start of an interval and returns its first id, inclusive. */
export function requireStart(word: Bytes): Bytes {
  if (!isExclusive(word)) return requireId(word, 0)
  const id = nextId(requireStrictId(word.slice(1)))
  if (id === null) throw clientError('ERR invalid start ID for the interval')
  return id
}

/** Reads the end of an interval and returns its last id, inclusive. */
export function requireEnd(word: Bytes): Bytes {
  if (!isExclusive(word)) return requireId(word, MAX_UINT64)
  const id = idOfWord(word.slice(1), MAX_UINT64)
  if (id === null) throw invalidId()
  const before = previousId(id)
  if (before === null) throw clientError('ERR invalid end ID for the interval')
  return before
}

function isExclusive(word: Bytes): boolean {
  return word.length > 1 && word[0] === '('
}

/** The id in an XADD request: complete, or `ms-*` with the sequence number left to the stream. */
export interface WantedId {
  readonly ms: Uint64
  /** Null if the stream chooses the sequence number. */
  readonly id: Bytes | null
}

export function requireWantedId(word: Bytes): WantedId {
  if (word.length > 2 && word.charCodeAt(word.length - 2) === DASH && word[word.length - 1] === '*') {
    const ms = word.length > MAX_ID_LENGTH ? null : uint64OfWord(word.slice(0, -2))
    if (ms === null) throw invalidId()
    return { ms, id: null }
  }
  return { ms: 0, id: requireStrictId(word) }
}
