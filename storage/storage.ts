/**
 * The storage engine put together: one open data directory. The server drives it turn by turn:
 *
 *   beginTurn(wall clock) -> units change `keyspace` and fill `group` -> commit() -> background()
 *
 * After `commit` has answered 'written' the replies of the turn may go out (with appendfsync always, once `binlog.synced` has passed the
 * turn's end). After 'stalled' they are withheld: the group stays in hand and is tried again by `retry`.
 *
 * Whether the node is a master or a replica is part of it: stored before it counts. A replica's groups come from its master
 * (`binlog.appendGroups`), and a full sync puts another data set in the place of this one (swap.ts).
 */
import type { Binlog } from './binlog/binlog.ts'
import type { BinlogFeed } from './binlog/feed.ts'
import type { BinlogPosition } from './binlog/group.ts'
import { GroupWriter } from './binlog/group-writer.ts'
import { OpenGroup } from './binlog/open-group.ts'
import type { Checkpointer } from './checkpoint/checkpointer.ts'
import type { Sweeper } from './checkpoint/sweeper.ts'
import type { Generation } from './directory/directory.ts'
import type { NextGeneration } from './directory/generations.ts'
import { type Identity, type MasterAddress, type PastHistory, type Role, startedIdentity } from './directory/identity.ts'
import { type ExpiryHold, NodeRole } from './directory/node-role.ts'
import { isDiskFull, Room } from './directory/room.ts'
import { Swap } from './directory/swap.ts'
import type { Witness } from './directory/witness.ts'
import type { Expiry } from './keyspace/expiry.ts'
import { Keyspace } from './keyspace/keyspace.ts'
import { type DataSnapshot, takeSnapshot } from './records/data-snapshot.ts'
import type { RecordBatch } from './records/record-store.ts'
import { CURSORS_KEY, DamageError } from './records/records.ts'
import { type OpenedDirectory, openDirectory } from './recovery/opening.ts'
import { makeParts, type Parts, readDisk, resumeBackground, stopBackground } from './recovery/parts.ts'
import type { Replayer } from './recovery/recovery.ts'
import { ScanCursors } from './scan/scan-cursors.ts'
import type { Recovery, StorageOptions, StorageSettings } from './storage-options.ts'

export type { Recovery, StorageOptions, StorageSettings } from './storage-options.ts'

const SLICE_MS = 1

export class Storage {
  readonly keyspace: Keyspace
  readonly group = new OpenGroup()
  readonly scanCursors: ScanCursors
  readonly settings: StorageSettings
  recovery: Recovery | null = null
  /** Called when LevelDB can be read no more or again (`checkpointer.isReopening`), and when `recordsFailure` has changed. */
  availabilityChanged: () => void = () => {}
  /** Told how long each slice of active expiry took that deleted something. */
  onExpired: (milliseconds: number) => void = () => {}
  /** The lowest offset that attached replicas need; Infinity when there are none. */
  pinned: () => number = () => Number.POSITIVE_INFINITY
  /** Another data set is in place of the one before. Called in the synchronous moment in which that has happened. */
  onSwapped: () => void = () => {}
  /** The binlog's synced offset has moved. */
  onSynced: () => void = () => {}
  private readonly options: StorageOptions
  private readonly generation: Generation
  private readonly witness: Witness
  private readonly standing: NodeRole
  readonly room: Room
  private readonly writer: GroupWriter
  private readonly swap: Swap
  private started: Parts | null = null
  /** What is in memory is not yet what is on disk: no checkpoint may be made of it. */
  private reloading = false
  private closing = false

