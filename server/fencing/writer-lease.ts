/**
 * The lease of a node: the permission of a master to acknowledge writes.
 *
 * The lease is a key of etcd that the node writes again and again. A request that was sent at T and
 * that etcd has executed lets the node write until T + leaseMs - margin, by its monotonic clock.
 * A coordinator that has seen that write replaces the master only after leaseMs in which the key
 * has not changed, in a transaction that requires just that. So two masters never write at once,
 * provided that no clock runs more than a tenth faster than another.
 *
 * It is no lease of etcd itself. A leader of etcd 3.4.23, Debian's version, that is stuck and
 * continues may end leases that its successor has renewed, or renew leases that have ended there. A
 * write of a key goes through the consensus, and cannot be wrong in this way.
 *
 * The transaction that renews the lease reads the map, so both are of one moment. If the map calls
 * this node a master, it stays one until a coordinator has waited for the end of this lease. The
 * node takes its role from that reading, never from a coordinator.
 *
 * CLOCK_MONOTONIC runs on while the process is stopped. It stands still while the machine sleeps:
 * a machine that serves a cluster must not be suspended.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { ClusterKeys } from '../cluster-map/keys.ts'
import { type ClusterMap, MapError, mapOf, type NodePlace, placeOf } from '../cluster-map/map.ts'
import { type NodeReport, reportOf } from '../cluster-map/node-report.ts'
import type { EtcdValue } from '../etcd/answers.ts'
import type { Etcd } from '../etcd/etcd.ts'
import { EtcdError } from '../etcd/etcd-error.ts'

/** The part of a lease, from its end, in which the node does not write any more. */
const MARGIN = 0.1
/** Renewals in the length of a lease. */
const RENEWALS = 4
/** The pause after a renewal that has failed, ms. */
const RETRY_MS = 250

/** The node as its lease sees it. */
interface LeasedNode {
  /** The id in the map. */
  id(): string
  report(): Omit<NodeReport, 'leaseMs'>
  /** The id of the history that the node writes now. */
  history(): string
  /** The end of the log. */
  offset(): number
  /** True if replies of earlier turns wait until their writes are durable. */
  hasUnsentWrites(): boolean
  /** Takes the role that the map gives. Throws an Error if that is not possible now. */
  assume(place: NodePlace): void
  /** Called when writes become refused, and when they become allowed. */
  onFenced(isFenced: boolean): void
}

export interface WriterLeaseOptions {
  readonly etcd: Pick<Etcd, 'find' | 'transact'>
  readonly keys: ClusterKeys
  readonly clock: Clock
  readonly log: Log
  readonly leaseMs: number
  /** Decides whether the end of a lease ends the permission, if etcd is away. */
  onEtcdLoss(): 'readonly' | 'continue'
  readonly node: LeasedNode
}

/** The result of the last renewal. */
interface Confirmation {
  readonly role: 'master' | 'replica' | 'none'
  /** The history in the report of that renewal. */
  readonly history: string
  /** Monotonic time. */
  readonly untilMs: number
}

type FenceReason = 'none' | 'unconfirmed' | 'no-master' | 'new-history' | 'ended'

/** Refusals of writes. Clients know the word CLUSTERDOWN. */
const REFUSALS: Readonly<Record<Exclude<FenceReason, 'none'>, string>> = {
  unconfirmed: 'CLUSTERDOWN this node has no lease in etcd',
  'no-master': 'CLUSTERDOWN this node is no master in the map of the cluster',
  'new-history': 'CLUSTERDOWN the lease in etcd is of another history, it is being renewed',
  ended: 'CLUSTERDOWN the lease in etcd has ended, and etcd has not renewed it',
}

