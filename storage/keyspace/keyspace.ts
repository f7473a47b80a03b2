/**
 * All databases, and the protocol between commands and checkpoints.
 *
 *   generation        even; changes made now belong to it
 *   frozenGeneration  the previous one while its checkpoint is under way, else 0
 *   record.generation the generation of the record's last change; odd (frozen + 1) once the
 *                     checkpoint in flight has encoded the record
 *   landedGeneration  records at or below it are clean: LevelDB has them as they are
 *
 * `touch` comes before every change of an entry or page. If the record belongs to the frozen
 * generation and is not encoded yet, `touch` encodes it as it was (copy-on-write). A freeze hands
 * over the list of dirty records and raises the generation by two: O(1) in their number.
 *
 * Invariant: while `epoch` stays, LevelDB's roots stay. All keys that exist are then LevelDB's
 * keys, minus resident tombstones, plus new keys.
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { StoreMeta } from '../records/meta.ts'
import type { RecordSink, RecordStore } from '../records/record-store.ts'
import { DamageError } from '../records/records.ts'
import type { UpstreamMark } from '../records/upstream.ts'
import type { DirtyRecord } from '../residents/resident.ts'
import type { CountedSlots } from '../slots/slot-counts.ts'
import type { TreeNode } from '../tree/node.ts'
import type { OwnerKeyspace } from '../tree/owner.ts'
import { DEFAULT_PAGE_LIMITS, type PageLimits } from '../tree/tree.ts'
import { Database } from './database.ts'
import { Deadlines } from './deadlines.ts'
import { Eviction } from './eviction.ts'
import { type Frozen, FrozenEntries } from './frozen-entries.ts'
import { type KeyEvents, type KeyObserver, NO_EVENTS } from './key-events.ts'
import type { UseCounter } from './last-use.ts'
import { Libraries } from './libraries.ts'
import { NewKeys } from './new-keys.ts'
import type { RootsAhead } from './roots-ahead.ts'
import { UnsettledKeys } from './unsettled-keys.ts'

/** Logs deletions that no command asked for: the binlog's open group. */
export interface ExpiryLog {
  deleted(database: number, key: Bytes): void
  fieldsDeleted(database: number, key: Bytes, fields: readonly Bytes[]): void
}

/** The callbacks of the clients that are blocked on keys. */
export interface KeyWaiters {
  /** Called when a key has come, gone or got another value. */
  onKeyChanged(database: number, key: Bytes): void
  /** Called when any key of a database may have come, gone or changed. */
  onDatabaseReplaced(database: number): void
}

/**
 * The effect of a lookup on an expired key: a master deletes it, a replica hides it, replay ignores
 * the deadline.
 */
export type ExpiryMode = 'delete' | 'hide' | 'ignore'

/** All databases of a node, and the protocol between commands and checkpoints. */
export class Keyspace implements OwnerKeyspace {
  readonly databases: Database[]
  /** True if databases count their keys by slot. */
  readonly mustCountSlots: boolean
  /** A full sync replaces it: do not keep a reference. */
  records: RecordStore
  log: ExpiryLog
  expiryMode: ExpiryMode = 'delete'
  /** The reading of the clock that units share, in ms since the epoch. */
  nowMs = 0
  /** Monotonic time of that reading in whole seconds, from 1 on. Entries record it at their use. */
  monotonicSeconds = 1
  /** Monotonic time of that reading in ms; Infinity (never too old) before the first one. */
  readAtMs = Number.POSITIVE_INFINITY
  /** True if lookups count as use. CLIENT NO-TOUCH turns it off for the commands of its client. */
  isUseCounted = true
  /** Counts uses while an LFU policy is selected; null under other policies. */
  useCounter: UseCounter | null = null
  /** True while an expired key or field is deleted: no observer may attribute that to a command. */
  isExpiring = false

