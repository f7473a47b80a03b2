/** The type of a configuration key. */
import type { Bytes } from '../../base/bytes.ts'
import type { ConfigValue, Kind } from './kinds.ts'

export type ConfigSection =
  | 'network'
  | 'tls'
  | 'clients'
  | 'users'
  | 'log'
  | 'process'
  | 'data'
  | 'collections'
  | 'replication'
  | 'cluster'
  | 'scripts'
  | 'monitoring'
  | 'compatibility'

/** Facts of the machine that a default may depend on. */
export interface Machine {
  readonly memoryBytes: number
  /** Bytes of cache that fit into V8's heap; undefined for no limit. */
  readonly heapCacheBytes?: number
}

const MEBIBYTE = 1024 * 1024
export const MIN_CACHE_BYTES = 16 * MEBIBYTE

/** A quarter of the memory in whole mebibytes, or less if V8's heap holds less. */
export function defaultCacheBytes({ memoryBytes, heapCacheBytes = Number.POSITIVE_INFINITY }: Machine): number {
  const quarter = Math.floor(memoryBytes / 4 / MEBIBYTE) * MEBIBYTE
  return Math.max(MIN_CACHE_BYTES, Math.min(quarter, heapCacheBytes))
}

export interface ConfigKey<N extends Bytes = Bytes, V extends ConfigValue = ConfigValue, A extends Bytes = Bytes> {
  readonly name: N
  readonly section: ConfigSection
  readonly kind: Kind<V>
  /** The default, as a file would spell it. */
  readonly default: Bytes | ((machine: Machine) => Bytes)
  /** The unit of a number, unless its kind says it. */
  readonly unit?: 'seconds' | 'ms' | 'µs' | 'bytes'
  /**
   * `any-time`: CONFIG SET may change the key. `at-start`: CONFIG SET refuses it, as Redis does.
   * `kept`: CONFIG SET takes only the value in force, for keys that Redis can change or lacks.
   */
  readonly changes: 'any-time' | 'at-start' | 'kept'
  /**
   * Other names. An alias with `times` counts in a unit of `times` of the key's units. CONFIG GET
   * shows such an alias only when a client asks for it by name.
   */
  readonly aliases?: readonly (A | { readonly name: A; readonly times: number })[]
  /** A password: never logged, and shown by CONFIG GET alone. */
  readonly secret?: true
  /** CONFIG GET shows the key only by its own name, never for a pattern. */
  readonly hidden?: true
  /** CONFIG does not know the key: other commands read and change it. */
  readonly withheld?: true
  /**
   * Logged at the start if the value is not the default: the effect that the key does not have
   * here.
   */
  readonly warning?: string
  /** Accepted so that existing files and clients work; nothing depends on the value. */
  readonly inert?: true
  readonly help: string
}

/** One name of a key: its own or an alias. */
export interface KeyName {
  readonly name: Bytes
  readonly key: ConfigKey
  readonly times: number
  readonly isHidden: boolean
}

/**
 * A key whose table gives it as a tuple: name, kind, default, and an alias in the place that the
 * table chooses.
 */
export type KeyOfRow<R extends readonly unknown[], A> = R extends readonly [
  infer N extends Bytes,
  Kind<infer V extends ConfigValue>,
  ...unknown[],
]
  ? ConfigKey<N, V, Extract<A, Bytes>>
  : never

export function defaultOf(key: ConfigKey, machine: Machine): Bytes {
  return typeof key.default === 'string' ? key.default : key.default(machine)
}
