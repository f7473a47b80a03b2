/**
 * FAILOVER: a master hands its role over to one of its replicas and loses no write.
 *
 *   no-failover -> waiting-for-sync -> failover-in-progress -> no-failover
 *
 * waiting-for-sync: writes are paused until the replica has everything and has answered on its
 * announced address. failover-in-progress: this node follows the replica and asks it to take over
 * (METASYNC and TRYSYNC with FAILOVER).
 *
 * A failover that times out or is aborted leaves this node the master. Nothing is stored before the
 * replica has answered, so an unreachable address changes nothing. The role is stored before the
 * replica is asked to take over. So a crash at any moment leaves at most one node that takes
 * writes: after its restart this node asks again.
 */
import { rethrowAssertion } from '../base/assert.ts'
import type { Log } from '../base/log.ts'
import type { ReplicaView } from './master/replica-view.ts'
import { Refusal } from './protocol/messages.ts'

export type FailoverState = 'no-failover' | 'waiting-for-sync' | 'failover-in-progress'

export interface FailoverRequest {
  /** Null: the first replica that has everything. */
  readonly to: { readonly host: string; readonly port: number } | null
  readonly isForced: boolean
  /** 0: no limit. */
  readonly timeoutMs: number
}

export interface FailoverHost {
  readonly log: Log
  /** End offset of the binlog. The offset stands still while writes are paused. */
  binlogEnd(): number
  online(): readonly ReplicaView[]
  askForAcks(): void
  /**
   * Asks which process answers on the address that a replica announces. A new inquiry replaces the
   * one before. `answered` is called once: with null if this replica answered, else with the
   * reason.
   */
  inquire(replica: ReplicaView, answered: (failure: string | null) => void): void
  stopInquiry(): void
  /** Holds writes back until `resumeWrites`. */
  pauseWrites(): void
  resumeWrites(): void
  /** Makes this node the replica's replica and asks the replica to take over. */
  handOver(host: string, port: number): void
  /** Makes this node the master again. */
  takeBack(): void
  /** True while the replica cannot have been asked to take over yet. */
  mayTakeBack(): boolean
  /** True if this node is in step with its new master. */
  isLinked(): boolean
}

/**
 * With FORCE, after the timeout: the time in which a replica that has answered must be reached
 * again.
 */
export const FORCED_TIMEOUT_MS = 10_000

/** The state machine of FAILOVER on the master that hands its role over. */
export class Failover {
  private readonly host: FailoverHost
  private current: { readonly request: FailoverRequest; readonly deadlineMs: number } | null = null
  private phase: FailoverState = 'no-failover'
  /** The replica whose address is being checked, and whether it has answered. */
  private asked: { readonly runId: string; hasAnswered: boolean } | null = null
  /** Run ids of replicas that did not answer. */
  private readonly unreachable = new Set<string>()

  constructor(host: FailoverHost) {
    this.host = host
  }

  get state(): FailoverState {
    return this.phase
  }

  /** REQUIRES: the caller has checked the request, and the named replica exists. */
  start(request: FailoverRequest, monotonicMs: number): void {
    const { to, timeoutMs } = request
    this.current = { request, deadlineMs: timeoutMs === 0 ? Number.POSITIVE_INFINITY : monotonicMs + timeoutMs }
    this.phase = 'waiting-for-sync'
    this.host.log.info(
      { to: to === null ? 'any' : `${to.host}:${to.port}`, timeoutMs },
      'failover: pausing writes until the replica has everything',
    )
    this.host.pauseWrites()
    this.advance(monotonicMs)
  }

  /**
   * Returns false if no failover is under way. Throws if the role cannot be taken back. The other
   * node is then still asked to take over.
   */
  abort(why: string): boolean {
    const { phase, host } = this
    if (phase === 'no-failover') return false
    if (phase === 'failover-in-progress') host.takeBack()
    this.finish()
    host.log.warn({ reason: why }, 'failover aborted: this node remains the master')
    host.resumeWrites()
    return true
  }

