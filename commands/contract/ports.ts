/**
 * The interfaces through which commands use the surrounding server. `server/server-port.ts`
 * implements them; tests use `test/support/harness/fake-server.ts`. Commands import nothing from
 * server/.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import type {
  AckRequest,
  BinlogSyncRequest,
  DbSyncRequest,
  MetaSyncReply,
  MetaSyncRequest,
  TrySyncReply,
  TrySyncRequest,
} from '../../replication/protocol/messages.ts'
import type { PsyncRequest, RedisHandshake } from '../../replication/protocol/psync.ts'
import type { ScanCursors } from '../../storage/scan/scan-cursors.ts'
import type { AclPort } from './access.ts'
import type { ClusterPort } from './cluster.ts'
import type { Reply } from './reply.ts'
import type { Session } from './session.ts'
import type { PubSubPort } from './subscriptions.ts'
import type { CommandTable } from './table.ts'

export interface ServerPort {
  readonly table: CommandTable
  readonly config: ConfigPort
  readonly clients: ClientsPort
  readonly acl: AclPort
  readonly pubsub: PubSubPort
  readonly functions: FunctionsPort
  readonly scripting: ScriptingPort
  readonly slowlog: SlowlogPort
  readonly latency: LatencyPort
  readonly statistics: StatisticsPort
  readonly storage: StoragePort
  readonly replication: ReplicationPort
  readonly migrations: MigrationPort
  readonly cluster: ClusterPort
  readonly scanCursors: ScanCursors
  readonly random: Random
  /** Returns INFO's text for these sections (lower case; empty means the default ones). */
  info(sections: readonly Bytes[]): Bytes
  /** SHUTDOWN. Resolves only if the shutdown is refused or aborted. */
  shutdown(options: ShutdownOptions): Promise<Reply>
  /** SHUTDOWN ABORT. Returns true if a shutdown was under way. */
  abortShutdown(): boolean
  /** Blocks the whole server, as DEBUG SLEEP does. */
  sleepSync(durationMs: number): void
  setActiveExpire(mode: 'on' | 'off'): void
  /** Writes a client's message to the server's log, as DEBUG LOG does. */
  writeLog(message: Bytes): void
  version: string
  /** The run id that LOLWUT and HELLO show. */
  readonly runId: string
}

/**
 * The libraries of functions, for other families. `functions/libraries.ts` implements it and adds
 * the methods for the commands on functions.
 */
export interface FunctionsPort {
  /** Total size of the libraries' code. */
  readonly codeBytes: number
}

/**
 * The scripts of EVAL, for other families. `scripting/scripting.ts` implements it and adds the
 * methods for the commands on scripts.
 */
export interface ScriptingPort {
  /** Bytes used by the machine and by the texts of scripts. */
  readonly memory: { readonly machine: number; readonly scripts: number }
  readonly runner: {
    /** Scripts may call commands with the flag `noscript` (DEBUG SET-DISABLE-DENY-SCRIPTS). */
    mayRunNoscript: boolean
  }
}

export interface ShutdownOptions {
  readonly save: 'save' | 'nosave' | 'default'
  readonly isImmediate: boolean
  readonly isForced: boolean
}

/**
 * The configuration keys that commands read. The server's table has each with a value of this type;
 * otherwise its Config does not compile.
 */
type NumberKey =
  | 'acllog-max-len'
  | 'hash-max-listpack-entries'
  | 'hash-max-listpack-value'
  | 'hll-sparse-max-bytes'
  | 'latency-monitor-threshold'
  | 'list-max-listpack-size'
  | 'proto-max-bulk-len'
  | 'set-max-intset-entries'
  | 'set-max-listpack-entries'
  | 'set-max-listpack-value'
  | 'slowlog-log-slower-than'
  | 'stream-node-max-bytes'
  | 'stream-node-max-entries'
  | 'zset-max-listpack-entries'
  | 'zset-max-listpack-value'

type TextKey = 'enable-debug-command' | 'enable-module-command' | 'userpass'

