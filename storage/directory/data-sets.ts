/**
 * The data set that a full sync or an import fills beside the one in use, and the removal of old
 * data sets.
 *
 *   put (not durable) ... -> seal: LevelDB is closed and opened again, which makes tables of its
 *     logs and syncs them; the meta record last; an empty segment at the position; history.json;
 *     all directories synced -> CURRENT may name it
 *
 * At intervals, the records put so far are made durable, and the progress is recorded
 * (filling-progress.ts). The next process continues from there. A record that it receives again has
 * the same value.
 *
 * Invariant: a data set that CURRENT has ever named holds all of its data durably, and knows its
 * history.
 */
import { join } from 'node:path'
import { assert, rethrowAssertion } from '../../base/assert.ts'
import { bufferOf } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { type Files, replaceFileSync } from '../../base/files.ts'
import type { BinlogPosition } from '../binlog/group.ts'
import { segmentPath } from '../binlog/segments.ts'
import { decodeMeta } from '../records/meta.ts'
import type { RecordStore } from '../records/record-store.ts'
import { DamageError, META_KEY } from '../records/records.ts'
import type { StorageOptions } from '../storage-options.ts'
import { type DataSet, dataSetNames, dataSetOf } from './directory.ts'
import { type FillingProgress, readProgress, removeProgress, saveProgress } from './filling-progress.ts'
import { arePastHistories, isReplicationId, type PastHistory, readJson } from './identity.ts'

/** The history that the data of a data set belongs to. */
export interface DataSetHistory {
  readonly replicationId: string
  readonly past: readonly PastHistory[]
}

/** A data set that is being filled beside the one in use. */
export interface IncomingDataSet {
  readonly name: string
  /**
   * The records of the data set, which an import fills directly. It, too, adds the meta record by
   * `put`.
   */
  readonly records: RecordStore
  /**
   * Adds records of another node's snapshot, which are not durable yet. Rejects if there is no
   * room; the caller may then retry.
   */
  put(records: readonly Pair[]): Promise<void>
  /** The progress known to be durable; null before it was first recorded. */
  readonly progress: FillingProgress | null
  /**
   * Removes the data set, unless it has been installed. Never rejects: the next start removes the
   * files that cannot be removed now.
   */
  abandon(): Promise<void>
}

const HISTORY_FILE = 'history.json'

/** The progress is recorded once this many bytes were put, or once this time has passed. */
const PROGRESS_BYTES = 32 * 1024 * 1024
const PROGRESS_MS = 1000

type Pair = readonly [key: Buffer, value: Buffer]

/** The options of the storage that a data set needs. */
export type FillingOptions = Pick<StorageOptions, 'files' | 'directory' | 'openRecords' | 'clock'>

/** The data set that a full sync fills. */
export class FillingDataSet implements IncomingDataSet {
  readonly dataSet: DataSet
  readonly records: RecordStore
  isInstalled = false
  progress: FillingProgress | null
  private readonly files: Files
  private readonly root: string
  private readonly clock: Clock
  /** The source in the recorded progress; null if no progress is recorded. */
  private source: readonly string[] | null
  private meta: Buffer | null = null
  /** The key of the last record that was put. */
  private lastKey: Buffer | null = null
  private recordCount: number
  private bytes: number
  /** Monotonic time of the last attempt to record the progress. */
  private recordedMs: number
  /** True after a failed write: LevelDB takes no more until it is opened again. */
  private isBroken = false
  /** The work under way, which ends before anything is removed. */
  private work: Promise<void> = Promise.resolve()
  private ending: Promise<void> | null = null

  private constructor(
    { files, directory, clock }: FillingOptions,
    dataSet: DataSet,
    records: RecordStore,
    from: { readonly source: readonly string[] | null; readonly progress: FillingProgress | null },
  ) {
    this.files = files
    this.root = directory
    this.clock = clock
    this.dataSet = dataSet
    this.records = records
    this.source = from.source
    this.progress = from.progress
    if (typeof from.progress?.meta === 'string') this.meta = Buffer.from(from.progress.meta, 'hex')
    this.recordCount = from.progress?.records ?? 0
    this.bytes = from.progress?.bytes ?? 0
    this.recordedMs = clock.monotonicMs()
  }

  /**
   * Creates an empty data set with a new number. Without a source, only this process can continue
   * it.
   */
  static async create(options: FillingOptions, source: readonly string[] | null): Promise<FillingDataSet> {
    const { files, directory, openRecords } = options
    const highest = dataSetNames(files, directory).at(-1)?.slice(-6) ?? '0'
    const dataSet = dataSetOf(directory, `generation-${String(Number(highest) + 1).padStart(6, '0')}`)
    try {
      files.makeDirectorySync(dataSet.db)
      files.makeDirectorySync(dataSet.binlog)
      return new FillingDataSet(options, dataSet, await openRecords(dataSet.db, 'create'), { source, progress: null })
    } catch (error) {
      await removeDataSet(files, directory, dataSet.name)
      throw error
    }
  }

  /**
   * Returns the data set that an earlier process was filling, or null if none can be continued.
   * Rejects if it cannot be opened.
   */
  static async find(options: FillingOptions, current: string): Promise<FillingDataSet | null> {
    const { files, directory, openRecords } = options
    const name = dataSetNames(files, directory).findLast((name) => name !== current)
    const progress = name === undefined ? null : readProgress(files, join(directory, name))
    if (name === undefined || progress === null) return null
    const dataSet = dataSetOf(directory, name)
    return new FillingDataSet(options, dataSet, await openRecords(dataSet.db, 'existing'), { source: progress.source, progress })
  }

