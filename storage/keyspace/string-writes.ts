/**
 * Changes of the string that a key holds. A string becomes a rope when it reaches `MIN_ROPE_BYTES`.
 * Positions and lengths are in bytes.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, EMPTY } from '../../base/bytes.ts'
import { MIN_ROPE_BYTES, Rope } from '../values/rope.ts'
import type { StringValue } from '../values/string.ts'
import type { Database } from './database.ts'
import type { Entry } from './entry.ts'

/** A scratch buffer in which short strings are changed. */
const scratch = Buffer.allocUnsafeSlow(MIN_ROPE_BYTES)

/**
 * Writes bytes into a key's string at a position. A gap past the end is filled with zeros, so an
 * empty write grows the string to that length. Creates the key if `entry` is undefined. REQUIRES:
 * the entry holds a string.
 */
export function writeString(db: Database, key: Bytes, entry: Entry | undefined, position: number, bytes: Buffer): Entry {
  const value = entry === undefined ? EMPTY : (entry.value as StringValue)
  if (typeof value !== 'string') {
    db.touch(must(entry))
    value.write(position, bytes)
    return must(entry)
  }
  const length = Math.max(value.length, position + bytes.length)
  if (length >= MIN_ROPE_BYTES) {
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
  if (typeof value !== 'string' || length >= MIN_ROPE_BYTES) {
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
