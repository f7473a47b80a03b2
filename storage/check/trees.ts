/**
 * Verifies the trees of one collection in pages. Of each page a summary is kept until all of them have come by; then the trees are followed
 * from their roots down:
 *
 *   every page is led to exactly once, and there; its level, its kind of tree and its number of elements are what leads to it says
 *   keys ascend within a page, and lie within the separators above it; the number of elements is the root record's
 *   no page is empty but the one leaf of an empty tree, and no root leads to one page alone
 *   what is said twice is said alike, members with scores for one (check-pairs.ts), and the header agrees (check-headers.ts)
 */
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

/** What is kept of a page. */
interface Summary {
  readonly level: number
  readonly layout: number
  readonly length: number
  /** Elements in it and below. */
  readonly total: number
  readonly first: Bytes
  readonly last: Bytes
  /** An inner page itself. */
  readonly inner: TreeNode | null
  readonly pairs: PairBalance
  /** The tree from whose root it has been reached; null: none yet. */
  tree: number | null
}

/** What leads to a page says of it. */
interface Expected {
  /** A root may be of any level. */
  readonly level: number | null
  readonly count: number
  /** Not before this key. */
  readonly from: Bytes
  /** Before this key; null: no bound. */
  readonly before: Bytes | null
  /** Where that is said. */
  readonly above: string
}

/** The byte of a page that says what kind of tree it is of. */
const LAYOUT_AT = 1

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

  /** `db` is one in which nothing is. */
  constructor(db: Database, findings: Findings, { id, kind, payload }: OwnedObject) {
    this.findings = findings
    this.id = id
    this.value = this.read(db, kind, payload)
  }

  /** Throws DamageError for one that cannot be read. */
  page(number: number, content: Buffer): void {
    if (this.value === null) return
    const place = this.placeOf(number)
    const layout = content[LAYOUT_AT] as number
    const tree = this.decoders.get(layout)
    if (tree === undefined) {
      this.findings.damage(place, "of another kind of tree than its object's")
      this.unreadables.add(number)
      return
    }
    const node = decodePage(tree, content)
    const next = this.value.object.pages?.nextNumber ?? 0
    if (number >= next) this.findings.damage(place, `its number is not below the next one, ${next}`)
    this.pages.set(number, this.summaryOf(node, layout, place))
  }

  /** A page that is there but cannot be read has been reported. */
  unreadable(number: number): void {
    this.unreadables.add(number)
  }

  /** All pages have come by. */
  end(): void {
    const { value } = this
    if (value === null) return
    const before = this.findings.counts.damage
    const { trees } = value.object
    for (const [index, tree] of trees.entries()) {
      if (tree === undefined) continue
      const root = tree.root as number
      if (root === 0 && tree.count === 0) continue
      this.follow(root, index, { level: null, count: tree.count, from: '', before: null, above: 'the root record' })
    }
    for (const [number, { tree }] of this.pages) if (tree === null) this.findings.damage(this.placeOf(number), 'no page leads to it')
    if (value.kind !== KIND_STREAM && value.size === 0) this.findings.damage(`object ${this.id}`, 'holds no elements')
    if (this.findings.counts.damage > before || this.unreadables.size > 0) return
    const place = `object ${this.id}`
    this.comparePairs(value, place)
    checkHeader(value, (index) => this.edgesOf(index), place, this.findings)
  }

  private read(db: Database, kind: number, payload: Bytes): Collection | null {
    try {
      const value = readCollection(db, { kind, expireAt: 0, payload: bufferOf(payload) })
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
    if (level === 0) pairs.addLeaf((this.value as Collection).kind, node)
    // The first separator of an inner page bounds nothing.
    for (let i = level === 0 ? 1 : 2; i < keys.length; i++) {
      if ((keys[i - 1] as Bytes) < (keys[i] as Bytes)) continue
      this.findings.damage(
        place,
        level === 0 ? `key ${i} does not come after the one before it` : `separator ${i} is not after the one before it`,
      )
      break
    }
    const isLeaf = level === 0
    const [first, last] = isLeaf ? [keys[0] ?? '', keys.at(-1) ?? ''] : ['', '']
    return { level, layout, length, total, first, last, inner: isLeaf ? null : node, pairs, tree: null }
  }

  /** Goes down from a page. */
  private follow(number: number, tree: number, expected: Expected): void {
    const page = this.pages.get(number)
    const place = this.placeOf(number)
    if (page === undefined) {
      if (!this.unreadables.has(number)) this.findings.damage(place, `is missing; ${expected.above} leads to it`)
      return
    }
    if (page.tree !== null) {
      this.findings.damage(place, `${expected.above} leads to it, and something else does, too`)
      return
    }
    page.tree = tree
    this.judge(page, expected, place)
    const { inner } = page
    if (inner === null) return
    for (let slot = 0; slot < inner.length; slot++) {
      this.follow(inner.children[slot] as number, tree, {
        level: page.level - 1,
        count: inner.counts[slot] as number,
        from: slot === 0 ? expected.from : (inner.keys[slot] ?? ''),
        before: slot + 1 < inner.length ? (inner.keys[slot + 1] ?? null) : expected.before,
        above: `page ${number}`,
      })
    }
  }

  private judge(page: Summary, expected: Expected, place: string): void {
    const damage = (text: string) => this.findings.damage(place, text)
    const { level, count, above } = expected
    if (page.layout !== this.layouts[page.tree as number]) damage('of the other tree of its object')
    if (level !== null && page.level !== level) damage(`of level ${page.level}; ${above} leads to it as one of level ${level}`)
    if (page.total !== count) damage(`holds ${page.total} elements; ${above} counts ${count}`)
    if (page.length === 0 && (level !== null || page.inner !== null)) damage('is empty')
    if (level === null && page.inner !== null && page.length === 1) damage('is a root that leads to one page alone')
    this.judgeKeys(page, expected, damage)
  }

  private judgeKeys({ inner, first, last, length, layout }: Summary, { from, before }: Expected, damage: (text: string) => void): void {
    if ((layout & 1) === 0 || length === 0) return
    if (inner === null) {
      if (first < from) damage('its first key lies before the separator above it')
      if (before !== null && last >= before) damage('its last key does not lie before the next separator above it')
    } else if (length > 1) {
      if ((inner.keys[1] as Bytes) < from) damage('its separators begin before the one above it')
      if (before !== null && (inner.keys.at(-1) as Bytes) >= before) damage('its separators reach past the next one above it')
    }
  }

  /** The trees are sound: do they say the same? */
  private comparePairs({ kind }: Collection, place: string): void {
    const balance = new PairBalance()
    for (const { tree, pairs } of this.pages.values()) if (kind !== KIND_STREAM || tree === 1) balance.add(pairs)
    balance.judge(kind, place, this.findings)
  }

  /** The first and the last key of a sound tree; null where it has none. */
  private edgesOf(index: number): Edges | null {
    const tree = (this.value as Collection).object.trees[index]
    if (tree === undefined || tree.count === 0) return null
    return { first: this.edge(tree.root as number, 0).first, last: this.edge(tree.root as number, -1).last }
  }

  private edge(number: number, slot: 0 | -1): Summary {
    const page = this.pages.get(number) as Summary
    return page.inner === null ? page : this.edge(page.inner.children.at(slot) as number, slot)
  }

  private placeOf(number: number): string {
    return `page ${number} of object ${this.id}`
  }
}

