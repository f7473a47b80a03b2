/**
 * A string value in either of its forms, bytes or rope. Positions and lengths are in bytes;
 * `value.length` is right for both.
 */
import { type Bytes, EMPTY } from '../../base/bytes.ts'
import type { Database } from '../keyspace/database.ts'
import type { Entry } from '../keyspace/entry.ts'
import { ROPE_MIN_BYTES, Rope } from './rope.ts'

export type StringValue = Bytes | Rope

/** A scratch buffer in which short strings are changed. */
const scratch = Buffer.allocUnsafeSlow(ROPE_MIN_BYTES)

/** Returns a copy of the bytes from start to before end. */
export function stringBuffer(value: StringValue, start = 0, end: number = value.length): Buffer {
  return typeof value === 'string' ? Buffer.from(value.slice(start, end), 'latin1') : value.read(start, end)
}

/** Returns the bytes from start to before end in pieces, read only, valid until the next change. */
export function stringPieces(value: StringValue, start: number, end: number): Iterable<Buffer> {
  if (start >= end) return []
  return typeof value === 'string' ? [stringBuffer(value, start, end)] : value.pieces(start, end)
}

/** Returns one byte; 0 past the end. */
export function stringByteAt(value: StringValue, position: number): number {
  if (position >= value.length) return 0
  return typeof value === 'string' ? value.charCodeAt(position) : value.byteAt(position)
}

/**
 * Writes bytes into a key's string at a position. A gap past the end is filled with zeros, so an
 * empty write grows the string to that length. Creates the key if `entry` is undefined. REQUIRES:
 * the entry holds a string.
 */
export function writeString(db: Database, key: Bytes, entry: Entry | undefined, position: number, bytes: Buffer): Entry {
  const value = entry === undefined ? EMPTY : (entry.value as StringValue)
  if (typeof value !== 'string') {
    db.touch(entry as Entry)
    value.write(position, bytes)
    return entry as Entry
  }
  const length = Math.max(value.length, position + bytes.length)
  if (length >= ROPE_MIN_BYTES) {
    const rope = Rope.of(db, value)
    rope.write(position, bytes)
    return store(db, key, entry, rope)
  }
  scratch.latin1Write(value, 0)
  scratch.fill(0, value.length, length)
  bytes.copy(scratch, position)
  return store(db, key, entry, scratch.latin1Slice(0, length))
}

/** Adds bytes at the end of an entry's string. */
export function appendString(db: Database, entry: Entry, suffix: Bytes): void {
  const value = entry.value as StringValue
  const length = value.length + suffix.length
  if (typeof value !== 'string' || length >= ROPE_MIN_BYTES) {
    writeString(db, entry.key, entry, value.length, Buffer.from(suffix, 'latin1'))
    return
  }
  // `value + suffix` would keep both strings alive.
  scratch.latin1Write(value, 0)
  scratch.latin1Write(suffix, value.length)
  db.replace(entry, scratch.latin1Slice(0, length))
}

function store(db: Database, key: Bytes, entry: Entry | undefined, value: StringValue): Entry {
  if (entry === undefined) return db.create(key, value)
  db.replace(entry, value)
  return entry
}
