/**
 * Verifies page records, which come object by object. Each belongs to one live value or to garbage.
 * Those of a rope lie within it, and those of a collection form its trees (trees.ts).
 */
import type { Database } from '../keyspace/database.ts'
import { readPage } from '../records/records.ts'
import { CHUNK_BYTES } from '../values/rope.ts'
import { isCollection, isUnchecked, type ObjectTable, type OwnedObject } from './objects.ts'
import { damageText, type Findings } from './report.ts'
import { TreeCheck } from './trees.ts'

/** Verifies page records, object by object. */
export class PageCheck {
  private readonly db: Database
  private readonly findings: Findings
  private readonly objects: ObjectTable
  private readonly garbage: ReadonlySet<number>
  /** The object whose pages are being read. */
  private objectId = 0
  private owner: OwnedObject | undefined
  /** The check of the object's trees; null unless it is a collection. */
  private trees: TreeCheck | null = null

  /** REQUIRES: all objects have been added to the table, and `db` is empty. */
  constructor(db: Database, findings: Findings, objects: ObjectTable, garbage: ReadonlySet<number>) {
    this.db = db
    this.findings = findings
    this.objects = objects
    this.garbage = garbage
    for (const id of objects.sort()) findings.damage(`object ${id}`, 'belongs to more than one key')
  }

  /** Verifies the next page. REQUIRES: pages come in the order of their records. */
  page(objectId: number, pageNumber: number, record: Buffer): void {
    if (objectId !== this.objectId) this.enter(objectId, pageNumber)
    const { owner, trees } = this
    if (owner !== undefined && isUnchecked(owner)) return
    const place = `page ${pageNumber} of object ${objectId}`
    try {
      const content = readPage(record)
      if (trees !== null) trees.page(pageNumber, content)
      else if (owner !== undefined) this.ropePage(owner, pageNumber, content, place)
    } catch (error) {
      this.findings.damage(place, damageText(error))
      trees?.unreadable(pageNumber)
    }
  }

  /** Called after the last page. */
  end(): void {
    this.trees?.end()
    this.trees = null
    this.objects.end(this.checkWithoutPages)
  }

  private enter(objectId: number, pageNumber: number): void {
    this.trees?.end()
    this.trees = null
    this.objectId = objectId
    this.owner = this.objects.find(objectId, this.checkWithoutPages)
    if (this.garbage.has(objectId)) this.owner = undefined
    else if (this.owner === undefined)
      this.findings.damage(`page ${pageNumber} of object ${objectId}`, 'belongs to an object that no key owns and that is not garbage')
    else if (isCollection(this.owner)) this.trees = new TreeCheck(this.db, this.findings, this.owner)
  }

  /** Verifies an object without any page. A rope may have none, because it may be all zeros. */
  private readonly checkWithoutPages = (object: OwnedObject) => {
    if (isCollection(object) && !this.garbage.has(object.id)) new TreeCheck(this.db, this.findings, object).end()
  }

  private ropePage({ chunks, tailBytes }: OwnedObject, pageNumber: number, content: Buffer, place: string): void {
    if (content.length !== CHUNK_BYTES) this.findings.damage(place, `holds ${content.length} bytes instead of ${CHUNK_BYTES}`)
    if (pageNumber >= chunks) this.findings.damage(place, `lies past the end of the value, which has ${chunks} pages`)
    else if (pageNumber === chunks - 1 && content.subarray(tailBytes).some((byte) => byte !== 0))
      this.findings.damage(place, 'holds bytes other than zero past the end of the value')
  }
}
