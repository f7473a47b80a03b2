/**
 * Sorted sets: commands on single members, ZCARD and ZSCAN. ranges.ts has the ranges, removal.ts
 * removes ranges and pops members, algebra.ts combines several sets.
 *
 * Difference from Redis: a score of -0 is 0, as it is in Redis's listpacks, but not in its
 * skiplists.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_SORTED_SET } from '../../storage/keyspace/key-events.ts'
import { SortedSet } from '../../storage/values/sorted-set.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError, wrongArity } from '../contract/errors.ts'
import { Double, NULL_ARRAY, type Reply } from '../contract/reply.ts'
import { type CollectionScan, scanCollection } from '../keys/collection-scan.ts'
import { isToken } from '../parsing/args.ts'
import { formatDouble } from '../parsing/format-double.ts'
import { dropIfEmpty, findAs, readAs, readScores, writableAs } from '../parsing/typed-access.ts'
import { requireMemberLength, requireScore } from './words.ts'

/** The options of ZADD, one bit each. */
const NX = 1
const XX = 2
const GT = 4
const LT = 8
const CH = 16
const INCR = 32

const zadd = command({
  name: 'zadd',
  group: 'sorted-set',
  since: '1.2.0',
  summary: "Adds one or more members to a sorted set, or updates their scores. Creates the key if it doesn't exist.",
  complexity: 'O(log(N)) for each item added, where N is the number of elements in the sorted set.',
  syntax: 'ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]',
  arity: -4,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'update'),
  element: 3,
  history: [
    ['2.4.0', 'Accepts multiple elements.'],
    ['3.0.2', 'Added the `XX`, `NX`, `CH` and `INCR` options.'],
    ['6.2.0', 'Added the `GT` and `LT` options.'],
  ],
  isVerbatim: true,
  run(context, args) {
    let options = 0
    let from = 2
    for (let option = optionOf(must(args[from])); option !== 0; option = from < args.length ? optionOf(must(args[from])) : 0) {
      options |= option
      from++
    }
    requirePossible(options, args.length - from)
    return (options & INCR) === 0
      ? add(context, args, from, options)
      : increment(context, args[1], must(args[from]), must(args[from + 1]), options)
  },
})

/** The bit of an option; 0 for any other word. */
function optionOf(word: Bytes): number {
  if (word.length === 2) {
    if (isToken(word, 'nx')) return NX
    if (isToken(word, 'xx')) return XX
    if (isToken(word, 'gt')) return GT
    if (isToken(word, 'lt')) return LT
    return isToken(word, 'ch') ? CH : 0
  }
  return word.length === 4 && isToken(word, 'incr') ? INCR : 0
}

/**
 * Throws if options contradict each other, and if `words`, the number of words after them, is odd
 * or 0.
 */
function requirePossible(options: number, words: number): void {
  if (words === 0 || words % 2 !== 0) throw syntaxError()
  if (options === 0) return
  if ((options & NX) !== 0 && (options & XX) !== 0) throw clientError('ERR XX and NX options at the same time are not compatible')
  const directions = ((options & NX) === 0 ? 0 : 1) + ((options & GT) === 0 ? 0 : 1) + ((options & LT) === 0 ? 0 : 1)
  if (directions > 1) throw clientError('ERR GT, LT, and/or NX options at the same time are not compatible')
  if ((options & INCR) !== 0 && words > 2) throw clientError('ERR INCR option supports a single increment-element pair')
}

/** Returns the number of new members; with CH, of new members and of changed scores. */
function add(context: Context, args: Args, from: number, options: number): Reply {
  const { db, server } = context
  const scores: number[] = []
  for (let i = from; i < args.length; i += 2) {
    scores.push(requireScore(must(args[i])))
    requireMemberLength(must(args[i + 1]))
  }
  // A set that is created here is never left empty: GT and LT do not apply to new members.
  const set = (options & XX) === 0 ? writableAs(db, args[1], SortedSet) : findAs(db, args[1], SortedSet)
  if (set === undefined) return 0
  let added = 0
  let changed = 0
  for (let i = 0; i < scores.length; i++) {
    const member = must(args[from + 2 * i + 1])
    const score = must(scores[i])
    const before = set.score(member)
    if (before === undefined) {
      if ((options & XX) !== 0) continue
      set.insertFound(member, score, server.config)
      added++
    } else if (before !== score && mayChange(before, score, options)) {
      set.rescoreFound(member, before, score)
      changed++
    }
  }
  if (added + changed > 0) context.notify(EVENT_SORTED_SET, 'zadd', args[1])
  context.countChanges(added + changed)
  return (options & CH) === 0 ? added : added + changed
}

/** True if an existing member may get this score. */
function mayChange(before: number, after: number, options: number): boolean {
  if ((options & NX) !== 0) return false
  if ((options & GT) !== 0) return after > before
  return (options & LT) === 0 || after < before
}

/** Returns the new score; null if the options prevent the change. */
function increment(context: Context, key: Bytes, word: Bytes, member: Bytes, options: number): Reply {
  const { db, server } = context
  const by = requireScore(word)
  requireMemberLength(member)
  const existing = findAs(db, key, SortedSet)
  const before = existing?.score(member)
  if (before === undefined) {
    if ((options & XX) !== 0) return null
    const set = existing ?? writableAs(db, key, SortedSet)
    set.add(member, by, server.config)
    context.notify(EVENT_SORTED_SET, 'zincr', key)
    return new Double(by)
  }
  if ((options & NX) !== 0) return null
  const after = before + by
  if (Number.isNaN(after)) throw clientError('ERR resulting score is not a number (NaN)')
  if (!mayChange(before, after, options)) return null
  if (before !== after) {
    must(existing).rescoreFound(member, before, after)
    context.notify(EVENT_SORTED_SET, 'zincr', key)
  }
  return new Double(after)
}

