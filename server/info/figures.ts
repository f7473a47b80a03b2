/**
 * The figures of INFO, before they are text. Sizes are bytes, durations milliseconds and times wall
 * time (ms since the epoch) unless a name says otherwise.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { DenialCounts } from '../../commands/acl/acl.ts'
import type { MemoryFigure } from '../../commands/contract/ports.ts'
import type { CommandCounters } from '../../commands/contract/runtimes.ts'

export interface InfoFigures {
  readonly server: ServerFigures
  readonly clients: ClientFigures
  readonly memory: ReadonlyMap<MemoryFigure, number>
  readonly maxmemory: { readonly bytes: number; readonly policy: Bytes; readonly systemBytes: number }
  readonly functions: FunctionFigures
  readonly scripts: ScriptFigures
  readonly persistence: PersistenceFigures
  readonly stats: StatsFigures
  readonly replication: ReplicationFigures
  readonly cpu: CpuFigures
  readonly commands: Iterable<readonly [name: Bytes, counters: Readonly<CommandCounters>]>
  readonly errors: Iterable<readonly [code: Bytes, count: number]>
  /** For each command, the duration (µs) that each percentage of its runs does not exceed. */
  readonly latencies: Iterable<readonly [name: Bytes, percentiles: readonly (readonly [percent: number, micros: number])[]]>
  readonly keyspace: readonly { readonly index: number; readonly keys: number; readonly volatile: number }[]
  readonly binlog: BinlogFigures
  readonly storage: StorageFigures
}

/** CPU seconds of the process and of its main thread. */
export interface CpuFigures {
  readonly systemSeconds: number
  readonly userSeconds: number
  readonly mainSystemSeconds: number
  readonly mainUserSeconds: number
}

export interface ServerFigures {
  readonly version: string
  readonly runId: string
  readonly processId: number
  readonly port: number
  readonly wallMs: number
  readonly uptimeMs: number
  /** Name and release of the operating system, and machine type. */
  readonly system: string
  readonly nodeVersion: string
  readonly v8Version: string
  readonly executable: string
  readonly configFile: Bytes
  readonly directory: Bytes
  /** Lines lost since the start because the log could not be written. */
  readonly logLinesDropped: number
  readonly listeners: readonly ListenerFigures[]
}

export interface ListenerFigures {
  readonly name: 'tcp' | 'unix' | 'tls'
  /** As configured; for a Unix socket its path. */
  readonly addresses: readonly Bytes[]
  /** 0 for a Unix socket. */
  readonly port: number
}

/** Figures of EVAL's scripts. */
export interface ScriptFigures {
  readonly scripts: number
  readonly textBytes: number
  readonly machineBytes: number
}

export interface FunctionFigures {
  readonly libraries: number
  readonly functions: number
  /** Bytes of the libraries' code; `machineBytes` is the memory of the Lua machine. */
  readonly codeBytes: number
  readonly machineBytes: number
}

export interface ClientFigures {
  /** Includes connections in a TLS handshake. */
  readonly connected: number
  readonly handshaking: number
  readonly limit: number
  readonly longestQueryBuffer: number
  readonly longestOutput: number
  /** Clients blocked by a command that waits for keys, replicas or an fsync. */
  readonly blocked: number
  /** Clients blocked on keys with a timeout. */
  readonly timed: number
  /** Keys that clients are blocked on, and those of them whose deletion also wakes a client. */
  readonly awaitedKeys: number
  readonly awaitedKeysOrGone: number
  /** Clients with a subscription of any kind. */
  readonly subscribers: number
  /** Clients with CLIENT TRACKING on. */
  readonly tracking: number
  /** Clients held by CLIENT PAUSE or because the disk is too slow. Redis counts them as blocked. */
  readonly held: number
  /** Names of the reasons that hold or refuse requests now. */
  readonly gateReasons: readonly string[]
}

export interface PersistenceFigures {
  readonly loading: boolean
  readonly dirtyRecords: number
  /** Changes since the last checkpoint. */
  readonly changes: number
  readonly checkpointRunning: boolean
  readonly lastCheckpointMs: number
  /** Null before the first checkpoint. */
  readonly lastDurationMs: number | null
  readonly lastFailed: boolean
  readonly checkpoints: number
  readonly recoveredKeys: number
  readonly writeStatus: 'ok' | 'err'
}

export interface StatsFigures {
  readonly connectionsReceived: number
  readonly commandsProcessed: number
  readonly commandsPerSecond: number
  readonly netInputBytes: number
  readonly netOutputBytes: number
  readonly inputPerSecond: number
  readonly outputPerSecond: number
  readonly rejectedConnections: number
  readonly outputLimitDisconnections: number
  readonly queryBufferLimitDisconnections: number
  /** Requests that the ACL has refused. */
  readonly denials: DenialCounts
  readonly expiredKeys: number
  readonly expiredFields: number
  /** Paged values that were deleted or replaced, and nodes of these that are still in memory. */
  readonly droppedObjects: number
  readonly droppedPages: number
  readonly hits: number
  readonly misses: number
  readonly errorReplies: number
  /**
   * Turns of the event loop with work to do, time in which the loop was not idle, and time in which
   * commands ran.
   */
  readonly turns: number
  readonly activeMs: number
  readonly commandMicros: number
  readonly turnsPerSecond: number
  readonly microsPerTurn: number
  readonly reads: number
  readonly writes: number
  /**
   * Replicas that got a full sync, that continued by partial sync, and whose partial sync was
   * refused.
   */
  readonly fullSyncs: number
  readonly partialSyncs: number
  readonly partialSyncsRefused: number
  /** The part of the bytes above that came from a master or went to replicas. */
  readonly replicationInputBytes: number
  readonly replicationOutputBytes: number
  readonly replicationInputPerSecond: number
  readonly replicationOutputPerSecond: number
  /** Tracked keys, their readers in all, and the prefixes of broadcasting mode. */
  readonly trackedKeys: number
  readonly trackedItems: number
  readonly trackedPrefixes: number
  /** Channels, patterns and shard channels with subscribers. */
  readonly channels: number
  readonly patterns: number
  readonly shardChannels: number
}

