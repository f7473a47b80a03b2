/**
 * A record store in memory that loses, at a simulated crash, what LevelDB may lose, and fails as
 * LevelDB does.
 *
 * The content is a sorted array that is replaced, never changed, so an iterator's snapshot is a
 * reference. Changes go through one ordered log, as in LevelDB. A power loss keeps the durable
 * changes and a prefix of the others, each whole.
 *
 * - A batch is visible and durable when its write resolves.
 * - The pieces of `clear` are visible at once and durable with the next batch.
 * - A lazy write is durable only after a reopen. A power loss may take it and keep later changes,
 *   because LevelDB syncs only the log it currently writes to.
 *
 * A crash leaves this store unchanged and returns another one.
 */
import { type Bytes, bufferOf, bytesOf } from '../../../base/bytes.ts'
import type { Random } from '../../../base/clock.ts'
import type {
  RecordBatch,
  RecordIterator,
  RecordLoad,
  RecordRange,
  RecordSnapshot,
  RecordStore,
} from '../../../storage/records/record-store.ts'
import { type Changes, get, keysOf, merge, namedOf, type Rows, select } from '../harness/memory-rows.ts'
import { MemoryLoad } from './memory-load.ts'

/** A visible change. */
interface Step {
  readonly changes: Changes
  /** Durable; durable with the next synced write; or durable only after a reopen. */
  state: 'synced' | 'unsynced' | 'lazy'
}

export interface WriteFault {
  readonly error?: Error
  /** The number of writes that succeed first. */
  readonly after?: number
  /** The number of attempts to reopen that find no space. */
  readonly noRoom?: number
  /** The number of reopens that fail before one succeeds, as while the disk is full. */
  readonly failedReopens?: number
  /** The failed batch is present after the reopen, as LevelDB's log may contain it. */
  readonly landsAtReopen?: boolean
}

/** A write that is held until `releaseWrites`. */
interface HeldWrite {
  decide(): void
  answer(): void
}

export interface MemoryRecordsOptions {
  /** Lets iterators return fewer records than asked for, as LevelDB's do. */
  readonly random?: Random
}

const CLEAR_PIECE_RECORDS = 16

/** A record store in memory that can crash and fail like LevelDB. */
export class MemoryRecords implements RecordStore {
  /** Called before and after a write is decided; a good moment to crash. */
  onWrite: (() => void) | undefined
  private readonly random: Random | undefined
  private rows: Rows
  /** The rows that survive any power loss; `steps` has the changes since. */
  private durable: Rows
  private steps: Step[] = []
  /** A reopen invalidates iterators and snapshots. */
  private openings = 0
  private readonly inFlight: Changes[] = []
  private held: HeldWrite[] | undefined
  private fault: (WriteFault & { after: number; failedReopens: number; noRoom: number }) | undefined
  private backgroundError: Error | undefined
  private landing: Changes | undefined
  private idle: (() => void)[] = []
  private opened = true

  constructor(options: MemoryRecordsOptions = {}, rows: Rows = []) {
    this.random = options.random
    this.rows = rows
    this.durable = rows
  }

  /** An empty store with the same behaviour. */
  createEmpty(): MemoryRecords {
    return new MemoryRecords(this.random === undefined ? {} : { random: this.random })
  }

  /** A store as it may be found after a power loss now. */
  crash(random: Random): MemoryRecords {
    return this.survivor(this.durable, [...this.steps, ...this.undecided()], random)
  }

  /** The store that the next process finds after this one is killed now. */
  crashProcess(random: Random): MemoryRecords {
    return this.survivor(this.rows, this.undecided(), random)
  }

  /** Makes a write fail, and every later one until a reopen: LevelDB's background error. */
  failWrites(fault: WriteFault = {}): void {
    this.fault = { ...fault, after: fault.after ?? 0, failedReopens: fault.failedReopens ?? 0, noRoom: fault.noRoom ?? 0 }
  }

  /** Cancels the failure of writes that have not failed yet. */
  mend(): void {
    this.fault = undefined
  }

  /** Keeps batch writes pending until `releaseWrites`. */
  holdWrites(): void {
    this.held ??= []
  }