  /** Moves the failover on. Called after each acknowledgement and on every tick. */
  advance(monotonicMs: number): void {
    const { current, host } = this
    if (current === null) return
    if (this.phase === 'failover-in-progress') {
      if (!host.isLinked()) {
        this.takeBackInTime(monotonicMs)
        return
      }
      this.finish()
      host.log.info({}, 'failover done: this node is a replica now')
      host.resumeWrites()
      return
    }
    const { request } = current
    const candidates = host.online().filter((replica) => isTarget(replica, request) && !this.unreachable.has(replica.runId))
    // The data must be durable there. Else a crash of the replica during the promotion loses
    // writes.
    const replica = candidates.find(({ synced }) => synced >= host.binlogEnd())
    if (replica !== undefined && this.hasAnswered(replica)) this.handOver(replica.ip, replica.port)
    else if (monotonicMs >= current.deadlineMs) this.onTimeout(request, monotonicMs)
    else {
      const toAsk = replica ?? (request.to === null ? undefined : candidates[0])
      if (toAsk !== undefined) this.inquire(toAsk)
      if (this.phase === 'waiting-for-sync') host.askForAcks()
    }
  }

  private inquire(replica: ReplicaView): void {
    const { runId, ip, port } = replica
    if (this.asked?.runId === runId) return
    const asked = { runId, hasAnswered: false }
    this.asked = asked
    this.host.inquire(replica, (failure) => {
      if (this.asked !== asked || this.phase !== 'waiting-for-sync') return
      asked.hasAnswered = failure === null
      if (failure !== null) this.skip(runId, `${ip}:${port} ${failure}`)
    })
  }

  /**
   * Skips a replica that its announced address does not lead to. Aborts if the request named that
   * replica, or if none is left.
   */
  private skip(runId: string, reason: string): void {
    const { current, host } = this
    this.asked = null
    this.unreachable.add(runId)
    host.log.warn(
      { reason },
      'failover: a replica does not answer on its announced address, skipping it; check replica-announce-ip and -port',
    )
    const isAnyLeft = host.online().some((replica) => !this.unreachable.has(replica.runId))
    if (current?.request.to !== null || !isAnyLeft) this.abort(`the replica cannot be reached: ${reason}`)
  }

  private hasAnswered({ runId }: Pick<ReplicaView, 'runId'>): boolean {
    return this.asked?.runId === runId && this.asked.hasAnswered
  }

  private onTimeout(request: FailoverRequest, monotonicMs: number): void {
    const { isForced, to } = request
    if (isForced && to !== null && this.asked?.hasAnswered === true) {
      this.host.log.warn({}, 'failover: timeout reached, FORCE promotes the replica with the data that it has')
      this.current = { request, deadlineMs: monotonicMs + FORCED_TIMEOUT_MS }
      this.handOver(to.host, to.port)
    } else if (isForced) this.abort('the timeout passed before the replica had answered on its address')
    else this.abort('the timeout passed before the replica had everything')
  }

  /** Applies the timeout as long as the replica cannot have been asked to take over. */
  private takeBackInTime(monotonicMs: number): void {
    const { current, host } = this
    if (current === null || monotonicMs < current.deadlineMs || !host.mayTakeBack()) return
    try {
      this.abort('the timeout passed before the replica could be asked to take over')
    } catch (error) {
      rethrowAssertion(error)
      host.log.warn({ error: String(error) }, 'failover: cannot store the role of a master, still asking the replica to take over')
      this.current = { ...current, deadlineMs: Number.POSITIVE_INFINITY }
    }
  }

  private handOver(host: string, port: number): void {
    this.phase = 'failover-in-progress'
    this.host.stopInquiry()
    this.host.log.info({ host, port }, 'failover: handing the role over to the replica')
    try {
      this.host.handOver(host, port)
    } catch (error) {
      rethrowAssertion(error)
      this.phase = 'waiting-for-sync' // nothing was stored, so nothing is taken back
      this.abort(`the role could not be stored: ${String(error)}`)
    }
  }

  private finish(): void {
    this.current = null
    this.phase = 'no-failover'
    this.asked = null
    this.unreachable.clear()
    this.host.stopInquiry()
  }
}

function isTarget({ ip, port }: ReplicaView, { to }: FailoverRequest): boolean {
  return to === null || (to.host === ip && to.port === port)
}

/** Throws Refusal, in Redis's words, if no attached replica can take over as the request asks. */
export function refuseImpossible(request: FailoverRequest, attached: readonly ReplicaView[]): void {
  if (attached.length === 0) throw new Refusal('ERR', 'FAILOVER requires connected replicas.')
  if (request.isForced && (request.timeoutMs === 0 || request.to === null)) {
    throw new Refusal('ERR', 'FAILOVER with force option requires both a timeout and target HOST and IP.')
  }
  if (request.to === null) return
  const target = attached.find((replica) => isTarget(replica, request))
  if (target === undefined) throw new Refusal('ERR', 'FAILOVER target HOST and PORT is not a replica.')
  if (target.state !== 'online') throw new Refusal('ERR', 'FAILOVER target replica is not online.')
}
