/**
 * The storage engine put together: one open data directory. The server drives it turn by turn:
 *
 *   beginTurn(wall clock) -> units change `keyspace` and fill `group` -> commit() -> background()
 *
 * After `commit` has answered 'written' the replies of the turn may go out (with appendfsync always, once `binlog.synced` has passed the
 * turn's end). After 'stalled' they are withheld: the group stays in hand and is tried again by `retry`.
 */
import { Binlog, type BinlogSettings } from './binlog/binlog.ts'
import { OpenGroup } from './binlog/open-group.ts'
import { Checkpointer, type CheckpointSettings } from './checkpointer.ts'
import type { Clock, Random } from './clock.ts'
import { type Generation, openGeneration, removeOtherGenerations } from './directory.ts'
import { Expiry } from './expiry.ts'
import type { Files } from './files.ts'
import { type Identity, loadIdentity, newIdentity, saveIdentity, startedIdentity } from './identity.ts'
import { Keyspace } from './keyspace.ts'
import type { Log } from './log.ts'
import { decodeMeta } from './meta.ts'
import type { RecordBatch, RecordStore } from './record-store.ts'
import { CURSORS_KEY, META_KEY } from './records.ts'
import { type RecoveredLog, type Replayer, replayLog } from './recovery.ts'
import { Reserve } from './reserve.ts'
import { ScanCursors } from './scan-cursors.ts'
import { Sweeper } from './sweeper.ts'

const SLICE_MS = 1
const EXPIRE_PER_STEP = 100
const EVICT_STEPS = 256
const REOPEN_RETRY_MS = 1000

export interface StorageSettings {
  readonly binlog: BinlogSettings
  readonly checkpoint: CheckpointSettings
  cacheBytes: number
  readonly databases: number
  readonly reserveBytes: number
}

export interface StorageOptions {
  readonly directory: string
  readonly files: Files
  readonly openRecords: (path: string) => Promise<RecordStore>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: StorageSettings
  /** The process must end: what is on disk is what counts. */
  readonly fatal: (error: unknown) => void
}

export interface Recovery extends RecoveredLog {
  readonly checkpointOffset: number
  readonly milliseconds: number
}

export class Storage {
  readonly keyspace: Keyspace
  readonly group = new OpenGroup()
  readonly scanCursors: ScanCursors
  readonly settings: StorageSettings
  identity: Identity
  recovery: Recovery | null = null
  /** Called when LevelDB cannot be read for a while (`checkpointer.isReopening`). */
  availabilityChanged: () => void = () => {}
  /** Why the group in hand could not be written; null when there is none waiting. */
  stalled: string | null = null
  /** Why writes are refused for want of room though the last group was written. */
  diskLow = false
  /** Told how long each slice of active expiry took that deleted something. */
  onExpired: (milliseconds: number) => void = () => {}
  private readonly options: StorageOptions
  private readonly generation: Generation
  private readonly records: RecordStore
  private readonly reserve: Reserve
  private started: { binlog: Binlog; checkpointer: Checkpointer; expiry: Expiry; sweeper: Sweeper } | null = null
  private stalledClockMs = 0
  /** What is in memory is not yet what is on disk: no checkpoint may be made of it. */
  private reloading = false
  private closing = false

  private constructor(options: StorageOptions, generation: Generation, records: RecordStore, identity: Identity) {
    this.options = options
    this.settings = options.settings
    this.generation = generation
    this.records = records
    this.identity = identity
    this.scanCursors = new ScanCursors(options.random)
    this.reserve = new Reserve(options.files, options.directory, options.settings.reserveBytes)
    this.keyspace = new Keyspace(records, options.settings.databases, this.group)
    this.keyspace.setClock(options.clock.wallMs())
  }

