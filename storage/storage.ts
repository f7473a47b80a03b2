/**
 * The storage engine put together: one open data directory. The server drives it turn by turn:
 *
 *   beginTurn() -> units change `keyspace` and fill `group` -> commit() -> background()
 *
 * A turn longer than a millisecond repeats `commit` and `beginTurn`, to read the clock again. Once
 * `commit` has returned 'written', the turn's replies may be sent; with appendfsync always, once
 * `binlog.synced` has passed the turn's end, too. After 'stalled' they wait for `retry`.
 *
 * The engine holds the node's role, master or replica, and stores a new role before it takes
 * effect. A replica's groups come from its master (`binlog.appendGroups`). A full sync installs
 * another data set (installer.ts).
 */
import { assert, rethrowAssertion } from '../base/assert.ts'
import type { Binlog } from './binlog/binlog.ts'
import type { BinlogPosition } from './binlog/group.ts'
import { GroupWriter } from './binlog/group-writer.ts'
import { OpenGroup } from './binlog/open-group.ts'
import type { TailReader } from './binlog/tail-reader.ts'
import type { Checkpointer } from './checkpoint/checkpointer.ts'
import type { Sweeper } from './checkpoint/sweeper.ts'
import { closeParts } from './closing.ts'
import type { DataSetHistory, IncomingDataSet } from './directory/data-sets.ts'
import type { DataSet } from './directory/directory.ts'
import { DiskSpace, isDiskFull } from './directory/disk-space.ts'
import { type Identity, type MasterAddress, type PastHistory, type Role, startedIdentity } from './directory/identity.ts'
import { IdentityStore } from './directory/identity-store.ts'
import { DataSetInstaller } from './directory/installer.ts'
import { type ExpiryHold, NodeRole } from './directory/node-role.ts'
import type { Witness } from './directory/witness.ts'
import { FollowedStream } from './followed-stream.ts'
import type { Expiry } from './keyspace/expiry.ts'
import { Keyspace } from './keyspace/keyspace.ts'
import { type DataSnapshot, takeSnapshot } from './records/data-snapshot.ts'
import { DamageError } from './records/records.ts'
import { type EngineParts, makeEngineParts, readDisk, resumeBackground, stopBackground } from './recovery/engine-parts.ts'
import { type OpenedDirectory, openDirectory } from './recovery/opening.ts'
import type { Replayer } from './recovery/replay-batches.ts'
import { ScanCursors } from './scan/scan-cursors.ts'
import type { Recovery, StorageEvents, StorageOptions, StorageSettings } from './storage-options.ts'

export type { Recovery, StorageEvents, StorageOptions, StorageSettings } from './storage-options.ts'

const SLICE_MS = 1
/** One open data directory. */
export class Storage {
  readonly keyspace: Keyspace
  readonly group = new OpenGroup()
  readonly scanCursors: ScanCursors
  readonly settings: StorageSettings
  recovery: Recovery | null = null
  private readonly options: StorageOptions
  private readonly events: StorageEvents
  private readonly dataSet: DataSet
  private readonly witness: Witness
  private readonly nodeRole: NodeRole
  readonly diskSpace: DiskSpace
  /** The stream of a Redis master in this node's log. */
  readonly followed: FollowedStream
  private readonly writer: GroupWriter
  private readonly installer: DataSetInstaller
  private started: EngineParts | null = null
  /** True while memory is read again from disk: no checkpoint may be made of it. */
  private isReloadUnderWay = false
  private isClosing = false

  private constructor(options: StorageOptions, { dataSet, records, stored, witness, unfinished, isDiskLow }: OpenedDirectory) {
    const { files, directory, settings, random, clock, log, fatal } = options
    this.options = options
    this.events = options.events
    this.settings = settings
    this.dataSet = dataSet
    this.witness = witness
    const freeDiskSpace = (error: unknown) => this.appendFailed(error)
    const identities = new IdentityStore({ files, directory, generation: dataSet.name, fatal, witness, freeDiskSpace }, stored)
    this.scanCursors = new ScanCursors(random)
    this.diskSpace = new DiskSpace(files, directory, settings.reserveBytes, log, isDiskLow)
    this.keyspace = new Keyspace(records, settings.databases, this.group, options.keyEvents, settings.slots)
    this.keyspace.eviction.limits = settings
    this.keyspace.setClock(clock.wallMs())
    this.nodeRole = new NodeRole({ ...options, identities, keyspace: this.keyspace })
    this.followed = new FollowedStream(this, this.nodeRole)
    this.writer = new GroupWriter(this.group, this.keyspace, log, freeDiskSpace)
    const onInstalled = () => {
      this.nodeRole.distrusted = null
      witness.binlogSynced(this.binlog.synced)
      this.events.onInstalled()
    }
    const { keyspace, scanCursors } = this
    const host = { options, keyspace, scanCursors, identities, parts: () => this.parts, refusal: () => this.installRefusal, onInstalled }
    this.installer = new DataSetInstaller(host, unfinished)
  }