  /** Changes made now belong to it. */
  generation = 2
  /** The generation of the checkpoint under way, else 0. */
  frozenGeneration = 0
  /** Records at or below it are clean. */
  landedGeneration = 1
  /** Moves when LevelDB's roots may have changed. */
  epoch = 0
  dirty: DirtyRecord[] = []
  /** Nodes of dropped objects that are still in memory. */
  dropped: TreeNode[] = []
  pageLimits: PageLimits = DEFAULT_PAGE_LIMITS
  /**
   * Receives the keys that come, go or get another value. Attached while clients are blocked on
   * keys; null otherwise.
   */
  keyWaiters: KeyWaiters | null = null
  readonly events: KeyEvents
  /**
   * True while a unit of several commands is suspended and continues in later turns. Nothing may be
   * frozen or expired meanwhile.
   */
  isUnitSuspended = false
  /** The observers of changed keys, as `observe` attached them; null if there are none. */
  observers: readonly KeyObserver[] | null = null
  /**
   * Bytes of memory of the dirty records, frozen ones not included. Pages that were dropped after
   * they became dirty still count.
   */
  dirtyBytes = 0
  /** `dirtyBytes` as of the freeze while a checkpoint is under way, else 0. */
  frozenBytes = 0
  garbageObjects: number[] = []
  garbageDatabases: number[] = []
  nextObjectId = 1
  nextDbId = 1
  readonly eviction: Eviction
  readonly deadlines = new Deadlines()
  readonly unsettled: UnsettledKeys
  readonly libraries = new Libraries(() => {
    this.changes++
  })
  /** The number of changes by commands. The executor logs a command if this number has moved. */
  changes = 0
  /**
   * The changes as INFO shows them and Redis counts them: one per command, or one per element where
   * the command says so.
   */
  countedChanges = 0
  /** `countedChanges` as of the last checkpoint that landed. */
  landedChanges = 0
  /** `countedChanges` as of the checkpoint in flight. */
  private frozenChanges = 0

  /** The last position in the stream of a Redis master that the log or the records named. */
  upstream: UpstreamMark | null = null
  hits = 0
  misses = 0
  expiredKeys = 0
  expiredFields = 0
  /** The number of values in pages that were dropped; their pages are freed in the background. */
  droppedObjects = 0
  evictions = 0
  diskReads = 0
  /** The roots that were read for the commands being replayed; null if there are none. */
  rootsAhead: RootsAhead | null = null
  private frozenBatch: RecordSink | null = null
  /** Encodes the entries of the checkpoint under way; null if none is under way. */
  frozenEntries: FrozenEntries | null = null

  constructor(records: RecordStore, databaseCount: number, log: ExpiryLog, events = NO_EVENTS, slots: 'counted' | 'ignored' = 'ignored') {
    this.records = records
    this.mustCountSlots = slots === 'counted'
    this.log = log
    this.events = events
    this.eviction = new Eviction(this)
    this.unsettled = new UnsettledKeys(this)
    this.databases = Array.from({ length: databaseCount }, (_, index) => new Database(this, this.nextDbId++, index))
  }

  /** Empties memory; `restore` may follow. REQUIRES: no checkpoint is under way. */
  reset(): void {
    assert(this.frozenGeneration === 0, 'memory is not emptied while a checkpoint is under way')
    for (const observer of this.observers ?? []) observer.onReplaceAll()
    this.landedGeneration = this.generation + 1
    this.generation += 2
    this.epoch++
    this.dirty = []
    this.dirtyBytes = 0
    this.dropped = []
    this.garbageObjects = []
    this.garbageDatabases = []
    for (const [index, old] of this.databases.entries()) {
      old.droppedIn = this.generation
      this.databases[index] = new Database(this, index + 1, index)
      this.keyWaiters?.onDatabaseReplaced(index)
    }
    this.nextObjectId = 1
    this.nextDbId = this.databases.length + 1
    this.deadlines.clear()
    this.unsettled.clear()
    this.libraries.reset()
    this.upstream = null
    this.landedChanges = this.countedChanges
  }