export interface ConfigPort {
  /** Returns name and value of each key whose name matches one of the glob patterns. */
  match(patterns: readonly Bytes[]): readonly (readonly [name: Bytes, value: Bytes])[]
  /** Sets all or none; throws a ClientError with Redis's text. */
  set(pairs: readonly (readonly [name: Bytes, value: Bytes])[]): void
  /** Writes the configuration file; throws a ClientError if there is none or writing fails. */
  rewrite(): void
  number(name: NumberKey): number
  text(name: TextKey): Bytes
  flag(name: 'rdbcompression'): boolean
}

export interface ClientsPort {
  all(): Iterable<Session>
  find(id: number): Session | undefined
  /** Returns the line of CLIENT LIST and CLIENT INFO, without a line end. */
  describe(session: Session): Bytes
  /** Holds clients' commands for this long: all of them, or writes only. */
  pause(durationMs: number, what: 'all' | 'write'): void
  unpause(): void
  /** Adds the session to the monitors. */
  monitor(session: Session): void
  /** Removes the session from the monitors. */
  stopMonitoring(session: Session): void
  /**
   * Wakes a blocked client, as if by its time-out or with an error. Returns false if it is not
   * blocked.
   */
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
  /** Returns the samples of an event, oldest first: [unix seconds, ms]. */
  history(event: Bytes): readonly (readonly [number, number])[]
  /** Returns the samples of an event by age, oldest first: [whole seconds ago, ms]. */
  samplesByAge(event: Bytes): readonly (readonly [number, number])[]
  /** Returns per event: [event, unix seconds of the last, ms of the last, ms of the worst]. */
  latest(): readonly (readonly [Bytes, number, number, number])[]
  /** Forgets these events, or all of them if none are named. Returns the number forgotten. */
  reset(events: readonly Bytes[]): number
  add(event: Bytes, durationMs: number): void
  events(): readonly Bytes[]
  /**
   * Returns per command its calls and the cumulative distribution in powers of two: [micros, number
   * of calls up to it].
   */
  histograms(names: readonly Bytes[]): readonly (readonly [name: Bytes, calls: number, buckets: readonly (readonly [number, number])[]])[]
}

export interface StatisticsPort {
  reset(): void
  /** Records an error reply under its code word, for INFO errorstats. */
  error(text: Bytes): void
}

export interface StoragePort {
  /** Brings LevelDB up to date with memory. Resolves when the checkpoint is durable. */
  checkpoint(): Promise<void>
  readonly isCheckpointRunning: boolean
  /** Unix seconds of the last checkpoint. */
  readonly lastCheckpointSeconds: number
  /** Drops everything in memory and recovers from disk, as a restart would. */
  reload(): Promise<void>
  /** Deletes expired keys if expiry in the background is off. To be called before a walk. */
  expireBeforeWalk(): void
  /** Returns memory figures in bytes for MEMORY STATS and INFO, under the names of MemoryFigure. */
  memory(): ReadonlyMap<string, number>
  /** Packs clean keys and collects V8's heap. The time grows with the number of keys in memory. */
  releaseMemory(): void
}

/**
 * Names of memory figures:
 * - `used`: V8's heap in use, plus memory outside of it (external, array buffers).
 * - `heap`: V8's heap as reserved, plus memory outside of it.
 * - `rss`: the process's resident size.
 * - `rss-anonymous`: the part of `rss` that is no mapped file, such as a table of LevelDB.
 * - `peak`: the highest `used` seen.
 * - `startup`: `used` after recovery.
 * - `dataset`: the working set.
 * - `dirty`: the part of the working set that no checkpoint has written.
 * - `clients`: query and output buffers.
 * - `binlog`: the open group.
 * - `cache-limit`, `dirty-limit`: the values of cache-memory and dirty-limit.
 */
export type MemoryFigure =
  | 'used'
  | 'heap'
  | 'rss'
  | 'rss-anonymous'
  | 'peak'
  | 'startup'
  | 'dataset'
  | 'dirty'
  | 'clients'
  | 'binlog'
  | 'cache-limit'
  | 'dirty-limit'

export interface FailoverOptions {
  /** Null: any replica that has caught up. */
  readonly to: { readonly host: Bytes; readonly port: number } | null
  /**
   * Hand over at the time-out even if the replica lags. Requires `to` and `timeoutMs`, which
   * `failover` checks last.
   */
  readonly isForced: boolean
  /** 0: no limit. */
  readonly timeoutMs: number
}

