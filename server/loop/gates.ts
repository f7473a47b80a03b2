/**
 * Judges requests while something stands in their way: loading, a disk that refuses writes, a
 * pause, too much dirty data. `gate-reasons.ts` has the reasons. The executor's field `gated` says
 * whether any reason applies, and whether to writes only. While none applies, the executor does not
 * call the gates.
 *
 * Held requests are retried outside of any command, since a command may be what removes the reason.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Command } from '../../commands/contract/command.ts'
import type { Request } from '../../commands/contract/request.ts'
import type { Client } from '../../commands/contract/session.ts'
import type { CommandTable } from '../../commands/contract/table.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import type { RequestGates } from '../../commands/execution/gating.ts'
import type { ScriptFlags } from '../../commands/scripting/flags.ts'
import type { Storage } from '../../storage/storage.ts'
import {
  type GateConditions,
  type GateState,
  gatedBy,
  includesFewReplicas,
  type LeaseGate,
  namesOf,
  presentReasons,
  type ReplicationGate,
  refusalOfScript,
  type Verdict,
  verdictOn,
} from './gate-reasons.ts'
import { gatedRequest, runsBesideScript } from './gated-request.ts'
import { UnwrittenChanges } from './unwritten-changes.ts'

/** The other parts as the gates use them. */
export interface GateHooks {
  /** Returns the state of replication; null until the binlog has been replayed. */
  replication(): ReplicationGate | null
  /** Returns the node's lease; null without one. */
  lease(): LeaseGate | null
  /** Returns the flags that the request's script declares, null if it declares none. */
  flagsOfScript(command: Command, args: readonly Bytes[]): ScriptFlags | null
  /** Called when a reason has gone, outside of any command. */
  onOpened(): void
}

/** Judges requests while a reason to hold or refuse them applies. */
export class Gates implements GateState, RequestGates {
  isLoading = true
  /** True during a shutdown: no further request runs. */
  isClosing = false
  readonly storage: Storage
  readonly unwritten: UnwrittenChanges
  private readonly executor: Executor
  private readonly hooks: GateHooks
  private readonly held = new Set<Client>()
  private mayExpireActively = true
  /** Monotonic; 0 while there is no pause. */
  private pausedUntilMs = 0
  private isExpiryHeld = false
  private pausedWhat: 'all' | 'write' = 'all'
  /** Set while a script is suspended: the error text for all other clients. */
  busy: (() => Bytes) | null = null
  /** Reasons of the last refresh, and those for which clients were held since. */
  private reasons: GateConditions = 0
  /** Monotonic time to refresh the reasons at: the process may sleep between ticks. */
  private validUntilMs = Number.POSITIVE_INFINITY
  private readonly later: (run: () => void) => void
  private isRetryDue = false

  constructor(
    storage: Storage,
    executor: Executor,
    table: CommandTable,
    hooks: GateHooks,
    later: (run: () => void) => void = setImmediate,
  ) {
    this.storage = storage
    this.executor = executor
    this.hooks = hooks
    this.unwritten = new UnwrittenChanges(storage, table)
    this.later = later
    executor.gating.gated = 'all'
  }

  get replication(): ReplicationGate | null {
    return this.hooks.replication()
  }

  get lease(): LeaseGate | null {
    return this.hooks.lease()
  }

  get heldCount(): number {
    return this.held.size
  }

  /** Pauses until a monotonic time, ms. A new pause never shortens one in force, and a pause of
   *  writes never replaces a pause of everything. */
  pause(untilMs: number, what: 'all' | 'write'): void {
    this.pausedWhat = this.pausedUntilMs > 0 && this.pausedWhat === 'all' ? 'all' : what
    this.pausedUntilMs = Math.max(this.pausedUntilMs, untilMs)
    this.refresh()
  }

  unpause(): void {
    this.pausedUntilMs = 0
    this.refresh()
  }

  /** True while CLIENT PAUSE is in force, of either kind. */
  get isPaused(): boolean {
    return this.pausedUntilMs > 0
  }

  get paused(): 'all' | 'write' | null {
    return this.pausedUntilMs > 0 ? this.pausedWhat : null
  }

  /** True for a replica that must not serve its data. */
  get isStale(): boolean {
    return this.replication?.isMasterDown === true
  }

  /** Returns the names of the reasons that are present, as INFO shows them. */
  presentNames(): string[] {
    return namesOf(presentReasons(this))
  }

  /** Sets what DEBUG SET-ACTIVE-EXPIRE asks for. */
  setActiveExpire(active: boolean): void {
    this.mayExpireActively = active
    this.storage.expiry.isActive = active && !this.isExpiryHeld
  }

