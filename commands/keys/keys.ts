/**
 * Commands on keys with values of any type: DEL, UNLINK, EXISTS, TYPE, TOUCH, RENAME, RENAMENX,
 * COPY, MOVE.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import { EVENT_GENERIC, EVENT_NEW } from '../../storage/keyspace/key-events.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { typeNameOf, typeNameOfKind } from '../../storage/scan/walk.ts'
import { copyCollection } from '../../storage/values/collection.ts'
import { Rope } from '../../storage/values/rope.ts'
import { Stream } from '../../storage/values/streams/stream.ts'
import type { Value } from '../../storage/values/value.ts'
import { type Command, command, firstKey, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, databaseOutOfRange, noSuchKey, syntaxError } from '../contract/errors.ts'
import { OK, SimpleString } from '../contract/reply.ts'
import { isToken, requireSafeInteger } from '../parsing/args.ts'
import { deleteKey } from '../parsing/typed-access.ts'

const MIN_INT32 = -(2 ** 31)
const MAX_INT32 = 2 ** 31 - 1
const MULTI_SHARD_TIPS = ['request_policy:multi_shard', 'response_policy:agg_sum']

const sameObjects = () => clientError('ERR source and destination objects are the same')

/** The live entry of a key. Counts as a hit or a miss, but not as a use of the key. */
export function observe({ keyspace, db }: Context, key: Bytes): Entry | undefined {
  const entry = db.peek(key)
  if (entry === undefined) db.missed(key)
  else keyspace.hits++
  return entry
}

/** True if a key exists. Counts as a hit or a miss, but not as a use of the key. */
function observeExistence(context: Context, key: Bytes): boolean {
  return context.db.observePacked(key) !== null || observe(context, key) !== undefined
}

/** The database that a word names. Throws for an invalid index. */
function requireDatabase(keyspace: Keyspace, word: Bytes): Database {
  const db = keyspace.databases[requireSafeInteger(word, MIN_INT32, MAX_INT32)]
  if (db === undefined) throw databaseOutOfRange()
  return db
}

function deleteAll(context: Context, args: readonly Bytes[]): number {
  let deleted = 0
  for (let i = 1; i < args.length; i++) {
    context.keyspace.eviction.makeRoom()
    if (deleteKey(context, must(args[i]))) deleted++
  }
  context.countChanges(deleted)
  return deleted
}

const del = command({
  name: 'del',
  group: 'generic',
  since: '1.0.0',
  summary: 'Deletes one or more keys.',
  complexity:
    'O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).',
  syntax: 'DEL key [key ...]',
  arity: -2,
  flags: ['write'],
  keys: [keyRange(1, -1, 1, 'RM', 'delete')],
  tips: MULTI_SHARD_TIPS,
  isVerbatim: true,
  run: deleteAll,
})

/**
 * Works like DEL, which takes no longer for a large value: its pages are cleared in the background.
 */
const unlink = command({
  name: 'unlink',
  group: 'generic',
  since: '4.0.0',
  summary: 'Asynchronously deletes one or more keys.',
  complexity:
    'O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.',
  syntax: 'UNLINK key [key ...]',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [keyRange(1, -1, 1, 'RM', 'delete')],
  tips: MULTI_SHARD_TIPS,
  isVerbatim: true,
  run: deleteAll,
})

const exists = command({
  name: 'exists',
  group: 'generic',
  since: '1.0.0',
  summary: 'Determines whether one or more keys exist.',
  complexity: 'O(N) where N is the number of keys to check.',
  syntax: 'EXISTS key [key ...]',
  history: [['3.0.3', 'Accepts multiple `key` arguments.']],
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: [keyRange(1, -1, 1, 'RO')],
  tips: MULTI_SHARD_TIPS,
  run(context, args) {
    let found = 0
    for (let i = 1; i < args.length; i++) {
      context.keyspace.eviction.makeRoom()
      if (observeExistence(context, must(args[i]))) found++
    }
    return found
  },
})

const type = command({
  name: 'type',
  group: 'generic',
  since: '1.0.0',
  summary: 'Determines the type of value stored at a key.',
  complexity: 'O(1)',
  syntax: 'TYPE key',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO'),
  run(context, args) {
    const packed = context.db.observePacked(args[1])
    if (packed !== null) return new SimpleString(typeNameOfKind(packed.kind))
    const value = observe(context, args[1])?.value ?? null
    return new SimpleString(value === null ? 'none' : typeNameOf(value))
  },
})

const touch = command({
  name: 'touch',
  group: 'generic',
  since: '3.2.1',
  summary: 'Returns the number of existing keys out of those specified after updating the time they were last accessed.',
  complexity: 'O(N) where N is the number of keys that will be touched.',
  syntax: 'TOUCH key [key ...]',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: [keyRange(1, -1, 1, 'RO')],
  tips: MULTI_SHARD_TIPS,
  run({ db, keyspace }, args) {
    let found = 0
    for (let i = 1; i < args.length; i++) {
      keyspace.eviction.makeRoom()
      if (db.read(must(args[i])) !== undefined) found++
    }
    return found
  },
})