  /** Opens the directory and its LevelDB, which locks it. `recover` comes next. */
  static async open(options: StorageOptions): Promise<Storage> {
    return new Storage(options, await openDirectory(options))
  }

  get binlog(): Binlog {
    return this.parts.binlog
  }

  get checkpointer(): Checkpointer {
    return this.parts.checkpointer
  }

  get expiry(): Expiry {
    return this.parts.expiry
  }

  get sweeper(): Sweeper {
    return this.parts.sweeper
  }

  get isReady(): boolean {
    return this.started !== null
  }

  /** True while memory is read again from disk: nothing may be applied to it. */
  get isReloading(): boolean {
    return this.isReloadUnderWay
  }

  get identity(): Identity {
    return this.nodeRole.identity
  }

  get role(): Role {
    return this.nodeRole.role
  }

  /** The reason why the held group could not be written; null if none is held. */
  get stalled(): string | null {
    return this.writer.stalled
  }

  /** The error of the last failed attempt to reopen LevelDB; null if LevelDB works. */
  get recordsFailure(): string | null {
    return this.started?.reopening.failure ?? null
  }

  /** True if writes are refused for lack of space, though the last group was written. */
  get isDiskLow(): boolean {
    return this.diskSpace.isLow
  }

  private get parts(): EngineParts {
    if (this.started === null) throw new Error('storage has not been recovered yet')
    return this.started
  }

  /** Brings memory to the end of the binlog and starts the background work. */
  async recover(replayer: Replayer, progress: (offset: number, end: number) => void = () => {}): Promise<Recovery> {
    const { options, keyspace, dataSet } = this
    const { clock } = options
    const startedMs = clock.monotonicMs()
    const { from, recovered } = await this.readDisk(dataSet, replayer, progress)
    this.nodeRole.save(startedIdentity(this.identity, recovered.end.offset, options.random))
    const log = { ...recovered, synced: from.offset, replicationId: this.identity.replicationId }
    const parts = makeEngineParts(options, keyspace, dataSet, log, {
      onLanded: () => {
        this.purge()
        this.diskSpace.checkpointEnded()
      },
      onFailed: (error) => this.diskSpace.checkpointFailed(error),
      onAvailabilityChanged: () => this.events.onAvailabilityChanged(),
      isClosing: () => this.isClosing,
      onSynced: () => {
        this.witness.binlogSynced(this.binlog.synced)
        this.events.onSynced()
      },
    })
    this.started = parts
    await parts.sweeper.start()
    parts.expiry.lookAhead(clock.wallMs())
    if (!this.diskSpace.acquireReserve() && this.diskSpace.isLow) parts.checkpointer.request().catch(rethrowAssertion)
    this.recovery = { ...recovered, checkpointOffset: from.offset, durationMs: clock.monotonicMs() - startedMs }
    return this.recovery
  }

  /** Forgets everything in memory and recovers from disk. REQUIRES: nothing else runs meanwhile. */
  async reload(replayer: Replayer): Promise<void> {
    const { parts } = this
    this.mustBeCommitted() // memory would miss writes that are not in the binlog
    this.isReloadUnderWay = true
    await this.installer.idle()
    await parts.checkpointer.idle()
    await stopBackground(parts)
    await parts.binlog.syncTo(parts.binlog.end.offset)
    this.keyspace.reset()
    try {
      const { recovered } = await this.readDisk(parts.dataSet, replayer, () => {})
      if (recovered.end.offset !== parts.binlog.end.offset) throw new DamageError(`the binlog is damaged at offset ${recovered.end.offset}`)
    } catch (error) {
      this.options.fatal(error) // memory is incomplete: no checkpoint may be made of it
      throw error
    }
    this.isReloadUnderWay = false
    this.nodeRole.distrusted = null
    resumeBackground(parts, this.options.clock.wallMs())
  }

