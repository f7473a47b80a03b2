/**
 * Unions, intersections and differences of sorted sets. A plain set may take part; its members have
 * score 1. The types of all keys are checked before the options.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import { SetValue } from '../../storage/values/set.ts'
import { type ScoredMember, SortedSet } from '../../storage/values/sorted-set.ts'
import { type Args, type Command, command, firstKey, type KeySpec } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, negativeLimit, syntaxError, wrongType } from '../contract/errors.ts'
import type { Reply } from '../contract/reply.ts'
import { Options, requireClampedInteger, requireFloat, requireInteger } from '../parsing/args.ts'
import { type Aggregate, type Merge, ScoredDifference, ScoredIntersection, ScoredUnion, type Source } from './merge.ts'
import { requireMemberLength, scoredReply, storeMembers } from './words.ts'

type Operation = 'union' | 'intersection' | 'difference'
type ScoredValue = SortedSet | SetValue

interface MergeRequest {
  /** Undefined for a key that does not exist. */
  readonly values: readonly (ScoredValue | undefined)[]
  readonly weights: readonly number[]
  readonly aggregate: Aggregate
  readonly mustShowScores: boolean
  /** 0 for no limit. */
  readonly limit: number
}

/** The use of a result, which decides the options that may follow the keys. */
type Purpose = 'reply' | 'store' | 'count'

/** Reads `numkeys key [key ...] [option ...]` from position `at` on. Throws Redis's errors. */
function mergeRequest(db: Database, args: Args, at: number, operation: Operation, purpose: Purpose, name: Bytes): MergeRequest {
  const numkeys = requireInteger(must(args[at]))
  if (numkeys < 1) throw clientError(`ERR at least 1 input key is needed for '${name}' command`)
  if (numkeys > args.length - at - 1) throw syntaxError()
  const count = Number(numkeys)
  const values: (ScoredValue | undefined)[] = []
  for (let i = 0; i < count; i++) values.push(readValue(db, must(args[at + 1 + i])))
  const options = new Options(args, at + 1 + count)
  const isWeighted = operation !== 'difference' && purpose !== 'count'
  let weights: readonly number[] = []
  let aggregate: Aggregate = 'sum'
  let mustShowScores = false
  let limit = 0
  while (options.more) {
    if (isWeighted && options.left > count && options.take('weights')) weights = takeWeights(options, count)
    else if (isWeighted && options.left > 1 && options.take('aggregate')) aggregate = takeAggregate(options)
    else if (purpose === 'reply' && options.take('withscores')) mustShowScores = true
    else if (purpose === 'count' && options.left > 1 && options.take('limit')) limit = takeLimit(options)
    else throw syntaxError()
  }
  return { values, weights, aggregate, mustShowScores, limit }
}

function readValue(db: Database, key: Bytes): ScoredValue | undefined {
  const entry = db.read(key)
  if (entry === undefined) return undefined
  const { value } = entry
  if (value instanceof SortedSet || value instanceof SetValue) return value
  throw wrongType()
}

const notAWeight = () => clientError('ERR weight value is not a float')

function takeWeights(options: Options, count: number): number[] {
  const weights: number[] = []
  while (weights.length < count) weights.push(requireFloat(options.value(), notAWeight))
  return weights
}

function takeAggregate(options: Options): Aggregate {
  if (options.take('sum')) return 'sum'
  if (options.take('min')) return 'min'
  if (options.take('max')) return 'max'
  throw syntaxError()
}

function takeLimit(options: Options): number {
  const limit = requireClampedInteger(options.value(), negativeLimit)
  if (limit < 0) throw negativeLimit()
  return limit
}

/** The result of an operation, in byte order; null if it is empty. */
function merge({ values, weights, aggregate }: MergeRequest, operation: Operation): Merge | null {
  const sources: Source[] = []
  for (const [index, value] of values.entries()) if (value !== undefined) sources.push({ value, weight: weights[index] ?? 1 })
  if (operation === 'union') return new ScoredUnion(sources, aggregate)
  if (operation === 'intersection') return sources.length < values.length ? null : new ScoredIntersection(sources, aggregate)
  if (values[0] === undefined) return null
  const [first, ...others] = sources as [Source, ...Source[]]
  return others.some(({ value }) => value === first.value) ? null : new ScoredDifference(first, others)
}

