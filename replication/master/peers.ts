/**
 * Connections that METASYNC was granted on, and what is streamed on each: a full sync, the binlog, or nothing. Streams begin at the end of a
 * turn, behind its replies. While nobody is fed, the binlog has no follower and the end of a turn costs one comparison.
 */
import type { Storage } from '../../storage/storage.ts'
import { Refusal, type RefusalCode } from '../protocol/messages.ts'
import { Feed } from './feed.ts'
import { FeedTail } from './feed-tail.ts'
import type { ReplicaConnection } from './replica-connection.ts'
import type { FullSyncReason, ReplicaProgress } from './replica-view.ts'
import type { Transfer } from './transfer.ts'

export interface Peer {
  readonly connection: ReplicaConnection
  readonly session: number
  feed: Feed | null
  transfer: Transfer | null
  /** Why it is given a full sync: TRYSYNC's reason, or `requested` where it has asked without TRYSYNC. */
  fullSyncReason: FullSyncReason
  /** Bytes of a full sync that the socket had taken when that was last looked at. */
  takenBytes: number
  /** What it had applied when that moved last, or could not. */
  stuck: { readonly applied: number; readonly sinceMs: number }
  /** How far behind the end was what is kept for it when that was last agreed on; so far beyond the limit it may be until it has caught up. */
  headStart: number
  /** Why its session is over. isTorn: its stream was left in the middle of a group. */
  over: { readonly reason: string; readonly sinceMs: number; readonly isTorn: boolean } | null
}

export interface PeersOptions {
  readonly storage: Storage
  /** Up to where the binlog may be sent: an offset between groups. */
  feedLimit(): number
  /** The binlog cannot be read any more where this one is. */
  broken(peer: Peer, error: unknown): void
}

export class Peers {
  private readonly options: PeersOptions
  private readonly peers = new Map<number, Peer>()
  private readonly feeding = new Set<Peer>()
  private readonly tail = new FeedTail()
  private beginning: Transfer[] = []
  private isIdle = true

  constructor(options: PeersOptions) {
    this.options = options
  }

  /** May be changed while it is gone through. */
  get all(): Iterable<Peer> {
    return this.peers.values()
  }

  /** Those that are sent the binlog. */
  get fed(): ReadonlySet<Peer> {
    return this.feeding
  }

  get(connection: number): Peer | undefined {
    return this.peers.get(connection)
  }

  /** In the place of what this connection was before, if anything. */
  add(connection: ReplicaConnection, session: number, headStart: number): void {
    this.peers.set(connection.id, {
      connection,
      session,
      feed: null,
      transfer: null,
      fullSyncReason: 'requested',
      takenBytes: 0,
      stuck: { applied: -1, sinceMs: 0 },
      headStart,
      over: null,
    })
  }

  /** Returns it, if it was one. */
  remove(connection: ReplicaConnection): Peer | undefined {
    const peer = this.peers.get(connection.id)
    if (peer === undefined) return undefined
    this.peers.delete(connection.id)
    this.stopStream(peer)
    return peer
  }

  clear(): void {
    for (const { connection } of this.peers.values()) this.remove(connection)
  }

  /** From the next flush on it gets a full sync. */
  transfer(peer: Peer, transfer: Transfer): void {
    peer.transfer = transfer
    peer.takenBytes = 0
    this.beginning.push(transfer)
    this.isIdle = false
  }

  /** From the next flush on it gets the binlog. */
  feed(peer: Peer, offset: number): void {
    const { tail } = this
    const { storage } = this.options
    const { binlog } = storage
    if (this.feeding.size === 0) {
      tail.reset(binlog.end.offset)
      binlog.follower = tail
    }
    peer.feed = new Feed({ connection: peer.connection, offset, tail, open: (from) => storage.openFeed(from) })
    peer.headStart = binlog.end.offset - offset
    this.feeding.add(peer)
    this.isIdle = false
  }

  /** Begins what is to begin and feeds everyone. Returns whether there is more to be sent at once. */
  flush(): boolean {
    if (this.isIdle) return false
    for (const transfer of this.beginning.splice(0)) transfer.begin()
    const before = this.options.feedLimit()
    let hasMore = false
    for (const peer of this.feeding) {
      try {
        if ((peer.feed as Feed).advance(before)) hasMore = true
      } catch (error) {
        this.options.broken(peer, error)
      }
    }
    this.isIdle = this.feeding.size === 0 && this.beginning.length === 0
    return hasMore
  }

  /** Its session is over, and nothing is streamed to it any more. It is not told before it asks for something. */
  fence(peer: Peer, reason: string, nowMs: number): void {
    peer.over ??= { reason, sinceMs: nowMs, isTorn: peer.feed?.isBetweenGroups === false }
    this.stopStream(peer)
  }

  /** Its session is over, and it is told so. False where its stream has no place for that. */
  dismiss(peer: Peer, code: RefusalCode, reason: string, nowMs: number): boolean {
    const { feed, transfer } = peer
    transfer?.fail(code, reason)
    const isTold = feed === null || feed.end(code, reason)
    this.fence(peer, reason, nowMs)
    return isTold
  }

  private stopStream(peer: Peer): void {
    peer.transfer?.stop()
    peer.feed?.close()
    peer.feed = null
    if (!this.feeding.delete(peer) || this.feeding.size > 0) return
    this.options.storage.binlog.follower = null
    this.tail.reset(0)
  }
}

/** A reply in the middle of a stream would be taken for a part of it. Throws Refusal. */
export function mustBeQuiet({ feed, transfer }: Peer): void {
  if (feed !== null) throw new Refusal('ERR', 'this connection carries the binlog')
  if (transfer?.isUnderWay === true) throw new Refusal('ERR', 'this connection carries a full sync')
}

/** Whether the socket has taken something of a full sync since this was last asked, or has nothing to take: a replica that gets one has nothing
 *  to say, but it reads. */
export function isReading(peer: Peer): boolean {
  const { transfer, connection } = peer
  if (transfer === null || !transfer.isUnderWay) return false
  const { unsentBytes } = connection
  const takenBytes = transfer.wireBytes - unsentBytes
  const hasTaken = takenBytes > peer.takenBytes || unsentBytes === 0
  peer.takenBytes = takenBytes
  return hasTaken
}

/**
 * Whether its socket has long taken everything, and it has applied nothing since. It waits for the end of a group whose length was damaged on the
 * way, and takes whatever comes for more of it: of itself it would never find out.
 */
export function isStuck(peer: Peer, applied: number, timeoutMs: number, nowMs: number): boolean {
  const { feed, connection, stuck } = peer
  const isWaiting = feed !== null && feed.offset > applied && connection.unsentBytes === 0
  if (isWaiting && stuck.applied === applied) return nowMs - stuck.sinceMs > timeoutMs
  peer.stuck = { applied: isWaiting ? applied : -1, sinceMs: nowMs }
  return false
}

export function progressOf(peer: Peer | undefined): ReplicaProgress {
  if (peer === undefined || peer.over !== null) return { state: 'handshake', fullSync: null }
  if (peer.feed !== null) return { state: 'online', fullSync: null }
  const { transfer, fullSyncReason: reason } = peer
  if (transfer === null) return { state: 'handshake', fullSync: null }
  const { state, sentBytes, totalBytes, after } = transfer
  const fullSync = { reason, isResumed: after !== null, sentBytes, totalBytes }
  if (state === 'waiting') return { state: 'wait_bgsave', fullSync }
  return state === 'sending' || state === 'done' ? { state: 'send_bulk', fullSync } : { state: 'handshake', fullSync: null }
}