export interface ReplicationFigures {
  readonly role: 'master' | 'replica'
  readonly replicationId: string
  /** The history that this one continues; empty if there is none. */
  readonly previousId: string
  /** Offset up to which the previous id's history is this one's, or -1. */
  readonly switchOffset: number
  /** The link to the master; null on a master. */
  readonly link: LinkFigures | null
  readonly replicas: readonly ReplicaFigures[]
  /** Replicas that have disconnected and are not forgotten yet. */
  readonly absent: readonly AbsentReplicaFigures[]
  readonly conflicts: readonly ConflictFigures[]
  /** Full syncs that this node is sending to replicas. */
  readonly given: readonly GivenFullSyncFigures[]
  /** The replica that needs the oldest part of the binlog; null if no replica needs any. */
  readonly pin: { readonly offset: number; readonly by: Bytes } | null
  readonly priority: number
  readonly announced: boolean
  /** Replicas in step; null unless min-replicas-to-write is set. */
  readonly goodReplicas: number | null
  readonly failover: 'no-failover' | 'waiting-for-sync' | 'failover-in-progress'
  /**
   * The start of the newest binlog segment before which nothing is needed, which PURGELOGSTO
   * accepts. Null if every segment is needed.
   */
  readonly purgeableTo: number | null
  /**
   * True if the data set is complete. False from the beginning of the first full sync to its end.
   */
  readonly isElectable: boolean
}

/** Times are null before the first event. */
export interface LinkFigures {
  readonly host: Bytes
  readonly port: number
  readonly state: LinkState
  /** Since the last byte from the master; null without a connection. */
  readonly silentMs: number | null
  /** Since the link went down; null while it is up and before it was ever up. */
  readonly downMs: number | null
  /** Offset received from the master and appended, and offset applied. */
  readonly receivedOffset: number
  readonly appliedOffset: number
  readonly fullSync: FullSyncFigures | null
  /** Completed since the start. */
  readonly fullSyncs: number
  readonly partialSyncs: number
  /** The reason why the last attempt failed; null while the link works. */
  readonly lastError: string | null
  readonly lastErrorMs: number | null
  /** Until the next attempt; null if none is scheduled. */
  readonly nextTryMs: number | null
}

/** As INFO shows it. CONNECT: connecting, or waiting to connect again. */
export type LinkState = 'CONNECT' | 'AUTH' | 'META_SYNC' | 'TRY_SYNC' | 'DB_SYNC' | 'BINLOG_SYNC'

export interface FullSyncFigures {
  readonly bytes: number
  /** Estimated by the master. */
  readonly totalBytes: number
  readonly bytesPerSecond: number
  /** Since the last byte received. */
  readonly silentMs: number
}

export interface ReplicaFigures {
  readonly ip: Bytes
  readonly port: number
  /** wait_bgsave: attached, and its sync has not begun. send_bulk: in a full sync. */
  readonly state: 'wait_bgsave' | 'send_bulk' | 'online'
  readonly appliedOffset: number
  readonly syncedOffset: number
  /** Since its last acknowledgement. */
  readonly silentMs: number
}

export interface AbsentReplicaFigures {
  readonly ip: Bytes
  readonly port: number
  readonly appliedOffset: number
  readonly syncedOffset: number
  readonly goneMs: number
}

/** The total is an estimate; it is 0 before there is one. */
export interface GivenFullSyncFigures {
  readonly ip: Bytes
  readonly port: number
  readonly reason: string
  readonly isResumed: boolean
  readonly sentBytes: number
  readonly totalBytes: number
}

/** Two processes that announce one address. */
export interface ConflictFigures {
  readonly ip: Bytes
  readonly port: number
  readonly runId: string
  /** The address it connects from. */
  readonly address: Bytes
  /** The process that is refused. */
  readonly refusedRunId: string
  readonly refusedAddress: Bytes
  /** Since the last refusal. */
  readonly refusedMs: number
}

export interface BinlogFigures {
  readonly startOffset: number
  readonly endOffset: number
  readonly syncedOffset: number
  readonly segments: number
  readonly retentionBytes: number
  readonly fsyncPolicy: Bytes
  readonly bytesWritten: number
  readonly groupsWritten: number
  readonly syncs: number
  /** The reason why nothing can be appended, or null. */
  readonly stalled: string | null
}

export interface StorageFigures {
  readonly checkpointOffset: number
  readonly checkpointBytesWritten: number
  readonly checkpointsFailed: number
  readonly checkpointLastError: string | null
  readonly dirtyBytes: number
  readonly dirtyLimitBytes: number
  readonly residentBytes: number
  readonly cacheBytes: number
  readonly keys: number
  readonly residentKeys: number
  /**
   * Entries and pages evicted from memory. They remain on disk; no data is lost, unlike Redis's
   * evicted keys.
   */
  readonly evictions: number
  readonly diskReads: number
  readonly garbageWaiting: number
  readonly garbageSwept: number
  /** True if the disk was full; writes are refused until there is room. */
  readonly diskLow: boolean
  readonly reopenError: string | null
}
