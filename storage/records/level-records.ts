/**
 * The record store in LevelDB, through classic-level: opening a database that is whole, and closing
 * and opening it again after a failed write.
 */
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { rethrowAssertion } from '../../base/assert.ts'
import { contentOf, realFiles, realPathOf } from '../../base/files.ts'
import { BulkLoad } from './bulk-load.ts'
import { LevelBatch } from './level-batch.ts'
import { checkLevelDirectory, cutManifest, openingBytes, syncLevelDirectory, syncLevelLogs, syncLogNames } from './level-directory.ts'
import { installTables } from './level-install.ts'
import { iterateLevel, iterateLevelKeys, iterateLevelNamed } from './level-iterators.ts'
import type { MergedTable } from './record-merge.ts'
import { type RecordPair, RecordReader } from './record-reader.ts'
import type {
  KeyForm,
  KeyIterator,
  OpenMode,
  RecordBatch,
  RecordIterator,
  RecordLoad,
  RecordRange,
  RecordSnapshot,
  RecordStore,
} from './record-store.ts'
import { DamageError } from './records.ts'

export interface LevelSettings {
  readonly writeBufferBytes: number
  readonly blockCacheBytes: number
  /** The limit of files that LevelDB keeps open: its tables, and ten files more. */
  readonly maxOpenFiles?: number | undefined
}

const RECORD_ENCODING = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

/** Written to see whether the disk takes a file. LevelDB removes such files when it opens. */
const PROBE_FILE = '000000.dbtmp'
const PROBE_BYTES = 4096
/** The directory of a load's temporary files. LevelDB ignores it. */
const LOAD_DIRECTORY = 'load'

/**
 * The directories open in this process. `multithreading` lets a second thread into a database, but
 * also a second opening in this process, which is refused here.
 */
const openPaths = new Set<string>()

/** The record store in LevelDB. */
export class LevelRecords implements RecordStore {
  private readonly path: string
  private readonly settings: LevelSettings
  private readonly reader: RecordReader
  private level: ClassicLevel<Buffer, Buffer>
  private bulkLoad: BulkLoad | null = null
  /** The end of a bulk load that is under way. */
  private installing: Promise<void> = Promise.resolve()
  private isClosed = false
  /** The logs whose names are durable. */
  private namedLogs = ''
  /** True while the store is closed, or being closed and opened again. */
  private isUnavailable = false
  /**
   * The error after which no write is accepted until a reopening. LevelDB itself would write on
   * after a torn record in its log, and would read nothing after that record at the next opening.
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
      else await removeUnfinishedPointer(path)
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

  hasMany(keys: readonly Buffer[]): Promise<boolean[]> {
    return this.level.hasMany(keys as Buffer[])
  }

  batch(): RecordBatch {
    const { level } = this
    const syncNames = () => {
      this.namedLogs = syncLogNames(realFiles, this.path, this.namedLogs)
    }
    return new LevelBatch(level, this.settings.writeBufferBytes, (write) => this.attempt(level, write), syncNames)
  }

  load(): RecordLoad {
    const load = new BulkLoad({
      files: realFiles,
      directory: join(this.path, LOAD_DIRECTORY),
      batch: () => this.batch(),
      adopt: (tables) => {
        this.installing = this.addTables(tables)
        return this.installing
      },
    })
    this.bulkLoad = load
    return load
  }

  private async addTables(tables: readonly MergedTable[]): Promise<void> {
    await this.shut()
    if (this.isClosed) throw notOpen()
    installTables(realFiles, this.path, tables)
    await this.reopen()
  }

  iterate(range: RecordRange): RecordIterator {
    return iterateLevel(this.level, range, {})
  }

  iterateKeys(range: RecordRange, form: KeyForm): KeyIterator {
    return iterateLevelKeys(this.level, range, form)
  }

  snapshot(): RecordSnapshot {
    const { level } = this
    const snapshot = level.snapshot()
    const options = { ...RECORD_ENCODING, snapshot }
    let isClosed = false
    const mustBeOpen = () => {
      if (isClosed) throw new Error('the snapshot has been closed')
    }
    return {
      getSync: (key) => {
        mustBeOpen()
        return level.getSync<Buffer, Buffer>(key, options)
      },
      async getMany(keys) {
        mustBeOpen()
        return level.getMany<Buffer, Buffer>(keys as Buffer[], options)
      },
      iterate: (range) => {
        mustBeOpen()
        return iterateLevel(level, range, { snapshot })
      },
      iterateNamed: (range) => {
        mustBeOpen()
        return iterateLevelNamed(level, range, snapshot)
      },
      close: () => {
        isClosed = true
        return snapshot.close()
      },
    }
  }

  readRangeSync(range: RecordRange, count: number): readonly RecordPair[] {
    if (this.isUnavailable) throw notOpen()
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
    return !this.isUnavailable
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

  /** Runs a write. Rejects also if another has failed meanwhile, which may have torn the log. */
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
    this.isUnavailable = false
  }

  async close(): Promise<void> {
    this.isClosed = true
    await this.bulkLoad?.close()
    await this.installing.catch(rethrowAssertion)
    await this.shut()
    openPaths.delete(this.path)
  }

  /** Closes all handles of LevelDB, which is closed only with the last one. */
  private async shut(): Promise<void> {
    this.isUnavailable = true
    await this.reader.close()
    await this.level.close()
  }

  property(name: string): string {
    return this.level.getProperty(name)
  }
}

/**
 * Throws DamageError for a damaged directory. While another process has the database open, its
 * files change at any time, so damage does not count then. Cuts a torn end of MANIFEST off.
 */
async function mustBeWhole(path: string): Promise<void> {
  try {
    const torn = checkLevelDirectory(realFiles, path)
    if (torn === null) return
    await mustBeUnlocked(path)
    cutManifest(realFiles, torn)
  } catch (error) {
    if (!(error instanceof DamageError) || !realFiles.existsSync(path)) throw error
    await mustBeUnlocked(path)
    throw error
  }
}

/** Rejects if a process has the database open. Takes the lock for a moment and opens nothing. */
async function mustBeUnlocked(path: string): Promise<void> {
  const probe = new ClassicLevel(path, { createIfMissing: false, errorIfExists: true })
  const refusal = await probe.open().then(
    () => null,
    (reason: Error & { cause?: { code?: string } }) => reason,
  )
  if (refusal?.cause?.code === 'LEVEL_LOCKED') throw refusal
}

/**
 * Removes the CURRENT of an interrupted first start, which may name a missing file. Without
 * CURRENT, LevelDB creates a new database.
 */
async function removeUnfinishedPointer(path: string): Promise<void> {
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
