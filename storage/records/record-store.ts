/**
 * The ordered store of records below the keyspace. `LevelRecords` is LevelDB through classic-level;
 * `test/support/disks/memory-records.ts` has one that fails on demand and loses what was not synced.
 */
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { contentOf, realFiles, realPathOf } from '../../base/files.ts'
import { checkLevelDirectory, openingBytes, syncLevelDirectory, syncLevelLogs, syncLogNames } from './level-directory.ts'
import { type RecordPair, RecordReader } from './record-reader.ts'
import { DamageError } from './records.ts'

export interface RecordRange {
  readonly from: Buffer
  readonly before: Buffer
  readonly reverse?: true
  /** At most so many records; 0 or absent means all. */
  readonly limit?: number
}

export interface RecordBatch {
  /** Copies key and value, so the caller may reuse its buffers. */
  put(key: Buffer, value: Buffer): void
  remove(key: Buffer): void
  /** Bytes of keys and values so far. */
  readonly sizeBytes: number
  readonly count: number
  /** All of it becomes durable, or none. The batch is used up either way. */
  write(): Promise<void>
  /** All of it is seen, or none, and is durable only after a `sync`, or when the store has been closed and opened again: LevelDB syncs the log
   *  that it writes to, never one that it has ended. */
  writeLazily(): Promise<void>
}

export interface RecordIterator {
  /** The next records, at most `count`; none at the end. */
  next(count: number): Promise<readonly RecordPair[]>
  close(): Promise<void>
}

/** The store as it was at one moment. Void when the store is closed or reopened: reading throws or rejects then. */
export interface RecordSnapshot {
  iterate(range: RecordRange): RecordIterator
  close(): Promise<void>
}

export interface RecordStore {
  getSync(key: Buffer): Buffer | undefined
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>
  batch(): RecordBatch
  /** Sees the store as it is at this call, whatever is written later. */
  iterate(range: RecordRange): RecordIterator
  snapshot(): RecordSnapshot
  /** The first records of a range as it is now: at least `count`, and up to the range's limit where they come along; fewer only where it has no
   *  more. Everything stands still meanwhile, for a tenth of a millisecond or more. Throws where the store is not open. */
  readRangeSync(range: RecordRange, count: number): readonly RecordPair[]
  /** Bytes that a range takes up, about: as compressed, and without what was written last. */
  approximateSize(range: RecordRange): Promise<number>
  /** Removes a range, piece by piece: an interrupted clear leaves a part. */
  clear(range: RecordRange): Promise<void>
  /** Gives the space of what was removed from a range back to the file system. */
  compact(range: RecordRange): Promise<void>
  /** All that was written lazily before this call is durable when it resolves. */
  sync(): Promise<void>
  /** Whether it can be read: not while it is closed and opened again, nor after that has failed. */
  readonly isOpen: boolean
  /** Throws where the disk does not take what opening writes. The store stays as it is. */
  checkRoom(): void
  /** Closes and opens again. A write that has failed makes all others fail until then. Where it rejects, the store is closed. */
  reopen(): Promise<void>
  close(): Promise<void>
  /** LevelDB's own text properties, such as `leveldb.stats`; empty where unknown. */
  property(name: string): string
}

/** Whether the database may be made: one that has ever been in use must be there as a whole. */
export type OpenMode = 'create' | 'existing'

export interface LevelSettings {
  readonly writeBufferBytes: number
  readonly blockCacheBytes: number
  /** Of LevelDB: tables that it keeps at hand, and ten files more. */
  readonly maxOpenFiles?: number | undefined
}

/** A key that no record has. */
const NO_RECORD = Buffer.from([0])

const RECORD_ENCODING = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

/** Made to see whether the disk takes a file. LevelDB removes files of this kind when it opens a directory. */
const PROBE_FILE = '000000.dbtmp'
const PROBE_BYTES = 4096

/** Directories open in this process. What lets a second thread into a database lets in whoever opens it again as well, so that is refused here. */
const openPaths = new Set<string>()

export class LevelRecords implements RecordStore {
  private readonly path: string
  private readonly settings: LevelSettings
  private readonly reader: RecordReader
  private level: ClassicLevel<Buffer, Buffer>
  /** Whose names are durable. */
  private namedLogs = ''
  /** Closed, or being closed and opened again. */
  private isAway = false
  /** Why there are no more writes until it is opened again. LevelDB itself goes on after a torn record in its log, and reads nothing behind that
   *  record when it is opened. */
  private failure: Error | null = null

