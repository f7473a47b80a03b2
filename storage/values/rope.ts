/**
 * A large string: chunks of 16 KiB, each a page of its own in LevelDB. Chunks are loaded, changed,
 * evicted and checkpointed one by one. Absent chunks are zeros. SETBIT, SETRANGE, GETRANGE and
 * APPEND touch only the chunks concerned.
 *
 * Invariant: bytes past `length` in the last chunk are zeros.
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { RecordSink } from '../records/record-store.ts'
import { pageKey, pageValue, readPage } from '../records/records.ts'
import type { DirtyRecord, ReadPage, Resident } from '../residents/resident.ts'
import type { OwnerDatabase } from '../tree/owner.ts'

/** A string becomes a rope when it has at least this length, in bytes. */
export const MIN_ROPE_BYTES = 64 * 1024
export const CHUNK_BYTES = 16 * 1024
const CHUNK_SHIFT = 14
assert(CHUNK_BYTES === 2 ** CHUNK_SHIFT, 'the size of a chunk is that of its shift')
assert(MIN_ROPE_BYTES % CHUNK_BYTES === 0, 'the shortest rope has whole chunks')

export const PAGE_OVERHEAD_BYTES = 200

const ZEROS = Buffer.alloc(CHUNK_BYTES)

/** One chunk of a rope. */
export class RopePage implements Resident, DirtyRecord, ReadPage {
  readonly memoryBytes = CHUNK_BYTES + PAGE_OVERHEAD_BYTES
  readonly rope: Rope
  readonly index: number
  readonly content: Buffer
  generation = 0
  ringIndex = -1
  isReferenced = true

  constructor(rope: Rope, index: number, content: Buffer) {
    this.rope = rope
    this.index = index
    this.content = content
  }

  encode(batch: RecordSink): void {
    const { rope } = this
    const { db } = rope
    const { frozenGeneration } = db.keyspace
    assert(frozenGeneration !== 0 && this.generation === frozenGeneration, 'a page is encoded once, as of its freeze')
    this.generation = frozenGeneration + 1
    if (db.droppedIn !== 0 && db.droppedIn <= frozenGeneration) return
    rope.isStored = true
    batch.put(pageKey(rope.objectId, this.index), pageValue(this.content))
  }

  pack(): false {
    return false
  }

  evict(): void {
    this.rope.evictPage(this)
  }

  evictIfClean(landedGeneration: number): void {
    if (this.ringIndex >= 0 && this.generation <= landedGeneration) this.rope.evictPage(this)
  }
}

/** A large string in chunks. */
export class Rope {
  /** The database whose key holds this rope. */
  db: OwnerDatabase
  readonly objectId: number
  length: number
  /** True if LevelDB has pages of this object, or may have some after the checkpoint in flight. */
  isStored: boolean
  private readonly pages = new Map<number, RopePage>()

  constructor(db: OwnerDatabase, objectId: number, length: number, isStored: boolean) {
    this.db = db
    this.objectId = objectId
    this.length = length
    this.isStored = isStored
  }

