/**
 * A counted B+tree: an ordered map over Bytes, or a list by position. Inner nodes know how many elements lie below each child, so a rank
 * is found, and an element by its rank, in O(log n).
 *
 * `find` and `seek` leave a *place*, an element or a gap between two; what follows works on it. A place holds until the tree changes, is
 * searched again, or gives up pages. Keys compare as bytes. Nodes split by bytes and by number; one element alone may be of any size.
 *
 * Every change touches the root record, the leaf and the inner nodes above it first, so a checkpoint under way has them as they were.
 */
import type { Bytes } from '../../base/bytes.ts'
import { DamageError, pageKey, readPage } from '../records/records.ts'
import { detachNode, mergeSmall, removeRange, split } from './balance.ts'
import { TreeCursor } from './cursor.ts'
import { elementBytes, elementOverhead, type Layout, NO_VALUES, slotOf, TreeNode, type TreeValue } from './node.ts'
import type { TreeObject } from './object.ts'
import { decodePage } from './page-codec.ts'
import type { Pages } from './pages.ts'

export type { TreeValue } from './node.ts'
export { FieldValue } from './node.ts'

/** When nodes are split, in encoded bytes and elements. Whatever they are, what was written under others can be read. */
export interface PageLimits {
  /** An object whose trees take no more lies inside its root record. */
  readonly inlineBytes: number
  readonly pageBytes: number
  readonly pageElements: number
}

export const DEFAULT_PAGE_LIMITS: PageLimits = { inlineBytes: 2048, pageBytes: 4096, pageElements: 256 }

/** Fewer are never too many, whatever their size: inner nodes that were split into single children would make their parents grow for ever. */
const LEAF_FEWEST = 2
const INNER_FEWEST = 4

/** So many pages are read to say how large a tree is, no more. */
const MEASURED_PAGES = 16

export class Tree {
  readonly object: TreeObject
  readonly layout: Layout
  count = 0
  root: TreeNode | number
  /** Goes up with every change of which elements there are. */
  version = 0
  /** The place. */
  leaf: TreeNode | null = null
  index = 0

  constructor(object: TreeObject, layout: Layout) {
    this.object = object
    this.layout = layout
    this.root = new TreeNode(this, 0)
  }

  /** Encoded bytes of all elements; Infinity for more than a few pages. */
  get bytes(): number {
    const root = this.rootNode()
    if (root.level === 0) return root.bytes
    if (root.level > 1 || root.length > MEASURED_PAGES) return Number.POSITIVE_INFINITY
    let sum = 0
    for (let slot = 0; slot < root.length; slot++) sum += this.childAt(root, slot).bytes
    return sum
  }

