/**
 * RESTORE and RESTORE-ASKING. Every payload is checked as Redis checks one with
 * `sanitize-dump-payload yes`, and only then is anything changed.
 *
 * Redis 7.0 has to understand the log. A payload that it would refuse or read in another way is
 * logged as one of version 10, and deadlines of fields as HPEXPIREAT.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, bufferOf } from '../../base/bytes.ts'
import { RdbError } from '../../rdb/format/rdb-error.ts'
import { readVerified, type VerifiedPayload, verifyPayload } from '../../rdb/payload.ts'
import { buildValue, type DecodedValue, decodeValue, VALUE_BUDGET } from '../../storage/exchange/incoming.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import { EVENT_GENERIC, EVENT_NEW } from '../../storage/keyspace/key-events.ts'
import { Hash } from '../../storage/values/hash.ts'
import { dropPages } from '../../storage/values/value.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { type ClientError, clientError, syntaxError, wrongPayload } from '../contract/errors.ts'
import { OK, type SimpleString } from '../contract/reply.ts'
import { type Int64, Options, requireInteger } from '../parsing/args.ts'
import { isReadAlike, rewritten } from './logged-payload.ts'

const MAX_DEADLINE_MS = Number.MAX_SAFE_INTEGER
const MAX_FREQUENCY = 255
/** The limit of payloads that are written again: none may become longer than a request. */
const MAX_REWRITTEN_BYTES = 384 * 1024 * 1024

interface RestoreOptions {
  readonly mayReplace: boolean
  /** The word ABSTTL as it was given; null without it. */
  readonly absoluteWord: Bytes | null
  readonly idleSeconds: Int64 | null
  readonly frequency: Int64 | null
}

function optionsOf(args: Args): RestoreOptions {
  let mayReplace = false
  let absoluteWord: Bytes | null = null
  let idleSeconds: Int64 | null = null
  let frequency: Int64 | null = null
  const options = new Options(args, 4)
  while (options.more) {
    if (options.take('replace')) mayReplace = true
    else if (options.take('absttl')) absoluteWord ??= must(args[options.at - 1])
    else if (frequency === null && options.left > 1 && options.take('idletime')) {
      idleSeconds = requireInteger(options.value())
      if (idleSeconds < 0) throw clientError('ERR Invalid IDLETIME value, must be >= 0')
    } else if (idleSeconds === null && options.left > 1 && options.take('freq')) {
      frequency = requireInteger(options.value())
      if (frequency < 0 || frequency > MAX_FREQUENCY) throw clientError('ERR Invalid FREQ value, must be >= 0 and <= 255')
    } else throw syntaxError()
  }
  return { mayReplace, absoluteWord, idleSeconds, frequency }
}

/** Returns the deadline in ms since the epoch; 0 for none. */
function deadlineOf(ttl: Int64, isAbsolute: boolean, nowMs: number): number {
  if (ttl === 0) return 0
  return Math.min(MAX_DEADLINE_MS, Number(ttl) + (isAbsolute ? 0 : nowMs))
}

const badFormat = () => clientError('ERR Bad data format')

/** Throws the client error in place of an RdbError that `read` throws. */
function reading<T>(read: () => T, refusal: () => ClientError): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof RdbError ? refusal() : error
  }
}

interface Decoded {
  readonly value: DecodedValue
  /** The payload may be logged as it came. */
  readonly mayBeLogged: boolean
}

function decode(verified: VerifiedPayload): Decoded {
  const value = decodeValue(readVerified(verified, VALUE_BUDGET).parts)
  const mayBeLogged = isReadAlike(verified, value)
  if (!mayBeLogged && value.sizeBytes > MAX_REWRITTEN_BYTES) throw badFormat()
  return { value, mayBeLogged }
}

