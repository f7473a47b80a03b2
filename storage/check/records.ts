/**
 * Verifies LevelDB's records in one pass in key order, which is by kind: cursors, libraries,
 * garbage, roots, meta, pages, deadlines. Garbage is therefore known before the roots, and every
 * owner before the pages.
 *
 * The deadline index is compared with the roots both ways: each record is looked up from the other
 * side. Memory is limited, except for the ids of objects and of garbage, and the summaries of one
 * object's pages.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../keyspace/database.ts'
import { Keyspace } from '../keyspace/keyspace.ts'
import { decodeMeta, type StoreMeta } from '../records/meta.ts'
import type { RecordStore } from '../records/record-store.ts'
import {
  ALL_RECORDS,
  deadlineKey,
  GARBAGE_DATABASE,
  GARBAGE_OBJECT,
  KIND_ROPE,
  KIND_STRING,
  META_KEY,
  objectIdOf,
  type RecordKey,
  type Root,
  readLibrary,
  readRecordKey,
  readRoot,
  rootDueAtOf,
  rootKey,
  ropeLengthOf,
} from '../records/records.ts'
import { ScanCursors } from '../scan/scan-cursors.ts'
import { MIN_ROPE_BYTES } from '../values/rope.ts'
import { ObjectTable } from './objects.ts'
import { PageCheck } from './pages.ts'
import { type CheckProgress, damageText, type Findings, shownRoot } from './report.ts'
import { checkInline } from './trees.ts'

const RECORDS_PER_STEP = 1000

export interface RecordCounts {
  roots: number
  volatile: number
  pages: number
  garbage: number
}

type RootKey = Extract<RecordKey, { type: 'root' }>
type PageKey = Extract<RecordKey, { type: 'page' }>
type DeadlineKey = Extract<RecordKey, { type: 'deadline' }>

/**
 * Reports damage of the records. Returns the meta record, or null if there is none that can be
 * read.
 */
export async function checkRecords(
  records: RecordStore,
  findings: Findings,
  progress: (progress: CheckProgress) => void,
): Promise<{ readonly meta: StoreMeta | null; readonly counts: RecordCounts }> {
  const meta = readMeta(records, findings)
  const check = new RecordCheck(records, findings, meta)
  const total = (meta?.databases ?? []).reduce((sum, db) => sum + db.keys + db.volatile, 0)
  const iterator = records.iterate(ALL_RECORDS)
  let done = 0
  try {
    for (;;) {
      const batch = await iterator.next(RECORDS_PER_STEP)
      if (batch.length === 0) break
      for (const [key, value] of batch) check.record(key, value)
      await check.lookUp()
      done += batch.length
      progress({ phase: 'records', done, total: Math.max(total, done) })
    }
  } finally {
    await iterator.close()
  }
  check.end(done)
  return { meta, counts: check.counts }
}

function readMeta(records: RecordStore, findings: Findings): StoreMeta | null {
  const record = records.getSync(META_KEY)
  if (record === undefined) return null
  try {
    return decodeMeta(record)
  } catch (error) {
    findings.damage('meta record', damageText(error))
    return null
  }
}

interface Tally {
  keys: number
  volatile: number
}

/** A record that must exist on the other side of the deadline index. */
interface Lookup {
  readonly recordKey: Buffer
  /** Judges the record that was found. */
  readonly judge: (found: Buffer | undefined) => void
}

const NO_LOG = { deleted() {}, fieldsDeleted() {} }

class RecordCheck {
  readonly counts: RecordCounts = { roots: 0, volatile: 0, pages: 0, garbage: 0 }
  private readonly records: RecordStore
  private readonly findings: Findings
  private readonly meta: StoreMeta | null
  private readonly objects = new ObjectTable()
  private readonly tallies = new Map<number, Tally>()
  private readonly libraries = new Set<Bytes>()
  private readonly garbageObjects = new Set<number>()
  private readonly garbageDatabases = new Set<number>()
  private lookups: Lookup[] = []
  private pages: PageCheck | null = null
  /** An empty database, for reading values. */
  private readonly db: Database

  constructor(records: RecordStore, findings: Findings, meta: StoreMeta | null) {
    this.records = records
    this.findings = findings
    this.meta = meta
    this.db = new Keyspace(records, 1, NO_LOG).database(0)
  }

  record(recordKey: Buffer, value: Buffer): void {
    let key: RecordKey
    try {
      key = readRecordKey(recordKey)
    } catch (error) {
      this.findings.damage(`record ${recordKey.toString('hex', 0, 32)}`, damageText(error))
      return
    }
    switch (key.type) {
      case 'meta':
        break
      case 'cursors':
        this.cursors(value)
        break
      case 'library':
        this.library(key.name, value)
        break
      case 'garbage':
        this.garbage(key.kind, key.id, value)
        break
      case 'root':
        this.root(key, value)
        break
      case 'page':
        this.page(key, value)
        break
      case 'deadline':
        this.deadline(key, value)
    }
  }

  /** Looks up the other sides of the deadlines met since the last call. */
  async lookUp(): Promise<void> {
    const { lookups } = this
    if (lookups.length === 0) return
    this.lookups = []
    const found = await this.records.getMany(lookups.map((lookup) => lookup.recordKey))
    for (const [index, lookup] of lookups.entries()) lookup.judge(found[index])
  }

