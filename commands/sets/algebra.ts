/**
 * Intersections, unions and differences of sets. All keys are checked first, so a key of another
 * type is an error at any position.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import { EVENT_SET } from '../../storage/keyspace/key-events.ts'
import { newCollection, packIfSmall } from '../../storage/values/collection.ts'
import { SetValue } from '../../storage/values/set.ts'
import { type Args, type Command, command, firstKey, type KeySpec, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { negativeLimit, notAKeyCount, syntaxError, tooManyKeys } from '../contract/errors.ts'
import { type Reply, SetReply } from '../contract/reply.ts'
import { isToken, requireClampedInteger, requireInteger } from '../parsing/args.ts'
import { deleteKey, readAs } from '../parsing/typed-access.ts'
import { Difference, Intersection, type Members, Union } from './merge.ts'

/** The result of an operation on the sets that these words name; null if it is empty. */
type SetOperation = (db: Database, args: Args, from: number, to: number) => Members | null

function intersectionOf(db: Database, args: Args, from: number, to: number): Members | null {
  const sets = readSets(db, args, from, to)
  return sets.length < to - from ? null : new Intersection(sets)
}

function unionOf(db: Database, args: Args, from: number, to: number): Members {
  return new Union(readSets(db, args, from, to))
}

function differenceOf(db: Database, args: Args, from: number, to: number): Members | null {
  const first = readAs(db, must(args[from]), SetValue)
  const others = readSets(db, args, from + 1, to)
  return first === undefined || others.includes(first) ? null : new Difference(first, others)
}

/** The sets of the keys that exist. */
function readSets(db: Database, args: Args, from: number, to: number): SetValue[] {
  const sets: SetValue[] = []
  for (let i = from; i < to; i++) {
    const set = readAs(db, must(args[i]), SetValue)
    if (set !== undefined) sets.push(set)
  }
  return sets
}

function reply({ db }: Context, args: Args, operation: SetOperation): Reply {
  const members = operation(db, args, 1, args.length)
  const found: Bytes[] = []
  while (members?.next() === true) found.push(members.member)
  return new SetReply(found)
}

/** Stores the result at the key in position 1; deletes the key if the result is empty. */
function store(context: Context, args: Args, operation: SetOperation, event: Bytes): Reply {
  const { db, server } = context
  const members = operation(db, args, 2, args.length)
  const result = newCollection(db, SetValue)
  while (members?.next() === true) result.append(members.member, server.config)
  packIfSmall(result)
  if (result.size === 0) deleteKey(context, args[1])
  else {
    db.set(args[1], result)
    context.notify(EVENT_SET, event, args[1])
  }
  return result.size
}

const ofAll: readonly KeySpec[] = [keyRange(1, -1, 1, 'RO', 'access')]
const intersecting = 'O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.'
const adding = 'O(N) where N is the total number of elements in all given sets.'

const sinter = command({
  name: 'sinter',
  group: 'set',
  since: '1.0.0',
  summary: 'Returns the intersect of multiple sets.',
  complexity: intersecting,
  syntax: 'SINTER key [key ...]',
  arity: -2,
  flags: ['readonly'],
  tips: ['nondeterministic_output_order'],
  keys: ofAll,
  run: (context, args) => reply(context, args, intersectionOf),
})

const sinterstore = command({
  name: 'sinterstore',
  group: 'set',
  since: '1.0.0',
  summary: 'Stores the intersect of multiple sets in a key.',
  complexity: intersecting,
  syntax: 'SINTERSTORE destination key [key ...]',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [...firstKey('RW', 'update'), keyRange(2, -1, 1, 'RO', 'access')],
  isVerbatim: true,
  run: (context, args) => store(context, args, intersectionOf, 'sinterstore'),
})

const sintercard = command({
  name: 'sintercard',
  group: 'set',
  since: '7.0.0',
  summary: 'Returns the number of members of the intersect of multiple sets.',
  complexity: intersecting,
  syntax: 'SINTERCARD numkeys key [key ...] [LIMIT limit]',
  arity: -3,
  flags: ['readonly'],
  keys: [{ access: ['RO', 'access'], begin: { index: 1 }, find: { countIndex: 0, first: 1, step: 1 } }],
  run({ db }, args) {
    const keys = requireInteger(args[1], notAKeyCount)
    if (keys < 1) throw notAKeyCount()
    if (keys > args.length - 2) throw tooManyKeys()
    const end = 2 + Number(keys)
    let limit = 0
    for (let i = end; i < args.length; i += 2) {
      if (!isToken(args[i], 'limit') || i + 1 === args.length) throw syntaxError()
      limit = requireLimit(must(args[i + 1]))
    }
    const members = intersectionOf(db, args, 2, end)
    let count = 0
    while ((limit === 0 || count < limit) && members?.next() === true) count++
    return count
  },
})

/**
 * The limit as a number. A limit beyond the safe range exceeds every set, so its exact value does
 * not matter.
 */
function requireLimit(word: Bytes): number {
  const limit = requireClampedInteger(word, negativeLimit)
  if (limit < 0) throw negativeLimit()
  return limit
}

const sunion = command({
  name: 'sunion',
  group: 'set',
  since: '1.0.0',
  summary: 'Returns the union of multiple sets.',
  complexity: adding,
  syntax: 'SUNION key [key ...]',
  arity: -2,
  flags: ['readonly'],
  tips: ['nondeterministic_output_order'],
  keys: ofAll,
  run: (context, args) => reply(context, args, unionOf),
})

const sunionstore = command({
  name: 'sunionstore',
  group: 'set',
  since: '1.0.0',
  summary: 'Stores the union of multiple sets in a key.',
  complexity: adding,
  syntax: 'SUNIONSTORE destination key [key ...]',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [...firstKey('OW', 'update'), keyRange(2, -1, 1, 'RO', 'access')],
  isVerbatim: true,
  run: (context, args) => store(context, args, unionOf, 'sunionstore'),
})

const sdiff = command({
  name: 'sdiff',
  group: 'set',
  since: '1.0.0',
  summary: 'Returns the difference of multiple sets.',
  complexity: adding,
  syntax: 'SDIFF key [key ...]',
  arity: -2,
  flags: ['readonly'],
  tips: ['nondeterministic_output_order'],
  keys: ofAll,
  run: (context, args) => reply(context, args, differenceOf),
})

const sdiffstore = command({
  name: 'sdiffstore',
  group: 'set',
  since: '1.0.0',
  summary: 'Stores the difference of multiple sets in a key.',
  complexity: adding,
  syntax: 'SDIFFSTORE destination key [key ...]',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [...firstKey('OW', 'update'), keyRange(2, -1, 1, 'RO', 'access')],
  isVerbatim: true,
  run: (context, args) => store(context, args, differenceOf, 'sdiffstore'),
})

export const setAlgebra: readonly Command[] = [sinter, sinterstore, sintercard, sunion, sunionstore, sdiff, sdiffstore]