  private constructor(options: StorageOptions, { generation, records, identities, witness, unfinished, isDiskLow }: OpenedDirectory) {
    const { files, directory, settings, random, clock, log } = options
    this.options = options
    this.settings = settings
    this.generation = generation
    this.witness = witness
    identities.makeRoom = (error) => this.appendFailed(error)
    this.scanCursors = new ScanCursors(random)
    this.room = new Room(files, directory, settings.reserveBytes, log, isDiskLow)
    this.keyspace = new Keyspace(records, settings.databases, this.group)
    this.keyspace.eviction.limits = settings
    this.keyspace.setClock(clock.wallMs())
    this.standing = new NodeRole({ ...options, identities, keyspace: this.keyspace })
    this.writer = new GroupWriter(this.group, this.keyspace, log, (error) => this.appendFailed(error))
    const swapped = () => {
      this.standing.distrusted = null
      witness.binlogSynced(this.binlog.synced)
      this.onSwapped()
    }
    const { keyspace, scanCursors } = this
    const host = { options, keyspace, scanCursors, identities, parts: () => this.parts, refusal: () => this.swapRefusal, swapped }
    this.swap = new Swap(host, unfinished)
  }

  /** Opens the directory and its LevelDB, which locks it. Recovery is `recover`. */
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

  /** Recovered, and not yet being closed. */
  get isReady(): boolean {
    return this.started !== null
  }

  /** Memory is being read again from disk: nothing may be applied to it. */
  get isReloading(): boolean {
    return this.reloading
  }

  get identity(): Identity {
    return this.standing.identity
  }

  get role(): Role {
    return this.standing.role
  }

  /** Why the group in hand could not be written; null when there is none waiting. */
  get stalled(): string | null {
    return this.writer.stalled
  }

  /** Why LevelDB, which a failed write has closed to writes or to everything, could not be opened again so far; null where it works. */
  get recordsFailure(): string | null {
    return this.started?.reopening.failure ?? null
  }

  /** Why writes are refused for want of room though the last group was written. */
  get diskLow(): boolean {
    return this.room.isLow
  }

  private get parts(): Parts {
    if (this.started === null) throw new Error('storage has not been recovered yet')
    return this.started
  }

  /** Brings memory to the end of the binlog and starts the background work. */
  async recover(replayer: Replayer, progress: (offset: number, end: number) => void = () => {}): Promise<Recovery> {
    const { options, keyspace, generation } = this
    const { clock } = options
    const startedMs = clock.monotonicMs()
    const { from, recovered } = await this.readDisk(generation, replayer, progress)
    this.standing.save(startedIdentity(this.identity, recovered.end.offset, options.random))
    const log = { ...recovered, synced: from.offset, replicationId: this.identity.replicationId }
    const parts = makeParts(options, keyspace, generation, log, {
      landed: () => {
        this.purge()
        this.room.checkpointEnded()
      },
      failed: (error) => this.room.checkpointFailed(error),
      availabilityChanged: () => this.availabilityChanged(),
      isClosing: () => this.closing,
      synced: () => {
        this.witness.binlogSynced(this.binlog.synced)
        this.onSynced()
      },
    })
    this.started = parts
    await parts.sweeper.start()
    parts.expiry.lookAhead(clock.wallMs())
    if (!this.room.take() && this.room.isLow) parts.checkpointer.request().catch(() => {})
    this.recovery = { ...recovered, checkpointOffset: from.offset, milliseconds: clock.monotonicMs() - startedMs }
    return this.recovery
  }

  /** Forgets everything in memory and recovers from disk, as a restart would. Nothing may run meanwhile. */
  async reload(replayer: Replayer): Promise<void> {
    const { parts } = this
    this.mustBeSettled() // what is not in the binlog would be missing from memory
    this.reloading = true
    await this.swap.idle()
    await parts.checkpointer.idle()
    await stopBackground(parts)
    await parts.binlog.syncTo(parts.binlog.end.offset)
    this.keyspace.reset()
    try {
      const { recovered } = await this.readDisk(parts.generation, replayer, () => {})
      if (recovered.end.offset !== parts.binlog.end.offset) throw new DamageError(`the binlog is damaged at offset ${recovered.end.offset}`)
    } catch (error) {
      this.options.fatal(error) // memory is a part of what it should be: nothing may be made of it, a checkpoint least of all
      throw error
    }
    this.reloading = false
    this.standing.distrusted = null
    resumeBackground(parts, this.options.clock.wallMs())
  }

  /** Reads the clock for the next units. REQUIRES: the open group is empty or stalled. */
  beginTurn(): void {
    this.keyspace.readClock(this.options.clock)
  }

