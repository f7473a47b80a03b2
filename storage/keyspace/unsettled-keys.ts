/**
 * Keys that were set without a look at LevelDB, which may hold a predecessor. A command that
 * overwrites a key whatever it was (SET, MSET) needs nothing of it. Only the counts of keys and
 * deadlines do, the deadline index, and the pages of a large value. They are settled later, many
 * keys in one read of their records.
 *
 *   unsettled   the key counts as a new one: the counts are too high by what LevelDB has
 *   settled     the predecessor's count, deadline and pages have been removed
 *
 * Reading a count settles all keys first, and so does a freeze. A command that runs alone waits for
 * `settleLater` before it reads a count, since `settleAll` reads key by key. So a checkpoint never
 * writes an unsettled key, and LevelDB's record stays the predecessor until the key is settled,
 * whatever happens to its entry meanwhile.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import { DamageError, KIND_STRING, type Root, readRoot, rootKey } from '../records/records.ts'
import type { Entry } from './entry.ts'
import { EVENT_NEW } from './key-events.ts'
import type { Keyspace } from './keyspace.ts'

/** Keys are read in the background once there are as many. */
const MIN_READ_KEYS = 512
/** Keys of one read, at most. */
const MAX_READ_KEYS = 2048
/** Reads at a time. */
const MAX_READS = 2
/** With as many unsettled keys, commands look at LevelDB. Replayed ones have no limit. */
const MAX_UNSETTLED_KEYS = 16_384

/** A predecessor without a deadline and without pages. */
const PLAIN_ROOT: Root = { kind: KIND_STRING, expireAtMs: 0, payload: Buffer.alloc(0) }

interface UnsettledKey {
  readonly entry: Entry
  /** When the key was set, in ms since the epoch; 0 if expired keys are not deleted. */
  readonly setAtMs: number
}

/** A read of records under way. Resolves with false if the read failed. */
interface Reading {
  readonly keys: readonly UnsettledKey[]
  readonly done: Promise<boolean>
}

/** Keys that were set without a look at LevelDB. */
export class UnsettledKeys {
  private readonly keyspace: Keyspace
  private pending: UnsettledKey[] = []
  private readonly readings = new Set<Reading>()
  private readingCount = 0
  private isPaused = false
  /** Calls of `settleLater` under way. */
  private laterCount = 0

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
  }

  get count(): number {
    return this.pending.length + this.readingCount
  }

  /** True if a key may be set without a look at LevelDB. */
  get mayAdd(): boolean {
    const { records, events, deadlines, expiryMode } = this.keyspace
    if (this.isPaused || this.laterCount > 0 || !records.isOpen || (this.count >= MAX_UNSETTLED_KEYS && expiryMode !== 'ignore'))
      return false
    // An event tells that a key is new, or that its predecessor has expired.
    return (events.wanted & EVENT_NEW) === 0 && (events.wanted === 0 || !deadlines.mayExist)
  }

  /** Adds a key that was set just now. REQUIRES: `mayAdd`, and only LevelDB knows if it is new. */
  add(entry: Entry): void {
    const { expiryMode, nowMs } = this.keyspace
    this.pending.push({ entry, setAtMs: expiryMode === 'delete' ? nowMs : 0 })
  }

  /** Starts reading if there are enough keys. Called between units. */
  readSome(): void {
    this.read(MIN_READ_KEYS)
  }

  /**
   * Lets no key be added until `resume`, and reads all. Resolves with true when none is unsettled,
   * with false when LevelDB cannot be read.
   */
  async stopAdding(): Promise<boolean> {
    this.isPaused = true
    return this.readAll()
  }

  /**
   * Settles all keys in the background. No key is added meanwhile. Resolves also if LevelDB cannot
   * be read; keys are unsettled then.
   */
  async settleLater(): Promise<void> {
    this.laterCount++
    await this.readAll()
    this.laterCount--
  }

  resume(): void {
    this.isPaused = false
  }

  /** Settles all keys now. Throws LevelDB's error. */
  settleAll(): void {
    if (this.count === 0) return
    const { pending, keyspace } = this
    for (const { keys } of this.readings) for (const key of keys) pending.push(key)
    this.readings.clear()
    this.readingCount = 0
    for (let key = pending.at(-1); key !== undefined; key = pending.at(-1)) {
      const { db, key: name } = key.entry
      settle(key, predecessorOf(keyspace.readRecord(rootKey(db.id, name))))
      pending.pop()
    }
  }

  /** Forgets all keys, as memory is emptied. Keys may be added again. */
  clear(): void {
    this.isPaused = false
    this.pending = []
    this.readings.clear()
    this.readingCount = 0
  }

  /** Reads all keys. Resolves with false when LevelDB cannot be read. */
  private async readAll(): Promise<boolean> {
    while (this.count > 0) {
      this.read(1)
      const done = await Promise.all([...this.readings].map((reading) => reading.done))
      if (done.length === 0 || done.includes(false)) return false
    }
    return true
  }

  private read(minimum: number): void {
    while (this.pending.length >= minimum && this.readings.size < MAX_READS && this.keyspace.records.isOpen) {
      this.startReading(this.pending.splice(-MAX_READ_KEYS))
    }
  }

  private startReading(keys: UnsettledKey[]): void {
    keys.sort(({ entry: a }, { entry: b }) => a.db.id - b.db.id || (a.key < b.key ? -1 : 1))
    const found = this.predecessors(keys)
    const reading: Reading = { keys, done: found.then((roots) => this.settleRead(reading, roots)) }
    this.readings.add(reading)
    this.readingCount += keys.length
  }

  /** Returns what LevelDB has of keys, undefined for a new one; null after a failed read. */
  private async predecessors(keys: readonly UnsettledKey[]): Promise<readonly (Root | undefined)[] | null> {
    const { keyspace } = this
    const { records, deadlines, nextObjectId } = keyspace
    const recordKeys = keys.map(({ entry }) => Buffer.from(rootKey(entry.db.id, entry.key)))
    keyspace.diskReads += keys.length
    try {
      if (deadlines.mayExist || nextObjectId > 1) return (await records.getMany(recordKeys)).map(predecessorOf)
      return (await records.hasMany(recordKeys)).map((exists) => (exists ? PLAIN_ROOT : undefined))
    } catch (error) {
      rethrowAssertion(error)
      return null
    }
  }

  /** Settles keys that have been read. Returns false if the read failed. */
  private settleRead(reading: Reading, roots: readonly (Root | undefined)[] | null): boolean {
    if (!this.readings.delete(reading)) return true // settled or forgotten meanwhile
    const { keys } = reading
    this.readingCount -= keys.length
    if (roots === null) {
      for (const key of keys) this.pending.push(key)
      return false
    }
    for (const [index, key] of keys.entries()) settle(key, roots[index])
    this.readSome()
    return true
  }
}

function settle({ entry, setAtMs }: UnsettledKey, root: Root | undefined): void {
  if (root === undefined) return
  const { db } = entry
  if (root.expireAtMs !== 0 && root.expireAtMs <= setAtMs) db.keyspace.expiredKeys++
  db.settle(entry, root)
}

/**
 * Decodes the record of a predecessor. A damaged one counts as plain: it has been overwritten, and
 * nobody reads it any more.
 */
function predecessorOf(record: Buffer | undefined): Root | undefined {
  if (record === undefined) return undefined
  try {
    return readRoot(record)
  } catch (error) {
    if (error instanceof DamageError) return PLAIN_ROOT
    throw error
  }
}
