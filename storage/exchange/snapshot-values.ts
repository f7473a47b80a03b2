/**
 * Values of a snapshot: they are decoded from its records, read only, and belong to no key. Their
 * pages are read from the snapshot, some ahead, and evicted again, so that a value larger than
 * memory can be iterated.
 */
import type { DataSnapshot } from '../records/data-snapshot.ts'
import { KIND_ROPE, KIND_STRING, objectIdOf, type Root, readRecordKey, ropeLengthOf } from '../records/records.ts'
import type { ReadPage } from '../residents/resident.ts'
import { Residents } from '../residents/residents.ts'
import type { TreeNode } from '../tree/node.ts'
import type { OwnerDatabase, OwnerKeyspace, PageAdmission } from '../tree/owner.ts'
import { DEFAULT_PAGE_LIMITS } from '../tree/tree.ts'
import { type Collection, readCollection } from '../values/collection.ts'
import { Rope } from '../values/rope.ts'
import type { Value } from '../values/value.ts'
import { PagesAhead } from './pages-ahead.ts'

/** Pages read that stay in memory: a cursor may be in the newest ones. */
const KEPT_PAGES = 32

/** Evicts all but the newest pages. */
class RecentPages implements PageAdmission {
  private pages: ReadPage[] = []

  readonly admit = () => {}

  admitPage(page: ReadPage): void {
    this.pages.push(page)
    if (this.pages.length < 2 * KEPT_PAGES) return
    const old = this.pages.splice(0, KEPT_PAGES)
    for (const read of old) read.evictIfClean(CLEAN)
  }

  clear(): void {
    this.pages = []
  }
}

/** Pages read from a snapshot have generation 0, which has landed. */
const CLEAN = 1

/** The keyspace of the values of one snapshot. Nothing is deleted in it, and nothing can change. */
class SnapshotKeyspace implements OwnerKeyspace {
  readonly generation = CLEAN + 1
  readonly frozenGeneration = 0
  readonly landedGeneration = CLEAN
  readonly pageLimits = DEFAULT_PAGE_LIMITS
  readonly eviction = new RecentPages()
  readonly garbageObjects: number[] = []
  readonly dropped: TreeNode[] = []
  readonly nowMs: number
  readonly expiryMode = 'hide'
  isExpiring = false
  diskReads = 0
  changes = 0
  dirtyBytes = 0
  frozenBytes = 0
  evictions = 0
  droppedObjects = 0
  expiredFields = 0
  readonly touch = () => {
    throw new Error('a value of a snapshot does not change')
  }
  private readonly snapshot: DataSnapshot
  private readonly ahead: PagesAhead

  constructor(snapshot: DataSnapshot, ahead: PagesAhead, nowMs: number) {
    this.snapshot = snapshot
    this.ahead = ahead
    this.nowMs = nowMs
  }

  readRecord(recordKey: Buffer): Buffer | undefined {
    this.diskReads++
    const key = readRecordKey(recordKey)
    const record = key.type === 'page' ? this.ahead.use(key.objectId, key.pageNumber) : undefined
    return record === undefined ? this.snapshot.getSync(recordKey) : (record ?? undefined)
  }

  isPast(deadlineMs: number): boolean {
    return deadlineMs <= this.nowMs
  }

  takeObjectId(): number {
    throw new Error('a value of a snapshot gets no pages')
  }
}

/** Decodes the values of one snapshot. */
export class SnapshotValues {
  private readonly keyspace: SnapshotKeyspace
  private readonly ahead: PagesAhead
  /** The announced values, by object id. */
  private announced: ReadonlyMap<number, Rope | Collection> = new Map()

  /** Fields of hashes that are expired at `nowMs` are hidden; with 0 none are. */
  constructor(snapshot: DataSnapshot, nowMs: number) {
    this.ahead = new PagesAhead(snapshot)
    this.keyspace = new SnapshotKeyspace(snapshot, this.ahead, nowMs)
  }

  /** Announces values with pages in their order, in place of those announced before. */
  announce(roots: readonly Root[]): void {
    this.announced = new Map(roots.map((root) => [objectIdOf(root), this.read(root)]))
    this.ahead.announce(this.announced.values())
  }

  /** Reads pages of announced values ahead if few are left. Rejects as `valueOf` throws. */
  async readAhead(): Promise<void> {
    if (this.ahead.isDue) await this.ahead.read()
  }

  /**
   * Returns the value of a root record. It is valid until the next call. Throws DamageError, or the
   * error of a failed read.
   */
  valueOf(root: Root): Value {
    if (root.kind === KIND_STRING) return root.payload.latin1Slice()
    this.keyspace.eviction.clear()
    const objectId = objectIdOf(root)
    if (objectId !== 0) this.ahead.dropBefore(objectId)
    return this.announced.get(objectId) ?? this.read(root)
  }

  private read(root: Root): Rope | Collection {
    const { keyspace } = this
    const owner: OwnerDatabase = { keyspace, droppedIn: 0, residents: new Residents(), resize() {}, fieldsExpired() {} }
    return root.kind === KIND_ROPE ? new Rope(owner, objectIdOf(root), ropeLengthOf(root), true) : readCollection(owner, root)
  }
}
