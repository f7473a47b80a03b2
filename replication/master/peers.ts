/**
 * Connections with a granted METASYNC, and the stream on each: a full sync, the binlog, or nothing.
 * Streams begin at the end of a turn, after its replies. While no replica is fed, the binlog has no
 * follower, and the end of a turn costs one comparison.
 */
import { assert, must, rethrowAssertion } from '../../base/assert.ts'
import type { Storage } from '../../storage/storage.ts'
import { Refusal, type RefusalCode } from '../protocol/messages.ts'
import { Feed } from './feed.ts'
import type { FeedTail } from './feed-tail.ts'
import type { ReplicaConnection } from './replica-connection.ts'
import type { GivenFullSyncReason, ReplicaProgress } from './replica-view.ts'
import type { SnapshotTransfer } from './transfer.ts'

/** A connection with a granted METASYNC. */
export interface Peer {
  readonly connection: ReplicaConnection
  readonly session: number
  feed: Feed | null
  transfer: SnapshotTransfer | null
  /** Reason of the full sync: from TRYSYNC, or `requested` if the replica skipped TRYSYNC. */
  fullSyncReason: GivenFullSyncReason
  /** Bytes of a full sync that the socket had sent at the last check. */
  takenBytes: number
  /** The applied offset at which the replica seems to be stuck, and since when; -1: it is not. */
  stuck: { readonly applied: number; readonly sinceMs: number }
  /**
   * Bytes by which the replica may exceed replica-lag-limit: its lag when the stream or snapshot
   * began. 0 once it has been within the limit.
   */
  lagAllowanceBytes: number
  /** The end of the session; null while it lasts. `isTorn`: the stream ended within a group. */
  over: { readonly reason: string; readonly sinceMs: number; readonly isTorn: boolean } | null
}

export interface PeersOptions {
  readonly storage: Storage
  readonly tail: FeedTail
  /** The end of what may be sent: an offset between groups. */
  feedLimit(): number
  /** Called when the binlog cannot be read at the offset of a peer. */
  onBroken(peer: Peer, error: unknown): void
}

/** The connections with a granted METASYNC, and their streams. */
export class Peers {
  private readonly options: PeersOptions
  private readonly peers = new Map<number, Peer>()
  private readonly feeding = new Set<Peer>()
  private beginning: SnapshotTransfer[] = []
  private isIdle = true

  constructor(options: PeersOptions) {
    this.options = options
  }

  /** All peers. Peers may be removed during the iteration. */
  get all(): Iterable<Peer> {
    return this.peers.values()
  }

  /** The peers that are sent the binlog. */
  get fed(): ReadonlySet<Peer> {
    return this.feeding
  }

  get(connection: number): Peer | undefined {
    return this.peers.get(connection)
  }

  /** Adds a peer, or replaces the one that the connection had. */
  add(connection: ReplicaConnection, session: number, lagAllowanceBytes: number): void {
    this.peers.set(connection.id, {
      connection,
      session,
      feed: null,
      transfer: null,
      fullSyncReason: 'requested',
      takenBytes: 0,
      stuck: { applied: -1, sinceMs: 0 },
      lagAllowanceBytes,
      over: null,
    })
  }

  /** Returns the removed peer, or undefined if the connection had none. */
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

  /** Sends a full sync to a peer, from the next flush on. */
  transfer(peer: Peer, transfer: SnapshotTransfer): void {
    peer.transfer = transfer
    peer.takenBytes = 0
    this.beginning.push(transfer)
    this.isIdle = false
  }

