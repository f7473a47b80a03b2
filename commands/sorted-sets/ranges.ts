/**
 * Ranges of sorted sets by rank, by score, or by member if all scores are equal: counted, returned,
 * stored.
 *
 * Difference from Redis: a range of members is in byte order even if the scores differ. Redis does
 * not define that case.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import { type ScoredMember, SortedSet } from '../../storage/values/sorted-set.ts'
import { type Args, type Command, command, firstKey, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import type { Reply } from '../contract/reply.ts'
import { Options, requireClampedInteger } from '../parsing/args.ts'
import { readAs } from '../parsing/typed-access.ts'
import { pushScored, type Range, ranksOf, requireRange, storeMembers } from './words.ts'

/** The properties of a range that follow from the command's name. */
interface RangeKind {
  /** Null if options decide. */
  readonly by: Range['by'] | null
  /** Null if options decide. */
  readonly direction: Direction | null
  /** Only a reply has the option WITHSCORES. */
  readonly purpose: 'reply' | 'store'
}

type Direction = 'forward' | 'backward'

const ANY: RangeKind = { by: null, direction: null, purpose: 'reply' }
const STORED: RangeKind = { ...ANY, purpose: 'store' }
const BACKWARD: RangeKind = { ...ANY, by: 'rank', direction: 'backward' }
const BY_SCORE: RangeKind = { ...ANY, by: 'score', direction: 'forward' }
const BY_SCORE_BACKWARD: RangeKind = { ...ANY, by: 'score', direction: 'backward' }
const BY_LEX: RangeKind = { ...ANY, by: 'lex', direction: 'forward' }
const BY_LEX_BACKWARD: RangeKind = { ...ANY, by: 'lex', direction: 'backward' }

interface RangeRequest {
  readonly range: Range
  readonly direction: Direction
  readonly mustShowScores: boolean
  readonly offset: number
  /** Negative for no limit. */
  readonly limit: number
}

/** Reads `min max [option ...]` from position `at` on. Throws Redis's errors. */
function rangeRequest(args: Args, at: number, kind: RangeKind): RangeRequest {
  const options = new Options(args, at + 2)
  let { by, direction } = kind
  let mustShowScores = false
  let offset = 0
  let limit = -1
  while (options.more) {
    if (kind.purpose === 'reply' && options.take('withscores')) mustShowScores = true
    else if (options.left > 2 && options.take('limit')) {
      offset = requireClampedInteger(options.value())
      limit = requireClampedInteger(options.value())
    } else if (direction === null && options.take('rev')) direction = 'backward'
    else if (by === null && options.take('bylex')) by = 'lex'
    else if (by === null && options.take('byscore')) by = 'score'
    else throw syntaxError()
  }
  by ??= 'rank'
  direction ??= 'forward'
  if (limit !== -1 && by === 'rank') {
    throw clientError('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX')
  }
  if (by === 'rank') offset = 0 // Redis accepts LIMIT 5 -1 and ignores it
  if (mustShowScores && by === 'lex') throw clientError('ERR syntax error, WITHSCORES not supported in combination with BYLEX')
  const [first, second] = [must(args[at]), must(args[at + 1])]
  const isSwapped = direction === 'backward' && by !== 'rank'
  return { range: isSwapped ? requireRange(by, second, first) : requireRange(by, first, second), direction, mustShowScores, offset, limit }
}

/** A cursor over members with their scores. */
interface ScoredMemberCursor {
  readonly member: Bytes
  readonly detachedMember: Bytes
  readonly score: number
  next(): boolean
}

interface Selection {
  readonly cursor: ScoredMemberCursor
  readonly count: number
}

/** Returns the members that a request selects; undefined if there are none. */
function select(set: SortedSet, { range, direction, offset, limit }: RangeRequest): Selection | undefined {
  const isBackward = direction === 'backward'
  let { from, to } = ranksOf(set, range)
  if (isBackward && range.by === 'rank') [from, to] = [set.size - to, set.size - from]
  const left = offset < 0 ? 0 : to - from - offset
  const count = limit < 0 ? left : Math.min(left, limit)
  if (count <= 0) return undefined
  const first = isBackward ? to - 1 - offset : from + offset
  return { cursor: range.by === 'lex' ? set.cursorByBytes(first, direction) : set.cursor(first, direction), count }
}

function answer({ db, session }: Context, args: Args, kind: RangeKind): Reply {
  const request = rangeRequest(args, 2, kind)
  const set = readAs(db, args[1], SortedSet)
  const selection = set === undefined ? undefined : select(set, request)
  const reply: Reply[] = []
  if (selection === undefined) return reply
  const { cursor, count } = selection
  if (request.mustShowScores) for (let i = 0; i < count && cursor.next(); i++) pushScored(reply, cursor.member, cursor.score, session.resp)
  else for (let i = 0; i < count && cursor.next(); i++) reply.push(cursor.member)
  return reply
}

const shared = { group: 'sorted-set', arity: -4, flags: ['readonly'], keys: firstKey('RO', 'access') } as const
const rangeComplexity = 'O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.'
const limitedComplexity =
  'O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).'