function gather(merged: Merge | null): ScoredMember[] {
  const members: ScoredMember[] = []
  while (merged?.next() === true) members.push({ member: merged.member, score: merged.score })
  return members
}

function byScore(a: ScoredMember, b: ScoredMember): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1
  return a.member < b.member ? -1 : 1
}

function reply({ db, session }: Context, args: Args, operation: Operation, name: Bytes): Reply {
  const request = mergeRequest(db, args, 1, operation, 'reply', name)
  const members = gather(merge(request, operation)).sort(byScore)
  return request.mustShowScores ? scoredReply(members, session.resp) : members.map(({ member }) => member)
}

/** Stores the result at the key in position 1; deletes the key if the result is empty. */
function store(context: Context, args: Args, operation: Operation, name: Bytes): Reply {
  const members = gather(merge(mergeRequest(context.db, args, 2, operation, 'store', name), operation))
  for (const { member } of members) requireMemberLength(member) // sets allow longer members
  return storeMembers(context, args[1], members, name)
}

const numkeysAt = (index: number): KeySpec => ({
  access: ['RO', 'access'],
  begin: { index },
  find: { countIndex: 0, first: 1, step: 1 },
})
const shared = { group: 'sorted-set', since: '6.2.0', arity: -3, flags: ['readonly'], keys: [numkeysAt(1)] } as const
const storing = {
  group: 'sorted-set',
  since: '2.0.0',
  arity: -4,
  flags: ['write', 'denyoom'],
  keys: [...firstKey('OW', 'update'), numkeysAt(2)],
  isVerbatim: true,
} as const
const differenceComplexity =
  'O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.'
const intersectionComplexity =
  'O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.'

const zunion = command({
  ...shared,
  name: 'zunion',
  summary: 'Returns the union of multiple sorted sets.',
  complexity:
    'O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.',
  syntax: 'ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]',
  run: (context, args) => reply(context, args, 'union', 'zunion'),
})

const zinter = command({
  ...shared,
  name: 'zinter',
  summary: 'Returns the intersect of multiple sorted sets.',
  complexity: intersectionComplexity,
  syntax: 'ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]',
  run: (context, args) => reply(context, args, 'intersection', 'zinter'),
})

const zdiff = command({
  ...shared,
  name: 'zdiff',
  summary: 'Returns the difference between multiple sorted sets.',
  complexity: differenceComplexity,
  syntax: 'ZDIFF numkeys key [key ...] [WITHSCORES]',
  run: (context, args) => reply(context, args, 'difference', 'zdiff'),
})

const zunionstore = command({
  ...storing,
  name: 'zunionstore',
  summary: 'Stores the union of multiple sorted sets in a key.',
  complexity:
    'O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.',
  syntax: 'ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]',
  run: (context, args) => store(context, args, 'union', 'zunionstore'),
})

const zinterstore = command({
  ...storing,
  name: 'zinterstore',
  summary: 'Stores the intersect of multiple sorted sets in a key.',
  complexity: intersectionComplexity,
  syntax: 'ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]',
  run: (context, args) => store(context, args, 'intersection', 'zinterstore'),
})

const zdiffstore = command({
  ...storing,
  name: 'zdiffstore',
  since: '6.2.0',
  summary: 'Stores the difference of multiple sorted sets in a key.',
  complexity: differenceComplexity,
  syntax: 'ZDIFFSTORE destination numkeys key [key ...]',
  run: (context, args) => store(context, args, 'difference', 'zdiffstore'),
})

const zintercard = command({
  ...shared,
  name: 'zintercard',
  since: '7.0.0',
  summary: 'Returns the number of members of the intersect of multiple sorted sets.',
  complexity: 'O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.',
  syntax: 'ZINTERCARD numkeys key [key ...] [LIMIT limit]',
  run({ db }, args) {
    const request = mergeRequest(db, args, 1, 'intersection', 'count', 'zintercard')
    const merged = merge(request, 'intersection')
    let count = 0
    while (merged?.next() === true) if (++count === request.limit) break
    return count
  },
})

export const sortedSetAlgebra: readonly Command[] = [zunion, zinter, zdiff, zunionstore, zinterstore, zdiffstore, zintercard]
