/**
 * The replicas of a master as others see them: INFO, ROLE, WAIT, FAILOVER, min-replicas-to-write
 * and the purge of the binlog. Nothing here changes anything.
 */
import { must } from '../../base/assert.ts'
import type { RedisReplicas } from '../redis-replicas/redis-replicas.ts'
import type { FullSyncSource } from './full-sync-source.ts'
import { writableUntilMs } from './liveness.ts'
import type { MasterOptions } from './master-options.ts'
import { minAllowedOffset } from './peer-limits.ts'
import { type Peers, progressOf } from './peers.ts'
import { type BinlogPin, type ConflictView, conflictViews, type ReplicaView, replicaView } from './replica-view.ts'
import { keyOf, type SlaveItem, type SlaveItems } from './slave-items.ts'

export interface OverviewParts {
  readonly options: Pick<MasterOptions, 'storage' | 'settings' | 'clock'>
  readonly items: SlaveItems
  readonly peers: Peers
  readonly redis: RedisReplicas
  readonly source: FullSyncSource
}

/** The replicas of a master: their states, their acknowledged offsets, and the binlog they need. */
export class ReplicaOverview {
  private readonly parts: OverviewParts

  constructor(parts: OverviewParts) {
    this.parts = parts
  }

  /** True if a replica is attached, online or not. */
  get hasAttached(): boolean {
    return this.parts.items.attachedCount > 0 || this.parts.redis.count > 0
  }

  /** The attached replicas of either protocol, in any state. */
  attached(): readonly ReplicaView[] {
    return [...this.successors(), ...this.parts.redis.attached()]
  }

  /** The attached replicas that can take over the role of this node: those that are a haypile. */
  successors(): readonly ReplicaView[] {
    return [...this.parts.items.attached].map((item) => this.view(item))
  }

  online(): readonly ReplicaView[] {
    return this.attached().filter(({ state }) => state === 'online')
  }

  /** The replicas that have left and are not forgotten yet. */
  absent(): readonly ReplicaView[] {
    return [...this.parts.items.all].filter(({ connection }) => connection === null).map((item) => this.view(item))
  }

  conflicts(): readonly ConflictView[] {
    return [...this.parts.items.all].flatMap((item) => conflictViews(item, this.moment))
  }

  /** The number of online replicas whose acknowledged offset is greater than `after`. */
  ackedCount(after: number, what: 'applied' | 'synced'): number {
    return this.countOnline((item) => item[what] > after) + this.parts.redis.ackedCount(after, what)
  }

  /**
   * The number of online replicas known to be alive within min-replicas-max-lag, if that is set.
   */
  goodCount(): number {
    const { minReplicasMaxLagMs } = this.parts.options.settings
    const since = minReplicasMaxLagMs === 0 ? Number.NEGATIVE_INFINITY : this.moment.monotonicMs - minReplicasMaxLagMs
    return this.ackTimes().filter((ackedMs) => ackedMs >= since).length
  }

  /**
   * Monotonic time until which min-replicas-to-write is met, unless an ACK arrives or a replica
   * leaves.
   */
  get writableUntilMs(): number {
    const { settings } = this.parts.options
    return settings.minReplicas === 0 ? Number.POSITIVE_INFINITY : writableUntilMs(this.ackTimes(), settings)
  }

  /** The replica or full sync that needs the oldest binlog; null if none needs any. */
  get pin(): BinlogPin | null {
    const { options, items, peers, source, redis } = this.parts
    let { pin } = source
    const other = redis.pin
    if (other !== null && other.offset < (pin?.offset ?? Number.POSITIVE_INFINITY)) pin = other
    for (const item of items.attached) {
      const peer = peers.get(must(item.connection)) // undefined after the master was closed
      const offset = peer === undefined ? item.pinned : Math.max(item.pinned, minAllowedOffset(options, peer))
      if (offset < (pin?.offset ?? Number.POSITIVE_INFINITY)) pin = { offset, by: `replica ${keyOf(item)}` }
    }
    return pin
  }

  /** The binlog from this offset on must stay; Infinity if none is needed. */
  get pinned(): number {
    return this.pin?.offset ?? Number.POSITIVE_INFINITY
  }

  /** Monotonic times at which the online replicas were last known to be alive. */
  private ackTimes(): number[] {
    const { peers, items, redis } = this.parts
    return [...[...peers.fed].map(({ connection }) => must(items.of(connection.id)).ackedMs), ...redis.ackTimes()]
  }

  private get moment() {
    const { clock, storage } = this.parts.options
    return { monotonicMs: clock.monotonicMs(), end: storage.binlog.end.offset }
  }

  private countOnline(isCounted: (item: SlaveItem) => boolean): number {
    const { peers, items } = this.parts
    let count = 0
    for (const { connection } of peers.fed) if (isCounted(must(items.of(connection.id)))) count++
    return count
  }

  private view(item: SlaveItem): ReplicaView {
    const peer = item.connection === null ? undefined : this.parts.peers.get(item.connection)
    return replicaView(item, progressOf(peer), this.moment)
  }
}
