/**
 * Verifies the trees of one collection in pages. A summary of each page is kept until all of them
 * have been read; then the trees are followed from their roots down:
 *
 * - Exactly one parent refers to every page, and none to a missing one. The level, the kind of tree
 *   and the number of elements of a page are those that its parent states.
 * - Keys ascend within a page, and lie within the separators above it. The number of elements is
 *   that of the root record.
 * - No page is empty but the one leaf of an empty tree, and no inner root has only one child.
 * - Facts stored twice agree, such as members with scores (pairs.ts), and the header agrees
 *   (headers.ts).
 */
import { at, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { bufferOf } from '../../base/bytes.ts'
import type { Database } from '../keyspace/database.ts'
import { KIND_STREAM, type Root } from '../records/records.ts'
import type { TreeNode } from '../tree/node.ts'
import { decodePage } from '../tree/page-codec.ts'
import { Tree } from '../tree/tree.ts'
import { type Collection, readCollection } from '../values/collection.ts'
import { checkHeader, type Edges } from './headers.ts'
import type { OwnedObject } from './objects.ts'
import { PairBalance } from './pairs.ts'
import { damageText, type Findings } from './report.ts'

/** The part of a page that is kept. */
interface Summary {
  readonly level: number
  readonly layout: number
  readonly length: number
  /** The number of elements in the page and below. */
  readonly total: number
  readonly first: Bytes
  readonly last: Bytes
  /** An inner page itself. */
  readonly inner: TreeNode | null
  readonly pairs: PairBalance
  /** The tree from whose root the page has been reached; null: none yet. */
  tree: number | null
}

/** The parent's statements about a page. */
interface Expected {
  /** Null for a root, which may be of any level. */
  readonly level: number | null
  readonly count: number
  /** Keys are not before this one. */
  readonly from: Bytes
  /** Keys are before this one; null: no bound. */
  readonly before: Bytes | null
  /** The parent, for the text of a finding. */
  readonly above: string
}

/** The byte of a page that names the kind of its tree. */
const LAYOUT_AT = 1

/** Verifies the trees of one collection in pages. */
export class TreeCheck {
  private readonly findings: Findings
  private readonly id: number
  private readonly value: Collection | null
  /** Trees to decode pages for, by layout byte. */
  private readonly decoders = new Map<number, Tree>()
  /** The layout bytes of the object's trees. */
  private layouts: readonly number[] = []
  private readonly pages = new Map<number, Summary>()
  private readonly unreadables = new Set<number>()

  /** REQUIRES: `db` is empty. */
  constructor(db: Database, findings: Findings, { id, kind, payload }: OwnedObject) {
    this.findings = findings
    this.id = id
    this.value = this.read(db, kind, payload)
  }

  /** Reads a page. Throws DamageError if it cannot be read. */
  page(number: number, content: Buffer): void {
    if (this.value === null) return
    const place = this.placeOf(number)
    const layout = content[LAYOUT_AT] ?? -1 // a page that is cut short has none
    const tree = this.decoders.get(layout)
    if (tree === undefined) {
      this.findings.damage(place, 'is of a kind of tree that its object does not have')
      this.unreadables.add(number)
      return
    }
    const node = decodePage(tree, content)
    const next = this.value.object.pages?.nextNumber ?? 0
    if (number >= next) this.findings.damage(place, `its number is not below the next one, ${next}`)
    this.pages.set(number, this.summaryOf(node, layout, place))
  }

  /** Notes an existing page that cannot be read and has been reported. */
  unreadable(number: number): void {
    this.unreadables.add(number)
  }

  /** Follows the trees. REQUIRES: all pages have been read. */
  end(): void {
    const { value } = this
    if (value === null) return
    const before = this.findings.counts.damage
    const { trees } = value.object
    for (const [index, tree] of trees.entries()) {
      if (tree === undefined) continue
      const root = tree.root as number
      if (root === 0 && tree.count === 0) continue
      this.descend(root, index, { level: null, count: tree.count, from: '', before: null, above: 'the root record' })
    }
    for (const [number, { tree }] of this.pages) if (tree === null) this.findings.damage(this.placeOf(number), 'no page refers to it')
    if (value.kind !== KIND_STREAM && value.size === 0) this.findings.damage(`object ${this.id}`, 'holds no elements')
    if (this.findings.counts.damage > before || this.unreadables.size > 0) return
    const place = `object ${this.id}`
    this.comparePairs(value, place)
    checkHeader(value, (index) => this.edgesOf(index), place, this.findings)
  }

  private read(db: Database, kind: number, payload: Bytes): Collection | null {
    try {
      const value = readCollection(db, { kind, expireAtMs: 0, payload: bufferOf(payload) })
      for (const layout of value.object.layouts) this.decoders.set(layoutByteOf(layout), new Tree(value.object, layout))
      this.layouts = value.object.layouts.map(layoutByteOf)
      return value
    } catch (error) {
      this.findings.damage(`object ${this.id}`, damageText(error))
      return null
    }
  }

  private summaryOf(node: TreeNode, layout: number, place: string): Summary {
    const { level, keys, length, total } = node
    const pairs = new PairBalance()
    if (level === 0) pairs.addLeaf(must(this.value).kind, node)
    // The first separator of an inner page bounds nothing.
    for (let i = level === 0 ? 1 : 2; i < keys.length; i++) {
      if (at(keys, i - 1) < at(keys, i)) continue
      this.findings.damage(place, level === 0 ? `key ${i} is not after the one before it` : `separator ${i} is not after the one before it`)
      break
    }
    const isLeaf = level === 0
    const [first, last] = isLeaf ? [keys[0] ?? '', keys.at(-1) ?? ''] : ['', '']
    return { level, layout, length, total, first, last, inner: isLeaf ? null : node, pairs, tree: null }
  }

  /** Goes down from a page. */
  private descend(number: number, tree: number, expected: Expected): void {
    const page = this.pages.get(number)
    const place = this.placeOf(number)
    if (page === undefined) {
      if (!this.unreadables.has(number)) this.findings.damage(place, `is missing; ${expected.above} refers to it`)
      return
    }
    if (page.tree !== null) {
      this.findings.damage(place, `${expected.above} refers to it, and so does another parent`)
      return
    }
    page.tree = tree
    this.judge(page, expected, place)
    const { inner } = page
    if (inner === null) return
    for (let slot = 0; slot < inner.length; slot++) {
      this.descend(inner.children[slot] as number, tree, {
        level: page.level - 1,
        count: at(inner.counts, slot),
        from: slot === 0 ? expected.from : (inner.keys[slot] ?? ''),
        before: slot + 1 < inner.length ? (inner.keys[slot + 1] ?? null) : expected.before,
        above: `page ${number}`,
      })
    }
  }

  private judge(page: Summary, expected: Expected, place: string): void {
    const damage = (text: string) => this.findings.damage(place, text)
    const { level, count, above } = expected
    if (page.layout !== this.layouts[must(page.tree)]) damage('belongs to the other tree of its object')
    if (level !== null && page.level !== level) damage(`has level ${page.level}; ${above} states level ${level}`)
    if (page.total !== count) damage(`holds ${page.total} elements; ${above} counts ${count}`)
    if (page.length === 0 && (level !== null || page.inner !== null)) damage('is empty')
    if (level === null && page.inner !== null && page.length === 1) damage('is an inner root with only one child')
    this.judgeKeys(page, expected, damage)
  }

  private judgeKeys({ inner, first, last, length, layout }: Summary, { from, before }: Expected, damage: (text: string) => void): void {
    if ((layout & 1) === 0 || length === 0) return
    if (inner === null) {
      if (first < from) damage('its first key is before the separator above it')
      if (before !== null && last >= before) damage('its last key is not before the next separator above it')
    } else if (length > 1) {
      if (at(inner.keys, 1) < from) damage('its first separator is before the one above it')
      if (before !== null && must(inner.keys.at(-1)) >= before) damage('its last separator is not before the next one above it')
    }
  }

  /** Compares the facts stored twice. REQUIRES: the trees are sound. */
  private comparePairs({ kind }: Collection, place: string): void {
    const balance = new PairBalance()
    for (const { tree, pairs } of this.pages.values()) if (kind !== KIND_STREAM || tree === 1) balance.add(pairs)
    balance.judge(kind, place, this.findings)
  }

  /** Returns the first and the last key of a sound tree, or null if it is empty. */
  private edgesOf(index: number): Edges | null {
    const tree = must(this.value).object.trees[index]
    if (tree === undefined || tree.count === 0) return null
    return { first: this.edge(tree.root as number, 0).first, last: this.edge(tree.root as number, -1).last }
  }

  private edge(number: number, slot: 0 | -1): Summary {
    const page = must(this.pages.get(number))
    return page.inner === null ? page : this.edge(page.inner.children.at(slot) as number, slot)
  }

  private placeOf(number: number): string {
    return `page ${number} of object ${this.id}`
  }
}

/** Verifies a collection inside its root record. Throws DamageError if it cannot be read. */
export function checkInline(db: Database, root: Root, place: string, findings: Findings): void {
  const value = readCollection(db, root)
  const balance = new PairBalance()
  for (const [index, tree] of value.object.trees.entries()) {
    if (tree === undefined) continue
    const leaf = tree.root as TreeNode
    const { keys } = leaf
    if (value.kind !== KIND_STREAM || index === 1) balance.addLeaf(value.kind, leaf)
    for (let i = 1; i < keys.length; i++) {
      if (at(keys, i - 1) < at(keys, i)) continue
      findings.damage(place, `key ${i} of its tree ${index} is not after the one before it`)
      return
    }
  }
  if (value.kind !== KIND_STREAM && value.size === 0) findings.damage(place, 'a collection without elements')
  balance.judge(value.kind, place, findings)
  checkHeader(value, (index) => edgesOfLeaf(value.object.trees[index]), place, findings)
}

function edgesOfLeaf(tree: Tree | undefined): Edges | null {
  const keys = (tree?.root as TreeNode | undefined)?.keys ?? []
  return keys.length === 0 ? null : { first: at(keys, 0), last: must(keys.at(-1)) }
}

function layoutByteOf({ isKeyed, values }: Tree['layout']): number {
  return (isKeyed ? 1 : 0) | (values << 1)
}
