/**
 * Hashes: setting, reading and deleting fields. `Hash` treats a field past its deadline as missing.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_HASH } from '../../storage/keyspace/key-events.ts'
import { Hash } from '../../storage/values/hash.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { wrongArity } from '../contract/errors.ts'
import type { ServerPort } from '../contract/ports.ts'
import { OK, type Reply } from '../contract/reply.ts'
import { dropIfEmpty, findAs, readFields, writableAs } from '../parsing/typed-access.ts'

/** Updates the encoding that OBJECT ENCODING reports, after a field was set. */
export function noteSize(hash: Hash, { config }: ServerPort, field: Bytes, value: Bytes): void {
  if (hash.isHashtable) return
  const longest = config.number('hash-max-listpack-value')
  if (field.length > longest || value.length > longest || hash.size > config.number('hash-max-listpack-entries')) hash.becomeHashtable()
}

/** Sets the pairs from position 2 on. Returns the number of new fields. */
function setPairs(context: Context, args: Args): number {
  const { db, server } = context
  const hash = writableAs(db, args[1], Hash)
  let added = 0
  for (let i = 2; i < args.length; i += 2) {
    const field = must(args[i])
    const value = must(args[i + 1])
    if (hash.set(field, value)) added++
    noteSize(hash, server, field, value)
  }
  context.notify(EVENT_HASH, 'hset', args[1])
  context.countChanges((args.length - 2) / 2)
  return added
}

const hset = command({
  name: 'hset',
  group: 'hash',
  since: '2.0.0',
  summary: 'Creates or modifies the value of a field in a hash.',
  complexity:
    'O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with multiple field/value pairs.',
  syntax: 'HSET key field value [field value ...]',
  arity: -4,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'update'),
  element: 2,
  history: [['4.0.0', 'Accepts multiple `field` and `value` arguments.']],
  isVerbatim: true,
  run(context, args) {
    if (args.length % 2 !== 0) throw wrongArity('hset')
    return setPairs(context, args)
  },
})

const hmset = command({
  name: 'hmset',
  group: 'hash',
  since: '2.0.0',
  summary: 'Sets the values of multiple fields.',
  complexity: 'O(N) where N is the number of fields being set.',
  syntax: 'HMSET key field value [field value ...]',
  arity: -4,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'update'),
  element: 2,
  docFlags: ['deprecated'],
  deprecatedSince: '4.0.0',
  replacedBy: '`HSET` with multiple field-value pairs',
  isVerbatim: true,
  run(context, args) {
    if (args.length % 2 !== 0) throw wrongArity('hmset')
    setPairs(context, args)
    return OK
  },
})

const hsetnx = command({
  name: 'hsetnx',
  group: 'hash',
  since: '2.0.0',
  summary: "Sets the value of a field in a hash only when the field doesn't exist.",
  complexity: 'O(1)',
  syntax: 'HSETNX key field value',
  arity: 4,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'insert'),
  element: 2,
  isVerbatim: true,
  run(context, args) {
    const { db, server } = context
    const [, key, field, value] = args
    const existing = findAs(db, key, Hash)
    if (existing?.has(field) === true) return 0
    const hash = existing ?? writableAs(db, key, Hash)
    hash.set(field, value)
    noteSize(hash, server, field, value)
    context.notify(EVENT_HASH, 'hset', key)
    return 1
  },
})

const hget = command({
  name: 'hget',
  group: 'hash',
  since: '2.0.0',
  summary: 'Returns the value of a field in a hash.',
  complexity: 'O(1)',
  syntax: 'HGET key field',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
  element: 2,
  run({ db }, args) {
    return readFields(db, args[1])?.get(args[2]) ?? null
  },
})

const hmget = command({
  name: 'hmget',
  group: 'hash',
  since: '2.0.0',
  summary: 'Returns the values of all fields in a hash.',
  complexity: 'O(N) where N is the number of fields being requested.',
  syntax: 'HMGET key field [field ...]',
  arity: -3,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
  element: 2,
  run({ db }, args) {
    const hash = readFields(db, args[1])
    const values: Reply[] = []
    for (let i = 2; i < args.length; i++) values.push(hash?.get(must(args[i])) ?? null)
    return values
  },
})

const hdel = command({
  name: 'hdel',
  group: 'hash',
  since: '2.0.0',
  summary: 'Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain.',
  complexity: 'O(N) where N is the number of fields to be removed.',
  syntax: 'HDEL key field [field ...]',
  arity: -3,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'delete'),
  element: 2,
  history: [['2.4.0', 'Accepts multiple `field` arguments.']],
  isVerbatim: true,
  run(context, args) {
    const hash = findAs(context.db, args[1], Hash)
    if (hash === undefined) return 0
    let deleted = 0
    for (let i = 2; i < args.length; i++) if (hash.delete(must(args[i]))) deleted++
    if (deleted > 0) context.notify(EVENT_HASH, 'hdel', args[1])
    context.countChanges(deleted)
    dropIfEmpty(hash)
    return deleted
  },
})

const hexists = command({
  name: 'hexists',
  group: 'hash',
  since: '2.0.0',
  summary: 'Determines whether a field exists in a hash.',
  complexity: 'O(1)',
  syntax: 'HEXISTS key field',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO'),
  element: 2,
  run: ({ db }, args) => (readFields(db, args[1])?.has(args[2]) === true ? 1 : 0),
})

const hlen = command({
  name: 'hlen',
  group: 'hash',
  since: '2.0.0',
  summary: 'Returns the number of fields in a hash.',
  complexity: 'O(1)',
  syntax: 'HLEN key',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO'),
  run: ({ db }, args) => readFields(db, args[1])?.liveSize ?? 0,
})

const hstrlen = command({
  name: 'hstrlen',
  group: 'hash',
  since: '3.2.0',
  summary: 'Returns the length of the value of a field.',
  complexity: 'O(1)',
  syntax: 'HSTRLEN key field',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO'),
  element: 2,
  run: ({ db }, args) => readFields(db, args[1])?.get(args[2])?.length ?? 0,
})

export const hashes: readonly Command[] = [hset, hmset, hsetnx, hget, hmget, hdel, hexists, hlen, hstrlen]
