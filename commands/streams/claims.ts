/**
 * Pending entries, delivered and not acknowledged: listing them, and taking them over from
 * consumers that have gone.
 *
 * The log has the new state of each entry (effects.ts), so replay depends on no clock.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Consumer } from '../../storage/values/streams/consumers.ts'
import { type ConsumerGroup, findGroup } from '../../storage/values/streams/groups.ts'
import { idText, increment, type Uint64, ZERO_ID } from '../../storage/values/streams/id.ts'
import { Stream } from '../../storage/values/streams/stream.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, notAResultCount, syntaxError } from '../contract/errors.ts'
import { NULL_ARRAY, type Reply } from '../contract/reply.ts'
import { isToken, requireClampedInteger, requireInteger } from '../parsing/args.ts'
import { readAs } from '../parsing/typed-access.ts'
import { createConsumer, logConsumer, logGroup, PendingLog } from './effects.ts'
import { noGroup, requireEnd, requireStart, requireStrictId, strictIdOf } from './ids.ts'
import { entryReply } from './replies.ts'

const xpending = command({
  name: 'xpending',
  group: 'stream',
  since: '5.0.0',
  summary: "Returns the information and entries from a stream consumer group's pending entries list.",
  complexity:
    'O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the command returns just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an additional O(N) time for iterating every consumer.',
  syntax: 'XPENDING key group [[IDLE min-idle-time] start end count [consumer]]',
  arity: -3,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  tips: ['nondeterministic_output'],
  history: [['6.2.0', 'Added the `IDLE` option and exclusive range intervals.']],
  run(context, args) {
    const query = args.length === 3 ? null : pendingQueryOf(args)
    const stream = readAs(context.db, args[1], Stream)
    const group = stream === undefined ? undefined : findGroup(stream, args[2])
    if (group === undefined) throw noGroup(args[1], args[2])
    return query === null ? pendingSummary(group) : pendingEntries(group, query, context.nowMs)
  },
})

interface PendingQuery {
  readonly idleMs: number
  readonly start: Bytes
  readonly end: Bytes
  readonly count: number
  readonly consumer: Bytes | undefined
}

function pendingQueryOf(args: Args): PendingQuery {
  if (args.length < 6 || args.length > 9) throw syntaxError()
  const hasIdle = isToken(args[3], 'idle')
  const idleMs = hasIdle ? requireClampedInteger(args[4]) : 0
  if (hasIdle && args.length < 8) throw syntaxError()
  const at = hasIdle ? 5 : 3
  const count = requireClampedInteger(must(args[at + 2]))
  const start = requireStart(must(args[at]))
  return { idleMs, start, end: requireEnd(must(args[at + 1])), count, consumer: args[at + 3] }
}

function pendingSummary(group: ConsumerGroup): Reply {
  const ends = group.pendingEnds
  if (ends === null) return [0, null, null, NULL_ARRAY]
  const consumers: Reply[] = []
  for (const consumer of group.consumers) {
    const { pendingCount } = consumer
    if (pendingCount > 0) consumers.push([consumer.name, String(pendingCount)])
  }
  return [group.pendingCount, idText(ends[0]), idText(ends[1]), consumers]
}

function pendingEntries(group: ConsumerGroup, { idleMs, start, end, count, consumer: name }: PendingQuery, nowMs: number): Reply {
  const consumer = name === undefined ? undefined : group.consumer(name)
  const replies: Reply[] = []
  if (name !== undefined && consumer === undefined) return replies
  const range = consumer === undefined ? group.pendingFrom(start) : consumer.pendingFrom(start)
  while (replies.length < count && range.next()) {
    const { id } = range
    if (id > end) break
    const pending = consumer === undefined ? range.pending : group.pending(id)
    if (pending === undefined) continue
    const elapsed = nowMs - pending.deliveredAtMs
    if (idleMs > 0 && elapsed < idleMs) continue
    const owner = consumer === undefined ? group.consumerName(pending.consumer) : consumer.name
    replies.push([idText(id), owner, Math.max(0, elapsed), pending.deliveries])
  }
  return replies
}

const claiming = {
  group: 'stream',
  arity: -6,
  flags: ['write', 'fast'],
  tips: ['nondeterministic_output'],
} as const

const xclaim = command({
  ...claiming,
  name: 'xclaim',
  since: '5.0.0',
  summary: 'Changes, or acquires, ownership of a message in a consumer group, as if the message was delivered a consumer group member.',
  complexity: 'O(log N) with N being the number of messages in the PEL of the consumer group.',
  syntax:
    'XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]',
  keys: firstKey('RW', 'update'),
  run(context, args) {
    const stream = readAs(context.db, args[1], Stream)
    const group = stream === undefined ? undefined : findGroup(stream, args[2])
    if (group === undefined) throw noGroup(args[1], args[2])
    const options = claimOf(args, context.nowMs)
    const movesOn = options.lastId !== null && options.lastId > group.lastId
    const found = group.consumer(args[3])
    if (movesOn) {
      group.lastId = options.lastId as Bytes
      group.save()
    }
    const consumer = found ?? createConsumer(context, args[1], group, args[3])
    consumer.see(context.nowMs)
    const { replies, claimed } = claim(context, args[1], consumer, options)
    if (claimed === 0) {
      if (found === undefined) logConsumer(context, args[1], consumer)
      if (movesOn) logGroup(context, args[1], group)
    }
    return replies
  },
})

interface PendingClaim {
  readonly ids: readonly Bytes[]
  readonly minIdleMs: number
  readonly deliveredAtMs: number
  /** Null for one more; with JUSTID for no change. */
  readonly deliveries: Uint64 | null
  readonly isForced: boolean
  readonly isJustId: boolean
  readonly lastId: Bytes | null
}

