/**
 * The side of the master: requests of replicas, and their connections. slave-items.ts decides who
 * is who, history.ts whether a replica can continue. full-sync-source.ts gives full syncs, feed.ts
 * the stream.
 *
 * A connection with a granted METASYNC is a peer. A peer is fenced when its session ends: the
 * replica came on another connection, or all sessions were ended. Requests of a fenced peer are
 * refused and change nothing, and nothing is streamed to it. It is closed after repl-timeout.
 * Streams begin in `flush`, after the replies of the turn.
 */
import { assert, must } from '../../base/assert.ts'
import { Arrivals } from '../protocol/arrivals.ts'
import {
  type AckRequest,
  type DbSyncRequest,
  type MetaSyncReply,
  type MetaSyncRequest,
  Refusal,
  type TrySyncReply,
  type TrySyncRequest,
  withoutSession,
} from '../protocol/messages.ts'
import { RedisReplicas } from '../redis-replicas/redis-replicas.ts'
import { FeedTail } from './feed-tail.ts'
import { FullSyncSource } from './full-sync-source.ts'
import { decideTrySync, historyOf, mayGiveData } from './history.ts'
import { checkRequester, metaOf } from './introduction.ts'
import { dateAck } from './liveness.ts'
import type { MasterOptions } from './master-options.ts'
import { behind, checkPeer } from './peer-limits.ts'
import { mustBeQuiet, type Peer, Peers } from './peers.ts'
import type { ReplicaConnection } from './replica-connection.ts'
import { ReplicaOverview } from './replica-overview.ts'
import { keyOf, type SlaveItem, SlaveItems } from './slave-items.ts'

export type { ReplicaConnection } from './replica-connection.ts'

const CONFLICT_ADVICE = 'give one of them another replica-announce-ip or replica-announce-port'

/** The side of the master: sessions, full syncs, streams and acknowledgements of its replicas. */
export class Master {
  /** Counters since the start: sync_full, sync_partial_ok and sync_partial_err of INFO. */
  fullSyncs = 0
  partialSyncs = 0
  partialSyncsRefused = 0
  /** The replicas as INFO, WAIT, FAILOVER and the purge of the binlog see them. */
  readonly replicas: ReplicaOverview
  /** The replicas that speak Redis's protocol. */
  readonly redis: RedisReplicas
  private readonly options: MasterOptions
  private readonly items = new SlaveItems()
  private readonly peers: Peers
  private readonly arrivals: Arrivals
  private readonly source: FullSyncSource
  /** The peer that asked this node to take over. Its session survives the change of role. */
  private handingOver: Peer | null = null

  constructor(options: MasterOptions) {
    this.options = options
    this.arrivals = new Arrivals(this.monotonicMs)
    const tail = new FeedTail()
    this.peers = new Peers({
      storage: options.storage,
      tail,
      feedLimit: () => options.feedLimit(),
      onBroken: (peer, error) => this.cut(peer, `the binlog cannot be read for it: ${String(error)}`),
    })
    this.source = new FullSyncSource(options)
    this.redis = new RedisReplicas({ ...options, tail, source: this.source })
    this.replicas = new ReplicaOverview({ options, items: this.items, peers: this.peers, redis: this.redis, source: this.source })
  }

