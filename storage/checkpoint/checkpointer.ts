/**
 * Decides when to checkpoint, drives one checkpoint at a time through its slices, and reports the
 * result. A failed one is reported, then LevelDB is closed and opened in place (reopening.ts). If
 * the batch turns out to be missing, its records are dirty again, and the next checkpoint follows
 * after a delay.
 */

import { assert, must, rethrowAssertion } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import type { Log } from '../../base/log.ts'
import type { Binlog } from '../binlog/binlog.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { RecordBatch } from '../records/record-store.ts'
import { Checkpoint, type CheckpointLanding } from './checkpoint.ts'

const RECORDS_PER_STEP = 16
/**
 * Encoding gets one more budget for each step of this size by which the binlog has grown since the
 * freeze.
 */
const HASTE_BYTES = 8 * 1024 * 1024
const MIN_RETRY_MS = 500
const MAX_RETRY_MS = 30_000

/** The conditions under which a checkpoint starts, and under which writes wait for it. */
export interface CheckpointSettings {
  /** A checkpoint starts when the binlog has grown by this many bytes since the last one. */
  binlogBytes: number
  /** A checkpoint also starts after this interval, if there is something to write. */
  intervalMs: number
  /**
   * A checkpoint also starts when dirty records take half of this, in bytes of memory. At the full
   * limit, writes wait.
   */
  dirtyLimitBytes: number
}