function claimOf(args: Args, nowMs: number): PendingClaim {
  const idle = requireClampedInteger(args[4], () => clientError('ERR Invalid min-idle-time argument for XCLAIM'))
  const ids: Bytes[] = []
  let at = 5
  for (; at < args.length; at++) {
    const id = strictIdOf(must(args[at]))
    if (id === null) break
    ids.push(id)
  }
  let deliveredAtMs = -1
  let deliveries: Uint64 | null = null
  let isForced = false
  let isJustId = false
  let lastId: Bytes | null = null
  for (; at < args.length; at++) {
    const word = must(args[at])
    const value = args[at + 1]
    if (isToken(word, 'force')) isForced = true
    else if (isToken(word, 'justid')) isJustId = true
    else if (value === undefined) throw unknownClaimOption(word)
    else {
      at++
      if (isToken(word, 'idle')) deliveredAtMs = nowMs - requireClampedInteger(value, badClaimOption('IDLE'))
      else if (isToken(word, 'time')) deliveredAtMs = requireClampedInteger(value, badClaimOption('TIME'))
      else if (isToken(word, 'retrycount')) {
        const given = requireInteger(value, badClaimOption('RETRYCOUNT'))
        deliveries = given < 0 ? null : given
      } else if (isToken(word, 'lastid')) lastId = requireStrictId(value)
      else throw unknownClaimOption(word)
    }
  }
  // Clients use clocks of their own. An impossible time counts as now.
  if (deliveredAtMs < 0 || deliveredAtMs > nowMs) deliveredAtMs = nowMs
  return { ids, minIdleMs: Math.max(0, idle), deliveredAtMs, deliveries, isForced, isJustId, lastId }
}

const unknownClaimOption = (word: Bytes) => clientError(`ERR Unrecognized XCLAIM option '${word}'`)
const badClaimOption = (name: Bytes) => () => clientError(`ERR Invalid ${name} option argument for XCLAIM`)

function claim(context: Context, key: Bytes, consumer: Consumer, options: PendingClaim): { replies: Reply[]; claimed: number } {
  const { group } = consumer
  const { entries } = group.stream
  const { nowMs } = context
  // A replayed XCLAIM without LASTID is of entries that their consumer read again, which does not
  // count as activity (effects.ts).
  const isHistory = context.keyspace.expiryMode === 'ignore' && options.lastId === null
  const log = new PendingLog(context, key, consumer, group.lastId)
  const replies: Reply[] = []
  for (const id of options.ids) {
    const pending = group.pending(id)
    if (!entries.find(id)) {
      if (pending === undefined) continue
      group.acknowledge(id)
      log.addDropped(id)
      continue
    }
    const entry = entries.value as Bytes
    if (pending === undefined && !options.isForced) continue
    if (pending !== undefined && options.minIdleMs > 0 && nowMs - pending.deliveredAtMs < options.minIdleMs) continue
    // Created by FORCE: counts as delivered once, as in Redis.
    const before = pending?.deliveries ?? 1
    const deliveries = options.deliveries ?? (options.isJustId ? before : increment(before))
    group.assign(id, consumer, options.deliveredAtMs, deliveries)
    log.claim(id, options.deliveredAtMs, deliveries)
    replies.push(options.isJustId ? idText(id) : entryReply(id, entry))
  }
  if (replies.length > 0 && !isHistory) consumer.act(nowMs)
  log.finish()
  return { replies, claimed: replies.length }
}