  /** Returns a new rope with these bytes. */
  static of(db: OwnerDatabase, bytes: Bytes | Buffer): Rope {
    const rope = new Rope(db, db.keyspace.takeObjectId(), 0, false)
    rope.write(0, typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return rope
  }

  get chunkCount(): number {
    return (this.length + CHUNK_BYTES - 1) >>> CHUNK_SHIFT
  }

  /**
   * Returns the bytes of one chunk, always a whole chunk long. Read only, valid until the next
   * change.
   */
  chunk(index: number): Buffer {
    return this.page(index)?.content ?? ZEROS
  }

  byteAt(position: number): number {
    return must(this.chunk(position >>> CHUNK_SHIFT)[position & (CHUNK_BYTES - 1)])
  }

  /**
   * Returns the bytes from start to before end, in pieces that stay valid until the next change.
   */
  *pieces(start: number, end: number): Generator<Buffer> {
    while (start < end) {
      const from = start & (CHUNK_BYTES - 1)
      const count = Math.min(CHUNK_BYTES - from, end - start)
      yield this.chunk(start >>> CHUNK_SHIFT).subarray(from, from + count)
      start += count
    }
  }

  /** Returns a copy of the bytes from start to before end. */
  read(start: number, end: number): Buffer {
    const result = Buffer.allocUnsafe(end - start)
    let done = 0
    for (const piece of this.pieces(start, end)) {
      piece.copy(result, done)
      done += piece.length
    }
    return result
  }

  /**
   * Writes bytes at a position. A gap past the end is filled with zeros. REQUIRES: the entry has
   * been touched.
   */
  write(position: number, bytes: Buffer): void {
    let done = 0
    while (done < bytes.length) {
      const at = position + done
      const from = at & (CHUNK_BYTES - 1)
      const count = Math.min(CHUNK_BYTES - from, bytes.length - done)
      bytes.copy(this.writableChunk(at >>> CHUNK_SHIFT), from, done, done + count)
      done += count
    }
    this.length = Math.max(this.length, position + bytes.length)
  }

  /** Sets the length to at least this many bytes. */
  grow(length: number): void {
    if (length > this.length) this.length = length
  }

  /** Returns one chunk for changes in place. REQUIRES: the entry has been touched. */
  writableChunk(index: number): Buffer {
    let page = this.page(index)
    if (page === undefined) page = this.addPage(new RopePage(this, index, Buffer.alloc(CHUNK_BYTES)))
    this.db.keyspace.touch(page, CHUNK_BYTES + PAGE_OVERHEAD_BYTES)
    return page.content
  }

  /** Returns a copy with an object id of its own, for the same or another database. */
  copyFor(db: OwnerDatabase): Rope {
    const copy = new Rope(db, db.keyspace.takeObjectId(), 0, false)
    for (let index = 0; index < this.chunkCount; index++) {
      const chunk = this.chunk(index)
      if (chunk !== ZEROS) copy.write(index * CHUNK_BYTES, chunk)
    }
    copy.length = this.length
    return copy
  }

  /** Hands the resident pages over to another database, with the key that holds this rope. */
  moveTo(db: OwnerDatabase): void {
    if (db === this.db) return
    for (const page of this.pages.values()) {
      this.db.residents.remove(page, CHUNK_BYTES + PAGE_OVERHEAD_BYTES)
      db.residents.add(page, CHUNK_BYTES + PAGE_OVERHEAD_BYTES)
    }
    this.db = db
  }

  /**
   * Drops a rope that no key owns any more: its pages leave memory, and its records become garbage
   * with the next checkpoint.
   */
  drop(): void {
    const { keyspace } = this.db
    for (const page of this.pages.values()) {
      this.db.residents.remove(page, CHUNK_BYTES + PAGE_OVERHEAD_BYTES)
      // excludes it from the next checkpoint; a frozen page is still written
      if (page.generation === keyspace.generation) page.generation = 0
    }
    this.pages.clear()
    if (this.isStored || keyspace.frozenGeneration !== 0) keyspace.garbageObjects.push(this.objectId)
  }

  /** Memory of the resident pages, in bytes. */
  get residentBytes(): number {
    return this.pages.size * (CHUNK_BYTES + PAGE_OVERHEAD_BYTES)
  }

  /** Evicts a page. REQUIRES: it is clean. */
  evictPage(page: RopePage): void {
    this.pages.delete(page.index)
    this.db.residents.remove(page, CHUNK_BYTES + PAGE_OVERHEAD_BYTES)
    this.db.keyspace.evictions++
  }

  private page(index: number): RopePage | undefined {
    const resident = this.pages.get(index)
    if (resident !== undefined) {
      resident.isReferenced = true
      return resident
    }
    if (!this.isStored) return undefined
    const value = this.db.keyspace.readRecord(pageKey(this.objectId, index))
    if (value === undefined) return undefined
    const page = this.addPage(new RopePage(this, index, Buffer.from(readPage(value))))
    this.db.keyspace.eviction.admitPage(page, page.memoryBytes)
    return page
  }

  private addPage(page: RopePage): RopePage {
    this.pages.set(page.index, page)
    this.db.residents.add(page, CHUNK_BYTES + PAGE_OVERHEAD_BYTES)
    return page
  }
}