const zincrby = command({
  name: 'zincrby',
  group: 'sorted-set',
  since: '1.2.0',
  summary: 'Increments the score of a member in a sorted set.',
  complexity: 'O(log(N)) where N is the number of elements in the sorted set.',
  syntax: 'ZINCRBY key increment member',
  arity: 4,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'access', 'update'),
  element: 3,
  isVerbatim: true,
  run: (context, args) => increment(context, args[1], args[2], args[3], INCR),
})

const zrem = command({
  name: 'zrem',
  group: 'sorted-set',
  since: '1.2.0',
  summary: 'Removes one or more members from a sorted set. Deletes the sorted set if all members were removed.',
  complexity: 'O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed.',
  syntax: 'ZREM key member [member ...]',
  arity: -3,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'delete'),
  element: 2,
  history: [['2.4.0', 'Accepts multiple elements.']],
  isVerbatim: true,
  run(context, args) {
    const set = findAs(context.db, args[1], SortedSet)
    if (set === undefined) return 0
    let removed = 0
    for (let i = 2; i < args.length; i++) if (set.remove(must(args[i]))) removed++
    if (removed > 0) context.notify(EVENT_SORTED_SET, 'zrem', args[1])
    context.countChanges(removed)
    dropIfEmpty(set)
    return removed
  },
})

const zscore = command({
  name: 'zscore',
  group: 'sorted-set',
  since: '1.2.0',
  summary: 'Returns the score of a member in a sorted set.',
  complexity: 'O(1)',
  syntax: 'ZSCORE key member',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
  element: 2,
  run: ({ db }, args) => scoreReply(readScores(db, args[1]), args[2]),
})

const zmscore = command({
  name: 'zmscore',
  group: 'sorted-set',
  since: '6.2.0',
  summary: 'Returns the score of one or more members in a sorted set.',
  complexity: 'O(N) where N is the number of members being requested.',
  syntax: 'ZMSCORE key member [member ...]',
  arity: -3,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
  element: 2,
  run({ db }, args) {
    const set = readScores(db, args[1])
    const scores: Reply[] = []
    for (let i = 2; i < args.length; i++) scores.push(scoreReply(set, must(args[i])))
    return scores
  },
})

function scoreReply(set: Pick<SortedSet, 'score'> | undefined, member: Bytes): Reply {
  const score = set?.score(member)
  return score === undefined ? null : new Double(score)
}

const zcard = command({
  name: 'zcard',
  group: 'sorted-set',
  since: '1.2.0',
  summary: 'Returns the number of members in a sorted set.',
  complexity: 'O(1)',
  syntax: 'ZCARD key',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO'),
  run: ({ db }, args) => readScores(db, args[1])?.size ?? 0,
})

const ranks = {
  group: 'sorted-set',
  since: '2.0.0',
  complexity: 'O(log(N))',
  arity: -3,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
  element: 2,
  history: [['7.2.0', 'Added the optional `WITHSCORE` argument.']],
} as const

const zrank = command({
  ...ranks,
  name: 'zrank',
  summary: 'Returns the index of a member in a sorted set ordered by ascending scores.',
  syntax: 'ZRANK key member [WITHSCORE]',
  run: (context, args) => rankReply(context, args, 'forward'),
})

const zrevrank = command({
  ...ranks,
  name: 'zrevrank',
  summary: 'Returns the index of a member in a sorted set ordered by descending scores.',
  syntax: 'ZREVRANK key member [WITHSCORE]',
  run: (context, args) => rankReply(context, args, 'backward'),
})

function rankReply({ db }: Context, args: Args, direction: 'forward' | 'backward'): Reply {
  if (args.length > 4) throw wrongArity(direction === 'forward' ? 'zrank' : 'zrevrank')
  const withScore = args.length === 4
  if (withScore && !isToken(args[3], 'withscore')) throw syntaxError()
  const set = readAs(db, args[1], SortedSet)
  const score = set?.score(args[2])
  if (set === undefined || score === undefined) return withScore ? NULL_ARRAY : null
  const ascending = set.rankOf(args[2], score)
  const rank = direction === 'forward' ? ascending : set.size - 1 - ascending
  return withScore ? [rank, new Double(score)] : rank
}

const scanOfSortedSets: CollectionScan<SortedSet> = {
  type: SortedSet,
  element: (found, _set, member, score) => found.push(member, formatDouble(score as number)),
}

/** Scores are printed as everywhere else; Redis prints those of skiplists with 17 digits here. */
const zscan = command({
  name: 'zscan',
  group: 'sorted-set',
  since: '2.8.0',
  summary: 'Iterates over members and scores of a sorted set.',
  complexity:
    'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.',
  syntax: 'ZSCAN key cursor [MATCH pattern] [COUNT count]',
  arity: -3,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  tips: ['nondeterministic_output'],
  run: (context, args) => scanCollection(context, args, scanOfSortedSets),
})

export const sortedSets: readonly Command[] = [zadd, zincrby, zrem, zscore, zmscore, zcard, zrank, zrevrank, zscan]
