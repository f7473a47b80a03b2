/**
 * Decides when to checkpoint, drives one at a time through its slices, and says what came of it. A failed one is reported, LevelDB is
 * closed and opened in place (reopening.ts), and where the batch is not there after all, its records are dirty again and the next checkpoint
 * follows after a while.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Binlog } from '../binlog/binlog.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { RecordBatch } from '../records/record-store.ts'
import { Checkpoint, type CheckpointLanding } from './checkpoint.ts'

const RECORDS_PER_STEP = 16
/** A slice takes as long again for each so many bytes of binlog since the freeze. */
const HASTE_BYTES = 8 * 1024 * 1024
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 30_000

export interface CheckpointSettings {
  /** A checkpoint starts when the binlog has grown by so much since the last. */
  binlogBytes: number
  /** ... or when there is something to write and so long has passed. */
  intervalMs: number
  /** ... or when dirty records take up half of this, in bytes of memory. At all of it, writes wait. */
  dirtyLimitBytes: number
}

export class Checkpointer {
  readonly settings: CheckpointSettings
  landedOffset: number
  /** Wall time, for people. */
  lastLandedMs = 0
  lastError: string | null = null
  completed = 0
  failed = 0
  lastDurationMs = 0
  bytesWritten = 0
  private readonly keyspace: Keyspace
  private binlog: Binlog
  private readonly clock: Clock
  private readonly log: Log
  private readonly onLanded: (landing: CheckpointLanding) => void
  private readonly onFailed: (error: unknown) => Promise<void>
  private current: Checkpoint | null = null
  private phase: 'idle' | 'encoding' | 'writing' | 'recovering' = 'idle'
  private startedMs = 0
  private intervalFromMs = 0
  private retryAtMs = 0
  private retryDelayMs = RETRY_MIN_MS
  /** Why it is not known whether the last batch is there; none can follow it. */
  private unsettled: Error | null = null
  private waiters: { resolve: () => void; reject: (error: unknown) => void }[] = []
  private nextWaiters: { resolve: () => void; reject: (error: unknown) => void }[] = []

  constructor(options: {
    keyspace: Keyspace
    binlog: Binlog
    clock: Clock
    log: Log
    settings: CheckpointSettings
    landedOffset: number
    onLanded: (landing: CheckpointLanding) => void
    onFailed: (error: unknown) => Promise<void>
  }) {
    this.keyspace = options.keyspace
    this.binlog = options.binlog
    this.clock = options.clock
    this.log = options.log
    this.settings = options.settings
    this.landedOffset = options.landedOffset
    this.onLanded = options.onLanded
    this.onFailed = options.onFailed
    this.startInterval()
  }

  get isRunning(): boolean {
    return this.phase !== 'idle'
  }

  /** LevelDB is being closed and opened: nothing may be read from it. */
  get isReopening(): boolean {
    return !this.keyspace.records.isOpen
  }

  /** Whether there are so many dirty records that writes must wait. */
  get isOverloaded(): boolean {
    return this.keyspace.dirtyBytes + this.keyspace.frozenBytes > this.settings.dirtyLimitBytes
  }

  /** Resolves when a checkpoint that began after this call has landed; rejects when it failed. */
  request(): Promise<void> {
    return new Promise((resolve, reject) => this.nextWaiters.push({ resolve, reject }))
  }

  /**
   * Between units, with no open group: starts a checkpoint where one is due, and encodes for at most `budgetMs`. `mayFreeze` is false
   * while a group waits to be written. Returns whether there is more to encode.
   */
  slice(budgetMs: number, mayFreeze: boolean): boolean {
    if (this.phase === 'idle' && mayFreeze && this.isDue()) this.begin()
    if (this.phase !== 'encoding') return false
    const checkpoint = this.current as Checkpoint
    // The more the binlog has grown meanwhile, the more haste: what follows the checkpoint is what a start has to replay.
    const behind = (this.binlog.end.offset - checkpoint.position.offset) / HASTE_BYTES
    const until = this.clock.monotonicMs() + budgetMs * (1 + behind)
    do {
      if (checkpoint.encodeSome(RECORDS_PER_STEP)) {
        this.phase = 'writing'
        void this.finish(checkpoint)
        return false
      }
    } while (this.clock.monotonicMs() < until)
    return true
  }

