/**
 * An RDB in parts: the reader delivers them in the order of the file. A key is a `key`, the parts
 * of its value, and a `key-end`.
 */
import type { Bytes, BytesInPlace } from '../base/bytes.ts'

export type RdbType = 'string' | 'list' | 'set' | 'sorted-set' | 'hash' | 'stream'

interface RdbKey {
  readonly kind: 'key'
  readonly key: Bytes
  readonly type: RdbType
  readonly expireAtMs: number | null
  /** The idle time and the frequency that an LRU or LFU policy of the source had for the key. */
  readonly idleSeconds: number | null
  readonly frequency: number | null
}

/** The id of a stream entry: 16 bytes big-endian, ms and sequence, so that ids compare as bytes. */
export type RdbStreamId = Bytes

export interface RdbStreamEntry {
  readonly id: RdbStreamId
  /** Fields and values in turn. */
  readonly fields: readonly Bytes[]
}

export interface RdbPendingEntry {
  readonly id: RdbStreamId
  readonly deliveredAtMs: number
  readonly deliveryCount: number
}

/** Counters are null where the encoding does not have them. */
export interface RdbStreamState {
  readonly kind: 'stream'
  readonly length: bigint
  readonly lastId: RdbStreamId
  readonly firstId: RdbStreamId | null
  readonly maxDeletedId: RdbStreamId | null
  readonly entriesAdded: bigint | null
}

/** A part of a value. All parts of a key are of its type. */
export type RdbValuePart =
  | { readonly kind: 'string'; readonly piece: Bytes }
  | { readonly kind: 'list'; readonly elements: readonly Bytes[] }
  | { readonly kind: 'set'; readonly members: readonly Bytes[] }
  | { readonly kind: 'sorted-set'; readonly members: readonly Bytes[]; readonly scores: readonly number[] }
  | {
      readonly kind: 'hash'
      readonly fields: readonly Bytes[]
      readonly values: readonly Bytes[]
      /** The deadlines of the fields, null where a field has none; null where no field has one. */
      readonly deadlinesMs: readonly (number | null)[] | null
    }
  | { readonly kind: 'stream-entries'; readonly entries: readonly RdbStreamEntry[] }
  | RdbStreamState
  /** A group; its pending entries and its consumers follow. */
  | { readonly kind: 'stream-group'; readonly name: Bytes; readonly lastId: RdbStreamId; readonly entriesRead: bigint | null }
  | { readonly kind: 'stream-pending'; readonly entries: readonly RdbPendingEntry[] }
  | { readonly kind: 'stream-consumer'; readonly name: Bytes; readonly seenAtMs: number; readonly activeAtMs: number | null }
  /** The pending entries of the group that belong to the consumer before. */
  | { readonly kind: 'stream-consumer-pending'; readonly ids: readonly RdbStreamId[] }

/** A key and its whole value, as bytes that are valid until the next part is asked for. */
export interface RdbStringKey {
  readonly kind: 'string-key'
  readonly key: BytesInPlace
  readonly value: BytesInPlace
  readonly expireAtMs: number | null
}

export type RdbPart =
  | { readonly kind: 'start'; readonly version: number }
  | { readonly kind: 'aux'; readonly name: Bytes; readonly value: Bytes }
  | { readonly kind: 'database'; readonly index: number }
  | { readonly kind: 'sizes'; readonly keyCount: number; readonly deadlineCount: number }
  | { readonly kind: 'slot'; readonly slot: number; readonly keyCount: number; readonly deadlineCount: number }
  | { readonly kind: 'library'; readonly code: Bytes }
  /** A warning: data of a module, which was skipped. */
  | { readonly kind: 'skipped'; readonly what: string; readonly offset: number }
  | RdbKey
  | RdbValuePart
  | { readonly kind: 'key-end' }
  /** A short string, only from a reader whose strings come whole. */
  | RdbStringKey
  /** The end of the file. `isVerified` is false where the file has no checksum. */
  | { readonly kind: 'end'; readonly isVerified: boolean }
