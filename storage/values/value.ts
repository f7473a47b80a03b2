/** What values that are no short strings have in common, whichever they are: memory, pages, and whose they are. */
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../keyspace/database.ts'
import type { Entry, Value } from '../keyspace/entry.ts'
import { Rope } from './rope.ts'

export type LargeValue = Exclude<Value, Bytes>

/** Bytes of memory beside those of its pages. */
export function entryBytesOf(value: LargeValue): number {
  return value instanceof Rope ? 0 : value.object.entryBytes
}

/** Bytes of memory of its pages. */
export function residentBytesOf(value: LargeValue): number {
  return value instanceof Rope ? value.residentBytes : value.object.residentBytes
}

/** Whether pages of it are in memory: the entry cannot go before them. */
export function hasResidentPages(value: LargeValue): boolean {
  return value instanceof Rope ? value.residentBytes > 0 : value.object.hasResidentPages
}

/** Whether LevelDB has pages of it, or may after the checkpoint in flight. */
export function hasStoredPages(value: LargeValue): boolean {
  return value instanceof Rope ? value.stored : value.object.pages?.stored === true
}

/** 0 where it has no pages. */
export function objectIdOfValue(value: LargeValue): number {
  return value instanceof Rope ? value.objectId : (value.object.pages?.objectId ?? 0)
}

/** It is this entry's now, or none's. */
export function belongTo(value: LargeValue, entry: Entry | null): void {
  if (!(value instanceof Rope)) value.object.entry = entry
}

export function moveTo(value: LargeValue, db: Database): void {
  if (value instanceof Rope) value.moveTo(db)
  else value.object.moveTo(db)
}

function databaseOf(value: LargeValue): Database {
  return value instanceof Rope ? value.db : value.object.db
}

/** It is no longer any key's. */
export function dropPages(value: LargeValue): void {
  if (objectIdOfValue(value) !== 0) databaseOf(value).keyspace.droppedObjects++
  if (value instanceof Rope) value.drop()
  else value.object.drop()
}
