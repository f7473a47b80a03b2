/**
 * Full syncs on the side of the master: snapshots of the data, shared between replicas, and
 * transfers.
 *
 * A snapshot is a checkpoint held in LevelDB; no dump is written for it. A transfer joins a
 * snapshot that is being made or is recent, else it waits for a new one. A snapshot is held while a
 * transfer uses it and for a minute after that. A transfer that was cut can then resume at the
 * record it had reached. A replica that has begun with a snapshot pins the binlog from its offset
 * on, until it follows the binlog.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Clock, Random } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { randomHex } from '../../storage/directory/identity.ts'
import type { DataSnapshot } from '../../storage/records/data-snapshot.ts'
import type { Storage } from '../../storage/storage.ts'
import { type DbSyncRequest, type RefusalCode, snapshotHeadWords } from '../protocol/messages.ts'
import type { ReplicationSettings } from '../protocol/settings.ts'
import { RateLimit } from './rate-limit.ts'
import type { ReplicaConnection } from './replica-connection.ts'
import type { BinlogPin } from './replica-view.ts'
import { SnapshotTransfer, type SnapshotUser } from './transfer.ts'

/**
 * The largest lag of a snapshot that another replica joins: the replica has to catch up with it.
 */
const MAX_JOIN_LAG_BYTES = 64 * 1024 * 1024
/** How long an unused snapshot is held. */
const MAX_IDLE_MS = 60_000
/** The limit of held snapshots. Each one keeps data that LevelDB would otherwise compact away. */
const MAX_SNAPSHOTS = 3

const SNAPSHOT_ID_DIGITS = 16

interface Snapshot {
  readonly id: string
  /** Null until the snapshot is made. */
  data: DataSnapshot | null
  totalBytes: number
  /** Replicas of this snapshot need the binlog from this offset on. */
  offset: number
  readonly users: Set<SnapshotUser>
  /** Replicas that have begun with this snapshot and have not continued from its offset yet. */
  readonly awaited: Set<string>
  idleSinceMs: number
  /** Resolves when no former user reads from it any more. */
  quiet: Promise<unknown>
  /** True once the snapshot is not offered any more; it closes after its last user. */
  isDiscarded: boolean
}

/** The snapshot of an earlier transfer that was cut, and the last record received from it. */
type Wanted = Pick<DbSyncRequest, 'snapshot' | 'after'>

/** The parts of the source that a transfer uses. */
export interface Begun {
  /** The limit of all full syncs together. */
  readonly limit: RateLimit
  /** The offset of its snapshot, which is known once the snapshot is provided. */
  offset(): number
  /** To be called once, with null unless reading the snapshot has failed. */
  onEnd(transfer: SnapshotUser, error: unknown): void
}

export interface FullSyncSourceOptions {
  readonly storage: Pick<Storage, 'snapshot' | 'binlog' | 'identity' | 'isDiskLow'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: ReplicationSettings
}

/** The full syncs that this node gives: shared snapshots, and a transfer for each replica. */
export class FullSyncSource {
  private readonly options: FullSyncSourceOptions
  private readonly limit: RateLimit
  /** Oldest first. */
  private snapshots: Snapshot[] = []
  private readonly transfers = new Set<SnapshotUser>()
  /** Work that `close` waits for. */
  private readonly endings = new Set<Promise<void>>()

  constructor(options: FullSyncSourceOptions) {
    this.options = options
    this.limit = new RateLimit(() => options.settings.fullSyncBytesPerSecond, options.clock.monotonicMs())
  }

  /** Returns a transfer to a replica. The transfer sends nothing until `allowSending`. */
  open(
    connection: ReplicaConnection,
    replica: string,
    { snapshot: id, after }: Wanted,
    onDone: (offset: number) => void,
  ): SnapshotTransfer {
    const held = this.snapshots.find((snapshot) => snapshot.id === id && snapshot.data !== null && this.canFollow(snapshot))
    const make = (begun: Begun) =>
      new SnapshotTransfer({
        ...begun,
        connection,
        after: held === undefined ? null : after,
        onEnd: (ended, error) => {
          if (ended.state === 'done') onDone(begun.offset())
          begun.onEnd(ended, error)
        },
      })
    return this.use(held ?? this.joinable() ?? this.create(), replica, make)
  }

  /** Returns a transfer of another form, of a snapshot that is of `fromOffset` or later. */
  join<T extends SnapshotUser>(replica: string, fromOffset: number, make: (begun: Begun) => T): T {
    const recent = this.joinable()
    if (recent !== undefined && recent.offset >= fromOffset) return this.use(recent, replica, make)
    this.discardUnused()
    return this.use(this.create(), replica, make)
  }

  private use<T extends SnapshotUser>(snapshot: Snapshot, replica: string, make: (begun: Begun) => T): T {
    this.releaseReplica(replica)
    snapshot.awaited.add(replica)
    const transfer = make({
      limit: this.limit,
      offset: () => snapshot.offset,
      onEnd: (ended, error) => this.ended(ended, snapshot, error),
    })
    this.transfers.add(transfer)
    snapshot.users.add(transfer)
    if (snapshot.data !== null) transfer.provide(this.head(snapshot, snapshot.data), snapshot.data, snapshot.totalBytes)
    return transfer
  }

