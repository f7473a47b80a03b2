/**
 * Clears what dropped objects and databases left in LevelDB, in the background and one after the other. A garbage record is acted on only
 * when the batch that wrote it is down, and removed last, so an interrupted sweep is done again.
 */
import type { Keyspace } from './keyspace.ts'
import type { Log } from './log.ts'
import type { RecordStore } from './record-store.ts'
import {
  deadlineKey,
  dueAtOf,
  GARBAGE_DATABASE,
  GARBAGE_OBJECT,
  GARBAGE_RANGE,
  garbageKey,
  objectIdOf,
  pageRange,
  readRecordKey,
  readRoot,
  rootRange,
} from './records.ts'

const ROOTS_PER_BATCH = 500

interface Garbage {
  readonly what: number
  readonly id: number
}

export class Sweeper {
  swept = 0
  private readonly keyspace: Keyspace
  private readonly log: Log
  private readonly queue: Garbage[] = []
  private running: Promise<void> | null = null
  private stopped = false

  constructor(keyspace: Keyspace, log: Log) {
    this.keyspace = keyspace
    this.log = log
  }

  private get records(): RecordStore {
    return this.keyspace.records
  }

  get waiting(): number {
    return this.queue.length
  }

  /** Takes up what earlier runs left in the records that there are now. */
  async start(): Promise<void> {
    this.queue.length = 0
    this.stopped = false
    const iterator = this.records.iterate(GARBAGE_RANGE)
    try {
      for (;;) {
        const records = await iterator.next(1000)
        if (records.length === 0) break
        for (const [key] of records) {
          const garbage = readRecordKey(key)
          if (garbage.type === 'garbage') this.queue.push({ what: garbage.what, id: garbage.id })
        }
      }
    } finally {
      await iterator.close()
    }
    this.run()
  }

  /** A batch with these garbage records is down. */
  add(objects: readonly number[], databases: readonly number[]): void {
    for (const id of objects) this.queue.push({ what: GARBAGE_OBJECT, id })
    for (const id of databases) this.queue.push({ what: GARBAGE_DATABASE, id })
    this.run()
  }

  /** Stops after the step under way; `resume` goes on. */
  async stop(): Promise<void> {
    this.stopped = true
    await this.running
  }

  resume(): void {
    this.stopped = false
    this.run()
  }

  /** Resolves when nothing is left to sweep. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running
  }

  private run(): void {
    if (this.running !== null || this.stopped || this.queue.length === 0) return
    this.running = this.sweepAll().finally(() => {
      this.running = null
    })
  }

  private async sweepAll(): Promise<void> {
    for (let garbage = this.queue[0]; garbage !== undefined && !this.stopped; garbage = this.queue[0]) {
      try {
        const done = garbage.what === GARBAGE_OBJECT ? await this.sweepObject(garbage.id) : await this.sweepDatabase(garbage.id)
        if (!done) return
        const batch = this.records.batch()
        batch.remove(garbageKey(garbage.what, garbage.id))
        await batch.write()
      } catch (error) {
        this.log.warn({ error: String(error) }, 'the sweeper stops; it goes on after the next checkpoint')
        return
      }
      this.queue.shift()
      this.swept++
    }
  }

  private async sweepObject(id: number): Promise<boolean> {
    await this.records.clear(pageRange(id))
    return true
  }

  private async sweepDatabase(id: number): Promise<boolean> {
    for (;;) {
      if (this.stopped) return false
      const iterator = this.records.iterate({ ...rootRange(id, ''), limit: ROOTS_PER_BATCH })
      const roots = await iterator.next(ROOTS_PER_BATCH).finally(() => iterator.close())
      if (roots.length === 0) return true
      const batch = this.records.batch()
      for (const [recordKey, value] of roots) {
        const { key } = readRecordKey(recordKey) as { key: string }
        const root = readRoot(value)
        const objectId = objectIdOf(root)
        if (objectId !== 0) await this.records.clear(pageRange(objectId))
        const dueAt = dueAtOf(root)
        if (dueAt !== 0) batch.remove(deadlineKey(dueAt, id, key))
        batch.remove(recordKey)
      }
      await batch.write()
    }
  }
}