  /**
   * Grants or refuses METASYNC. A repeat on one connection gets the same answer. Throws Refusal.
   */
  metaSync(connection: ReplicaConnection, request: MetaSyncRequest): MetaSyncReply {
    this.checkMetaSync(connection, request)
    const { log, settings } = this.options
    const ip = request.ip === '' ? connection.remoteIp : request.ip
    const replica = keyOf({ ip, port: request.port })
    const { runId, attempt } = request
    const binding = this.items.metaSync(request, ip, connection, settings.timeoutMs, this.monotonicMs)
    log.debug({ replica, runId, attempt, connection: connection.address, outcome: binding.type }, 'METASYNC')
    if (binding.type === 'refused') {
      if (binding.conflict?.isNew === true) log.warn({ replica, refused: runId }, `${binding.text}; ${CONFLICT_ADVICE}`)
      throw new Refusal(binding.code, binding.text)
    }
    const { item } = binding
    if (binding.type === 'same') return must(item.meta)
    const { evicted, fenced, wasRefused } = binding
    if (wasRefused) log.info({ replica, runId }, 'an address conflict has ended: the process refused before holds the address now')
    if (evicted !== null) {
      const text = `two processes announce ${replica}: ${runId} at ${connection.address} takes it back, ${evicted.runId} at ${evicted.address} is refused`
      log.warn({ replica, refused: evicted.runId }, `${text}; ${CONFLICT_ADVICE}`)
    }
    const old = fenced === null ? undefined : this.peers.get(fenced)
    if (old !== undefined) this.peers.fence(old, `${replica} has come on another connection, ${connection.address}`, this.monotonicMs)
    this.peers.add(connection, item.session, behind(this.options, item.pinned))
    item.meta = metaOf(this.options, item.session, request)
    return item.meta
  }

  /** Answers METASYNC ASK, which changes nothing. Throws Refusal. */
  answerInquiry(request: MetaSyncRequest): MetaSyncReply {
    checkRequester(this.options.runId, request)
    return metaOf(this.options, 0, request)
  }

  /** Answers TRYSYNC. Throws Refusal. */
  trySync(connection: ReplicaConnection, request: TrySyncRequest): TrySyncReply {
    const { log, storage } = this.options
    const { item, peer } = this.inSession(connection, request.session)
    mustBeQuiet(peer)
    if (request.isFailover) this.takeOver(peer, item, request)
    const reply = decideTrySync(historyOf(storage, this.options.isLinked()), request)
    peer.transfer = null
    peer.fullSyncReason = reply.type === 'continue' ? 'requested' : reply.reason
    const goesOn = reply.type === 'continue'
    item.grantedOffset = goesOn ? request.offset : null
    item.ackedMs = this.monotonicMs // BINLOGSYNC confirms this reply
    item.applied = goesOn ? request.offset : 0
    item.synced = Math.min(item.synced, item.applied)
    item.pinned = goesOn ? request.offset : Number.POSITIVE_INFINITY
    peer.lagAllowanceBytes = behind(this.options, item.pinned)
    if (goesOn) {
      this.partialSyncs++
      this.source.releaseReplica(keyOf(item))
    } else {
      if (reply.reason !== 'new') this.partialSyncsRefused++
      log.info({ replica: keyOf(item), offset: request.offset, reason: reply.reason, text: reply.text }, 'a replica needs a full sync')
    }
    return reply
  }

  /** Starts a full sync on the connection, from the next flush on. Throws Refusal. */
  dbSync(connection: ReplicaConnection, request: DbSyncRequest): void {
    const { storage, log, isLinked } = this.options
    const { item, peer } = this.inSession(connection, request.session)
    mustBeQuiet(peer)
    if (!mayGiveData({ role: storage.role, isLinked: isLinked() })) {
      throw new Refusal('NOMASTERLINK', 'this node is a replica itself and has no link to its master')
    }
    item.grantedOffset = null
    item.pinned = Number.POSITIVE_INFINITY // the snapshot has its own pin
    const transfer = this.source.open(connection, keyOf(item), request, (offset) => {
      log.info({ replica: keyOf(item), offset }, 'a full sync has been sent')
      // Pins the binlog until the TRYSYNC that follows.
      if (peer.over === null) [item.pinned, peer.lagAllowanceBytes] = [offset, behind(this.options, offset)]
    })
    this.peers.transfer(peer, transfer)
    this.fullSyncs++
    log.info({ replica: keyOf(item), reason: peer.fullSyncReason, resumed: transfer.after !== null }, 'a full sync begins')
  }