/** Decides when to checkpoint, and drives one checkpoint at a time. */
export class Checkpointer {
  readonly settings: CheckpointSettings
  landedOffset: number
  /** Wall time in ms of the last landing; before the first one, of the start. For INFO. */
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
  private readonly onMayBegin: () => void
  private current: Checkpoint | null = null
  private phase: 'idle' | 'encoding' | 'writing' | 'recovering' = 'idle'
  private startedMs = 0
  private intervalFromMs = 0
  private retryAtMs = 0
  private retryDelayMs = MIN_RETRY_MS
  /** The error that left the last batch in doubt; no batch may follow it. */
  private batchInDoubt: Error | null = null
  /** True while keys are read so that a checkpoint can begin. */
  private isSettling = false
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
    /** Called when the keys have been read for which a due checkpoint waited. */
    onMayBegin: () => void
  }) {
    this.keyspace = options.keyspace
    this.binlog = options.binlog
    this.clock = options.clock
    this.log = options.log
    this.settings = options.settings
    this.landedOffset = options.landedOffset
    this.onLanded = options.onLanded
    this.onFailed = options.onFailed
    this.onMayBegin = options.onMayBegin
    this.startInterval()
  }

  get isRunning(): boolean {
    return this.phase !== 'idle'
  }

  /** True while LevelDB is closed and opened again: nothing may be read from it. */
  get isReopening(): boolean {
    return !this.keyspace.records.isOpen
  }

  /** True if dirty records exceed the limit, so that writes must wait. */
  get isOverloaded(): boolean {
    return this.keyspace.dirtyBytes + this.keyspace.frozenBytes > this.settings.dirtyLimitBytes
  }

  /** Resolves when a checkpoint that began after this call has landed; rejects if it failed. */
  request(): Promise<void> {
    return new Promise((resolve, reject) => this.nextWaiters.push({ resolve, reject }))
  }

  /**
   * Starts a checkpoint if one is due, and encodes for at most `budgetMs`. `mayFreeze` is false
   * while a group waits to be written. Returns true if there is more to encode; while keys are read
   * first it returns false, and calls `onMayBegin` afterwards. REQUIRES: called between units, with
   * no open group.
   */
  slice(budgetMs: number, mayFreeze: boolean): boolean {
    this.keyspace.unsettled.readSome()
    if (this.phase === 'idle' && mayFreeze && this.isDue() && !this.beginIfSettled()) return false
    if (this.phase !== 'encoding') return false
    const checkpoint = must(this.current)
    // A restart replays the log after the checkpoint, so the more the log grows, the larger the
    // budget.
    const extraBudgets = (this.binlog.end.offset - checkpoint.position.offset) / HASTE_BYTES
    const until = this.clock.monotonicMs() + budgetMs * (1 + extraBudgets)
    do {
      if (checkpoint.encodeSome(RECORDS_PER_STEP)) {
        this.phase = 'writing'
        void this.finish(checkpoint)
        return false
      }
    } while (this.clock.monotonicMs() < until)
    return true
  }

  /** Does one whole checkpoint without slices, for shutdown. `extra` adds records to the batch. */
  async runWhole(extra: (batch: RecordBatch) => void): Promise<void> {
    if (this.batchInDoubt !== null) throw this.batchInDoubt
    assert(this.phase === 'idle', 'one checkpoint is under way at a time')
    const checkpoint = new Checkpoint(this.keyspace, this.binlog.end, extra)
    checkpoint.encodeSome(Number.POSITIVE_INFINITY)
    await this.syncTo(checkpoint)
    const landing = await checkpoint.write()
    this.moveLanded(landing)
  }

  /**
   * Continues with another data set, which LevelDB holds up to an offset. REQUIRES: no checkpoint
   * is under way.
   */
  moveTo(binlog: Binlog, landedOffset: number): void {
    assert(this.phase === 'idle', 'no checkpoint of another data set is under way')
    assert(landedOffset <= binlog.end.offset, 'LevelDB is never ahead of the binlog')
    this.binlog = binlog
    this.landedOffset = landedOffset
    this.startInterval()
    this.lastError = null
  }

  /** Rejects the callers that wait for the next checkpoint, because none will follow. */
  rejectWaiters(reason: Error): void {
    for (const { reject } of this.nextWaiters.splice(0)) reject(reason)
  }

  /**
   * Rejects all waiting callers, those of the checkpoint under way included, because none will land
   * soon.
   */
  rejectAllWaiters(reason: Error): void {
    for (const { reject } of this.waiters.splice(0)) reject(reason)
    this.rejectWaiters(reason)
  }

  /** Encodes the rest of a checkpoint under way. Resolves when none is under way. */
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

  /** Begins a checkpoint, unless keys must be settled first: the freeze would read each of them. */
  private beginIfSettled(): boolean {
    const { unsettled } = this.keyspace
    if (unsettled.count > 0) {
      if (!this.isSettling) void this.settle()
      return false
    }
    this.beginCheckpoint()
    unsettled.resume()
    return true
  }

  /** Has all keys settled. After a failure commands look at LevelDB until a checkpoint begins. */
  private async settle(): Promise<void> {
    const { unsettled } = this.keyspace
    this.isSettling = true
    const isSettled = await unsettled.stopAdding()
    this.isSettling = false
    if (!isSettled) {
      this.log.error({}, 'cannot read keys from LevelDB that were overwritten, retrying before the next checkpoint; no data is lost')
      this.retryAtMs = this.clock.monotonicMs() + this.retryDelayMs
    } else if (this.phase === 'idle' && !this.isDue()) unsettled.resume()
    else this.onMayBegin()
  }

  private beginCheckpoint(): void {
    assert(this.current === null && this.phase === 'idle', 'one checkpoint is under way at a time')
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
      await this.syncTo(checkpoint)
      this.applyLanding(await checkpoint.write())
    } catch (error) {
      rethrowAssertion(error)
      this.phase = 'recovering'
      if (!(await this.handleFailedBatch(checkpoint, error))) failure = error
    }
    this.current = null
    this.phase = 'idle'
    for (const waiter of waiters) failure === undefined ? waiter.resolve() : waiter.reject(failure)
  }

  /** Makes the binlog durable up to the checkpoint: LevelDB is never ahead of it. */
  private async syncTo({ position }: Checkpoint): Promise<void> {
    await this.binlog.syncTo(position.offset)
    assert(this.binlog.synced >= position.offset, 'a checkpoint is written after the binlog up to it is durable')
  }

  private moveLanded({ position }: CheckpointLanding): void {
    assert(position.offset >= this.landedOffset, 'checkpoints land in order')
    assert(position.offset <= this.binlog.synced, 'LevelDB is never ahead of the durable binlog')
    this.landedOffset = position.offset
  }

  private applyLanding(landing: CheckpointLanding): void {
    this.moveLanded(landing)
    this.startInterval()
    this.lastDurationMs = this.clock.monotonicMs() - this.startedMs
    this.lastError = null
    this.retryDelayMs = MIN_RETRY_MS
    this.completed++
    this.bytesWritten += landing.bytes
    this.log.debug(
      { offset: landing.position.offset, records: landing.records, bytes: landing.bytes, ms: Math.round(this.lastDurationMs) },
      'checkpoint landed',
    )
    this.onLanded(landing)
  }

  /** Reopens LevelDB after a failed batch. Returns true if the batch has landed all the same. */
  private async handleFailedBatch(checkpoint: Checkpoint, error: unknown): Promise<boolean> {
    this.failed++
    const text = errorText(error)
    if (this.lastError !== text) this.log.error({ error: text }, 'checkpoint failed, retrying; no data is lost')
    this.lastError = text
    this.retryAtMs = this.clock.monotonicMs() + this.retryDelayMs
    this.retryDelayMs = Math.min(MAX_RETRY_MS, this.retryDelayMs * 2)
    try {
      await this.onFailed(error)
    } catch (reason) {
      rethrowAssertion(reason)
      this.batchInDoubt = reason as Error
      return false // LevelDB stays closed: the next start finds out whether it holds the batch
    }
    const landing = checkpoint.resolveFailedWrite()
    if (landing !== null) this.applyLanding(landing)
    return landing !== null
  }
}
