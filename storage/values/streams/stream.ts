/**
 * A stream: entries by id in one tree, and in the other the groups that read them
 * (group-elements.ts). On disk: never renumber.
 *
 *   header   version(1) lastId(16) maxDeletedId(16) entriesAdded(8) nextNumber(4), big-endian
 *   entries  id(16, id.ts) -> entry (packed-entry.ts)
 *
 * The length of a stream is the tree's count, and its first id the tree's first key. A stream may
 * be empty.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { DamageError, KIND_STREAM } from '../../records/records.ts'
import { BYTES_VALUES, type Layout } from '../../tree/node.ts'
import type { TreeObject } from '../../tree/object.ts'
import type { Tree } from '../../tree/tree.ts'
import { increment, nextId, plus, putUint64, type Uint64, uint32At, uint64At, ZERO_ID } from './id.ts'

const HEADER_VERSION = 1
const HEADER_BYTES = 45

const scratch = Buffer.alloc(HEADER_BYTES)

/** A stream. */
export class Stream {
  static readonly kind = KIND_STREAM
  static readonly layouts: readonly Layout[] = [
    { isKeyed: true, values: BYTES_VALUES },
    { isKeyed: true, values: BYTES_VALUES },
  ]
  static readonly firstUnpacked = 0
  readonly kind = KIND_STREAM
  readonly object: TreeObject
  readonly entries: Tree
  /** The greatest id that the stream has ever had, or that XSETID set. */
  lastId: Bytes = ZERO_ID
  /** The greatest id that XDEL has deleted. */
  maxDeletedId: Bytes = ZERO_ID
  /** The number of entries ever added. */
  entriesAdded: Uint64 = 0
  /** The internal number of the next group or consumer; never used again. */
  nextNumber = 1
  /**
   * The times when consumers were last seen, by their numbers, in ms since the epoch, if later than
   * their elements state. They are in memory only, because a request that returns no entry is no
   * change of the stream.
   */
  seen: Map<number, number> | null = null

  constructor(object: TreeObject, header: Bytes) {
    this.object = object
    this.entries = object.tree(0)
    if (header === '') return
    if (header.charCodeAt(0) !== HEADER_VERSION || header.length !== HEADER_BYTES) throw new DamageError('a stream with a bad header')
    this.lastId = header.slice(1, 17)
    this.maxDeletedId = header.slice(17, 33)
    this.entriesAdded = uint64At(header, 33)
    this.nextNumber = uint32At(header, 41)
  }

  get size(): number {
    return this.entries.count
  }

  get encodingName(): Bytes {
    return 'stream'
  }

  encodeHeader(): Bytes {
    scratch[0] = HEADER_VERSION
    scratch.latin1Write(this.lastId, 1)
    scratch.latin1Write(this.maxDeletedId, 17)
    putUint64(scratch, 33, this.entriesAdded)
    scratch.writeUInt32BE(this.nextNumber, 41)
    return scratch.latin1Slice(0, HEADER_BYTES)
  }

  /** The id of the first entry; zero if there is none. */
  get firstId(): Bytes {
    return this.entries.count === 0 ? ZERO_ID : this.entries.keyAt(0)
  }

  /** The id of the last present entry; zero if there is none. */
  get lastPresentId(): Bytes {
    const { count } = this.entries
    return count === 0 ? ZERO_ID : this.entries.keyAt(count - 1)
  }

  /** Returns the number of entries up to this id. */
  countUpTo(id: Bytes): number {
    const next = nextId(id)
    return next === null ? this.entries.count : this.entries.lowerBound(next)
  }

  /** Adds an entry with an id above the last one. */
  append(id: Bytes, entry: Bytes): void {
    this.object.touch()
    this.lastId = id
    this.entriesAdded = increment(this.entriesAdded)
    this.entries.append(id, entry)
  }

  /** Deletes an entry. Returns false if it did not exist. */
  delete(id: Bytes): boolean {
    if (!this.entries.find(id)) return false
    this.object.touch()
    if (id > this.maxDeletedId) this.maxDeletedId = id
    this.entries.remove()
    return true
  }

  /** Removes this many of the oldest entries. */
  trim(count: number): void {
    this.entries.removeRange(0, count)
  }

  setCounters(lastId: Bytes, entriesAdded: Uint64, maxDeletedId: Bytes): void {
    this.object.touch()
    this.lastId = lastId
    this.entriesAdded = entriesAdded
    this.maxDeletedId = maxDeletedId
  }

  /**
   * True if XDEL has deleted an id from this one on. Ids before the first present entry do not
   * count. (A tombstone in Redis's sense, not one of the keyspace.)
   */
  hasTombstonesFrom(id: Bytes): boolean {
    const { maxDeletedId } = this
    return id <= maxDeletedId && maxDeletedId !== ZERO_ID && this.entries.count > 0 && this.firstId <= maxDeletedId
  }

  /**
   * Returns the number of entries added up to the entry with this id; -1 if that cannot be known.
   */
  distanceOf(id: Bytes): Uint64 {
    const { count } = this.entries
    if (this.entriesAdded === 0) return 0
    if (count === 0 && id <= this.lastId) return this.entriesAdded
    if (id === this.lastId) return this.entriesAdded
    if (id > this.lastId) return -1
    const { firstId } = this
    if (this.maxDeletedId !== ZERO_ID && this.maxDeletedId >= firstId) return -1
    if (id < firstId) return plus(this.entriesAdded, -count)
    return id === firstId ? plus(this.entriesAdded, 1 - count) : -1
  }
}
