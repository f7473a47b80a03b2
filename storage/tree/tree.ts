/**
 * A counted B+tree: an ordered map over Bytes, or a list by position. Its inner nodes know the
 * number of elements below each child. An element is found by its rank, and a rank by its element,
 * in O(log n). See Comer, "The Ubiquitous B-Tree" (1979), and Tatham, "Counted B-Trees".
 *
 * `find` and `seek` leave a *place*, an element or a gap between two, in `leaf` and `index`. The
 * methods that follow work on it. A place holds until the tree changes, is searched again, or
 * evicts pages. Keys compare as bytes. Nodes split by bytes and by number; one element alone may be
 * of any size.
 *
 * Every change first touches the root record, the leaf and the inner nodes above it. A checkpoint
 * under way thereby gets their content from before the change.
 */
import { assert } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { detachNode, mergeSmall, removeRange, split } from './balance.ts'
import { TreeCursor } from './cursor.ts'
import { headInserted, headRemoved, indexByHeads, indexByKeys, MIN_HEADED_KEYS, makeHeads, slotByHeads, slotByKeys } from './key-heads.ts'
import { loadNode } from './loading.ts'
import { elementBytes, elementOverhead, type Layout, NO_VALUES, slotOf, TreeNode, type TreeValue } from './node.ts'
import type { TreeObject } from './object.ts'

export type { TreeValue } from './node.ts'
export { FieldValue } from './node.ts'

// hot: every access to a collection searches its nodes here

/**
 * The limits past which nodes are split, in encoded bytes and elements. Trees written under other
 * limits stay readable.
 */
export interface PageLimits {
  /** An object whose trees take at most this lies inside its root record. */
  readonly inlineBytes: number
  readonly pageBytes: number
  readonly pageElements: number
}

export const DEFAULT_PAGE_LIMITS: PageLimits = { inlineBytes: 2048, pageBytes: 4096, pageElements: 256 }

/**
 * A node with fewer entries is never split: splitting an inner node into single children would make
 * the tree grow without end.
 */
const MIN_LEAF_ENTRIES = 2
const MIN_INNER_CHILDREN = 4

/** `encodedBytes` reads at most this many pages. */
const MAX_MEASURED_PAGES = 16
assert(MIN_INNER_CHILDREN >= 2 * 2, 'an inner node is split into two with two children each')
assert(DEFAULT_PAGE_LIMITS.inlineBytes <= DEFAULT_PAGE_LIMITS.pageBytes, 'an inline object fits into a page')

/** One counted B+tree, keyed or by position. */
export class Tree {
  readonly object: TreeObject
  readonly layout: Layout
  count = 0
  root: TreeNode | number
  /** Goes up when an element is added or removed. */
  version = 0
  /** The leaf of the place; null if there is no place. */
  leaf: TreeNode | null = null
  /** The index of the place in its leaf. */
  index = 0

  constructor(object: TreeObject, layout: Layout) {
    this.object = object
    this.layout = layout
    this.root = new TreeNode(this, 0)
  }

  /** Encoded bytes of all elements; Infinity for more than a few pages. */
  get encodedBytes(): number {
    const root = this.rootNode()
    if (root.level === 0) return root.encodedBytes
    if (root.level > 1 || root.length > MAX_MEASURED_PAGES) return Number.POSITIVE_INFINITY
    let sum = 0
    for (let slot = 0; slot < root.length; slot++) sum += this.childAt(root, slot).encodedBytes
    return sum
  }

  /** Sets the place to a key, or to the gap where it belongs. Returns true if the key exists. */
  find(key: Bytes): boolean {
    let node = this.rootNode()
    // The number of first bytes that the key and all keys below the node have in common.
    let shared = 0
    while (node.level !== 0) {
      const { keys } = node
      const heads = node.heads ?? (keys.length >= MIN_HEADED_KEYS ? makeHeads(node) : null)
      const slot = heads === null ? slotByKeys(keys, key, keys.length) : slotByHeads(node, heads, key, shared)
      // A key between two separators begins with their prefix.
      if (heads !== null && slot > 0 && slot < keys.length - 1 && node.prefixLength > shared) shared = node.prefixLength
      node = this.childAt(node, slot)
    }
    const { keys } = node
    const heads = node.heads ?? (node.pages !== null && keys.length >= MIN_HEADED_KEYS ? makeHeads(node) : null)
    const index = heads === null ? indexByKeys(keys, key, 0) : indexByHeads(node, heads, key, shared)
    this.leaf = node
    this.index = index
    return index < keys.length && keys[index] === key
  }

