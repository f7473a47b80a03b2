/**
 * Active expiry: keys and fields of hashes go when their time has come, not when a sample happens upon them. Between turns, in slices; the
 * rest of a crowd waits for the next slice, so that a million deadlines in one second delay nobody, be they of one hash.
 *
 * Invariant: for every deadline before `deadlines.horizon` there is a hint of that time or an earlier one in the heap, or being loaded into it.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { RecordIterator } from '../records/record-store.ts'
import { deadlineRange, readRecordKey } from '../records/records.ts'
import type { Hash } from '../values/hash.ts'
import type { Database } from './database.ts'
import { type Deadline, minuteAfter } from './deadlines.ts'
import type { Keyspace } from './keyspace.ts'

/** How far ahead the heap knows LevelDB's deadlines, ms. */
const LOOK_AHEAD_MS = 60_000
const LOAD_RECORDS = 1000
const EXPIRE_PER_STEP = 100
/** A key that could not be read is tried again after this. */
const UNREADABLE_RETRY_MS = 1000
/** No timer waits longer than this: wall time may jump, and setTimeout past 2^31 ms fires at once. */
const MAX_DELAY_MS = 1000

export class Expiry {
  active = true
  private stopped = false
  private readonly keyspace: Keyspace
  private readonly log: Log
  private loading: Promise<void> | null = null
  private iterator: RecordIterator | null = null
  /** Why the last key that was due could not be read; empty where it could. */
  private readError = ''

  constructor(keyspace: Keyspace, log: Log) {
    this.keyspace = keyspace
    this.log = log
  }

  /** Deletes what is due until there are no more or the monotonic time is up; whether more are due. */
  expireUntil(untilMs: number, clock: Clock): boolean {
    let more = this.expireSome(EXPIRE_PER_STEP)
    while (more && clock.monotonicMs() < untilMs) more = this.expireSome(EXPIRE_PER_STEP)
    return more
  }

  /** Deletes up to `count` keys and fields that are due by the turn's clock; whether more are. To be called between units. */
  expireSome(count: number): boolean {
    const { keyspace } = this
    if (!this.active || keyspace.expiry !== 'delete' || keyspace.isUnitOpen) return false
    const { deadlines, now } = keyspace
    while (count > 0) {
      const first = deadlines.first
      if (first === undefined || first.at > now) return false
      deadlines.pop()
      const before = keyspace.changes
      try {
        count -= this.expireOne(first, count)
        this.readError = ''
      } catch (error) {
        if (keyspace.changes !== before) throw error // memory is not what the log will say
        this.putOff(first, error)
        return false
      }
    }
    return true
  }

  /** Deletes what is due of one key, at most `count` fields of a hash. Returns how many deletions that counts for. */
  private expireOne(hint: Deadline, count: number): number {
    const { deadlines, now } = this.keyspace
    const db = this.databaseOf(hint.dbId)
    const entry = db?.lookup(hint.key)
    if (db === undefined || entry === undefined || entry.dueAt === 0) return 1
    if (entry.dueAt > now) {
      deadlines.add(entry) // it was put off since
      return 1
    }
    if (db.isOver(entry)) {
      db.expire(entry)
      return 1
    }
    const expired = (entry.value as Hash).expireFields(count)
    if (entry.dueAt !== 0) deadlines.add(entry) // its hint is spent, and the next field's deadline is later
    return expired
  }

  /** LevelDB could not read the key. A client that asks for it is told so; here it is tried again later. */
  private putOff(hint: Deadline, error: unknown): void {
    this.keyspace.deadlines.push({ ...hint, at: this.keyspace.now + UNREADABLE_RETRY_MS })
    const text = String(error)
    if (text !== this.readError)
      this.log.warn({ error: text }, 'a key that is due cannot be read: its deletion is tried again every second')
    this.readError = text
  }

  /** ms from now to when there may be something to do. */
  delayMs(wallMs: number): number {
    const { deadlines, expiry } = this.keyspace
    const { first } = deadlines
    if (first === undefined || !this.active || expiry !== 'delete') return MAX_DELAY_MS
    return Math.max(0, Math.min(MAX_DELAY_MS, first.at - wallMs))
  }

  /** Keeps the heap ahead of the clock. Where nothing may be deleted the horizon stays: on a replica nobody would take hints out again. */
  lookAhead(wallMs: number): void {
    const { deadlines, expiry } = this.keyspace
    const horizon = minuteAfter(wallMs + LOOK_AHEAD_MS)
    if (this.stopped || this.loading !== null || expiry !== 'delete' || deadlines.horizon >= horizon) return
    const from = deadlines.horizon
    // In one synchronous moment: what is in memory is poured in, and the iterator sees all that has landed.
    deadlines.advance(horizon)
    this.iterator = this.keyspace.records.iterate(deadlineRange(from, horizon))
    this.loading = this.load(this.iterator, from)
  }

  /** Stops reading from LevelDB. What has not been loaded is loaded again after `resume`. */
  async stop(): Promise<void> {
    this.stopped = true
    await this.iterator?.close()
    await this.loading
  }

  resume(wallMs: number): void {
    this.stopped = false
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
          if (deadline.type === 'deadline') keyspace.deadlines.push({ at: deadline.expireAt, dbId: deadline.dbId, key: deadline.key })
        }
      }
    } catch (error) {
      keyspace.deadlines.horizon = from // all of it again
      this.log.debug({ error: String(error) }, 'deadlines not loaded; will be tried again')
    } finally {
      await iterator.close().catch(() => {})
      this.iterator = null
      this.loading = null
    }
  }

  private databaseOf(id: number): Database | undefined {
    return this.keyspace.databases.find((db) => db.id === id)
  }
}
