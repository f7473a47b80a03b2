/**
 * The ordered store of records below the keyspace, as an interface. `level-records.ts` is LevelDB.
 * `test/support/disks/memory-records.ts` has a store that fails on demand and loses unsynced
 * records.
 */
import type { Bytes, BytesInPlace } from '../../base/bytes.ts'
import type { RecordPair } from './record-reader.ts'

/** A range of record keys, from `from` to before `before`. */
export interface RecordRange {
  readonly from: Buffer
  readonly before: Buffer
  readonly reverse?: true
  /** The limit of records; 0 or absent means all. */
  readonly limit?: number
}

/** The part of a batch that an encoder of records needs. */
export interface RecordSink {
  /** Copies key and value, so the caller may reuse its buffers. */
  put(key: Buffer, value: Buffer): void
  remove(key: Buffer): void
}

/** Changes of records that are written together or not at all. */
export interface RecordBatch extends RecordSink {
  /** Bytes of keys and values so far. */
  readonly sizeBytes: number
  readonly count: number
  /**
   * Writes the whole batch durably, or nothing of it. The batch cannot be used again in either
   * case.
   */
  write(): Promise<void>
  /**
   * Writes the whole batch, or nothing of it, without an fsync. It becomes durable with a `sync`,
   * or when the store is closed and opened again. LevelDB syncs its current log, never one that it
   * has ended.
   */
  writeLazily(): Promise<void>
}

/** Records that are added in any order to a store that no one reads meanwhile. */
export interface RecordLoad {
  /** Copies key and value. REQUIRES: no other writer of the store has the key. */
  put(key: Buffer, value: Buffer): void
  /** Copies a string, as the root record of a key. REQUIRES: no other writer has the key. */
  putString(dbId: number, key: BytesInPlace, value: BytesInPlace, expireAtMs: number): void
  /** States that another writer of the store has the key. */
  claim(key: Buffer): void
  /** True if `flush` has to come soon, at the latest 1024 records or 256 KiB later. */
  readonly mustFlush: boolean
  /** Resolves when records may be added again. */
  flush(): Promise<void>
  /**
   * Adds all records to the store, not durably: a `reopen` follows. Resolves with false if a key
   * was put or claimed twice; the store's content is then undefined. REQUIRES: no iterator or
   * snapshot of the store is open.
   */
  complete(): Promise<boolean>
}

/** An iterator over the records of a range. */
export interface RecordIterator {
  /** Returns the next records, at most `count`; none at the end. */
  next(count: number): Promise<readonly RecordPair[]>
  close(): Promise<void>
}

/** A record whose key is bytes in a string. */
export type NamedRecord = readonly [key: Bytes, value: Buffer]

/** An iterator over the records of a range, with their keys as bytes. */
export interface NamedIterator {
  /** Returns the next records, at most `count`; none at the end. */
  next(count: number): Promise<readonly NamedRecord[]>
  close(): Promise<void>
}

/**
 * The form in which record keys are read: as UTF-8 text, which is cheap, or as bytes, which any key
 * can be.
 */
export type KeyForm = 'text' | 'bytes'

/** An iterator over the keys of a range. */
export interface KeyIterator {
  /**
   * Returns the next keys, at most `count`; none at the end. Returns null if a key is not UTF-8 and
   * the form is text.
   */
  next(count: number): Promise<readonly Bytes[] | null>
  close(): Promise<void>
}

/**
 * The store as it was at one moment. Once the store is closed, reading from it throws or rejects.
 */
export interface RecordSnapshot {
  getSync(key: Buffer): Buffer | undefined
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>
  iterate(range: RecordRange): RecordIterator
  /** Like `iterate`, at two thirds of the cost where the keys are UTF-8. */
  iterateNamed(range: RecordRange): NamedIterator
  close(): Promise<void>
}

/** An ordered store of records. */
export interface RecordStore {
  getSync(key: Buffer): Buffer | undefined
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>
  /** Returns for each key if the store has it: at two thirds of the cost of `getMany`. */
  hasMany(keys: readonly Buffer[]): Promise<readonly boolean[]>
  batch(): RecordBatch
  /** Begins a load, which ends with `complete` or with the store's closing. */
  load(): RecordLoad
  /** Iterates over the store as it is at this call; later writes do not show. */
  iterate(range: RecordRange): RecordIterator
  /** Like `iterate`, for the keys without the values: at a third of the cost or less. */
  iterateKeys(range: RecordRange, form: KeyForm): KeyIterator
  snapshot(): RecordSnapshot
  /**
   * Returns the first records of a range: at least `count`, unless the range has fewer. Records up
   * to the range's limit are included if they have been read with the others. Blocks the process
   * for 0.1 ms or more. Throws if not open.
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
  /**
   * Throws if the disk has no space for the files that opening the store creates. The store stays
   * as it is.
   */
  checkRoom(): void
  /**
   * Closes and opens the store, which accepts writes again after a failed one. It stays closed if
   * this rejects.
   */
  reopen(): Promise<void>
  close(): Promise<void>
  /** Returns one of LevelDB's text properties, such as `leveldb.stats`; empty if unknown. */
  property(name: string): string
}

/**
 * 'create' may create a database. 'existing' opens one that has been in use, and must be complete.
 */
export type OpenMode = 'create' | 'existing'
