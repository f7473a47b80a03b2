/**
 * The master's side: what replicas ask for, joined to the connections that they ask on. Who is who is decided in slave-items.ts, whether a
 * replica can go on in history.ts; full syncs are given by full-sync-source.ts, the stream by feed.ts.
 *
 * A connection that METASYNC was granted on is a peer here. It is fenced when its session is over: because the replica has come on another
 * connection, or because all sessions were ended. What it asks for then is refused and changes nothing, nothing is streamed to it any more,
 * and it is closed after repl-timeout. Streams begin in `flush`, behind the replies of the turn.
 */
import type { Clock, Random } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Storage } from '../../storage/storage.ts'
import {
  type AckRequest,
  type DbSyncRequest,
  type Meta,
  type MetaSyncRequest,
  Refusal,
  type TrySyncReply,
  type TrySyncRequest,
} from '../protocol/messages.ts'
import { Arrivals } from '../replica/arrivals.ts'
import { dateAck, writableUntilMs } from '../replica/liveness.ts'
import type { ReplicationSettings } from '../settings.ts'
import { FullSyncSource } from './full-sync-source.ts'
import { decideTrySync, historyOf, mayGiveData } from './history.ts'
import { checkSpeaker, metaOf } from './introduction.ts'
import { behind, cutOff, faultOf } from './peer-limits.ts'
import { mustBeQuiet, type Peer, Peers, progressOf } from './peers.ts'
import type { ReplicaConnection } from './replica-connection.ts'
import { type BinlogPin, type ConflictView, conflictViews, type ReplicaView, replicaView } from './replica-view.ts'
import { keyOf, type SlaveItem, SlaveItems } from './slave-items.ts'

export type { ReplicaConnection } from './replica-connection.ts'

export interface MasterOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: ReplicationSettings
  readonly runId: string
  readonly databases: number
  /** Run ids upstream of this node: its master's, that one's master's, and so on. */
  chain(): readonly string[]
  /** Of a replica: in step with its master. */
  isLinked(): boolean
  /** Up to where replicas may be fed: an offset between groups. */
  feedLimit(): number
  /** A request to take over that is in order. Throws Refusal where that cannot be. */
  takeOver(from: { readonly runId: string; readonly offset: number }): void
  /** What some replica has acknowledged has moved. */
  acked(): void
  /** There is something to be sent: a turn has to come. */
  wake(): void
}

export class Master {
  /** Since the start, in the sense of INFO's sync_full, sync_partial_ok and sync_partial_err. */
  fullSyncs = 0
  partialSyncs = 0
  partialSyncsRefused = 0
  private readonly options: MasterOptions
  private readonly items = new SlaveItems()
  private readonly peers: Peers
  private readonly arrivals: Arrivals
  private readonly source: FullSyncSource
  /** Has asked this node to take over and is to learn of the outcome under the same session. */
  private handingOver: Peer | null = null

  constructor(options: MasterOptions) {
    this.options = options
    this.arrivals = new Arrivals(this.now)
    this.peers = new Peers({
      storage: options.storage,
      feedLimit: () => options.feedLimit(),
      broken: (peer, error) => this.cut(peer, `the binlog cannot be read for it: ${String(error)}`),
    })
    this.source = new FullSyncSource(options)
  }

  /** Throws Refusal. Any number of times the same on one connection is answered the same. */
  metaSync(connection: ReplicaConnection, request: MetaSyncRequest): Meta {
    this.checkMetaSync(connection, request)
    const { log, settings } = this.options
    const ip = request.ip === '' ? connection.remoteIp : request.ip
    const replica = keyOf({ ip, port: request.port })
    const { runId, attempt } = request
    const binding = this.items.metaSync(request, ip, connection, settings.timeoutMs, this.now)
    log.debug({ replica, runId, attempt, connection: connection.address, outcome: binding.type }, 'METASYNC')
    if (binding.type === 'refused') {
      if (binding.conflict?.isNew === true) log.warn({ replica, refused: runId }, binding.text)
      throw new Refusal(binding.code, binding.text)
    }
    const { item } = binding
    if (binding.type === 'same') return item.meta as Meta
    const { evicted, fenced, wasRefused } = binding
    if (wasRefused) log.info({ replica, runId }, 'the process that was refused this address has it now')
    if (evicted !== null) {
      const text = `${replica} is announced by two processes: ${runId} at ${connection.address} has it back, ${evicted.runId} at ${evicted.address} is refused`
      log.warn({ replica, refused: evicted.runId }, text)
    }
    const old = fenced === null ? undefined : this.peers.get(fenced)
    if (old !== undefined) this.peers.fence(old, `${replica} has come on another connection, ${connection.address}`, this.now)
    this.peers.add(connection, item.session, behind(this.options, item.pinned))
    item.meta = metaOf(this.options, item.session, request)
    return item.meta
  }