  /** Streams the binlog on the connection, from the next flush on. Throws Refusal. */
  binlogSync(connection: ReplicaConnection, session: number, offset: number): void {
    const { log } = this.options
    const { item, peer } = this.inSession(connection, session)
    mustBeQuiet(peer)
    if (item.grantedOffset !== offset) {
      const allowed = item.grantedOffset === null ? 'no offset yet' : `offset ${item.grantedOffset}`
      throw new Refusal('ERR', `BINLOGSYNC at offset ${offset}: TRYSYNC has let this session continue at ${allowed}`)
    }
    item.grantedOffset = null
    item.openQuestion = null
    this.peers.feed(peer, offset)
    log.info({ replica: keyOf(item), offset, behind: peer.lagAllowanceBytes }, 'a replica is online')
  }

  /**
   * Takes an ACK. Before the stream it is only a heartbeat. Throws Refusal if the session is over.
   */
  ack(connection: ReplicaConnection, ack: AckRequest): void {
    if (this.redis.has(connection)) {
      this.redis.ack(connection, ack)
      return
    }
    const peer = this.peers.get(connection.id)
    // The replica would read a refusal as a part of the group that was cut off.
    if (peer?.over?.isTorn === true) peer.connection.close()
    const { item } = this.inSession(connection, peer?.session ?? 0)
    if (peer === undefined || peer.feed === null) return
    // No replica has more than it was sent, whatever its ACK says.
    const applied = Math.min(ack.applied, peer.feed.offset)
    const synced = Math.min(ack.synced, applied)
    if (dateAck(item, peer.feed, ack.asked, this.options.settings, this.monotonicMs)) this.options.wake()
    assert(synced <= applied && applied <= this.options.storage.binlog.end.offset, 'no replica has more than the binlog')
    if (applied === item.applied && synced === item.synced) return
    item.applied = applied
    item.synced = synced
    item.pinned = Math.max(item.pinned, synced)
    this.options.onAck()
  }

  /** Called for every connection that was a peer, whichever side closed it. */
  closed(connection: ReplicaConnection): void {
    this.redis.closed(connection)
    if (this.peers.remove(connection) === undefined) return
    const item = this.items.detach(connection.id, this.monotonicMs)
    if (item !== undefined) this.options.log.info({ replica: keyOf(item), offset: item.applied }, 'a replica has disconnected')
  }

  /** The socket has sent all of its buffer. */
  drained(connection: ReplicaConnection): void {
    this.redis.drained(connection)
    const peer = this.peers.get(connection.id)
    if (peer === undefined || peer.over !== null) return
    if (peer.feed !== null) this.options.wake()
    if (peer.transfer?.isUnderWay === true) peer.transfer.pump()
  }

  /** Called at the end of every turn, after its group is appended and its replies are out. */
  flush(): void {
    const hasMore = this.peers.flush()
    if (this.redis.flush() || hasMore) this.options.wake()
  }

  /** Called ten times a second. */
  tick(): void {
    const { monotonicMs } = this
    this.arrivals.tick(monotonicMs)
    this.source.tick(monotonicMs)
    for (const peer of this.peers.all) this.check(peer, monotonicMs)
    this.redis.tick()
    this.forgetAbsent(monotonicMs)
  }

  /**
   * Ends all sessions after a change of history or data: every replica starts again with METASYNC.
   * `keep` leaves snapshots in use, since they are of the same data.
   */
  dropSessions(reason: string, snapshots: 'keep' | 'discard'): void {
    this.redis.dropAll(reason)
    if (snapshots === 'discard') this.source.discardAll('BADSESSION', reason)
    for (const peer of this.peers.all) {
      const item = this.items.of(peer.connection.id)
      if (peer.over !== null || item === undefined || peer === this.handingOver) continue
      this.items.endSession(item)
      if (!this.peers.dismiss(peer, 'BADSESSION', reason, this.monotonicMs)) this.closePeer(peer)
    }
  }

