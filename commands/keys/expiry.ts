/**
 * Deadlines of keys: EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, TTL, PTTL, EXPIRETIME, PEXPIRETIME,
 * PERSIST.
 *
 * Difference from Redis: deadlines past 2^53 ms, in the year 287396, become 2^53 - 1.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_GENERIC } from '../../storage/keyspace/key-events.ts'
import { type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, invalidExpireTime } from '../contract/errors.ts'
import { isToken, MAX_INT64, MIN_INT64, requireInteger } from '../parsing/args.ts'
import { observe } from './keys.ts'

const MAX_DEADLINE_MS = Number.MAX_SAFE_INTEGER

interface Conditions {
  readonly mustBePersistent: boolean
  readonly mustHaveDeadline: boolean
  readonly mustBeLater: boolean
  readonly mustBeEarlier: boolean
}

const ALWAYS: Conditions = { mustBePersistent: false, mustHaveDeadline: false, mustBeLater: false, mustBeEarlier: false }

function conditionsOf(args: readonly Bytes[]): Conditions {
  if (args.length === 3) return ALWAYS
  const found = { ...ALWAYS }
  for (const word of args.slice(3)) {
    if (isToken(word, 'nx')) found.mustBePersistent = true
    else if (isToken(word, 'xx')) found.mustHaveDeadline = true
    else if (isToken(word, 'gt')) found.mustBeLater = true
    else if (isToken(word, 'lt')) found.mustBeEarlier = true
    else throw clientError(`ERR Unsupported option ${word}`)
  }
  if (found.mustBePersistent && (found.mustHaveDeadline || found.mustBeLater || found.mustBeEarlier))
    throw clientError('ERR NX and XX, GT or LT options at the same time are not compatible')
  if (found.mustBeLater && found.mustBeEarlier) throw clientError('ERR GT and LT options at the same time are not compatible')
  return found
}

/**
 * The deadline in ms since the epoch for a word that counts `unitMs` from `baseMs` on. Throws if 64
 * bits cannot hold it.
 */
function deadlineOf(name: Bytes, word: Bytes, unitMs: 1 | 1000, baseMs: number): number {
  const amount = requireInteger(word)
  const deadlineMs = Number(amount) * unitMs + baseMs
  if (Number.isSafeInteger(deadlineMs) && deadlineMs < MAX_DEADLINE_MS / 2) return deadlineMs
  const scaled = BigInt(amount) * BigInt(unitMs)
  if (scaled > MAX_INT64 || scaled < MIN_INT64 || scaled > MAX_INT64 - BigInt(baseMs)) throw invalidExpireTime(name)
  const exact = scaled + BigInt(baseMs)
  return exact > BigInt(MAX_DEADLINE_MS) ? MAX_DEADLINE_MS : Number(exact)
}

/** True if a deadline may replace the current one. 0 means no deadline, which is later than any. */
function permits(
  { mustBePersistent, mustHaveDeadline, mustBeLater, mustBeEarlier }: Conditions,
  current: number,
  deadlineMs: number,
): boolean {
  if (mustBePersistent && current !== 0) return false
  if (mustHaveDeadline && current === 0) return false
  if (mustBeLater && (current === 0 || deadlineMs <= current)) return false
  return !(mustBeEarlier && current !== 0 && deadlineMs >= current)
}

function expire(context: Context, args: readonly Bytes[], name: Bytes, unitMs: 1 | 1000, from: 'now' | 'epoch'): number {
  const { db, keyspace } = context
  const conditions = conditionsOf(args)
  const deadlineMs = deadlineOf(name, must(args[2]), unitMs, from === 'now' ? context.nowMs : 0)
  const key = must(args[1])
  const entry = db.find(key)
  if (entry === undefined || !permits(conditions, entry.expireAtMs, deadlineMs)) return 0
  if (keyspace.isPast(deadlineMs)) {
    db.remove(entry)
    context.effect('DEL', key)
    context.notify(EVENT_GENERIC, 'del', key)
  } else {
    db.setDeadline(entry, Math.max(1, deadlineMs))
    context.effect('PEXPIREAT', key, String(deadlineMs))
    context.notify(EVENT_GENERIC, 'expire', key)
  }
  return 1
}

