/**
 * Full syncs as the master gives them: snapshots of the data, shared between replicas, and transfers of them.
 *
 * A snapshot is a checkpoint held in LevelDB; nothing is written for it. A transfer joins one that is being made or is not too old, else it
 * waits for a new one. A snapshot is held while a transfer uses it and for a minute after, so that one that was cut can be gone on with from
 * the record it had come to. For whoever has begun with it and does not yet go on in the binlog, the binlog from its offset on stays that long.
 */
import type { Clock, Random } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { randomHex } from '../../storage/directory/identity.ts'
import type { DataSnapshot } from '../../storage/records/data-snapshot.ts'
import type { Storage } from '../../storage/storage.ts'
import { type DbSyncRequest, type RefusalCode, snapshotHeadWords } from '../protocol/messages.ts'
import type { ReplicationSettings } from '../settings.ts'
import { RateLimit } from './rate-limit.ts'
import type { ReplicaConnection } from './replica-connection.ts'
import type { BinlogPin } from './replica-view.ts'
import { Transfer } from './transfer.ts'

/** A snapshot that the binlog has left behind by more is not joined: what follows would have to be caught up with. */
const JOIN_BYTES = 64 * 1024 * 1024
/** How long a snapshot is held that nobody uses. */
const HOLD_MS = 60_000
/** Each one held keeps what LevelDB would otherwise clear away. */
const MAX_SNAPSHOTS = 3

const SNAPSHOT_ID_DIGITS = 16

interface Snapshot {
  readonly id: string
  /** Null until it is there. */
  data: DataSnapshot | null
  totalBytes: number
  /** The binlog from here on is needed behind it. */
  offset: number
  readonly users: Set<Transfer>
  /** Replicas that have begun with it and are to go on from its offset. */
  readonly awaited: Set<string>
  idleSinceMs: number
  /** Resolves when those who have used it read no more. */
  quiet: Promise<unknown>
  /** Cannot be used any more: closed when the last user has ended. */
  isDiscarded: boolean
}

/** Of the snapshot that an earlier transfer was cut in, if any. */
type Wanted = Pick<DbSyncRequest, 'snapshot' | 'after'>

export interface FullSyncSourceOptions {
  readonly storage: Pick<Storage, 'snapshot' | 'binlog' | 'identity' | 'diskLow'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: ReplicationSettings
}

export class FullSyncSource {
  private readonly options: FullSyncSourceOptions
  private readonly limit: RateLimit
  /** Oldest first. */
  private snapshots: Snapshot[] = []
  private readonly transfers = new Set<Transfer>()
  /** What is still ending. */
  private readonly endings = new Set<Promise<void>>()

  constructor(options: FullSyncSourceOptions) {
    this.options = options
    this.limit = new RateLimit(() => options.settings.fullSyncBytesPerSecond, options.clock.monotonicMs())
  }

  /** A transfer to a replica, which sends nothing until `begin`. */
  open(connection: ReplicaConnection, replica: string, { snapshot: id, after }: Wanted, onDone: (offset: number) => void): Transfer {
    const held = this.snapshots.find((snapshot) => snapshot.id === id && snapshot.data !== null && this.canFollow(snapshot))
    const snapshot = held ?? this.joinable() ?? this.create()
    this.settled(replica)
    snapshot.awaited.add(replica)
    const transfer = new Transfer({
      connection,
      after: held === undefined ? null : after,
      limit: this.limit,
      onEnd: (ended, error) => {
        if (ended.state === 'done') onDone(snapshot.offset)
        this.ended(ended, snapshot, error)
      },
    })
    this.transfers.add(transfer)
    snapshot.users.add(transfer)
    if (snapshot.data !== null) transfer.provide(this.head(snapshot, snapshot.data), snapshot.data, snapshot.totalBytes)
    return transfer
  }

  /** A replica goes on in the binlog: nothing is kept for it here. */
  settled(replica: string): void {
    for (const { awaited } of this.snapshots) awaited.delete(replica)
  }

  /** The lowest offset from which the binlog is needed behind a snapshot, and by which replicas; null where there is none. */
  get pin(): BinlogPin | null {
    let first: Snapshot | null = null
    for (const snapshot of this.snapshots) {
      const isNeeded = snapshot.users.size > 0 || snapshot.awaited.size > 0
      if (isNeeded && (first === null || snapshot.offset < first.offset)) first = snapshot
    }
    return first === null ? null : { offset: first.offset, by: `full sync of ${[...first.awaited].join(' and ')}` }
  }

  get pinned(): number {
    return this.pin?.offset ?? Number.POSITIVE_INFINITY
  }

  /** Ten times a second. */
  tick(nowMs: number): void {
    const { settings } = this.options
    this.limit.refill(nowMs)
    for (const transfer of [...this.transfers]) {
      transfer.pump() // each that finds the rate limit open sends a piece, and then all of them wait
      transfer.showLife(settings.pingPeriodMs, nowMs)
    }
    for (const snapshot of [...this.snapshots]) this.check(snapshot, nowMs)
  }

  /** No snapshot is this node's data any more. */
  discardAll(code: RefusalCode, reason: string): void {
    for (const snapshot of [...this.snapshots]) this.discard(snapshot, code, reason)
  }

  /** Resolves when nothing reads any more. A snapshot that is still being made is closed when it comes. */
  async close(): Promise<void> {
    this.discardAll('ERR', 'the server is shutting down')
    while (this.endings.size > 0) await Promise.all(this.endings)
  }