function restore(context: Context, args: Args): SimpleString {
  const { db, keyspace, server } = context
  const [, key, ttlWord, payload] = args
  const options = optionsOf(args)
  const before = db.find(key)
  if (before !== undefined && !options.mayReplace) throw clientError('BUSYKEY Target key name already exists.')
  const ttl = requireInteger(ttlWord)
  if (ttl < 0) throw clientError('ERR Invalid TTL value, must be >= 0')
  const verified = reading(() => verifyPayload(bufferOf(payload)), wrongPayload)
  const decoded = reading(() => decode(verified), badFormat)
  const deadlineMs = deadlineOf(ttl, options.absoluteWord !== null, context.nowMs)
  if (deadlineMs !== 0 && keyspace.isPast(deadlineMs)) return restoreExpired(context, key, before)
  const value = buildValue(decoded.value, db, server.config)
  if (value instanceof Hash && value.isExpired) {
    dropPages(value)
    return restoreExpired(context, key, before)
  }
  const entry = db.set(key, value)
  if (deadlineMs !== 0) db.setDeadline(entry, deadlineMs)
  noteUse(context, entry, options)
  // The replaced key counts as deleted first.
  if (before !== undefined) context.notify(EVENT_NEW, 'new', key)
  logRestore(context, entry, decoded.mayBeLogged ? payload : rewritten(context, entry), options)
  context.notify(EVENT_GENERIC, 'restore', key)
  return OK
}

/** Deletes the key that a value past its deadline, or without a live field, replaces. */
function restoreExpired(context: Context, key: Bytes, before: Entry | undefined): SimpleString {
  if (before === undefined) return OK
  context.db.remove(before)
  context.effect('DEL', key)
  context.notify(EVENT_GENERIC, 'del', key)
  return OK
}

/** Applies IDLETIME or FREQ. As in Redis, the selected policy decides which of them counts. */
function noteUse({ keyspace }: Context, entry: Entry, { idleSeconds, frequency }: RestoreOptions): void {
  const { useCounter, monotonicSeconds } = keyspace
  if (useCounter !== null)
    entry.lastUse = frequency === null ? monotonicSeconds : useCounter.withCounter(Number(frequency), monotonicSeconds)
  else if (idleSeconds !== null) {
    const usedAt = monotonicSeconds - Number(idleSeconds)
    entry.lastUse = usedAt === 0 ? -1 : usedAt // 0 stands for unknown
  }
}

function logRestore(context: Context, entry: Entry, payload: Bytes, options: RestoreOptions): void {
  const { key, expireAtMs, value } = entry
  const words = ['RESTORE', key, String(expireAtMs), payload]
  if (options.mayReplace) words.push('REPLACE')
  if (expireAtMs !== 0) words.push(options.absoluteWord ?? 'ABSTTL')
  if (options.idleSeconds !== null) words.push('IDLETIME', String(options.idleSeconds))
  if (options.frequency !== null) words.push('FREQ', String(options.frequency))
  context.effectList(words)
  if (value instanceof Hash && value.nextDeadlineMs !== 0) logFieldDeadlines(context, key, value)
}

function logFieldDeadlines(context: Context, key: Bytes, hash: Hash): void {
  const byDeadline = new Map<number, Bytes[]>()
  for (const cursor = hash.cursor(); cursor.next(); ) {
    const { value } = cursor
    if (typeof value !== 'object') continue
    const fields = byDeadline.get(value.expireAtMs)
    if (fields === undefined) byDeadline.set(value.expireAtMs, [cursor.key])
    else fields.push(cursor.key)
  }
  for (const [deadlineMs, fields] of byDeadline) {
    context.effectList(['HPEXPIREAT', key, String(deadlineMs), 'FIELDS', String(fields.length), ...fields])
  }
}

const shared = {
  since: '2.6.0',
  complexity:
    'O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).',
  arity: -4,
  categories: ['keyspace', 'dangerous'],
  keys: firstKey('OW', 'update'),
  history: [
    ['3.0.0', 'Added the `REPLACE` modifier.'],
    ['5.0.0', 'Added the `ABSTTL` modifier.'],
    ['5.0.0', 'Added the `IDLETIME` and `FREQ` options.'],
  ],
  run: restore,
} as const

const options = 'key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]'

export const restores: readonly Command[] = [
  command({
    ...shared,
    name: 'restore',
    group: 'generic',
    summary: 'Creates a key from the serialized representation of a value.',
    syntax: `RESTORE ${options}`,
    flags: ['write', 'denyoom'],
  }),
  command({
    ...shared,
    name: 'restore-asking',
    group: 'server',
    since: '3.0.0',
    summary: 'An internal command for migrating keys in a cluster.',
    docFlags: ['syscmd'],
    syntax: `RESTORE-ASKING ${options}`,
    flags: ['write', 'denyoom', 'asking'],
  }),
]
