/**
 * Keys and values as the writer takes them: large values are iterated, never held. Where a
 * collection does not say whether it is packed, Redis's default limits decide.
 */
import type { Bytes } from '../base/bytes.ts'
import type { RdbPendingEntry, RdbStreamEntry, RdbStreamId } from './elements.ts'

/** The bytes of a buffer from `start` to before `end`. */
export interface BufferRange {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
}

export interface RdbStringValue {
  readonly type: 'string'
  readonly sizeBytes: number
  readonly pieces: Iterable<Bytes>
  /** The whole string as it lies in a buffer, which the writer copies without making a string. */
  readonly range?: BufferRange
}

export interface RdbListValue {
  readonly type: 'list'
  readonly count: number
  readonly elements: Iterable<Bytes>
}

export interface RdbSetValue {
  readonly type: 'set'
  readonly count: number
  /** True: written as an intset. REQUIRES then: all members are integers. */
  readonly isPacked?: boolean
  readonly members: Iterable<Bytes>
}

export interface RdbSortedSetValue {
  readonly type: 'sorted-set'
  readonly count: number
  /** True: written as a listpack. */
  readonly isPacked?: boolean
  /** Members in ascending order of score and member; one that is not packed may have any order. */
  readonly members: Iterable<readonly [member: Bytes, score: number]>
}

export interface RdbHashValue {
  readonly type: 'hash'
  readonly count: number
  /** True: written as a listpack, unless its deadlines are written. */
  readonly isPacked?: boolean
  /** The earliest deadline of a field, or an earlier time; null where no field has one. */
  readonly minDeadlineMs: number | null
  readonly fields: Iterable<readonly [field: Bytes, value: Bytes, deadlineMs: number | null]>
}

export interface RdbConsumer {
  readonly name: Bytes
  readonly seenAtMs: number
  /** Null where the consumer never took an entry. */
  readonly activeAtMs: number | null
  readonly pendingCount: number
  readonly pendingIds: Iterable<RdbStreamId>
}

export interface RdbGroup {
  readonly name: Bytes
  readonly lastId: RdbStreamId
  readonly entriesRead: bigint | null
  readonly pendingCount: number
  /** The pending entries of all consumers, by id. */
  readonly pending: Iterable<RdbPendingEntry>
  readonly consumers: readonly RdbConsumer[]
}

export interface RdbStreamValue {
  readonly type: 'stream'
  readonly count: number
  readonly entries: Iterable<RdbStreamEntry>
  readonly lastId: RdbStreamId
  readonly firstId: RdbStreamId
  readonly maxDeletedId: RdbStreamId
  readonly entriesAdded: bigint
  readonly groups: readonly RdbGroup[]
}

export type RdbValue = RdbStringValue | RdbListValue | RdbSetValue | RdbSortedSetValue | RdbHashValue | RdbStreamValue

/** The parts of a file in the order in which they are written. */
export type RdbItem =
  | { readonly kind: 'aux'; readonly name: Bytes; readonly value: Bytes }
  | { readonly kind: 'library'; readonly code: Bytes }
  | { readonly kind: 'database'; readonly index: number }
  | { readonly kind: 'sizes'; readonly keyCount: number; readonly deadlineCount: number }
  | { readonly kind: 'key'; readonly key: Bytes; readonly expireAtMs: number | null; readonly value: RdbValue }