  private constructor(path: string, settings: LevelSettings, mode: OpenMode) {
    this.path = path
    this.settings = settings
    this.reader = new RecordReader(path)
    this.level = this.create(mode)
  }

  /** Opens the database in a directory, all of it on the medium. Rejects with code LEVEL_DATABASE_NOT_OPEN and cause code LEVEL_LOCKED when
   *  another process has it, or this one already; with DamageError, and nothing changed, where an existing one is not there as a whole. */
  static async open(directory: string, settings: LevelSettings, mode: OpenMode): Promise<LevelRecords> {
    const path = realPathOf(directory)
    if (openPaths.has(path)) throw notOpen(Object.assign(new Error(`${path} is open in this process`), { code: 'LEVEL_LOCKED' }))
    openPaths.add(path)
    try {
      if (mode === 'existing') await mustBeWhole(path)
      else await forgetUnfinished(path)
      const records = new LevelRecords(path, settings, mode)
      await records.level.open()
      try {
        records.namedLogs = syncLevelDirectory(realFiles, path)
      } catch (error) {
        await records.shut()
        throw error
      }
      return records
    } catch (error) {
      openPaths.delete(path)
      throw error
    }
  }

  private create(mode: OpenMode): ClassicLevel<Buffer, Buffer> {
    return new ClassicLevel<Buffer, Buffer>(this.path, {
      ...RECORD_ENCODING,
      multithreading: true,
      createIfMissing: mode === 'create',
      writeBufferSize: this.settings.writeBufferBytes,
      cacheSize: this.settings.blockCacheBytes,
      maxOpenFiles: this.settings.maxOpenFiles,
    })
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.level.getSync(key)
  }

  getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.level.getMany(keys as Buffer[])
  }

  batch(): RecordBatch {
    const { level } = this
    const syncNames = () => {
      this.namedLogs = syncLogNames(realFiles, this.path, this.namedLogs)
    }
    return new LevelBatch(level, this.settings.writeBufferBytes, (write) => this.attempt(level, write), syncNames)
  }

  iterate(range: RecordRange): RecordIterator {
    return iterateLevel(this.level, range, {})
  }

  snapshot(): RecordSnapshot {
    const { level } = this
    const snapshot = level.snapshot()
    let isClosed = false
    return {
      iterate: (range) => {
        if (isClosed) throw new Error('the snapshot has been closed')
        return iterateLevel(level, range, { snapshot })
      },
      close: () => {
        isClosed = true
        return snapshot.close()
      },
    }
  }

  readRangeSync(range: RecordRange, count: number): readonly RecordPair[] {
    if (this.isAway) throw notOpen()
    return this.reader.read(range, count)
  }

  approximateSize(range: RecordRange): Promise<number> {
    return this.level.approximateSize(range.from, range.before)
  }

  clear(range: RecordRange): Promise<void> {
    const { level } = this
    return this.attempt(level, () => level.clear({ gte: range.from, lt: range.before }))
  }

  compact(range: RecordRange): Promise<void> {
    return this.level.compactRange(range.from, range.before)
  }

  async sync(): Promise<void> {
    this.namedLogs = await syncLevelLogs(realFiles, this.path, this.namedLogs)
  }

  get isOpen(): boolean {
    return !this.isAway
  }

  checkRoom(): void {
    const neededBytes = openingBytes(realFiles, this.path)
    const probe = join(this.path, PROBE_FILE)
    const file = realFiles.openSync(probe, 'create')
    try {
      file.writeSync([Buffer.alloc(PROBE_BYTES)], 0)
      file.datasyncSync()
    } finally {
      file.closeSync()
      realFiles.removeSync(probe)
    }
    if (realFiles.freeBytesSync(this.path) >= neededBytes) return
    throw Object.assign(new Error(`ENOSPC: no space left on device: opening LevelDB needs ${neededBytes} bytes`), { code: 'ENOSPC' })
  }

  /** Rejects, too, where another write has failed meanwhile: the log may be torn before this one. */
  private async attempt(level: ClassicLevel<Buffer, Buffer>, write: () => Promise<void>): Promise<void> {
    if (this.failure !== null) throw this.failure
    try {
      await write()
    } catch (error) {
      if (level === this.level) this.failure ??= error as Error
      throw error
    }
    if (this.failure !== null) throw this.failure
  }

  async reopen(): Promise<void> {
    await this.shut()
    checkLevelDirectory(realFiles, this.path)
    this.level = this.create('existing')
    await this.level.open()
    this.namedLogs = syncLevelDirectory(realFiles, this.path)
    this.failure = null
    this.isAway = false
  }

  async close(): Promise<void> {
    await this.shut()
    openPaths.delete(this.path)
  }

  /** LevelDB is closed when nobody has a handle of it any more. */
  private async shut(): Promise<void> {
    this.isAway = true
    await this.reader.close()
    await this.level.close()
  }

  property(name: string): string {
    return this.level.getProperty(name)
  }
}