  /**
   * Stops pinning binlog for the snapshots of a replica: it follows the binlog now, or begins
   * another full sync.
   */
  releaseReplica(replica: string): void {
    for (const { awaited } of this.snapshots) awaited.delete(replica)
  }

  /**
   * The lowest binlog offset that a snapshot in use needs, and its replicas; null if there is none.
   */
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
  tick(monotonicMs: number): void {
    const { settings } = this.options
    this.limit.refill(monotonicMs)
    for (const transfer of [...this.transfers]) {
      // Each transfer that finds the rate limit open sends one chunk. Then all of them wait.
      transfer.pump()
      transfer.sendHeartbeatIfIdle(settings.pingPeriodMs, monotonicMs)
    }
    for (const snapshot of [...this.snapshots]) this.check(snapshot, monotonicMs)
  }

  /** Discards all snapshots: the data of this node has been replaced. */
  discardAll(code: RefusalCode, reason: string): void {
    for (const snapshot of [...this.snapshots]) this.discard(snapshot, code, reason)
  }

  /**
   * Resolves when nothing reads any more. A snapshot that is still being made closes on completion.
   */
  async close(): Promise<void> {
    this.discardAll('ERR', 'the server is shutting down')
    while (this.endings.size > 0) await Promise.all(this.endings)
  }

  private joinable(): Snapshot | undefined {
    const newest = this.snapshots.at(-1)
    if (newest === undefined) return undefined
    if (newest.data === null || (this.behind(newest) <= MAX_JOIN_LAG_BYTES && this.canFollow(newest))) return newest
    return this.discardUnused() ? undefined : newest
  }

  /** Makes room for another snapshot. Returns false if too many are in use. */
  private discardUnused(): boolean {
    if (this.snapshots.length < MAX_SNAPSHOTS) return true
    const unused = this.snapshots.find(({ users }) => users.size === 0)
    if (unused !== undefined) this.discard(unused, 'ERR', '')
    return unused !== undefined
  }

  /** True if the binlog still has everything after the snapshot. */
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
    // `close` does not wait for this: the checkpoint needs turns, and a closing node has none.
    void this.make(snapshot)
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
      rethrowAssertion(error)
      this.discard(snapshot, 'ERR', `no snapshot of the data could be made: ${String(error)}`)
      log.warn({ error: String(error) }, 'cannot make a snapshot for a full sync, replicas will retry')
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

  private ended(transfer: SnapshotUser, snapshot: Snapshot, error: unknown): void {
    const { log, clock } = this.options
    this.transfers.delete(transfer)
    snapshot.users.delete(transfer)
    snapshot.idleSinceMs = clock.monotonicMs()
    snapshot.quiet = Promise.all([snapshot.quiet, transfer.ended()])
    if (error !== null) {
      log.warn(
        { snapshot: snapshot.id, error: String(error) },
        'cannot read a snapshot for a full sync, discarding it; replicas will retry',
      )
      this.discard(snapshot, 'ERR', 'the snapshot cannot be read any more')
    }
    if (snapshot.isDiscarded) this.closeUnused(snapshot)
    else if (snapshot.data !== null) this.own(this.estimate(snapshot, snapshot.data))
  }

  /**
   * Improves the estimate for transfers to come. The first one is made before LevelDB has written
   * the tables of the checkpoint.
   */
  private async estimate(snapshot: Snapshot, data: DataSnapshot): Promise<void> {
    try {
      snapshot.totalBytes = await data.estimateBytes()
    } catch (error) {
      // Another error means that the store is closed, and the snapshot with it.
      rethrowAssertion(error)
    }
  }

  /** Stops offering a snapshot and makes its users ask again. */
  private discard(snapshot: Snapshot, code: RefusalCode, reason: string): void {
    if (snapshot.isDiscarded) return
    snapshot.isDiscarded = true
    this.snapshots = this.snapshots.filter((other) => other !== snapshot)
    for (const transfer of [...snapshot.users]) transfer.fail(code, reason)
    this.closeUnused(snapshot)
  }

  private closeUnused(snapshot: Snapshot): void {
    const { data } = snapshot
    // `make` closes a snapshot that is still being made
    if (data === null || snapshot.users.size > 0) return
    snapshot.data = null
    this.own(snapshot.quiet.then(() => this.closeData(data)))
  }

  private check(snapshot: Snapshot, monotonicMs: number): void {
    const { settings, storage } = this.options
    const isTooFar = this.behind(snapshot) > settings.lagLimitBytes
    if (snapshot.users.size > 0) {
      if (isTooFar && storage.isDiskLow) this.discard(snapshot, 'ERR', 'the disk is full, and a full sync pins the binlog')
    } else if (snapshot.data !== null && (monotonicMs - snapshot.idleSinceMs >= MAX_IDLE_MS || isTooFar || storage.isDiskLow)) {
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
      rethrowAssertion(error)
      this.options.log.debug({ error: String(error) }, 'a snapshot was closed with its database')
    }
  }

  private own(work: Promise<void>): void {
    const ending = work.finally(() => this.endings.delete(ending))
    this.endings.add(ending)
  }
}
