/** The settings of a storage engine, and its owner as it sees it. */
import type { Clock, Random } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { Log } from '../base/log.ts'
import type { BinlogSettings } from './binlog/segments.ts'
import type { CheckpointSettings } from './checkpoint/checkpointer.ts'
import type { OpenMode, RecordStore } from './records/record-store.ts'
import type { RecoveredLog } from './recovery/recovery.ts'

export interface StorageSettings {
  readonly binlog: BinlogSettings
  readonly checkpoint: CheckpointSettings
  cacheBytes: number
  readonly databases: number
  readonly reserveBytes: number
}

/**
 * The owner of a storage engine. It is told what happens, and asked what it needs. No call comes
 * before `recover`.
 */
export interface StorageEvents {
  /** `checkpointer.isReopening` or `recordsFailure` has changed. */
  onAvailabilityChanged(): void
  /** A slice of active expiry has deleted something, in this time. */
  onExpired(durationMs: number): void
  /** Called in the synchronous moment in which another data set has replaced this one. */
  onInstalled(): void
  /** The binlog's synced offset has moved; or a replica has become a master. */
  onSynced(): void
  /** Returns the lowest offset that attached replicas need; Infinity if there are none. */
  pinned(): number
}

export interface StorageOptions {
  readonly directory: string
  readonly files: Files
  /** Opens the record store of a data set, by the path of its directory. */
  readonly openRecords: (path: string, mode: OpenMode) => Promise<RecordStore>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: StorageSettings
  readonly events: StorageEvents
  /** Ends the process: only the data on disk counts. */
  readonly fatal: (error: unknown) => void
}

export interface Recovery extends RecoveredLog {
  readonly checkpointOffset: number
  readonly durationMs: number
}
