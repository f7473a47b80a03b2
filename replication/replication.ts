/**
 * Both sides of replication joined on one node: what it is (master or replica), whom it follows, who follows it, and what happens when that
 * changes. The server drives it: `flush` at the end of every turn, `tick` ten times a second.
 *
 * Every change of role is stored before it is announced. A node that follows a master passes on what it receives, so its own replicas stay
 * attached while its history stays the same; when that gets another id they are sent away and come back at once under the new one.
 */
import type { Clock, Random } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { MasterAddress } from '../storage/directory/identity.ts'
import type { Storage } from '../storage/storage.ts'
import { Failover, type FailoverRequest, isTarget } from './failover.ts'
import { Inquiry } from './master/inquiry.ts'
import { Master } from './master/master.ts'
import type { ReplicaView } from './master/replica-view.ts'
import { FORMAT_VERSION, Refusal } from './protocol/messages.ts'
import { type Dial, type LinkReplayer, ReplicaLink } from './replica/link.ts'
import type { ReplicationSettings } from './settings.ts'
import { type WaitCondition, Waiters } from './waiters.ts'

export interface ReplicationOptions {
  /** Recovered. */
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: ReplicationSettings
  readonly runId: string
  readonly databases: number
  readonly replayer: LinkReplayer
  readonly dial: Dial
  /** The port that clients reach this node on. */
  port(): number
  /** appendfsync always: nothing is fed that is not on the medium, and what is received is synced at once. */
  syncAlways(): boolean
  /** CLIENT PAUSE: what a master sends waits as clients' writes do. */
  isHeld(): boolean
  /** A turn must come; to be called before anything changes. */
  wake(): void
  /** The role, the link or the pause of writes has changed. */
  changed(): void
}

/**
 * A master that has just started, or was just promoted, may be told to follow another one: a sentinel takes eight seconds or more for that. Until
 * its first write it deletes nothing of itself for so long; what is past its deadline is hidden.
 */
export const ROLE_SETTLES_MS = 30_000

/** What WAIT is told when its node stops being the master, in Redis's words. */
const UNBLOCKED = 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'

export class Replication {
  readonly master: Master
  readonly link: ReplicaLink
  readonly waiters: Waiters
  readonly failover: Failover
  /** Of FAILOVER, while it is under way. */
  private inquiry: Inquiry | null = null
  /** Why writes are held back. */
  private readonly pauses = new Set<'failover' | 'shutdown'>()
  /** Monotonic time up to which the role is unsettled; infinite where it is settled. */
  private settlesAtMs = Number.POSITIVE_INFINITY
  private readonly options: ReplicationOptions
  /** Which history its replicas get here, and through which masters. */
  private origin: string

  constructor(options: ReplicationOptions) {
    this.options = options
    const { storage, clock, random, log, settings, runId, databases, replayer, dial } = options
    this.master = new Master({
      storage,
      clock,
      random,
      log,
      settings,
      runId,
      databases,
      chain: () => this.link.chain,
      isLinked: () => this.link.isJoined,
      feedLimit: () => (options.syncAlways() ? storage.binlog.synced : storage.binlog.end.offset),
      takeOver: (from) => this.takeOver(from.runId),
      acked: () => this.acked(),
      wake: () => options.wake(),
    })
    this.link = new ReplicaLink({
      storage,
      replayer,
      dial,
      clock,
      random,
      log,
      settings,
      runId,
      databases,
      port: () => options.port(),
      wake: () => options.wake(),
      changed: () => this.linkChanged(),
      syncAlways: () => options.syncAlways(),
      isHeld: () => options.isHeld(),
    })
    this.waiters = new Waiters((condition) => this.measure(condition))
    this.failover = new Failover({
      log,
      end: () => storage.binlog.end.offset,
      online: () => this.master.online(),
      askForAcks: () => this.master.askForAcks(),
      pauseWrites: () => this.pauseWrites('failover', true),
      resumeWrites: () => this.pauseWrites('failover', false),
      handOver: (host, port) => this.becomeReplica({ host, port, failover: true }),
      takeBack: () => this.becomeMaster('failover was given up'),
      mayTakeBack: () => !this.link.hasAskedToTakeOver,
      inquire: (replica, answered) => this.inquire(replica, answered),
      stopInquiry: () => {
        this.inquiry?.close()
        this.inquiry = null
      },
      isLinked: () => this.link.isJoined,
    })
    this.origin = this.currentOrigin
    storage.pinned = () => this.master.pinned
    storage.onSwapped = () => this.master.dropSessions('a full sync has replaced the data', 'discard')
    storage.onSynced = () => this.synced()
  }

  get writesPaused(): boolean {
    return this.pauses.size > 0
  }

  /** While there is a reason, clients' writes wait, and nothing expires. */
  pauseWrites(why: 'failover' | 'shutdown', isPaused: boolean): void {
    if (isPaused) this.pauses.add(why)
    else this.pauses.delete(why)
    this.options.storage.holdExpiry('replication', this.writesPaused)
    this.options.changed()
  }