  /** What this node is: of somebody who only asks. Throws Refusal. */
  answer(request: MetaSyncRequest): Meta {
    checkSpeaker(this.options.runId, request)
    return metaOf(this.options, 0, request)
  }

  /** Throws Refusal. */
  trySync(connection: ReplicaConnection, request: TrySyncRequest): TrySyncReply {
    const { log, storage } = this.options
    const { item, peer } = this.inSession(connection, request.session)
    mustBeQuiet(peer)
    if (request.failover) this.takeOver(peer, item, request)
    const reply = decideTrySync(historyOf(storage, this.options.isLinked()), request)
    peer.transfer = null
    peer.fullSyncReason = reply.type === 'continue' ? 'requested' : reply.reason
    const goesOn = reply.type === 'continue'
    item.continued = goesOn ? request.offset : null
    item.ackedMs = this.now // BINLOGSYNC answers this reply
    item.applied = goesOn ? request.offset : 0
    item.synced = Math.min(item.synced, item.applied)
    item.pinned = goesOn ? request.offset : Number.POSITIVE_INFINITY
    peer.headStart = behind(this.options, item.pinned)
    if (goesOn) {
      this.partialSyncs++
      this.source.settled(keyOf(item))
    } else {
      if (reply.reason !== 'new') this.partialSyncsRefused++
      log.info({ replica: keyOf(item), offset: request.offset, reason: reply.reason, text: reply.text }, 'a replica needs a full sync')
    }
    return reply
  }

  /** Throws Refusal. The head, the chunks, or the reason why they end go out on the connection. */
  dbSync(connection: ReplicaConnection, request: DbSyncRequest): void {
    const { storage, log, isLinked } = this.options
    const { item, peer } = this.inSession(connection, request.session)
    mustBeQuiet(peer)
    if (!mayGiveData({ role: storage.role, isLinked: isLinked() })) {
      throw new Refusal('NOMASTERLINK', 'this node is a replica itself and has no link to its master')
    }
    item.continued = null
    item.pinned = Number.POSITIVE_INFINITY // the snapshot has a pin of its own
    const transfer = this.source.open(connection, keyOf(item), request, (offset) => {
      log.info({ replica: keyOf(item), offset }, 'a full sync has been sent')
      if (peer.over === null) [item.pinned, peer.headStart] = [offset, behind(this.options, offset)] // until the replica asks to go on from there
    })
    this.peers.transfer(peer, transfer)
    this.fullSyncs++
    log.info({ replica: keyOf(item), reason: peer.fullSyncReason, resumed: transfer.after !== null }, 'a full sync begins')
  }

  /** Throws Refusal. From the next flush on the connection carries the binlog. */
  binlogSync(connection: ReplicaConnection, session: number, offset: number): void {
    const { log } = this.options
    const { item, peer } = this.inSession(connection, session)
    mustBeQuiet(peer)
    if (item.continued !== offset) {
      const allowed = item.continued === null ? 'no offset yet' : `offset ${item.continued}`
      throw new Refusal('ERR', `BINLOGSYNC at offset ${offset}: TRYSYNC has let this session continue at ${allowed}`)
    }
    item.continued = null
    item.doubt = null
    this.peers.feed(peer, offset)
    log.info({ replica: keyOf(item), offset, behind: peer.headStart }, 'a replica is online')
  }

  /** Throws Refusal where the session is over. Of a replica that is not online it is a sign of life only. */
  ack(connection: ReplicaConnection, ack: AckRequest): void {
    const peer = this.peers.get(connection.id)
    if (peer?.over?.isTorn === true) peer.connection.close() // a reply would be taken for a part of the group
    const { item } = this.inSession(connection, peer?.session ?? 0)
    if (peer === undefined || peer.feed === null) return
    const applied = Math.min(ack.applied, peer.feed.offset) // it can have no more than it was sent
    const synced = Math.min(ack.synced, applied)
    if (dateAck(item, peer.feed, ack.asked, this.options.settings, this.now)) this.options.wake()
    if (applied === item.applied && synced === item.synced) return
    item.applied = applied
    item.synced = synced
    item.pinned = Math.max(item.pinned, synced)
    this.options.acked()
  }

