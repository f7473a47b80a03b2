/** Hash fields as numbers: exact 64-bit integers, and long doubles. A field keeps its deadline. */
import { EVENT_HASH } from '../../storage/keyspace/key-events.ts'
import { Hash } from '../../storage/values/hash.ts'
import { type Command, command, firstKey } from '../contract/command.ts'
import { clientError, incrementNotFinite, incrementOverflows, notAFloat } from '../contract/errors.ts'
import { addInt64, integerOf, requireInteger } from '../parsing/args.ts'
import { addLongDoubles, longDoubleOf, printLongDouble } from '../parsing/decimal.ts'
import { findAs, writableAs } from '../parsing/typed-access.ts'
import { noteSize } from './hashes.ts'

const shared = {
  group: 'hash',
  arity: 4,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'access', 'update'),
  element: 2,
  complexity: 'O(1)',
} as const

const hincrby = command({
  ...shared,
  name: 'hincrby',
  since: '2.0.0',
  summary: "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field doesn't exist.",
  syntax: 'HINCRBY key field increment',
  isVerbatim: true,
  run(context, args) {
    const { db, server } = context
    const [, key, field] = args
    const by = requireInteger(args[3])
    const existing = findAs(db, key, Hash)
    const value = existing?.get(field)
    const before = value === undefined ? 0 : integerOf(value)
    if (before === null) throw clientError('ERR hash value is not an integer')
    const after = addInt64(before, by)
    if (after === null) throw incrementOverflows()
    const hash = existing ?? writableAs(db, key, Hash)
    const text = String(after)
    hash.update(field, text)
    noteSize(hash, server, field, text)
    context.notify(EVENT_HASH, 'hincrby', key)
    return after
  },
})

const hincrbyfloat = command({
  ...shared,
  name: 'hincrbyfloat',
  since: '2.6.0',
  summary: "Increments the floating point value of a field by a number. Uses 0 as initial value if the field doesn't exist.",
  syntax: 'HINCRBYFLOAT key field increment',
  run(context, args) {
    const { db, server } = context
    const [, key, field] = args
    const by = longDoubleOf(args[3])
    if (by === null) throw notAFloat()
    if (typeof by === 'string') throw clientError('ERR value is NaN or Infinity')
    const existing = findAs(db, key, Hash)
    const before = longDoubleOf(existing?.get(field) ?? '0')
    if (before === null) throw clientError('ERR hash value is not a float')
    const after = addLongDoubles(before, by)
    if (after === null) throw incrementNotFinite()
    const hash = existing ?? writableAs(db, key, Hash)
    const text = printLongDouble(after)
    hash.update(field, text)
    noteSize(hash, server, field, text)
    context.effect('HSET', key, field, text)
    // The logged HSET drops the deadline on replicas and at replay.
    const deadlineMs = hash.deadlineOf(field) ?? 0
    if (deadlineMs !== 0) context.effect('HPEXPIREAT', key, String(deadlineMs), 'FIELDS', '1', field)
    context.notify(EVENT_HASH, 'hincrbyfloat', key)
    return text
  },
})

export const hashNumbers: readonly Command[] = [hincrby, hincrbyfloat]
