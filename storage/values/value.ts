/** Operations common to ropes and collections: size, pages, ownership. */
import type { Bytes } from '../../base/bytes.ts'
import type { OwnerDatabase, OwnerKey } from '../tree/owner.ts'
import type { Collection } from './collection.ts'
import { Rope } from './rope.ts'

export type Value = Bytes | Rope | Collection

/** A value that may have pages. */
export type LargeValue = Rope | Collection

/** Returns the memory of a value in its entry, without that of its pages, in bytes. */
export function entryBytesOf(value: LargeValue): number {
  return value instanceof Rope ? 0 : value.object.entryBytes
}

/** Returns the memory of a value's resident pages, in bytes. */
export function residentBytesOf(value: LargeValue): number {
  return value instanceof Rope ? value.residentBytes : value.object.residentBytes
}

/** True if pages of the value are in memory: the entry cannot be evicted before them. */
export function hasResidentPages(value: LargeValue): boolean {
  return value instanceof Rope ? value.residentBytes > 0 : value.object.hasResidentPages
}

/** True if LevelDB has pages of the value, or may have some after the checkpoint in flight. */
export function hasStoredPages(value: LargeValue): boolean {
  return value instanceof Rope ? value.isStored : value.object.pages?.isStored === true
}

/** Returns the object id, or 0 if the value has no pages. */
export function objectIdOfValue(value: LargeValue): number {
  return value instanceof Rope ? value.objectId : (value.object.pages?.objectId ?? 0)
}

/** Sets the entry that owns a collection; null detaches it. */
export function setOwner(value: LargeValue, entry: OwnerKey | null): void {
  if (!(value instanceof Rope)) value.object.entry = entry
}

/** Moves a value to another database, with its resident pages. */
export function moveTo(value: LargeValue, db: OwnerDatabase): void {
  if (value instanceof Rope) value.moveTo(db)
  else value.object.moveTo(db)
}

function databaseOf(value: LargeValue): OwnerDatabase {
  return value instanceof Rope ? value.db : value.object.db
}

/** Drops the pages of a value that no key owns any more. */
export function dropPages(value: LargeValue): void {
  if (objectIdOfValue(value) !== 0) databaseOf(value).keyspace.droppedObjects++
  if (value instanceof Rope) value.drop()
  else value.object.drop()
}
