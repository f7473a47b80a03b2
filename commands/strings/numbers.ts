/** Strings as numbers: exact 64-bit integers, and long doubles. */
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_STRING } from '../../storage/keyspace/key-events.ts'
import { type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, incrementOverflows, notAFloat, notAnInteger } from '../contract/errors.ts'
import { addInt64, type Int64, integerOf, negateInt64, requireInteger } from '../parsing/args.ts'
import { addFloatText } from '../parsing/decimal.ts'
import { requireString } from '../parsing/typed-access.ts'

const shared = {
  group: 'string',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'access', 'update'),
  complexity: 'O(1)',
} as const

/** Adds to the integer at a key, 0 if the key is missing. Returns the sum. */
function increment(context: Context, key: Bytes, by: Int64): Int64 {
  const { db } = context
  const entry = db.find(key)
  if (entry === undefined) {
    db.create(key, String(by))
    context.notify(EVENT_STRING, 'incrby', key)
    return by
  }
  const value = requireString(entry)
  const before = typeof value === 'string' ? integerOf(value) : null
  if (before === null) throw notAnInteger()
  const after = addInt64(before, by)
  if (after === null) throw incrementOverflows()
  db.replace(entry, String(after))
  context.notify(EVENT_STRING, 'incrby', key)
  return after
}

const incr = command({
  ...shared,
  name: 'incr',
  since: '1.0.0',
  summary: "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
  syntax: 'INCR key',
  arity: 2,
  isVerbatim: true,
  run: (context, args) => increment(context, args[1], 1),
})

const decr = command({
  ...shared,
  name: 'decr',
  since: '1.0.0',
  summary: "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
  syntax: 'DECR key',
  arity: 2,
  isVerbatim: true,
  run: (context, args) => increment(context, args[1], -1),
})

const incrby = command({
  ...shared,
  name: 'incrby',
  since: '1.0.0',
  summary: "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
  syntax: 'INCRBY key increment',
  isVerbatim: true,
  run: (context, args) => increment(context, args[1], requireInteger(args[2])),
})

const decrby = command({
  ...shared,
  name: 'decrby',
  since: '1.0.0',
  summary: "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.",
  syntax: 'DECRBY key decrement',
  isVerbatim: true,
  run(context, args) {
    const by = negateInt64(requireInteger(args[2]))
    if (by === null) throw clientError('ERR decrement would overflow')
    return increment(context, args[1], by)
  },
})

const incrbyfloat = command({
  ...shared,
  name: 'incrbyfloat',
  since: '2.6.0',
  summary: "Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
  syntax: 'INCRBYFLOAT key increment',
  run(context, args) {
    const { db } = context
    const entry = db.find(args[1])
    const value = entry === undefined ? '0' : requireString(entry)
    if (typeof value !== 'string') throw notAFloat()
    const after = addFloatText(value, args[2])
    if (entry === undefined) db.create(args[1], after)
    else db.replace(entry, after)
    context.effect('SET', args[1], after, 'KEEPTTL')
    context.notify(EVENT_STRING, 'incrbyfloat', args[1])
    return after
  },
})

export const stringNumbers: readonly Command[] = [incr, decr, incrby, decrby, incrbyfloat]