  /** Reads the clock for the next units. REQUIRES: the open group is empty or stalled. */
  beginTurn(): void {
    assert(this.group.isEmpty || this.stalled !== null, 'a turn begins with no group that is still to be written')
    this.keyspace.readClock(this.options.clock)
  }

  /** Ends the turn's group and appends it. */
  commit(): 'written' | 'stalled' {
    if (this.stalled !== null) return 'stalled'
    return this.group.isEmpty || this.started === null ? 'written' : this.writer.commit(this.binlog)
  }

  /**
   * Appends a pulse, a group without changes, by which followers of the log see that this node is
   * alive. Returns false if nothing was appended. REQUIRES: between units.
   */
  pulse(): boolean {
    if (this.uncommitted !== null || this.started === null || this.isClosing || this.isDiskLow) return false
    this.beginTurn()
    this.group.command(0, ['PING'])
    return this.commit() === 'written'
  }

  /** Retries the held group. Returns true if it is written now. */
  retry(): boolean {
    if (this.stalled === null) return true
    if (!this.writer.retry(this.binlog)) return false
    this.keyspace.expiryMode = this.nodeRole.ordinaryExpiryMode
    return true
  }

  /** Takes the reserve back after a full disk, if a purge frees enough. Called at intervals. */
  reclaimReserve(): void {
    const { diskSpace } = this
    if (this.stalled !== null || this.started === null || diskSpace.hasReserve || diskSpace.acquireReserve() || !diskSpace.isLow) return
    this.purge()
    diskSpace.acquireReserve()
  }

  /** Checkpoints and evicts for 1 ms. Returns true if more is left. REQUIRES: between groups. */
  background(afterCheckpointSlice?: () => void): boolean {
    if (this.started === null || this.isReloadUnderWay || this.isClosing) return false
    const mayFreeze = this.uncommitted === null && !this.installer.isUnderWay && this.nodeRole.distrusted === null
    const more = this.checkpointer.slice(SLICE_MS, mayFreeze)
    afterCheckpointSlice?.()
    return this.keyspace.eviction.slice() || more
  }

  /** Deletes due keys and fields, in a group of the present turn. Returns true if more are due. */
  expireDue(): boolean {
    if (this.stalled !== null || this.started === null || this.isReloadUnderWay || this.isClosing || this.checkpointer.isReopening)
      return false
    const { clock } = this.options
    const before = this.keyspace.expiredKeys + this.keyspace.expiredFields
    const startedMs = clock.monotonicMs()
    const more = this.expiry.expireUntil(startedMs + SLICE_MS, clock)
    if (this.keyspace.expiredKeys + this.keyspace.expiredFields !== before) this.events.onExpired(clock.monotonicMs() - startedMs)
    return more
  }

  /** True if dirty records exceed their limit: clients that send writes must wait. */
  get isOverloaded(): boolean {
    return this.started?.checkpointer.isOverloaded === true
  }

  /** Stores changes durably. Throws the file system's error and keeps the old identity. */
  saveIdentity(changes: Partial<Identity>): void {
    this.nodeRole.save({ ...this.identity, ...changes })
  }

  /** Makes this node a replica. REQUIRES: the open group is in the binlog. */
  becomeReplica(master: MasterAddress): void {
    this.mustBeCommitted()
    this.nodeRole.setMaster(this.binlog, master)
  }

  /** Makes this node a master with a new history. Replicas of the old one can continue. */
  promote(): void {
    this.mustBeCommitted()
    this.nodeRole.promote(this.binlog)
    this.expiry.lookAhead(this.options.clock.wallMs())
    this.events.onSynced()
  }

  /** Begins or ends a hold, in which a master does not delete expired keys but hides them. */
  holdExpiry(why: ExpiryHold, isHeld: boolean): void {
    this.nodeRole.holdExpiry(why, isHeld)
    if (this.stalled === null && !this.isReloadUnderWay) this.keyspace.expiryMode = this.nodeRole.ordinaryExpiryMode
  }

  /** Continues a replica's history under its master's ids. */
  adoptHistory(replicationId: string, past: readonly PastHistory[]): void {
    this.nodeRole.adopt(this.binlog, replicationId, past)
  }

