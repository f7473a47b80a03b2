/** The settings of a storage engine. */
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

export interface StorageOptions {
  readonly directory: string
  readonly files: Files
  /** Opens the record store of a data set, by the path of its directory. */
  readonly openRecords: (path: string, mode: OpenMode) => Promise<RecordStore>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: StorageSettings
  /** Ends the process: only the data on disk counts. */
  readonly fatal: (error: unknown) => void
}

export interface Recovery extends RecoveredLog {
  readonly checkpointOffset: number
  readonly durationMs: number
}
