/**
 * All databases, and the protocol between commands and checkpoints.
 *
 *   generation        even; what is changed now belongs to it
 *   frozenGeneration  the one before, while its checkpoint is under way, else 0
 *   record.generation the one in which it was last changed; odd (frozen + 1) once the checkpoint in flight has encoded it
 *   landedGeneration  records at or below it are clean: LevelDB has them as they are
 *
 * `touch` comes before every change of an entry or page. A record of the frozen generation that is not encoded yet is encoded then,
 * as it was (copy-on-write). Freezing is O(1): the dirty list changes hands and the generation goes up by two.
 *
 * Invariant: while `epoch` stays, LevelDB's roots stay; "what LevelDB has, less resident tombstones, plus new keys" is all that exists.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { FrozenBatch } from '../checkpoint/checkpoint.ts'
import type { DatabaseMeta, Meta } from '../records/meta.ts'
import type { RecordStore } from '../records/record-store.ts'
import type { TreeNode } from '../tree/node.ts'
import { DEFAULT_PAGE_LIMITS, type PageLimits } from '../tree/tree.ts'
import { Database } from './database.ts'
import { Deadlines } from './deadlines.ts'
import type { DirtyRecord } from './entry.ts'
import { Eviction } from './eviction.ts'
import { type KeyEvents, type KeyObserver, NO_EVENTS } from './key-events.ts'
import { Libraries } from './libraries.ts'
import { NewKeys } from './new-keys.ts'

/** Where deletions that no command asked for are logged: the binlog's open group. */
export interface ExpiryLog {
  deleted(database: number, key: Bytes): void
  fieldsDeleted(database: number, key: Bytes, fields: readonly Bytes[]): void
}

/** Whoever has clients blocked on keys. */
export interface Awaited {
  changed(database: number, key: Bytes): void
  /** Any key of this database may have come, gone or changed. */
  replaced(database: number): void
}

/** What a lookup does with a key past its deadline: a master deletes it, a replica hides it, replay takes no notice. */
export type ExpiryMode = 'delete' | 'hide' | 'ignore'

/** What a freeze hands to the checkpoint, as of its moment. */
export interface Frozen {
  readonly generation: number
  readonly dirty: DirtyRecord[]
  readonly garbageObjects: number[]
  readonly garbageDatabases: number[]
  readonly databases: readonly DatabaseMeta[]
  readonly nextObjectId: number
  readonly nextDbId: number
  readonly libraries: readonly Bytes[]
}

export class Keyspace {
  readonly databases: Database[]
  /** Replaced by a full sync: nobody may keep it. */
  records: RecordStore
  log: ExpiryLog
  expiry: ExpiryMode = 'delete'
  /** The reading of the clock that units share, ms since the epoch. */
  now = 0
  /** Monotonic time of that reading in whole seconds, from 1 on: what the last use of keys is dated by. */
  seconds = 1
  /** Monotonic time of that reading, ms; Infinity where it does not become old. */
  readAtMs = Number.POSITIVE_INFINITY
  /** Whether lookups count as use (CLIENT NO-TOUCH turns it off for its own). */
  touching = true
  /** What is deleted now has come to its end: whoever's command has met it has not changed it. */
  isEnding = false

  generation = 2
  frozenGeneration = 0
  landedGeneration = 1
  epoch = 0
  dirty: DirtyRecord[] = []
  /** Nodes of dropped objects that have not left memory yet. */
  dropped: TreeNode[] = []
  pageLimits: PageLimits = DEFAULT_PAGE_LIMITS
  /** Told of keys that come, go or get another value, while somebody is blocked on keys. */
  awaited: Awaited | null = null
  events: KeyEvents = NO_EVENTS
  /** A unit of several commands has been done in part and takes turns of its own for the rest: nothing may be frozen or deleted meanwhile. */
  isUnitOpen = false
  /** Who is told of changed keys; null while nobody is. */
  observers: readonly KeyObserver[] | null = null
  /** Memory of the dirty records and of the frozen ones, in bytes; pages dropped meanwhile included. */
  dirtyBytes = 0
  frozenBytes = 0
  garbageObjects: number[] = []
  garbageDatabases: number[] = []
  nextObjectId = 1
  nextDbId = 1
  readonly eviction: Eviction
  readonly deadlines = new Deadlines()
  readonly libraries = new Libraries(() => {
    this.changes++
  })
  /** Changes so far: moves exactly when a command has changed something. */
  changes = 0
  /** Changes as INFO shows them and Redis counts them: one a command, or one an element where the command says so. */
  countedChanges = 0
  /** What `countedChanges` was as of the last checkpoint that has landed, and of the one in flight. */
  landedChanges = 0
  private frozenChanges = 0

  hits = 0
  misses = 0
  expiredKeys = 0
  expiredFields = 0
  /** Values in pages that were deleted or replaced: what is freed in the background. */
  droppedObjects = 0
  evictions = 0
  diskReads = 0
  private frozenBatch: FrozenBatch | null = null

  constructor(records: RecordStore, databaseCount: number, log: ExpiryLog) {
    this.records = records
    this.log = log
    this.eviction = new Eviction(this)
    this.databases = Array.from({ length: databaseCount }, (_, index) => new Database(this, this.nextDbId++, index))
  }