  /**
   * Sets the place to the element of a rank. The rank `count` is the place after the last element.
   */
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

  /** Returns the first leaf; null if it is not in memory. Changes nothing. */
  firstLeafInMemory(): TreeNode | null {
    let node: TreeNode | number | undefined = this.root
    while (typeof node === 'object' && node.level !== 0) node = node.children[0]
    return typeof node === 'object' ? node : null
  }

  /** The key at the place. REQUIRES: `find` or `seek` came before. */
  get key(): Bytes {
    return this.placeLeaf.keys[this.index] as Bytes
  }

  /** The value at the place. REQUIRES: `find` or `seek` came before. */
  get value(): TreeValue {
    return this.placeLeaf.values[this.index]
  }

  /** The rank of the place, in O(log n). REQUIRES: `find` or `seek` came before. */
  get rank(): number {
    let rank = this.index
    for (let node = this.placeLeaf, { parent } = node; parent !== null; node = parent, parent = node.parent) {
      const slot = slotOf(parent, node)
      for (let before = 0; before < slot; before++) rank += parent.counts[before] as number
    }
    return rank
  }

  /**
   * Inserts an element before the place. In a keyed tree the place must be the one that `find` set
   * for this key; lists pass an empty key.
   */
  insert(key: Bytes, value?: TreeValue): void {
    const { layout, placeLeaf: leaf, index } = this
    this.touchNode(leaf)
    assert(index >= 0 && index <= leaf.length, 'an element is inserted inside its leaf')
    if (layout.isKeyed) {
      insertAt(leaf.keys, index, key)
      headInserted(leaf, index, key)
    }
    if (layout.values !== NO_VALUES) insertAt(leaf.values, index, value)
    const bytes = elementBytes(layout, key, value)
    this.adjustCounts(leaf, 1, bytes, bytes + elementOverhead(layout))
    if (this.object.pages === null) this.object.makePagesIfLarge()
    if (this.isTooLarge(leaf)) split(this, leaf, index)
    this.leaf = null
  }

  /** Replaces the value of the element at the place. */
  replace(value: TreeValue): void {
    const { layout, placeLeaf: leaf, index } = this
    this.touchNode(leaf)
    assert(index >= 0 && index < leaf.length && layout.values !== NO_VALUES, 'only the value of an element that exists is replaced')
    const old = leaf.values[index]
    leaf.values[index] = value
    const key = layout.isKeyed ? (leaf.keys[index] as Bytes) : ''
    const bytes = elementBytes(layout, key, value) - elementBytes(layout, key, old)
    if (bytes === 0) return
    this.adjustCounts(leaf, 0, bytes, bytes)
    if (bytes < 0) this.rebalanceAfterShrink(leaf)
    else {
      if (this.object.pages === null) this.object.makePagesIfLarge()
      if (this.isTooLarge(leaf)) split(this, leaf, -1)
    }
    this.leaf = null
  }

  /** Removes the element at the place. */
  remove(): void {
    const { layout, placeLeaf: leaf, index } = this
    assert(index >= 0 && index < leaf.length, 'only an element that exists is removed')
    const bytes = elementBytes(layout, layout.isKeyed ? (leaf.keys[index] as Bytes) : '', leaf.values[index])
    this.touchNode(leaf)
    if (layout.isKeyed) {
      removeAt(leaf.keys, index)
      headRemoved(leaf, index)
    }
    if (layout.values !== NO_VALUES) removeAt(leaf.values, index)
    this.adjustCounts(leaf, -1, -bytes, -bytes - elementOverhead(layout))
    this.rebalanceAfterShrink(leaf)
    this.leaf = null
  }

  get(key: Bytes): TreeValue {
    return this.find(key) ? this.value : undefined
  }

