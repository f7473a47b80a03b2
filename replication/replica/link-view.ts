/** What INFO shows of the link to the master. Times are monotonic, ms. */
import type { FullSyncProgress } from './full-sync-target.ts'
import type { LinkState, LinkStatus } from './machine-types.ts'

export interface LinkView {
  readonly state: LinkState
  readonly isUp: boolean
  /** Empty and 0 where there is no master. */
  readonly masterHost: string
  readonly masterPort: number
  readonly lastIoMs: number | null
  /** Why there is no link; null while all is well. */
  readonly reason: string | null
  readonly reasonSinceMs: number | null
  /** When it is tried again, while that is waited for. */
  readonly nextTryMs: number | null
  /** Null while it is up, and before it ever was. */
  readonly downSinceMs: number | null
  readonly attempts: number
  /** Completed. */
  readonly fullSyncs: number
  readonly partialSyncs: number
  /** Of one that has begun and not ended, be there a connection or not. */
  readonly fullSync: FullSyncProgress | null
  /** Up to where the binlog has come in. */
  readonly readOffset: number
}

export function linkView(status: LinkStatus, fullSync: FullSyncProgress | null, readOffset: number): LinkView {
  const { isStreaming, master, lastIoMs, reason, reasonSinceMs, retryAtMs, downSinceMs, attempts, fullSyncs, partialSyncs } = status
  const state = status.state === 'binlog_sync' && !isStreaming ? 'try_sync' : status.state // the master may still refuse
  const nextTryMs = state === 'connect' ? retryAtMs : null
  return {
    ...{ state, isUp: isStreaming, masterHost: master?.host ?? '', masterPort: master?.port ?? 0 },
    ...{ lastIoMs, reason, reasonSinceMs, nextTryMs, downSinceMs, attempts, fullSyncs, partialSyncs, fullSync, readOffset },
  }
}
