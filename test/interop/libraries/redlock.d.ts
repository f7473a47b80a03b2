/** Types of redlock that the tests use: the package has types, but its `exports` hide them. */
declare module 'redlock' {
  import type { Redis } from 'ioredis'

  export interface Lock {
    readonly resources: readonly string[]
    readonly value: string
    readonly expiration: number
    release(): Promise<unknown>
    extend(durationMs: number): Promise<Lock>
  }

  export interface Settings {
    readonly retryCount: number
    /** Milliseconds, as in the next field. */
    readonly retryDelay: number
    readonly retryJitter: number
    readonly automaticExtensionThreshold: number
  }

  export class ResourceLockedError extends Error {}
  export class ExecutionError extends Error {}

  export default class Redlock {
    constructor(clients: Iterable<Redis>, settings?: Partial<Settings>)
    on(event: 'error', listener: (error: Error) => void): this
    acquire(resources: readonly string[], durationMs: number, settings?: Partial<Settings>): Promise<Lock>
    release(lock: Lock, settings?: Partial<Settings>): Promise<unknown>
    using<T>(resources: readonly string[], durationMs: number, routine: (signal: AbortSignal) => Promise<T>): Promise<T>
  }
}
