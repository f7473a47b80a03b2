/**
 * A checkpoint makes LevelDB equal to the state at one binlog offset, in one atomic batch that
 * includes the meta record:
 *
 *   freeze (O(1), between units)
 *     -> encode in slices between turns; records that a command is about to change go first
 *     -> fsync the binlog up to the offset -> write the batch
 *     -> landed, or thawed if the write failed and the batch is missing
 *
 * LevelDB does not change before the batch. The batch is durable before anything relies on it.
 */
import { assert, must } from '../../base/assert.ts'
import type { BinlogPosition } from '../binlog/group.ts'
import type { Entry, Value } from '../keyspace/entry.ts'
import type { Frozen, Keyspace } from '../keyspace/keyspace.ts'
import { encodeMeta } from '../records/meta.ts'
import type { RecordBatch } from '../records/record-store.ts'
import {
  deadlineKey,
  GARBAGE_DATABASE,
  GARBAGE_OBJECT,
  garbageKey,
  META_KEY,
  pageKey,
  pageValue,
  rootKey,
  ropeRoot,
  stringRoot,
} from '../records/records.ts'
import type { TreeNode } from '../tree/node.ts'
import { collectionRoot, pageContent } from '../values/collection.ts'
import { Rope, type RopePage } from '../values/rope.ts'
import { hasStoredPages, objectIdOfValue } from '../values/value.ts'

const EMPTY_VALUE = Buffer.alloc(0)

/** The batch of one checkpoint, with the state to restore if it is never written. */
export class FrozenBatch {
  readonly batch: RecordBatch
  /** Objects whose garbage records are in the batch because their key's database was dropped. */
  readonly garbageObjects: number[] = []
  private readonly keyspace: Keyspace
  private readonly tombstones: Entry[] = []
  /** Entries whose `storedDueAt` was set ahead of the write, with the old value. */
  private readonly movedDeadlines: [Entry, number][] = []

  constructor(batch: RecordBatch, keyspace: Keyspace) {
    this.batch = batch
    this.keyspace = keyspace
  }

  encodeEntry(entry: Entry): void {
    const { db, key, value } = entry
    const { frozenGeneration } = this.keyspace
    assert(frozenGeneration !== 0 && entry.generation === frozenGeneration, 'an entry is encoded once, as of its freeze')
    entry.generation = frozenGeneration + 1
    if (db.droppedIn !== 0 && db.droppedIn <= frozenGeneration) {
      this.encodeDropped(entry)
      return
    }
    const dueAt = value === null ? 0 : entry.dueAt
    if (entry.storedDueAt !== dueAt) this.moveDeadline(entry, dueAt)
    if (value === null) {
      if (entry.stored) this.batch.remove(rootKey(db.id, key))
      this.tombstones.push(entry)
      return
    }
    this.batch.put(rootKey(db.id, key), rootOf(value, entry.expireAt))
    entry.stored = true
  }

  encodePage(page: RopePage): void {
    const { frozenGeneration } = this.keyspace
    assert(frozenGeneration !== 0 && page.generation === frozenGeneration, 'a page is encoded once, as of its freeze')
    page.generation = frozenGeneration + 1
    const { db } = page.rope
    if (db.droppedIn !== 0 && db.droppedIn <= frozenGeneration) return
    page.rope.stored = true
    this.batch.put(pageKey(page.rope.objectId, page.index), pageValue(page.content))
  }

  encodeNode(node: TreeNode): void {
    const { frozenGeneration } = this.keyspace
    const pages = must(node.pages, 'only a node with a page of its own is encoded by itself')
    assert(frozenGeneration !== 0 && node.generation === frozenGeneration, 'a node is encoded once, as of its freeze')
    assert(node.number > 0 && node.number < pages.nextNumber, 'a page has a number of its object')
    node.generation = frozenGeneration + 1
    if (pages.droppedIn !== 0 && pages.droppedIn <= frozenGeneration) return
    const { droppedIn } = pages.db
    if (droppedIn !== 0 && droppedIn <= frozenGeneration) return
    const key = pageKey(pages.objectId, node.number)
    if (node.isGone) {
      this.batch.remove(key)
      return
    }
    node.stored = true
    pages.stored = true
    this.batch.put(key, pageValue(pageContent(node)))
  }

  /** Removes unused tombstones from memory. REQUIRES: the batch has been written. */
  landed(): void {
    for (const entry of this.tombstones) {
      if (entry.value === null && entry.generation <= this.keyspace.landedGeneration) entry.db.forgetTombstone(entry)
    }
  }

  /** Restores the stored deadlines of a batch that was not written. */
  undo(): void {
    for (const [entry, storedDueAt] of this.movedDeadlines) entry.storedDueAt = storedDueAt
  }

