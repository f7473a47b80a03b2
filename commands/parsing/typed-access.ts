/**
 * Converts entries to the types that commands expect, and strings to replies. Commands get values
 * in no other way.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import { EVENT_GENERIC } from '../../storage/keyspace/key-events.ts'
import { type Collection, type CollectionClass, newCollection } from '../../storage/values/collection.ts'
import { Hash } from '../../storage/values/hash.ts'
import { List } from '../../storage/values/list.ts'
import { Rope } from '../../storage/values/rope.ts'
import { SetValue } from '../../storage/values/set.ts'
import { SortedSet } from '../../storage/values/sorted-set.ts'
import { type StringValue, stringPieces } from '../../storage/values/string.ts'
import type { Value } from '../../storage/values/value.ts'
import type { Context } from '../contract/context.ts'
import { stringTooLong, wrongType } from '../contract/errors.ts'
import { BulkChunks, type Reply } from '../contract/reply.ts'

/** Returns the string of an entry; null for other types. */
export function stringOf({ value }: Entry): StringValue | null {
  return value === null ? null : asString(value)
}

/** Returns a value that is a string; null for other types. */
export function asString(value: Value): StringValue | null {
  return typeof value === 'string' || value instanceof Rope ? value : null
}

/** Returns the string of an entry. Throws WRONGTYPE for other types. */
export function requireString(entry: Entry): StringValue {
  const value = stringOf(entry)
  if (value === null) throw wrongType()
  return value
}

/**
 * Returns the string of a key for a read command that needs only its value; null if the key does
 * not exist. Throws WRONGTYPE for other types.
 */
export function readString(db: Database, key: Bytes): StringValue | null {
  const value = db.readValue(key)
  if (value === undefined) return null
  const string = asString(value)
  if (string === null) throw wrongType()
  return string
}

/**
 * Returns the string of an entry, or the empty string without an entry. Throws WRONGTYPE for other
 * types.
 */
export function stringOrEmpty(entry: Entry | undefined): StringValue {
  return entry === undefined ? '' : requireString(entry)
}

/**
 * Throws the error for strings longer than proto-max-bulk-len. Replay skips the check, because the
 * limit may have changed since.
 */
export function requireStringLength({ keyspace, server }: Context, length: number): void {
  if (keyspace.expiryMode !== 'ignore' && length > server.config.number('proto-max-bulk-len')) throw stringTooLong()
}

/** Returns a string as a reply that does not change when the value changes. */
export function stringReply(value: StringValue): Reply {
  return typeof value === 'string' ? value : chunksReply(value, 0, value.length)
}

/** A part of a rope is answered in chunks from this size on. */
const MIN_CHUNKED_BYTES = 16 * 1024

/** Returns the part of a string from `start` to before `end` as a reply. */
export function sliceReply(value: StringValue, start: number, end: number): Reply {
  if (typeof value === 'string') return value.slice(start, end)
  return end - start < MIN_CHUNKED_BYTES ? value.read(start, end) : chunksReply(value, start, end)
}

const ZEROS = Buffer.alloc(16 * 1024)

function chunksReply(rope: Rope, start: number, end: number): Reply {
  const chunks: Buffer[] = []
  for (const piece of stringPieces(rope, start, end)) {
    // All-zero chunks share one buffer, so a sparse rope costs no memory in its reply either.
    const zeros = ZEROS.subarray(0, piece.length)
    chunks.push(piece.equals(zeros) ? zeros : Buffer.from(piece))
  }
  return new BulkChunks(end - start, chunks)
}

/**
 * Returns the collection of a key for a read command, counting a hit or a miss. Returns undefined
 * if the key does not exist. Throws WRONGTYPE. REQUIRES: the collection is not changed. No key owns
 * a small one that is not in use.
 */
export function readAs<T extends Collection>(db: Database, key: Bytes, type: CollectionClass<T>): T | undefined {
  const value = db.readValue(key)
  if (value === undefined || value instanceof type) return value
  throw wrongType()
}

/**
 * Returns a hash for a read command that needs some fields, also where it is packed. The result is
 * valid until the command reads another key. Returns undefined if the key does not exist. Throws
 * WRONGTYPE.
 */
export function readFields(db: Database, key: Bytes): Pick<Hash, 'get' | 'has' | 'liveSize'> | undefined {
  return db.readElements(key, Hash.kind) ?? readAs(db, key, Hash)
}

/** Like `readFields`, for a list. */
export function readList(db: Database, key: Bytes): Pick<List, 'size' | 'slice'> | undefined {
  return db.readElements(key, List.kind) ?? readAs(db, key, List)
}

/** Like `readFields`, for a set. */
export function readMembers(db: Database, key: Bytes): Pick<SetValue, 'size' | 'has'> | undefined {
  return db.readElements(key, SetValue.kind) ?? readAs(db, key, SetValue)
}

/** Like `readFields`, for a sorted set. */
export function readScores(db: Database, key: Bytes): Pick<SortedSet, 'size' | 'score'> | undefined {
  return db.readElements(key, SortedSet.kind) ?? readAs(db, key, SortedSet)
}

/**
 * Returns the collection of a key for a write command; undefined if the key does not exist. Throws
 * WRONGTYPE.
 */
export function findAs<T extends Collection>(db: Database, key: Bytes, type: CollectionClass<T>): T | undefined {
  return ofType(db.find(key), type)
}

/**
 * Returns the collection of a key, and creates it if the key does not exist. REQUIRES: all other
 * checks of the command have passed. Throws WRONGTYPE.
 */
export function writableAs<T extends Collection>(db: Database, key: Bytes, type: CollectionClass<T>): T {
  const found = ofType(db.find(key), type)
  if (found !== undefined) return found
  const value = newCollection(db, type)
  db.create(key, value)
  return value
}

/** Returns the collection of an entry that may be missing. Throws WRONGTYPE. */
function ofType<T extends Collection>(entry: Entry | undefined, type: CollectionClass<T>): T | undefined {
  if (entry === undefined) return undefined
  const { value } = entry
  if (value instanceof type) return value
  throw wrongType()
}

/**
 * Removes the key of a collection that has lost its last element. REQUIRES: called after the change
 * was reported.
 */
export function dropIfEmpty(value: Collection): void {
  if (value.size === 0) value.object.entry?.removeEmptied()
}

/** Deletes a key if it exists, and reports the event. Returns true if it existed. */
export function deleteKey(context: Context, key: Bytes): boolean {
  if (!context.db.delete(key)) return false
  context.notify(EVENT_GENERIC, 'del', key)
  return true
}
