/** What INFO tells, before it is text. Bytes, milliseconds and wall time (ms since the epoch) unless a name says otherwise. */
import type { Bytes } from '../../base/bytes.ts'
import type { DenialCounts } from '../../commands/acl/acl.ts'
import type { MemoryFigure } from '../../commands/core/ports.ts'
import type { CommandCounters } from '../../commands/core/runtimes.ts'

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
  /** For each command, the durations (µs) that these percents of its runs do not pass. */
  readonly latencies: Iterable<readonly [name: Bytes, percentiles: readonly (readonly [percent: number, micros: number])[]]>
  readonly keyspace: readonly { readonly index: number; readonly keys: number; readonly volatile: number }[]
  readonly binlog: BinlogFigures
  readonly storage: StorageFigures
}

/** Seconds of the process, and of its main thread. */
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
  /** Name, release and machine. */
  readonly system: string
  readonly nodeVersion: string
  readonly v8Version: string
  readonly executable: string
  readonly configFile: Bytes
  readonly directory: Bytes
  /** Since the start, while the log could not be written. */
  readonly logLinesDropped: number
  readonly listeners: readonly ListenerFigures[]
}

export interface ListenerFigures {
  readonly name: 'tcp' | 'unix' | 'tls'
  /** As configured; the path of a Unix socket. */
  readonly addresses: readonly Bytes[]
  /** 0 for a Unix socket. */
  readonly port: number
}

/** Of EVAL's scripts. */
export interface ScriptFigures {
  readonly scripts: number
  readonly textBytes: number
  readonly machineBytes: number
}

export interface FunctionFigures {
  readonly libraries: number
  readonly functions: number
  /** Bytes of code, and of the Lua machine's memory. */
  readonly codeBytes: number
  readonly machineBytes: number
}

export interface ClientFigures {
  /** With those in the handshake of TLS. */
  readonly connected: number
  readonly handshaking: number
  readonly limit: number
  readonly longestQueryBuffer: number
  readonly longestOutput: number
  /** By a command that waits for keys, for replicas or for the medium. */
  readonly blocked: number
  /** Of those who wait for keys: whose time is limited. */
  readonly timed: number
  /** Keys that somebody waits for, and those of them whose end somebody waits for. */
  readonly awaitedKeys: number
  readonly awaitedKeysOrGone: number
  /** Clients with a subscription of any kind. */
  readonly subscribers: number
  /** Of CLIENT TRACKING. */
  readonly tracking: number
  /** Held by CLIENT PAUSE or because the disk cannot keep up. Redis counts such clients among the blocked ones. */
  readonly held: number
}

export interface PersistenceFigures {
  readonly loading: boolean
  readonly dirtyRecords: number
  /** Since the last checkpoint. */
  readonly changes: number
  readonly checkpointRunning: boolean
  readonly lastCheckpointMs: number
  /** Null before the first. */
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
  /** What the ACL has refused. */
  readonly denials: DenialCounts
  readonly expiredKeys: number
  readonly expiredFields: number
  /** Values in pages that were deleted or replaced, and nodes of those that have still to leave memory. */
  readonly droppedObjects: number
  readonly droppedPages: number
  readonly hits: number
  readonly misses: number
  readonly errorReplies: number
  /** Turns of the event loop that had anything to do, how long the loop was not idle, and how long commands ran. */
  readonly turns: number
  readonly activeMs: number
  readonly commandMicros: number
  readonly turnsPerSecond: number
  readonly microsPerTurn: number
  readonly reads: number
  readonly writes: number
  /** Replicas that were given everything, that went on where they were, and that could not. */
  readonly fullSyncs: number
  readonly partialSyncs: number
  readonly partialSyncsRefused: number
  /** Of the bytes above, those from a master and to replicas. */
  readonly replicationInputBytes: number
  readonly replicationOutputBytes: number
  readonly replicationInputPerSecond: number
  readonly replicationOutputPerSecond: number
  /** Keys that are remembered for those who have read them, their readers in all, and prefixes that somebody wants to hear of. */
  readonly trackedKeys: number
  readonly trackedItems: number
  readonly trackedPrefixes: number
  /** Channels, patterns and shard channels that somebody is subscribed to. */
  readonly channels: number
  readonly patterns: number
  readonly shardChannels: number
}