  /** To be called for every connection that was a peer, whoever has closed it. */
  closed(connection: ReplicaConnection): void {
    if (this.peers.remove(connection) === undefined) return
    const item = this.items.left(connection.id, this.now)
    if (item !== undefined) this.options.log.info({ replica: keyOf(item), offset: item.applied }, 'a replica has left')
  }

  /** The socket has taken what was sent. */
  drained(connection: ReplicaConnection): void {
    const peer = this.peers.get(connection.id)
    if (peer === undefined || peer.over !== null) return
    if (peer.feed !== null) this.options.wake()
    if (peer.transfer?.isUnderWay === true) peer.transfer.pump()
  }

  /** At the end of every turn, with its group appended and its replies out. */
  flush(): void {
    if (this.peers.flush()) this.options.wake()
  }

  /** Ten times a second. */
  tick(): void {
    const { now } = this
    this.arrivals.tick(now)
    this.source.tick(now)
    for (const peer of this.peers.all) this.check(peer, now)
    this.settle(now)
  }

  /** This node's history or data has changed: every replica has to begin with METASYNC again. Full syncs go on where snapshots are still of its data. */
  dropSessions(reason: string, snapshots: 'keep' | 'discard'): void {
    if (snapshots === 'discard') this.source.discardAll('BADSESSION', reason)
    for (const peer of this.peers.all) {
      const item = this.items.of(peer.connection.id)
      if (peer.over !== null || item === undefined || peer === this.handingOver) continue
      this.items.endSession(item)
      if (!this.peers.dismiss(peer, 'BADSESSION', reason, this.now)) this.closePeer(peer)
    }
  }

  askForAcks(): void {
    for (const { feed } of this.peers.fed) if (feed !== null) feed.mustAsk = true
    if (this.peers.fed.size > 0) this.options.wake()
  }

  /** Whether any is attached, online or not. */
  get hasReplicas(): boolean {
    return this.items.attachedCount > 0
  }

  /** All that are attached, whatever they are at. */
  attached(): readonly ReplicaView[] {
    return [...this.items.attached].map((item) => this.view(item))
  }

  online(): readonly ReplicaView[] {
    return this.attached().filter(({ state }) => state === 'online')
  }

  /** Those that have left and are not forgotten yet. */
  absent(): readonly ReplicaView[] {
    return [...this.items.all].filter(({ connection }) => connection === null).map((item) => this.view(item))
  }

  conflicts(): readonly ConflictView[] {
    return [...this.items.all].flatMap((item) => conflictViews(item, this.moment))
  }

  /** Online replicas whose acknowledged offset is past this one. */
  ackedCount(after: number, what: 'applied' | 'synced'): number {
    return this.countOnline((item) => item[what] > after)
  }

  /** Online replicas that were known to be alive at most min-replicas-max-lag ago, where there is one. */
  goodReplicas(): number {
    const { minReplicasMaxLagMs } = this.options.settings
    const since = minReplicasMaxLagMs === 0 ? Number.NEGATIVE_INFINITY : this.now - minReplicasMaxLagMs
    return this.countOnline(({ ackedMs }) => ackedMs >= since)
  }

  /** Monotonic time up to which there are min-replicas-to-write of those unless one is heard of or leaves. */
  get writableUntilMs(): number {
    const { settings } = this.options
    if (settings.minReplicas === 0) return Number.POSITIVE_INFINITY
    return writableUntilMs(
      [...this.peers.fed].map(({ connection }) => (this.items.of(connection.id) as SlaveItem).ackedMs),
      settings,
    )
  }

  /** Who needs the oldest part of the binlog; null where nobody needs any. */
  get pin(): BinlogPin | null {
    let { pin } = this.source
    for (const item of this.items.attached) {
      const peer = this.peers.get(item.connection as number) // none once this side has been closed: its replicas come back to this data
      const offset = peer === undefined ? item.pinned : Math.max(item.pinned, cutOff(this.options, peer))
      if (offset < (pin?.offset ?? Number.POSITIVE_INFINITY)) pin = { offset, by: `replica ${keyOf(item)}` }
    }
    return pin
  }