  /** One whole checkpoint without slices, for shutdown. `extra` adds records of its own to the batch. */
  async runWhole(extra: (batch: RecordBatch) => void): Promise<void> {
    if (this.unsettled !== null) throw this.unsettled
    const checkpoint = new Checkpoint(this.keyspace, this.binlog.end, extra)
    checkpoint.encodeSome(Number.POSITIVE_INFINITY)
    await this.binlog.syncTo(checkpoint.position.offset)
    const landing = await checkpoint.write()
    this.landedOffset = landing.position.offset
  }

  /** Goes on with another data set, of which LevelDB has all up to an offset. None may be under way. */
  moveTo(binlog: Binlog, landedOffset: number): void {
    this.binlog = binlog
    this.landedOffset = landedOffset
    this.startInterval()
    this.lastError = null
  }

  /** There will be no more: whoever waits for one is told why. */
  dismiss(reason: Error): void {
    for (const { reject } of this.nextWaiters.splice(0)) reject(reason)
  }

  /** None will land soon: whoever waits, for the one under way as well, is told why. */
  dismissAll(reason: Error): void {
    for (const { reject } of this.waiters.splice(0)) reject(reason)
    this.dismiss(reason)
  }

  /** Resolves when no checkpoint is under way. */
  async idle(): Promise<void> {
    while (this.phase === 'encoding') {
      this.slice(1000, false)
    }
    while (this.phase !== 'idle') await new Promise((resolve) => setImmediate(resolve))
  }

  private isDue(): boolean {
    if (this.clock.monotonicMs() < this.retryAtMs) return false
    if (this.nextWaiters.length > 0) return true
    const { keyspace, settings } = this
    const grown = this.binlog.end.offset - this.landedOffset
    if (grown === 0) return false
    return (
      this.lastError !== null ||
      grown >= settings.binlogBytes ||
      keyspace.dirtyBytes * 2 >= settings.dirtyLimitBytes ||
      this.clock.monotonicMs() - this.intervalFromMs >= settings.intervalMs
    )
  }

  private startInterval(): void {
    this.lastLandedMs = this.clock.wallMs()
    this.intervalFromMs = this.clock.monotonicMs()
  }

  private begin(): void {
    this.waiters = this.nextWaiters
    this.nextWaiters = []
    this.phase = 'encoding'
    this.startedMs = this.clock.monotonicMs()
    this.current = new Checkpoint(this.keyspace, this.binlog.end)
  }

  private async finish(checkpoint: Checkpoint): Promise<void> {
    const { waiters } = this
    let failure: unknown
    try {
      await this.binlog.syncTo(checkpoint.position.offset)
      this.landed(await checkpoint.write())
    } catch (error) {
      this.phase = 'recovering'
      if (!(await this.recover(checkpoint, error))) failure = error
    }
    this.current = null
    this.phase = 'idle'
    for (const waiter of waiters) failure === undefined ? waiter.resolve() : waiter.reject(failure)
  }

  private landed(landing: CheckpointLanding): void {
    this.landedOffset = landing.position.offset
    this.startInterval()
    this.lastDurationMs = this.clock.monotonicMs() - this.startedMs
    this.lastError = null
    this.retryDelayMs = RETRY_MIN_MS
    this.completed++
    this.bytesWritten += landing.bytes
    this.log.debug(
      { offset: landing.position.offset, records: landing.records, bytes: landing.bytes, ms: Math.round(this.lastDurationMs) },
      'checkpoint landed',
    )
    this.onLanded(landing)
  }

  /** Whether the batch has landed for all that. */
  private async recover(checkpoint: Checkpoint, error: unknown): Promise<boolean> {
    this.failed++
    const text = error instanceof Error ? error.message : String(error)
    if (this.lastError !== text) this.log.error({ error: text }, 'checkpoint failed; nothing is lost, it will be tried again')
    this.lastError = text
    this.retryAtMs = this.clock.monotonicMs() + this.retryDelayMs
    this.retryDelayMs = Math.min(RETRY_MAX_MS, this.retryDelayMs * 2)
    try {
      await this.onFailed(error)
    } catch (reason) {
      this.unsettled = reason as Error
      return false // it is being closed, and cannot be opened: what it holds is for the next start to see
    }
    const landing = checkpoint.settle()
    if (landing !== null) this.landed(landing)
    return landing !== null
  }
}