/** The number of copies that WAIT and WAITAOF wait for. */
export interface WaitTarget {
  /** The write must be durable on this node (WAITAOF 1). */
  readonly mustBeDurableHere: boolean
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
  /** True if published messages must be logged: there are replicas, and the log accepts writes. */
  readonly mustLogMessages: boolean
  role(): Reply
  /**
   * SLAVEOF host port. Returns 'already' if this node follows that master. This method and those
   * below throw ClientError, for example while the server loads.
   */
  follow(host: Bytes, port: number, how: 'partial' | 'full'): 'started' | 'already'
  /** SLAVEOF NO ONE */
  leave(): void
  failover(options: FailoverOptions): void
  abortFailover(): void
  clearReplicationId(): void
  /**
   * Removes binlog segments that end before the offset. Throws ClientError if something still needs
   * them.
   */
  purgeLogsTo(offset: number): void
  /**
   * Resolves when everything that the session has written reaches the target, at the time-out, or
   * by CLIENT UNBLOCK. Rejects with a ClientError by CLIENT UNBLOCK ERROR, or if this node becomes
   * a replica.
   */
  wait(session: Session, target: WaitTarget): Promise<WaitReached>
  /** Returns how far local and remote copies are now. Throws ClientError. */
  reached(session: Session, target: WaitTarget): WaitReached
  /** METASYNC ASK, which changes nothing. */
  answerInquiry(inquiry: MetaSyncRequest): MetaSyncReply
  /** METASYNC: from now on the session is a replica's. */
  metaSync(session: Session, request: MetaSyncRequest): MetaSyncReply
  /** The requests of a replica. REQUIRES: METASYNC has made the session a replica's. */
  trySync(session: Session, request: TrySyncRequest): TrySyncReply
  dbSync(session: Session, request: DbSyncRequest): void
  binlogSync(session: Session, request: BinlogSyncRequest): void
  /** Returns the options that REPLCONF has set for a session. REPLCONF changes them. */
  handshakeOf(session: Session): RedisHandshake
  /**
   * PSYNC, or SYNC where the request is null: from now on the session is that of a Redis replica,
   * which is sent everything else after the replies of this turn.
   */
  psync(session: Session, request: PsyncRequest | null): void
  acknowledge(session: Session, ack: AckRequest): void
}

/** Where MIGRATE sends keys, in the words of the request. */
export interface MigrationTarget {
  readonly host: Bytes
  readonly port: Bytes
  readonly database: Bytes
  /** The words of AUTH; null without them. */
  readonly credentials: readonly Bytes[] | null
}

/** A key with its value. */
export interface TransferredKey {
  readonly key: Bytes
  /** 0: no deadline. */
  readonly ttlMs: number
  /** The payload of DUMP in chunks. */
  readonly payload: readonly Buffer[]
}

export interface TransferSettings {
  readonly mayReplace: boolean
  /** The limit of each step: connecting, and any progress in writing and reading. */
  readonly timeoutMs: number
}

export interface MigrationOutcome {
  /** For each key, whether the other server has acknowledged it. */
  readonly isStored: readonly boolean[]
  /** The text for the first error that the other server answered; null for none. */
  readonly refusal: Bytes | null
  /** The text for a connection that failed; null for none. */
  readonly failure: Bytes | null
}

/** A place among the transfers that wait until payloads take less memory. */
export interface PayloadTurn {
  /** True once the payloads may be written. */
  readonly isReady: boolean
  /** Lets the next one have its turn. To be called in any case; a second call has no effect. */
  giveUp(): void
}

export interface MigrationPort {
  /** True if payloads may be written now: those in memory are within their limit. */
  readonly hasRoom: boolean
  /** Calls `ready` when payloads may be written, after all who waited before. */
  waitForRoom(ready: () => void): PayloadTurn
  /** Sends keys to another server, until `abandoned` is aborted. Never rejects. */
  transfer(
    target: MigrationTarget,
    keys: readonly TransferredKey[],
    settings: TransferSettings,
    abandoned: AbortSignal,
  ): Promise<MigrationOutcome>
}
