/**
 * FAILOVER: a master hands its role over to one of its replicas, losing nothing.
 *
 *   none -> waiting (writes are paused until the replica has everything and has answered on the address that it announces) -> handing over
 *   (this node follows the replica and asks it to take over: METASYNC and TRYSYNC with FAILOVER) -> none
 *
 * Whoever waits too long or is told to stop goes back to being the master. Nothing is stored before the replica has answered, so an address that
 * nobody can reach changes nothing. The role is stored before the replica is asked to take over, so a crash at any moment leaves at most one
 * node that takes writes: this one asks again after its restart.
 */
import type { Log } from '../base/log.ts'
import type { ReplicaView } from './master/replica-view.ts'

export type FailoverState = 'no-failover' | 'waiting-for-sync' | 'failover-in-progress'

export interface FailoverRequest {
  /** Null: whichever is first to have everything. */
  readonly to: { readonly host: string; readonly port: number } | null
  readonly force: boolean
  /** 0: no limit. */
  readonly timeoutMs: number
}

export interface FailoverHost {
  readonly log: Log
  /** Where the binlog ends; nothing is added to it while writes are paused. */
  end(): number
  online(): readonly ReplicaView[]
  askForAcks(): void
  /** Asks who answers on the address that a replica announces; instead of whatever was asked before. Told once: null where it is this replica, else
   *  the reason. */
  inquire(replica: ReplicaView, answered: (failure: string | null) => void): void
  stopInquiry(): void
  /** Writes wait until they are let go on. */
  pauseWrites(): void
  resumeWrites(): void
  /** This node becomes the replica's replica and asks it to take over. */
  handOver(host: string, port: number): void
  /** It takes its role back. */
  takeBack(): void
  /** Whether the replica cannot have been asked to take over yet. */
  mayTakeBack(): boolean
  /** Whether this node is in step with its new master. */
  isLinked(): boolean
}

/** When the time is up, FORCE has so long to reach the replica that has answered before. */
export const FORCED_MS = 10_000

export class Failover {
  private readonly host: FailoverHost
  private current: { readonly request: FailoverRequest; readonly deadlineMs: number } | null = null
  private phase: FailoverState = 'no-failover'
  /** Run id of the replica that is asked on its address, and whether it has answered. */
  private asked: { readonly runId: string; hasAnswered: boolean } | null = null
  /** Run ids of replicas that did not answer. */
  private readonly unreachable = new Set<string>()

  constructor(host: FailoverHost) {
    this.host = host
  }

  get state(): FailoverState {
    return this.phase
  }

  /** What was asked for has been checked: there is such a replica. */
  start(request: FailoverRequest, nowMs: number): void {
    const { to, timeoutMs } = request
    this.current = { request, deadlineMs: timeoutMs === 0 ? Number.POSITIVE_INFINITY : nowMs + timeoutMs }
    this.phase = 'waiting-for-sync'
    this.host.log.info(
      { to: to === null ? 'any' : `${to.host}:${to.port}`, timeoutMs },
      'failover: writes wait until the replica has everything',
    )
    this.host.pauseWrites()
    this.advance(nowMs)
  }

  /** Returns whether there was one. Throws where the role cannot be taken back; the other node is asked on then. */
  abort(why: string): boolean {
    const { phase, host } = this
    if (phase === 'no-failover') return false
    if (phase === 'failover-in-progress') host.takeBack()
    this.finish()
    host.log.warn({ reason: why }, 'failover given up: this node goes on as the master')
    host.resumeWrites()
    return true
  }

  /** To be called when a replica has acknowledged something, and now and then. */
  advance(nowMs: number): void {
    const { current, host } = this
    if (current === null) return
    if (this.phase === 'failover-in-progress') {
      if (!host.isLinked()) {
        this.takeBackInTime(nowMs)
        return
      }
      this.finish()
      host.log.info({}, 'failover done: this node is a replica now')
      host.resumeWrites()
      return
    }
    const { request } = current
    const candidates = host.online().filter((replica) => isTarget(replica, request) && !this.unreachable.has(replica.runId))
    // What it has applied and not synced could be gone when it comes back from a crash, and it would lead all the same.
    const replica = candidates.find(({ synced }) => synced >= host.end())
    if (replica !== undefined && this.hasAnswered(replica)) this.handOver(replica.ip, replica.port)
    else if (nowMs >= current.deadlineMs) this.timeIsUp(request, nowMs)
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
      if (failure !== null) this.refused(runId, `${ip}:${port} ${failure}`)
    })
  }

  /** The address of a replica does not lead to it: another one may take over where none was named. */
  private refused(runId: string, reason: string): void {
    const { current, host } = this
    this.asked = null
    this.unreachable.add(runId)
    host.log.warn({ reason }, 'failover: a replica does not answer on the address that it announces')
    const isAnyLeft = host.online().some((replica) => !this.unreachable.has(replica.runId))
    if (current?.request.to !== null || !isAnyLeft) this.abort(`the replica cannot be reached: ${reason}`)
  }

  private hasAnswered({ runId }: Pick<ReplicaView, 'runId'>): boolean {
    return this.asked?.runId === runId && this.asked.hasAnswered
  }

  private timeIsUp(request: FailoverRequest, nowMs: number): void {
    const { force, to } = request
    if (force && to !== null && this.asked?.hasAnswered === true) {
      this.host.log.warn({}, 'failover: the time is up, the replica takes over with what it has')
      this.current = { request, deadlineMs: nowMs + FORCED_MS }
      this.handOver(to.host, to.port)
    } else if (force) this.abort('the time was up before the replica had answered on its address')
    else this.abort('the time was up before the replica had everything')
  }

  /** While the replica cannot have been asked to take over, the time ends this, too. */
  private takeBackInTime(nowMs: number): void {
    const { current, host } = this
    if (current === null || nowMs < current.deadlineMs || !host.mayTakeBack()) return
    try {
      this.abort('the time was up before the replica could be asked to take over')
    } catch (error) {
      host.log.warn({ error: String(error) }, 'failover: the role cannot be taken back; the replica is asked on')
      this.current = { ...current, deadlineMs: Number.POSITIVE_INFINITY }
    }
  }

  private handOver(host: string, port: number): void {
    this.phase = 'failover-in-progress'
    this.host.stopInquiry()
    this.host.log.info({ host, port }, 'failover: handing the role over')
    try {
      this.host.handOver(host, port)
    } catch (error) {
      this.phase = 'waiting-for-sync' // there is nothing to be taken back
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

export function isTarget({ ip, port }: ReplicaView, { to }: FailoverRequest): boolean {
  return to === null || (to.host === ip && to.port === port)
}
