/**
 * What commands need of the server around them. `server/node.ts` implements it; tests use `test/support/harness/fake-server.ts`.
 * Commands import nothing of server/.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import type { ScanCursors } from '../../storage/scan/scan-cursors.ts'
import type { Acl } from '../acl/acl.ts'
import type { FunctionLibraries } from '../functions/libraries.ts'
import type { PubSub } from '../pubsub/pub-sub.ts'
import type { Scripting } from '../scripting/scripting.ts'
import type { Reply } from './reply.ts'
import type { Session } from './session.ts'
import type { CommandTable } from './table.ts'

export interface ServerPort {
  readonly table: CommandTable
  readonly config: ConfigPort
  readonly clients: ClientsPort
  readonly acl: Acl
  readonly pubsub: PubSub
  readonly functions: FunctionLibraries
  readonly scripting: Scripting
  readonly slowlog: SlowlogPort
  readonly latency: LatencyPort
  readonly statistics: StatisticsPort
  readonly storage: StoragePort
  readonly replication: ReplicationPort
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
  /** Holds commands of clients for so long: all of them, or writes only. */
  pause(durationMs: number, what: 'all' | 'write'): void
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
  /** The same samples by their age: [whole seconds ago, ms]. */
  aged(event: Bytes): readonly (readonly [number, number])[]
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

/** `used`: V8's heap in use and what lies outside of it (external, array buffers). `heap`: V8's heap as reserved and what lies outside of it. `rss`: the process's resident
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

export interface FailoverOptions {
  /** Null: any replica that is in step. */
  readonly to: { readonly host: Bytes; readonly port: number } | null
  /** Hand over when the time is up though the replica is behind. Wants `to` and a timeout: without them the port refuses, after all else. */
  readonly force: boolean
  /** 0: no limit. */
  readonly timeoutMs: number
}

/** What WAIT and WAITAOF wait for. */
export interface WaitTarget {
  /** The local medium has to have it (WAITAOF 1). */
  readonly local: boolean
  readonly replicas: number
  readonly what: 'applied' | 'synced'
  /** 0: no limit. */
  readonly timeoutMs: number
}

export interface WaitReached {
  readonly local: number
  readonly replicas: number
}

export interface ReplicationPort {
  readonly isReplica: boolean
  /** Whether what is published has to be logged: there are replicas, and the log takes it. */
  readonly passesOn: boolean
  /** SLAVEOF host port; throws ClientError. */
  follow(host: Bytes, port: number, how: 'from where we are' | 'full sync'): Reply
  /** SLAVEOF NO ONE */
  leave(): Reply
  role(): Reply
  failover(options: FailoverOptions): Reply
  abortFailover(): Reply
  clearReplicationId(): Reply
  /** Removes binlog segments that end before the offset; throws ClientError where something still needs them. */
  purgeLogsTo(offset: number): Reply
  /** Resolves when the target is reached for all that the session has written, when the time is up, or when CLIENT UNBLOCK says so;
   *  rejects with a ClientError by CLIENT UNBLOCK ERROR, or when this node has become a replica. */
  wait(session: Session, target: WaitTarget): Promise<WaitReached>
  /** How far things are now. Throws ClientError. */
  reached(session: Session, target: WaitTarget): WaitReached
  /** The messages of replicas, as they are sent. Throw ClientError. */
  metaSync(session: Session, args: readonly Bytes[]): Reply
  trySync(session: Session, args: readonly Bytes[]): Reply
  dbSync(session: Session, args: readonly Bytes[]): Reply
  binlogSync(session: Session, args: readonly Bytes[]): Reply
  /** REPLCONF ACK applied FACK synced ASKED asked; null where the replica does not say the last. */
  acknowledge(session: Session, ack: { readonly applied: number; readonly synced: number; readonly asked: number | null }): void
}
