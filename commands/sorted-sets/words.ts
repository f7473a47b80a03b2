/**
 * Parses the words of sorted set commands: scores, and ranges of ranks, scores and members. Also
 * writes members into replies and stores them at a key.
 */
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_SORTED_SET } from '../../storage/keyspace/key-events.ts'
import { newCollection } from '../../storage/values/collection.ts'
import { MAX_MEMBER_BYTES } from '../../storage/values/score.ts'
import { type LexBound, type ScoreBound, type ScoredMember, SortedSet } from '../../storage/values/sorted-set.ts'
import type { Context } from '../contract/context.ts'
import { clientError, stringTooLong } from '../contract/errors.ts'
import { Double, type Reply } from '../contract/reply.ts'
import { floatOf, requireClampedInteger, requireFloat } from '../parsing/args.ts'
import { deleteKey } from '../parsing/typed-access.ts'

const ZERO = 48
const NINE = 57
const MINUS = 45
/** A number of at most this many digits is a safe integer. */
const SAFE_DIGITS = 15

/** Throws if the word is too long for a member. */
export function requireMemberLength(word: Bytes): void {
  if (word.length > MAX_MEMBER_BYTES) throw stringTooLong()
}

/** Reads a score. Throws "value is not a valid float". */
export function requireScore(word: Bytes): number {
  const { length } = word
  const isNegative = word.charCodeAt(0) === MINUS
  const from = isNegative ? 1 : 0
  // Most scores are whole numbers, which need no general parser.
  if (length === from || length > SAFE_DIGITS) return requireFloat(word)
  let value = 0
  for (let i = from; i < length; i++) {
    const code = word.charCodeAt(i)
    if (code < ZERO || code > NINE) return requireFloat(word)
    value = value * 10 + (code - ZERO)
  }
  return isNegative ? -value : value
}

/**
 * A part of a sorted set. Ranks may be negative, counting from the end, and may exceed the size.
 */
export type Range =
  | { readonly by: 'rank'; readonly start: number; readonly stop: number }
  | { readonly by: 'score'; readonly min: ScoreBound; readonly max: ScoreBound }
  | { readonly by: 'lex'; readonly min: LexBound; readonly max: LexBound }

/** Parses the two bounds of a range. Throws Redis's error for an invalid bound. */
export function requireRange(by: Range['by'], min: Bytes, max: Bytes): Range {
  if (by === 'rank') return { by, start: requireClampedInteger(min), stop: requireClampedInteger(max) }
  if (by === 'score') return { by, min: scoreBound(min), max: scoreBound(max) }
  return { by, min: lexBound(min), max: lexBound(max) }
}

const NO_SCORE = () => clientError('ERR min or max is not a float')
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/**
 * Parses a bound like C's strtod, as Redis does here. It accepts leading spaces, an empty word and
 * overflow, and ignores everything after a NUL.
 */
function scoreBound(word: Bytes): ScoreBound {
  const isExclusive = word.startsWith('(')
  const end = word.indexOf('\0')
  const text = word.slice(isExclusive ? 1 : 0, end < 0 ? word.length : end)
  if (text === '') return { score: 0, isExclusive }
  const number = text.replace(/^[ \t-\r]+/, '')
  const score = DECIMAL.test(number) ? Number(number) : floatOf(number)
  if (score === null) throw NO_SCORE()
  return { score, isExclusive }
}

function lexBound(word: Bytes): LexBound {
  if (word === '-') return 'least'
  if (word === '+') return 'greatest'
  const isExclusive = word.startsWith('(')
  if (!isExclusive && !word.startsWith('[')) throw clientError('ERR min or max not valid string range item')
  return { member: word.slice(1), isExclusive }
}

/**
 * A half-open interval of ranks: `from` is included, `to` is not. The ranks are those in score
 * order, or in byte order for ranges of members. The interval is empty if `to` is at most `from`.
 */
export interface Ranks {
  from: number
  to: number
}

export function ranksOf(set: SortedSet, range: Range): Ranks {
  if (range.by === 'score') return { from: set.rankFrom(range.min), to: set.rankTo(range.max) }
  if (range.by === 'lex') return { from: set.lexFrom(range.min), to: set.lexTo(range.max) }
  const { size } = set
  const start = range.start < 0 ? Math.max(0, size + range.start) : range.start
  const stop = range.stop < 0 ? size + range.stop : Math.min(range.stop, size - 1)
  return { from: start, to: stop + 1 }
}

/** Adds a member with its score to a reply: a pair in RESP3, two elements in RESP2. */
export function pushScored(reply: Reply[], member: Bytes, score: number, resp: 2 | 3): void {
  if (resp === 3) reply.push([member, new Double(score)])
  else reply.push(member, new Double(score))
}

export function scoredReply(members: readonly ScoredMember[], resp: 2 | 3): Reply[] {
  const reply: Reply[] = []
  for (const { member, score } of members) pushScored(reply, member, score, resp)
  return reply
}

/**
 * Stores these members at a key, replacing its value; deletes the key if there are none. `event` is
 * the event to notify. Returns the number of members.
 */
export function storeMembers(context: Context, key: Bytes, members: readonly ScoredMember[], event: Bytes): number {
  const { db, server } = context
  if (members.length === 0) deleteKey(context, key)
  else {
    const result = newCollection(db, SortedSet)
    result.load(members, server.config)
    db.set(key, result)
    context.notify(EVENT_SORTED_SET, event, key)
  }
  return members.length
}
