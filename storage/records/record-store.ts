/**
 * The ordered store of records below the keyspace. `LevelRecords` is LevelDB through classic-level.
 * `test/support/disks/memory-records.ts` has a store that fails on demand and loses unsynced
 * records.
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
  /** The limit of records; 0 or absent means all. */
  readonly limit?: number
}

export interface RecordBatch {
  /** Copies key and value, so the caller may reuse its buffers. */
  put(key: Buffer, value: Buffer): void
  remove(key: Buffer): void
  /** Bytes of keys and values so far. */
  readonly sizeBytes: number
  readonly count: number
  /** Makes all of it durable, or none. The batch is used up in both cases. */
  write(): Promise<void>
  /**
   * Makes all of it visible, or none. It becomes durable with a `sync`, or when the store is closed
   * and opened again: LevelDB syncs its current log, never one that it has ended.
   */
  writeLazily(): Promise<void>
}

export interface RecordIterator {
  /** Returns the next records, at most `count`; none at the end. */
  next(count: number): Promise<readonly RecordPair[]>
  close(): Promise<void>
}

/** The store as it was at one moment. Void once the store is closed: reading throws or rejects. */
export interface RecordSnapshot {
  iterate(range: RecordRange): RecordIterator
  close(): Promise<void>
}

export interface RecordStore {
  getSync(key: Buffer): Buffer | undefined
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>
  batch(): RecordBatch
  /** Iterates over the store as it is at this call; later writes do not show. */
  iterate(range: RecordRange): RecordIterator
  snapshot(): RecordSnapshot
  /**
   * Returns the first records of a range as it is now: at least `count`, up to the range's limit if
   * they are at hand, fewer only at its end. Blocks the process for 0.1 ms or more. Throws if not
   * open.
   */
  readRangeSync(range: RecordRange, count: number): readonly RecordPair[]
  /** Returns the approximate bytes of a range on disk, compressed, without the latest writes. */
  approximateSize(range: RecordRange): Promise<number>
  /** Removes a range, piece by piece: an interrupted clear leaves a part. */
  clear(range: RecordRange): Promise<void>
  /** Gives the space of records removed from a range back to the file system. */
  compact(range: RecordRange): Promise<void>
  /** Resolves when all lazy writes before this call are durable. */
  sync(): Promise<void>
  /** True if the store can be read: not during a reopening, nor after one has failed. */
  readonly isOpen: boolean
  /** Throws if the disk does not take the files of an opening. The store stays as it is. */
  checkRoom(): void
  /** Closes and opens again, which ends the failure of writes. Closed if it rejects. */
  reopen(): Promise<void>
  close(): Promise<void>
  /** Returns one of LevelDB's text properties, such as `leveldb.stats`; empty if unknown. */
  property(name: string): string
}

/** 'create' if the database may be made. One that has ever been in use must exist as a whole. */
export type OpenMode = 'create' | 'existing'

export interface LevelSettings {
  readonly writeBufferBytes: number
  readonly blockCacheBytes: number
  /** The limit of files that LevelDB keeps open: its tables, and ten files more. */
  readonly maxOpenFiles?: number | undefined
}

/** A key that no record has. */
const NO_RECORD = Buffer.from([0])

const RECORD_ENCODING = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

/** Written to see whether the disk takes a file. LevelDB removes such files when it opens. */
const PROBE_FILE = '000000.dbtmp'
const PROBE_BYTES = 4096

/**
 * The directories open in this process. `multithreading` lets a second thread into a database, but
 * also a second opening in this process, which is refused here.
 */
const openPaths = new Set<string>()

export class LevelRecords implements RecordStore {
  private readonly path: string
  private readonly settings: LevelSettings
  private readonly reader: RecordReader
  private level: ClassicLevel<Buffer, Buffer>
  /** The logs whose names are durable. */
  private namedLogs = ''
  /** True while the store is closed, or being closed and opened again. */
  private isAway = false
  /**
   * The error after which no write is accepted until a reopening. LevelDB itself would write on
   * after a torn record in its log, and would read nothing behind that record at the next opening.
   */
  private failure: Error | null = null

  private constructor(path: string, settings: LevelSettings, mode: OpenMode) {
    this.path = path
    this.settings = settings
    this.reader = new RecordReader(path)
    this.level = this.create(mode)
  }

  /**
   * Opens the database in a directory and makes all of it durable. Rejects with code
   * LEVEL_DATABASE_NOT_OPEN and cause code LEVEL_LOCKED if another process, or this one, has it
   * open. Rejects with DamageError, having changed nothing, if an existing database is incomplete.
   */
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

  /** Makes a write. Rejects, too, if another has failed meanwhile: it may have torn the log. */
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

  /** Closes all handles of LevelDB, which is closed only with the last one. */
  private async shut(): Promise<void> {
    this.isAway = true
    await this.reader.close()
    await this.level.close()
  }

  property(name: string): string {
    return this.level.getProperty(name)
  }
}

/**
 * Throws DamageError for a damaged directory. While another process has the database open, its
 * files change at any time, so damage does not count then.
 */
async function mustBeWhole(path: string): Promise<void> {
  try {
    checkLevelDirectory(realFiles, path)
  } catch (error) {
    if (!realFiles.existsSync(path)) throw error
    // takes the lock and opens nothing
    const probe = new ClassicLevel(path, { createIfMissing: false, errorIfExists: true })
    const refusal = await probe.open().then(
      () => null,
      (reason: Error & { cause?: { code?: string } }) => reason,
    )
    throw refusal?.cause?.code === 'LEVEL_LOCKED' ? refusal : error
  }
}

/**
 * Removes the CURRENT of an interrupted first start, which may name a missing file. Without
 * CURRENT, LevelDB creates a new database.
 */
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

/** True if there is a file that may hold records. */
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

/** Makes a write, or refuses it after a failed one. */
type Attempt = (write: () => Promise<void>) => Promise<void>

class LevelBatch implements RecordBatch {
  sizeBytes = 0
  count = 0
  private readonly batch
  /**
   * Makes the batch's size known to V8: classic-level frees a batch when V8 collects its object,
   * and V8 does not know its size. No code touches these bytes, so they take no memory.
   */
  private weight: ArrayBuffer | null = null
  private readonly level: ClassicLevel<Buffer, Buffer>
  private readonly writeBufferBytes: number
  private readonly attempt: Attempt
  /** Makes the name of the batch's log durable. */
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
    // LevelDB moves a full write buffer to a table only at the next write. Until then a restart has
    // to read it from LevelDB's log (0.7 s for 57 MB), so this write comes now. Its failure does
    // not matter, because the batch is durable.
    await this.attempt(() => this.level.del(NO_RECORD)).catch(() => {})
  }

  writeLazily(): Promise<void> {
    return this.attempt(() => this.batch.write({ sync: false }))
  }
}
