/** All records as of one binlog position, for a replica that is filled anew. Nothing is copied or dumped: LevelDB keeps what the snapshot sees. */
import type { BinlogPosition } from '../binlog/group.ts'
import { decodeMeta } from './meta.ts'
import type { RecordIterator, RecordSnapshot, RecordStore } from './record-store.ts'
import { ALL_RECORDS, CURSORS_KEY, META_KEY } from './records.ts'

export interface DataSnapshot {
  /** The records are the state after the binlog up to here. */
  readonly position: BinlogPosition
  /** Keys in all databases. */
  readonly keys: number
  /** Bytes that LevelDB needs for it all, about. */
  estimateBytes(): Promise<number>
  /** All records behind that key (null: from the first on), the meta record included, but no SCAN cursors. Throws or rejects when the store
   *  has been closed meanwhile: the snapshot is void then. */
  read(after: Buffer | null): RecordIterator
  close(): Promise<void>
}

/** To be called in the synchronous moment in which a checkpoint has landed, or when none has for a while: what follows is not seen. */
export function takeSnapshot(records: RecordStore): DataSnapshot {
  const snapshot = records.snapshot()
  const record = records.getSync(META_KEY)
  if (record === undefined) throw new Error('there is no meta record: no checkpoint has landed')
  const { binlogOffset: offset, binlogCrc: crc, databases } = decodeMeta(record)
  return {
    position: { offset, crc },
    keys: databases.reduce((sum, { keys }) => sum + keys, 0),
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