  /**
   * Streams the binlog to a peer, from the next flush on. Throws Refusal if a full disk has purged
   * what TRYSYNC granted; the replica asks again and gets a full sync.
   */
  feed(peer: Peer, offset: number): void {
    const { storage, tail } = this.options
    const { binlog } = storage
    const { startOffset } = binlog
    if (offset < startOffset) throw new Refusal('ERR', `BINLOGSYNC at offset ${offset}: the binlog begins only at offset ${startOffset}`)
    tail.attach(binlog)
    assert(peer.feed === null, 'a replica is fed by one stream')
    assert(offset <= binlog.end.offset, 'a replica is fed from an offset that the binlog has')
    peer.feed = new Feed({ connection: peer.connection, offset, tail, open: (from) => storage.openTailReader(from) })
    peer.lagAllowanceBytes = binlog.end.offset - offset
    this.feeding.add(peer)
    this.isIdle = false
  }

  /** Begins new transfers and feeds all streams. Returns true if more can be sent at once. */
  flush(): boolean {
    if (this.isIdle) return false
    for (const transfer of this.beginning.splice(0)) transfer.allowSending()
    const before = this.options.feedLimit()
    assert(before <= this.options.storage.binlog.end.offset, 'no more is sent than the binlog has')
    let hasMore = false
    for (const peer of this.feeding) {
      try {
        if (must(peer.feed, 'a replica that is fed has a stream').sendUpTo(before)) hasMore = true
      } catch (error) {
        rethrowAssertion(error)
        this.options.onBroken(peer, error)
      }
    }
    this.isIdle = this.feeding.size === 0 && this.beginning.length === 0
    return hasMore
  }

  /** Ends a session and its stream. The replica learns of it on its next request. */
  fence(peer: Peer, reason: string, monotonicMs: number): void {
    peer.over ??= { reason, sinceMs: monotonicMs, isTorn: peer.feed?.isBetweenGroups === false }
    this.stopStream(peer)
  }

  /**
   * Ends a session and sends the reason. Returns false if the stream is within a group, where no
   * line can be sent.
   */
  dismiss(peer: Peer, code: RefusalCode, reason: string, monotonicMs: number): boolean {
    const { feed, transfer } = peer
    transfer?.fail(code, reason)
    const hasSentReason = feed === null || feed.endWith(code, reason)
    this.fence(peer, reason, monotonicMs)
    return hasSentReason
  }

  private stopStream(peer: Peer): void {
    peer.transfer?.stop()
    peer.feed?.close()
    peer.feed = null
    const { storage, tail } = this.options
    if (this.feeding.delete(peer)) tail.detach(storage.binlog)
  }
}

/** Throws Refusal while a stream is under way: a reply would be read as a part of it. */
export function mustBeQuiet({ feed, transfer }: Peer): void {
  if (feed !== null) throw new Refusal('ERR', 'this connection carries the binlog')
  if (transfer?.isUnderWay === true) throw new Refusal('ERR', 'this connection carries a full sync')
}

/**
 * Records how much of a full sync the socket has sent. Returns true if that is more than at the
 * last call, or all of it. A replica that receives a full sync sends little, but it reads.
 */
export function trackReading(peer: Peer): boolean {
  const { transfer, connection } = peer
  if (transfer === null || !transfer.isUnderWay) return false
  const { unsentBytes } = connection
  const takenBytes = transfer.wireBytes - unsentBytes
  const hasTaken = takenBytes > peer.takenBytes || unsentBytes === 0
  peer.takenBytes = takenBytes
  return hasTaken
}

/**
 * Records since when the replica has applied nothing although it was sent everything. Returns true
 * if that has lasted for more than `timeoutMs`. Such a replica waits for the end of a group whose
 * length was damaged on the way. All that comes is read as a part of that group, so the replica
 * cannot notice the damage.
 */
export function trackStuck(peer: Peer, applied: number, timeoutMs: number, monotonicMs: number): boolean {
  const { feed, connection, stuck } = peer
  const isWaiting = feed !== null && feed.offset > applied && connection.unsentBytes === 0
  if (isWaiting && stuck.applied === applied) return monotonicMs - stuck.sinceMs > timeoutMs
  peer.stuck = { applied: isWaiting ? applied : -1, sinceMs: monotonicMs }
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
