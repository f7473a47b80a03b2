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
import { assert } from '../../base/assert.ts'
import type { BinlogPosition } from '../binlog/group.ts'
import type { Frozen } from '../keyspace/frozen-entries.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import { encodeMeta } from '../records/meta.ts'
import type { RecordBatch } from '../records/record-store.ts'
import { GARBAGE_DATABASE, GARBAGE_OBJECT, garbageKey, META_KEY } from '../records/records.ts'
import { upstreamAt } from '../records/upstream.ts'

const EMPTY_VALUE = Buffer.alloc(0)

/** A checkpoint that is in LevelDB, and the garbage that it recorded. */
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
  private readonly batch: RecordBatch
  private readonly meta: Buffer
  private next = 0

  /** Freezes the keyspace. REQUIRES: called between units, with no open group. */
  constructor(keyspace: Keyspace, position: BinlogPosition, extra?: (batch: RecordBatch) => void) {
    this.keyspace = keyspace
    this.position = position
    const batch = keyspace.records.batch()
    this.batch = batch
    this.frozen = keyspace.freeze(batch)
    for (const id of this.frozen.garbageObjects) batch.put(garbageKey(GARBAGE_OBJECT, id), EMPTY_VALUE)
    for (const id of this.frozen.garbageDatabases) batch.put(garbageKey(GARBAGE_DATABASE, id), EMPTY_VALUE)
    const { databases, nextObjectId, nextDbId, libraries } = this.frozen
    for (const { id } of databases) assert(id < nextDbId, 'the next database id is above all that are in use')
    const { offset: binlogOffset, crc: binlogCrc } = position
    const upstream = upstreamAt(keyspace.upstream, binlogOffset)
    const followed = upstream === null ? {} : { upstream }
    const atMs = keyspace.nowMs
    this.meta = encodeMeta({ format: 1, binlogOffset, binlogCrc, nextObjectId, nextDbId, databases, libraries, ...followed, atMs })
    batch.put(META_KEY, this.meta)
    extra?.(batch)
  }

  /** Encodes at most `count` more records. Returns true if all are encoded. */
  encodeSome(count: number): boolean {
    const { dirty, generation } = this.frozen
    const end = Math.min(dirty.length, this.next + count)
    for (; this.next < end; this.next++) {
      const record = dirty[this.next]
      if (record === undefined || record.generation !== generation) continue
      record.encode(this.batch)
      assert(record.generation === generation + 1, 'a record that is encoded is marked, so that it is encoded once')
    }
    return this.next === dirty.length
  }

  /**
   * Writes the encoded batch. Rejects with LevelDB's error. Only `resolveFailedWrite` can tell then
   * whether the batch is in LevelDB.
   */
  async write(): Promise<CheckpointLanding> {
    assert(this.next === this.frozen.dirty.length, 'a checkpoint is written as a whole')
    assert(this.keyspace.frozenGeneration === this.frozen.generation, 'only the latest freeze is written')
    await this.batch.write()
    return this.landing()
  }

  /**
   * Finds out whether a failed write has reached LevelDB's log all the same. If not, thaws the
   * frozen records and returns null. REQUIRES: LevelDB is open again.
   */
  resolveFailedWrite(): CheckpointLanding | null {
    if (this.keyspace.records.getSync(META_KEY)?.equals(this.meta) === true) return this.landing()
    this.abandon()
    return null
  }

  /** Gives up a checkpoint that has not been written: its frozen records are dirty again. */
  abandon(): void {
    this.keyspace.thaw(this.frozen)
  }

  private landing(): CheckpointLanding {
    assert(this.keyspace.frozenGeneration === this.frozen.generation, 'only the latest freeze lands')
    this.keyspace.releaseFrozen()
    const { batch } = this
    const { garbageDatabases, entries } = this.frozen
    const garbageObjects = [...this.frozen.garbageObjects, ...entries.garbageObjects]
    return { position: this.position, garbageObjects, garbageDatabases, records: batch.count, bytes: batch.sizeBytes }
  }
}