/** Renews the lease of a node and says whether it may write. */
export class WriterLease {
  private readonly options: WriterLeaseOptions
  private confirmed: Confirmation | null = null
  /** The key that was written last, and its revision. */
  private written: { readonly key: string; readonly revision: number } | null = null
  /** The process that has written the key of this node since; empty if none has. */
  private rival = ''
  private rivalUntilMs = 0
  /** The text of the last failure; empty after a success. */
  lastError = ''
  private isKnownFenced = true
  private hasLapsed = false
  /** The end of the log at the end of the last turn. */
  private turnEndOffset = -1
  private timer: NodeJS.Timeout | null = null
  private renewing: Promise<void> | null = null
  private isPoked = false
  private isClosed = false

  constructor(options: WriterLeaseOptions) {
    this.options = options
  }

  start(): void {
    this.poke()
  }

  /** Renews the lease at once, as after a change of the map. */
  poke(): void {
    if (this.isClosed) return
    if (this.renewing !== null) {
      this.isPoked = true
      return
    }
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    this.renewing = this.renew().then((delayMs) => {
      this.renewing = null
      if (this.isClosed) return
      const { isPoked } = this
      this.isPoked = false
      this.timer = setTimeout(() => this.poke(), isPoked ? 0 : delayMs)
    })
  }

  /** Ends the renewals. The lease ends by itself. */
  async close(): Promise<void> {
    this.isClosed = true
    if (this.timer !== null) clearTimeout(this.timer)
    await this.renewing
  }

  get leaseMs(): number {
    return this.options.leaseMs
  }

  /** The role that the map gives this node; `unknown` until the first renewal. */
  get mapRole(): 'master' | 'replica' | 'none' | 'unknown' {
    return this.confirmed?.role ?? 'unknown'
  }

  /** The time until the lease ends for this node, ms; 0 if it has ended. */
  get leftMs(): number {
    return Math.max(0, (this.confirmed?.untilMs ?? 0) - this.options.clock.monotonicMs())
  }

  /** True if this node must not write. */
  get isFenced(): boolean {
    return this.reason !== 'none'
  }

  /** The error for writes; null if they are allowed. */
  get refusal(): string | null {
    const { reason } = this
    return reason === 'none' ? null : REFUSALS[reason]
  }

  /** Monotonic time until which writes stay allowed without a renewal. REQUIRES: not fenced. */
  get writableUntilMs(): number {
    return this.options.onEtcdLoss() === 'continue' ? Number.POSITIVE_INFINITY : (this.confirmed?.untilMs ?? 0)
  }

  /** Notices the end of the lease, or its return. Called at least once a turn. */
  update(): void {
    const { isFenced } = this
    if (isFenced === this.isKnownFenced) return
    this.isKnownFenced = isFenced
    if (isFenced) this.hasLapsed = true
    const { log, node } = this.options
    if (isFenced)
      log.warn(
        { reason: this.reason, error: this.lastError },
        'this node refuses writes: its lease is not valid; check etcd and the coordinator',
      )
    else log.info({ leaseMs: this.leaseMs }, 'this node accepts writes: it is a master with a lease')
    node.onFenced(isFenced)
  }

  /**
   * Called at the end of each turn. Returns true if the lease has ended during it, and there are
   * writes whose replies were not sent. They must not be sent: the process may have been stopped
   * between a write and its reply.
   */
  takeLapse(): boolean {
    this.update()
    const { hasLapsed, turnEndOffset } = this
    const { node } = this.options
    this.hasLapsed = false
    this.turnEndOffset = node.offset()
    return hasLapsed && (this.turnEndOffset !== turnEndOffset || node.hasUnsentWrites())
  }

  private get reason(): FenceReason {
    const { confirmed, options } = this
    if (confirmed === null) return 'unconfirmed'
    if (confirmed.role !== 'master') return 'no-master'
    if (confirmed.history !== options.node.history()) return 'new-history'
    if (options.clock.monotonicMs() < confirmed.untilMs || options.onEtcdLoss() === 'continue') return 'none'
    return 'ended'
  }

