/**
 * Both sides of replication on one node: its role, its master, its replicas, and each change of
 * role. The server calls `flush` at the end of every turn and `tick` ten times a second.
 *
 * Every change of role is stored before it is announced. A replica passes on the groups that it
 * receives. Its own replicas stay attached while its history stays the same. When the history gets
 * another id, this node drops them, and they reconnect at once under the new id.
 */
import type { MasterAddress } from '../storage/directory/identity.ts'
import type { StorageEvents } from '../storage/storage.ts'
import { Failover, type FailoverRequest, refuseImpossible } from './failover.ts'
import { Inquiry } from './master/inquiry.ts'
import { Master } from './master/master.ts'
import type { ReplicaView } from './master/replica-view.ts'
import { FORMAT_VERSION, Refusal } from './protocol/messages.ts'
import { ReplicaLink } from './replica/link.ts'
import type { ReplicationOptions } from './replication-options.ts'
import { type WaitCondition, Waiters } from './waiters.ts'

/**
 * How long the role of a master stays unsettled after its start or promotion. In that time a
 * sentinel may still demote the node, which takes eight seconds or more. Until its first write an
 * unsettled master deletes no expired key on its own: expired keys are only hidden.
 */
export const ROLE_SETTLES_MS = 30_000

const NO_LEASE = 'the lease of this node has ended, and no replica can confirm a write'

/** Joins the master side, the link to a master, FAILOVER and WAIT of one node. */
export class Replication {
  readonly master: Master
  readonly link: ReplicaLink
  readonly waiters: Waiters
  readonly failover: Failover
  /** The answers to events of the storage; the opener of the storage passes them on. */
  readonly storageEvents: Pick<StorageEvents, 'pinned' | 'onInstalled' | 'onSynced'>
  /** The address check of a FAILOVER that is under way. */
  private inquiry: Inquiry | null = null
  /** The reasons to hold writes back. */
  private readonly pauses = new Set<'failover' | 'shutdown'>()
  /** True for a master without a lease in its cluster: nothing that it writes may count. */
  private isFenced = false
  /** Monotonic time until which the role is unsettled; Infinity once it is settled. */
  private settlesAtMs = Number.POSITIVE_INFINITY
  private readonly options: ReplicationOptions
  /** The replication id and the chain of masters that the replicas of this node were given. */
  private origin: string