  get isReplica(): boolean {
    return this.options.storage.role === 'replica'
  }

  /** Takes up the stored role; where none was ever stored, the configured one. */
  start(configured: { readonly host: string; readonly port: number } | null): void {
    const { storage, log } = this.options
    const { master } = storage.identity
    if (master === undefined && configured !== null) this.becomeReplica({ ...configured, failover: false })
    else if (master !== undefined && master !== null) {
      if (configured !== null && (configured.host !== master.host || configured.port !== master.port)) {
        const stored = `${master.host}:${master.port}`
        log.warn({ stored }, 'replicaof is passed over: the master that was set last is the one that counts')
      }
      this.link.followOn(master)
    }
    if (!this.isReplica) this.unsettle()
  }

  /** Whether this node is a master that may still be told to follow another one, and has written nothing. */
  get isUnsettled(): boolean {
    return this.settlesAtMs !== Number.POSITIVE_INFINITY
  }

  /** To be called before the first write of a client runs; expired keys are deleted from now on. */
  settle(): void {
    if (!this.isUnsettled) return
    this.settlesAtMs = Number.POSITIVE_INFINITY
    this.options.storage.holdExpiry('role', false)
    this.options.changed()
  }

  private unsettle(): void {
    this.settlesAtMs = this.options.clock.monotonicMs() + ROLE_SETTLES_MS
    this.options.storage.holdExpiry('role', true)
  }

  /** SLAVEOF host port. Throws Refusal. */
  follow(host: string, port: number, how: 'from where we are' | 'full sync'): 'started' | 'already' {
    const { storage } = this.options
    if (this.failover.state !== 'no-failover') throw new Refusal('ERR', 'REPLICAOF not allowed while failing over.')
    const current = storage.identity.master
    const isSame = current !== undefined && current !== null && current.host.toLowerCase() === host.toLowerCase() && current.port === port
    if (isSame && !current.failover && how === 'from where we are') return 'already'
    this.commit()
    if (how === 'full sync') storage.saveIdentity({ fullSync: 'asked for by SLAVEOF FORCE' })
    this.becomeReplica({ host, port, failover: false })
    return 'started'
  }

  /** SLAVEOF NO ONE. Throws Refusal. */
  leave(): void {
    const { storage } = this.options
    if (this.failover.state === 'waiting-for-sync') throw new Refusal('ERR', 'REPLICAOF not allowed while failing over.')
    if (this.failover.abort('SLAVEOF NO ONE')) return
    if (this.isReplica) this.becomeMaster('SLAVEOF NO ONE')
    else if (storage.identity.master === undefined) storage.saveIdentity({ master: null })
  }

  /** FAILOVER. Throws Refusal with Redis's text. */
  startFailover(request: FailoverRequest): void {
    if (this.failover.state !== 'no-failover') throw new Refusal('ERR', 'FAILOVER already in progress.')
    if (this.isReplica) throw new Refusal('ERR', 'FAILOVER is not valid when server is a replica.')
    const attached = this.master.attached()
    if (attached.length === 0) throw new Refusal('ERR', 'FAILOVER requires connected replicas.')
    if (request.force && (request.timeoutMs === 0 || request.to === null)) {
      throw new Refusal('ERR', 'FAILOVER with force option requires both a timeout and target HOST and IP.')
    }
    if (request.to !== null) {
      const target = attached.find((replica) => isTarget(replica, request))
      if (target === undefined) throw new Refusal('ERR', 'FAILOVER target HOST and PORT is not a replica.')
      if (target.state !== 'online') throw new Refusal('ERR', 'FAILOVER target replica is not online.')
    }
    this.commit()
    this.failover.start(request, this.options.clock.monotonicMs())
  }

  /** FAILOVER ABORT. Throws Refusal: once the replica may have taken over, there would be two masters. SLAVEOF NO ONE does not ask. */
  abortFailover(): void {
    if (this.failover.state === 'failover-in-progress' && this.link.hasAskedToTakeOver) {
      throw new Refusal('ERR', 'the replica may have taken over by now: SLAVEOF NO ONE makes this node a master whether it has or not')
    }
    if (!this.failover.abort('FAILOVER ABORT')) throw new Refusal('ERR', 'No failover in progress.')
  }

  /** CLEARREPLICATIONID. Throws Refusal. */
  clearReplicationId(): void {
    if (this.isReplica) throw new Refusal('ERR', "this node is a replica, and its replication id its master's: SLAVEOF NO ONE first")
    this.commit()
    this.options.storage.clearHistory()
    this.master.dropSessions('the replication id was cleared', 'discard')
    this.options.changed()
  }

  /** WAIT and WAITAOF. Rejects with a Refusal. */
  wait(owner: object, condition: WaitCondition): ReturnType<Waiters['wait']> {
    const result = this.waiters.wait(owner, condition, this.options.clock.monotonicMs())
    if (this.waiters.count > 0 && condition.replicas > 0) this.master.askForAcks()
    return result
  }

  /** How far things are now. */
  reached(condition: WaitCondition): ReturnType<Waiters['measure']> {
    return this.waiters.measure(condition)
  }

