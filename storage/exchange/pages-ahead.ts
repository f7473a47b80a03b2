/**
 * Reads the pages of large values of a snapshot before the writer gets to them, so that the event
 * loop does not wait for the disk. The values of a batch are announced in their order. Each has a
 * walk over its pages in the order in which they are written:
 *
 *   announced     value, value, value ...     the records of one batch of keys
 *   walk          root -> children -> leaves  inner pages as far as they are read
 *   read ahead    [page page page ...]        at most MAX_PAGES records, by page number
 *
 * A page that is used leaves the pages read ahead, and those before it in the order are dropped:
 * the cursor is past them. Pages that no walk foresees, such as those of a stream's groups,
 * are read when they are used.
 */
import { at } from '../../base/assert.ts'
import type { DataSnapshot } from '../records/data-snapshot.ts'
import { pageKey, readPage } from '../records/records.ts'
import { type ChildPages, childrenOf } from '../tree/page-codec.ts'
import type { Collection } from '../values/collection.ts'
import { Rope } from '../values/rope.ts'
import { SortedSet } from '../values/sorted-set.ts'
import { isPackedSet } from './outgoing.ts'

/** The limit of pages that are read ahead and not used yet. */
const MAX_PAGES = 64
/** More pages are read when fewer than this are left, and less than this many bytes. */
const MIN_PAGES = 40
const MIN_BYTES = 256 * 1024
/** The limit of pages in one read. */
const MAX_READ_PAGES = 32
/** A leaf of fewer elements may have any size; others are as long as a page. */
const MIN_ELEMENTS = 4
/** The limit of such leaves in one read. */
const MAX_LARGE_PAGES = 4
/** The limit of inner pages in one read, each of another value. */
const MAX_INNER_PAGES = 4

/** A page that comes next in a walk. */
interface NextPage {
  readonly number: number
  readonly form: 'leaf' | 'large-leaf' | 'inner'
}

/** The pages of one value in the order in which they are written. */
class Walk {
  readonly objectId: number
  /** The pages read ahead, in order; null: the store has none. */
  private readonly pages = new Map<number, Buffer | null>()
  private bytes = 0
  private readonly step: 1 | -1
  /** The pages that are known and not read, the next one last. */
  private readonly known: NextPage[] = []
  /** The chunks of a rope that are not in `known`. */
  private nextChunk = 0
  private readonly chunkCount: number

  constructor(value: Rope | Collection) {
    const isRope = value instanceof Rope
    this.chunkCount = isRope ? value.chunkCount : 0
    this.step = value instanceof SortedSet && !isPackedSet(value) ? -1 : 1
    this.objectId = isRope ? value.objectId : (value.object.pages?.objectId ?? 0)
    if (isRope) return
    const tree = value.object.madeTrees[value instanceof SortedSet ? 1 : 0]
    if (typeof tree?.root === 'number') this.known.push({ number: tree.root, form: 'inner' })
  }

  get pageCount(): number {
    return this.pages.size
  }

  get sizeBytes(): number {
    return this.bytes
  }

  peek(): NextPage | undefined {
    if (this.nextChunk < this.chunkCount) return { number: this.nextChunk, form: 'leaf' }
    return this.known.at(-1)
  }

  /** Leaves the next page behind. */
  skip(): void {
    if (this.nextChunk < this.chunkCount) this.nextChunk++
    else this.known.pop()
  }

  /** Adds a page that was read. */
  add(number: number, record: Buffer | null): void {
    this.pages.set(number, record)
    this.bytes += record?.length ?? 0
  }

  /** Inserts the pages below the inner page that `skip` has just left behind. */
  enter({ numbers, counts, level }: ChildPages): void {
    const last = numbers.length - 1
    for (let i = 0; i <= last; i++) {
      const slot = this.step > 0 ? last - i : i
      const form = level > 1 ? 'inner' : at(counts, slot) < MIN_ELEMENTS ? 'large-leaf' : 'leaf'
      this.known.push({ number: at(numbers, slot), form })
    }
  }

  /** Takes a page that was read ahead, and drops those before it. Returns undefined without it. */
  use(number: number): Buffer | null | undefined {
    const { pages } = this
    const record = pages.get(number)
    if (record === undefined) return undefined
    for (const [before, content] of pages) {
      pages.delete(before)
      this.bytes -= content?.length ?? 0
      if (before === number) break
    }
    return record
  }
}

/** Reads pages of announced values ahead. */
export class PagesAhead {
  private readonly snapshot: DataSnapshot
  /** The walks of the announced values from the current one on. */
  private walks: Walk[] = []

  constructor(snapshot: DataSnapshot) {
    this.snapshot = snapshot
  }

  /** Announces the next values with pages, in place of those that were announced before. */
  announce(values: Iterable<Rope | Collection>): void {
    this.walks = Array.from(values, (value) => new Walk(value))
  }

  /** Drops what was read for values before this one. */
  dropBefore(objectId: number): void {
    const index = this.walks.findIndex((walk) => walk.objectId === objectId)
    if (index > 0) this.walks.splice(0, index)
  }

  /** Returns the record of a page if it has been read ahead; null if the store has none. */
  use(objectId: number, number: number): Buffer | null | undefined {
    const [walk] = this.walks
    return walk?.objectId === objectId ? walk.use(number) : undefined
  }

  /** True if `read` has something to do. */
  get isDue(): boolean {
    let bytes = 0
    for (const { sizeBytes } of this.walks) bytes += sizeBytes
    return this.pageCount < MIN_PAGES && bytes < MIN_BYTES && this.walks.some((walk) => walk.peek() !== undefined)
  }

  /** Reads the next pages. Rejects with DamageError, or with the error of a failed read. */
  async read(): Promise<void> {
    while (this.isDue) await this.readSome(Math.min(MAX_READ_PAGES, MAX_PAGES - this.pageCount))
  }

  private get pageCount(): number {
    let count = 0
    for (const { pageCount } of this.walks) count += pageCount
    return count
  }

  /**
   * Reads the next pages. The children of an inner page come before all that follows, and are not
   * known yet. So only inner pages of later values are read with it.
   */
  private async readSome(limit: number): Promise<void> {
    const taken: { readonly walk: Walk; readonly page: NextPage }[] = []
    let [large, inner] = [0, 0]
    for (const walk of this.walks) {
      for (let page = walk.peek(); page !== undefined && taken.length < limit; page = walk.peek()) {
        if (page.form === 'large-leaf') large++
        if (page.form === 'inner') inner++
        else if (inner > 0) break
        if (large > MAX_LARGE_PAGES || inner > MAX_INNER_PAGES) break
        walk.skip()
        taken.push({ walk, page })
        if (page.form === 'inner') break
      }
      if (taken.length >= limit || large > MAX_LARGE_PAGES || inner > MAX_INNER_PAGES) break
    }
    const keys = taken.map(({ walk, page }) => Buffer.from(pageKey(walk.objectId, page.number)))
    const records = await this.snapshot.getMany(keys)
    for (const [index, { walk, page }] of taken.entries()) {
      const record = records[index] ?? null
      walk.add(page.number, record)
      if (page.form !== 'inner' || record === null) continue
      const children = childrenOf(readPage(record))
      if (children !== null) walk.enter(children)
    }
  }
}