  /** CLEARREPLICATIONID: makes the present data a history of its own. */
  clearHistory(): void {
    this.nodeRole.clear(this.binlog)
  }

  /** Marks memory as read-only, until a full sync or a reload replaces it. */
  distrust(reason: string): void {
    this.nodeRole.distrust(reason)
    this.checkpointer.rejectWaiters(new Error(reason))
  }

  /** Releases the reserve if an error means a full disk. Returns true if a retry is worthwhile. */
  appendFailed(error: unknown): boolean {
    if (!isDiskFull(error) || !this.diskSpace.releaseReserve()) return false
    this.started?.checkpointer.request().catch(rethrowAssertion)
    return true
  }

  openTailReader(offset: number): TailReader {
    return this.binlog.openTailReader(offset)
  }

  /** Resolves when a checkpoint begun after this call has landed. Rejects if it fails. */
  async checkpoint(): Promise<void> {
    const refusal = this.nodeRole.distrusted ?? this.recordsFailure
    if (refusal !== null) throw new Error(refusal)
    await this.checkpointer.request()
  }

  snapshot(): Promise<DataSnapshot> {
    return this.checkpoint().then(() => takeSnapshot(this.keyspace.records))
  }

  /** The data set of a full sync that an earlier process did not finish; null if there is none. */
  get unfinished(): IncomingDataSet | null {
    return this.installer.unfinished
  }

  /** Returns an empty data set. With a `source`, the next process finds it as `unfinished`. */
  beginDataSet(source: readonly string[] | null = null): Promise<IncomingDataSet> {
    return this.installer.beginDataSet(source)
  }

  /** Replaces the data set in use, or rejects and leaves everything as it was. */
  installDataSet(next: IncomingDataSet, position: BinlogPosition, history: DataSetHistory, role: Role = 'replica'): Promise<void> {
    return this.installer.install(next, position, history, role)
  }

  /** Removes segments that end at or before an offset, unless needed. Returns their number. */
  purgeTo(offset: number): number {
    const { binlog, checkpointer } = this.parts
    return binlog.purge(Math.min(offset, checkpointer.landedOffset), this.events.pinned(), this.options.clock.wallMs(), 'none')
  }

  /** Writes a last checkpoint (unless 'nosave'), records the clean end, closes everything. */
  async close(how: 'save' | 'nosave'): Promise<void> {
    if (this.started === null) return this.installer.close().then(() => this.keyspace.records.close())
    const { parts, installer, nodeRole, scanCursors } = this
    this.commit()
    this.isClosing = true
    await closeParts(parts, {
      how,
      log: this.options.log,
      installer,
      nodeRole,
      scanCursors,
      stalled: () => this.stalled,
      purge: () => this.purge(),
    })
    await this.keyspace.records.close()
  }

  private async readDisk(dataSet: DataSet, replayer: Replayer, progress: (offset: number, end: number) => void) {
    const { keyspace, scanCursors, options, nodeRole } = this
    const { ownFrom, cleanEnd } = nodeRole.identity
    const durable = Math.max(cleanEnd ?? 0, this.witness.offset)
    const freeDiskSpace = (error: unknown) => this.appendFailed(error)
    const read = await readDisk(options, { keyspace, scanCursors, dataSet, ownFrom, durable, freeDiskSpace }, replayer, progress)
    keyspace.expiryMode = nodeRole.ordinaryExpiryMode
    keyspace.setClock(options.clock.wallMs())
    return read
  }

  /** The reason why memory is not the state at the binlog's end just now; null if it is. */
  private get uncommitted(): string | null {
    if (this.isReloadUnderWay) return 'memory is being reloaded from disk'
    return this.stalled === null && this.group.isEmpty && !this.keyspace.isUnitSuspended ? null : 'the last writes are not in the binlog'
  }

  private mustBeCommitted(): void {
    if (this.uncommitted !== null) throw new Error(this.uncommitted)
  }

  private get installRefusal(): string | null {
    if (this.isClosing) return 'the data directory is being closed'
    return this.uncommitted
  }

  private purge(): void {
    const { binlog, checkpointer } = this
    this.diskSpace.purge(binlog, { checkpointed: checkpointer.landedOffset, pinned: this.events.pinned() }, this.options.clock.wallMs())
  }
}
