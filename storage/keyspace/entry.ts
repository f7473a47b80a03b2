/**
 * A resident root: one key with its value and deadline. An Entry stays the same object from the time its key becomes resident until it is
 * evicted or its tombstone has landed.
 *
 *   value === null   a tombstone: the key is gone, LevelDB may still hold its record
 *   stored           LevelDB holds a record of this key, or may after the checkpoint in flight
 *   generation       see keyspace.ts
 */
import type { Bytes } from '../../base/bytes.ts'
import type { FrozenBatch } from '../checkpoint/checkpoint.ts'
import type { Collection } from '../values/collection.ts'
import type { Rope } from '../values/rope.ts'
import { entryBytesOf } from '../values/value.ts'
import type { Database } from './database.ts'

export type Value = Bytes | Rope | Collection

/** What an entry costs beside its key and value: the object, its slots in the map and the clock, string headers. Bytes, measured. */
export const ENTRY_OVERHEAD_BYTES = 232

/** What the clock hand of eviction visits: entries and pages. */
export interface Resident {
  /** The generation in which it was last changed; clean when that has landed. */
  generation: number
  ringIndex: number
  referenced: boolean
  /** Forgets a clean resident. */
  evict(): void
}

/** What a checkpoint writes: entries and pages. */
export interface DirtyRecord {
  generation: number
  encode(batch: FrozenBatch): void
}

export class Entry implements Resident, DirtyRecord {
  // What a lookup needs comes first, so that it lies in one cache line.
  readonly key: Bytes
  value: Value | null
  /** ms since the epoch; 0 means never. */
  expireAt = 0
  /** When something is to be deleted: the key, or the first field of its hash that ends. 0 means never. `Database.dueChanged` keeps it. */
  dueAt = 0
  generation = 0
  /** The keyspace's `seconds` at the last access; 0 where that is not known. */
  accessedAt = 0
  referenced = true
  stored = false
  /** Bytes of the string have been changed since it was set. Only OBJECT ENCODING cares; it is forgotten when the key leaves memory. */
  rewritten = false
  /** What LevelDB's deadline index has of `dueAt`, or is about to have; 0 means nothing. */
  storedDueAt = 0
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

  encode(batch: FrozenBatch): void {
    batch.encodeEntry(this)
  }

  evict(): void {
    this.db.evict(this)
  }
}