  private joinable(): Snapshot | undefined {
    const newest = this.snapshots.at(-1)
    if (newest === undefined) return undefined
    if (newest.data === null || (this.behind(newest) <= JOIN_BYTES && this.canFollow(newest))) return newest
    if (this.snapshots.length < MAX_SNAPSHOTS) return undefined
    const unused = this.snapshots.find(({ users }) => users.size === 0)
    if (unused === undefined) return newest
    this.discard(unused, 'ERR', '')
    return undefined
  }

  /** Whether what comes behind it is still in the binlog. */
  private canFollow({ offset }: Snapshot): boolean {
    return offset >= this.options.storage.binlog.startOffset
  }

  private create(): Snapshot {
    const { storage, random, clock } = this.options
    const snapshot: Snapshot = {
      id: randomHex(random, SNAPSHOT_ID_DIGITS),
      data: null,
      totalBytes: 0,
      offset: storage.binlog.end.offset,
      users: new Set(),
      awaited: new Set(),
      idleSinceMs: clock.monotonicMs(),
      quiet: Promise.resolve(),
      isDiscarded: false,
    }
    this.snapshots.push(snapshot)
    void this.make(snapshot) // not waited for by `close`: a checkpoint may need turns that do not come any more
    return snapshot
  }

  /** Never rejects. */
  private async make(snapshot: Snapshot): Promise<void> {
    const { storage, log } = this.options
    let data: DataSnapshot | null = null
    try {
      data = await storage.snapshot()
      snapshot.totalBytes = await data.estimateBytes()
    } catch (error) {
      this.discard(snapshot, 'ERR', `no snapshot of the data could be made: ${String(error)}`)
      log.warn({ error: String(error) }, 'no snapshot could be made for a full sync; replicas ask again')
    }
    if (data === null) return
    if (snapshot.isDiscarded) {
      await this.closeData(data)
      return
    }
    snapshot.data = data
    snapshot.offset = data.position.offset
    log.debug({ snapshot: snapshot.id, offset: snapshot.offset, keys: data.keys, bytes: snapshot.totalBytes }, 'snapshot for full syncs')
    for (const transfer of snapshot.users) transfer.provide(this.head(snapshot, data), data, snapshot.totalBytes)
  }

  private head({ id, totalBytes }: Snapshot, { position, keys }: DataSnapshot): string[] {
    const { replicationId, past } = this.options.storage.identity
    return snapshotHeadWords({ id, ...position, records: keys, bytes: totalBytes, replicationId, past })
  }

  private ended(transfer: Transfer, snapshot: Snapshot, error: unknown): void {
    const { log, clock } = this.options
    this.transfers.delete(transfer)
    snapshot.users.delete(transfer)
    snapshot.idleSinceMs = clock.monotonicMs()
    snapshot.quiet = Promise.all([snapshot.quiet, transfer.ended()])
    if (error !== null) {
      log.warn({ snapshot: snapshot.id, error: String(error) }, 'a snapshot could not be read to its end; replicas ask again')
      this.discard(snapshot, 'ERR', 'the snapshot cannot be read any more')
    }
    if (snapshot.isDiscarded) this.closeUnused(snapshot)
    else if (snapshot.data !== null) this.own(this.estimate(snapshot, snapshot.data))
  }

  /** The first estimate comes before LevelDB has made tables of what the checkpoint wrote: whoever asks again is told a better one. */
  private async estimate(snapshot: Snapshot, data: DataSnapshot): Promise<void> {
    try {
      snapshot.totalBytes = await data.estimateBytes()
    } catch {} // the store has been closed: the snapshot is void
  }

  /** Nobody joins it any more, and those who use it are told to ask again. */
  private discard(snapshot: Snapshot, code: RefusalCode, reason: string): void {
    if (snapshot.isDiscarded) return
    snapshot.isDiscarded = true
    this.snapshots = this.snapshots.filter((other) => other !== snapshot)
    for (const transfer of [...snapshot.users]) transfer.fail(code, reason)
    this.closeUnused(snapshot)
  }

  private closeUnused(snapshot: Snapshot): void {
    const { data } = snapshot
    if (data === null || snapshot.users.size > 0) return // where it is still being made, whoever makes it closes it
    snapshot.data = null
    this.own(snapshot.quiet.then(() => this.closeData(data)))
  }

  private check(snapshot: Snapshot, nowMs: number): void {
    const { settings, storage } = this.options
    const isTooFar = this.behind(snapshot) > settings.lagLimitBytes
    if (snapshot.users.size > 0) {
      if (isTooFar && storage.diskLow) this.discard(snapshot, 'ERR', 'the disk is full, and a full sync keeps binlog from being removed')
    } else if (snapshot.data !== null && (nowMs - snapshot.idleSinceMs >= HOLD_MS || isTooFar || storage.diskLow)) {
      this.discard(snapshot, 'ERR', '')
    }
  }

  private behind({ offset }: Snapshot): number {
    return this.options.storage.binlog.end.offset - offset
  }

  private async closeData(data: DataSnapshot): Promise<void> {
    try {
      await data.close()
    } catch (error) {
      this.options.log.debug({ error: String(error) }, 'a snapshot was closed with its database')
    }
  }

  private own(work: Promise<void>): void {
    const ending = work.finally(() => this.endings.delete(ending))
    this.endings.add(ending)
  }
}
