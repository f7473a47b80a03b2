/**
 * Clears the records of dropped objects and databases from LevelDB, in the background, one after
 * the other. A garbage record is acted on only when its batch is durable, and is removed last, so
 * an interrupted sweep is repeated.
 *
 * LevelDB frees space only when it compacts, which may be much later. After large sweeps the
 * sweeper therefore requests compactions, range by range. Compactions that a shutdown has
 * interrupted are not requested again: LevelDB compacts these ranges in its own time.
 */
import { assert, rethrowAssertion } from '../../base/assert.ts'
import type { Log } from '../../base/log.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { RecordStore } from '../records/record-store.ts'
import {
  deadlineKey,
  GARBAGE_DATABASE,
  GARBAGE_OBJECT,
  GARBAGE_RANGE,
  garbageKey,
  objectIdOf,
  pageRange,
  readRecordKey,
  readRoot,
  rootDueAtOf,
  rootRange,
} from '../records/records.ts'

const ROOTS_PER_BATCH = 500
/**
 * Objects of at least this size are compacted by themselves, in pieces of `COMPACTED_PAGES`.
 * Smaller ones are compacted together once they add up to it.
 */
const COMPACTED_BYTES = 8 * 1024 * 1024
const COMPACTED_PAGES = 16_384
/**
 * The maximum ratio of a range's bytes to the bytes of the small objects cleared in it. A range
 * with a higher ratio is not compacted for them.
 */
const MAX_SPARSENESS = 4

interface GarbageItem {
  /** GARBAGE_OBJECT or GARBAGE_DATABASE. */
  readonly kind: number
  readonly id: number
}

/** Clears the records of dropped objects and databases in the background. */
export class Sweeper {
  /** The number of objects and databases that were cleared. */
  swept = 0
  private readonly keyspace: Keyspace
  private readonly log: Log
  private readonly queue: GarbageItem[] = []
  private running: Promise<void> | null = null
  private small = { bytes: 0, first: Number.POSITIVE_INFINITY, last: 0 }
  private isStopped = false

  constructor(keyspace: Keyspace, log: Log) {
    this.keyspace = keyspace
    this.log = log
  }

  private get records(): RecordStore {
    return this.keyspace.records
  }

  /** The number of objects and databases that are still to be cleared. */
  get waiting(): number {
    return this.queue.length
  }

  /** Queues the garbage that earlier runs left in the present records. */
  async start(): Promise<void> {
    this.queue.length = 0
    this.isStopped = false
    const iterator = this.records.iterate(GARBAGE_RANGE)
    try {
      for (;;) {
        const records = await iterator.next(1000)
        if (records.length === 0) break
        for (const [key] of records) {
          const garbage = readRecordKey(key)
          if (garbage.type === 'garbage') this.queue.push({ kind: garbage.kind, id: garbage.id })
        }
      }
    } finally {
      await iterator.close()
    }
    this.run()
  }

  /** Queues garbage. REQUIRES: the batch with these garbage records is durable. */
  add(objects: readonly number[], databases: readonly number[]): void {
    assert(
      objects.every((id) => id > 0),
      'only an object with an id leaves garbage',
    )
    assert(
      databases.every((id) => id > 0),
      'only a database with an id leaves garbage',
    )
    for (const id of objects) this.queue.push({ kind: GARBAGE_OBJECT, id })
    for (const id of databases) this.queue.push({ kind: GARBAGE_DATABASE, id })
    this.run()
  }

  /** Stops after the step under way; `resume` continues. */
  async stop(): Promise<void> {
    this.isStopped = true
    await this.running
  }

  resume(): void {
    this.isStopped = false
    this.run()
  }

  /** Resolves when no sweep runs: all garbage is cleared, or a sweep has stopped or failed. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running
  }

  private run(): void {
    if (this.running !== null || this.isStopped || this.queue.length === 0) return
    this.running = this.sweepAll().finally(() => {
      this.running = null
    })
  }

  private async sweepAll(): Promise<void> {
    for (let garbage = this.queue[0]; garbage !== undefined && !this.isStopped; garbage = this.queue[0]) {
      try {
        const done = garbage.kind === GARBAGE_OBJECT ? await this.sweepObject(garbage.id) : await this.sweepDatabase(garbage.id)
        if (!done) return
        const batch = this.records.batch()
        batch.remove(garbageKey(garbage.kind, garbage.id))
        await batch.write()
      } catch (error) {
        rethrowAssertion(error)
        this.log.warn({ error: String(error) }, 'cannot clear dropped data, retrying after the next checkpoint')
        return
      }
      this.queue.shift()
      this.swept++
    }
  }

  private async sweepObject(id: number): Promise<boolean> {
    const range = pageRange(id)
    const bytes = await this.records.approximateSize(range)
    const lastPage = bytes >= COMPACTED_BYTES ? await this.lastPageOf(id) : 0
    await this.records.clear(range)
    for (let page = 0; page < lastPage && !this.isStopped; page += COMPACTED_PAGES) {
      await this.records.compact({ from: pageRange(id, page).from, before: pageRange(id, page + COMPACTED_PAGES).from })
    }
    if (bytes < COMPACTED_BYTES) await this.compactTogether(id, bytes)
    return true
  }

  /**
   * Compacts small objects together. Objects dropped together have often been created together, and
   * lie side by side.
   */
  private async compactTogether(id: number, bytes: number): Promise<void> {
    const { small } = this
    small.bytes += bytes
    small.first = Math.min(small.first, id)
    small.last = Math.max(small.last, id)
    if (small.bytes < COMPACTED_BYTES) return
    this.small = { bytes: 0, first: Number.POSITIVE_INFINITY, last: 0 }
    const range = { from: pageRange(small.first).from, before: pageRange(small.last).before }
    if ((await this.records.approximateSize(range)) <= small.bytes * MAX_SPARSENESS) await this.records.compact(range)
  }

  private async lastPageOf(id: number): Promise<number> {
    const iterator = this.records.iterate({ ...pageRange(id), reverse: true, limit: 1 })
    const [last] = await iterator.next(1).finally(() => iterator.close())
    const key = last === undefined ? undefined : readRecordKey(last[0])
    return key?.type === 'page' ? key.pageNumber + 1 : 0
  }

  private async sweepDatabase(id: number): Promise<boolean> {
    const range = rootRange(id, '')
    const bytes = await this.records.approximateSize(range)
    if (!(await this.sweepRoots(id))) return false
    if (bytes >= COMPACTED_BYTES && !this.isStopped) await this.records.compact(range)
    return true
  }

  private async sweepRoots(id: number): Promise<boolean> {
    for (;;) {
      if (this.isStopped) return false
      const iterator = this.records.iterate({ ...rootRange(id, ''), limit: ROOTS_PER_BATCH })
      const roots = await iterator.next(ROOTS_PER_BATCH).finally(() => iterator.close())
      if (roots.length === 0) return true
      const batch = this.records.batch()
      for (const [recordKey, value] of roots) {
        const { key } = readRecordKey(recordKey) as { key: string }
        const root = readRoot(value)
        const objectId = objectIdOf(root)
        if (objectId !== 0) await this.sweepObject(objectId)
        const dueAtMs = rootDueAtOf(root)
        if (dueAtMs !== 0) batch.remove(deadlineKey(dueAtMs, id, key))
        batch.remove(recordKey)
      }
      await batch.write()
    }
  }
}