  has(key: Bytes): boolean {
    return this.find(key)
  }

  /** Sets a key's value. Returns true if the key is new. */
  set(key: Bytes, value?: TreeValue): boolean {
    if (this.find(key)) {
      if (this.layout.values !== NO_VALUES) this.replace(value)
      return false
    }
    this.insert(key, value)
    return true
  }

  /** Removes a key. Returns false if it did not exist. */
  delete(key: Bytes): boolean {
    if (!this.find(key)) return false
    this.remove()
    return true
  }

  /** Returns the rank of a key, or -1 if it does not exist. */
  rankOf(key: Bytes): number {
    return this.find(key) ? this.rank : -1
  }

  /** Returns the number of keys before this one. */
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

  /**
   * Removes the elements of the ranks from `from` to before `to`. Leaves wholly within the range
   * are not read.
   */
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

  /** Returns a cursor that starts with the element of this rank. */
  cursor(rank: number, direction: 'forward' | 'backward' = 'forward'): TreeCursor {
    return new TreeCursor(this, rank, direction)
  }

  private get placeLeaf(): TreeNode {
    if (this.leaf === null) throw new Error('the tree has no place: find or seek has to come first')
    return this.leaf
  }

  rootNode(): TreeNode {
    const { root } = this
    if (typeof root === 'number') return loadNode(this, null, 0, root)
    root.isReferenced = true
    return root
  }

  childAt(node: TreeNode, slot: number): TreeNode {
    const child = node.children[slot] as TreeNode | number
    if (typeof child === 'number') return loadNode(this, node, slot, child)
    child.isReferenced = true
    child.slot = slot
    return child
  }

  /**
   * Marks a node, the nodes above it and the root record dirty. REQUIRES: called before the node
   * changes.
   */
  touchNode(leaf: TreeNode): void {
    const { object } = this
    object.touch()
    if (object.pages === null) return
    if (object.pages.isUsedUp) object.renumber()
    const { keyspace } = object.db
    for (let node: TreeNode | null = leaf; node !== null; node = node.parent) keyspace.touch(node, node.memoryBytes)
  }

  /** True if the node and the root record have been touched, so that they may change. */
  isTouched(node: TreeNode): boolean {
    const { pages, entry, db } = this.object
    const { generation } = db.keyspace
    return (pages === null || node.generation === generation) && (entry === null || entry.generation === generation)
  }

  isTooLarge(node: TreeNode): boolean {
    if (this.object.pages === null) return false
    const { pageBytes, pageElements } = this.object.db.keyspace.pageLimits
    const { length } = node
    return length >= (node.level === 0 ? MIN_LEAF_ENTRIES : MIN_INNER_CHILDREN) && (node.encodedBytes > pageBytes || length > pageElements)
  }

  /** Called when a node has been evicted. */
  onNodeEvicted(node: TreeNode): void {
    if (this.leaf === node) this.leaf = null
  }

  /** Adjusts a leaf's sizes, and the counts above it. */
  private adjustCounts(leaf: TreeNode, elements: number, bytes: number, memoryBytes: number): void {
    assert(this.isTouched(leaf), 'a leaf is touched before it changes')
    leaf.encodedBytes += bytes
    leaf.memoryBytes += memoryBytes
    assert(leaf.encodedBytes >= 0 && leaf.memoryBytes > 0, 'the size of a leaf is not negative')
    this.object.account(memoryBytes)
    if (elements === 0) return
    this.version++
    this.count += elements
    assert(this.count >= 0, 'the count of a tree is not negative')
    for (let node = leaf, { parent } = node; parent !== null; node = parent, parent = node.parent) {
      const slot = slotOf(parent, node)
      parent.counts[slot] = (parent.counts[slot] as number) + elements
      assert((parent.counts[slot] as number) >= 0, 'the count of a child is not negative')
    }
  }

  private rebalanceAfterShrink(leaf: TreeNode): void {
    if (this.object.pages === null) return
    if (leaf.length === 0 && leaf.parent !== null) detachNode(this, leaf)
    else mergeSmall(this, leaf)
    this.object.makeInlineIfSmall()
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
