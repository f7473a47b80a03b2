/**
 * Reading whole hashes, and drawing random fields. Fields past their deadline are skipped here, not
 * deleted: a large number of them must not delay the reply.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import { Hash } from '../../storage/values/hash.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { belowLongRange, syntaxError, valueOutOfRange } from '../contract/errors.ts'
import { MapReply, type Reply } from '../contract/reply.ts'
import { type CollectionScan, scanCollection } from '../keys/collection-scan.ts'
import { isToken, MAX_INT64, requireInteger } from '../parsing/args.ts'
import { readAs } from '../parsing/typed-access.ts'

const whole = {
  group: 'hash',
  since: '2.0.0',
  complexity: 'O(N) where N is the size of the hash.',
  arity: 2,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  tips: ['nondeterministic_output_order'],
} as const

type HashPart = 'fields' | 'values' | 'both'

/** The live fields in order, each followed by its value for `both`. */
function listParts(hash: Hash | undefined, part: HashPart): Bytes[] {
  const list: Bytes[] = []
  if (hash === undefined) return list
  for (const cursor = hash.cursor(); cursor.next(); ) {
    const value = hash.liveValue(cursor.value)
    if (value === undefined) continue
    if (part !== 'values') list.push(cursor.key)
    if (part !== 'fields') list.push(value)
  }
  return list
}

const hgetall = command({
  ...whole,
  name: 'hgetall',
  summary: 'Returns all fields and values in a hash.',
  syntax: 'HGETALL key',
  run: ({ db }, args) => new MapReply(listParts(readAs(db, args[1], Hash), 'both')),
})

const hkeys = command({
  ...whole,
  name: 'hkeys',
  summary: 'Returns all fields in a hash.',
  syntax: 'HKEYS key',
  run: ({ db }, args) => listParts(readAs(db, args[1], Hash), 'fields'),
})

const hvals = command({
  ...whole,
  name: 'hvals',
  summary: 'Returns all values in a hash.',
  syntax: 'HVALS key',
  run: ({ db }, args) => listParts(readAs(db, args[1], Hash), 'values'),
})

/** Draws that may hit only fields past their deadline. After these the live fields are listed. */
const MAX_MISSES = 100
/**
 * The largest count of fields that a negative count may ask for. Redis has no limit and would fill
 * its memory.
 */
const MAX_DRAWN = 2 ** 24
/** Above this part of a hash, a walk is cheaper than drawing. */
const MIN_WALKED_SHARE = 1 / 3

const hrandfield = command({
  name: 'hrandfield',
  group: 'hash',
  since: '6.2.0',
  summary: 'Returns one or more random fields from a hash.',
  complexity: 'O(N) where N is the number of fields returned',
  syntax: 'HRANDFIELD key [count [WITHVALUES]]',
  arity: -2,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  tips: ['nondeterministic_output'],
  run(context, args) {
    if (args.length > 2) return drawMany(context, args)
    const hash = readAs(context.db, args[1], Hash)
    return hash === undefined ? null : drawOne(hash, context.server.random).field
  },
})

interface Drawn {
  readonly field: Bytes
  readonly value: Bytes
}

function drawMany(context: Context, args: Args): Reply {
  const count = countOf(args)
  const withValues = args.length > 3
  const hash = readAs(context.db, args[1], Hash)
  if (hash === undefined || count === 0) return []
  if (-count > MAX_DRAWN) throw valueOutOfRange()
  const { random } = context.server
  const drawn = count < 0 ? drawWithReplacement(hash, -count, random) : drawWithoutReplacement(hash, count, random)
  const reply: Reply[] = []
  for (const { field, value } of drawn) {
    if (!withValues) reply.push(field)
    else if (context.session.resp === 3) reply.push([field, value])
    else reply.push(field, value)
  }
  return reply
}

/**
 * The number of fields asked for; negative if a field may be drawn more than once. Throws Redis's
 * errors for it and the words after it.
 */
function countOf(args: Args): number {
  const count = requireInteger(args[2])
  if (count < -MAX_INT64) {
    throw belowLongRange()
  }
  if (args.length > 4 || (args.length === 4 && !isToken(args[3], 'withvalues'))) throw syntaxError()
  if (args.length === 4 && (count < -MAX_INT64 / 2n || count > MAX_INT64 / 2n)) throw valueOutOfRange()
  return Number(count)
}

/** REQUIRES: the hash has a live field. */
function drawOne(hash: Hash, random: Random): Drawn {
  for (let misses = 0; misses < MAX_MISSES; misses++) {
    const { field, stored } = hash.fieldAt(Math.floor(random() * hash.size))
    const value = hash.liveValue(stored)
    if (value !== undefined) return { field, value }
  }
  const live = liveFields(hash)
  return must(live[Math.floor(random() * live.length)])
}

function drawWithReplacement(hash: Hash, count: number, random: Random): Drawn[] {
  const drawn: Drawn[] = []
  while (drawn.length < count) drawn.push(drawOne(hash, random))
  return drawn
}

/** Returns up to `count` different fields; every live field if there are no more. */
function drawWithoutReplacement(hash: Hash, count: number, random: Random): Drawn[] {
  const { size, liveSize } = hash
  if (count >= liveSize) return liveFields(hash)
  if (liveSize < size || count > liveSize * MIN_WALKED_SHARE) return pickByWalk(hash, count, random)
  // Floyd's sampling: each set of ranks is equally likely, and each rank takes one draw.
  const ranks = new Set<number>()
  for (let top = size - count; top < size; top++) {
    const rank = Math.floor(random() * (top + 1))
    ranks.add(ranks.has(rank) ? top : rank)
  }
  const drawn: Drawn[] = []
  for (const rank of ranks) {
    const { field, stored } = hash.fieldAt(rank)
    drawn.push({ field, value: must(hash.liveValue(stored)) })
  }
  return drawn
}

function liveFields(hash: Hash): Drawn[] {
  const live: Drawn[] = []
  for (const cursor = hash.cursor(); cursor.next(); ) {
    const value = hash.liveValue(cursor.value)
    if (value !== undefined) live.push({ field: cursor.key, value })
  }
  return live
}

/** Selection sampling (Knuth's algorithm S): one walk that decides about each field. */
function pickByWalk(hash: Hash, count: number, random: Random): Drawn[] {
  const drawn: Drawn[] = []
  let left = hash.liveSize
  for (const cursor = hash.cursor(); drawn.length < count && cursor.next(); ) {
    const value = hash.liveValue(cursor.value)
    if (value === undefined) continue
    if (random() * left < count - drawn.length) drawn.push({ field: cursor.key, value })
    left--
  }
  return drawn
}

const pairsOf: CollectionScan<Hash> = {
  type: Hash,
  element(found, hash, field, stored) {
    const value = hash.liveValue(stored)
    if (value !== undefined) found.push(field, value)
  },
  withoutValue(found, hash, field, stored) {
    if (hash.liveValue(stored) !== undefined) found.push(field)
  },
}

const hscan = command({
  name: 'hscan',
  group: 'hash',
  since: '2.8.0',
  summary: 'Iterates over fields and values of a hash.',
  complexity:
    'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.',
  syntax: 'HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]',
  arity: -3,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  tips: ['nondeterministic_output'],
  run: (context, args) => scanCollection(context, args, pairsOf),
})

export const hashReading: readonly Command[] = [hgetall, hkeys, hvals, hrandfield, hscan]