  constructor(options: ReplicationOptions) {
    this.options = options
    const { storage, clock, random, log, settings, runId, databases, replayer, redisPorts, dial } = options
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
      onAck: () => this.acked(),
      // A pulse is a write like any other: it must not come before a role that may still be taken.
      mayPulse: () => !this.isUnsettled && !this.isWritingPaused && !this.isFenced,
      wake: () => options.wake(),
    })
    this.link = new ReplicaLink({
      storage,
      replayer,
      ...(redisPorts === undefined ? {} : { redisPorts }),
      dial,
      clock,
      random,
      log,
      settings,
      runId,
      databases,
      port: () => options.port(),
      wake: () => options.wake(),
      onChanged: () => this.linkChanged(),
      syncAlways: () => options.syncAlways(),
      isHeld: () => options.isHeld(),
    })
    this.waiters = new Waiters((condition) => this.measure(condition))
    this.failover = new Failover({
      log,
      binlogEnd: () => storage.binlog.end.offset,
      online: () => this.master.replicas.successors().filter(({ state }) => state === 'online'),
      askForAcks: () => this.master.askForAcks(),
      pauseWrites: () => this.pauseWrites('failover'),
      resumeWrites: () => this.resumeWrites('failover'),
      handOver: (host, port) => this.becomeReplica({ host, port, failover: true }),
      takeBack: () => this.becomeMaster('failover was aborted'),
      mayTakeBack: () => !this.link.hasAskedToTakeOver,
      inquire: (replica, answered) => this.inquire(replica, answered),
      stopInquiry: () => {
        this.inquiry?.close()
        this.inquiry = null
      },
      isLinked: () => this.link.isJoined,
    })
    this.origin = this.currentOrigin
    this.storageEvents = {
      pinned: () => this.master.replicas.pinned,
      onInstalled: () => this.master.dropSessions('a full sync has replaced the data', 'discard'),
      onSynced: () => this.synced(),
    }
  }

  get isWritingPaused(): boolean {
    return this.pauses.size > 0
  }

  /** Adds a reason to pause writes. While there is one, writes wait and no key expires. */
  pauseWrites(why: 'failover' | 'shutdown'): void {
    this.pauses.add(why)
    this.applyPauses()
  }

  /** Removes a reason to pause writes. */
  resumeWrites(why: 'failover' | 'shutdown'): void {
    this.pauses.delete(why)
    this.applyPauses()
  }

  /**
   * Sets whether the lease of this node has ended. Until it returns, the log does not grow by
   * itself, so that this node can follow its successor. Nor is any WAIT confirmed: the successor
   * was perhaps chosen before the replica that confirms it had the write.
   */
  fence(isFenced: boolean): void {
    this.isFenced = isFenced
    this.options.storage.holdExpiry('lease', isFenced)
    if (isFenced) this.waiters.failAll(new Refusal('CLUSTERDOWN', NO_LEASE))
  }

  private applyPauses(): void {
    this.options.storage.holdExpiry('replication', this.isWritingPaused)
    this.options.onChanged()
  }

  get isReplica(): boolean {
    return this.options.storage.role === 'replica'
  }

  /** Assumes the stored role, or the configured one if none was ever stored. */
  start(configured: { readonly host: string; readonly port: number } | null): void {
    const { storage, log } = this.options
    const { master } = storage.identity
    if (master === undefined && configured !== null) this.becomeReplica({ ...configured, failover: false })
    else if (master !== undefined && master !== null) {
      if (configured !== null && (configured.host !== master.host || configured.port !== master.port)) {
        const stored = `${master.host}:${master.port}`
        log.warn({ stored }, 'ignoring configured replicaof: the stored master takes precedence; REPLICAOF changes it')
      }
      this.link.followAtStart(master)
    }
    if (!this.isReplica) this.unsettle()
  }

  /**
   * True for a master that has taken no write since its start or promotion and may still be
   * demoted.
   */
  get isUnsettled(): boolean {
    return this.settlesAtMs !== Number.POSITIVE_INFINITY
  }

  /** Called before the first write of a client. Deletion of expired keys starts now. */
  settle(): void {
    if (!this.isUnsettled) return
    this.settlesAtMs = Number.POSITIVE_INFINITY
    this.options.storage.holdExpiry('role', false)
    this.options.onChanged()
  }

  private unsettle(): void {
    this.settlesAtMs = this.options.clock.monotonicMs() + ROLE_SETTLES_MS
    this.options.storage.holdExpiry('role', true)
  }

  /** SLAVEOF host port. Throws Refusal. */
  follow(host: string, port: number, how: 'partial' | 'full'): 'started' | 'already' {
    const { storage } = this.options
    if (this.failover.state !== 'no-failover') throw new Refusal('ERR', 'REPLICAOF not allowed while failing over.')
    const current = storage.identity.master
    const isSame = current !== undefined && current !== null && current.host.toLowerCase() === host.toLowerCase() && current.port === port
    if (isSame && !current.failover && how === 'partial') return 'already'
    this.commit()
    if (how === 'full') storage.saveIdentity({ fullSync: 'requested by SLAVEOF FORCE' })
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
    refuseImpossible(request, this.master.replicas.successors())
    this.commit()
    this.failover.start(request, this.options.clock.monotonicMs())
  }

  /**
   * FAILOVER ABORT. Throws Refusal once the replica may have taken over: there could be two
   * masters. SLAVEOF NO ONE makes no such check.
   */
  abortFailover(): void {
    if (this.failover.state === 'failover-in-progress' && this.link.hasAskedToTakeOver) {
      throw new Refusal('ERR', 'the replica may have taken over by now: SLAVEOF NO ONE makes this node a master whether it has or not')
    }
    if (!this.failover.abort('FAILOVER ABORT')) throw new Refusal('ERR', 'No failover in progress.')
  }

  /** CLEARREPLICATIONID. Throws Refusal. */
  clearReplicationId(): void {
    if (this.isReplica) throw new Refusal('ERR', 'this node is a replica and has the replication id of its master: SLAVEOF NO ONE first')
    this.commit()
    this.options.storage.clearHistory()
    this.master.dropSessions('the replication id was cleared', 'discard')
    this.options.onChanged()
  }

  /** WAIT and WAITAOF. Rejects with a Refusal. */
  wait(owner: object, condition: WaitCondition): ReturnType<Waiters['wait']> {
    if (this.isFenced) return Promise.reject(new Refusal('CLUSTERDOWN', NO_LEASE))
    const result = this.waiters.wait(owner, condition, this.options.clock.monotonicMs())
    if (this.waiters.count > 0 && condition.replicas > 0) this.master.askForAcks()
    return result
  }

  /** Returns how much of the condition is met now. */
  reached(condition: WaitCondition): ReturnType<Waiters['measure']> {
    return this.waiters.measure(condition)
  }

  /** min-replicas-to-write; 0 if it is off. */
  get minReplicas(): number {
    return this.options.settings.minReplicas
  }

  /** True if min-replicas-to-write forbids writes now. */
  get lacksReplicas(): boolean {
    return this.options.clock.monotonicMs() > this.writableUntilMs
  }

  /**
   * Monotonic time until which min-replicas-to-write allows writes, unless an ACK arrives or a
   * replica leaves.
   */
  get writableUntilMs(): number {
    return this.isReplica ? Number.POSITIVE_INFINITY : this.master.replicas.writableUntilMs
  }

  /** Called at the end of a turn, after its group is appended and its replies are out. */
  flush(): void {
    this.master.flush()
    this.link.flush()
  }

  tick(): void {
    const monotonicMs = this.options.clock.monotonicMs()
    if (monotonicMs >= this.settlesAtMs) this.settle()
    this.link.tick()
    this.master.tick()
    this.inquiry?.tick(monotonicMs)
    this.failover.advance(monotonicMs)
    this.waiters.check(monotonicMs)
    if (this.waiters.wantSync) this.options.storage.binlog.sync() // regardless of appendfsync
  }

  /** The number of online replicas that lack a part of the binlog. A shutdown waits for them. */
  get laggards(): number {
    const { offset } = this.options.storage.binlog.end
    return this.master.replicas.online().filter(({ applied }) => applied < offset).length
  }

  /** Resolves when nothing reads or writes storage any more. */
  async close(): Promise<void> {
    this.waiters.failAll(new Refusal('ERR', 'the server is shutting down'))
    this.inquiry?.close()
    await Promise.all([this.link.close(), this.master.close()])
  }

  private inquire({ ip, port, runId }: ReplicaView, answered: (failure: string | null) => void): void {
    const { dial, settings, clock, runId: ownRunId, port: ownPort } = this.options
    this.inquiry?.close()
    this.inquiry = new Inquiry({
      dial,
      settings,
      host: ip,
      port,
      runId,
      monotonicMs: clock.monotonicMs(),
      introduction: {
        ip: settings.announceIp,
        port: settings.announcePort === 0 ? ownPort() : settings.announcePort,
        runId: ownRunId,
        attempt: 0,
        version: FORMAT_VERSION,
      },
      onAnswered: (failure) => {
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
    this.waiters.failAll(this.options.waitFailure())
    log.info({ master: `${host}:${port}`, offset: storage.binlog.end.offset }, 'this node is a replica')
    this.link.follow(address)
    this.options.onChanged()
  }

  private becomeMaster(why: string): void {
    const { storage, log } = this.options
    this.link.leave()
    try {
      storage.promote()
    } catch (error) {
      const { master } = storage.identity
      // this node is still a replica
      if (master !== undefined && master !== null) this.link.follow(master)
      throw error
    }
    this.unsettle()
    const { replicationId } = storage.identity
    log.info({ reason: why, replicationId, offset: storage.binlog.end.offset }, 'this node is a master')
    this.origin = this.currentOrigin
    this.master.dropSessions('this node has become a master', 'keep')
    this.options.onChanged()
  }

  /** The master of this replica hands its role over to it. */
  private takeOver(runId: string): void {
    if (!this.isReplica) return // already done: the master missed the answer
    const [master] = this.link.chain
    // Without a link the check is impossible: a master that restarts during the hand-over has a run
    // id that this node does not know.
    if (this.link.isJoined && master !== runId)
      throw new Refusal('ERR', 'FAILOVER was requested by a node that is not the master of this node')
    this.becomeMaster('the master handed its role over')
  }

  /** Commits the open group, which belongs to the old role. Throws Refusal. */
  private commit(): void {
    if (this.options.storage.commit() === 'written') return
    this.options.onChanged() // the next command of the same client must see the new state
    throw new Refusal('ERR', 'the last writes are not in the binlog yet: free disk space, then try again')
  }

  private linkChanged(): void {
    const { currentOrigin } = this
    if (currentOrigin !== this.origin) this.master.dropSessions('the chain of masters or the history has changed', 'keep')
    this.origin = currentOrigin
    // before the role can be handed back to this node
    this.failover.advance(this.options.clock.monotonicMs())
    this.options.onChanged()
  }

  private get currentOrigin(): string {
    return [this.options.storage.identity.replicationId, ...this.link.chain].join(' ')
  }

  private acked(): void {
    const monotonicMs = this.options.clock.monotonicMs()
    this.waiters.check(monotonicMs)
    this.failover.advance(monotonicMs)
  }

  private synced(): void {
    if (this.options.syncAlways()) this.master.flush()
    this.link.flush()
    this.waiters.check(this.options.clock.monotonicMs())
  }

  private measure({ after, what }: WaitCondition): { local: number; replicas: number } {
    return { local: this.options.storage.binlog.synced > after ? 1 : 0, replicas: this.master.replicas.ackedCount(after, what) }
  }
}
