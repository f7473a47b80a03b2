/**
 * Loads an RDB into the empty records of a data set, with memory bounded by `cacheBytes` and the
 * largest string.
 *
 *   add(part) ... mustFlush -> flush() ... add(end) -> complete()
 *
 * A value that fits into its root record becomes a record of a bulk load, which LevelDB gets at the
 * end (records/bulk-load.ts). Other values go through a keyspace of the loader's own, whose
 * checkpoints write their pages. A large collection grows part by part, and its clean pages are
 * evicted meanwhile.
 *
 * A failed load leaves records that belong to no data set in use: the caller removes them.
 */
import { assert, at, must } from '../../base/assert.ts'
import type { Bytes, BytesInPlace } from '../../base/bytes.ts'
import type { RdbPart, RdbStringKey, RdbValuePart } from '../../rdb/elements.ts'
import { damagedAt, type RdbError, refusedAt } from '../../rdb/format/rdb-error.ts'
import type { BinlogPosition } from '../binlog/group.ts'
import { Checkpoint } from '../checkpoint/checkpoint.ts'
import type { Database } from '../keyspace/database.ts'
import { type ExpiryLog, Keyspace } from '../keyspace/keyspace.ts'
import { decodeMeta, encodeMeta, type StoreMeta } from '../records/meta.ts'
import type { RecordLoad, RecordStore } from '../records/record-store.ts'
import { deadlineKey, META_KEY, rootKey, stringRoot } from '../records/records.ts'
import { collectionRoot } from '../values/collection.ts'
import { Hash } from '../values/hash.ts'
import { MIN_ROPE_BYTES, Rope } from '../values/rope.ts'
import type { Value } from '../values/value.ts'
import { type GrowingValue, growingValue } from './growing.ts'
import { buildValue, checkPart, sizeOfPart, type ValueLimits } from './incoming.ts'

const DEFAULT_FLUSH_BYTES = 8 * 1024 * 1024
/** Dirty pages may take this many times `flushBytes`: a page is then encoded less often. */
const DIRTY_FACTOR = 3
const MAX_WHOLE_BYTES = 1024 * 1024
/** Records that a slice of a checkpoint encodes. */
const RECORDS_PER_SLICE = 64

const EMPTY_VALUE = Buffer.alloc(0)
/** Nothing expires while an RDB is loaded. */
const NO_LOG: ExpiryLog = { deleted() {}, fieldsDeleted() {} }

export interface LoaderOptions {
  /** The empty records of a data set, to be filled. */
  readonly records: RecordStore
  readonly databaseCount: number
  readonly limits: ValueLimits
  /** Bytes of clean pages that stay in memory. */
  readonly cacheBytes: number
  /** The time by which keys are expired, in ms since the epoch. */
  readonly nowMs: number
  /** True: expired keys are loaded too, as a replica does, because their master deletes them. */
  readonly mustKeepExpired: boolean
  /** Returns false for a key that is left out. */
  readonly isWanted?: (database: number, key: Bytes) => boolean
  /** Returns the name of a library of functions. Throws RdbError if the code is not accepted. */
  readonly libraryName: (code: Bytes) => Bytes
  /** Resolves when other work of the process has had a turn. */
  readonly breathe: () => Promise<void>
  /** Collects V8's heap, in a process that serves no one. */
  readonly collectGarbage?: () => void
  /** Records wait for a flush until their keys and values take this much. */
  readonly flushBytes?: number
  /**
   * A value is decoded as a whole up to this size in bytes; a larger collection grows part by part.
   */
  readonly maxWholeBytes?: number
}

/** The numbers of a load. */
export interface LoadSummary {
  keys: number
  expired: number
  /** Keys of collections without elements, which Redis does not load either. */
  empty: number
  /** Keys that `isWanted` left out. */
  filtered: number
  libraries: number
  /** Data of modules that the reader skipped. */
  readonly skipped: string[]
}

/** The key whose value is being read. */
interface OpenKey {
  readonly key: Bytes
  readonly expireAtMs: number
  readonly db: Database
  readonly isSkipped: boolean
  parts: RdbValuePart[]
  sizeBytes: number
  /** The collection that grows in place of `parts`; null for a value that is decoded whole. */
  growing: GrowingValue | null
}

/** Loads an RDB into empty records. */
export class RdbLoader {
  readonly summary: LoadSummary = { keys: 0, expired: 0, empty: 0, filtered: 0, libraries: 0, skipped: [] }
  private readonly options: LoaderOptions
  private readonly flushBytes: number
  private readonly maxWholeBytes: number
  private readonly keyspace: Keyspace
  private database: Database
  private open: OpenKey | null = null
  /** Takes the root records of whole values. */
  private readonly load: RecordLoad
  /** The keys of each database that were written without going through the keyspace. */
  private readonly stored: { keys: number; volatile: number }[]
  private hasEnded = false