const xautoclaim = command({
  ...claiming,
  name: 'xautoclaim',
  since: '6.2.0',
  summary:
    'Changes, or acquires, ownership of messages in a consumer group, as if the messages were delivered to as consumer group member.',
  complexity: 'O(1) if COUNT is small.',
  syntax: 'XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]',
  keys: firstKey('RW', 'delete'),
  history: [['7.0.0', 'Added an element to the reply array, containing deleted entries the command cleared from the PEL']],
  run(context, args) {
    const options = autoclaimOf(args)
    const stream = readAs(context.db, args[1], Stream)
    const group = stream === undefined ? undefined : findGroup(stream, args[2])
    if (group === undefined) throw noGroup(args[1], args[2])
    const found = group.consumer(args[3])
    const consumer = found ?? createConsumer(context, args[1], group, args[3])
    consumer.see(context.nowMs)
    return autoclaim(context, args[1], consumer, options, found === undefined ? 'new' : 'known')
  },
})

/** XAUTOCLAIM looks at this many pending entries for each entry of its COUNT. */
const ATTEMPTS_PER_ENTRY = 10
const MAX_CLAIMS = (2n ** 63n - 1n) / 16n

interface Autoclaim {
  readonly minIdleMs: number
  readonly start: Bytes
  readonly count: number
  readonly isJustId: boolean
}

function autoclaimOf(args: Args): Autoclaim {
  const idle = requireClampedInteger(args[4], () => clientError('ERR Invalid min-idle-time argument for XAUTOCLAIM'))
  const start = requireStart(must(args[5]))
  let count = 100
  let isJustId = false
  for (let at = 6; at < args.length; at++) {
    if (isToken(args[at], 'count') && at + 1 < args.length) {
      const given = requireInteger(must(args[++at]), notAResultCount)
      if (given < 1 || given > MAX_CLAIMS) throw notAResultCount()
      count = Number(given)
    } else if (isToken(args[at], 'justid')) isJustId = true
    else throw syntaxError()
  }
  return { minIdleMs: Math.max(0, idle), start, count, isJustId }
}

function autoclaim(context: Context, key: Bytes, consumer: Consumer, options: Autoclaim, state: 'new' | 'known'): Reply {
  const { group } = consumer
  const { entries } = group.stream
  const { nowMs } = context
  const log = new PendingLog(context, key, consumer, group.lastId)
  const claimed: Reply[] = []
  const deleted: Reply[] = []
  const range = group.pendingFrom(options.start)
  for (
    let attempts = options.count * ATTEMPTS_PER_ENTRY;
    attempts > 0 && claimed.length + deleted.length < options.count && range.next();
    attempts--
  ) {
    const { id, pending } = range
    if (!entries.find(id)) {
      group.acknowledge(id)
      log.addDropped(id)
      deleted.push(idText(id))
      continue
    }
    if (options.minIdleMs > 0 && nowMs - pending.deliveredAtMs < options.minIdleMs) continue
    const deliveries = options.isJustId ? pending.deliveries : increment(pending.deliveries)
    claimed.push(options.isJustId ? idText(id) : entryReply(id, entries.value as Bytes))
    group.assign(id, consumer, nowMs, deliveries)
    log.claim(id, nowMs, deliveries)
  }
  if (claimed.length > 0) consumer.act(nowMs)
  log.finish()
  if (claimed.length === 0 && state === 'new') logConsumer(context, key, consumer)
  return [idText(range.next() ? range.id : ZERO_ID), claimed, deleted]
}

export const streamClaims: readonly Command[] = [xpending, xclaim, xautoclaim]
