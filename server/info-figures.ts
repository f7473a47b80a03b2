/** What INFO tells, before it is text. Bytes, milliseconds and wall time (ms since the epoch) unless a name says otherwise. */
import type { CommandCounters } from '../commands/executor.ts'
import type { MemoryFigure } from '../commands/ports.ts'
import type { Bytes } from '../storage/bytes.ts'

export interface InfoFigures {
  readonly server: ServerFigures
  readonly clients: ClientFigures
  readonly memory: ReadonlyMap<MemoryFigure, number>
  readonly maxmemory: { readonly bytes: number; readonly policy: Bytes; readonly systemBytes: number }
  readonly persistence: PersistenceFigures
  readonly stats: StatsFigures
  readonly replication: ReplicationFigures
  /** Seconds of this process. */
  readonly cpu: { readonly systemSeconds: number; readonly userSeconds: number }
  readonly commands: Iterable<readonly [name: Bytes, counters: Readonly<CommandCounters>]>
  readonly errors: Iterable<readonly [code: Bytes, count: number]>
  /** For each command, the durations (µs) that these percents of its runs do not pass. */
  readonly latencies: Iterable<readonly [name: Bytes, percentiles: readonly (readonly [percent: number, micros: number])[]]>
  readonly keyspace: readonly { readonly index: number; readonly keys: number; readonly volatile: number }[]
  readonly binlog: BinlogFigures
  readonly storage: StorageFigures
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
}

export interface ClientFigures {
  readonly connected: number
  readonly limit: number
  readonly longestQueryBuffer: number
  readonly longestOutput: number
  readonly blocked: number
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
  readonly expiredKeys: number
  readonly hits: number
  readonly misses: number
  readonly errorReplies: number
  readonly reads: number
  readonly writes: number
}

interface ReplicationFigures {
  readonly replicationId: string
  readonly previousId: string
  /** Offset up to which the previous id's history is this one's, or -1. */
  readonly switchOffset: number
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
}