export interface ReplicationFigures {
  readonly role: 'master' | 'replica'
  readonly replicationId: string
  /** The history that this one goes on from; empty where there is none. */
  readonly previousId: string
  /** Offset up to which the previous id's history is this one's, or -1. */
  readonly switchOffset: number
  /** Of a replica. */
  readonly link: LinkFigures | null
  readonly replicas: readonly ReplicaFigures[]
  /** Replicas that have left and are not forgotten yet. */
  readonly absent: readonly AbsentReplicaFigures[]
  readonly conflicts: readonly ConflictFigures[]
  /** Full syncs that replicas are being given. */
  readonly given: readonly GivenFullSyncFigures[]
  /** Who needs the oldest part of the binlog; null where no replica needs any. */
  readonly pin: { readonly offset: number; readonly by: Bytes } | null
  readonly priority: number
  readonly announced: boolean
  /** Replicas in step, where min-replicas-to-write asks for some; else null. */
  readonly goodReplicas: number | null
  readonly failover: 'no-failover' | 'waiting-for-sync' | 'failover-in-progress'
  /** Start of the newest binlog segment that nothing before is needed of: what PURGELOGSTO may be given. Null: every segment is needed. */
  readonly purgeableTo: number | null
  /** Whether its data is whole: not so from the first full sync's beginning to its end. */
  readonly isElectable: boolean
}

/** Times are null before the first. */
export interface LinkFigures {
  readonly host: Bytes
  readonly port: number
  readonly state: LinkState
  /** Since the master was last heard of, while there is a connection; else null. */
  readonly silentMs: number | null
  /** Since the link went down; null while it is up and before it ever was. */
  readonly downMs: number | null
  /** Received from the master and appended; and of these, applied. */
  readonly receivedOffset: number
  readonly appliedOffset: number
  readonly fullSync: FullSyncFigures | null
  /** Completed, since the start. */
  readonly fullSyncs: number
  readonly partialSyncs: number
  /** Why the last attempt failed; null while all is well. */
  readonly lastError: string | null
  readonly lastErrorMs: number | null
  /** Until the next attempt, while that is waited for. */
  readonly nextTryMs: number | null
}

/** As INFO shows it. CONNECT: dialling, or waiting to do so again. */
export type LinkState = 'CONNECT' | 'AUTH' | 'META_SYNC' | 'TRY_SYNC' | 'DB_SYNC' | 'BINLOG_SYNC'

export interface FullSyncFigures {
  readonly bytes: number
  /** Estimated by the master. */
  readonly totalBytes: number
  readonly bytesPerSecond: number
  /** Since something came in. */
  readonly silentMs: number
}

export interface ReplicaFigures {
  readonly ip: Bytes
  readonly port: number
  /** wait_bgsave: known, and its sync has not begun. send_bulk: in a full sync. */
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

/** The total is an estimate, and 0 before there is one. */
export interface GivenFullSyncFigures {
  readonly ip: Bytes
  readonly port: number
  readonly reason: string
  readonly isResumed: boolean
  readonly sentBytes: number
  readonly totalBytes: number
}

/** Two processes announce one address. */
export interface ConflictFigures {
  readonly ip: Bytes
  readonly port: number
  readonly runId: string
  /** Where it connects from. */
  readonly address: Bytes
  /** Of the one that is refused. */
  readonly refusedRunId: string
  readonly refusedAddress: Bytes
  /** Since it was last refused. */
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
  /** Why nothing can be appended, or null. */
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
  /** Entries and pages that left memory. They are on disk: nothing is lost, as Redis's evicted keys are. */
  readonly evictions: number
  readonly diskReads: number
  readonly garbageWaiting: number
  readonly garbageSwept: number
  /** The disk was full, and writes are refused until there is room. */
  readonly diskLow: boolean
  readonly reopenError: string | null
}
