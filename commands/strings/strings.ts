/** Whole strings: reading, setting, and setting with conditions and deadlines. */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_EXPIRED, EVENT_GENERIC, EVENT_NEW, EVENT_STRING } from '../../storage/keyspace/key-events.ts'
import { type Args, type Command, command, firstKey, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { wrongArity } from '../contract/errors.ts'
import { findSetKeys } from '../contract/key-finder.ts'
import { OK, type Reply } from '../contract/reply.ts'
import { asString, readString, requireString, stringReply } from '../parsing/typed-access.ts'
import { deadlineOf, type ExpiryUnit, getexOptionOf, setOptionsOf } from './set-options.ts'

const get = command({
  name: 'get',
  group: 'string',
  since: '1.0.0',
  summary: 'Returns the string value of a key.',
  complexity: 'O(1)',
  syntax: 'GET key',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
  run({ db }, args) {
    const value = readString(db, args[1])
    return value === null ? null : stringReply(value)
  },
})

const set = command({
  name: 'set',
  group: 'string',
  since: '1.0.0',
  summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
  complexity: 'O(1)',
  syntax: 'SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [{ ...firstKey('RW', 'access', 'update', 'variable_flags')[0], notes: 'RW and ACCESS due to the optional `GET` argument' }],
  findKeys: findSetKeys,
  isVerbatim: true,
  history: [
    ['2.6.12', 'Added the `EX`, `PX`, `NX` and `XX` options.'],
    ['6.0.0', 'Added the `KEEPTTL` option.'],
    ['6.2.0', 'Added the `GET`, `EXAT` and `PXAT` option.'],
    ['7.0.0', 'Allowed the `NX` and `GET` options to be used together.'],
  ],
  run(context, args) {
    if (args.length > 3) return setWithOptions(context, args)
    setAndNotify(context, args[1], args[2])
    return OK
  },
})

function setAndNotify(context: Context, key: Bytes, value: Bytes): void {
  context.db.set(key, value)
  context.notify(EVENT_STRING, 'set', key)
}

function setWithOptions(context: Context, args: Args): Reply {
  const { condition, mustReturnOld: get, expiry } = setOptionsOf(context, args)
  const { db } = context
  const [, key, value] = args
  if (condition === null && !get && typeof expiry === 'number') {
    setUntil(context, key, value, expiry)
    return OK
  }
  const entry = get ? db.read(key) : db.find(key)
  const before = get && entry !== undefined ? stringReply(requireString(entry)) : null
  if (condition === (entry === undefined ? 'xx' : 'nx')) return before
  if (typeof expiry === 'number') setUntil(context, key, value, expiry)
  else {
    if (expiry === 'keep' && entry !== undefined) db.replace(entry, value)
    else db.set(key, value)
    context.notify(EVENT_STRING, 'set', key)
  }
  return get ? before : OK
}

/**
 * Sets a key's value and its deadline in ms. A deadline in the past deletes the key, which is
 * notified as in Redis: set, then expired.
 */
function setUntil(context: Context, key: Bytes, value: Bytes, deadlineMs: number): void {
  const { db, keyspace } = context
  if (keyspace.isPast(deadlineMs)) {
    if (db.delete(key)) context.effect('DEL', key)
    else context.notify(EVENT_NEW, 'new', key)
    context.notify(EVENT_STRING, 'set', key)
    context.notify(EVENT_GENERIC, 'expire', key)
    context.notify(EVENT_EXPIRED, 'expired', key)
    return
  }
  // Only LevelDB knows if an unknown key exists, and the command need not know.
  const entry = db.isUnknown(key) ? undefined : db.find(key)
  if (entry === undefined) db.setDeadline(db.set(key, value), deadlineMs)
  else {
    db.replace(entry, value)
    db.setDeadline(entry, deadlineMs)
  }
  context.effect('SET', key, value, 'PXAT', String(deadlineMs))
  context.notify(EVENT_STRING, 'set', key)
  context.notify(EVENT_GENERIC, 'expire', key)
}

const setnx = command({
  name: 'setnx',
  group: 'string',
  since: '1.0.0',
  summary: "Set the string value of a key only when the key doesn't exist.",
  complexity: 'O(1)',
  syntax: 'SETNX key value',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('OW', 'insert'),
  docFlags: ['deprecated'],
  deprecatedSince: '2.6.12',
  replacedBy: '`SET` with the `NX` argument',
  isVerbatim: true,
  run(context, args) {
    const { db } = context
    if (db.find(args[1]) !== undefined) return 0
    db.create(args[1], args[2])
    context.notify(EVENT_STRING, 'set', args[1])
    return 1
  },
})

const setWithTime = (unit: ExpiryUnit, name: Bytes) => (context: Context, args: Args) => {
  setUntil(context, args[1], args[3], deadlineOf(context, args[2], unit, name))
  return OK
}

const setex = command({
  name: 'setex',
  group: 'string',
  since: '2.0.0',
  summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
  complexity: 'O(1)',
  syntax: 'SETEX key seconds value',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: firstKey('OW', 'update'),
  docFlags: ['deprecated'],
  deprecatedSince: '2.6.12',
  replacedBy: '`SET` with the `EX` argument',
  run: setWithTime('ex', 'setex'),
})

const psetex = command({
  name: 'psetex',
  group: 'string',
  since: '2.6.0',
  summary: "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.",
  complexity: 'O(1)',
  syntax: 'PSETEX key milliseconds value',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: firstKey('OW', 'update'),
  docFlags: ['deprecated'],
  deprecatedSince: '2.6.12',
  replacedBy: '`SET` with the `PX` argument',
  run: setWithTime('px', 'psetex'),
})

const getset = command({
  name: 'getset',
  group: 'string',
  since: '1.0.0',
  summary: 'Returns the previous string value of a key after setting it to a new value.',
  complexity: 'O(1)',
  syntax: 'GETSET key value',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'access', 'update'),
  docFlags: ['deprecated'],
  deprecatedSince: '6.2.0',
  replacedBy: '`SET` with the `!GET` argument',
  isVerbatim: true,
  run(context, args) {
    const entry = context.db.read(args[1])
    const before = entry === undefined ? null : stringReply(requireString(entry))
    setAndNotify(context, args[1], args[2])
    return before
  },
})