  /** The place of a key, or where it would be; whether it is there. */
  find(key: Bytes): boolean {
    let node = this.rootNode()
    while (node.level !== 0) {
      const { keys } = node
      let low = 1
      let high = keys.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((keys[middle] as Bytes) <= key) low = middle + 1
        else high = middle
      }
      node = this.childAt(node, low - 1)
    }
    const { keys } = node
    let low = 0
    let high = keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((keys[middle] as Bytes) < key) low = middle + 1
      else high = middle
    }
    this.leaf = node
    this.index = low
    return low < keys.length && keys[low] === key
  }

  /** The place of the element of this rank, from 0 to count; count is the place after the last. */
  seek(rank: number): void {
    if (!(rank >= 0 && rank <= this.count)) throw new Error(`no rank ${rank} in a tree of ${this.count}`)
    let node = this.rootNode()
    if (rank === this.count) {
      while (node.level !== 0) node = this.childAt(node, node.length - 1)
      this.index = node.length
    } else {
      let left = rank
      while (node.level !== 0) {
        const { counts } = node
        let slot = 0
        for (let below = counts[0] as number; left >= below; below = counts[slot] as number) {
          left -= below
          slot++
        }
        node = this.childAt(node, slot)
      }
      this.index = left
    }
    this.leaf = node
  }

  /** Of the element at the place. */
  get key(): Bytes {
    return this.place.keys[this.index] as Bytes
  }

  get value(): TreeValue {
    return this.place.values[this.index]
  }

  get rank(): number {
    let rank = this.index
    for (let node = this.place, { parent } = node; parent !== null; node = parent, parent = node.parent) {
      const slot = slotOf(parent, node)
      for (let before = 0; before < slot; before++) rank += parent.counts[before] as number
    }
    return rank
  }

  /** Puts an element in before the place; keys keep their order when `find` has left it. Lists give '' for the key. */
  insert(key: Bytes, value?: TreeValue): void {
    const { layout, place: leaf, index } = this
    this.touch(leaf)
    if (layout.isKeyed) insertAt(leaf.keys, index, key)
    if (layout.values !== NO_VALUES) insertAt(leaf.values, index, value)
    const bytes = elementBytes(layout, key, value)
    this.counted(leaf, 1, bytes, bytes + elementOverhead(layout))
    if (this.object.pages === null) this.object.makePagesIfLarge()
    if (this.isOver(leaf)) split(this, leaf, index)
    this.leaf = null
  }

  /** Gives the element at the place another value. */
  replace(value: TreeValue): void {
    const { layout, place: leaf, index } = this
    this.touch(leaf)
    const old = leaf.values[index]
    leaf.values[index] = value
    const key = layout.isKeyed ? (leaf.keys[index] as Bytes) : ''
    const bytes = elementBytes(layout, key, value) - elementBytes(layout, key, old)
    if (bytes === 0) return
    this.counted(leaf, 0, bytes, bytes)
    if (bytes < 0) this.shrunk(leaf)
    else {
      if (this.object.pages === null) this.object.makePagesIfLarge()
      if (this.isOver(leaf)) split(this, leaf, -1)
    }
    this.leaf = null
  }

  /** Takes the element at the place out. */
  remove(): void {
    const { layout, place: leaf, index } = this
    const bytes = elementBytes(layout, layout.isKeyed ? (leaf.keys[index] as Bytes) : '', leaf.values[index])
    this.touch(leaf)
    if (layout.isKeyed) removeAt(leaf.keys, index)
    if (layout.values !== NO_VALUES) removeAt(leaf.values, index)
    this.counted(leaf, -1, -bytes, -bytes - elementOverhead(layout))
    this.shrunk(leaf)
    this.leaf = null
  }

  get(key: Bytes): TreeValue {
    return this.find(key) ? this.value : undefined
  }

  has(key: Bytes): boolean {
    return this.find(key)
  }

  /** Whether the key is new. */
  set(key: Bytes, value?: TreeValue): boolean {
    if (this.find(key)) {
      this.replace(value)
      return false
    }
    this.insert(key, value)
    return true
  }

  /** Whether there was such a key. */
  delete(key: Bytes): boolean {
    if (!this.find(key)) return false
    this.remove()
    return true
  }

  /** -1 where there is no such key. */
  rankOf(key: Bytes): number {
    return this.find(key) ? this.rank : -1
  }

  /** The number of keys before this one. */
  lowerBound(key: Bytes): number {
    this.find(key)
    return this.rank
  }

  keyAt(rank: number): Bytes {
    this.seek(rank)
    return this.key
  }

  valueAt(rank: number): TreeValue {
    this.seek(rank)
    return this.value
  }

  /** Adds an element after the last. */
  append(key: Bytes, value?: TreeValue): void {
    this.seek(this.count)
    this.insert(key, value)
  }

  /** Takes out the elements of the ranks from `from` to before `to`. Pages that lie wholly between are not read. */
  removeRange(from: number, to: number): void {
    if (from >= to) return
    if (!(from >= 0 && to <= this.count)) throw new Error(`no ranks ${from} to ${to} in a tree of ${this.count}`)
    if (to - from === 1) {
      this.seek(from)
      this.remove()
      return
    }
    this.leaf = null
    this.version++
    this.object.touch()
    removeRange(this, from, to)
    this.object.makeInlineIfSmall()
  }

  clear(): void {
    this.removeRange(0, this.count)
  }

  /** Goes through the elements from this rank on, itself included. */
  cursor(rank: number, direction: 'forward' | 'backward' = 'forward'): TreeCursor {
    return new TreeCursor(this, rank, direction)
  }

  /** The place's leaf. */
  private get place(): TreeNode {
    if (this.leaf === null) throw new Error('no place in the tree')
    return this.leaf
  }

  rootNode(): TreeNode {
    const { root } = this
    if (typeof root === 'number') return this.load(null, 0, root)
    root.referenced = true
    return root
  }

  childAt(node: TreeNode, slot: number): TreeNode {
    const child = node.children[slot] as TreeNode | number
    if (typeof child === 'number') return this.load(node, slot, child)
    child.referenced = true
    child.slot = slot
    return child
  }

  /** To be called before a node changes: it, what is above it, and the root record. */
  touch(leaf: TreeNode): void {
    const { object } = this
    object.touch()
    if (object.pages === null) return
    if (object.pages.isUsedUp) object.renumber()
    const { keyspace } = object.db
    for (let node: TreeNode | null = leaf; node !== null; node = node.parent) keyspace.touch(node, node.memory)
  }

  isOver(node: TreeNode): boolean {
    if (this.object.pages === null) return false
    const { pageBytes, pageElements } = this.object.db.keyspace.pageLimits
    const { length } = node
    return length >= (node.level === 0 ? LEAF_FEWEST : INNER_FEWEST) && (node.bytes > pageBytes || length > pageElements)
  }

  /** A node has left memory. */
  left(node: TreeNode): void {
    if (this.leaf === node) this.leaf = null
  }

  /** A leaf has so much more than before. */
  private counted(leaf: TreeNode, elements: number, bytes: number, memory: number): void {
    leaf.bytes += bytes
    leaf.memory += memory
    this.object.account(memory)
    if (elements === 0) return
    this.version++
    this.count += elements
    for (let node = leaf, { parent } = node; parent !== null; node = parent, parent = node.parent) {
      const slot = slotOf(parent, node)
      parent.counts[slot] = (parent.counts[slot] as number) + elements
    }
  }

  private shrunk(leaf: TreeNode): void {
    if (this.object.pages === null) return
    if (leaf.length === 0 && leaf.parent !== null) detachNode(this, leaf)
    else mergeSmall(this, leaf)
    this.object.makeInlineIfSmall()
  }

  /** The node of a page, not hung in. */
  readPage(number: number): TreeNode {
    const pages = this.object.pages as Pages
    const { db, objectId } = pages
    const record = db.keyspace.readRecord(pageKey(objectId, number))
    if (record === undefined) throw new DamageError(`page ${number} of object ${objectId} is missing`)
    const node = decodePage(this, readPage(record))
    node.pages = pages
    node.number = number
    node.stored = true
    return node
  }

  private load(parent: TreeNode | null, slot: number, number: number): TreeNode {
    const node = this.readPage(number)
    if (parent === null) this.root = node
    else {
      if (node.level !== parent.level - 1) throw new DamageError(`page ${number} is of the wrong level`)
      parent.children[slot] = node
    }
    node.parent = parent
    node.slot = slot
    const { residents, keyspace } = (node.pages as Pages).db
    residents.add(node, node.memory)
    if (node.level === 0) keyspace.eviction.admitPage(node, node.memory)
    else keyspace.eviction.admit(node.memory)
    return node
  }
}

function insertAt<T>(array: T[], index: number, item: T): void {
  if (index === array.length) array.push(item)
  else if (index === 0) array.unshift(item)
  else array.splice(index, 0, item)
}

function removeAt<T>(array: T[], index: number): void {
  if (index === 0) array.shift()
  else if (index === array.length - 1) array.pop()
  else array.splice(index, 1)
}
