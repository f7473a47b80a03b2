/**
 * Active expiry: deletes keys and fields of hashes when their time has come, without sampling. The
 * work is done between units, in slices. A million deadlines in one second, even of one hash, are
 * spread over many slices and delay no client.
 *
 * Invariant: for every deadline before `deadlines.horizonMs`, the heap holds a hint of that time or
 * earlier, or one is being loaded into it.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { RecordIterator } from '../records/record-store.ts'
import { deadlineRange, readRecordKey } from '../records/records.ts'
import type { Hash } from '../values/hash.ts'
import type { Database } from './database.ts'
import { type Deadline, minuteAfter } from './deadlines.ts'
import { expire, isExpired } from './due.ts'
import type { Keyspace } from './keyspace.ts'

/** How far ahead of the clock the heap knows LevelDB's deadlines, in ms. */
const LOOK_AHEAD_MS = 60_000
const LOAD_RECORDS = 1000
const EXPIRE_PER_STEP = 100
/** Deletions before a walk over keys, while expiry in the background is off. */
const EXPIRE_PER_WALK = 1000
/** Delay before expiry retries a key that could not be read. */
const UNREADABLE_RETRY_MS = 1000
/** The longest wait of a timer: wall time may jump, and setTimeout past 2^31 ms fires at once. */
const MAX_DELAY_MS = 1000

/** Deletes keys and fields whose deadlines have passed. */
export class Expiry {
  isActive = true
  private isStopped = false
  private readonly keyspace: Keyspace
  private readonly log: Log
  private loading: Promise<void> | null = null
  private iterator: RecordIterator | null = null
  /** The error of the last key that was due and could not be read; empty after a success. */
  private readError = ''

  constructor(keyspace: Keyspace, log: Log) {
    this.keyspace = keyspace
    this.log = log
  }

  /**
   * Deletes keys and fields that are due until none is left or monotonic time reaches `untilMs`.
   * Returns true if more are due.
   */
  expireUntil(untilMs: number, clock: Clock): boolean {
    let more = this.expireSome(EXPIRE_PER_STEP)
    while (more && clock.monotonicMs() < untilMs) more = this.expireSome(EXPIRE_PER_STEP)
    return more
  }

  /**
   * Deletes up to `count` keys and fields that are due at `nowMs`. A hint that is out of date
   * counts as one. Returns true if more may be due. REQUIRES: called between units.
   */
  expireSome(count: number): boolean {
    return this.isActive && this.expireDue(count)
  }

  /**
   * Deletes what is due before a command walks over keys, if expiry in the background is off (DEBUG
   * SET-ACTIVE-EXPIRE 0). In Redis such a command deletes the expired keys that it meets.
   */
  expireBeforeWalk(): void {
    if (!this.isActive) this.expireDue(EXPIRE_PER_WALK)
  }

  private expireDue(limit: number): boolean {
    const { keyspace } = this
    if (keyspace.expiryMode !== 'delete' || keyspace.isUnitSuspended) return false
    const { deadlines, nowMs } = keyspace
    let count = limit
    while (count > 0) {
      const first = deadlines.first
      if (first === undefined || first.dueAtMs > nowMs) return false
      deadlines.pop()
      const before = keyspace.changes
      try {
        count -= this.expireOne(first, count)
        this.readError = ''
      } catch (error) {
        rethrowAssertion(error)
        // The deletion is incomplete, so memory no longer matches the log.
        if (keyspace.changes !== before) throw error
        this.retryLater(first, error)
        return false
      }
    }
    return true
  }

  /**
   * Deletes a key that has expired, or at most `count` expired fields of its hash. Returns the
   * number of deletions, or 1 if the hint was out of date.
   */
  private expireOne(hint: Deadline, count: number): number {
    const { deadlines, nowMs } = this.keyspace
    const db = this.databaseOf(hint.dbId)
    const entry = db?.lookup(hint.key)
    if (db === undefined || entry === undefined || entry.dueAtMs === 0) return 1
    if (entry.dueAtMs > nowMs) {
      deadlines.add(entry) // the deadline was moved to later
      return 1
    }
    if (isExpired(entry)) {
      expire(entry)
      return 1
    }
    const expired = (entry.value as Hash).expireFields(count)
    if (entry.dueAtMs !== 0) deadlines.add(entry) // its hint is used up; the next field's is later
    return expired
  }

  /**
   * Schedules a retry for a key that LevelDB could not read. Until then, a client that asks for the
   * key gets the error.
   */
  private retryLater(hint: Deadline, error: unknown): void {
    this.keyspace.deadlines.push({ ...hint, dueAtMs: this.keyspace.nowMs + UNREADABLE_RETRY_MS })
    const text = String(error)
    if (text !== this.readError) this.log.warn({ error: text }, 'cannot read a key that is due, retrying its deletion every second')
    this.readError = text
  }

  /** Returns the ms until there may be work. */
  delayMs(wallMs: number): number {
    const { deadlines, expiryMode } = this.keyspace
    const { first } = deadlines
    if (first === undefined || !this.isActive || expiryMode !== 'delete') return MAX_DELAY_MS
    return Math.max(0, Math.min(MAX_DELAY_MS, first.dueAtMs - wallMs))
  }

  /**
   * Keeps the heap ahead of the clock. The horizon stays where expiry does not delete: on a replica
   * the hints would never leave the heap.
   */
  lookAhead(wallMs: number): void {
    const { deadlines, expiryMode } = this.keyspace
    const horizon = minuteAfter(wallMs + LOOK_AHEAD_MS)
    if (this.isStopped || this.loading !== null || expiryMode !== 'delete' || deadlines.horizonMs >= horizon) return
    const from = deadlines.horizonMs
    // One synchronous moment: the deadlines in memory are poured in, and the iterator sees every
    // checkpoint that has landed.
    deadlines.advance(horizon)
    this.iterator = this.keyspace.records.iterate(deadlineRange(from, horizon))
    this.loading = this.load(this.iterator, from)
  }

  /** Stops reading from LevelDB. `resume` starts the interrupted load again. */
  async stop(): Promise<void> {
    this.isStopped = true
    await this.iterator?.close()
    await this.loading
  }

  resume(wallMs: number): void {
    this.isStopped = false
    this.lookAhead(wallMs)
  }

  private async load(iterator: RecordIterator, from: number): Promise<void> {
    const { keyspace } = this
    try {
      for (;;) {
        const records = await iterator.next(LOAD_RECORDS)
        if (records.length === 0) break
        for (const [recordKey] of records) {
          const deadline = readRecordKey(recordKey)
          if (deadline.type === 'deadline')
            keyspace.deadlines.push({ dueAtMs: deadline.expireAtMs, dbId: deadline.dbId, key: deadline.key })
        }
      }
    } catch (error) {
      rethrowAssertion(error)
      keyspace.deadlines.horizonMs = from // the next attempt loads all of it again
      this.log.debug({ error: String(error) }, 'cannot load deadlines from LevelDB, retrying')
    } finally {
      await iterator.close().catch(rethrowAssertion)
      this.iterator = null
      this.loading = null
    }
  }

  private databaseOf(id: number): Database | undefined {
    return this.keyspace.databases.find((db) => db.id === id)
  }
}