  /**
   * Encodes an entry of a dropped database. The sweeper later visits the roots that LevelDB holds
   * of that database, for their pages and deadlines. No root that has changed since it was written
   * may be among them: its value may have moved to another database.
   */
  private encodeDropped(entry: Entry): void {
    const { db, key, value, storedDueAt } = entry
    if (entry.stored) this.batch.remove(rootKey(db.id, key))
    if (storedDueAt !== 0) this.batch.remove(deadlineKey(storedDueAt, db.id, key))
    if (value === null || typeof value === 'string' || !hasStoredPages(value)) return
    const objectId = objectIdOfValue(value)
    assert(objectId > 0, 'a value with pages has an object id')
    this.batch.put(garbageKey(GARBAGE_OBJECT, objectId), EMPTY_VALUE)
    this.garbageObjects.push(objectId)
  }

  private moveDeadline(entry: Entry, dueAt: number): void {
    const { db, key, storedDueAt } = entry
    assert(dueAt !== storedDueAt && dueAt >= 0, 'only a deadline that has changed is moved')
    if (storedDueAt !== 0) this.batch.remove(deadlineKey(storedDueAt, db.id, key))
    if (dueAt !== 0) this.batch.put(deadlineKey(dueAt, db.id, key), EMPTY_VALUE)
    this.movedDeadlines.push([entry, storedDueAt])
    entry.storedDueAt = dueAt
  }
}

function rootOf(value: Value, expireAt: number): Buffer {
  if (typeof value === 'string') return stringRoot(value, expireAt)
  return value instanceof Rope ? ropeRoot(value.objectId, value.length, expireAt) : collectionRoot(value, expireAt)
}

export interface CheckpointLanding {
  readonly position: BinlogPosition
  readonly garbageObjects: readonly number[]
  readonly garbageDatabases: readonly number[]
  readonly records: number
  readonly bytes: number
}

/** One checkpoint under way. */
export class Checkpoint {
  readonly position: BinlogPosition
  private readonly keyspace: Keyspace
  private readonly frozen: Frozen
  private readonly frozenBatch: FrozenBatch
  private readonly meta: Buffer
  private next = 0

  /** Freezes the keyspace. REQUIRES: called between units, with no open group. */
  constructor(keyspace: Keyspace, position: BinlogPosition, extra?: (batch: RecordBatch) => void) {
    this.keyspace = keyspace
    this.position = position
    this.frozenBatch = new FrozenBatch(keyspace.records.batch(), keyspace)
    this.frozen = keyspace.freeze(this.frozenBatch)
    const { batch } = this.frozenBatch
    for (const id of this.frozen.garbageObjects) batch.put(garbageKey(GARBAGE_OBJECT, id), EMPTY_VALUE)
    for (const id of this.frozen.garbageDatabases) batch.put(garbageKey(GARBAGE_DATABASE, id), EMPTY_VALUE)
    const { databases, nextObjectId, nextDbId, libraries } = this.frozen
    for (const { id } of databases) assert(id < nextDbId, 'the next database id is above all that are in use')
    const { offset: binlogOffset, crc: binlogCrc } = position
    this.meta = encodeMeta({ format: 1, binlogOffset, binlogCrc, nextObjectId, nextDbId, databases, libraries, atMs: keyspace.now })
    batch.put(META_KEY, this.meta)
    extra?.(batch)
  }

  /** Encodes at most `count` more records. Returns true if all are encoded. */
  encodeSome(count: number): boolean {
    const { dirty, generation } = this.frozen
    const end = Math.min(dirty.length, this.next + count)
    for (; this.next < end; this.next++) {
      const record = dirty[this.next]
      if (record !== undefined && record.generation === generation) record.encode(this.frozenBatch)
    }
    return this.next === dirty.length
  }

  /**
   * Writes the encoded batch. Rejects if LevelDB refuses; then only `settle` can say whether the
   * batch is in LevelDB.
   */
  async write(): Promise<CheckpointLanding> {
    assert(this.next === this.frozen.dirty.length, 'a checkpoint is written as a whole')
    assert(this.keyspace.frozenGeneration === this.frozen.generation, 'only what was frozen last is written')
    await this.frozenBatch.batch.write()
    return this.landed()
  }

  /**
   * Finds out whether a failed write has reached LevelDB's log all the same. If not, thaws the
   * frozen records and returns null. REQUIRES: LevelDB is open again.
   */
  settle(): CheckpointLanding | null {
    if (this.keyspace.records.getSync(META_KEY)?.equals(this.meta) === true) return this.landed()
    this.abandon()
    return null
  }

  /** Gives up before or instead of writing: the frozen records are dirty again. */
  abandon(): void {
    this.frozenBatch.undo()
    this.keyspace.thaw(this.frozen)
  }

  private landed(): CheckpointLanding {
    assert(this.keyspace.frozenGeneration === this.frozen.generation, 'only what was frozen last lands')
    this.keyspace.landed()
    this.frozenBatch.landed()
    const { batch } = this.frozenBatch
    const { garbageDatabases } = this.frozen
    const garbageObjects = [...this.frozen.garbageObjects, ...this.frozenBatch.garbageObjects]
    return { position: this.position, garbageObjects, garbageDatabases, records: batch.count, bytes: batch.sizeBytes }
  }
}