/** Verifies a collection that lies in its root record. Throws DamageError where that cannot be read. */
export function checkInline(db: Database, root: Root, place: string, findings: Findings): void {
  const value = readCollection(db, root)
  const balance = new PairBalance()
  for (const [index, tree] of value.object.trees.entries()) {
    if (tree === undefined) continue
    const leaf = tree.root as TreeNode
    const { keys } = leaf
    if (value.kind !== KIND_STREAM || index === 1) balance.addLeaf(value.kind, leaf)
    for (let i = 1; i < keys.length; i++) {
      if ((keys[i - 1] as Bytes) < (keys[i] as Bytes)) continue
      findings.damage(place, `key ${i} of its tree ${index} does not come after the one before it`)
      return
    }
  }
  if (value.kind !== KIND_STREAM && value.size === 0) findings.damage(place, 'a collection without elements')
  balance.judge(value.kind, place, findings)
  checkHeader(value, (index) => edgesOfLeaf(value.object.trees[index]), place, findings)
}

function edgesOfLeaf(tree: Tree | undefined): Edges | null {
  const keys = (tree?.root as TreeNode | undefined)?.keys ?? []
  return keys.length === 0 ? null : { first: keys[0] as Bytes, last: keys.at(-1) as Bytes }
}

function layoutByteOf({ isKeyed, values }: Tree['layout']): number {
  return (isKeyed ? 1 : 0) | (values << 1)
}
