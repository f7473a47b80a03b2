/**
 * Keyspace events: what happens to keys, in the classes of notify-keyspace-events. Commands and expiry report them by `keyspace.event`; whoever
 * delivers them sets `keyspace.events`. While nobody wants any, reporting costs one comparison.
 */
import type { Bytes } from '../../base/bytes.ts'

/** Classes, one bit each. In the configuration: g $ l s h z x e t d m n. */
export const EVENT_GENERIC = 1
export const EVENT_STRING = 2
export const EVENT_LIST = 4
export const EVENT_SET = 8
export const EVENT_HASH = 16
export const EVENT_SORTED_SET = 32
export const EVENT_EXPIRED = 64
export const EVENT_STREAM = 256
export const EVENT_KEY_MISS = 1024
export const EVENT_NEW = 2048

export interface KeyEvents {
  /** Bits of the classes that are wanted. */
  readonly wanted: number
  happened(database: number, event: Bytes, key: Bytes): void
}

export const NO_EVENTS: KeyEvents = { wanted: 0, happened() {} }

/** Told of every key that is changed, created or deleted, by whatever: WATCH and client-side caching. */
export interface KeyObserver {
  /** Before the key changes. */
  changes(database: number, key: Bytes): void
  /** A database is about to be emptied, or to change places with another. */
  replaces(database: number, by: number | null): void
  /** All of memory is replaced: a full sync, a reload. */
  forgetsAll(): void
}
