/**
 * The owners of a large value, as trees and ropes see them: the key, its database and the keyspace.
 * The keyspace's classes implement these interfaces, so that values and trees import none of them.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { DirtyRecord, ReadPage } from '../residents/resident.ts'
import type { Residents } from '../residents/residents.ts'
import type { TreeNode } from './node.ts'
import type { PageLimits } from './tree.ts'

/** The key that owns a collection. */
export interface OwnerKey {
  readonly key: Bytes
  readonly generation: number
  /** Marks the root record dirty. REQUIRES: called before every change of the value in place. */
  touch(): void
  /**
   * Reports that the deadline of the value's next field has changed. REQUIRES: `touch` came before.
   */
  dueChanged(): void
  /** Deletes the key because its collection has lost its last element, and reports that. */
  removeEmptied(): void
}

/** The database that holds the key. */
export interface OwnerDatabase {
  readonly keyspace: OwnerKeyspace
  /** The generation in which the database was dropped; 0 while it is in use. */
  readonly droppedIn: number
  readonly residents: Residents
  /** Adds to the memory of a touched entry or page; negative when it shrinks. */
  resize(bytes: number): void
  /** Logs and reports fields of a key's hash that have been deleted because they expired. */
  fieldsExpired(key: Bytes, fields: readonly Bytes[]): void
}

/**
 * The members of `Keyspace` that pages and fields with deadlines need; they are explained there.
 */
export interface OwnerKeyspace {
  readonly generation: number
  readonly frozenGeneration: number
  readonly landedGeneration: number
  readonly pageLimits: PageLimits
  readonly diskReads: number
  readonly eviction: PageAdmission
  readonly garbageObjects: number[]
  readonly dropped: TreeNode[]
  changes: number
  dirtyBytes: number
  frozenBytes: number
  evictions: number
  droppedObjects: number
  expiredFields: number
  takeObjectId(): number
  readRecord(recordKey: Buffer): Buffer | undefined
  touch(record: DirtyRecord, sizeBytes: number): void

  readonly nowMs: number
  readonly expiryMode: 'delete' | 'hide' | 'ignore'
  isExpiring: boolean
  isPast(deadlineMs: number): boolean
}

/** Counts pages that have been read from disk (`Eviction`). */
export interface PageAdmission {
  admit(sizeBytes: number): void
  admitPage(page: ReadPage, sizeBytes: number): void
}