const getdel = command({
  name: 'getdel',
  group: 'string',
  since: '6.2.0',
  summary: 'Returns the string value of a key after deleting the key.',
  complexity: 'O(1)',
  syntax: 'GETDEL key',
  arity: 2,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'access', 'delete'),
  run(context, args) {
    const entry = context.db.read(args[1])
    if (entry === undefined) return null
    const before = stringReply(requireString(entry))
    context.db.remove(entry)
    context.effect('DEL', args[1])
    context.notify(EVENT_GENERIC, 'del', args[1])
    return before
  },
})

const getex = command({
  name: 'getex',
  group: 'string',
  since: '6.2.0',
  summary: 'Returns the string value of a key after setting its expiration time.',
  complexity: 'O(1)',
  syntax: 'GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [{ ...firstKey('RW', 'access', 'update')[0], notes: 'RW and UPDATE because it changes the TTL' }],
  run(context, args) {
    const option = getexOptionOf(args)
    const { db, keyspace } = context
    const key = args[1]
    const entry = db.read(key)
    if (entry === undefined) return null
    const value = stringReply(requireString(entry))
    if (option === 'persist') {
      if (entry.expireAtMs === 0) return value
      db.setDeadline(entry, 0)
      context.effect('PERSIST', key)
      context.notify(EVENT_GENERIC, 'persist', key)
    } else if (option !== null) {
      const deadlineMs = deadlineOf(context, option.time, option.unit, 'getex')
      if (keyspace.isPast(deadlineMs)) {
        db.remove(entry)
        context.effect('DEL', key)
        context.notify(EVENT_GENERIC, 'del', key)
      } else {
        db.setDeadline(entry, deadlineMs)
        context.effect('PEXPIREAT', key, String(deadlineMs))
        context.notify(EVENT_GENERIC, 'expire', key)
      }
    }
    return value
  },
})

const mget = command({
  name: 'mget',
  group: 'string',
  since: '1.0.0',
  summary: 'Atomically returns the string values of one or more keys.',
  complexity: 'O(N) where N is the number of keys to retrieve.',
  syntax: 'MGET key [key ...]',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: [keyRange(1, -1, 1, 'RO', 'access')],
  tips: ['request_policy:multi_shard'],
  run({ db, keyspace }, args) {
    const values: Reply[] = []
    for (let i = 1; i < args.length; i++) {
      keyspace.eviction.makeRoom()
      const value = db.readValue(must(args[i]))
      const string = value === undefined ? null : asString(value)
      values.push(string === null ? null : stringReply(string))
    }
    return values
  },
})

const mset = command({
  name: 'mset',
  group: 'string',
  since: '1.0.1',
  summary: 'Atomically creates or modifies the string values of one or more keys.',
  complexity: 'O(N) where N is the number of keys to set.',
  syntax: 'MSET key value [key value ...]',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [keyRange(1, -1, 2, 'OW', 'update')],
  tips: ['request_policy:multi_shard', 'response_policy:all_succeeded'],
  isVerbatim: true,
  run(context, args) {
    if (args.length % 2 === 0) throw wrongArity('mset')
    for (let i = 1; i < args.length; i += 2) {
      context.keyspace.eviction.makeRoom()
      setAndNotify(context, must(args[i]), must(args[i + 1]))
    }
    context.countChanges((args.length - 1) / 2)
    return OK
  },
})

const msetnx = command({
  name: 'msetnx',
  group: 'string',
  since: '1.0.1',
  summary: "Atomically modifies the string values of one or more keys only when all keys don't exist.",
  complexity: 'O(N) where N is the number of keys to set.',
  syntax: 'MSETNX key value [key value ...]',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [keyRange(1, -1, 2, 'OW', 'insert')],
  tips: ['request_policy:multi_shard', 'response_policy:agg_min'],
  isVerbatim: true,
  run(context, args) {
    if (args.length % 2 === 0) throw wrongArity('msetnx')
    for (let i = 1; i < args.length; i += 2) if (context.db.find(must(args[i])) !== undefined) return 0
    for (let i = 1; i < args.length; i += 2) setAndNotify(context, must(args[i]), must(args[i + 1]))
    context.countChanges((args.length - 1) / 2)
    return 1
  },
})

export const strings: readonly Command[] = [get, set, setnx, setex, psetex, getset, getdel, getex, mget, mset, msetnx]
