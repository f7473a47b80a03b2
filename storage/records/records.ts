/**
 * The grammar of every LevelDB record. On disk: never renumber. Integers are big-endian, so that
 * records sort by them.
 *
 *   meta      'm'                            -> version(1) JSON text of StoreMeta crc(4)   meta.ts
 *   root      'k' dbId(4) key                -> version(1) kind(1) flags(1)
 *                                               [expireAtMs(8) if flags & 1] payload crc(4)
 *   page      'p' objectId(8) pageNumber(4)  -> version(1) bytes crc(4)
 *   deadline  'x' expireAtMs(8) dbId(4) key  -> empty
 *   garbage   'g' kind(1) id(8)              -> empty        kind: 0 an object, 1 a database
 *   cursors   'c'                            -> version(1) JSON text of the SCAN cursors crc(4);
 *                                               written at shutdown
 *   library   'f' name                       -> version(1) bytes crc(4)             libraries.ts
 *
 *   crc is the CRC-32 of the bytes before it
 *
 *   payload of kind 1, an inline string:  the bytes
 *   payload of kind 2, a rope:            objectId(8) length(8)
 *   payload of kinds 3 to 7, collections: values/collection.ts; their pages: tree/page-codec.ts
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes, BytesInPlace } from '../../base/bytes.ts'
import { copyBytes } from '../../base/copy-bytes.ts'
import { crc32Of } from './checksums.ts'
import { CRC_BYTES, isSealed, seal } from './seal.ts'

const RECORD_VERSION = 1
/** Offsets in a root record. */
export const KIND_AT = 1
export const FLAGS_AT = 2

export const KIND_STRING = 1
export const KIND_ROPE = 2
export const KIND_HASH = 3
export const KIND_LIST = 4
export const KIND_SET = 5
export const KIND_SORTED_SET = 6
export const KIND_STREAM = 7

/**
 * The offset of the object id in the payload of a collection with pages. The byte at FORM_AT says
 * whether it has pages.
 */
export const OBJECT_ID_AT = 2
export const FORM_AT = 0
export const FORM_PAGES = 1
/** The offset of the header's length in the payload of an inline collection. */
export const HEADER_INLINE_AT = 2
/** The offset of the header's length in the payload of a collection with pages. */
const HEADER_IN_PAGES_AT = 14
/** The header's length in a hash whose fields have deadlines (values/hash.ts); else it is 0. */
const FIELD_DEADLINE_BYTES = 8
assert(OBJECT_ID_AT === HEADER_INLINE_AT, 'an object id has the offset of the header of an inline collection')
assert(HEADER_IN_PAGES_AT === OBJECT_ID_AT + 8 + 4, 'the header follows the object id and the next page number')

const HAS_DEADLINE = 1

const TAG_META = 0x6d
const TAG_CURSORS = 0x63
const TAG_LIBRARY = 0x66
const TAG_ROOT = 0x6b
const TAG_PAGE = 0x70
const TAG_DEADLINE = 0x78
const TAG_GARBAGE = 0x67

export const META_KEY = Buffer.from([TAG_META])
export const CURSORS_KEY = Buffer.from([TAG_CURSORS])
export const GARBAGE_OBJECT = 0
export const GARBAGE_DATABASE = 1

/**
 * A scratch buffer: the result of a function that uses it is valid until the next call of that
 * function.
 */
class Scratch {
  private buffer = Buffer.allocUnsafeSlow(1024)

  bufferFor(length: number): Buffer {
    if (length > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(length * 2)
    return this.buffer
  }
}

const rootKeyScratch = new Scratch()
const deadlineKeyScratch = new Scratch()
const pageKeyScratch = new Scratch()
const valueScratch = new Scratch()

function writeUint64(buffer: Buffer, value: number, offset: number): void {
  assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, 'an eight-byte number is a whole number')
  buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), offset)
  buffer.writeUInt32BE(value >>> 0, offset + 4)
}

export function readUint64(buffer: Buffer, offset: number): number {
  return buffer.readUInt32BE(offset) * 0x1_0000_0000 + buffer.readUInt32BE(offset + 4)
}

/** Returns the key of a root record, in a scratch buffer. */
export function rootKey(dbId: number, key: Bytes): Buffer {
  const length = 5 + key.length
  const buffer = rootKeyScratch.bufferFor(length)
  buffer[0] = TAG_ROOT
  buffer.writeUInt32BE(dbId, 1)
  buffer.latin1Write(key, 5)
  return buffer.subarray(0, length)
}

