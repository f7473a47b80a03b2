/**
 * The ordered store of records below the keyspace, as an interface. `level-records.ts` is LevelDB.
 * `test/support/disks/memory-records.ts` has a store that fails on demand and loses unsynced
 * records.
 */
import type { RecordPair } from './record-reader.ts'

export interface RecordRange {
  readonly from: Buffer
  readonly before: Buffer
  readonly reverse?: true
  /** The limit of records; 0 or absent means all. */
  readonly limit?: number
  /** An iterator need not read values: what it returns for them is undefined. */
  readonly keysOnly?: true
}

/** The part of a batch that an encoder of records needs. */
export interface RecordSink {
  /** Copies key and value, so the caller may reuse its buffers. */
  put(key: Buffer, value: Buffer): void
  remove(key: Buffer): void
}

export interface RecordBatch extends RecordSink {
  /** Bytes of keys and values so far. */
  readonly sizeBytes: number
  readonly count: number
  /** Makes all of it durable, or none. The batch is used up in both cases. */
  write(): Promise<void>
  /**
   * Makes all of it visible, or none. It becomes durable with a `sync`, or when the store is closed
   * and opened again. LevelDB syncs its current log, never one that it has ended.
   */
  writeLazily(): Promise<void>
}

export interface RecordIterator {
  /** Returns the next records, at most `count`; none at the end. */
  next(count: number): Promise<readonly RecordPair[]>
  close(): Promise<void>
}

/** The store as it was at one moment. Void once the store is closed: reading throws or rejects. */
export interface RecordSnapshot {
  getSync(key: Buffer): Buffer | undefined
  iterate(range: RecordRange): RecordIterator
  close(): Promise<void>
}

export interface RecordStore {
  getSync(key: Buffer): Buffer | undefined
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>
  batch(): RecordBatch
  /** Iterates over the store as it is at this call; later writes do not show. */
  iterate(range: RecordRange): RecordIterator
  snapshot(): RecordSnapshot
  /**
   * Returns the first records of a range as it is now. They are at least `count`, and up to the
   * range's limit if they are at hand; fewer only at its end. Blocks the process for 0.1 ms or
   * more. Throws if not open.
   */
  readRangeSync(range: RecordRange, count: number): readonly RecordPair[]
  /** Returns the approximate bytes of a range on disk, compressed, without the latest writes. */
  approximateSize(range: RecordRange): Promise<number>
  /** Removes a range, piece by piece: an interrupted clear leaves a part. */
  clear(range: RecordRange): Promise<void>
  /** Gives the space of records removed from a range back to the file system. */
  compact(range: RecordRange): Promise<void>
  /** Resolves when all lazy writes before this call are durable. */
  sync(): Promise<void>
  /** True if the store can be read: not during a reopening, nor after one has failed. */
  readonly isOpen: boolean
  /** Throws if the disk does not take the files of an opening. The store stays as it is. */
  checkRoom(): void
  /** Closes and opens again, which ends the failure of writes. Closed if it rejects. */
  reopen(): Promise<void>
  close(): Promise<void>
  /** Returns one of LevelDB's text properties, such as `leveldb.stats`; empty if unknown. */
  property(name: string): string
}

/** 'create' if the database may be made. One that has ever been in use must exist as a whole. */
export type OpenMode = 'create' | 'existing'
