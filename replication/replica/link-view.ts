/** The link to the master as INFO shows it. Times are monotonic, ms. */
import type { FullSyncProgress } from './full-sync-target.ts'
import type { LinkState, LinkStatus } from './machine-types.ts'

export interface LinkView {
  readonly state: LinkState
  readonly isUp: boolean
  /** Empty and 0 without a master. */
  readonly masterHost: string
  readonly masterPort: number
  readonly lastIoMs: number | null
  /** Why the link is down; null while it is up. */
  readonly reason: string | null
  readonly reasonSinceMs: number | null
  /** Time of the next try; null unless the link waits for it. */
  readonly nextTryMs: number | null
  /** Null while it is up, and before it was ever up. */
  readonly downSinceMs: number | null
  readonly attempts: number
  /** The numbers of completed syncs. */
  readonly fullSyncs: number
  readonly partialSyncs: number
  /** Progress of an unfinished full sync, with or without a connection. */
  readonly fullSync: FullSyncProgress | null
  /** The binlog offset received so far. */
  readonly readOffset: number
}

export function linkView(status: LinkStatus, fullSync: FullSyncProgress | null, readOffset: number): LinkView {
  const { isStreaming, master, lastIoMs, reason, reasonSinceMs, retryAtMs, downSinceMs, attempts, fullSyncs, partialSyncs } = status
  // the master may still refuse
  const state = status.state === 'binlog_sync' && !isStreaming ? 'try_sync' : status.state
  const nextTryMs = state === 'connect' ? retryAtMs : null
  return {
    state,
    isUp: isStreaming,
    masterHost: master?.host ?? '',
    masterPort: master?.port ?? 0,
    lastIoMs,
    reason,
    reasonSinceMs,
    nextTryMs,
    downSinceMs,
    attempts,
    fullSyncs,
    partialSyncs,
    fullSync,
    readOffset,
  }
}