  /** Opens the directory and its LevelDB, which locks it. Recovery is `recover`. */
  static async open(options: StorageOptions): Promise<Storage> {
    const generation = openGeneration(options.files, options.directory)
    const records = await options.openRecords(generation.db)
    try {
      removeOtherGenerations(options.files, options.directory, generation)
      const identity = loadIdentity(options.files, options.directory) ?? newIdentity(options.random)
      return new Storage(options, generation, records, identity)
    } catch (error) {
      await records.close()
      throw error
    }
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

  private get parts() {
    if (this.started === null) throw new Error('storage has not been recovered yet')
    return this.started
  }

  /** Brings memory to the end of the binlog and starts the background work. */
  async recover(replayer: Replayer, progress: (offset: number, end: number) => void = () => {}): Promise<Recovery> {
    const { files, clock, log, random, directory, settings, fatal } = this.options
    const startedMs = clock.monotonicMs()
    const { from, recovered } = await this.readDisk(replayer, progress)
    this.identity = startedIdentity(this.identity, recovered.end.offset, random)
    saveIdentity(files, directory, this.identity)
    const sweeper = new Sweeper(this.records, log)
    const expiry = new Expiry(this.keyspace, log)
    const binlog = new Binlog({
      files,
      directory: this.generation.binlog,
      settings: settings.binlog,
      segments: recovered.segments,
      position: recovered.end,
      synced: from.offset,
      replicationId: this.identity.replicationId,
      log,
      fatal,
    })
    const checkpointer = new Checkpointer({
      keyspace: this.keyspace,
      binlog,
      clock,
      log,
      settings: settings.checkpoint,
      landedOffset: from.offset,
      onLanded: ({ garbageObjects, garbageDatabases }) => {
        sweeper.resume()
        sweeper.add(garbageObjects, garbageDatabases)
        this.purge()
      },
      onFailed: () => {
        this.availabilityChanged()
        return this.reopenRecords()
      },
    })
    this.started = { binlog, checkpointer, expiry, sweeper }
    await sweeper.start()
    expiry.lookAhead(clock.wallMs())
    this.reserve.take()
    this.recovery = { ...recovered, checkpointOffset: from.offset, milliseconds: clock.monotonicMs() - startedMs }
    return this.recovery
  }

  /** Forgets everything in memory and recovers from disk, as a restart would. Nothing may run meanwhile. */
  async reload(replayer: Replayer): Promise<void> {
    const { binlog, checkpointer, expiry, sweeper } = this.parts
    if (this.stalled !== null) throw new Error('the last group is not in the binlog: it would be missing from memory')
    this.reloading = true
    await checkpointer.idle() // first: a checkpoint that ends wakes the others
    await expiry.stop()
    await sweeper.stop()
    await binlog.syncTo(binlog.end.offset)
    this.keyspace.reset()
    try {
      await this.readDisk(replayer, () => {})
    } catch (error) {
      this.options.fatal(error) // memory is a part of what it should be: nothing may be made of it, a checkpoint least of all
      throw error
    }
    this.reloading = false
    expiry.lookAhead(this.options.clock.wallMs())
    sweeper.resume()
  }

  /** The clock that all units of the turn share. */
  beginTurn(): void {
    this.keyspace.setClock(this.options.clock.wallMs())
  }

  /** Ends the turn's group and appends it. */
  commit(): 'written' | 'stalled' {
    if (this.stalled !== null) return 'stalled'
    if (this.group.isEmpty || this.started === null) return 'written'
    try {
      this.binlog.append(this.group, this.keyspace.now)
    } catch (error) {
      if (!isDiskFull(error) || !this.giveReserveBack() || !this.appendAgain(this.keyspace.now)) {
        this.stall(error)
        return 'stalled'
      }
    }
    this.group.reset()
    return 'written'
  }

  /** Tries the group in hand again. Returns whether it is written now. */
  retry(): boolean {
    if (this.stalled === null) return true
    if (!this.appendAgain(this.stalledClockMs)) return false
    this.group.reset()
    this.stalled = null
    this.keyspace.expiry = 'delete'
    this.options.log.info({ offset: this.binlog.end.offset }, 'binlog written again; writes go on')
    return true
  }

  /** Makes room and takes the reserve back when the disk was full. To be called now and then. */
  recoverRoom(): void {
    if (this.stalled !== null || this.started === null || (!this.diskLow && this.reserve.isHeld)) return
    if (this.diskLow) this.purge()
    if (this.reserve.take() && this.diskLow) {
      this.diskLow = false
      this.options.log.info({}, 'there is room on the disk again; writes go on')
    }
  }

  /** At most about a millisecond of background work, between units and with no open group. Returns whether there is more. */
  background(): boolean {
    if (this.started === null || this.reloading) return false
    const { clock } = this.options
    const { checkpointer } = this
    const more = checkpointer.slice(SLICE_MS, this.stalled === null && this.group.isEmpty)
    this.evict(clock.monotonicMs() + SLICE_MS)
    return more
  }

  /** Deletes keys that are due, in a group of the present turn. Returns whether more are due. */
  expireDue(): boolean {
    if (this.stalled !== null || this.started === null || this.checkpointer.isReopening) return false
    const { clock } = this.options
    const { expiredKeys } = this.keyspace
    const startedMs = clock.monotonicMs()
    let more = this.expiry.expireSome(EXPIRE_PER_STEP)
    while (more && clock.monotonicMs() < startedMs + SLICE_MS) more = this.expiry.expireSome(EXPIRE_PER_STEP)
    if (this.keyspace.expiredKeys !== expiredKeys) this.onExpired(clock.monotonicMs() - startedMs)
    return more
  }

  /** Whether a client whose next command is a write must wait. */
  get isOverloaded(): boolean {
    return this.started?.checkpointer.isOverloaded === true
  }

  /** Writes a last checkpoint unless told not to, notes the clean end, and closes everything. */
  async close(how: 'save' | 'nosave'): Promise<void> {
    const { files, directory, log } = this.options
    if (this.started === null) {
      await this.records.close()
      return
    }
    const { binlog, checkpointer, expiry, sweeper } = this.started
    this.commit()
    this.closing = true
    await checkpointer.idle() // first: a checkpoint that ends wakes the others
    await expiry.stop()
    await sweeper.stop()
    if (this.stalled !== null) {
      log.error({ error: this.stalled }, 'closing with a group that could not be written; its writes were never acknowledged')
      await binlog.close()
    } else {
      if (how === 'save') {
        try {
          await checkpointer.runWhole((batch: RecordBatch) => batch.put(CURSORS_KEY, this.scanCursors.encode()))
          this.purge()
        } catch (error) {
          log.error({ error: String(error) }, 'the last checkpoint failed; the next start replays the binlog instead')
        }
      }
      await binlog.close()
      this.identity = { ...this.identity, cleanEnd: binlog.end.offset }
      saveIdentity(files, directory, this.identity)
    }
    await this.records.close()
  }

  /** From an empty keyspace to the end of the binlog: what LevelDB holds, then the groups after it. */
  private async readDisk(replayer: Replayer, progress: (offset: number, end: number) => void) {
    const { files, clock, log } = this.options
    const from = this.loadMeta()
    this.keyspace.expiry = 'ignore'
    const recovered = await replayLog(files, this.generation.binlog, from, replayer, log, clock, progress)
    this.keyspace.expiry = 'delete'
    this.keyspace.setClock(clock.wallMs())
    return { from, recovered }
  }

  private loadMeta() {
    const record = this.records.getSync(META_KEY)
    const cursors = this.records.getSync(CURSORS_KEY)
    if (cursors !== undefined) this.scanCursors.decode(cursors)
    if (record === undefined) return { offset: 0, crc: 0 }
    const meta = decodeMeta(record)
    this.keyspace.restore(meta)
    return { offset: meta.binlogOffset, crc: meta.binlogCrc }
  }

  private appendAgain(clockMs: number): boolean {
    try {
      this.binlog.append(this.group, clockMs)
      return true
    } catch {
      return false
    }
  }

  private stall(error: unknown): void {
    this.stalled = error instanceof Error ? error.message : String(error)
    this.stalledClockMs = this.keyspace.now
    this.keyspace.expiry = 'hide'
    this.options.log.error({ error: this.stalled }, 'binlog cannot be written: replies of this turn wait, writes are refused until it can')
  }

  private giveReserveBack(): boolean {
    if (!this.reserve.release()) return false
    this.diskLow = true
    this.options.log.error({}, 'disk full: the reserve is given back, writes are refused until there is room')
    this.checkpointer.request().catch(() => {})
    return true
  }

  private purge(): void {
    const { binlog, checkpointer } = this
    const room = this.diskLow ? 'none' : 'by settings'
    try {
      binlog.purge(checkpointer.landedOffset, Number.POSITIVE_INFINITY, this.options.clock.wallMs(), room)
    } catch (error) {
      this.options.log.warn({ error: String(error) }, 'binlog segments could not be removed')
    }
  }

  private async reopenRecords(): Promise<void> {
    await this.expiry.stop()
    await this.sweeper.stop()
    let reason = ''
    for (;;) {
      try {
        await this.records.reopen()
        break
      } catch (error) {
        if (this.closing) throw error
        const { message, cause } = error as Error
        const text = cause instanceof Error ? cause.message : message
        if (text !== reason) this.options.log.error({ error: text }, 'LevelDB cannot be opened again; trying on')
        reason = text
        await new Promise((resolve) => setTimeout(resolve, REOPEN_RETRY_MS))
      }
    }
    this.expiry.lookAhead(this.options.clock.wallMs())
    this.sweeper.resume()
  }

  private evict(untilMs: number): void {
    const { keyspace, settings, options } = this
    let excess = keyspace.residentBytes - settings.cacheBytes
    if (excess <= 0) return
    for (let visits = keyspace.databases.length * 2; visits > 0 && excess > 0; visits--) {
      const db = keyspace.databases.reduce((a, b) => (b.residents.bytes > a.residents.bytes ? b : a))
      const freed = db.residents.sweep(EVICT_STEPS, keyspace.landedGeneration, excess)
      excess -= freed
      if (options.clock.monotonicMs() >= untilMs) return
    }
  }
}

/** Whether a file system's error says that room is what is missing. */
function isDiskFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
}
