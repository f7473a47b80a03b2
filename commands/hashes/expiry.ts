/**
 * Deadlines of hash fields, as in Redis 7.4: HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, HTTL, HPTTL,
 * HEXPIRETIME, HPEXPIRETIME, HPERSIST. Each replies with an array of one number per field.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_HASH } from '../../storage/keyspace/key-events.ts'
import { Hash, MAX_DEADLINE_FIELD_BYTES } from '../../storage/values/hash.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, invalidExpireTime, stringTooLong } from '../contract/errors.ts'
import { isToken, requireInteger, requireSafeInteger } from '../parsing/args.ts'
import { dropIfEmpty, findAs, readAs } from '../parsing/typed-access.ts'

/** Redis's latest deadline of a field, in ms. */
const MAX_DEADLINE_MS = 2 ** 46 - 1

const NO_FIELD = -2
const NO_DEADLINE = -1
const NOT_MET = 0
const DONE = 1
const DELETED = 2

type Condition = 'nx' | 'xx' | 'gt' | 'lt' | null

/** The deadline in ms since the epoch for a word that counts `unitMs` from `baseMs` on. */
function deadlineOf(name: Bytes, word: Bytes, unitMs: 1 | 1000, baseMs: number): number {
  const amount = requireInteger(word)
  if (amount < 0) throw clientError('ERR invalid expire time, must be >= 0')
  const deadlineMs = Number(amount) * unitMs + baseMs
  if (deadlineMs > MAX_DEADLINE_MS) throw invalidExpireTime(name)
  return deadlineMs
}

function conditionOf(word: Bytes): Condition {
  if (isToken(word, 'nx')) return 'nx'
  if (isToken(word, 'xx')) return 'xx'
  if (isToken(word, 'gt')) return 'gt'
  return isToken(word, 'lt') ? 'lt' : null
}

/** True if a deadline may replace the current one. 0 means no deadline, which is later than any. */
function permits(condition: Condition, current: number, deadlineMs: number): boolean {
  switch (condition) {
    case 'nx':
      return current === 0
    case 'xx':
      return current !== 0
    case 'gt':
      return current !== 0 && deadlineMs > current
    case 'lt':
      return current === 0 || deadlineMs < current
    case null:
      return true
  }
}

const badCount = () => clientError('ERR Number of fields must be a positive integer')
const badCountOfExpire = () => clientError('ERR Parameter `numFields` should be greater than 0')

/**
 * Checks `FIELDS numfields field [field ...]` from a position on. Returns the position of the first
 * field.
 */
function fieldsFrom(args: Args, at: number, badNumber: typeof badCount): number {
  if (!isToken(args[at], 'fields')) throw clientError('ERR Mandatory argument FIELDS is missing or not at the right position')
  const count = requireSafeInteger(must(args[at + 1]), 1, Number.MAX_SAFE_INTEGER, badNumber)
  if (count !== args.length - at - 2) throw clientError('ERR The `numfields` parameter must match the number of arguments')
  return at + 2
}

function expire(context: Context, args: Args, name: Bytes, unitMs: 1 | 1000, from: 'now' | 'epoch'): number[] {
  const { db, keyspace } = context
  const key = args[1]
  const hash = findAs(db, key, Hash)
  const deadlineMs = Math.max(1, deadlineOf(name, args[2], unitMs, from === 'now' ? context.nowMs : 0))
  const condition = conditionOf(args[3])
  const first = fieldsFrom(args, condition === null ? 3 : 4, badCountOfExpire)
  for (let i = first; i < args.length; i++) if (must(args[i]).length > MAX_DEADLINE_FIELD_BYTES) throw stringTooLong()
  if (hash === undefined) return new Array(args.length - first).fill(NO_FIELD)
  const isPast = keyspace.isPast(deadlineMs)
  const replies: number[] = []
  const changed: Bytes[] = []
  for (let i = first; i < args.length; i++) {
    const field = must(args[i])
    const current = hash.deadlineOf(field)
    if (current === undefined) replies.push(NO_FIELD)
    else if (!permits(condition, current, deadlineMs)) replies.push(NOT_MET)
    else {
      if (isPast) hash.delete(field)
      else hash.setDeadline(field, deadlineMs)
      replies.push(isPast ? DELETED : DONE)
      changed.push(field)
    }
  }
  if (changed.length === 0) return replies
  if (isPast) {
    context.effectList(['HDEL', key, ...changed])
    context.notify(EVENT_HASH, 'hdel', key)
    dropIfEmpty(hash)
  } else {
    context.effectList(['HPEXPIREAT', key, String(deadlineMs), 'FIELDS', String(changed.length), ...changed])
    context.notify(EVENT_HASH, 'hexpire', key)
  }
  return replies
}

