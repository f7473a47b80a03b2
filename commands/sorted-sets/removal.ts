/**
 * Commands that remove members of sorted sets: ZREMRANGEBY... by range, ZPOPMIN and the like from
 * an end, some of them blocking. ZREM is in sorted-sets.ts.
 */

import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_SORTED_SET } from '../../storage/keyspace/key-events.ts'
import { KIND_SORTED_SET } from '../../storage/records/records.ts'
import { type ScoredMember, SortedSet } from '../../storage/values/sorted-set.ts'
import { type Args, type Command, command, firstKey, type KeySpec, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { type ClientError, notAKeyCount, notAnElementCount, notPositive, syntaxError } from '../contract/errors.ts'
import { Double, NULL_ARRAY, type Reply } from '../contract/reply.ts'
import { Options, requireClampedInteger, requireInteger } from '../parsing/args.ts'
import { requireTimeout } from '../parsing/timeouts.ts'
import { deleteKey, dropIfEmpty, findAs } from '../parsing/typed-access.ts'
import { type Range, ranksOf, requireRange, scoredReply } from './words.ts'

const removing = {
  group: 'sorted-set',
  complexity: 'O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.',
  arity: 4,
  flags: ['write'],
  keys: firstKey('RW', 'delete'),
  isVerbatim: true,
} as const

const zremrangebyrank = command({
  ...removing,
  name: 'zremrangebyrank',
  since: '2.0.0',
  summary: 'Removes members in a sorted set within a range of indexes. Deletes the sorted set if all members were removed.',
  syntax: 'ZREMRANGEBYRANK key start stop',
  run: (context, args) => removeRange(context, args, 'rank'),
})

const zremrangebyscore = command({
  ...removing,
  name: 'zremrangebyscore',
  since: '1.2.0',
  summary: 'Removes members in a sorted set within a range of scores. Deletes the sorted set if all members were removed.',
  syntax: 'ZREMRANGEBYSCORE key min max',
  run: (context, args) => removeRange(context, args, 'score'),
})

const zremrangebylex = command({
  ...removing,
  name: 'zremrangebylex',
  since: '2.8.9',
  summary: 'Removes members in a sorted set within a lexicographical range. Deletes the sorted set if all members were removed.',
  syntax: 'ZREMRANGEBYLEX key min max',
  run: (context, args) => removeRange(context, args, 'lex'),
})

const REMOVAL_EVENTS = { rank: 'zremrangebyrank', score: 'zremrangebyscore', lex: 'zremrangebylex' } as const

function removeRange(context: Context, args: Args, by: Range['by']): Reply {
  const range = requireRange(by, args[2], args[3])
  const set = findAs(context.db, args[1], SortedSet)
  if (set === undefined) return 0
  const { from, to } = ranksOf(set, range)
  if (from >= to) return 0
  const isWhole = to - from === set.size
  if (!isWhole) {
    if (by === 'lex') set.removeByBytes(from, to)
    else set.removeRanks(from, to)
  }
  context.notify(EVENT_SORTED_SET, REMOVAL_EVENTS[by], args[1])
  if (isWhole) deleteKey(context, args[1])
  context.countChanges(to - from)
  return to - from
}

type End = 'min' | 'max'

/**
 * Removes up to `limit` members from one end, the outermost first. The key is deleted with its last
 * member.
 */
function pop(context: Context, key: Bytes, set: SortedSet, end: End, limit: number): readonly ScoredMember[] {
  const { size } = set
  const event = end === 'min' ? 'zpopmin' : 'zpopmax'
  if (limit === 1) {
    const popped = [set.takeAt(end === 'min' ? 0 : size - 1)]
    context.notify(EVENT_SORTED_SET, event, key)
    dropIfEmpty(set)
    return popped
  }
  const count = Math.min(limit, size)
  const popped: ScoredMember[] = []
  const cursor = end === 'min' ? set.cursor(0) : set.cursor(size - 1, 'backward')
  while (popped.length < count && cursor.next()) popped.push({ member: cursor.member, score: cursor.score })
  if (count < size) {
    if (end === 'min') set.removeRanks(0, count)
    else set.removeRanks(size - count, size)
  }
  context.notify(EVENT_SORTED_SET, event, key)
  if (count === size) deleteKey(context, key)
  context.countChanges(count)
  return popped
}

const popping = {
  group: 'sorted-set',
  since: '5.0.0',
  complexity: 'O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.',
  arity: -2,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'access', 'delete'),
  isVerbatim: true,
} as const

const zpopmin = command({
  ...popping,
  name: 'zpopmin',
  summary:
    'Returns the lowest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped.',
  syntax: 'ZPOPMIN key [count]',
  element: 'least',
  run: (context, args) => popReply(context, args, 'min'),
})

const zpopmax = command({
  ...popping,
  name: 'zpopmax',
  summary:
    'Returns the highest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped.',
  syntax: 'ZPOPMAX key [count]',
  run: (context, args) => popReply(context, args, 'max'),
})

function popReply(context: Context, args: Args, end: End): Reply {
  if (args.length > 3) throw syntaxError()
  const count = args.length === 3 ? requireClampedInteger(args[2], notPositive) : 1
  if (count < 0) throw notPositive()
  const set = findAs(context.db, args[1], SortedSet)
  if (set === undefined || count === 0) return []
  const popped = pop(context, args[1], set, end, count)
  return scoredReply(popped, args.length === 3 ? context.session.resp : 2)
}

