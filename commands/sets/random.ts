/**
 * Random members of a set: SPOP, SRANDMEMBER. A member is drawn by its rank in O(log n), so each is
 * equally likely.
 *
 * A few different members are drawn one by one; for many, one walk over the set decides about each.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import { EVENT_SET } from '../../storage/keyspace/key-events.ts'
import { SetValue } from '../../storage/values/set.ts'
import { type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { belowLongRange, notPositive, syntaxError, valueOutOfRange } from '../contract/errors.ts'
import { type Reply, SetReply } from '../contract/reply.ts'
import { requireInteger } from '../parsing/args.ts'
import { deleteKey, dropIfEmpty, findAs, readAs } from '../parsing/typed-access.ts'

/** Above this part of a set, a walk is cheaper than drawing. */
const MIN_WALKED_SHARE = 1 / 3
/**
 * The largest count of members that a negative count may ask for. Redis has no limit and would fill
 * its memory.
 */
const MAX_REPEATED = 2 ** 24
/** The largest number of members in one logged SREM, as in Redis. */
const MAX_LOGGED_MEMBERS = 1024

const MAX_COUNT = 9_223_372_036_854_775_807n

function rankBelow(size: number, random: Random): number {
  return Math.floor(random() * size)
}

const spop = command({
  name: 'spop',
  group: 'set',
  since: '1.0.0',
  summary: 'Returns one or more random members from a set after removing them. Deletes the set if the last member was popped.',
  complexity: 'Without the count argument O(1), otherwise O(N) where N is the value of the passed count.',
  syntax: 'SPOP key [count]',
  history: [['3.2.0', 'Added the `count` argument.']],
  arity: -2,
  flags: ['write', 'fast'],
  tips: ['nondeterministic_output'],
  keys: firstKey('RW', 'access', 'delete'),
  run(context, args) {
    if (args.length > 3) throw syntaxError()
    if (args.length === 3) return popMany(context, args[1], args[2])
    const set = findAs(context.db, args[1], SetValue)
    if (set === undefined) return null
    const member = set.takeAt(rankBelow(set.size, context.server.random))
    context.effect('SREM', args[1], member)
    context.notify(EVENT_SET, 'spop', args[1])
    dropIfEmpty(set)
    return member
  },
})

function popMany(context: Context, key: Bytes, word: Bytes): Reply {
  const count = requireInteger(word, notPositive)
  if (count < 0) throw notPositive()
  const set = findAs(context.db, key, SetValue)
  if (set === undefined || count === 0) return new SetReply([])
  if (count >= set.size) {
    const members = everyMember(set)
    context.effect('DEL', key)
    context.notify(EVENT_SET, 'spop', key)
    deleteKey(context, key)
    context.countChanges(members.length)
    return new SetReply(members)
  }
  const popped = takeDistinct(set, Number(count), context.server.random)
  for (let from = 0; from < popped.length; from += MAX_LOGGED_MEMBERS) {
    context.effect('SREM', key, ...popped.slice(from, from + MAX_LOGGED_MEMBERS))
  }
  context.notify(EVENT_SET, 'spop', key)
  context.countChanges(popped.length)
  return new SetReply(popped)
}

/** Removes and returns `count` random members. REQUIRES: `count` is below the size. */
function takeDistinct(set: SetValue, count: number, random: Random): Bytes[] {
  if (count < set.size * MIN_WALKED_SHARE) {
    const popped: Bytes[] = []
    while (popped.length < count) popped.push(set.takeAt(rankBelow(set.size, random)))
    return popped
  }
  return takeByWalk(set, count, random)
}

/** Does what `takeDistinct` does in one walk; runs of adjacent members are removed together. */
function takeByWalk(set: SetValue, count: number, random: Random): Bytes[] {
  const { members, size } = set
  const popped: Bytes[] = []
  const runs: number[] = [] // from, to, from, to, ...
  const cursor = members.cursor(0)
  for (let rank = 0; popped.length < count && cursor.next(); rank++) {
    if (random() * (size - rank) >= count - popped.length) continue
    popped.push(cursor.key)
    if (runs.at(-1) === rank) runs[runs.length - 1] = rank + 1
    else runs.push(rank, rank + 1)
  }
  for (let i = runs.length; i > 0; i -= 2) members.removeRange(must(runs[i - 2]), must(runs[i - 1]))
  return popped
}

const srandmember = command({
  name: 'srandmember',
  group: 'set',
  since: '1.0.0',
  summary: 'Get one or multiple random members from a set',
  complexity: 'Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.',
  syntax: 'SRANDMEMBER key [count]',
  history: [['2.6.0', 'Added the optional `count` argument.']],
  arity: -2,
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  keys: firstKey('RO', 'access'),
  run({ db, server: { random } }, args) {
    if (args.length > 3) throw syntaxError()
    if (args.length === 3) return randomMembers(db, args[1], readCount(args[2]), random)
    const set = readAs(db, args[1], SetValue)
    return set === undefined ? null : set.memberAt(rankBelow(set.size, random))
  },
})

/**
 * The count of SRANDMEMBER, negative with repetitions. A count beyond the safe range exceeds every
 * set, so its exact value does not matter.
 */
function readCount(word: Bytes): number {
  const count = requireInteger(word)
  if (count < -MAX_COUNT) throw belowLongRange()
  return Number(count)
}

function randomMembers(db: Database, key: Bytes, count: number, random: Random): Reply {
  const set = readAs(db, key, SetValue)
  if (set === undefined || count === 0) return []
  if (count >= set.size) return everyMember(set)
  if (count < 0) return drawWithReplacement(set, -count, random)
  return count < set.size * MIN_WALKED_SHARE ? drawDistinct(set, count, random) : pickByWalk(set, count, random)
}

function everyMember(set: SetValue): Bytes[] {
  const members: Bytes[] = []
  for (const cursor = set.cursor(); cursor.next(); ) members.push(cursor.key)
  return members
}

function drawWithReplacement(set: SetValue, count: number, random: Random): Bytes[] {
  if (count > MAX_REPEATED) throw valueOutOfRange()
  const drawn: Bytes[] = []
  while (drawn.length < count) drawn.push(set.memberAt(rankBelow(set.size, random)))
  return drawn
}

/** Draws different ranks, each set of them equally likely ("A Sample of Brilliance", 1987). */
function drawDistinct(set: SetValue, count: number, random: Random): Bytes[] {
  const { size } = set
  const ranks = new Set<number>()
  for (let last = size - count; last < size; last++) {
    const rank = rankBelow(last + 1, random)
    ranks.add(ranks.has(rank) ? last : rank)
  }
  const drawn: Bytes[] = []
  for (const rank of ranks) drawn.push(set.memberAt(rank))
  return drawn
}

/** Selection sampling (Knuth, volume 2, algorithm S): one walk decides about each member. */
function pickByWalk(set: SetValue, count: number, random: Random): Bytes[] {
  const picked: Bytes[] = []
  const cursor = set.cursor()
  for (let left = set.size; picked.length < count && cursor.next(); left--) {
    if (random() * left < count - picked.length) picked.push(cursor.key)
  }
  return picked
}

export const setRandoms: readonly Command[] = [spop, srandmember]
