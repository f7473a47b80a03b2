/**
 * FAILOVER: a master hands its role over to one of its replicas, losing nothing.
 *
 *   none -> waiting (writes are paused until the replica has everything) -> handing over (this node follows the replica and asks it to
 *   take over: METASYNC and TRYSYNC with FAILOVER) -> none
 *
 * Whoever waits too long or is told to stop goes back to being the master. The role is stored before the replica is asked, so a crash at any
 * moment leaves at most one node that takes writes: this one asks again after its restart.
 */
import type { Log } from '../storage/log.ts'
import type { ReplicaView } from './replica-view.ts'

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
  /** Writes wait until they are let go on. */
  pauseWrites(): void
  resumeWrites(): void
  /** This node becomes the replica's replica and asks it to take over. */
  handOver(host: string, port: number): void
  /** It takes its role back. */
  takeBack(): void
  /** Whether this node is in step with its new master. */
  isLinked(): boolean
}

export class Failover {
  private readonly host: FailoverHost
  private current: { readonly request: FailoverRequest; readonly deadlineMs: number } | null = null
  private phase: FailoverState = 'no-failover'

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
      if (!host.isLinked()) return
      this.finish()
      host.log.info({}, 'failover done: this node is a replica now')
      host.resumeWrites()
      return
    }
    const { request } = current
    // What it has applied and not synced could be gone when it comes back from a crash, and it would lead all the same.
    const replica = host.online().find((candidate) => isTarget(candidate, request) && candidate.synced >= host.end())
    if (replica !== undefined) this.handOver(replica.ip, replica.port)
    else if (nowMs >= current.deadlineMs) this.timeIsUp(request)
    else host.askForAcks()
  }

  private timeIsUp({ force, to }: FailoverRequest): void {
    if (force && to !== null) {
      this.host.log.warn({}, 'failover: the time is up, the replica takes over with what it has')
      this.handOver(to.host, to.port)
    } else this.abort('the time was up before the replica had everything')
  }

  private handOver(host: string, port: number): void {
    this.phase = 'failover-in-progress'
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
  }
}

export function isTarget({ ip, port }: ReplicaView, { to }: FailoverRequest): boolean {
  return to === null || (to.host === ip && to.port === port)
}