  /** min-replicas-to-write, 0 where it asks for nothing. */
  get minReplicas(): number {
    return this.options.settings.minReplicas
  }

  /** Whether that forbids writes. */
  get lacksReplicas(): boolean {
    return this.options.clock.monotonicMs() > this.writableUntilMs
  }

  /** Monotonic time up to which that allows writes unless a replica is heard of or leaves. */
  get writableUntilMs(): number {
    return this.isReplica ? Number.POSITIVE_INFINITY : this.master.writableUntilMs
  }

  /** At the end of a turn, with its group appended and its replies out. */
  flush(): void {
    this.master.flush()
    this.link.flush()
  }

  tick(): void {
    const now = this.options.clock.monotonicMs()
    if (now >= this.settlesAtMs) this.settle()
    this.link.tick()
    this.master.tick()
    this.inquiry?.tick(now)
    this.failover.advance(now)
    this.waiters.check(now)
    if (this.waiters.wantSync) this.options.storage.binlog.sync() // whatever appendfsync says
  }

  /** Replicas that have not got everything that is in the log: what a shutdown waits for. */
  get laggards(): number {
    const { offset } = this.options.storage.binlog.end
    return this.master.online().filter(({ applied }) => applied < offset).length
  }

  /** Resolves when nothing reads from storage or writes to it any more. */
  async close(): Promise<void> {
    this.waiters.failAll(new Refusal('ERR', 'the server is shutting down'))
    this.inquiry?.close()
    await Promise.all([this.link.close(), this.master.close()])
  }

  private inquire({ ip, port, runId }: ReplicaView, answered: (failure: string | null) => void): void {
    const { dial, settings, clock, runId: ownRunId, port: ownPort } = this.options
    this.inquiry?.close()
    this.inquiry = new Inquiry({
      ...{ dial, settings, host: ip, port, runId, nowMs: clock.monotonicMs() },
      introduction: {
        ...{ ip: settings.announceIp, port: settings.announcePort === 0 ? ownPort() : settings.announcePort },
        ...{ runId: ownRunId, attempt: 0, version: FORMAT_VERSION },
      },
      answered: (failure) => {
        answered(failure)
        this.failover.advance(clock.monotonicMs())
      },
    })
  }

  private becomeReplica(address: MasterAddress): void {
    const { storage, log } = this.options
    const { host, port } = address
    storage.becomeReplica(address)
    this.settle()
    this.waiters.failAll(new Refusal('UNBLOCKED', UNBLOCKED.slice('UNBLOCKED '.length)))
    log.info({ master: `${host}:${port}`, offset: storage.binlog.end.offset }, 'this node is a replica')
    this.link.follow(address)
    this.options.changed()
  }

  private becomeMaster(why: string): void {
    const { storage, log } = this.options
    this.link.leave()
    try {
      storage.promote()
    } catch (error) {
      const { master } = storage.identity
      if (master !== undefined && master !== null) this.link.follow(master) // it is a replica still
      throw error
    }
    this.unsettle()
    const { replicationId } = storage.identity
    log.info({ reason: why, replicationId, offset: storage.binlog.end.offset }, 'this node is a master')
    this.origin = this.currentOrigin
    this.master.dropSessions('this node has become a master', 'keep')
    this.options.changed()
  }

  /** A master hands its role over to this replica of its. */
  private takeOver(runId: string): void {
    if (!this.isReplica) return // it has happened already, and the master has not heard of it
    const [master] = this.link.chain
    // Without a link it cannot be told: a master that was restarted while it hands over has a run id that nobody here has heard of.
    if (this.link.isJoined && master !== runId)
      throw new Refusal('ERR', 'FAILOVER is asked for by a node that is not the master of this one')
    this.becomeMaster('its master has handed over to it')
  }

  /** What is in the open group belongs to the role that there was until now. Throws Refusal. */
  private commit(): void {
    if (this.options.storage.commit() === 'written') return
    this.options.changed() // what the same client does next must know of it
    throw new Refusal('ERR', 'the last writes are not in the binlog yet: try again when there is room on the disk')
  }

  private linkChanged(): void {
    const { currentOrigin } = this
    if (currentOrigin !== this.origin) this.master.dropSessions('the chain of masters or the history has changed', 'keep')
    this.origin = currentOrigin
    this.failover.advance(this.options.clock.monotonicMs()) // before this node can be handed the role back
    this.options.changed()
  }

  private get currentOrigin(): string {
    return [this.options.storage.identity.replicationId, ...this.link.chain].join(' ')
  }

  private acked(): void {
    const now = this.options.clock.monotonicMs()
    this.waiters.check(now)
    this.failover.advance(now)
  }

  private synced(): void {
    if (this.options.syncAlways()) this.master.flush()
    this.link.flush()
    this.waiters.check(this.options.clock.monotonicMs())
  }

  private measure({ after, what }: WaitCondition): { local: number; replicas: number } {
    return { local: this.options.storage.binlog.synced > after ? 1 : 0, replicas: this.master.ackedCount(after, what) }
  }
}
