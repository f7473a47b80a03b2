/**
 * Verifies LevelDB's records in one pass in key order, which is by kind: cursors, garbage, roots, meta, pages, deadlines. So what is garbage
 * is known before the roots, and every owner before the pages.
 *
 * The deadline index is compared with the roots both ways: each record is looked up from the other side. Memory is bounded but for the
 * ids of objects and of garbage.
 */
import { ObjectTable } from './check-objects.ts'
import { type CheckProgress, type Findings, shownRoot } from './check-report.ts'
import { decodeMeta, type Meta } from './meta.ts'
import type { RecordStore } from './record-store.ts'
import {
  ALL_RECORDS,
  DamageError,
  deadlineKey,
  GARBAGE_DATABASE,
  GARBAGE_OBJECT,
  KIND_ROPE,
  META_KEY,
  objectIdOf,
  type RecordKey,
  readPage,
  readRecordKey,
  readRoot,
  rootKey,
  ropeLengthOf,
} from './records.ts'
import { ScanCursors } from './scan-cursors.ts'
import { CHUNK_BYTES, ROPE_MIN_BYTES } from './values/rope.ts'

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

/** Reports what is wrong with the records. Returns the meta record, or null where there is none that can be read. */
export async function checkRecords(
  records: RecordStore,
  findings: Findings,
  progress: (progress: CheckProgress) => void,
): Promise<{ readonly meta: Meta | null; readonly counts: RecordCounts }> {
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

function readMeta(records: RecordStore, findings: Findings): Meta | null {
  const record = records.getSync(META_KEY)
  if (record === undefined) return null
  try {
    return decodeMeta(record)
  } catch (error) {
    findings.damage('meta record', damageText(error))
    return null
  }
}

function damageText(error: unknown): string {
  if (error instanceof DamageError || error instanceof RangeError) return error.message
  throw error
}

interface Tally {
  keys: number
  volatile: number
}

/** A record that must exist on the other side of the deadline index. */
interface Lookup {
  readonly recordKey: Buffer
  /** Judges what stands there. */
  readonly judge: (found: Buffer | undefined) => void
}

class RecordCheck {
  readonly counts: RecordCounts = { roots: 0, volatile: 0, pages: 0, garbage: 0 }
  private readonly records: RecordStore
  private readonly findings: Findings
  private readonly meta: Meta | null
  private readonly objects = new ObjectTable()
  private readonly tallies = new Map<number, Tally>()
  private readonly garbageObjects = new Set<number>()
  private readonly garbageDatabases = new Set<number>()
  private lookups: Lookup[] = []
  private pagesBegun = false
  /** The last object that was reported, so that its other pages are not. */
  private strayObject = 0

  constructor(records: RecordStore, findings: Findings, meta: Meta | null) {
    this.records = records
    this.findings = findings
    this.meta = meta
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
      case 'garbage':
        this.garbage(key.what, key.id, value)
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

  /** After the last record. */
  end(recordCount: number): void {
    if (!this.pagesBegun) this.beginPages()
    if (this.meta === null) {
      if (recordCount > 0) this.findings.damage('meta record', `missing or unreadable, though there are ${recordCount} records`)
      return
    }
    const seen = new Set<number>()
    for (const [index, { id, keys, volatile }] of this.meta.databases.entries()) {
      const place = `database ${index} (id ${id})`
      if (seen.has(id)) this.findings.damage(place, 'another database has the same id')
      seen.add(id)
      if (id >= this.meta.nextDbId) this.findings.damage(place, `its id is not below the next one, ${this.meta.nextDbId}`)
      if (this.garbageDatabases.has(id)) this.findings.damage(place, 'in use, and named as garbage')
      const tally = this.tallies.get(id) ?? { keys: 0, volatile: 0 }
      if (tally.keys !== keys) this.findings.damage(place, `holds ${tally.keys} keys; the meta record says ${keys}`)
      if (tally.volatile !== volatile)
        this.findings.damage(place, `holds ${tally.volatile} keys with a deadline; the meta record says ${volatile}`)
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

  private garbage(what: number, id: number, value: Buffer): void {
    const place = `garbage record ${what}:${id}`
    this.counts.garbage++
    if (value.length > 0) this.findings.damage(place, 'has a value')
    if (what === GARBAGE_OBJECT) this.garbageObjects.add(id)
    else if (what === GARBAGE_DATABASE) this.garbageDatabases.add(id)
    else this.findings.damage(place, 'of no known kind')
    const next = what === GARBAGE_OBJECT ? this.meta?.nextObjectId : this.meta?.nextDbId
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
      if (root.expireAt !== 0) {
        this.counts.volatile++
        tally.volatile++
        this.lookups.push({
          recordKey: Buffer.from(deadlineKey(root.expireAt, dbId, key)),
          judge: (found) => {
            if (found === undefined) this.findings.damage(place, `ends at ${root.expireAt}, but the deadline index does not say so`)
          },
        })
      }
      if (root.kind !== KIND_ROPE) {
        if (root.payload.length >= ROPE_MIN_BYTES) this.findings.damage(place, `an inline string of ${root.payload.length} bytes`)
        return
      }
      const objectId = objectIdOf(root)
      if (this.meta !== null && objectId >= this.meta.nextObjectId)
        this.findings.damage(place, `its object ${objectId} is not below the next one, ${this.meta.nextObjectId}`)
      if (this.garbageObjects.has(objectId) && !this.garbageDatabases.has(dbId))
        this.findings.damage(place, `its object ${objectId} is named as garbage`)
      this.objects.add(objectId, ropeLengthOf(root))
    } catch (error) {
      this.findings.damage(place, damageText(error))
    }
  }

  private beginPages(): void {
    this.pagesBegun = true
    for (const id of this.objects.sort()) this.findings.damage(`object ${id}`, 'belongs to more than one key')
  }

  private page({ objectId, pageNumber }: PageKey, value: Buffer): void {
    if (!this.pagesBegun) this.beginPages()
    this.counts.pages++
    const place = `page ${pageNumber} of object ${objectId}`
    try {
      const content = readPage(value)
      if (content.length !== CHUNK_BYTES) this.findings.damage(place, `holds ${content.length} bytes instead of ${CHUNK_BYTES}`)
      if (this.garbageObjects.has(objectId)) return
      const owner = this.objects.find(objectId)
      if (owner === undefined) {
        if (this.strayObject !== objectId) this.findings.damage(place, 'of an object that no key has and that is not garbage')
        this.strayObject = objectId
      } else if (pageNumber >= owner.chunks) {
        this.findings.damage(place, `lies past the end of the value, which has ${owner.chunks} pages`)
      } else if (pageNumber === owner.chunks - 1 && content.subarray(owner.tailBytes).some((byte) => byte !== 0)) {
        this.findings.damage(place, 'holds other bytes than zeros past the end of the value')
      }
    } catch (error) {
      this.findings.damage(place, damageText(error))
    }
  }

  private deadline({ expireAt, dbId, key }: DeadlineKey, value: Buffer): void {
    const place = `deadline ${expireAt} of ${shownRoot(dbId, key)}`
    if (value.length > 0) this.findings.damage(place, 'has a value')
    this.lookups.push({
      recordKey: Buffer.from(rootKey(dbId, key)),
      judge: (found) => {
        if (found === undefined) {
          this.findings.damage(place, 'there is no such key')
          return
        }
        try {
          const actual = readRoot(found).expireAt
          if (actual !== expireAt) this.findings.damage(place, `the key ends at ${actual === 0 ? 'no time' : actual}`)
        } catch {
          // The root that cannot be read has been reported when it was met.
        }
      },
    })
  }
}