  get name(): string {
    return this.dataSet.name
  }

  put(records: readonly Pair[]): Promise<void> {
    return this.runStep(async () => {
      await this.putAll(records)
      const isDue = this.bytes - (this.progress?.bytes ?? 0) >= PROGRESS_BYTES || this.clock.monotonicMs() - this.recordedMs >= PROGRESS_MS
      if (isDue) await this.recordProgress()
    })
  }

  /** Makes the whole data set durable, as the state at a position of a history. */
  seal(position: BinlogPosition, history: DataSetHistory): Promise<void> {
    return this.runStep(async () => {
      await this.recordProgress()
      await this.sealAll(position, history)
    })
  }

  /** Throws if the data set is being removed or closed. */
  throwIfEnding(): void {
    if (this.ending !== null) throw new Error('the full sync was abandoned')
  }

  async abandon(): Promise<void> {
    if (this.isInstalled) return
    this.ending ??= this.remove().catch(rethrowAssertion)
    await this.ending
  }

  /**
   * Closes the data set for the next process if its progress is recorded, else removes it. Never
   * rejects.
   */
  async keep(): Promise<void> {
    if (this.isInstalled) return
    this.ending ??= this.closeRecorded().catch(rethrowAssertion)
    await this.ending
  }

  /** Removes the recorded progress of an installed data set, which no process continues. */
  discardProgress(): void {
    removeProgress(this.files, join(this.root, this.name))
  }

  /**
   * Runs a step, unless the data set is being removed or closed. A later step would open LevelDB
   * again in a directory that is about to be removed, and would keep its lock.
   */
  private async runStep(step: () => Promise<void>): Promise<void> {
    this.throwIfEnding()
    const work = step()
    this.work = work.catch(rethrowAssertion)
    await work
  }

  private async putAll(records: readonly Pair[]): Promise<void> {
    if (this.isBroken) await this.records.reopen()
    this.isBroken = false
    const batch = this.records.batch()
    for (const [key, value] of records) {
      if (key.equals(META_KEY)) this.meta = Buffer.from(value)
      else batch.put(key, value)
    }
    try {
      await batch.writeLazily()
    } catch (error) {
      this.isBroken = true
      throw error
    }
    for (const [key, value] of records) this.bytes += key.length + value.length
    this.recordCount += records.length
    assert(this.bytes >= (this.progress?.bytes ?? 0), 'the number of bytes put only grows')
    const last = records.at(-1)
    if (last !== undefined) this.lastKey = Buffer.from(last[0])
  }

  /**
   * Makes all records put so far durable and stores the progress. Never rejects: after a failure,
   * the process that continues the full sync only receives more records again.
   */
  private async recordProgress(): Promise<void> {
    const { files, root, name, source, lastKey, meta, recordCount, bytes } = this
    this.recordedMs = this.clock.monotonicMs()
    if (source === null || lastKey === null || this.isBroken) return
    const progress = { source, after: lastKey.toString('hex'), meta: meta?.toString('hex') ?? null, records: recordCount, bytes }
    try {
      await this.records.sync()
      await saveProgress(files, join(root, name), progress)
      if (this.progress === null) for (const path of [join(root, name), root]) files.syncDirectorySync(path)
      this.progress = progress
    } catch (error) {
      rethrowAssertion(error)
      this.source = null // a failed fsync is not retried; the progress recorded before still holds
    }
  }

  private async sealAll(position: BinlogPosition, history: DataSetHistory): Promise<void> {
    const { files, dataSet, meta, records } = this
    if (meta === null) throw new Error('the received data has no meta record')
    const { binlogOffset, binlogCrc } = decodeMeta(meta)
    if (binlogOffset !== position.offset || binlogCrc !== position.crc) {
      throw new Error(`the received data is that of offset ${binlogOffset}, not of ${position.offset}`)
    }
    assert(!this.isInstalled, 'a data set is sealed before it is installed')
    await records.reopen()
    const batch = records.batch()
    batch.put(META_KEY, meta)
    await batch.write()
    const segment = files.openSync(segmentPath(dataSet.binlog, position.offset), 'create')
    try {
      segment.datasyncSync()
    } finally {
      segment.closeSync()
    }
    replaceFileSync(files, join(this.root, dataSet.name, HISTORY_FILE), bufferOf(`${JSON.stringify(history)}\n`))
    for (const path of [dataSet.binlog, dataSet.db, this.root]) files.syncDirectorySync(path)
  }

  private async closeRecorded(): Promise<void> {
    await this.work
    await this.recordProgress()
    if (this.progress === null) await this.remove()
    else await this.records.close()
  }

  private async remove(): Promise<void> {
    await this.work
    await this.records.close()
    await removeDataSet(this.files, this.root, this.name)
  }
}

/**
 * Returns the history that a data set was filled from, or null for a data set that began on this
 * node.
 */
export function readHistory(files: Files, root: string, name: string): DataSetHistory | null {
  const path = join(root, name, HISTORY_FILE)
  if (!files.existsSync(path)) return null
  const { replicationId, past } = readJson(files, path) ?? {}
  if (!isReplicationId(replicationId) || !arePastHistories(past)) throw new DamageError(`${path} does not hold a history`)
  return { replicationId, past }
}

/** Removes a data set file by file, with a turn for other work after each. */
export async function removeDataSet(files: Files, root: string, name: string): Promise<void> {
  for (const part of ['db', 'binlog']) {
    const path = join(root, name, part)
    if (!files.existsSync(path)) continue
    for (const entry of files.listSync(path)) {
      files.removeTreeSync(join(path, entry))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  files.removeTreeSync(join(root, name))
}
