/** The one door between entries and the types that commands expect of them, and how strings are answered. */
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import { EVENT_GENERIC } from '../../storage/keyspace/key-events.ts'
import { type Collection, type CollectionClass, newCollection } from '../../storage/values/collection.ts'
import { Rope } from '../../storage/values/rope.ts'
import { type StringValue, stringPieces } from '../../storage/values/string.ts'
import type { Context } from '../core/context.ts'
import { stringTooLong, wrongType } from '../core/errors.ts'
import { BulkChunks, type Reply } from '../core/reply.ts'

/** The string of an entry; null for other types. */
export function stringOf({ value }: Entry): StringValue | null {
  return typeof value === 'string' || value instanceof Rope ? value : null
}

/** The string of an entry. Throws WRONGTYPE for other types. */
export function requireString(entry: Entry): StringValue {
  const value = stringOf(entry)
  if (value === null) throw wrongType()
  return value
}

/** The string of an entry, the empty one where there is no entry. Throws WRONGTYPE for other types. */
export function stringOrEmpty(entry: Entry | undefined): StringValue {
  return entry === undefined ? '' : requireString(entry)
}

/** Throws the error for strings past proto-max-bulk-len. What was logged once is not asked again: the limit may be another now. */
export function requireStringLength({ keyspace, server }: Context, length: number): void {
  if (keyspace.expiry !== 'ignore' && length > server.config.number('proto-max-bulk-len')) throw stringTooLong()
}

/** A string as a reply that stays as it is when the value changes. */
export function stringReply(value: StringValue): Reply {
  return typeof value === 'string' ? value : chunksReply(value, 0, value.length)
}

/** From so many bytes on a part of a rope is answered in chunks. */
const CHUNKS_MIN_BYTES = 16 * 1024

/** The part of a string from start to before end as a reply. */
export function sliceReply(value: StringValue, start: number, end: number): Reply {
  if (typeof value === 'string') return value.slice(start, end)
  return end - start < CHUNKS_MIN_BYTES ? value.read(start, end) : chunksReply(value, start, end)
}

const ZEROS = Buffer.alloc(16 * 1024)

function chunksReply(rope: Rope, start: number, end: number): Reply {
  const chunks: Buffer[] = []
  for (const piece of stringPieces(rope, start, end)) {
    // What is sparse costs no memory in its reply either.
    const zeros = ZEROS.subarray(0, piece.length)
    chunks.push(piece.equals(zeros) ? zeros : Buffer.from(piece))
  }
  return new BulkChunks(end - start, chunks)
}

/** The collection of a key for a read command: counts a hit or a miss. Undefined where there is no key. Throws WRONGTYPE. */
export function readAs<T extends Collection>(db: Database, key: Bytes, type: CollectionClass<T>): T | undefined {
  return asType(db.read(key), type)
}

/** The same for a command that writes. */
export function findAs<T extends Collection>(db: Database, key: Bytes, type: CollectionClass<T>): T | undefined {
  return asType(db.find(key), type)
}

/** The collection of a key, made where there is none: everything that may be refused has been checked. Throws WRONGTYPE. */
export function writableAs<T extends Collection>(db: Database, key: Bytes, type: CollectionClass<T>): T {
  const found = asType(db.find(key), type)
  if (found !== undefined) return found
  const value = newCollection(db, type)
  db.create(key, value)
  return value
}

/** A value of no key yet. */
export function newValue<T extends Collection>(db: Database, type: CollectionClass<T>): T {
  return newCollection(db, type)
}

/** The collection of an entry that may be missing. Throws WRONGTYPE. */
function asType<T extends Collection>(entry: Entry | undefined, type: CollectionClass<T>): T | undefined {
  if (entry === undefined) return undefined
  const { value } = entry
  if (value instanceof type) return value
  throw wrongType()
}

/** A collection that has lost its last element is no longer there. To be called after what has happened to it was reported. */
export function dropIfEmpty(value: Collection): void {
  const { entry, db } = value.object
  if (value.size !== 0 || entry === null) return
  db.remove(entry)
  db.keyspace.event(EVENT_GENERIC, 'del', db.index, entry.key)
}

/** Deletes a key if it exists, and reports that; whether it did. */
export function deleteKey(context: Context, key: Bytes): boolean {
  if (!context.db.delete(key)) return false
  context.notify(EVENT_GENERIC, 'del', key)
  return true
}
