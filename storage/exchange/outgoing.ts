/**
 * Values as the RDB writer takes them. Large values are iterated page by page. Pages that were read
 * from disk for a collection are evicted once its cursor has left them.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { RdbPendingEntry, RdbStreamEntry, RdbStreamId } from '../../rdb/elements.ts'
import type {
  RdbConsumer,
  RdbGroup,
  RdbHashValue,
  RdbListValue,
  RdbSetValue,
  RdbSortedSetValue,
  RdbStreamValue,
  RdbStringValue,
  RdbValue,
} from '../../rdb/values.ts'
import { Hash } from '../values/hash.ts'
import { List } from '../values/list.ts'
import { Rope } from '../values/rope.ts'
import { SetValue } from '../values/set.ts'
import { SortedSet } from '../values/sorted-set.ts'
import type { Consumer } from '../values/streams/consumers.ts'
import { type ConsumerGroup, groupsOf } from '../values/streams/groups.ts'
import { ZERO_ID } from '../values/streams/id.ts'
import { unpackEntry } from '../values/streams/packed-entry.ts'
import { Stream } from '../values/streams/stream.ts'
import type { Value } from '../values/value.ts'

/** A larger collection is never one packed encoding, whatever the configured limits are. */
const MAX_PACKED_COUNT = 1024 * 1024

/** Returns a value for the writer, which has to read it before the value changes. */
export function rdbValueOf(value: Value): RdbValue {
  if (typeof value === 'string') return { type: 'string', sizeBytes: value.length, pieces: [value] }
  if (value instanceof Rope) return ropeOf(value)
  if (value instanceof List) return listOf(value)
  if (value instanceof SetValue) return setOf(value)
  if (value instanceof SortedSet) return sortedSetOf(value)
  if (value instanceof Hash) return hashOf(value)
  if (value instanceof Stream) return streamOf(value)
  throw new Error('a value of no known type')
}

/** Returns true if only an RDB of version 12 holds all of the value: a field has a deadline. */
export function hasFieldDeadlines(value: Value): boolean {
  return value instanceof Hash && liveDeadlineCount(value) > 0
}

function ropeOf(rope: Rope): RdbStringValue {
  function* pieces(): Generator<Bytes> {
    for (const piece of rope.pieces(0, rope.length)) yield piece.latin1Slice()
  }
  return { type: 'string', sizeBytes: rope.length, pieces: pieces() }
}

function listOf(list: List): RdbListValue {
  function* elements(): Generator<Bytes> {
    for (const cursor = list.cursor(); cursor.next(); ) yield cursor.value as Bytes
  }
  return { type: 'list', count: list.size, elements: elements() }
}

function setOf(set: SetValue): RdbSetValue {
  function* members(): Generator<Bytes> {
    for (const cursor = set.cursor(); cursor.next(); ) yield cursor.key
  }
  return { type: 'set', count: set.size, isPacked: set.encodingName === 'intset' && set.size <= MAX_PACKED_COUNT, members: members() }
}

/** True if a sorted set is written as a listpack, from the least score on. */
export function isPackedSet(set: SortedSet): boolean {
  return set.encodingName === 'listpack' && set.size <= MAX_PACKED_COUNT
}

function sortedSetOf(set: SortedSet): RdbSortedSetValue {
  const isPacked = isPackedSet(set)
  function* members(): Generator<readonly [Bytes, number]> {
    // Redis, too, begins a large one with the greatest score, which makes it fast to load.
    const cursor = isPacked ? set.cursor(0) : set.cursor(set.size - 1, 'backward')
    while (cursor.next()) yield [cursor.member, cursor.score]
  }
  return { type: 'sorted-set', count: set.size, isPacked, members: members() }
}

/** The number of fields with a deadline that are not expired. */
function liveDeadlineCount(hash: Hash): number {
  return hash.nextDeadlineMs === 0 ? 0 : hash.object.tree(1).count - hash.dueCount
}

function hashOf(hash: Hash): RdbHashValue {
  function* fields(): Generator<readonly [Bytes, Bytes, number | null]> {
    for (const cursor = hash.cursor(); cursor.next(); ) {
      const { value } = cursor
      const content = hash.liveValue(value)
      if (content !== undefined) yield [cursor.key, content, typeof value === 'object' ? value.expireAtMs : null]
    }
  }
  const minDeadlineMs = liveDeadlineCount(hash) > 0 ? hash.nextDeadlineMs : null
  return {
    type: 'hash',
    count: hash.liveSize,
    isPacked: !hash.isHashtable && hash.size <= MAX_PACKED_COUNT,
    minDeadlineMs,
    fields: fields(),
  }
}

function streamOf(stream: Stream): RdbStreamValue {
  function* entries(): Generator<RdbStreamEntry> {
    for (const cursor = stream.entries.cursor(0); cursor.next(); ) yield { id: cursor.key, fields: unpackEntry(cursor.value as Bytes) }
  }
  const { size: count, lastId, firstId, maxDeletedId, entriesAdded } = stream
  const groups = groupsOf(stream).map(groupOf)
  return { type: 'stream', count, entries: entries(), lastId, firstId, maxDeletedId, entriesAdded: BigInt(entriesAdded), groups }
}

function groupOf(group: ConsumerGroup): RdbGroup {
  function* pending(): Generator<RdbPendingEntry> {
    for (const range = group.pendingFrom(ZERO_ID); range.next(); ) {
      const { deliveredAtMs, deliveries } = range.pending
      yield { id: range.id, deliveredAtMs, deliveryCount: Number(deliveries) }
    }
  }
  const { name, lastId, entriesRead, pendingCount } = group
  const consumers = group.consumers.map(consumerOf)
  return { name, lastId, entriesRead: entriesRead === -1 ? null : BigInt(entriesRead), pendingCount, pending: pending(), consumers }
}

function consumerOf(consumer: Consumer): RdbConsumer {
  function* ids(): Generator<RdbStreamId> {
    for (const range = consumer.pendingFrom(''); range.next(); ) yield range.id
  }
  const { name, seenAtMs, activeAtMs, pendingCount } = consumer
  return { name, seenAtMs, activeAtMs: activeAtMs === -1 ? null : activeAtMs, pendingCount, pendingIds: ids() }
}