  /** Resolves to the pause before the next renewal, ms. */
  private async renew(): Promise<number> {
    const { log, leaseMs } = this.options
    try {
      const delayMs = await this.exchange()
      if (this.lastError !== '') log.info({}, 'etcd answers again, the lease is renewed')
      this.lastError = ''
      return delayMs ?? leaseMs / RENEWALS
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error
      const { message } = error
      if (this.lastError === '')
        log.warn(
          { error: message, leftMs: Math.round(this.leftMs) },
          'cannot renew the lease in etcd, trying again; check the endpoints of cluster-etcd',
        )
      this.lastError = message
      return RETRY_MS
    } finally {
      this.update()
    }
  }

  /** Writes the key and reads the map. Resolves to another pause than usual, or null. */
  private async exchange(): Promise<number | null> {
    const { etcd, keys, clock, leaseMs, node } = this.options
    const key = `${keys.nodes}${node.id()}`
    if (this.written?.key !== key) {
      const { value } = await etcd.find(key)
      this.written = { key, revision: value?.modRevision ?? 0 }
    }
    const report = node.report()
    const sentMs = clock.monotonicMs()
    const { isDone, revision, reads } = await etcd.transact({
      conditions: [{ key, modRevision: this.written.revision }],
      operations: [{ put: key, value: JSON.stringify({ ...report, leaseMs }) }, { read: keys.map }],
    })
    if (!isDone) return this.afterConflict(key, report.runId)
    this.written = { key, revision }
    return this.confirm(reads[0] ?? null, report.history, sentMs + leaseMs * (1 - MARGIN))
  }

  private confirm(value: EtcdValue | null, history: string, untilMs: number): number | null {
    const { node, log } = this.options
    const place = this.placeIn(value)
    this.confirmed = { role: place?.role ?? 'none', history, untilMs }
    this.update()
    if (place === null || place.shard.handover !== null || this.isClosed) return null
    try {
      node.assume(place)
    } catch (error) {
      if (!(error instanceof RoleRefused)) throw error
      log.warn({ error: error.message }, 'cannot take the role that the map gives, trying again')
      return RETRY_MS
    }
    // A new master writes under a new history, which the coordinator must know first.
    return node.history() === history ? null : 0
  }

  private placeIn(value: EtcdValue | null): NodePlace | null {
    if (value === null) return null
    let map: ClusterMap
    try {
      map = mapOf(value.value)
    } catch (error) {
      if (!(error instanceof MapError)) throw error
      this.options.log.error(
        { error: error.message },
        'the map of the cluster in etcd cannot be read: this node refuses writes; check the key',
      )
      return null
    }
    return placeOf(map, this.options.node.id())
  }

  /**
   * The key has another revision: a request of this process had no answer, the key was deleted, or
   * another process has this node's id. While such a process renews, this one has no lease.
   */
  private async afterConflict(key: string, runId: string): Promise<number> {
    const { etcd, clock, leaseMs, log } = this.options
    const { value } = await etcd.find(key)
    const owner = value === null ? runId : ownerOf(value.value)
    if (owner === runId) {
      this.written = { key, revision: value?.modRevision ?? 0 }
      return 0
    }
    const nowMs = clock.monotonicMs()
    if (this.rival !== `${owner} ${value?.modRevision}`) {
      this.rival = `${owner} ${value?.modRevision}`
      this.rivalUntilMs = nowMs + leaseMs
      this.confirmed = null
      log.error(
        { runId: owner, key },
        'another process renews the lease of this node, and this one refuses writes; check for a copy of the data directory',
      )
    } else if (nowMs >= this.rivalUntilMs) {
      this.written = { key, revision: value?.modRevision ?? 0 }
      return 0
    }
    return leaseMs / RENEWALS
  }
}

/** The lease of a node, with what it needs to be closed. */
export interface Fencing {
  readonly lease: WriterLease
  /** Ends the renewals. The lease ends by itself. */
  close(): Promise<void>
}

/** The node cannot take a role now. */
export class RoleRefused extends Error {
  override readonly name = 'RoleRefused'
}

function ownerOf(text: string): string {
  try {
    return reportOf(text).runId
  } catch (error) {
    if (!(error instanceof MapError)) throw error
    return ''
  }
}
