/** The replicas of this node as INFO and ROLE show them. Durations in ms. */
import { must } from '../../base/assert.ts'
import type { FullSyncReason } from '../protocol/messages.ts'
import type { SlaveItem } from './slave-items.ts'

/**
 * The names of Redis. handshake: known, nothing has begun. wait_bgsave: the full sync waits for a
 * snapshot. send_bulk: the full sync is being sent.
 */
type ReplicaState = 'handshake' | 'wait_bgsave' | 'send_bulk' | 'online'

export interface ReplicaView {
  /** The announced address. */
  readonly ip: string
  readonly port: number
  readonly runId: string
  /** The address of its connection, or of its last one. */
  readonly address: string
  readonly state: ReplicaState
  /** The acknowledged offsets. */
  readonly applied: number
  readonly synced: number
  /** Bytes from the applied offset to the end of the binlog. */
  readonly lagBytes: number
  /** Whole seconds since its last ACK; 0 before it is online. */
  readonly lagSeconds: number
  /** The full sync under way, or null. */
  readonly fullSync: GivenFullSync | null
  /** Milliseconds since it left; null while it is attached. */
  readonly goneMs: number | null
}

/** The reason of a full sync as the master shows it; `requested`: the replica skipped TRYSYNC. */
export type GivenFullSyncReason = FullSyncReason | 'requested'

/** Progress of a full sync. The total is an estimate, and 0 before there is one. */
interface GivenFullSync {
  readonly reason: GivenFullSyncReason
  /** True if it resumes a transfer that was cut. */
  readonly isResumed: boolean
  readonly sentBytes: number
  readonly totalBytes: number
}

/** The oldest binlog offset that must stay, and what needs it. */
export interface BinlogPin {
  readonly offset: number
  readonly by: string
}

/** Two processes that announce one address. */
export interface ConflictView {
  readonly ip: string
  readonly port: number
  readonly holderRunId: string
  readonly holderAddress: string
  readonly refusedRunId: string
  readonly refusedAddress: string
  /** Milliseconds for which the second process has been refused. */
  readonly refusedMs: number
}

/** The progress of the sync of a replica. */
export interface ReplicaProgress {
  readonly state: ReplicaState
  readonly fullSync: ReplicaView['fullSync']
}

/** The moment of a view: the monotonic time that dates items, ms, and the end of the binlog. */
export interface ViewMoment {
  readonly monotonicMs: number
  readonly end: number
}

export function replicaView(item: SlaveItem, { state, fullSync }: ReplicaProgress, { monotonicMs, end }: ViewMoment): ReplicaView {
  const { ip, port, runId, address, applied, synced, ackedMs, leftMs } = item
  return {
    ip,
    port,
    runId,
    address,
    state,
    applied,
    synced,
    fullSync,
    lagBytes: Math.max(0, end - applied),
    lagSeconds: state === 'online' ? Math.floor((monotonicMs - ackedMs) / 1000) : 0,
    goneMs: leftMs === null ? null : monotonicMs - leftMs,
  }
}

export function conflictViews({ ip, port, claims }: SlaveItem, { monotonicMs }: ViewMoment): ConflictView[] {
  const { holder } = claims
  if (holder === null) return []
  return claims.refused.map(({ runId, address, refusedSinceMs }) => ({
    ip,
    port,
    holderRunId: holder.runId,
    holderAddress: holder.address,
    refusedRunId: runId,
    refusedAddress: address,
    refusedMs: monotonicMs - must(refusedSinceMs),
  }))
}