/** A process that has the database open changes its files at any time, so a damage counts only where nobody has. */
async function mustBeWhole(path: string): Promise<void> {
  try {
    checkLevelDirectory(realFiles, path)
  } catch (error) {
    if (!realFiles.existsSync(path)) throw error
    const probe = new ClassicLevel(path, { createIfMissing: false, errorIfExists: true }) // takes the lock and opens nothing
    const refusal = await probe.open().then(
      () => null,
      (reason: Error & { cause?: { code?: string } }) => reason,
    )
    throw refusal?.cause?.code === 'LEVEL_LOCKED' ? refusal : error
  }
}

/** A first start that lost its power may have left CURRENT and not what it names. LevelDB begins anew where there is no CURRENT. */
async function forgetUnfinished(path: string): Promise<void> {
  const pointer = join(path, 'CURRENT')
  if (!realFiles.existsSync(pointer) || holdsRecords(path)) return
  try {
    await mustBeWhole(path)
  } catch (error) {
    if (!(error instanceof DamageError)) throw error
    realFiles.removeSync(pointer)
  }
}

/** Whether there is a file in which records can be. */
function holdsRecords(path: string): boolean {
  const sizeOf = (name: string) => contentOf(realFiles, join(path, name)).length
  return realFiles.listSync(path).some((name) => /\.(ldb|sst)$/.test(name) || (/^\d+\.log$/.test(name) && sizeOf(name) > 0))
}

function notOpen(cause?: Error): Error {
  return Object.assign(new Error('Database is not open', { cause }), { code: 'LEVEL_DATABASE_NOT_OPEN' })
}

type LevelSnapshot = ReturnType<ClassicLevel<Buffer, Buffer>['snapshot']>

function iterateLevel(level: ClassicLevel<Buffer, Buffer>, range: RecordRange, from: { snapshot?: LevelSnapshot }): RecordIterator {
  const iterator = level.iterator({
    ...from,
    gte: range.from,
    lt: range.before,
    reverse: range.reverse === true,
    limit: range.limit === undefined || range.limit === 0 ? -1 : range.limit,
    highWaterMarkBytes: 64 * 1024,
  })
  return {
    next: (count) => iterator.nextv(count),
    close: () => iterator.close(),
  }
}

/** Makes a write, or refuses it after one that has failed. */
type Attempt = (write: () => Promise<void>) => Promise<void>

class LevelBatch implements RecordBatch {
  sizeBytes = 0
  count = 0
  private readonly batch
  /** classic-level frees a batch when V8 collects the object that stands for it, and V8 does not know how much it is: this tells it. Nothing
   *  touches these bytes, so they take no memory. */
  private weight: ArrayBuffer | null = null
  private readonly level: ClassicLevel<Buffer, Buffer>
  private readonly writeBufferBytes: number
  private readonly attempt: Attempt
  /** Makes the name of the log that the batch is in durable. */
  private readonly syncNames: () => void

  constructor(level: ClassicLevel<Buffer, Buffer>, writeBufferBytes: number, attempt: Attempt, syncNames: () => void) {
    this.level = level
    this.writeBufferBytes = writeBufferBytes
    this.attempt = attempt
    this.syncNames = syncNames
    this.batch = level.batch()
  }

  put(key: Buffer, value: Buffer): void {
    this.batch.put(key, value)
    this.sizeBytes += key.length + value.length
    this.count++
  }

  remove(key: Buffer): void {
    this.batch.del(key)
    this.sizeBytes += key.length
    this.count++
  }

  async write(): Promise<void> {
    this.weight ??= new ArrayBuffer(this.sizeBytes)
    await this.attempt(async () => {
      await this.batch.write({ sync: true })
      this.syncNames()
    })
    if (this.sizeBytes < this.writeBufferBytes) return
    // LevelDB moves a full write buffer to a table only when the next write comes. Until then a start has to read it from LevelDB's log
    // (0.7 s for 57 MB), so that write comes now. What comes of it is of no consequence: the batch is down.
    await this.attempt(() => this.level.del(NO_RECORD)).catch(() => {})
  }

  writeLazily(): Promise<void> {
    return this.attempt(() => this.batch.write({ sync: false }))
  }
}