  /** The binlog from here on must stay; Infinity where nobody needs any. */
  get pinned(): number {
    return this.pin?.offset ?? Number.POSITIVE_INFINITY
  }

  /** Resolves when nothing reads from storage any more. Connections are whose they were. */
  async close(): Promise<void> {
    this.peers.clear()
    await this.source.close()
  }

  private get now(): number {
    return this.options.clock.monotonicMs()
  }

  private get moment() {
    return { nowMs: this.now, end: this.options.storage.binlog.end.offset }
  }

  private checkMetaSync(connection: ReplicaConnection, request: MetaSyncRequest): void {
    const { options } = this
    const { runId, failover } = request
    checkSpeaker(options.runId, request)
    if (!failover && options.chain().includes(runId)) throw new Refusal('CYCLE', `this node follows ${runId} itself`)
    const peer = this.peers.get(connection.id)
    if (peer !== undefined) mustBeQuiet(peer)
  }

  private inSession(connection: ReplicaConnection, session: number): { item: SlaveItem; peer: Peer } {
    const peer = this.peers.get(connection.id)
    if (peer === undefined) throw new Refusal('BADSESSION', 'METASYNC has to come first on a connection')
    if (peer.over !== null) throw new Refusal('BADSESSION', `session ${peer.session} is over: ${peer.over.reason}`)
    const item = this.items.withSession(session, connection.id)
    if (item === undefined) throw new Refusal('BADSESSION', `session ${session} is not this connection's, which has ${peer.session}`)
    item.heardMs = this.arrivals.dateOf(this.now)
    return { item, peer }
  }

  private takeOver(peer: Peer, { runId }: SlaveItem, { replicationIds, offset }: TrySyncRequest): void {
    const { storage } = this.options
    if (storage.role === 'master') return // it has done so already, and the answer was lost
    const { replicationId, past } = storage.identity
    if (!replicationIds.includes(replicationId)) {
      // Whoever goes on from there loses nothing: this node has taken over, and handed the role on since.
      if (past.some(({ id, until }) => replicationIds.includes(id) && offset <= until)) return
      throw new Refusal('ERR', "FAILOVER is asked for under a replication id that is not this node's")
    }
    this.handingOver = peer
    try {
      this.options.takeOver({ runId, offset })
    } finally {
      this.handingOver = null
    }
  }

  private check(peer: Peer, now: number): void {
    if (peer.over !== null) {
      if (now - peer.over.sinceMs > this.options.settings.timeoutMs) this.closePeer(peer)
      return
    }
    const item = this.items.of(peer.connection.id) as SlaveItem
    const fault = faultOf(this.options, peer, item, now)
    if (fault === null) return
    if (fault !== 'silent') {
      this.cut(peer, fault.reason)
      return
    }
    this.options.log.info({ replica: keyOf(item), ms: Math.round(now - item.heardMs) }, 'a replica has been silent for repl-timeout')
    this.closePeer(peer)
  }

  private cut(peer: Peer, reason: string): void {
    const item = this.items.of(peer.connection.id) as SlaveItem
    this.options.log.warn({ replica: keyOf(item) }, `a replica is cut off: ${reason}`)
    this.peers.dismiss(peer, 'BADSESSION', reason, this.now)
    this.closePeer(peer)
  }

  private closePeer(peer: Peer): void {
    peer.connection.close()
    this.closed(peer.connection)
  }

  private settle(now: number): void {
    const { log, settings } = this.options
    for (const item of this.items.forget(settings.forgetAfterMs, now)) log.debug({ replica: keyOf(item) }, 'a replica is forgotten')
    for (const item of this.items.all) {
      for (const { runId } of item.claims.settle(settings.timeoutMs, now)) {
        log.info({ replica: keyOf(item), runId }, 'the process that was refused this address asks for it no more')
      }
    }
  }

  private countOnline(isCounted: (item: SlaveItem) => boolean): number {
    let count = 0
    for (const { connection } of this.peers.fed) if (isCounted(this.items.of(connection.id) as SlaveItem)) count++
    return count
  }

  private view(item: SlaveItem): ReplicaView {
    const peer = item.connection === null ? undefined : this.peers.get(item.connection)
    return replicaView(item, progressOf(peer), this.moment)
  }
}