  /**
   * Restores the state in the meta record. Databases beyond this server's number are kept in
   * LevelDB, but no command can reach them. `counted` has the slots that the record has not.
   */
  restore(meta: StoreMeta, counted: CountedSlots | null = null): void {
    this.nextObjectId = meta.nextObjectId
    this.nextDbId = meta.nextDbId
    this.libraries.restore(this.records, meta.libraries ?? [])
    this.upstream = meta.upstream === undefined ? null : { ...meta.upstream, at: meta.binlogOffset }
    assert(this.nextObjectId > 0 && this.nextDbId > 0, 'the next ids are positive')
    for (const [index, counts] of meta.databases.entries()) {
      const db = new Database(this, counts.id, index)
      db.restoreCounts(counts, counted)
      if (counts.id >= this.nextDbId) throw new DamageError('meta record: a database id is not below the next one')
      this.databases[index] = db
    }
    for (let index = meta.databases.length; index < this.databases.length; index++) {
      this.databases[index] = new Database(this, this.nextDbId++, index)
    }
  }

  readClock(clock: Clock): void {
    this.nowMs = clock.wallMs()
    this.readAtMs = clock.monotonicMs()
    this.monotonicSeconds = 1 + Math.floor(this.readAtMs / 1000)
  }

  setClock(wallMs: number): void {
    this.nowMs = wallMs
  }

  /** Reports an event of a key if its class is wanted. */
  event(eventClass: number, event: Bytes, database: number, key: Bytes): void {
    if ((this.events.wanted & eventClass) !== 0) this.events.onEvent(database, event, key)
  }

  observe(observer: KeyObserver): void {
    if (this.observers?.includes(observer) !== true) this.observers = [...(this.observers ?? []), observer]
  }

  unobserve(observer: KeyObserver): void {
    const left = this.observers?.filter((other) => other !== observer) ?? []
    this.observers = left.length === 0 ? null : left
  }

  isPast(deadlineMs: number): boolean {
    return deadlineMs <= this.nowMs && this.expiryMode !== 'ignore'
  }

  database(index: number): Database {
    return must(this.databases[index])
  }

  readRecord(key: Buffer): Buffer | undefined {
    this.diskReads++
    return this.records.getSync(key)
  }

  takeObjectId(): number {
    const id = this.nextObjectId++
    assert(id > 0 && id < Number.MAX_SAFE_INTEGER, 'an object id is a whole number')
    return id
  }

  /** Marks a page dirty before it is changed. Entries go through `Database.touch`. */
  touch(record: DirtyRecord, sizeBytes: number): void {
    if (record.generation !== this.generation) this.touchSlow(record, sizeBytes)
  }

  touchSlow(record: DirtyRecord, sizeBytes: number): void {
    assert(record.generation < this.generation, 'no record has a future generation')
    if (record.generation !== 0 && record.generation === this.frozenGeneration)
      record.encode(must(this.frozenBatch, 'a frozen record has a batch'))
    record.generation = this.generation
    this.dirty.push(record)
    this.dirtyBytes += sizeBytes
    assert(this.dirtyBytes >= 0, 'the memory of dirty records is not negative')
  }

  /** FLUSHDB, in O(1). The dropped database's records become garbage with the next checkpoint. */
  flush(index: number): void {
    const old = this.database(index)
    for (const observer of this.observers ?? []) observer.onReplace(index, null)
    this.changes++
    if (old.keyCountAtMost === 0 && old.residentEntries === 0) return
    assert(old.droppedIn === 0, 'a database is dropped once')
    old.droppedIn = this.generation
    this.garbageDatabases.push(old.id)
    this.databases[index] = new Database(this, this.nextDbId++, index)
    this.keyWaiters?.onDatabaseReplaced(index)
  }

  swap(first: number, second: number): void {
    const a = this.database(first)
    const b = this.database(second)
    for (const observer of this.observers ?? []) {
      observer.onReplace(first, second)
      observer.onReplace(second, first)
    }
    this.changes++
    this.databases[first] = b
    this.databases[second] = a
    b.index = first
    a.index = second
    this.keyWaiters?.onDatabaseReplaced(first)
    this.keyWaiters?.onDatabaseReplaced(second)
  }

  get keyCount(): number {
    return this.databases.reduce((sum, db) => sum + db.keyCount, 0)
  }

  get residentBytes(): number {
    let sum = 0
    for (const db of this.databases) sum += db.residents.bytes + db.packed.bytes
    return sum
  }