/** Moves the value, deadline and use of an entry to another key, replacing that key's own. */
function moveValue(from: Entry, db: Database, key: Bytes): void {
  const { expireAtMs, isModifiedInPlace, lastUse } = from
  const value = from.db.detach(from)
  db.delete(key)
  const moved = db.attach(key, value, expireAtMs)
  moved.isModifiedInPlace = isModifiedInPlace
  moved.lastUse = lastUse
}

function moveAndNotify(context: Context, entry: Entry, key: Bytes): void {
  moveValue(entry, context.db, key)
  context.notify(EVENT_GENERIC, 'rename_from', entry.key)
  context.notify(EVENT_GENERIC, 'rename_to', key)
}

const rename = command({
  name: 'rename',
  group: 'generic',
  since: '1.0.0',
  summary: 'Renames a key and overwrites the destination.',
  complexity: 'O(1)',
  syntax: 'RENAME key newkey',
  arity: 3,
  flags: ['write'],
  keys: [keyRange(1, 1, 1, 'RW', 'access', 'delete'), keyRange(2, 2, 1, 'OW', 'update')],
  isVerbatim: true,
  run(context, args) {
    const entry = context.db.find(args[1])
    if (entry === undefined) throw noSuchKey()
    if (args[1] !== args[2]) moveAndNotify(context, entry, args[2])
    return OK
  },
})

const renamenx = command({
  name: 'renamenx',
  group: 'generic',
  since: '1.0.0',
  summary: "Renames a key only when the target key name doesn't exist.",
  complexity: 'O(1)',
  syntax: 'RENAMENX key newkey',
  history: [['3.2.0', 'The command no longer returns an error when source and destination names are the same.']],
  arity: 3,
  flags: ['write', 'fast'],
  keys: [keyRange(1, 1, 1, 'RW', 'access', 'delete'), keyRange(2, 2, 1, 'OW', 'insert')],
  isVerbatim: true,
  run(context, args) {
    const { db } = context
    const entry = db.find(args[1])
    if (entry === undefined) throw noSuchKey()
    if (db.find(args[2]) !== undefined) return 0
    moveAndNotify(context, entry, args[2])
    return 1
  },
})

interface CopyOptions {
  readonly db: Database
  readonly mayReplace: boolean
}

function copyOptions({ keyspace, db: selected }: Context, args: readonly Bytes[]): CopyOptions {
  let db = selected
  let mayReplace = false
  for (let i = 3; i < args.length; i++) {
    const next = args[i + 1]
    if (isToken(args[i], 'replace')) mayReplace = true
    else if (isToken(args[i], 'db') && next !== undefined) {
      db = requireDatabase(keyspace, next)
      i++
    } else throw syntaxError()
  }
  return { db, mayReplace }
}

/** A copy of an entry's value for a key of this database. */
function copyOf({ value }: Entry, db: Database): Value {
  if (value === null || typeof value === 'string') return value ?? ''
  if (value instanceof Rope) return value.copyFor(db)
  const copy = copyCollection(value, db)
  if (value instanceof Stream && value.seen !== null) (copy as Stream).seen = new Map(value.seen)
  return copy
}

const copy = command({
  name: 'copy',
  group: 'generic',
  since: '6.2.0',
  summary: 'Copies the value of a key to a new key.',
  complexity: 'O(N) worst case for collections, where N is the number of nested items. O(1) for string values.',
  syntax: 'COPY source destination [DB destination-db] [REPLACE]',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [keyRange(1, 1, 1, 'RO', 'access'), keyRange(2, 2, 1, 'OW', 'update')],
  isVerbatim: true,
  run(context, args) {
    const { db, mayReplace } = copyOptions(context, args)
    if (db === context.db && args[1] === args[2]) throw sameObjects()
    const source = context.db.read(args[1])
    if (source === undefined) return 0
    const destination = db.find(args[2])
    if (destination !== undefined && !mayReplace) return 0
    const entry = db.set(args[2], copyOf(source, db))
    entry.isModifiedInPlace = source.isModifiedInPlace
    if (source.expireAtMs !== 0) db.setDeadline(entry, source.expireAtMs)
    // The replaced key counts as deleted first.
    if (destination !== undefined) context.keyspace.event(EVENT_NEW, 'new', db.index, args[2])
    context.keyspace.event(EVENT_GENERIC, 'copy_to', db.index, args[2])
    return 1
  },
})

const move = command({
  name: 'move',
  group: 'generic',
  since: '1.0.0',
  summary: 'Moves a key to another database.',
  complexity: 'O(1)',
  syntax: 'MOVE key db',
  arity: 3,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'access', 'update'),
  isVerbatim: true,
  run(context, args) {
    const { keyspace, db } = context
    const target = requireDatabase(keyspace, args[2])
    if (target === db) throw sameObjects()
    const entry = db.find(args[1])
    if (entry === undefined || target.find(args[1]) !== undefined) return 0
    moveValue(entry, target, args[1])
    context.notify(EVENT_GENERIC, 'move_from', args[1])
    keyspace.event(EVENT_GENERIC, 'move_to', target.index, args[1])
    return 1
  },
})

export const keys: readonly Command[] = [del, unlink, exists, type, touch, rename, renamenx, copy, move]