/** Returns the key of a page record, in a scratch buffer. */
export function pageKey(objectId: number, pageNumber: number): Buffer {
  const buffer = pageKeyScratch.bufferFor(13)
  buffer[0] = TAG_PAGE
  writeUint64(buffer, objectId, 1)
  buffer.writeUInt32BE(pageNumber, 9)
  return buffer.subarray(0, 13)
}

/** Returns the key of a deadline record, in a scratch buffer. */
export function deadlineKey(expireAtMs: number, dbId: number, key: Bytes): Buffer {
  const length = 13 + key.length
  const buffer = deadlineKeyScratch.bufferFor(length)
  buffer[0] = TAG_DEADLINE
  writeUint64(buffer, expireAtMs, 1)
  buffer.writeUInt32BE(dbId, 9)
  buffer.latin1Write(key, 13)
  return buffer.subarray(0, length)
}

/** Returns the key of a garbage record. `kind` is GARBAGE_OBJECT or GARBAGE_DATABASE. */
export function garbageKey(kind: number, id: number): Buffer {
  assert(kind === GARBAGE_OBJECT || kind === GARBAGE_DATABASE, 'garbage is an object or a database')
  const buffer = Buffer.allocUnsafe(10)
  buffer[0] = TAG_GARBAGE
  buffer[1] = kind
  writeUint64(buffer, id, 2)
  return buffer
}

/** Returns the key of the record of a library. */
export function libraryKey(name: Bytes): Buffer {
  const buffer = Buffer.allocUnsafe(1 + name.length)
  buffer[0] = TAG_LIBRARY
  buffer.latin1Write(name, 1)
  return buffer
}

/** Returns the value of an inline string's root, in a scratch buffer. `expireAtMs` 0 means none. */
export function stringRoot(value: Bytes, expireAtMs: number): Buffer {
  const start = expireAtMs === 0 ? 3 : 11
  const buffer = valueScratch.bufferFor(start + value.length + CRC_BYTES)
  writeRootHead(buffer, KIND_STRING, expireAtMs)
  buffer.latin1Write(value, start)
  return seal(buffer, start + value.length)
}

/** Bytes of the key of a root record, without the user's key. */
export const ROOT_KEY_HEAD_BYTES = 5

/** Returns the bytes of the root record of an inline string of a length. */
export const stringRootBytes = (length: number, expireAtMs: number): number => (expireAtMs === 0 ? 3 : 11) + length + CRC_BYTES

/** Writes the root record of an inline string at an offset: its key, and then its value. */
export function writeStringRecord(to: Buffer, at: number, dbId: number, key: BytesInPlace, value: BytesInPlace, expireAtMs: number): void {
  to[at] = TAG_ROOT
  to.writeUInt32BE(dbId, at + 1)
  copyBytes(key.bytes, key.from, key.length, to, at + ROOT_KEY_HEAD_BYTES)
  const root = at + ROOT_KEY_HEAD_BYTES + key.length
  writeRootHead(to, KIND_STRING, expireAtMs, root)
  const start = root + (expireAtMs === 0 ? 3 : 11)
  copyBytes(value.bytes, value.from, value.length, to, start)
  const end = start + value.length
  to.writeUInt32BE(crc32Of(to, root, end), end)
}

/** Returns the value of a rope's root, in a scratch buffer. */
export function ropeRoot(objectId: number, length: number, expireAtMs: number): Buffer {
  const start = expireAtMs === 0 ? 3 : 11
  const buffer = valueScratch.bufferFor(start + 16 + CRC_BYTES)
  writeRootHead(buffer, KIND_ROPE, expireAtMs)
  writeUint64(buffer, objectId, start)
  writeUint64(buffer, length, start + 8)
  return seal(buffer, start + 16)
}

/** Returns the value of a collection's root, in a scratch buffer. */
export function writeCollectionRoot(kind: number, payload: Buffer, expireAtMs: number): Buffer {
  assert(kind >= KIND_HASH && kind <= KIND_STREAM, 'a collection is of one of the kinds 3 to 7')
  assert(payload.length > OBJECT_ID_AT, 'the root of a collection has a head')
  const start = expireAtMs === 0 ? 3 : 11
  const buffer = valueScratch.bufferFor(start + payload.length + CRC_BYTES)
  writeRootHead(buffer, kind, expireAtMs)
  payload.copy(buffer, start)
  return seal(buffer, start + payload.length)
}

/** Returns the value of a page, in a scratch buffer. */
export function pageValue(content: Buffer): Buffer {
  const buffer = valueScratch.bufferFor(1 + content.length + CRC_BYTES)
  buffer[0] = RECORD_VERSION
  content.copy(buffer, 1)
  return seal(buffer, 1 + content.length)
}