const setter = {
  group: 'hash',
  since: '7.4.0',
  complexity: 'O(N) where N is the number of specified fields',
  arity: -6,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'update'),
} as const

const setters = [
  command({
    ...setter,
    name: 'hexpire',
    summary: 'Set expiry for hash field using relative time to expire (seconds)',
    syntax: 'HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]',
    run: (context, args) => expire(context, args, 'hexpire', 1000, 'now'),
  }),
  command({
    ...setter,
    name: 'hpexpire',
    summary: 'Set expiry for hash field using relative time to expire (milliseconds)',
    syntax: 'HPEXPIRE key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]',
    run: (context, args) => expire(context, args, 'hpexpire', 1, 'now'),
  }),
  command({
    ...setter,
    name: 'hexpireat',
    summary: 'Set expiry for hash field using an absolute Unix timestamp (seconds)',
    syntax: 'HEXPIREAT key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]',
    run: (context, args) => expire(context, args, 'hexpireat', 1000, 'epoch'),
  }),
  command({
    ...setter,
    name: 'hpexpireat',
    summary: 'Set expiry for hash field using an absolute Unix timestamp (milliseconds)',
    syntax: 'HPEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]',
    run: (context, args) => expire(context, args, 'hpexpireat', 1, 'epoch'),
  }),
]

/**
 * The reply of a getter. Each field gives -2 if it is missing, -1 if it has no deadline, else
 * `answer` of the deadline in ms.
 */
function deadlineReplies({ db }: Context, args: Args, answer: (deadlineMs: number) => number): number[] {
  const hash = readAs(db, args[1], Hash)
  const replies: number[] = []
  for (let i = fieldsFrom(args, 2, badCount); i < args.length; i++) {
    const deadlineMs = hash?.deadlineOf(must(args[i]))
    replies.push(deadlineMs === undefined ? NO_FIELD : deadlineMs === 0 ? NO_DEADLINE : answer(deadlineMs))
  }
  return replies
}

const wholeSeconds = (milliseconds: number) => Math.ceil(milliseconds / 1000)

const getter = {
  group: 'hash',
  since: '7.4.0',
  complexity: 'O(N) where N is the number of specified fields',
  arity: -5,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
} as const
const countdown = { ...getter, tips: ['nondeterministic_output'] } as const

const getters = [
  command({
    ...countdown,
    name: 'httl',
    summary: 'Returns the TTL in seconds of a hash field.',
    syntax: 'HTTL key FIELDS numfields field [field ...]',
    run: (context, args) => deadlineReplies(context, args, (deadlineMs) => wholeSeconds(deadlineMs - context.nowMs)),
  }),
  command({
    ...countdown,
    name: 'hpttl',
    summary: 'Returns the TTL in milliseconds of a hash field.',
    syntax: 'HPTTL key FIELDS numfields field [field ...]',
    run: (context, args) => deadlineReplies(context, args, (deadlineMs) => deadlineMs - context.nowMs),
  }),
  command({
    ...getter,
    name: 'hexpiretime',
    summary: 'Returns the expiration time of a hash field as a Unix timestamp, in seconds.',
    syntax: 'HEXPIRETIME key FIELDS numfields field [field ...]',
    run: (context, args) => deadlineReplies(context, args, wholeSeconds),
  }),
  command({
    ...getter,
    name: 'hpexpiretime',
    summary: 'Returns the expiration time of a hash field as a Unix timestamp, in msec.',
    syntax: 'HPEXPIRETIME key FIELDS numfields field [field ...]',
    run: (context, args) => deadlineReplies(context, args, (deadlineMs) => deadlineMs),
  }),
]

const hpersist = command({
  name: 'hpersist',
  group: 'hash',
  since: '7.4.0',
  summary: 'Removes the expiration time for each specified field',
  complexity: 'O(N) where N is the number of specified fields',
  syntax: 'HPERSIST key FIELDS numfields field [field ...]',
  arity: -5,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'update'),
  isVerbatim: true,
  run(context, args) {
    const hash = findAs(context.db, args[1], Hash)
    const replies: number[] = []
    let isChanged = false
    for (let i = fieldsFrom(args, 2, badCount); i < args.length; i++) {
      const deadlineMs = hash?.deadlineOf(must(args[i]))
      if (deadlineMs === undefined) replies.push(NO_FIELD)
      else if (hash?.persist(must(args[i])) !== true) replies.push(NO_DEADLINE)
      else {
        replies.push(DONE)
        isChanged = true
      }
    }
    if (isChanged) context.notify(EVENT_HASH, 'hpersist', args[1])
    return replies
  },
})

export const hashExpiry: readonly Command[] = [...setters, ...getters, hpersist]