  constructor(options: LoaderOptions) {
    const { records, databaseCount, cacheBytes, nowMs } = options
    this.options = options
    this.flushBytes = options.flushBytes ?? DEFAULT_FLUSH_BYTES
    this.maxWholeBytes = options.maxWholeBytes ?? MAX_WHOLE_BYTES
    this.keyspace = new Keyspace(records, databaseCount, NO_LOG)
    this.keyspace.expiryMode = 'ignore'
    this.keyspace.eviction.limits = { cacheBytes }
    this.keyspace.setClock(nowMs)
    this.database = this.keyspace.database(0)
    this.load = records.load()
    this.stored = Array.from({ length: databaseCount }, () => ({ keys: 0, volatile: 0 }))
  }

  /** Adds the next part. Throws RdbError. REQUIRES: `mustFlush` is false. */
  add(part: RdbPart): void {
    switch (part.kind) {
      case 'database':
        this.select(part.index)
        break
      case 'key':
        this.openKey(part)
        break
      case 'key-end':
        this.closeKey()
        break
      case 'string-key':
        this.addString(part)
        break
      case 'library':
        this.keyspace.libraries.set(this.options.libraryName(part.code), part.code)
        this.summary.libraries++
        break
      case 'skipped':
        this.summary.skipped.push(part.what)
        break
      case 'end':
        this.hasEnded = true
        break
      case 'start':
      case 'aux':
      case 'sizes':
      case 'slot':
        break
      default:
        this.addValuePart(must(this.open, 'a part of a value follows its key'), part)
    }
  }

  /** True if `flush` has to come before the next part. */
  get mustFlush(): boolean {
    return this.load.mustFlush || this.keyspace.dirtyBytes >= DIRTY_FACTOR * this.flushBytes
  }

  /**
   * Writes the records that wait. Resolves when the next parts may come, which may be before the
   * write has ended.
   */
  async flush(): Promise<void> {
    if (this.load.mustFlush) await this.load.flush()
    if (this.keyspace.dirty.length > 0) await this.checkpoint({ offset: 0, crc: 0 })
  }

  /**
   * Writes the rest, and the meta record for a position of the binlog. Returns that record. Rejects
   * with RdbError if a key came twice.
   */
  async complete(position: BinlogPosition): Promise<Buffer> {
    assert(this.hasEnded && this.open === null, 'a load is finished at the end of the RDB')
    await this.flush()
    await this.checkpoint(position)
    const meta = this.metaOfAll()
    await this.releaseMemory()
    if (!(await this.load.complete())) throw duplicateKey()
    const batch = this.options.records.batch()
    const record = encodeMeta(meta)
    batch.put(META_KEY, record)
    await batch.write()
    return record
  }

  /** Gives back the pages of collections: the end of the load needs memory of its own. */
  private async releaseMemory(): Promise<void> {
    this.keyspace.eviction.limits = { cacheBytes: 0 }
    while (this.keyspace.eviction.slice()) await this.options.breathe()
    this.options.collectGarbage?.()
  }

  /** Returns the last checkpoint's meta record, with the keys that no checkpoint knows. */
  private metaOfAll(): StoreMeta {
    const meta = decodeMeta(must(this.options.records.getSync(META_KEY)))
    const databases = meta.databases.map(({ id, keys, volatile }, index) => {
      const stored = at(this.stored, index)
      return { id, keys: keys + stored.keys, volatile: volatile + stored.volatile }
    })
    return { ...meta, databases }
  }

  private select(index: number): void {
    const { databaseCount } = this.options
    if (index >= databaseCount) throw refusedAt(0, `database ${index} does not exist: the setting \`databases\` is ${databaseCount}`)
    this.database = this.keyspace.database(index)
  }

  /** Stores a string without making strings of V8 from its bytes. */
  private addString({ key, value, expireAtMs: givenMs }: RdbStringKey): void {
    assert(this.open === null && value.length < MIN_ROPE_BYTES, 'short strings come between keys')
    const { isWanted } = this.options
    const { database: db } = this
    if (this.isSkipped(givenMs, () => isWanted === undefined || isWanted(db.index, textOf(key)))) return
    const expireAtMs = deadlineOf(givenMs)
    this.load.putString(db.id, key, value, expireAtMs)
    if (expireAtMs !== 0) this.load.put(deadlineKey(expireAtMs, db.id, textOf(key)), EMPTY_VALUE)
    this.countStored(db, expireAtMs)
    this.summary.keys++
  }

  /** Returns true, and counts it, for a key that is not loaded. */
  private isSkipped(expireAtMs: number | null, isWanted: () => boolean): boolean {
    const { mustKeepExpired, nowMs } = this.options
    const isExpired = expireAtMs !== null && expireAtMs <= nowMs && !mustKeepExpired
    const isFiltered = !isExpired && !isWanted()
    if (isExpired) this.summary.expired++
    if (isFiltered) this.summary.filtered++
    return isExpired || isFiltered
  }