const CONDITIONS_HISTORY = [['7.0.0', 'Added options: `NX`, `XX`, `GT` and `LT`.']] as const

const setter = {
  group: 'generic',
  complexity: 'O(1)',
  history: CONDITIONS_HISTORY,
  arity: -3,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'update'),
} as const

const setters = [
  command({
    ...setter,
    name: 'expire',
    since: '1.0.0',
    summary: 'Sets the expiration time of a key in seconds.',
    syntax: 'EXPIRE key seconds [NX | XX | GT | LT]',
    run: (context, args) => expire(context, args, 'expire', 1000, 'now'),
  }),
  command({
    ...setter,
    name: 'pexpire',
    since: '2.6.0',
    summary: 'Sets the expiration time of a key in milliseconds.',
    syntax: 'PEXPIRE key milliseconds [NX | XX | GT | LT]',
    run: (context, args) => expire(context, args, 'pexpire', 1, 'now'),
  }),
  command({
    ...setter,
    name: 'expireat',
    since: '1.2.0',
    summary: 'Sets the expiration time of a key to a Unix timestamp.',
    syntax: 'EXPIREAT key unix-time-seconds [NX | XX | GT | LT]',
    run: (context, args) => expire(context, args, 'expireat', 1000, 'epoch'),
  }),
  command({
    ...setter,
    name: 'pexpireat',
    since: '2.6.0',
    summary: 'Sets the expiration time of a key to a Unix milliseconds timestamp.',
    syntax: 'PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]',
    run: (context, args) => expire(context, args, 'pexpireat', 1, 'epoch'),
  }),
]

/**
 * The reply of a getter: -2 for a missing key, -1 for no deadline, else `answer` of the deadline in
 * ms.
 */
function deadlineReply(context: Context, key: Bytes, answer: (deadlineMs: number) => number): number {
  const found = context.db.observePacked(key) ?? observe(context, key)
  if (found === undefined) return -2
  const { expireAtMs } = found
  return expireAtMs === 0 ? -1 : answer(expireAtMs)
}

const left = (context: Context, deadlineMs: number) => Math.max(0, deadlineMs - context.nowMs)
const wholeSeconds = (milliseconds: number) => Math.floor((milliseconds + 500) / 1000)

const getter = {
  group: 'generic',
  complexity: 'O(1)',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
} as const
const countdown = { ...getter, history: [['2.8.0', 'Added the -2 reply.']], tips: ['nondeterministic_output'] } as const

const getters = [
  command({
    ...countdown,
    name: 'ttl',
    since: '1.0.0',
    summary: 'Returns the expiration time in seconds of a key.',
    syntax: 'TTL key',
    run: (context, args) => deadlineReply(context, args[1], (deadlineMs) => wholeSeconds(left(context, deadlineMs))),
  }),
  command({
    ...countdown,
    name: 'pttl',
    since: '2.6.0',
    summary: 'Returns the expiration time in milliseconds of a key.',
    syntax: 'PTTL key',
    run: (context, args) => deadlineReply(context, args[1], (deadlineMs) => left(context, deadlineMs)),
  }),
  command({
    ...getter,
    name: 'expiretime',
    since: '7.0.0',
    summary: 'Returns the expiration time of a key as a Unix timestamp.',
    syntax: 'EXPIRETIME key',
    run: (context, args) => deadlineReply(context, args[1], wholeSeconds),
  }),
  command({
    ...getter,
    name: 'pexpiretime',
    since: '7.0.0',
    summary: 'Returns the expiration time of a key as a Unix milliseconds timestamp.',
    syntax: 'PEXPIRETIME key',
    run: (context, args) => deadlineReply(context, args[1], (deadlineMs) => deadlineMs),
  }),
]

const persist = command({
  name: 'persist',
  group: 'generic',
  since: '2.2.0',
  summary: 'Removes the expiration time of a key.',
  complexity: 'O(1)',
  syntax: 'PERSIST key',
  arity: 2,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'update'),
  isVerbatim: true,
  run(context, args) {
    const entry = context.db.find(args[1])
    if (entry === undefined || entry.expireAtMs === 0) return 0
    context.db.setDeadline(entry, 0)
    context.notify(EVENT_GENERIC, 'persist', args[1])
    return 1
  },
})

export const expiry: readonly Command[] = [...setters, ...getters, persist]