/** Returns the value of the record of a library. */
export function libraryRecord(content: Bytes): Buffer {
  const length = 1 + content.length
  const buffer = Buffer.allocUnsafe(length + CRC_BYTES)
  buffer[0] = RECORD_VERSION
  buffer.latin1Write(content, 1)
  return seal(buffer, length)
}

/** Returns a text record (meta, cursors). */
export function textRecord(text: string): Buffer {
  const length = 1 + Buffer.byteLength(text)
  const buffer = Buffer.alloc(length + CRC_BYTES)
  buffer[0] = RECORD_VERSION
  buffer.write(text, 1)
  return seal(buffer, length)
}

/**
 * Returns a record without its CRC. Throws DamageError if the CRC is wrong or the version unknown:
 * LevelDB does not check its own CRCs.
 */
function unseal(value: Buffer, what: string): Buffer {
  return value.subarray(0, unsealedLength(value, what))
}

/** Returns the length of a record without its CRC. Throws DamageError, like `unseal`. */
function unsealedLength(value: Buffer, what: string): number {
  const length = value.length - CRC_BYTES
  if (length < 1) throw new DamageError(`${what} record: cut short`)
  if (!isSealed(value)) throw new DamageError(`${what} record: fails its CRC`)
  if (value[0] !== RECORD_VERSION) throw new DamageError(`${what} record: unknown version ${value[0]}`)
  return length
}

function writeRootHead(buffer: Buffer, kind: number, expireAtMs: number, at = 0): void {
  assert(expireAtMs >= 0, 'a deadline is not negative')
  buffer[at] = RECORD_VERSION
  buffer[at + 1] = kind
  buffer[at + 2] = expireAtMs === 0 ? 0 : HAS_DEADLINE
  if (expireAtMs !== 0) writeUint64(buffer, expireAtMs, at + 3)
}

/** A decoded root record. `expireAtMs` 0 means no deadline. */
export interface Root {
  readonly kind: number
  readonly expireAtMs: number
  readonly payload: Buffer
}

/** Data on disk that differs from any that was written. */
export class DamageError extends Error {
  override readonly name = 'DamageError'
}

/** Advice for lost data that no other file in the directory makes up for. */
export const RESTORE_ADVICE = 'restore the whole data directory from a backup, or start with an empty one and let a full sync fill it'

/** Decodes a root record. Throws DamageError if it does not follow the grammar. */
export function readRoot(record: Buffer): Root {
  return rootIn(record, rootStart(record))
}

/** The kind of a root record, which `rootStart` checks. */
export const rootKind = (record: Buffer): number => record[KIND_AT] ?? 0

/** Checks a root record. Returns where its payload starts; it ends CRC_BYTES before the record. */
export function rootStart(record: Buffer): number {
  const length = unsealedLength(record, 'root')
  const kind = record[KIND_AT] ?? 0
  const flags = record[FLAGS_AT] ?? 0
  if (length <= FLAGS_AT || (flags & ~HAS_DEADLINE) !== 0) throw new DamageError('root record: bad head')
  if (!(kind >= KIND_STRING && kind <= KIND_STREAM)) throw new DamageError(`root record: unknown kind ${kind}`)
  const start = flags & HAS_DEADLINE ? 11 : 3
  if (length < start) throw new DamageError('root record: cut short')
  if (kind === KIND_ROPE && length !== start + 16) throw new DamageError('root record: a rope of the wrong size')
  return start
}

/** Returns the root in a record whose payload starts there. */
export function rootIn(record: Buffer, start: number): Root {
  const expireAtMs = rootExpireAtMs(record, start)
  return { kind: rootKind(record), expireAtMs, payload: record.subarray(start, record.length - CRC_BYTES) }
}

/** Returns the deadline in a root record whose payload starts there; 0 means none. */
export function rootExpireAtMs(record: Buffer, start: number): number {
  return start === 11 ? readUint64(record, 3) : 0
}

/** Returns the object id in a root's payload, or 0 if the value has no pages. */
export function objectIdOf(root: Root): number {
  const { kind, payload } = root
  if (kind === KIND_ROPE) return readUint64(payload, 0)
  if (kind === KIND_STRING || payload[FORM_AT] !== FORM_PAGES) return 0
  if (payload.length < OBJECT_ID_AT + 8) throw new DamageError('root record: cut short')
  return readUint64(payload, OBJECT_ID_AT)
}

/**
 * Returns the time of the first deletion in a root, as `Entry.dueAtMs` has it: of the key, or of
 * its hash's next field. 0 means never.
 */
