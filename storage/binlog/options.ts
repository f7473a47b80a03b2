/** The options of a binlog, and the interface of a follower of its appends. */
import type { Files } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'
import type { BinlogPosition } from './group.ts'
import type { BinlogSettings, Segment } from './segments.ts'

/** Notified of the bytes that are appended at the end of the log. */
export interface BinlogFollower {
  /**
   * Called after an append, and after the log has been cut back to `start`, which is then before
   * the end of the last notification. The pieces are valid during the call only.
   */
  onAppended(start: number, pieces: readonly Buffer[]): void
}

/** The options of a binlog, as recovery or a full sync has found or made its files. */
export interface BinlogOptions {
  readonly files: Files
  readonly directory: string
  readonly settings: BinlogSettings
  readonly segments: Segment[]
  /** The end of the log, after its last group. */
  readonly position: BinlogPosition
  /** The offset before which the log is known to be durable. */
  readonly synced: number
  readonly replicationId: string
  readonly log: Log
  /** Called once when an fsync has failed: the process must end. */
  readonly fatal: (error: unknown) => void
  /** Called when `synced` has moved; never in the middle of an append. */
  readonly onSynced: () => void
}