const deprecated = { ...shared, docFlags: ['deprecated'], deprecatedSince: '6.2.0' } as const

const zrange = command({
  ...shared,
  name: 'zrange',
  since: '1.2.0',
  summary: 'Returns members in a sorted set within a range of indexes.',
  complexity: rangeComplexity,
  syntax: 'ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]',
  history: [['6.2.0', 'Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.']],
  run: (context, args) => answer(context, args, ANY),
})

const zrevrange = command({
  ...deprecated,
  name: 'zrevrange',
  since: '1.2.0',
  summary: 'Returns members in a sorted set within a range of indexes in reverse order.',
  complexity: rangeComplexity,
  syntax: 'ZREVRANGE key start stop [WITHSCORES]',
  replacedBy: '`ZRANGE` with the `REV` argument',
  run: (context, args) => answer(context, args, BACKWARD),
})

const zrangebyscore = command({
  ...deprecated,
  name: 'zrangebyscore',
  since: '1.0.5',
  summary: 'Returns members in a sorted set within a range of scores.',
  complexity: limitedComplexity,
  syntax: 'ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]',
  history: [['2.0.0', 'Added the `WITHSCORES` modifier.']],
  replacedBy: '`ZRANGE` with the `BYSCORE` argument',
  run: (context, args) => answer(context, args, BY_SCORE),
})

const zrevrangebyscore = command({
  ...deprecated,
  name: 'zrevrangebyscore',
  since: '2.2.0',
  summary: 'Returns members in a sorted set within a range of scores in reverse order.',
  complexity: limitedComplexity,
  syntax: 'ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]',
  history: [['2.1.6', '`min` and `max` can be exclusive.']],
  replacedBy: '`ZRANGE` with the `REV` and `BYSCORE` arguments',
  run: (context, args) => answer(context, args, BY_SCORE_BACKWARD),
})

const zrangebylex = command({
  ...deprecated,
  name: 'zrangebylex',
  since: '2.8.9',
  summary: 'Returns members in a sorted set within a lexicographical range.',
  complexity: limitedComplexity,
  syntax: 'ZRANGEBYLEX key min max [LIMIT offset count]',
  replacedBy: '`ZRANGE` with the `BYLEX` argument',
  run: (context, args) => answer(context, args, BY_LEX),
})

const zrevrangebylex = command({
  ...deprecated,
  name: 'zrevrangebylex',
  since: '2.8.9',
  summary: 'Returns members in a sorted set within a lexicographical range in reverse order.',
  complexity: limitedComplexity,
  syntax: 'ZREVRANGEBYLEX key max min [LIMIT offset count]',
  replacedBy: '`ZRANGE` with the `REV` and `BYLEX` arguments',
  run: (context, args) => answer(context, args, BY_LEX_BACKWARD),
})

const zrangestore = command({
  name: 'zrangestore',
  group: 'sorted-set',
  since: '6.2.0',
  summary: 'Stores a range of members from sorted set in a key.',
  complexity:
    'O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into the destination key.',
  syntax: 'ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]',
  arity: -5,
  flags: ['write', 'denyoom'],
  keys: [keyRange(1, 1, 1, 'OW', 'update'), keyRange(2, 2, 1, 'RO', 'access')],
  isVerbatim: true,
  run(context, args) {
    const request = rangeRequest(args, 3, STORED)
    const members = membersToStore(context.db, args[2], request)
    return storeMembers(context, args[1], members, 'zrangestore')
  },
})

/** The members to store, in byte order. */
function membersToStore(db: Database, key: Bytes, request: RangeRequest): ScoredMember[] {
  const members: ScoredMember[] = []
  const set = readAs(db, key, SortedSet)
  const selection = set === undefined ? undefined : select(set, request)
  if (selection === undefined) return members
  const { cursor, count } = selection
  while (members.length < count && cursor.next()) members.push({ member: cursor.detachedMember, score: cursor.score })
  return members.sort((a, b) => (a.member < b.member ? -1 : 1))
}

const counting = {
  group: 'sorted-set',
  complexity: 'O(log(N)) with N being the number of elements in the sorted set.',
  arity: 4,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
} as const

const zcount = command({
  ...counting,
  name: 'zcount',
  since: '2.0.0',
  summary: 'Returns the count of members in a sorted set that have scores within a range.',
  syntax: 'ZCOUNT key min max',
  run: (context, args) => count(context, args, 'score'),
})

const zlexcount = command({
  ...counting,
  name: 'zlexcount',
  since: '2.8.9',
  summary: 'Returns the number of members in a sorted set within a lexicographical range.',
  syntax: 'ZLEXCOUNT key min max',
  run: (context, args) => count(context, args, 'lex'),
})

function count({ db }: Context, args: Args, by: Range['by']): Reply {
  const range = requireRange(by, args[2], args[3])
  const set = readAs(db, args[1], SortedSet)
  if (set === undefined) return 0
  const { from, to } = ranksOf(set, range)
  return Math.max(0, to - from)
}

export const sortedSetRanges: readonly Command[] = [
  zrange,
  zrevrange,
  zrangebyscore,
  zrevrangebyscore,
  zrangebylex,
  zrevrangebylex,
  zrangestore,
  zcount,
  zlexcount,
]
