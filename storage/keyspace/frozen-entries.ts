/**
 * The entries of one checkpoint. Their root records and deadlines are encoded into its batch. Once
 * the batch is written, tombstones are removed; if it was not, the deadlines are restored.
 */
import { assert } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { DatabaseMeta } from '../records/meta.ts'
import type { RecordSink } from '../records/record-store.ts'
import { deadlineKey, GARBAGE_OBJECT, garbageKey, rootKey, ropeRoot, stringRoot } from '../records/records.ts'
import type { DirtyRecord } from '../residents/resident.ts'
import { collectionRoot } from '../values/collection.ts'
import { Rope } from '../values/rope.ts'
import { hasStoredPages, objectIdOfValue, type Value } from '../values/value.ts'
import type { Entry } from './entry.ts'
import type { Keyspace } from './keyspace.ts'

const EMPTY_VALUE = Buffer.alloc(0)

/** The state that a freeze hands to the checkpoint, as of the freeze. */
export interface Frozen {
  readonly generation: number
  readonly dirty: DirtyRecord[]
  readonly entries: FrozenEntries
  readonly garbageObjects: number[]
  readonly garbageDatabases: number[]
  readonly databases: readonly DatabaseMeta[]
  readonly nextObjectId: number
  readonly nextDbId: number
  readonly libraries: readonly Bytes[]
}

/** The entries that one checkpoint writes. */
export class FrozenEntries {
  /** Objects whose garbage records are in the batch because their key's database was dropped. */
  readonly garbageObjects: number[] = []
  /** The number of entries and pages that the checkpoint writes. */
  readonly recordCount: number
  private readonly keyspace: Keyspace
  private readonly tombstones: Entry[] = []
  /** Entries whose `storedDueAtMs` was set ahead of the write, with the old value. */
  private readonly movedDeadlines: [Entry, number][] = []

  constructor(keyspace: Keyspace, recordCount: number) {
    this.keyspace = keyspace
    this.recordCount = recordCount
  }

  /** Writes an entry's records into the batch. REQUIRES: the entry is of the frozen generation. */
  encode(entry: Entry, batch: RecordSink): void {
    const { db, key, value } = entry
    const { frozenGeneration } = this.keyspace
    assert(frozenGeneration !== 0 && entry.generation === frozenGeneration, 'an entry is encoded once, as of its freeze')
    entry.generation = frozenGeneration + 1
    if (db.droppedIn !== 0 && db.droppedIn <= frozenGeneration) {
      this.encodeDropped(entry, batch)
      return
    }
    const dueAtMs = value === null ? 0 : entry.dueAtMs
    if (entry.storedDueAtMs !== dueAtMs) this.moveDeadline(entry, dueAtMs, batch)
    if (value === null) {
      if (entry.isStored) batch.remove(rootKey(db.id, key))
      this.tombstones.push(entry)
      return
    }
    batch.put(rootKey(db.id, key), rootOf(value, entry.expireAtMs))
    entry.isStored = true
  }

  /**
   * Removes tombstones from memory, except those changed since. REQUIRES: the batch has been
   * written.
   */
  removeTombstones(): void {
    for (const entry of this.tombstones) {
      if (entry.value === null && entry.generation <= this.keyspace.landedGeneration) entry.db.removeTombstone(entry)
    }
  }

  /** Restores the stored deadlines of a batch that was not written. */
  undo(): void {
    for (const [entry, before] of this.movedDeadlines) entry.storedDueAtMs = before
  }

  /**
   * Encodes an entry of a dropped database. The sweeper later visits the roots that LevelDB holds
   * of that database, for their pages and deadlines. No root that has changed since it was written
   * may be among them: its value may have moved to another database.
   */
  private encodeDropped(entry: Entry, batch: RecordSink): void {
    const { db, key, value, storedDueAtMs } = entry
    if (entry.isStored) batch.remove(rootKey(db.id, key))
    if (storedDueAtMs !== 0) batch.remove(deadlineKey(storedDueAtMs, db.id, key))
    if (value === null || typeof value === 'string' || !hasStoredPages(value)) return
    const objectId = objectIdOfValue(value)
    assert(objectId > 0, 'a value with pages has an object id')
    batch.put(garbageKey(GARBAGE_OBJECT, objectId), EMPTY_VALUE)
    this.garbageObjects.push(objectId)
  }

  private moveDeadline(entry: Entry, dueAtMs: number, batch: RecordSink): void {
    const { db, key, storedDueAtMs } = entry
    assert(dueAtMs !== storedDueAtMs && dueAtMs >= 0, 'only a deadline that has changed is moved')
    if (storedDueAtMs !== 0) batch.remove(deadlineKey(storedDueAtMs, db.id, key))
    if (dueAtMs !== 0) batch.put(deadlineKey(dueAtMs, db.id, key), EMPTY_VALUE)
    this.movedDeadlines.push([entry, storedDueAtMs])
    entry.storedDueAtMs = dueAtMs
  }
}

/** Returns the root record of a key with this value, in a scratch buffer. */
export function rootOf(value: Value, expireAtMs: number): Buffer {
  if (typeof value === 'string') return stringRoot(value, expireAtMs)
  return value instanceof Rope ? ropeRoot(value.objectId, value.length, expireAtMs) : collectionRoot(value, expireAtMs)
}
