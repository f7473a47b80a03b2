/** What a configuration key is. */
import type { Bytes } from '../../base/bytes.ts'
import type { Kind } from './kinds.ts'

export type Section =
  | 'network'
  | 'tls'
  | 'clients'
  | 'users'
  | 'log'
  | 'process'
  | 'data'
  | 'collections'
  | 'replication'
  | 'scripts'
  | 'monitoring'
  | 'compatibility'

/** What a default may depend on. */
export interface Machine {
  readonly memoryBytes: number
  /** Bytes of cache that V8's heap holds; undefined for no limit. */
  readonly heapCacheBytes?: number
}

const MEBIBYTE = 1024 * 1024
export const MIN_CACHE_BYTES = 16 * MEBIBYTE

/** A quarter of the memory, in whole mebibytes, where the heap holds that. */
export function defaultCacheBytes({ memoryBytes, heapCacheBytes = Number.POSITIVE_INFINITY }: Machine): number {
  const quarter = Math.floor(memoryBytes / 4 / MEBIBYTE) * MEBIBYTE
  return Math.max(MIN_CACHE_BYTES, Math.min(quarter, heapCacheBytes))
}

export interface ConfigKey {
  readonly name: Bytes
  readonly section: Section
  readonly kind: Kind
  /** As it would be written in a file. */
  readonly default: Bytes | ((machine: Machine) => Bytes)
  /** Of a number, where its kind does not say. */
  readonly unit?: 'seconds' | 'ms' | 'µs' | 'bytes'
  /** Whether CONFIG SET may change it. */
  readonly changes: 'any time' | 'at start'
  /** Other names. One with `times` counts in a unit so many times the key's, and is shown only when asked for. */
  readonly aliases?: readonly (Bytes | { readonly name: Bytes; readonly times: number })[]
  /** A password: never logged or shown to others than CONFIG GET. */
  readonly secret?: true
  /** Shown by CONFIG GET only under its own name. */
  readonly hidden?: true
  /** CONFIG knows nothing of it: there are commands for that. */
  readonly withheld?: true
  /** Logged at the start where the value is not the default: what the key does not do here. */
  readonly warning?: string
  /** Taken so that existing files and clients work; nothing depends on it. */
  readonly inert?: true
  readonly help: string
}

/** One name of a key. */
export interface ConfigName {
  readonly name: Bytes
  readonly key: ConfigKey
  readonly times: number
  readonly hidden: boolean
}

export function defaultOf(key: ConfigKey, machine: Machine): Bytes {
  return typeof key.default === 'string' ? key.default : key.default(machine)
}
