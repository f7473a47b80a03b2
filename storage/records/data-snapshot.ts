/**
 * All records as of one binlog position, for a full sync of a replica. Nothing is copied: LevelDB
 * keeps the records that the snapshot sees.
 */
import type { BinlogPosition } from '../binlog/group.ts'
import { decodeMeta, type StoreMeta } from './meta.ts'
import type { NamedIterator, RecordIterator, RecordRange, RecordSnapshot, RecordStore } from './record-store.ts'
import { ALL_RECORDS, CURSORS_KEY, META_KEY } from './records.ts'

export interface DataSnapshot {
  /** The records are the state after the binlog up to this position. */
  readonly position: BinlogPosition
  /** The number of keys in all databases. */
  readonly keys: number
  /** The databases and the names of the libraries. */
  readonly meta: StoreMeta
  /** Returns one record. Throws if the store has been closed meanwhile. */
  getSync(key: Buffer): Buffer | undefined
  /** Returns records, without blocking. Rejects if the store has been closed meanwhile. */
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>
  /** Returns the records of a range with their keys as bytes. Fails like `read`. */
  iterateNamed(range: RecordRange): NamedIterator
  /** Returns the approximate bytes that LevelDB needs for all of it. */
  estimateBytes(): Promise<number>
  /**
   * Returns all records after that key (null: from the first one), including the meta record,
   * without SCAN cursors. Throws or rejects if the store has been closed meanwhile, which ends the
   * snapshot.
   */
  read(after: Buffer | null): RecordIterator
  close(): Promise<void>
}

/**
 * Takes a snapshot, which does not see later writes. REQUIRES: called in the synchronous moment in
 * which a checkpoint has landed, or while none has landed for some time.
 */
export function takeSnapshot(records: RecordStore): DataSnapshot {
  const snapshot = records.snapshot()
  const record = records.getSync(META_KEY)
  if (record === undefined) throw new Error('there is no meta record: no checkpoint has landed')
  const meta = decodeMeta(record)
  const { binlogOffset: offset, binlogCrc: crc, databases } = meta
  return {
    position: { offset, crc },
    keys: databases.reduce((sum, { keys }) => sum + keys, 0),
    meta,
    getSync: (key) => snapshot.getSync(key),
    getMany: (keys) => snapshot.getMany(keys),
    iterateNamed: (range) => snapshot.iterateNamed(range),
    estimateBytes: () => records.approximateSize(ALL_RECORDS),
    read: (after) => readRecords(snapshot, after),
    close: () => snapshot.close(),
  }
}

function readRecords(snapshot: RecordSnapshot, after: Buffer | null): RecordIterator {
  const from = after === null ? ALL_RECORDS.from : Buffer.concat([after, Buffer.from([0])])
  const iterator = snapshot.iterate({ from, before: ALL_RECORDS.before })
  return {
    next: async (count) => {
      for (;;) {
        const records = await iterator.next(count)
        const kept = records.filter(([key]) => !key.equals(CURSORS_KEY))
        if (kept.length > 0 || records.length === 0) return kept
      }
    },
    close: () => iterator.close(),
  }
}
