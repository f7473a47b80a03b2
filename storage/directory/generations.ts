/**
 * The data generation that a full sync fills beside the one in use, and the removal of those that are no longer.
 *
 *   put (not durable) ... -> seal: LevelDB closed and opened again, which makes tables of its logs and syncs them; the meta record last; an
 *   empty segment at the position; history.json; all directories synced -> CURRENT may name it
 *
 * Now and then, what has been put is made durable, and how far it goes is recorded (filling-progress.ts): the next process goes on from there.
 * What it is given again is the same record with the same value.
 *
 * Invariant: a generation that CURRENT has ever named holds all of its data on the medium, and knows whose history it is.
 */
import { join } from 'node:path'
import { bufferOf } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { type Files, replaceFileSync } from '../../base/files.ts'
import type { BinlogPosition } from '../binlog/group.ts'
import { segmentPath } from '../binlog/segments.ts'
import { decodeMeta } from '../records/meta.ts'
import type { RecordStore } from '../records/record-store.ts'
import { DamageError, META_KEY } from '../records/records.ts'
import type { StorageOptions } from '../storage-options.ts'
import { type Generation, generationNames, generationOf } from './directory.ts'
import { type FillingProgress, readProgress, removeProgress, saveProgress } from './filling-progress.ts'
import { isPast, isReplicationId, type PastHistory, readJson } from './identity.ts'

export interface History {
  readonly replicationId: string
  readonly past: readonly PastHistory[]
}

export interface NextGeneration {
  readonly name: string
  /** Records of another node's snapshot. They are not durable yet. Rejects where there is no room; it may then be tried again. */
  put(records: readonly Pair[]): Promise<void>
  /** How far it is known to be durable; null before that was first recorded. */
  readonly progress: FillingProgress | null
  /** Removes it, unless it has been adopted. Never rejects: what cannot be removed now is removed by the next start. */
  abandon(): Promise<void>
}

const HISTORY_FILE = 'history.json'

/** What has been put is made durable, and recorded, when it is so much or so long ago. */
const RECORD_BYTES = 32 * 1024 * 1024
const RECORD_MS = 1000

type Pair = readonly [key: Buffer, value: Buffer]

/** What a generation needs of the storage that it belongs to. */
export type FillingOptions = Pick<StorageOptions, 'files' | 'directory' | 'openRecords' | 'clock'>

export class FillingGeneration implements NextGeneration {
  readonly generation: Generation
  readonly records: RecordStore
  isAdopted = false
  progress: FillingProgress | null
  private readonly files: Files
  private readonly root: string
  private readonly clock: Clock
  /** Of the progress that is recorded; null: none is. */
  private source: readonly string[] | null
  private meta: Buffer | null = null
  /** Of the last record that was put, and how much has been. */
  private lastKey: Buffer | null = null
  private recordCount: number
  private bytes: number
  private recordedMs: number
  /** A write has failed: LevelDB takes none until it is opened again. */
  private isBroken = false
  /** What is under way ends before anything is removed. */
  private work: Promise<void> = Promise.resolve()
  private ending: Promise<void> | null = null

  private constructor(
    { files, directory, clock }: FillingOptions,
    generation: Generation,
    records: RecordStore,
    from: { readonly source: readonly string[] | null; readonly progress: FillingProgress | null },
  ) {
    this.files = files
    this.root = directory
    this.clock = clock
    this.generation = generation
    this.records = records
    this.source = from.source
    this.progress = from.progress
    if (typeof from.progress?.meta === 'string') this.meta = Buffer.from(from.progress.meta, 'hex')
    this.recordCount = from.progress?.records ?? 0
    this.bytes = from.progress?.bytes ?? 0
    this.recordedMs = clock.monotonicMs()
  }

  /** An empty one, with a number that no other has. Without a source no process goes on with it but this one. */
  static async create(options: FillingOptions, source: readonly string[] | null): Promise<FillingGeneration> {
    const { files, directory, openRecords } = options
    const highest = generationNames(files, directory).at(-1)?.slice(-6) ?? '0'
    const generation = generationOf(directory, `generation-${String(Number(highest) + 1).padStart(6, '0')}`)
    try {
      files.makeDirectorySync(generation.db)
      files.makeDirectorySync(generation.binlog)
      return new FillingGeneration(options, generation, await openRecords(generation.db, 'create'), { source, progress: null })
    } catch (error) {
      await removeGeneration(files, directory, generation.name)
      throw error
    }
  }