/** Returns the first key that exists. Throws WRONGTYPE if it holds no sorted set. */
function firstExisting({ db }: Context, keys: readonly Bytes[]): { readonly key: Bytes; readonly set: SortedSet } | undefined {
  for (const key of keys) {
    db.keyspace.eviction.makeRoom()
    const set = findAs(db, key, SortedSet)
    if (set !== undefined) return { key, set }
  }
  return undefined
}

const numkeysFrom = (position: number): readonly KeySpec[] => [
  { access: ['RW', 'access', 'delete'], begin: { index: position }, find: { countIndex: 0, first: 1, step: 1 } },
]
const mpopComplexity =
  'O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.'

const zmpop = command({
  name: 'zmpop',
  group: 'sorted-set',
  since: '7.0.0',
  summary:
    'Returns the highest- or lowest-scoring members from one or more sorted sets after removing them. Deletes the sorted set if the last member was popped.',
  complexity: mpopComplexity,
  syntax: 'ZMPOP numkeys key [key ...] <MIN | MAX> [COUNT count]',
  arity: -4,
  flags: ['write'],
  keys: numkeysFrom(1),
  run: (context, args) => popMany(context, popRequest(args, 1)) ?? NULL_ARRAY,
})

const bzmpop = command({
  name: 'bzmpop',
  group: 'sorted-set',
  since: '7.0.0',
  summary:
    'Removes and returns a member by score from one or more sorted sets. Blocks until a member is available otherwise. Deletes the sorted set if the last element was popped.',
  complexity: mpopComplexity,
  syntax: 'BZMPOP timeout numkeys key [key ...] <MIN | MAX> [COUNT count]',
  arity: -5,
  flags: ['write', 'blocking'],
  keys: numkeysFrom(2),
  run(context, args) {
    const request = popRequest(args, 2)
    const timeoutMs = requireTimeout(args[1])
    return popMany(context, request) ?? wait(context, request.keys, timeoutMs)
  },
})

interface PopRequest {
  readonly keys: readonly Bytes[]
  readonly end: End
  readonly count: number
}

/**
 * Reads `numkeys key [key ...] MIN|MAX [COUNT count]` from position `at` on. Throws Redis's errors.
 */
function popRequest(args: Args, at: number): PopRequest {
  const numkeys = requireAtLeastOne(must(args[at]), notAKeyCount)
  const last = at + numkeys
  if (last + 1 >= args.length) throw syntaxError()
  const options = new Options(args, last + 1)
  const end = options.take('min') ? 'min' : options.take('max') ? 'max' : null
  if (end === null) throw syntaxError()
  let count = 0
  while (options.more) {
    if (count > 0 || !options.take('count')) throw syntaxError()
    count = requireAtLeastOne(options.value(), notAnElementCount)
  }
  return { keys: args.slice(at + 1, last + 1), end, count: count === 0 ? 1 : count }
}

function requireAtLeastOne(word: Bytes, error: () => ClientError): number {
  const value = requireInteger(word, error)
  if (value < 1) throw error()
  return Number(value)
}

/** Returns `[key, [[member, score] ...]]`; undefined if none of the keys exists. */
function popMany(context: Context, { keys, end, count }: PopRequest): Reply | undefined {
  const found = firstExisting(context, keys)
  if (found === undefined) return undefined
  const { key, set } = found
  const popped = pop(context, key, set, end, count)
  context.effect(end === 'min' ? 'ZPOPMIN' : 'ZPOPMAX', key, String(popped.length))
  return [key, scoredReply(popped, 3)]
}

const waiting = {
  group: 'sorted-set',
  since: '5.0.0',
  complexity: 'O(log(N)) with N being the number of elements in the sorted set.',
  arity: -3,
  flags: ['write', 'blocking', 'fast'],
  keys: [keyRange(1, -2, 1, 'RW', 'access', 'delete')],
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
} as const

const bzpopmin = command({
  ...waiting,
  name: 'bzpopmin',
  summary:
    'Removes and returns the member with the lowest score from one or more sorted sets. Blocks until a member is available otherwise. Deletes the sorted set if the last element was popped.',
  syntax: 'BZPOPMIN key [key ...] timeout',
  run: (context, args) => popOrWait(context, args, 'min'),
})

const bzpopmax = command({
  ...waiting,
  name: 'bzpopmax',
  summary:
    'Removes and returns the member with the highest score from one or more sorted sets. Blocks until a member available otherwise.  Deletes the sorted set if the last element was popped.',
  syntax: 'BZPOPMAX key [key ...] timeout',
  run: (context, args) => popOrWait(context, args, 'max'),
})

/** Returns `[key, member, score]`, or blocks the client. */
function popOrWait(context: Context, args: Args, end: End): Reply {
  const timeoutMs = requireTimeout(must(args[args.length - 1]))
  const keys = args.slice(1, -1)
  const found = firstExisting(context, keys)
  if (found === undefined) return wait(context, keys, timeoutMs)
  const { key, set } = found
  const [popped] = pop(context, key, set, end, 1)
  const { member, score } = must(popped)
  context.effect(end === 'min' ? 'ZPOPMIN' : 'ZPOPMAX', key)
  return [key, member, new Double(score)]
}

function wait(context: Context, keys: readonly Bytes[], timeoutMs: number): Reply {
  return context.block({ keys, kind: KIND_SORTED_SET, timeoutMs, onTimeout: NULL_ARRAY })
}

export const sortedSetRemoval: readonly Command[] = [
  zremrangebyrank,
  zremrangebyscore,
  zremrangebylex,
  zpopmin,
  zpopmax,
  zmpop,
  bzmpop,
  bzpopmin,
  bzpopmax,
]