  /** Forgets everything, as before `restore`. No checkpoint may be under way. */
  reset(): void {
    for (const observer of this.observers ?? []) observer.forgetsAll()
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
      this.awaited?.replaced(index)
    }
    this.nextObjectId = 1
    this.nextDbId = this.databases.length + 1
    this.deadlines.clear()
    this.libraries.reset()
    this.landedChanges = this.countedChanges
  }

  /** Takes over what the meta record says. More databases than this server has are kept and not reached. */
  restore(meta: Meta): void {
    this.nextObjectId = meta.nextObjectId
    this.nextDbId = meta.nextDbId
    this.libraries.restore(this.records, meta.libraries ?? [])
    for (const [index, { id, keys, volatile }] of meta.databases.entries()) {
      const db = new Database(this, id, index)
      db.restoreCounts(keys, volatile)
      this.databases[index] = db
    }
    for (let index = meta.databases.length; index < this.databases.length; index++) {
      this.databases[index] = new Database(this, this.nextDbId++, index)
    }
  }

  readClock(clock: Clock): void {
    this.now = clock.wallMs()
    this.readAtMs = clock.monotonicMs()
    this.seconds = 1 + Math.floor(this.readAtMs / 1000)
  }

  setClock(wallMs: number): void {
    this.now = wallMs
  }

  /** Reports what has happened to a key, where that class of events is wanted. */
  event(eventClass: number, event: Bytes, database: number, key: Bytes): void {
    if ((this.events.wanted & eventClass) !== 0) this.events.happened(database, event, key)
  }

  observe(observer: KeyObserver): void {
    if (this.observers?.includes(observer) !== true) this.observers = [...(this.observers ?? []), observer]
  }

  unobserve(observer: KeyObserver): void {
    const left = this.observers?.filter((other) => other !== observer) ?? []
    this.observers = left.length === 0 ? null : left
  }

  isPast(deadline: number): boolean {
    return deadline <= this.now && this.expiry !== 'ignore'
  }

  database(index: number): Database {
    return this.databases[index] as Database
  }

  readRecord(key: Buffer): Buffer | undefined {
    this.diskReads++
    return this.records.getSync(key)
  }

  takeObjectId(): number {
    return this.nextObjectId++
  }

  /** Before a page is changed. Entries go through `Database.touch`. */
  touch(record: DirtyRecord, sizeBytes: number): void {
    if (record.generation !== this.generation) this.touchSlow(record, sizeBytes)
  }

  touchSlow(record: DirtyRecord, sizeBytes: number): void {
    if (record.generation !== 0 && record.generation === this.frozenGeneration) record.encode(this.frozenBatch as FrozenBatch)
    record.generation = this.generation
    this.dirty.push(record)
    this.dirtyBytes += sizeBytes
  }

  /** FLUSHDB: O(1). The dropped database's records become garbage with the next checkpoint. */
  flush(index: number): void {
    const old = this.database(index)
    for (const observer of this.observers ?? []) observer.replaces(index, null)
    this.changes++
    if (old.keyCount === 0 && old.residentEntries === 0) return
    old.droppedIn = this.generation
    this.garbageDatabases.push(old.id)
    this.databases[index] = new Database(this, this.nextDbId++, index)
    this.awaited?.replaced(index)
  }

  swap(first: number, second: number): void {
    const a = this.database(first)
    const b = this.database(second)
    for (const observer of this.observers ?? []) {
      observer.replaces(first, second)
      observer.replaces(second, first)
    }
    this.changes++
    this.databases[first] = b
    this.databases[second] = a
    b.index = first
    a.index = second
    this.awaited?.replaced(first)
    this.awaited?.replaced(second)
  }

  get keyCount(): number {
    return this.databases.reduce((sum, db) => sum + db.keyCount, 0)
  }

  get residentBytes(): number {
    let sum = 0
    for (const db of this.databases) sum += db.residents.bytes
    return sum
  }

  /** Entries, tombstones and pages in memory. */
  get residentCount(): number {
    let sum = 0
    for (const db of this.databases) sum += db.residents.length
    return sum
  }

  /** Hands everything dirty to a checkpoint, as of now. */
  freeze(batch: FrozenBatch): Frozen {
    const frozen: Frozen = {
      generation: this.generation,
      dirty: this.dirty,
      garbageObjects: this.garbageObjects,
      garbageDatabases: this.garbageDatabases,
      databases: this.databases.map((db) => ({ id: db.id, keys: db.keyCount, volatile: db.volatileCount })),
      nextObjectId: this.nextObjectId,
      nextDbId: this.nextDbId,
      libraries: this.libraries.names(),
    }
    this.frozenBatch = batch
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
    this.libraries.freeze(batch.batch)
    return frozen
  }

  /** LevelDB has what was frozen. */
  landed(): void {
    this.landedGeneration = this.frozenGeneration + 1
    this.landedChanges = this.frozenChanges
    this.frozenGeneration = 0
    this.frozenBytes = 0
    this.frozenBatch = null
    this.epoch++
    for (const db of this.databases) db.frozenNewKeys = null
    this.deadlines.landed()
    this.libraries.landed()
  }

  /** LevelDB has nothing of what was frozen: it is dirty again, as part of the present generation. */
  thaw(frozen: Frozen): void {
    this.frozenGeneration = 0
    this.frozenBatch = null
    this.dirtyBytes += this.frozenBytes
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
