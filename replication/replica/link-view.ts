/** The link to the master as INFO shows it. Times are monotonic, ms. */
import type { RedisLink, RedisLinkView } from '../redis-master/redis-link.ts'
import type { FullSyncProgress } from './full-sync-target.ts'
import type { LinkState, LinkStatus } from './machine-types.ts'

/** A link to a Redis is shown in the states of a link to a haypile. */
type ShownState = Exclude<LinkState, 'redis'>

export interface LinkView {
  readonly state: ShownState
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
  /**
   * The offsets that this node has applied and received, in the binlog of its master or in the
   * stream of a Redis. Sentinel promotes the replica with the greatest offset. Both are 0 while
   * this node needs a full sync, because its data then belongs to another history.
   */
  readonly applied: number
  readonly read: number
  /** The conversation with a Redis master; null with any other. */
  readonly redis: RedisLinkView | null
}

const SHOWN = { handshake: 'try_sync', sync: 'db_sync', stream: 'binlog_sync' } as const satisfies Record<
  RedisLinkView['phase'],
  ShownState
>

export function linkView(
  status: LinkStatus,
  copy: FullSyncProgress | null,
  binlog: { readonly applied: number; readonly read: number },
  redisLink: Pick<RedisLink, 'view' | 'progress' | 'isFullSyncNeeded'> | null,
): LinkView {
  const { isStreaming, master, lastIoMs, reason, reasonSinceMs, retryAtMs, downSinceMs, attempts, fullSyncs, partialSyncs } = status
  const redis = redisLink?.view ?? null
  const progress = redisLink?.progress ?? null
  const state = shownState(status, redis)
  const isOther = status.fullSync === 'needed' || copy !== null || redisLink?.isFullSyncNeeded === true
  const { applied, read } = isOther ? { applied: 0, read: 0 } : (redis ?? binlog)
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
    fullSync: progress === null ? copy : { ...progress, records: 0, bytesPerSecond: 0, etaSeconds: null },
    applied,
    read,
    redis,
  }
}

function shownState({ state, isStreaming }: LinkStatus, redis: RedisLinkView | null): ShownState {
  const shown = state === 'redis' ? SHOWN[redis?.phase ?? 'handshake'] : state
  // the master may still refuse
  return shown === 'binlog_sync' && !isStreaming ? 'try_sync' : shown
}