  /**
   * Completes the pending writes in the order of their calls; later ones complete by themselves
   * again.
   */
  releaseWrites(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const { decide, answer } of held) {
      decide()
      answer()
    }
  }

  /** Applies the pending writes without resolving them; `releaseWrites` does. */
  landHeldWrites(): void {
    for (const { decide } of this.held ?? []) decide()
  }

  get heldWrites(): number {
    return this.held?.length ?? 0
  }

  get count(): number {
    return this.rows.length
  }

  getSync(key: Buffer): Buffer | undefined {
    this.mustBeOpen()
    return get(this.rows, key)
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    this.mustBeOpen()
    const found = keys.map((key) => get(this.rows, key))
    await nextTurn()
    return found
  }

  batch(): RecordBatch {
    this.mustBeOpen()
    return new MemoryBatch((changes, state) => this.write(changes, state))
  }

  load(): RecordLoad {
    return new MemoryLoad(this.batch())
  }

  snapshot(): RecordSnapshot {
    this.mustBeOpen()
    const { rows, openings } = this
    let isClosed = false
    const valid = (): Rows => {
      if (isClosed || openings !== this.openings) throw levelError('LEVEL_SNAPSHOT_NOT_OPEN', 'Snapshot is not open')
      return rows
    }
    return {
      getSync: (key) => get(valid(), key),
      getMany: async (keys) => {
        const found = keys.map((key) => get(valid(), key))
        await nextTurn()
        return found
      },
      iterate: (range) => this.iterateRows(valid(), range),
      iterateNamed: (range) => namedOf(this.iterateRows(valid(), range)),
      close: async () => {
        isClosed = true
      },
    }
  }

  async approximateSize(range: RecordRange): Promise<number> {
    this.mustBeOpen()
    return select(this.rows, range).reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  }

  iterate(range: RecordRange): RecordIterator {
    return this.iterateRows(this.rows, range)
  }

  hasMany: RecordStore['hasMany'] = async (keys) => (await this.getMany(keys)).map((value) => value !== undefined)
  iterateKeys: RecordStore['iterateKeys'] = (range, form) => keysOf(this.iterate(range), form)
  private iterateRows(rows: Rows, range: RecordRange): RecordIterator {
    this.mustBeOpen()
    const found = select(rows, range)
    const { openings } = this
    let position = 0
    let isClosed = false
    return {
      next: async (count) => {
        if (isClosed || !this.opened || openings !== this.openings) throw levelError('LEVEL_ITERATOR_NOT_OPEN', 'Iterator is not open')
        const size = this.random === undefined ? count : 1 + Math.floor(this.random() * count)
        const part = found.slice(position, position + size)
        position += part.length
        await nextTurn()
        return part.map(([key, value]) => [bufferOf(key), Buffer.from(value)] as const)
      },
      close: async () => {
        isClosed = true
      },
    }
  }

  readRangeSync(range: RecordRange, count: number): readonly (readonly [key: Buffer, value: Buffer])[] {
    this.mustBeOpen()
    const found = select(this.rows, range)
    const size = this.random === undefined ? found.length : count + Math.floor(this.random() * (found.length - count + 1))
    return found.slice(0, Math.max(count, size)).map(([key, value]) => [bufferOf(key), Buffer.from(value)] as const)
  }

  async compact(_range: RecordRange): Promise<void> {}

  async clear(range: RecordRange): Promise<void> {
    this.mustBeOpen()
    const keys = select(this.rows, { from: range.from, before: range.before }).map(([key]) => key)
    for (let start = 0; start < keys.length; start += CLEAR_PIECE_RECORDS) {
      await nextTurn()
      if (!this.opened) throw levelError('LEVEL_DATABASE_NOT_OPEN', 'Database is not open')
      if (this.backgroundError !== undefined) throw this.backgroundError
      const piece: Changes = new Map(keys.slice(start, start + CLEAR_PIECE_RECORDS).map((key) => [key, null]))
      this.apply(piece, 'unsynced')
    }
  }

  get isOpen(): boolean {
    return this.opened
  }

  checkRoom(): void {
    this.mustBeOpen()
    if (this.fault !== undefined && this.backgroundError !== undefined && this.fault.noRoom-- > 0) throw new Error('no room')
  }

  async reopen(): Promise<void> {
    await this.close()
    if (this.fault !== undefined && this.backgroundError !== undefined && this.fault.failedReopens-- > 0) {
      throw levelError('LEVEL_DATABASE_NOT_OPEN', 'Database failed to open', this.backgroundError)
    }
    if (this.backgroundError !== undefined) this.fault = undefined
    this.backgroundError = undefined
    if (this.landing !== undefined) this.rows = merge(this.rows, this.landing)
    this.landing = undefined
    this.durable = this.rows
    this.steps = []
    this.openings++
    this.opened = true
  }

  async sync(): Promise<void> {
    this.mustBeOpen()
    const [rows, synced] = [this.rows, this.steps.length]
    await nextTurn()
    this.durable = rows
    this.steps = this.steps.slice(synced)
  }

  /** Waits for the writes in flight. */
  async close(): Promise<void> {
    this.opened = false
    await nextTurn()
    if (this.inFlight.length > 0) await new Promise<void>((resolve) => this.idle.push(resolve))
  }

  property(_name: string): string {
    return ''
  }

  private write(changes: Changes, state: 'synced' | 'lazy'): Promise<void> {
    return new Promise((resolve, reject) => {
      this.mustBeOpen()
      this.inFlight.push(changes)
      this.onWrite?.()
      let isDecided = false
      let error: Error | undefined
      const decide = () => {
        if (isDecided) return
        isDecided = true
        error = this.takeFault(changes)
        this.inFlight.splice(this.inFlight.indexOf(changes), 1)
        if (error === undefined) this.apply(changes, state)
        this.onWrite?.()
      }
      const answer = () => {
        if (this.inFlight.length === 0) for (const wake of this.idle.splice(0)) wake()
        if (error === undefined) resolve()
        else reject(error)
      }
      if (this.held !== undefined) this.held.push({ decide, answer })
      else {
        setImmediate(() => {
          decide()
          answer()
        })
      }
    })
  }

  /** A synced write also makes earlier unsynced changes durable. */
  private apply(changes: Changes, state: Step['state']): void {
    this.rows = merge(this.rows, changes)
    this.steps.push({ changes, state })
    if (state !== 'synced') return
    for (const step of this.steps) if (step.state === 'unsynced') step.state = 'synced'
    if (this.steps.some((step) => step.state === 'lazy')) return
    this.durable = this.rows
    this.steps = []
  }

  private takeFault(changes: Changes): Error | undefined {
    if (this.backgroundError !== undefined || this.fault === undefined) return this.backgroundError
    if (this.fault.after-- > 0) return undefined
    this.backgroundError = this.fault.error ?? levelError('LEVEL_IO_ERROR', 'IO error: 000005.log: No space left on device')
    if (this.fault.landsAtReopen === true) this.landing = changes
    return this.backgroundError
  }

  /** Batches that may or may not be in LevelDB's log, in its order. */
  private undecided(): readonly Step[] {
    const open = this.backgroundError === undefined ? this.inFlight : this.landing === undefined ? [] : [this.landing]
    return open.map((changes) => ({ changes, state: 'unsynced' }))
  }

  /** A store with the synced changes and a random prefix of the others. */
  private survivor(rows: Rows, steps: readonly Step[], random: Random): MemoryRecords {
    const loose = steps.filter(({ state }) => state !== 'synced')
    const kept = new Set(loose.slice(0, Math.floor(random() * (loose.length + 1))))
    const survivors = steps.filter((step) => step.state === 'synced' || kept.has(step))
    const left = survivors.reduce((before, { changes }) => merge(before, changes), rows)
    return new MemoryRecords(this.random === undefined ? {} : { random: this.random }, left)
  }

  private mustBeOpen(): void {
    if (!this.opened) throw levelError('LEVEL_DATABASE_NOT_OPEN', 'Database is not open')
  }
}

