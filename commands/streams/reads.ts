/**
 * Reading new entries: XREAD continues after ids that the client remembers, XREADGROUP after the
 * group's position on the server. Both can block.
 *
 * Difference from Redis: a consumer that reads its own history again changes the entries' times and
 * counts. That is logged, so it survives a restart and reaches replicas.
 */

import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { KIND_STREAM } from '../../storage/records/records.ts'
import type { Consumer } from '../../storage/values/streams/consumers.ts'
import { type ConsumerGroup, findGroup } from '../../storage/values/streams/groups.ts'
import { idText, increment, MAX_ID, nextId, ZERO_ID } from '../../storage/values/streams/id.ts'
import { Stream } from '../../storage/values/streams/stream.ts'
import { type Args, type Command, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { findStreamKeys } from '../contract/key-finder.ts'
import { MapReply, NULL_ARRAY, type Reply } from '../contract/reply.ts'
import { isToken, requireClampedInteger } from '../parsing/args.ts'
import { requireTimeoutMs } from '../parsing/timeouts.ts'
import { readAs } from '../parsing/typed-access.ts'
import { createConsumer, logConsumer, logGroup, PendingLog } from './effects.ts'
import { requireStrictId } from './ids.ts'
import { entriesReply, entryReply, findEntry } from './replies.ts'

interface ReadOptions {
  /** The largest number of entries from each stream. */
  readonly count: number
  /** -1 for not blocking, 0 for no timeout. */
  readonly timeoutMs: number
  readonly isAcknowledged: boolean
  readonly group: Bytes | null
  readonly consumer: Bytes
  /** The position of the first key. As many ids as keys follow the keys. */
  readonly firstKeyIndex: number
  readonly keyCount: number
}

/** Reads the words before the keys. */
function optionsOf({ session, nowMs }: Context, args: Args, name: 'xread' | 'xreadgroup'): ReadOptions {
  const isGroup = name === 'xreadgroup'
  let count = Number.POSITIVE_INFINITY
  let timeoutMs = -1
  let isAcknowledged = false
  let group: Bytes | null = null
  let consumer: Bytes = ''
  for (let i = 1; i < args.length; i++) {
    const word = args[i]
    const left = args.length - 1 - i
    if (left > 0 && isToken(word, 'block')) {
      if (session.isScript) throw clientError(`ERR ${args[0]} command is not allowed with BLOCK option from scripts`)
      timeoutMs = requireTimeoutMs(must(args[++i]), nowMs)
    } else if (left > 0 && isToken(word, 'count')) {
      const given = requireClampedInteger(must(args[++i]))
      count = given <= 0 ? Number.POSITIVE_INFINITY : given
    } else if (left > 0 && isToken(word, 'streams')) {
      if (left % 2 !== 0) {
        const last = isGroup ? '>' : '$'
        throw clientError(`ERR Unbalanced '${name}' list of streams: for each stream key an ID or '${last}' must be specified.`)
      }
      if (isGroup && group === null) throw clientError('ERR Missing GROUP option for XREADGROUP')
      return { count, timeoutMs, isAcknowledged, group, consumer, firstKeyIndex: i + 1, keyCount: left / 2 }
    } else if (left > 1 && isToken(word, 'group')) {
      if (!isGroup) throw clientError('ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.')
      group = must(args[i + 1])
      consumer = must(args[i + 2])
      i += 2
    } else if (isToken(word, 'noack')) {
      if (!isGroup) throw clientError('ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.')
      isAcknowledged = true
    } else throw syntaxError()
  }
  throw syntaxError()
}

const keys = (startFrom: number) =>
  [{ access: ['RO', 'access'], begin: { keyword: 'STREAMS', startFrom }, find: { last: -1, step: 1, limit: 2 } }] as const

const xread = command({
  name: 'xread',
  group: 'stream',
  since: '5.0.0',
  summary:
    'Returns messages from multiple streams with IDs greater than the ones requested. Blocks until a message is available otherwise.',
  complexity:
    'For each stream mentioned: O(N) with N being the number of elements being returned, it means that XREAD-ing with a fixed COUNT is O(1). Note that when the BLOCK option is used, XADD will pay O(M) time in order to serve the M clients blocked on the stream getting new data.',
  syntax: 'XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]',
  arity: -4,
  flags: ['readonly', 'blocking'],
  keys: keys(1),
  findKeys: findStreamKeys,
  run(context, args) {
    const options = optionsOf(context, args, 'xread')
    const { firstKeyIndex, keyCount, count } = options
    const streams: (Stream | undefined)[] = []
    const ids: Bytes[] = []
    for (let i = 0; i < keyCount; i++) {
      const stream = readAs(context.db, must(args[firstKeyIndex + i]), Stream)
      streams.push(stream)
      ids.push(requireReadId(must(args[firstKeyIndex + keyCount + i]), stream))
    }
    const served: Reply[] = []
    for (let i = 0; i < keyCount; i++) {
      const stream = streams[i]
      const id = must(ids[i])
      if (stream === undefined) {
        // Counts a second miss, because Redis looks up the key twice.
        context.db.missed(must(args[firstKeyIndex + i]))
        continue
      }
      // An id from the last present entry on finds nothing yet, even if `lastId` is higher.
      if (stream.size === 0 || id >= stream.lastId || id >= stream.lastPresentId) continue
      const rank = stream.countUpTo(id)
      served.push(must(args[firstKeyIndex + i]), entriesReply(stream, rank, Math.min(count, stream.size - rank), 'forward'))
    }
    return served.length > 0 ? streamsReply(context, served) : wait(context, args, options, ids)
  },
})

function requireReadId(word: Bytes, stream: Stream | undefined): Bytes {
  if (word === '$') return stream === undefined ? ZERO_ID : stream.lastId
  if (word !== '>') return requireStrictId(word)
  throw clientError('ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.')
}

const xreadgroup = command({
  name: 'xreadgroup',
  group: 'stream',
  since: '5.0.0',
  summary: 'Returns new or historical messages from a stream for a consumer in a group. Blocks until a message is available otherwise.',
  complexity:
    'For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream getting new data.',
  syntax: 'XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]',
  arity: -7,
  flags: ['write', 'blocking'],
  keys: keys(4),
  findKeys: findStreamKeys,
  run(context, args) {
    const options = optionsOf(context, args, 'xreadgroup')
    const { firstKeyIndex, keyCount } = options
    const name = must(options.group)
    // A stream that is named twice has one group, so the entries delivered for the first name are
    // gone for the second.
    const groups: ConsumerGroup[] = []
    const ids: Bytes[] = []
    for (let i = 0; i < keyCount; i++) {
      const key = must(args[firstKeyIndex + i])
      const stream = readAs(context.db, key, Stream)
      const group = stream === undefined ? undefined : (sameStream(groups, stream) ?? findGroup(stream, name))
      if (group === undefined) throw clientError(`NOGROUP No such key '${key}' or consumer group '${name}' in XREADGROUP with GROUP option`)
      groups.push(group)
      ids.push(requireGroupId(must(args[firstKeyIndex + keyCount + i])))
    }
    const served: Reply[] = []
    for (let i = 0; i < keyCount; i++) {
      const key = must(args[firstKeyIndex + i])
      const entries = serveGroup(context, key, must(groups[i]), must(ids[i]), options)
      if (entries !== null) served.push(key, entries)
    }
    return served.length > 0 ? streamsReply(context, served) : wait(context, args, options, [])
  },
})

function sameStream(groups: readonly ConsumerGroup[], stream: Stream): ConsumerGroup | undefined {
  for (const group of groups) if (group.stream === stream) return group
  return undefined
}

/** Redis takes the greatest id for `>`, and reads that id as `>`. */
function requireGroupId(word: Bytes): Bytes {
  if (word === '>') return MAX_ID
  if (word !== '$') return requireStrictId(word)
  throw clientError(
    'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.',
  )
}

/** The entries that a consumer gets from one stream; null if there are no new ones. */
function serveGroup(context: Context, key: Bytes, group: ConsumerGroup, id: Bytes, options: ReadOptions): Reply[] | null {
  const { nowMs } = context
  const found = group.consumer(options.consumer)
  const consumer = found ?? createConsumer(context, key, group, options.consumer)
  const hasNews = id === MAX_ID && group.lastId < group.stream.lastPresentId
  const delivers = hasNews && !options.isAcknowledged
  // Otherwise XCLAIM creates it.
  if (found === undefined && !delivers) logConsumer(context, key, consumer)
  consumer.see(nowMs)
  if (id !== MAX_ID) return history(context, key, consumer, id, options.count)
  return hasNews ? news(context, key, consumer, options) : null
}

/**
 * Delivers the entries after the group's position. They become pending, unless NOACK counts them as
 * acknowledged.
 */
function news(context: Context, key: Bytes, consumer: Consumer, { count, isAcknowledged }: ReadOptions): Reply[] {
  const { group } = consumer
  const { stream } = group
  const rank = stream.countUpTo(group.lastId)
  const wanted = Math.min(count, stream.size - rank)
  const ids: Bytes[] = []
  const replies: Reply[] = []
  const cursor = stream.entries.cursor(rank)
  while (ids.length < wanted && cursor.next()) {
    ids.push(cursor.key)
    replies.push(entryReply(cursor.key, cursor.value as Bytes))
    group.advance(cursor.key)
  }
  group.save()
  if (!isAcknowledged) {
    const log = new PendingLog(context, key, consumer, group.lastId)
    for (const id of ids) {
      group.assign(id, consumer, context.nowMs, 1)
      log.claim(id, context.nowMs, 1)
    }
    consumer.act(context.nowMs)
    log.finish()
  }
  logGroup(context, key, group)
  return replies
}

/** The consumer's own pending entries after an id; entries deleted since have no fields. */
function history(context: Context, key: Bytes, consumer: Consumer, id: Bytes, count: number): Reply[] {
  const { group } = consumer
  const { nowMs } = context
  const replies: Reply[] = []
  const log = new PendingLog(context, key, consumer, null)
  const range = consumer.pendingFrom(must(nextId(id)))
  while (replies.length < count && range.next()) {
    const entry = findEntry(group.stream, range.id)
    replies.push(entry ?? [idText(range.id), NULL_ARRAY])
    const pending = entry === undefined ? undefined : group.pending(range.id)
    if (pending === undefined) continue
    const deliveries = increment(pending.deliveries)
    group.assign(range.id, consumer, nowMs, deliveries)
    log.claim(range.id, nowMs, deliveries)
  }
  log.finish()
  return replies
}

/** Keys and the entries read from their streams, alternating. */
function streamsReply({ session }: Context, served: readonly Reply[]): Reply {
  if (session.resp === 3) return new MapReply(served)
  const pairs: Reply[] = []
  for (let i = 0; i < served.length; i += 2) pairs.push([served[i] as Reply, served[i + 1] as Reply])
  return pairs
}

/**
 * Blocks the client, or answers nil without BLOCK. `ids` has the resolved ids: `$` must not move
 * while the client is blocked.
 */
function wait(context: Context, args: Args, { timeoutMs, firstKeyIndex, keyCount, group }: ReadOptions, ids: readonly Bytes[]): Reply {
  if (timeoutMs < 0) return NULL_ARRAY
  const keys = args.slice(firstKeyIndex, firstKeyIndex + keyCount)
  const common = { keys, kind: KIND_STREAM, timeoutMs, onTimeout: NULL_ARRAY }
  if (group !== null) return context.block({ ...common, wakesOnDelete: true, waitGroup: group })
  return context.block({ ...common, args: [...args.slice(0, firstKeyIndex + keyCount), ...ids.map(idText)] })
}

export const streamReads: readonly Command[] = [xread, xreadgroup]