  private openKey({ key, expireAtMs }: Extract<RdbPart, { kind: 'key' }>): void {
    assert(this.open === null, 'keys follow each other')
    const { isWanted } = this.options
    const { database: db } = this
    this.open = {
      key,
      expireAtMs: deadlineOf(expireAtMs),
      db,
      isSkipped: this.isSkipped(expireAtMs, () => isWanted === undefined || isWanted(db.index, key)),
      parts: [],
      sizeBytes: 0,
      growing: null,
    }
  }

  private addValuePart(open: OpenKey, part: RdbValuePart): void {
    if (open.isSkipped) return
    checkPart(part)
    if (open.growing !== null) {
      open.growing.add(part)
      return
    }
    open.parts.push(part)
    open.sizeBytes += sizeOfPart(part)
    if (open.sizeBytes > this.maxWholeBytes && part.kind !== 'string') this.growInPlace(open)
  }

  /** Turns a value that has become large into a key that grows. */
  private growInPlace(open: OpenKey): void {
    const { db, key, parts } = open
    const growing = growingValue(must(parts[0]), db, this.options.limits)
    this.createKey(open, growing.value)
    for (const part of parts) growing.add(part)
    open.parts = []
    open.growing = growing
    assert(db.resident(key) !== undefined, 'a value that grows is in memory')
  }

  private closeKey(): void {
    const open = must(this.open, 'the end of a key follows the key')
    this.open = null
    if (open.isSkipped) return
    if (open.growing !== null) {
      const entry = must(open.db.resident(open.key))
      open.db.dueChanged(entry)
    } else if (open.parts.length === 0) {
      this.summary.empty++
      return
    } else this.store(open, buildValue({ parts: open.parts, sizeBytes: open.sizeBytes }, open.db, this.options.limits))
    this.summary.keys++
  }

  /** Stores a whole value: in its root record if it fits, else through the keyspace. */
  private store(open: OpenKey, value: Value | Buffer): void {
    const { db, key, expireAtMs } = open
    const root = rootRecordOf(value, expireAtMs)
    if (root === null) {
      this.createKey(open, value)
      return
    }
    this.load.put(rootKey(db.id, key), root)
    const dueAtMs =
      value instanceof Hash && value.nextDeadlineMs !== 0 ? Math.min(value.nextDeadlineMs, expireAtMs || Infinity) : expireAtMs
    if (dueAtMs !== 0) this.load.put(deadlineKey(dueAtMs, db.id, key), EMPTY_VALUE)
    this.countStored(db, expireAtMs)
  }

  private countStored(db: Database, expireAtMs: number): void {
    const counts = at(this.stored, db.index)
    counts.keys++
    if (expireAtMs !== 0) counts.volatile++
  }

  private createKey({ db, key, expireAtMs }: OpenKey, value: Value | Buffer): void {
    if (db.resident(key) !== undefined || db.packed.has(key)) throw duplicateKey()
    this.load.claim(rootKey(db.id, key))
    const entry = db.create(key, value)
    if (expireAtMs !== 0) db.setDeadline(entry, expireAtMs)
  }

  private async checkpoint(position: BinlogPosition): Promise<void> {
    const { keyspace, open } = this
    const checkpoint = new Checkpoint(keyspace, position)
    while (!checkpoint.encodeSome(RECORDS_PER_SLICE)) await this.options.breathe()
    await checkpoint.write()
    // A dirty entry stays in memory, so the growing value stays the key's.
    if (open !== null && open.growing !== null) open.db.touch(must(open.db.resident(open.key)))
    while (keyspace.eviction.slice()) await this.options.breathe()
  }
}

/** Returns a deadline as entries have it: 0 for none. */
const deadlineOf = (expireAtMs: number | null): number => (expireAtMs === null ? 0 : Math.max(1, expireAtMs))

const textOf = ({ bytes, from, length }: BytesInPlace): Bytes => bytes.latin1Slice(from, from + length)

function duplicateKey(): RdbError {
  return damagedAt(0, 'a key occurs twice')
}

/** Returns the root record of a value that needs no other record; null if it needs pages. */
function rootRecordOf(value: Value | Buffer, expireAtMs: number): Buffer | null {
  if (typeof value === 'string') return value.length < MIN_ROPE_BYTES ? stringRoot(value, expireAtMs) : null
  if (Buffer.isBuffer(value)) return value.length < MIN_ROPE_BYTES ? stringRoot(value.latin1Slice(), expireAtMs) : null
  return value instanceof Rope || value.object.pages !== null ? null : collectionRoot(value, expireAtMs)
}