  /** Ends the turn's group and appends it. */
  commit(): 'written' | 'stalled' {
    if (this.stalled !== null) return 'stalled'
    return this.group.isEmpty || this.started === null ? 'written' : this.writer.commit(this.binlog)
  }

  /** Tries the group in hand again. Returns whether it is written now. */
  retry(): boolean {
    if (this.stalled === null) return true
    if (!this.writer.retry(this.binlog)) return false
    this.keyspace.expiry = this.standing.restingExpiry
    return true
  }

  /** Makes room and takes the reserve back when the disk was full. To be called now and then. */
  recoverRoom(): void {
    const { room } = this
    if (this.stalled !== null || this.started === null || room.isAsItShould || room.take() || !room.isLow) return
    this.purge()
    room.take()
  }

  /** At most about a millisecond of background work, between units and with no open group. Returns whether there is more. */
  background(): boolean {
    if (this.started === null || this.reloading || this.closing) return false
    const mayFreeze = this.unsettled === null && !this.swap.isUnderWay && this.standing.distrusted === null
    const more = this.checkpointer.slice(SLICE_MS, mayFreeze)
    return this.keyspace.eviction.slice() || more
  }

  /** Deletes keys and fields that are due, in a group of the present turn. Returns whether more are due. */
  expireDue(): boolean {
    if (this.stalled !== null || this.started === null || this.reloading || this.closing || this.checkpointer.isReopening) return false
    const { clock } = this.options
    const before = this.keyspace.expiredKeys + this.keyspace.expiredFields
    const startedMs = clock.monotonicMs()
    const more = this.expiry.expireUntil(startedMs + SLICE_MS, clock)
    if (this.keyspace.expiredKeys + this.keyspace.expiredFields !== before) this.onExpired(clock.monotonicMs() - startedMs)
    return more
  }

  /** Whether a client whose next command is a write must wait. */
  get isOverloaded(): boolean {
    return this.started?.checkpointer.isOverloaded === true
  }

  /** Stored durably when it returns. Throws the file system's error with the identity as it was. */
  saveIdentity(changes: Partial<Identity>): void {
    this.standing.save({ ...this.identity, ...changes })
  }

  /** This node follows a master from now on. The open group must be in the binlog. */
  becomeReplica(master: MasterAddress): void {
    this.mustBeSettled()
    this.standing.follow(this.binlog, master)
  }

  /** This node is a master from now on, of a history that others may continue up to here. */
  promote(): void {
    this.mustBeSettled()
    this.standing.promote(this.binlog)
    this.expiry.lookAhead(this.options.clock.wallMs())
    this.onSynced()
  }

  /** While it is held, a master hides keys whose time has come as a replica does, and deletes them afterwards. */
  holdExpiry(why: ExpiryHold, isHeld: boolean): void {
    this.standing.holdExpiry(why, isHeld)
    if (this.stalled === null && !this.reloading) this.keyspace.expiry = this.standing.restingExpiry
  }

  /** A replica goes on under its master's ids. */
  adoptHistory(replicationId: string, past: readonly PastHistory[]): void {
    this.standing.adopt(this.binlog, replicationId, past)
  }

  /** CLEARREPLICATIONID: what is here becomes a history of its own. */
  clearHistory(): void {
    this.standing.clear(this.binlog)
  }

  /** A received group has been run in part: memory is good for reads only, until a full sync has replaced it or it is read again from disk. */
  distrust(reason: string): void {
    this.standing.distrust(reason)
    this.checkpointer.dismiss(new Error(reason))
  }

  /** Something could not be written: makes room where that is what is missing. Returns whether it is worth trying again at once. */
  appendFailed(error: unknown): boolean {
    if (!isDiskFull(error) || !this.room.giveBack()) return false
    this.started?.checkpointer.request().catch(() => {})
    return true
  }

  /** Reads the binlog's bytes from an offset on, from its files. */
  openFeed(offset: number): BinlogFeed {
    return this.binlog.openFeed(offset)
  }

