/**
 * Keyspace events: changes of keys, in the classes of notify-keyspace-events. Commands and expiry
 * report them by `keyspace.event`; the keyspace passes them to its subscriber. While no class is
 * wanted, a report costs one comparison.
 */
import type { Bytes } from '../../base/bytes.ts'

/** Event classes, one bit each. In the configuration: g $ l s h z x e t d m n. */
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

/** The subscriber of keyspace events. */
export interface KeyEvents {
  /** The bits of the wanted classes. */
  readonly wanted: number
  onEvent(database: number, event: Bytes, key: Bytes): void
}

export const NO_EVENTS: KeyEvents = { wanted: 0, onEvent() {} }

/**
 * Observes every key that is changed, created or deleted, by commands or by expiry. For WATCH,
 * client-side caching and MIGRATE.
 */
export interface KeyObserver {
  /** Called before the key changes. */
  onChange(database: number, key: Bytes): void
  /** Called before a database is emptied (`by` is null) or swapped with the database `by`. */
  onReplace(database: number, by: number | null): void
  /** Called when all data in memory is replaced, by a full sync or a reload. */
  onReplaceAll(): void
}
