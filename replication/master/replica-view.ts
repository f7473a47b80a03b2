/** The replicas of this node as INFO and ROLE show them. Times are wall time, ms since the epoch. */
import type { TrySyncReply } from '../protocol/messages.ts'
import type { SlaveItem } from './slave-items.ts'

/** Redis's names. handshake: known, and nothing has begun. wait_bgsave: its full sync waits for a snapshot. send_bulk: is being sent one. */
type ReplicaState = 'handshake' | 'wait_bgsave' | 'send_bulk' | 'online'

export interface ReplicaView {
  /** As announced. */
  readonly ip: string
  readonly port: number
  readonly runId: string
  /** Of its connection, or of the last one that it had. */
  readonly address: string
  readonly state: ReplicaState
  /** Offsets that it has acknowledged. */
  readonly applied: number
  readonly synced: number
  /** From what it has applied to the binlog's end. */
  readonly lagBytes: number
  /** Whole seconds since its last ACK; 0 while it has not come so far. */
  readonly lagSeconds: number
  /** Null while it is given none. */
  readonly fullSync: GivenFullSync | null
  /** How long ago it has left; null while it is attached. */
  readonly goneMs: number | null
}

/** Why a full sync is given. */
export type FullSyncReason = Extract<TrySyncReply, { type: 'full sync' }>['reason'] | 'requested'

/** How much of a full sync has been sent; the total is an estimate, and 0 before there is one. */
interface GivenFullSync {
  readonly reason: FullSyncReason
  /** It goes on where an earlier one was cut. */
  readonly isResumed: boolean
  readonly sentBytes: number
  readonly totalBytes: number
}

/** The oldest part of the binlog that must stay, and for whom. */
export interface BinlogPin {
  readonly offset: number
  readonly by: string
}

/** Two processes announce one address. */
export interface ConflictView {
  readonly ip: string
  readonly port: number
  readonly holderRunId: string
  readonly holderAddress: string
  readonly refusedRunId: string
  readonly refusedAddress: string
  /** For how long. */
  readonly refusedMs: number
}

/** How far a replica's sync has come. */
export interface ReplicaProgress {
  readonly state: ReplicaState
  readonly fullSync: ReplicaView['fullSync']
}

/** When the views are made, in the monotonic time that items are dated by, ms, and where the binlog ends then. */
export interface ViewMoment {
  readonly nowMs: number
  readonly end: number
}

export function replicaView(item: SlaveItem, { state, fullSync }: ReplicaProgress, { nowMs, end }: ViewMoment): ReplicaView {
  const { ip, port, runId, address, applied, synced, ackedMs, leftMs } = item
  return {
    ...{ ip, port, runId, address, state, applied, synced, fullSync },
    lagBytes: Math.max(0, end - applied),
    lagSeconds: state === 'online' ? Math.floor((nowMs - ackedMs) / 1000) : 0,
    goneMs: leftMs === null ? null : nowMs - leftMs,
  }
}

export function conflictViews({ ip, port, claims }: SlaveItem, { nowMs }: ViewMoment): ConflictView[] {
  const { holder } = claims
  if (holder === null) return []
  return claims.refused.map(({ runId, address, refusedSinceMs }) => ({
    ...{ ip, port, holderRunId: holder.runId, holderAddress: holder.address, refusedRunId: runId, refusedAddress: address },
    refusedMs: nowMs - (refusedSinceMs as number),
  }))
}