export function rootDueAtOf(root: Root): number {
  const { kind, expireAtMs, payload } = root
  if (kind !== KIND_HASH) return expireAtMs
  const at = payload[FORM_AT] === FORM_PAGES ? HEADER_IN_PAGES_AT : HEADER_INLINE_AT
  if (payload[at] !== FIELD_DEADLINE_BYTES || payload.length < at + 1 + FIELD_DEADLINE_BYTES) return expireAtMs
  const nextDeadlineMs = readUint64(payload, at + 1)
  return expireAtMs === 0 ? nextDeadlineMs : Math.min(expireAtMs, nextDeadlineMs)
}

/** Returns the length of a rope in bytes, from its root record. */
export function ropeLengthOf(root: Root): number {
  return readUint64(root.payload, 8)
}

/** Returns the content of a page record. */
export function readPage(value: Buffer): Buffer {
  return unseal(value, 'page').subarray(1)
}

/** Returns the content of a library from its record. Throws DamageError. */
export function readLibrary(value: Buffer): Bytes {
  return unseal(value, 'library').latin1Slice(1)
}

/** Returns the text of a text record. */
export function readText(value: Buffer, what: string): string {
  return unseal(value, what).toString('utf8', 1)
}

/** A decoded record key. */
export type RecordKey =
  | { readonly type: 'meta' | 'cursors' }
  | { readonly type: 'library'; readonly name: Bytes }
  | { readonly type: 'root'; readonly dbId: number; readonly key: Bytes }
  | { readonly type: 'page'; readonly objectId: number; readonly pageNumber: number }
  | { readonly type: 'deadline'; readonly expireAtMs: number; readonly dbId: number; readonly key: Bytes }
  | { readonly type: 'garbage'; readonly kind: number; readonly id: number }

/** Decodes the key of a record. Throws DamageError if it does not follow the grammar. */
export function readRecordKey(buffer: Buffer): RecordKey {
  switch (buffer[0]) {
    case TAG_META:
      if (buffer.length === 1) return { type: 'meta' }
      break
    case TAG_CURSORS:
      if (buffer.length === 1) return { type: 'cursors' }
      break
    case TAG_LIBRARY:
      return { type: 'library', name: buffer.latin1Slice(1) }
    case TAG_ROOT:
      if (buffer.length >= 5) return { type: 'root', dbId: buffer.readUInt32BE(1), key: buffer.latin1Slice(5) }
      break
    case TAG_PAGE:
      if (buffer.length === 13) return { type: 'page', objectId: readUint64(buffer, 1), pageNumber: buffer.readUInt32BE(9) }
      break
    case TAG_DEADLINE:
      if (buffer.length >= 13)
        return { type: 'deadline', expireAtMs: readUint64(buffer, 1), dbId: buffer.readUInt32BE(9), key: buffer.latin1Slice(13) }
      break
    case TAG_GARBAGE:
      if (buffer.length === 10) return { type: 'garbage', kind: must(buffer[1]), id: readUint64(buffer, 2) }
      break
  }
  throw new DamageError(`record key of an unknown form: ${buffer.toString('hex', 0, 32)}`)
}

/** The length of a root's record key before the user's key. */
export const ROOT_PREFIX_BYTES = 5

/** Returns the bounds of all records of one kind. */
const tagRange = (tag: number) => ({ from: Buffer.from([tag]), before: Buffer.from([tag + 1]) })
export const ALL_RECORDS = { from: Buffer.alloc(0), before: Buffer.from([0xff]) }
export const GARBAGE_RANGE = tagRange(TAG_GARBAGE)

/**
 * Returns the bounds of one database's roots, from a key on (empty: from the first) to before a key
 * (absent: to the last).
 */
export function rootRange(dbId: number, from: Bytes, before?: Bytes): { from: Buffer; before: Buffer } {
  return {
    from: Buffer.from(rootKey(dbId, from)),
    before: Buffer.from(before === undefined ? rootKey(dbId + 1, '') : rootKey(dbId, before)),
  }
}

/** Returns the bounds of one object's pages, from a number on. */
export function pageRange(objectId: number, fromPage = 0): { from: Buffer; before: Buffer } {
  return { from: Buffer.from(pageKey(objectId, fromPage)), before: Buffer.from(pageKey(objectId + 1, 0)) }
}

/** Returns the bounds of the deadlines from a time on to before another, in all databases. */
export function deadlineRange(fromMs: number, beforeMs: number): { from: Buffer; before: Buffer } {
  return { from: Buffer.from(deadlineKey(fromMs, 0, '')), before: Buffer.from(deadlineKey(beforeMs, 0, '')) }
}