  askForAcks(): void {
    for (const { feed } of this.peers.fed) if (feed !== null) feed.mustAsk = true
    if (this.peers.fed.size > 0) this.options.wake()
    this.redis.askForAcks()
  }

  /** Resolves when nothing reads storage any more. The connections stay with their owner. */
  async close(): Promise<void> {
    this.peers.clear()
    this.redis.clear()
    await this.source.close()
  }

  private get monotonicMs(): number {
    return this.options.clock.monotonicMs()
  }

  private checkMetaSync(connection: ReplicaConnection, request: MetaSyncRequest): void {
    const { options } = this
    const { runId, isFailover } = request
    checkRequester(options.runId, request)
    if (!isFailover && options.chain().includes(runId)) throw new Refusal('CYCLE', `this node follows ${runId} itself`)
    const peer = this.peers.get(connection.id)
    if (peer !== undefined) mustBeQuiet(peer)
  }

  private inSession(connection: ReplicaConnection, session: number): { item: SlaveItem; peer: Peer } {
    const peer = this.peers.get(connection.id)
    if (peer === undefined) throw withoutSession()
    if (peer.over !== null) throw new Refusal('BADSESSION', `session ${peer.session} is over: ${peer.over.reason}`)
    const item = this.items.withSession(session, connection.id)
    if (item === undefined) throw new Refusal('BADSESSION', `session ${session} is not this connection's, which has ${peer.session}`)
    item.heardMs = this.arrivals.dateOf(this.monotonicMs)
    return { item, peer }
  }

  private takeOver(peer: Peer, { runId }: SlaveItem, { replicationIds, offset }: TrySyncRequest): void {
    const { storage } = this.options
    if (storage.role === 'master') return // already done: the answer was lost
    const { replicationId, past } = storage.identity
    if (!replicationIds.includes(replicationId)) {
      // A replica that continues from that history loses nothing: this node took over and handed on
      // since.
      if (past.some(({ id, until }) => replicationIds.includes(id) && offset <= until)) return
      throw new Refusal('ERR', 'FAILOVER is asked for under a replication id that this node does not have')
    }
    this.handingOver = peer
    try {
      this.options.takeOver({ runId, offset })
    } finally {
      this.handingOver = null
    }
  }

  private check(peer: Peer, monotonicMs: number): void {
    if (peer.over !== null) {
      if (monotonicMs - peer.over.sinceMs > this.options.settings.timeoutMs) this.closePeer(peer)
      return
    }
    const item = must(this.items.of(peer.connection.id))
    const fault = checkPeer(this.options, peer, item, monotonicMs)
    if (fault === null) return
    if (fault !== 'silent') {
      this.cut(peer, fault.reason)
      return
    }
    this.options.log.info(
      { replica: keyOf(item), ms: Math.round(monotonicMs - item.heardMs) },
      'a replica was silent for repl-timeout, closing its connection',
    )
    this.closePeer(peer)
  }

  private cut(peer: Peer, reason: string): void {
    const item = must(this.items.of(peer.connection.id))
    this.options.log.warn({ replica: keyOf(item) }, `a replica is cut off and has to connect again: ${reason}`)
    this.peers.dismiss(peer, 'BADSESSION', reason, this.monotonicMs)
    this.closePeer(peer)
  }

  private closePeer(peer: Peer): void {
    peer.connection.close()
    this.closed(peer.connection)
  }

  private forgetAbsent(monotonicMs: number): void {
    const { log, settings } = this.options
    for (const item of this.items.removeAbsent(settings.forgetAfterMs, monotonicMs))
      log.debug({ replica: keyOf(item) }, 'forgetting a replica that left')
    for (const item of this.items.all) {
      for (const { runId } of item.claims.expireConflicts(settings.timeoutMs, monotonicMs)) {
        log.info({ replica: keyOf(item), runId }, 'an address conflict has ended: the refused process is silent')
      }
    }
  }
}