  /** Resolves when a checkpoint that began after this call has landed. Rejects when that fails, or memory cannot be trusted. */
  async checkpoint(): Promise<void> {
    const refusal = this.standing.distrusted ?? this.recordsFailure
    if (refusal !== null) throw new Error(refusal)
    await this.checkpointer.request()
  }

  /** The records as of such a checkpoint. */
  snapshot(): Promise<DataSnapshot> {
    return this.checkpoint().then(() => takeSnapshot(this.keyspace.records))
  }

  /** What an earlier process has left of a full sync, as it was found at the start. */
  get unfinished(): NextGeneration | null {
    return this.swap.unfinished
  }

  /** An empty data set, to be filled. One that was not adopted is removed first. With a `source`, the next process finds it `unfinished`. */
  nextGeneration(source: readonly string[] | null = null): Promise<NextGeneration> {
    return this.swap.nextGeneration(source)
  }

  /** Puts it in the place of the one in use, as the state at a position of a history; or rejects, and all is as it was. */
  adopt(next: NextGeneration, position: BinlogPosition, replicationId: string, past: readonly PastHistory[]): Promise<void> {
    return this.swap.adopt(next, position, { replicationId, past })
  }

  /** Removes segments that end at or before an offset, as far as recovery and replicas can do without. Returns how many. */
  purgeTo(offset: number): number {
    const { binlog, checkpointer } = this.parts
    return binlog.purge(Math.min(offset, checkpointer.landedOffset), this.pinned(), this.options.clock.wallMs(), 'none')
  }

  /** Writes a last checkpoint unless told not to, notes the clean end, and closes everything. */
  async close(how: 'save' | 'nosave'): Promise<void> {
    const { log } = this.options
    if (this.started === null) return this.swap.close().then(() => this.keyspace.records.close())
    const { parts, binlog, checkpointer } = this
    this.commit()
    this.closing = true
    await this.swap.close()
    await checkpointer.idle()
    checkpointer.dismiss(new Error('the server is shutting down'))
    await stopBackground(parts)
    if (this.stalled !== null) {
      log.error({ error: this.stalled }, 'closing with a group that could not be written; its writes were never acknowledged')
      await binlog.close()
    } else {
      if (how === 'save' && this.standing.distrusted === null) {
        try {
          await checkpointer.runWhole((batch: RecordBatch) => batch.put(CURSORS_KEY, this.scanCursors.encode()))
          this.purge()
        } catch (error) {
          log.error({ error: String(error) }, 'the last checkpoint failed; the next start replays the binlog instead')
        }
      }
      await binlog.close()
      this.standing.noteCleanEnd(binlog.end.offset)
    }
    await this.keyspace.records.close()
  }

  private async readDisk(generation: Generation, replayer: Replayer, progress: (offset: number, end: number) => void) {
    const { keyspace, scanCursors, options, standing } = this
    const { ownFrom, cleanEnd } = standing.identity
    const durable = Math.max(cleanEnd ?? 0, this.witness.offset)
    const makeRoom = (error: unknown) => this.appendFailed(error)
    const read = await readDisk(options, { keyspace, scanCursors, generation, ownFrom, durable, makeRoom }, replayer, progress)
    keyspace.expiry = standing.restingExpiry
    keyspace.setClock(options.clock.wallMs())
    return read
  }

  /** Why memory is not what the binlog says; null where it is. */
  private get unsettled(): string | null {
    if (this.reloading) return 'memory is being read again from disk'
    return this.stalled === null && this.group.isEmpty && !this.keyspace.isUnitOpen ? null : 'the last writes are not in the binlog'
  }

  private mustBeSettled(): void {
    if (this.unsettled !== null) throw new Error(this.unsettled)
  }

  private get swapRefusal(): string | null {
    if (this.closing) return 'the data is being closed'
    return this.role === 'master' ? 'this node is a master' : this.unsettled
  }

  private purge(): void {
    const { binlog, checkpointer } = this
    this.room.purge(binlog, { checkpointed: checkpointer.landedOffset, pinned: this.pinned() }, this.options.clock.wallMs())
  }
}