  /** Called after the last record. */
  end(recordCount: number): void {
    this.beginPages().end()
    if (this.meta === null) {
      if (recordCount > 0) this.findings.damage('meta record', `missing or unreadable, though there are ${recordCount} records`)
      return
    }
    for (const name of this.meta.libraries ?? []) {
      if (!this.libraries.has(name)) this.findings.damage(`library '${name}'`, 'missing, though the meta record names it')
    }
    const seen = new Set<number>()
    for (const [index, { id, keys, volatile }] of this.meta.databases.entries()) {
      const place = `database ${index} (id ${id})`
      if (seen.has(id)) this.findings.damage(place, 'another database has the same id')
      seen.add(id)
      if (id >= this.meta.nextDbId) this.findings.damage(place, `its id is not below the next one, ${this.meta.nextDbId}`)
      if (this.garbageDatabases.has(id)) this.findings.damage(place, 'in use, but listed as garbage')
      const tally = this.tallies.get(id) ?? { keys: 0, volatile: 0 }
      if (tally.keys !== keys) this.findings.damage(place, `holds ${tally.keys} keys; the meta record states ${keys}`)
      if (tally.volatile !== volatile)
        this.findings.damage(place, `holds ${tally.volatile} keys with a deadline; the meta record states ${volatile}`)
    }
    for (const [id, tally] of this.tallies) {
      if (!seen.has(id) && !this.garbageDatabases.has(id))
        this.findings.damage(`database id ${id}`, `${tally.keys} keys of a database that is neither in use nor garbage`)
    }
  }

  private cursors(value: Buffer): void {
    try {
      new ScanCursors(() => 0).decode(value)
    } catch (error) {
      this.findings.damage('cursors record', damageText(error))
    }
  }

  private library(name: Bytes, value: Buffer): void {
    const place = `library '${name}'`
    this.libraries.add(name)
    try {
      readLibrary(value)
    } catch (error) {
      this.findings.damage(place, damageText(error))
    }
    if (this.meta !== null && !(this.meta.libraries ?? []).includes(name)) this.findings.damage(place, 'the meta record does not name it')
  }

  private garbage(kind: number, id: number, value: Buffer): void {
    const place = `garbage record ${kind}:${id}`
    this.counts.garbage++
    if (value.length > 0) this.findings.damage(place, 'has a value')
    if (kind === GARBAGE_OBJECT) this.garbageObjects.add(id)
    else if (kind === GARBAGE_DATABASE) this.garbageDatabases.add(id)
    else this.findings.damage(place, 'its kind is unknown')
    const next = kind === GARBAGE_OBJECT ? this.meta?.nextObjectId : this.meta?.nextDbId
    if (next !== undefined && id >= next) this.findings.damage(place, `its id is not below the next one, ${next}`)
  }

  private root({ dbId, key }: RootKey, value: Buffer): void {
    const place = shownRoot(dbId, key)
    this.counts.roots++
    let tally = this.tallies.get(dbId)
    if (tally === undefined) {
      tally = { keys: 0, volatile: 0 }
      this.tallies.set(dbId, tally)
    }
    tally.keys++
    try {
      const root = readRoot(value)
      if (root.expireAtMs !== 0) {
        this.counts.volatile++
        tally.volatile++
      }
      const dueAtMs = rootDueAtOf(root)
      if (dueAtMs !== 0) {
        const what = dueAtMs === root.expireAtMs ? 'expires' : 'has a field that expires'
        this.lookups.push({
          recordKey: Buffer.from(deadlineKey(dueAtMs, dbId, key)),
          judge: (found) => {
            if (found === undefined) this.findings.damage(place, `${what} at ${dueAtMs}, but the deadline index has no record of it`)
          },
        })
      }
      this.value(root, dbId, place)
    } catch (error) {
      this.findings.damage(place, damageText(error))
    }
  }

  private value(root: Root, dbId: number, place: string): void {
    const objectId = objectIdOf(root)
    if (objectId === 0) {
      if (root.kind !== KIND_STRING) checkInline(this.db, root, place, this.findings)
      else if (root.payload.length >= MIN_ROPE_BYTES)
        this.findings.damage(place, `an inline string of ${root.payload.length} bytes, which must be in pages`)
      return
    }
    const isGarbage = this.garbageDatabases.has(dbId)
    if (this.meta !== null && objectId >= this.meta.nextObjectId)
      this.findings.damage(place, `its object ${objectId} is not below the next one, ${this.meta.nextObjectId}`)
    if (this.garbageObjects.has(objectId) && !isGarbage) this.findings.damage(place, `its object ${objectId} is listed as garbage`)
    if (root.kind === KIND_ROPE) this.objects.addRope(objectId, ropeLengthOf(root))
    else if (isGarbage) this.objects.addUnchecked(objectId)
    else this.objects.addCollection(objectId, root)
  }

  private page({ objectId, pageNumber }: PageKey, value: Buffer): void {
    this.counts.pages++
    this.beginPages().page(objectId, pageNumber, value)
  }

  /** Starts the check of the pages. REQUIRES: all roots have been read. */
  private beginPages(): PageCheck {
    this.pages ??= new PageCheck(this.db, this.findings, this.objects, this.garbageObjects)
    return this.pages
  }

  private deadline({ expireAtMs, dbId, key }: DeadlineKey, value: Buffer): void {
    const place = `deadline ${expireAtMs} of ${shownRoot(dbId, key)}`
    if (value.length > 0) this.findings.damage(place, 'has a value')
    this.lookups.push({
      recordKey: Buffer.from(rootKey(dbId, key)),
      judge: (found) => {
        if (found === undefined) {
          this.findings.damage(place, 'there is no such key')
          return
        }
        try {
          const actual = rootDueAtOf(readRoot(found))
          if (actual !== expireAtMs) this.findings.damage(place, `the key's deadline is ${actual === 0 ? 'none' : actual}`)
        } catch (error) {
          rethrowAssertion(error)
          // The unreadable root has been reported already.
        }
      },
    })
  }
}