  /** Takes the error text for other clients while a script is suspended; null ends it. */
  suspended(busy: (() => Bytes) | null): void {
    this.busy = busy
    this.unwritten.clear() // a stalled group now includes the script's writes
    this.refresh()
  }

  /** Computes the reasons again and schedules a retry of held clients. To be called after each
   *  turn, by cron with the monotonic time, and after a change of state. */
  refresh(monotonicMs?: number): void {
    const { storage } = this
    if (this.pausedUntilMs > 0 && monotonicMs !== undefined && monotonicMs >= this.pausedUntilMs) {
      this.unpause()
      return
    }
    if (storage.stalled === null) this.unwritten.clear()
    this.holdExpiry()
    const { lease } = this
    lease?.update()
    const before = this.reasons
    this.reasons = presentReasons(this)
    const untilMs = this.replication?.writableUntilMs ?? Number.POSITIVE_INFINITY
    this.validUntilMs = includesFewReplicas(this.reasons) ? Number.POSITIVE_INFINITY : untilMs
    if (lease !== null && !lease.isFenced) this.validUntilMs = Math.min(this.validUntilMs, lease.writableUntilMs)
    this.executor.gating.gated = gatedBy(this.reasons)
    // Retries held clients only when a reason has gone, not every turn: each retry begins a turn.
    if ((before & ~this.reasons) === 0 || this.isRetryDue) return
    this.isRetryDue = true
    this.later(() => this.retry())
  }

  /** Refreshes expired reasons. To be called before received requests run. */
  refreshIfDue(monotonicMs: number): void {
    if (monotonicMs > this.validUntilMs) this.refresh()
  }

  /**
   * Called at the end of each turn. Returns false if the lease has ended during it: the turn may
   * have run writes before the process was stopped, and another node may be the master by now.
   */
  mayReply(): boolean {
    return this.lease?.takeLapse() !== true
  }

  /** Suspends expiry during a pause. If the pause begins inside a transaction, expiry stops at its
   *  end. */
  private holdExpiry(): void {
    const isPaused = this.pausedUntilMs > 0
    if (isPaused === this.isExpiryHeld || !this.storage.isReady || this.executor.units.current !== null) return
    this.isExpiryHeld = isPaused
    this.storage.holdExpiry('clients', isPaused)
    this.storage.expiry.isActive = this.mayExpireActively && !isPaused
  }

  private retry(): void {
    this.isRetryDue = false
    const clients = [...this.held]
    this.held.clear()
    for (const client of clients) client.retryGate()
    this.hooks.onOpened()
  }

  forget(client: Client): void {
    this.held.delete(client)
  }

  /** Judges a request before it runs. A held client is retried when a reason has gone. */
  ask(request: Request): Verdict {
    const verdict = this.judgeWithQueued(request)
    if (verdict !== null && verdict !== 'hold') return verdict
    if (this.busy !== null && !runsBesideScript(request.runtime.command, request.args)) return this.busy()
    if (verdict === null) return null
    this.noteReasons()
    this.held.add(request.client)
    return 'hold'
  }

  /** Judges the request of a client that was blocked on keys. Returns true if it may run now. */
  admit(request: Request): boolean {
    if (this.busy !== null) return false
    if (this.judgeWithQueued(request) === null) return true
    this.noteReasons()
    return false
  }

  /** Returns the error that refuses a script just before it runs, or null. */
  refusalOfScript(flags: ScriptFlags | null, how: 'reading' | 'writing'): Bytes | null {
    return refusalOfScript({ flags, how }, this)
  }

  /**
   * Judges a part of a unit, and settles the role before a write. Returns the error that refuses
   * the part, or null. A part is never held.
   */
  refusal(request: Request): Bytes | null {
    const verdict = this.judge(request)
    if (verdict !== null && verdict !== 'hold') return verdict
    if (request.runtime.isWrite) this.replication?.settle()
    return null
  }

  /** Adds reasons that have come up since the last refresh, so that their end is noticed. */
  private noteReasons(): void {
    this.reasons |= presentReasons(this)
  }

  /**
   * Judges a request, and for EXEC the queued requests: one that is refused or held decides.
   * Settles the role before a write.
   */
  private judgeWithQueued(request: Request): Verdict {
    const { runtime, client } = request
    const verdict = this.judge(request)
    if (verdict === null && runtime.isWrite && client.transaction === null) this.replication?.settle()
    if (verdict !== null || runtime.command.name !== 'exec') return verdict
    for (const queued of client.transaction?.requests ?? []) {
      const ofQueued = this.judge(queued)
      if (ofQueued !== null) return ofQueued
    }
    return null
  }

  /** Judges one request by the reasons that are present now. */
  private judge(request: Request): Verdict {
    return verdictOn(
      gatedRequest(request, (command, words) => this.hooks.flagsOfScript(command, words)),
      this,
    )
  }
}
