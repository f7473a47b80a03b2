/**
 * A resident root: one key with its value and deadline. An Entry stays the same object from the
 * time its key becomes resident until it is evicted or its tombstone has landed.
 *
 *   value === null   a tombstone: the key is gone, LevelDB may still hold its record
 *   isStored         LevelDB holds a record of this key, or may after the checkpoint in flight
 *   generation       see keyspace.ts
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { RecordSink } from '../records/record-store.ts'
import type { DirtyRecord, Resident } from '../residents/resident.ts'
import type { OwnerKey } from '../tree/owner.ts'
import { entryBytesOf, type Value } from '../values/value.ts'
import type { Database } from './database.ts'
import { EVENT_GENERIC } from './key-events.ts'

/**
 * Bytes of memory that an entry costs beside its key and value, measured. They are the object, its
 * slots in the map and the ring of eviction, and string headers.
 */
export const ENTRY_OVERHEAD_BYTES = 232

/** One resident key with its value and deadline, or its tombstone. */
export class Entry implements Resident, DirtyRecord, OwnerKey {
  // The fields that a lookup needs come first, so that they lie in one cache line.
  readonly key: Bytes
  value: Value | null
  /** The key's deadline in ms since the epoch; 0 means none. */
  expireAtMs = 0
  /**
   * The time of the next deletion, of the key or of the first field of its hash that expires, in ms
   * since the epoch. 0 means none. `Database.dueChanged` keeps it.
   */
  dueAtMs = 0
  generation = 0
  /** The key's last use, or how often it is used (last-use.ts); 0 if unknown. */
  lastUse = 0
  isReferenced = true
  isStored = false
  /**
   * True if the string's bytes have been changed since it was set. Only OBJECT ENCODING uses the
   * flag, which is lost when the key is evicted.
   */
  isModifiedInPlace = false
  /**
   * The value of `dueAtMs` in LevelDB's deadline index, or in the checkpoint in flight; 0 means
   * none.
   */
  storedDueAtMs = 0
  ringIndex = -1
  readonly db: Database

  constructor(db: Database, key: Bytes, value: Value | null) {
    this.db = db
    this.key = key
    this.value = value
  }

  /** Bytes of memory, without a large value's pages. */
  get sizeBytes(): number {
    const { value } = this
    const bytes = typeof value === 'string' ? value.length : value === null ? 0 : entryBytesOf(value)
    return ENTRY_OVERHEAD_BYTES + this.key.length + bytes
  }

  touch(): void {
    this.db.touch(this)
  }

  dueChanged(): void {
    this.db.dueChanged(this)
  }

  removeEmptied(): void {
    const { db, key } = this
    db.remove(this)
    db.keyspace.event(EVENT_GENERIC, 'del', db.index, key)
  }

  encode(batch: RecordSink): void {
    must(this.db.keyspace.frozenEntries, 'an entry is encoded while a checkpoint is under way').encode(this, batch)
  }

  evict(): void {
    this.db.evict(this)
  }

  pack(): boolean {
    return this.db.pack(this)
  }
}