  /** The one that an earlier process was filling; null where there is none that can be gone on with. Rejects where it cannot be opened. */
  static async find(options: FillingOptions, current: string): Promise<FillingGeneration | null> {
    const { files, directory, openRecords } = options
    const name = generationNames(files, directory).findLast((name) => name !== current)
    const progress = name === undefined ? null : readProgress(files, join(directory, name))
    if (name === undefined || progress === null) return null
    const generation = generationOf(directory, name)
    return new FillingGeneration(options, generation, await openRecords(generation.db, 'existing'), { source: progress.source, progress })
  }

  get name(): string {
    return this.generation.name
  }

  put(records: readonly Pair[]): Promise<void> {
    return this.do(async () => {
      await this.putAll(records)
      const isDue = this.bytes - (this.progress?.bytes ?? 0) >= RECORD_BYTES || this.clock.monotonicMs() - this.recordedMs >= RECORD_MS
      if (isDue) await this.record()
    })
  }

  /** Makes all of it durable, as the state at a position of a history. */
  seal(position: BinlogPosition, history: History): Promise<void> {
    return this.do(async () => {
      await this.record()
      await this.sealAll(position, history)
    })
  }

  /** Throws where it has been given up. */
  mustBeWanted(): void {
    if (this.ending !== null) throw new Error('the full sync was given up')
  }

  async abandon(): Promise<void> {
    if (this.isAdopted) return
    this.ending ??= this.remove().catch(() => {})
    await this.ending
  }

  /** Closes it for the next process to go on with, where it can; else removes it. Never rejects. */
  async keep(): Promise<void> {
    if (this.isAdopted) return
    this.ending ??= this.closeRecorded().catch(() => {})
    await this.ending
  }

  /** It has been adopted: nobody goes on with it. */
  forgetProgress(): void {
    removeProgress(this.files, join(this.root, this.name))
  }

  /** Nothing begins once it is being removed or closed: LevelDB would be opened where it is to go, and hold its lock there for good. */
  private async do(step: () => Promise<void>): Promise<void> {
    this.mustBeWanted()
    const work = step()
    this.work = work.catch(() => {})
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
    const last = records.at(-1)
    if (last !== undefined) this.lastKey = Buffer.from(last[0])
  }

  /** Makes all that was put durable and says so on disk. What cannot be recorded is only received again after a restart: it fails nothing. */
  private async record(): Promise<void> {
    const { files, root, name, source, lastKey, meta, recordCount, bytes } = this
    this.recordedMs = this.clock.monotonicMs()
    if (source === null || lastKey === null || this.isBroken) return
    const progress = { source, after: lastKey.toString('hex'), meta: meta?.toString('hex') ?? null, records: recordCount, bytes }
    try {
      await this.records.sync()
      await saveProgress(files, join(root, name), progress)
      if (this.progress === null) for (const path of [join(root, name), root]) files.syncDirectorySync(path)
      this.progress = progress
    } catch {
      this.source = null // a failed sync is not tried again; what was recorded before still holds
    }
  }

  private async sealAll(position: BinlogPosition, history: History): Promise<void> {
    const { files, generation, meta, records } = this
    if (meta === null) throw new Error('the data that was received has no meta record')
    const { binlogOffset, binlogCrc } = decodeMeta(meta)
    if (binlogOffset !== position.offset || binlogCrc !== position.crc) {
      throw new Error(`the data that was received is that of offset ${binlogOffset}, not of ${position.offset}`)
    }
    await records.reopen()
    const batch = records.batch()
    batch.put(META_KEY, meta)
    await batch.write()
    const segment = files.openSync(segmentPath(generation.binlog, position.offset), 'create')
    try {
      segment.datasyncSync()
    } finally {
      segment.closeSync()
    }
    replaceFileSync(files, join(this.root, generation.name, HISTORY_FILE), bufferOf(`${JSON.stringify(history)}\n`))
    for (const path of [generation.binlog, generation.db, this.root]) files.syncDirectorySync(path)
  }

  private async closeRecorded(): Promise<void> {
    await this.work
    await this.record()
    if (this.progress === null) await this.remove()
    else await this.records.close()
  }

  private async remove(): Promise<void> {
    await this.work
    await this.records.close()
    await removeGeneration(this.files, this.root, this.name)
  }
}

/** The history that a generation was filled from; null for one that has begun here. */
export function readHistory(files: Files, root: string, name: string): History | null {
  const path = join(root, name, HISTORY_FILE)
  if (!files.existsSync(path)) return null
  const { replicationId, past } = readJson(files, path) ?? {}
  if (!isReplicationId(replicationId) || !isPast(past)) throw new DamageError(`${path} does not hold a history`)
  return { replicationId, past }
}

/** Removes a generation file by file, with turns for others in between. */
export async function removeGeneration(files: Files, root: string, name: string): Promise<void> {
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