  /** The number of entries, tombstones, pages and packed keys in memory. */
  get residentCount(): number {
    return this.databases.reduce((sum, { residents, packed }) => sum + residents.length + packed.count, 0)
  }

  /** Hands everything dirty to a checkpoint, as of now. */
  freeze(batch: RecordSink): Frozen {
    assert(this.frozenGeneration === 0 && this.frozenBatch === null, 'one checkpoint is under way at a time')
    this.unsettled.settleAll()
    for (const db of this.databases) db.checkCounts()
    assert(!this.isUnitSuspended, 'nothing is frozen in the middle of a unit')
    assert(this.frozenBytes === 0 && this.dirtyBytes >= 0, 'the memory of dirty records is not negative')
    assert(this.generation % 2 === 0 && this.landedGeneration < this.generation, 'only an even generation above the landed one is frozen')
    const frozen: Frozen = {
      generation: this.generation,
      dirty: this.dirty,
      entries: new FrozenEntries(this, this.dirty.length),
      garbageObjects: this.garbageObjects,
      garbageDatabases: this.garbageDatabases,
      databases: this.databases.map((db) => db.meta),
      nextObjectId: this.nextObjectId,
      nextDbId: this.nextDbId,
      libraries: this.libraries.names(),
    }
    this.frozenBatch = batch
    this.frozenEntries = frozen.entries
    this.frozenGeneration = this.generation
    this.frozenChanges = this.countedChanges
    this.frozenBytes = this.dirtyBytes
    this.generation += 2
    this.dirty = []
    this.dirtyBytes = 0
    this.garbageObjects = []
    this.garbageDatabases = []
    for (const db of this.databases) {
      db.frozenNewKeys = db.newKeys
      db.newKeys = new NewKeys()
    }
    this.deadlines.freeze()
    this.libraries.freeze(batch)
    assert(
      this.landedGeneration < this.frozenGeneration && this.frozenGeneration < this.generation,
      'generations go up: landed, frozen, present',
    )
    return frozen
  }

  /** Marks the frozen records clean. REQUIRES: LevelDB has all of them. */
  releaseFrozen(): void {
    assert(this.frozenGeneration !== 0 && this.frozenBatch !== null, 'only a frozen generation lands')
    assert(this.landedGeneration < this.frozenGeneration, 'the landed generation only grows')
    const entries = must(this.frozenEntries)
    this.landedGeneration = this.frozenGeneration + 1
    this.landedChanges = this.frozenChanges
    this.frozenGeneration = 0
    this.frozenBytes = 0
    this.frozenBatch = null
    this.frozenEntries = null
    this.epoch++
    for (const db of this.databases) db.frozenNewKeys = null
    this.deadlines.releaseFrozen()
    this.libraries.releaseFrozen()
    entries.removeTombstones()
    assert(this.landedGeneration < this.generation, 'the present generation has not landed')
  }

  /**
   * Makes the frozen records dirty again, as part of the current generation. REQUIRES: LevelDB has
   * none of them.
   */
  thaw(frozen: Frozen): void {
    assert(this.frozenGeneration === frozen.generation, 'only the latest freeze is thawed')
    frozen.entries.undo()
    this.frozenGeneration = 0
    this.frozenBatch = null
    this.frozenEntries = null
    this.dirtyBytes += this.frozenBytes
    assert(this.dirtyBytes >= 0, 'the memory of dirty records is not negative')
    this.frozenBytes = 0
    this.epoch++
    for (const record of frozen.dirty) {
      if (record.generation > frozen.generation + 1 || record.generation === 0) continue
      record.generation = this.generation
      this.dirty.push(record)
    }
    this.garbageObjects = frozen.garbageObjects.concat(this.garbageObjects)
    this.garbageDatabases = frozen.garbageDatabases.concat(this.garbageDatabases)
    for (const db of this.databases) {
      if (db.frozenNewKeys !== null) db.newKeys.absorb(db.frozenNewKeys)
      db.frozenNewKeys = null
    }
    this.deadlines.thaw()
    this.libraries.thaw()
  }
}
