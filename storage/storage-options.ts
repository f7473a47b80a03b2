/**
 * The options of a storage engine: settings, clock, files and chance, and callbacks to its owner.
 */
import type { Clock, Random } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { Log } from '../base/log.ts'
import type { BinlogSettings } from './binlog/segments.ts'
import type { CheckpointSettings } from './checkpoint/checkpointer.ts'
import type { KeyEvents } from './keyspace/key-events.ts'
import type { OpenMode, RecordStore } from './records/record-store.ts'
import type { RecoveredLog } from './recovery/recovery.ts'

/** The settings of a storage engine; those that are not readonly may change while it runs. */
export interface StorageSettings {
  readonly binlog: BinlogSettings
  readonly checkpoint: CheckpointSettings
  cacheBytes: number
  readonly databases: number
  readonly reserveBytes: number
  /** If databases count their keys by hash slot; absent: they do not. */
  readonly slots?: 'counted' | 'ignored'
}

/**
 * Callbacks by which a storage engine notifies its owner, and asks it. None is called before
 * `recover`.
 */
export interface StorageEvents {
  /** Called when `checkpointer.isReopening` or `recordsFailure` has changed. */
  onAvailabilityChanged(): void
  /** Called when a checkpoint can begin that waited for reads: `background` has work again. */
  onCheckpointMayBegin(): void
  /** Called after a slice of active expiry that has deleted something, with its duration. */
  onExpired(durationMs: number): void
  /** Called in the synchronous moment in which another data set has replaced this one. */
  onInstalled(): void
  /** Called when the binlog's synced offset has moved, or when a replica has become a master. */
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
  /** The subscriber of keyspace events; none if absent. */
  readonly keyEvents?: KeyEvents
  /**
   * Ends the process after an error after which memory cannot be trusted. A restart recovers from
   * disk.
   */
  readonly fatal: (error: unknown) => void
}

/** The result of a recovery. */
export interface Recovery extends RecoveredLog {
  readonly checkpointOffset: number
  readonly durationMs: number
}
