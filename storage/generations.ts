/**
 * The data generation that a full sync fills beside the one in use, and the removal of those that are no longer.
 *
 *   put (not durable) ... -> seal: LevelDB closed and opened again, which makes tables of its logs and syncs them; the meta record last; an
 *   empty segment at the position; history.json; all directories synced -> CURRENT may name it
 *
 * Invariant: a generation that CURRENT has ever named holds all of its data on the medium, and knows whose history it is.
 */
import { join } from 'node:path'
import type { BinlogPosition } from './binlog/group.ts'
import { segmentPath } from './binlog/segments.ts'
import { bufferOf } from './bytes.ts'
import { type Generation, generationNames, generationOf } from './directory.ts'
import { type Files, replaceFileSync } from './files.ts'
import { isPast, isReplicationId, type PastHistory, readJson } from './identity.ts'
import { decodeMeta } from './meta.ts'
import type { RecordStore } from './record-store.ts'
import { DamageError, META_KEY } from './records.ts'
import type { StorageOptions } from './storage-options.ts'

export interface History {
  readonly replicationId: string
  readonly past: readonly PastHistory[]
}

export interface NextGeneration {
  readonly name: string
  /** Records of another node's snapshot. They are not durable yet. Rejects where there is no room; it may then be tried again. */
  put(records: readonly (readonly [key: Buffer, value: Buffer])[]): Promise<void>
  /** Removes it, unless it has been adopted. Never rejects: what cannot be removed now is removed by the next start. */
  abandon(): Promise<void>
}

const HISTORY_FILE = 'history.json'

export class FillingGeneration implements NextGeneration {
  readonly generation: Generation
  readonly records: RecordStore
  isAdopted = false
  private readonly files: Files
  private readonly root: string
  private meta: Buffer | null = null
  /** A write has failed: LevelDB takes none until it is opened again. */
  private isBroken = false
  /** What is under way ends before anything is removed. */
  private work: Promise<void> = Promise.resolve()
  private removing: Promise<void> | null = null

  private constructor(files: Files, root: string, generation: Generation, records: RecordStore) {
    this.files = files
    this.root = root
    this.generation = generation
    this.records = records
  }

  /** An empty one, with a number that no other has. */
  static async create(files: Files, root: string, openRecords: StorageOptions['openRecords']): Promise<FillingGeneration> {
    const highest = generationNames(files, root).at(-1)?.slice(-6) ?? '0'
    const generation = generationOf(root, `generation-${String(Number(highest) + 1).padStart(6, '0')}`)
    try {
      files.makeDirectorySync(generation.db)
      files.makeDirectorySync(generation.binlog)
      return new FillingGeneration(files, root, generation, await openRecords(generation.db, 'create'))
    } catch (error) {
      await removeGeneration(files, root, generation.name)
      throw error
    }
  }

  get name(): string {
    return this.generation.name
  }

  put(records: readonly (readonly [key: Buffer, value: Buffer])[]): Promise<void> {
    return this.do(() => this.putAll(records))
  }

  /** Makes all of it durable, as the state at a position of a history. */
  seal(position: BinlogPosition, history: History): Promise<void> {
    return this.do(() => this.sealAll(position, history))
  }

  /** Throws where it has been given up. */
  mustBeWanted(): void {
    if (this.removing !== null) throw new Error('the full sync was given up')
  }

  async abandon(): Promise<void> {
    if (this.isAdopted) return
    this.removing ??= this.remove().catch(() => {})
    await this.removing
  }

  /** Nothing begins once it is being removed: LevelDB would be opened where it is to go, and hold its lock there for good. */
  private async do(step: () => Promise<void>): Promise<void> {
    this.mustBeWanted()
    const work = step()
    this.work = work.catch(() => {})
    await work
  }

  private async putAll(records: readonly (readonly [key: Buffer, value: Buffer])[]): Promise<void> {
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