class MemoryBatch implements RecordBatch {
  sizeBytes = 0
  count = 0
  private readonly changes = new Map<Bytes, Buffer | null>()
  private readonly submit: (changes: Changes, state: 'synced' | 'lazy') => Promise<void>
  private isUsed = false

  constructor(submit: (changes: Changes, state: 'synced' | 'lazy') => Promise<void>) {
    this.submit = submit
  }

  put(key: Buffer, value: Buffer): void {
    this.add(key, Buffer.from(value), value.length)
  }

  remove(key: Buffer): void {
    this.add(key, null, 0)
  }

  async write(): Promise<void> {
    this.mustBeUnused()
    this.isUsed = true
    await this.submit(this.changes, 'synced')
  }

  async writeLazily(): Promise<void> {
    this.mustBeUnused()
    this.isUsed = true
    await this.submit(this.changes, 'lazy')
  }

  private add(key: Buffer, value: Buffer | null, valueBytes: number): void {
    this.mustBeUnused()
    this.changes.set(bytesOf(key), value)
    this.sizeBytes += key.length + valueBytes
    this.count++
  }

  private mustBeUnused(): void {
    if (this.isUsed) throw levelError('LEVEL_BATCH_NOT_OPEN', 'Batch is not open')
  }
}

function levelError(code: string, message: string, cause?: Error): Error {
  return Object.assign(new Error(message, { cause }), { code })
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
