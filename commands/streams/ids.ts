/** Ids and intervals of ids as requests spell them. */
import type { Bytes } from '../../base/bytes.ts'
import { idOf, MAX_ID, MAX_UINT64, nextId, previousId, type Uint64, uint64Of, ZERO_ID } from '../../storage/values/streams/id.ts'
import { clientError } from '../core/errors.ts'

const invalidId = () => clientError('ERR Invalid stream ID specified as stream command argument')
export const noGroup = (key: Bytes, group: Bytes) => clientError(`NOGROUP No such key '${key}' or consumer group '${group}'`)

const ZERO = 48
const NINE = 57
const DASH = 45
/** So many digits always make a safe integer. */
const SAFE_DIGITS = 15
/** Redis takes no longer ones. */
const LONGEST_ID = 127

/** What C's strtoull takes where no minus is about. */
const SPELLED = /^[ \t\n\v\f\r]*\+?(\d+)$/

/** An unsigned 64-bit integer as Redis's ids have it, leading zeros and all; null for what is none. */
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

/** `ms-seq`, or `ms` with the sequence number that is given for it; null for what is no id. */
function idOfWord(word: Bytes, missingSeq: Uint64): Bytes | null {
  if (word.length > LONGEST_ID) return null
  const nul = word.indexOf('\x00') // Redis reads a C string
  const text = nul < 0 ? word : word.slice(0, nul)
  const dash = text.indexOf('-')
  const ms = uint64OfWord(dash < 0 ? text : text.slice(0, dash))
  const seq = dash < 0 ? missingSeq : uint64OfWord(text.slice(dash + 1))
  return ms === null || seq === null ? null : idOf(ms, seq)
}

/** An id of an entry; the sequence number is 0 where it is not given. Null for what is none. */
export function strictIdOf(word: Bytes): Bytes | null {
  return idOfWord(word, 0)
}

export function requireStrictId(word: Bytes): Bytes {
  const id = idOfWord(word, 0)
  if (id === null) throw invalidId()
  return id
}

/** An id, or `-` and `+` for the first and last there can be. */
export function requireId(word: Bytes, missingSeq: Uint64): Bytes {
  if (word === '-') return ZERO_ID
  if (word === '+') return MAX_ID
  const id = idOfWord(word, missingSeq)
  if (id === null) throw invalidId()
  return id
}

/** The first id of an interval, itself included. */
export function requireStart(word: Bytes): Bytes {
  if (!isExclusive(word)) return requireId(word, 0)
  const id = nextId(requireStrictId(word.slice(1)))
  if (id === null) throw clientError('ERR invalid start ID for the interval')
  return id
}

/** The last id of an interval, itself included. */
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

/** The id that XADD is given: all of it, or with the sequence number left to the stream (`ms-*`). */
export interface WantedId {
  readonly ms: Uint64
  /** Null where the stream chooses it. */
  readonly id: Bytes | null
}

export function requireWantedId(word: Bytes): WantedId {
  if (word.length > 2 && word.charCodeAt(word.length - 2) === DASH && word[word.length - 1] === '*') {
    const ms = word.length > LONGEST_ID ? null : uint64OfWord(word.slice(0, -2))
    if (ms === null) throw invalidId()
    return { ms, id: null }
  }
  return { ms: 0, id: requireStrictId(word) }
}
