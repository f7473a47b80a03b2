/**
 * What commands need of the server around them. `server/node.ts` implements it; tests use `test/support/fake-server.ts`.
 * Commands import nothing of server/.
 */
import type { Bytes } from '../storage/bytes.ts'
import type { Random } from '../storage/clock.ts'
import type { ScanCursors } from '../storage/scan-cursors.ts'
import type { Reply } from './reply.ts'
import type { Session } from './session.ts'
import type { CommandTable } from './table.ts'

export interface ServerPort {
  readonly table: CommandTable
  readonly config: ConfigPort
  readonly clients: ClientsPort
  readonly slowlog: SlowlogPort
  readonly latency: LatencyPort
  readonly statistics: StatisticsPort
  readonly storage: StoragePort
  readonly scanCursors: ScanCursors
  readonly random: Random
  /** Text of INFO for these sections (lower case; empty for the default ones). */
  info(sections: readonly Bytes[]): Bytes
  /** SHUTDOWN. Resolves only where the shutdown is refused or aborted. */
  shutdown(options: ShutdownOptions): Promise<Reply>
  /** SHUTDOWN ABORT: whether there was one to stop. */
  abortShutdown(): boolean
  /** Blocks nothing but the server: what DEBUG SLEEP does. */
  sleepSync(milliseconds: number): void
  setActiveExpire(mode: 'on' | 'off'): void
  /** Writes a message of a client to the server's log: what DEBUG LOG does. */
  writeLog(message: Bytes): void
  role(): Reply
  version: string
  /** Fields for LOLWUT, HELLO. */
  readonly runId: string
}

export interface ShutdownOptions {
  readonly save: 'save' | 'nosave' | 'default'
  readonly now: boolean
  readonly force: boolean
}

export interface ConfigPort {
  /** Pairs of name and value whose name matches one of the glob patterns. */
  match(patterns: readonly Bytes[]): readonly (readonly [name: Bytes, value: Bytes])[]
  /** Sets all or none; throws a ClientError with Redis's text. */
  set(pairs: readonly (readonly [name: Bytes, value: Bytes])[]): void
  /** Writes the configuration file; throws a ClientError when there is none or it cannot be written. */
  rewrite(): void
  number(name: string): number
  text(name: string): string
  flag(name: string): boolean
}

export interface ClientsPort {
  all(): Iterable<Session>
  find(id: number): Session | undefined
  /** The line of CLIENT LIST and CLIENT INFO, without a line end. */
  describe(session: Session): Bytes
  /** Holds commands of clients until then: all of them, or writes only. */
  pause(untilMs: number, what: 'all' | 'write'): void
  unpause(): void
  /** Puts the session among the monitors. */
  monitor(session: Session): void
  /** Takes it from among them again. */
  stopMonitoring(session: Session): void
  /** Wakes a blocked client: as by its time-out, or with an error. False when it is not blocked. */
  unblock(session: Session, how: 'timeout' | 'error'): boolean
}

export interface SlowlogEntry {
  readonly id: number
  readonly atSeconds: number
  readonly durationMicros: number
  readonly args: readonly Bytes[]
  readonly address: string
  readonly clientName: Bytes
}

export interface SlowlogPort {
  readonly length: number
  newest(count: number): readonly SlowlogEntry[]
  reset(): void
}

export interface LatencyPort {
  /** Samples of an event, oldest first: [unix seconds, ms]. */
  history(event: Bytes): readonly (readonly [number, number])[]
  /** [event, unix seconds of the last, ms of the last, ms of the worst]. */
  latest(): readonly (readonly [Bytes, number, number, number])[]
  /** Forgets these events, or all of them; the number forgotten. */
  reset(events: readonly Bytes[]): number
  add(event: Bytes, milliseconds: number): void
  events(): readonly Bytes[]
  /** Per command: calls and the cumulative distribution in powers of two: [micros, calls up to it]. */
  histograms(names: readonly Bytes[]): readonly (readonly [name: Bytes, calls: number, buckets: readonly (readonly [number, number])[]])[]
}

export interface StatisticsPort {
  reset(): void
  /** Records an error reply under its code word, for INFO errorstats. */
  error(text: Bytes): void
}

export interface StoragePort {
  /** Makes LevelDB equal to now. Resolves when it is on disk. */
  checkpoint(): Promise<void>
  readonly checkpointRunning: boolean
  /** Unix seconds of the last one. */
  readonly lastCheckpointSeconds: number
  /** Drops everything in memory and recovers from disk, as a restart would. */
  reload(): Promise<void>
  /** Memory figures in bytes, for MEMORY STATS and INFO, under the names of MemoryFigure. */
  memory(): ReadonlyMap<string, number>
}

/** `used`: V8's heap in use and what lies outside of it (external, array buffers). `heap`: V8's heap as reserved. `rss`: the process's resident
 *  size. `peak`: the highest `used` seen. `startup`: `used` after recovery. `dataset`: the working set. `dirty`: of that, what no checkpoint
 *  has written. `clients`: query and output buffers. `binlog`: the open group. The limits are cache-memory and dirty-limit. */
export type MemoryFigure =
  | 'used'
  | 'heap'
  | 'rss'
  | 'peak'
  | 'startup'
  | 'dataset'
  | 'dirty'
  | 'clients'
  | 'binlog'
  | 'cache-limit'
  | 'dirty-limit'
