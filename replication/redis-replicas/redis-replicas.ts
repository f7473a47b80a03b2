/**
 * The replicas that speak Redis's protocol: PSYNC, an RDB, and the binlog as their stream.
 *
 *   PSYNC -> +CONTINUE ------------------------------------------> stream
 *         -> waiting for a snapshot -> RDB -> [first ACK] -------> stream
 *
 * An offset of the stream is an offset of the binlog. So a replica continues after a restart of
 * this node, and on any node that shares the history. The stream therefore has nothing beside the
 * binlog: the heartbeat of an idle master is a group that changes nothing, which all replicas get.
 * A node that is a replica itself sends newlines, and shortens the next group's head by them.
 *
 * While no such replica is attached, a turn costs one comparison.
 */
import { assert, rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import { randomHex } from '../../storage/directory/identity.ts'
import type { FeedTail } from '../master/feed-tail.ts'
import type { FullSyncSource } from '../master/full-sync-source.ts'
import { historyOf } from '../master/history.ts'
import type { MasterOptions } from '../master/master-options.ts'
import type { ReplicaConnection } from '../master/replica-connection.ts'
import type { BinlogPin, ReplicaView } from '../master/replica-view.ts'
import type { AckRequest } from '../protocol/messages.ts'
import type { PsyncRequest, RedisHandshake } from '../protocol/psync.ts'
import { decidePsync, mustHaveData } from './psync-decision.ts'
import { Pulses } from './pulses.ts'
import { RdbTransfer } from './rdb-transfer.ts'
import { faultOf, minAllowedOffset } from './redis-limits.ts'
import { nameOf, neededFrom, type RedisReplica, viewOf } from './redis-replica.ts'
import { RedisStream } from './redis-stream.ts'
import { NoCommand, Untranslatable } from './stream-translator.ts'

const MARK_DIGITS = 40
/** The interval of repeated warnings, ms. */
const LOG_INTERVAL_MS = 60_000

export interface RedisReplicasOptions extends MasterOptions {
  readonly source: FullSyncSource
  readonly tail: FeedTail
}

/** The replicas of this node that speak Redis's protocol. */
export class RedisReplicas {
  /** Counters since the start: a part of sync_full, sync_partial_ok and sync_partial_err. */
  fullSyncs = 0
  partialSyncs = 0
  partialSyncsRefused = 0
  private readonly options: RedisReplicasOptions
  private readonly replicas = new Map<number, RedisReplica>()
  private readonly pulses: Pulses
  /** Replicas whose transfer or stream begins at the next flush. */
  private beginning: { readonly replica: RedisReplica; readonly greeting: string | null }[] = []
  /** Streams from before this offset meet what a Redis cannot be sent. */
  private untranslatableUntil = -1
  /** The last offset of a PSYNC at which no command begins. */
  private wrongOffset = -1
  /** The last warning about a replica that was cut off. */
  private lastCut = { text: '', loggedMs: 0 }
  private lossesLoggedMs = Number.NEGATIVE_INFINITY

  constructor(options: RedisReplicasOptions) {
    this.options = options
    this.pulses = new Pulses(options)
  }

  has(connection: ReplicaConnection): boolean {
    return this.replicas.has(connection.id)
  }

  get count(): number {
    return this.replicas.size
  }

  /** Answers PSYNC, or SYNC where the request is null, from the next flush on. Throws Refusal. */
  psync(connection: ReplicaConnection, handshake: RedisHandshake, request: PsyncRequest | null): void {
    const { storage, isLinked, log } = this.options
    if (this.replicas.has(connection.id)) return
    const history = historyOf(storage, isLinked())
    if (request === null) mustHaveData(history)
    const decision = request === null ? null : decidePsync(history, request)
    const offset = decision?.type === 'continue' ? decision.offset : -1
    const goesOn = offset >= 0 && offset >= this.untranslatableUntil && offset !== this.wrongOffset
    const reason = decision?.type === 'full-sync' ? decision.reason : 'requested'
    const replica = this.add(connection, handshake, request === null ? 'sync' : 'psync', reason)
    const name = nameOf(replica)
    if (goesOn) {
      this.partialSyncs++
      replica.startOffset = offset
      replica.applied = offset
      const { replicationId } = storage.identity
      this.beginning.push({ replica, greeting: handshake.canChangeId ? `+CONTINUE ${replicationId}\r\n` : '+CONTINUE\r\n' })
      log.info({ replica: name, offset }, 'a Redis replica continues')
    } else {
      this.fullSyncs++
      if (request !== null && request.replicationId !== '?') this.partialSyncsRefused++
      const text =
        decision?.type === 'full-sync'
          ? decision.text
          : decision === null
            ? 'SYNC asks for all of the data'
            : offset === this.wrongOffset
              ? 'no command begins at its offset'
              : 'its stream has a command that Redis 7.0 lacks'
      log.info({ replica: name, reason, text }, 'a Redis replica needs a full sync')
      replica.transfer = this.transferTo(replica, handshake)
      this.beginning.push({ replica, greeting: null })
    }
    this.options.wake()
  }

  /** Takes an ACK. */
  ack(connection: ReplicaConnection, { applied, synced }: Pick<AckRequest, 'applied' | 'synced'>): void {
    const replica = this.replicas.get(connection.id)
    if (replica === undefined) return
    replica.ackedMs = this.monotonicMs
    if (replica.isStreamAwaited) this.beginStream(replica)
    const { stream, request } = replica
    // The stream after SYNC has no offsets that an ACK could name.
    if (stream === null || request === 'sync') return
    // No replica has more than it was sent, whatever its ACK says.
    const has = Math.min(applied, stream.offset)
    if (has <= replica.applied && synced <= replica.synced) return
    replica.applied = Math.max(replica.applied, has)
    replica.synced = Math.min(replica.applied, Math.max(replica.synced, synced))
    this.options.onAck()
  }

  /** Called for every connection that was a replica's, whichever side closed it. */
  closed(connection: ReplicaConnection): void {
    const replica = this.replicas.get(connection.id)
    if (replica === undefined) return
    this.remove(replica)
    this.options.log.info({ replica: nameOf(replica), offset: replica.applied }, 'a Redis replica has disconnected')
  }

  drained(connection: ReplicaConnection): void {
    const replica = this.replicas.get(connection.id)
    if (replica === undefined) return
    if (replica.stream !== null) this.options.wake()
    replica.transfer?.pump()
  }

  /** Begins transfers and feeds all streams. Returns true if there is more for the next turn. */
  flush(): boolean {
    if (this.replicas.size === 0) return false
    for (const { replica, greeting } of this.beginning.splice(0)) this.startSending(replica, greeting)
    this.pulses.flush()
    const limit = this.options.feedLimit()
    let hasMore = false
    for (const replica of this.replicas.values()) {
      const { stream } = replica
      if (stream === null) continue
      try {
        if (stream.sendUpTo(limit)) hasMore = true
      } catch (error) {
        rethrowAssertion(error)
        this.cannotSend(replica, stream, error)
      }
    }
    return hasMore
  }

  /** Called ten times a second. */
  tick(): void {
    if (this.replicas.size === 0) return
    const { monotonicMs } = this
    for (const replica of [...this.replicas.values()]) this.check(replica, monotonicMs)
    for (const replica of this.pulses.tick(this.replicas.values(), monotonicMs)) this.close(replica)
    this.logLosses(monotonicMs)
  }

  /** Closes all connections after a change of history or data: the replicas send PSYNC again. */
  dropAll(reason: string): void {
    this.untranslatableUntil = -1
    this.wrongOffset = -1
    for (const replica of [...this.replicas.values()]) {
      this.options.log.info({ replica: nameOf(replica), reason }, 'a Redis replica has to connect again')
      this.close(replica)
    }
  }

  /** Asks for acknowledgements, at the next flush. */
  askForAcks(): void {
    const { offset } = this.options.storage.binlog.end
    for (const { stream, applied } of this.replicas.values()) if (stream !== null && applied < offset) this.pulses.request()
  }

  attached(): readonly ReplicaView[] {
    const moment = { monotonicMs: this.monotonicMs, end: this.options.storage.binlog.end.offset }
    return [...this.replicas.values()].map((replica) => viewOf(replica, moment))
  }

  /** The number of replicas whose acknowledged offset is greater than `after`. */
  ackedCount(after: number, what: 'applied' | 'synced'): number {
    let count = 0
    for (const replica of this.replicas.values()) if (replica.stream !== null && replica[what] > after) count++
    return count
  }

  /** Monotonic times of the last ACKs of the replicas that are online, ms. */
  ackTimes(): number[] {
    return [...this.replicas.values()].filter(({ stream }) => stream !== null).map(({ ackedMs }) => ackedMs)
  }

  /** The replica that needs the oldest binlog; null if none needs any. */
  get pin(): BinlogPin | null {
    let pin: BinlogPin | null = null
    for (const replica of this.replicas.values()) {
      const offset = Math.max(neededFrom(replica), minAllowedOffset(this.options, replica))
      if (offset < (pin?.offset ?? Number.POSITIVE_INFINITY)) pin = { offset, by: `replica ${nameOf(replica)}` }
    }
    return pin
  }

  /** Ends all transfers and streams. The connections stay with their owner. */
  clear(): void {
    for (const replica of [...this.replicas.values()]) this.remove(replica)
  }

  private get monotonicMs(): number {
    return this.options.clock.monotonicMs()
  }

  private add(connection: ReplicaConnection, handshake: RedisHandshake, request: RedisReplica['request'], reason: RedisReplica['reason']) {
    const { ip, port, isRdbOnly } = handshake
    const replica: RedisReplica = {
      connection,
      ip: ip === '' ? connection.remoteIp : ip,
      port,
      request,
      isRdbOnly,
      reason,
      transfer: null,
      stream: null,
      startOffset: Number.POSITIVE_INFINITY,
      isStreamAwaited: false,
      applied: 0,
      synced: 0,
      lagAllowanceBytes: 0,
      heardMs: this.monotonicMs,
      ackedMs: this.monotonicMs,
      receivedBytes: connection.receivedBytes,
      unsentBytes: 0,
      loggedLosses: 0,
    }
    this.replicas.set(connection.id, replica)
    return replica
  }

  private transferTo(replica: RedisReplica, handshake: RedisHandshake): RdbTransfer {
    const { source, storage, settings, random, clock } = this.options
    const { connection, request } = replica
    const mark = handshake.canReadMark && settings.isDisklessSync ? randomHex(random, MARK_DIGITS) : null
    // The stream does not complete the data of a client that takes an RDB and leaves, as a backup
    // does: its snapshot has to be of its request or later.
    const mayLeave = request === 'sync' || handshake.isRdbOnly
    const fromOffset = mayLeave ? storage.binlog.end.offset : this.untranslatableUntil
    return source.join(sourceNameOf(replica), fromOffset, (begun) => {
      const transfer: RdbTransfer = new RdbTransfer({
        ...begun,
        connection,
        handshake,
        mark,
        request,
        mayCompress: settings.mustCompressRdb,
        compatibility: settings.psyncCompatibility,
        replicationId: () => storage.identity.replicationId,
        wallMs: () => clock.wallMs(),
        failed: (reason) => this.cut(replica, `its full sync failed: ${reason}`),
        onEnd: (ended, error) => {
          begun.onEnd(ended, error)
          if (transfer.state === 'done') this.sent(replica, transfer, begun.offset(), mark !== null)
        },
      })
      return transfer
    })
  }

  /** A full sync has been sent. */
  private sent(replica: RedisReplica, transfer: RdbTransfer, offset: number, isMarked: boolean): void {
    const { log } = this.options
    const { sentBytes: bytes } = transfer
    replica.startOffset = offset
    replica.lagAllowanceBytes = this.options.storage.binlog.end.offset - offset
    replica.ackedMs = this.monotonicMs
    log.info({ replica: nameOf(replica), offset, bytes }, 'a full sync has been sent to a Redis replica')
    if (replica.isRdbOnly) return
    // What follows the mark at once would be taken for a part of the RDB.
    if (isMarked) replica.isStreamAwaited = true
    else {
      this.beginStream(replica)
      this.options.wake()
    }
  }

  private startSending(replica: RedisReplica, greeting: string | null): void {
    if (!this.replicas.has(replica.connection.id)) return
    if (greeting === null) {
      replica.transfer?.allowSending()
      return
    }
    replica.connection.send(Buffer.from(greeting))
    this.beginStream(replica)
  }

  private beginStream(replica: RedisReplica): void {
    const { storage, tail, settings, log } = this.options
    const { connection, request, startOffset: offset } = replica
    const { binlog } = storage
    replica.isStreamAwaited = false
    if (offset < binlog.startOffset || offset > binlog.end.offset) {
      this.cut(replica, `the binlog has no offset ${offset} any more`)
      return
    }
    assert(replica.stream === null, 'a replica is fed by one stream')
    tail.attach(binlog)
    replica.stream = new RedisStream({
      connection,
      offset,
      request,
      tail,
      open: (from) => storage.openTailReader(from),
      compatibility: () => settings.psyncCompatibility,
    })
    replica.lagAllowanceBytes = binlog.end.offset - offset
    replica.applied = Math.max(replica.applied, offset)
    this.options.source.releaseReplica(sourceNameOf(replica))
    log.info({ replica: nameOf(replica), offset, behind: replica.lagAllowanceBytes }, 'a Redis replica is online')
    this.options.wake()
  }

  private cannotSend(replica: RedisReplica, stream: RedisStream, error: unknown): void {
    if (error instanceof NoCommand && replica.transfer === null) {
      // Other replicas have offsets at which commands begin.
      this.wrongOffset = replica.startOffset
      this.cut(replica, `no command begins at offset ${replica.startOffset} of the binlog`)
    } else if (error instanceof Untranslatable) {
      this.untranslatableUntil = Math.max(this.untranslatableUntil, stream.offset)
      this.cut(replica, `the binlog before offset ${stream.offset} has ${error.message}, which Redis 7.0 lacks`)
    } else this.cut(replica, `the binlog cannot be read for it: ${errorText(error)}`)
  }

  private check(replica: RedisReplica, monotonicMs: number): void {
    const { log } = this.options
    const silentMs = Math.round(monotonicMs - replica.heardMs)
    const fault = faultOf(this.options, replica, monotonicMs)
    if (fault === 'silent') {
      log.info({ replica: nameOf(replica), ms: silentMs }, 'a Redis replica was silent for repl-timeout, closing its connection')
    }
    if (fault === 'silent' || fault === 'complete') this.close(replica)
    else if (fault !== null) this.cut(replica, fault.reason)
  }

  private logLosses(monotonicMs: number): void {
    if (monotonicMs - this.lossesLoggedMs < LOG_INTERVAL_MS) return
    for (const replica of this.replicas.values()) {
      const losses = (replica.transfer?.deadlinesLeftOut ?? 0) + (replica.stream?.deadlinesLeftOut ?? 0)
      if (losses === replica.loggedLosses) continue
      this.lossesLoggedMs = monotonicMs
      this.options.log.warn(
        { replica: nameOf(replica), deadlines: losses },
        'a Redis replica has no deadlines of fields of hashes, so they were left out; while it follows, it deletes such fields when this node does',
      )
      replica.loggedLosses = losses
    }
  }

  private cut(replica: RedisReplica, reason: string): void {
    const { log } = this.options
    const text = `a Redis replica is cut off and has to connect again: ${reason}`
    // A Redis connects again each second, and may be refused for the same reason.
    const isRepeated = text === this.lastCut.text && this.monotonicMs - this.lastCut.loggedMs < LOG_INTERVAL_MS
    if (isRepeated) log.debug({ replica: nameOf(replica) }, text)
    else {
      this.lastCut = { text, loggedMs: this.monotonicMs }
      log.warn({ replica: nameOf(replica) }, text)
    }
    this.close(replica)
  }

  private close(replica: RedisReplica): void {
    replica.connection.close()
    this.remove(replica)
  }

  private remove(replica: RedisReplica): void {
    if (!this.replicas.delete(replica.connection.id)) return
    this.options.source.releaseReplica(sourceNameOf(replica))
    replica.transfer?.stop()
    if (replica.stream === null) return
    replica.stream.close()
    replica.stream = null
    this.options.tail.detach(this.options.storage.binlog)
  }
}

/** Differs from the names of haypile's replicas, which have no space. */
const sourceNameOf = ({ connection }: RedisReplica) => `the Redis at ${connection.address}`
