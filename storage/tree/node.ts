/**
 * A node of a counted B+tree. It is a page of its own in LevelDB, or the one leaf of a small tree,
 * inside the object's root record.
 *
 *   leaf (level 0)   keys[i] -> values[i], in order; lists have no keys, sets no values
 *   inner            children[i], a node or the number of a page that is not in memory;
 *                    counts[i] elements below it;
 *                    keys[i] is not after any key below children[i] and after all below
 *                    children[i - 1]; keys[0] is empty and bounds nothing
 *
 * `encodedBytes` is the encoded size of the content (approximate for inner nodes), by which nodes
 * are split. `memoryBytes` is the approximate size in memory.
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { RecordSink } from '../records/record-store.ts'
import type { DirtyRecord, ReadPage, Resident } from '../residents/resident.ts'
import { FILTER_BYTES, type LeafFilter } from './leaf-filter.ts'
import type { Pages } from './pages.ts'
import type { Tree } from './tree.ts'

// hot: runs once for each element of a page that is read

/** The value of a hash field that has a deadline, in ms since the epoch. */
export class FieldValue {
  readonly value: Bytes
  readonly expireAtMs: number

  constructor(value: Bytes, expireAtMs: number) {
    this.value = value
    this.expireAtMs = expireAtMs
  }
}

/** undefined: a tree without values (sets), or no element. */
export type TreeValue = Bytes | number | FieldValue | undefined

/** The kind of a tree's values. On disk: never renumber. */
export const NO_VALUES = 0
export const BYTES_VALUES = 1
/** Doubles, as numbers. */
export const SCORE_VALUES = 2
/** Bytes, or a FieldValue. */
export const FIELD_VALUES = 3

/** The kind of a tree: with keys or by position, and the kind of its values. */
export interface Layout {
  readonly isKeyed: boolean
  readonly values: number
}

const NODE_BYTES = 240
const INNER_CHILD_BYTES = 12
const INNER_CHILD_MEMORY_BYTES = 64
/** Memory of a string's header and its slot in the array. */
const STRING_MEMORY_BYTES = 24
const HEAD_MEMORY_BYTES = 8

const NOTHING: never[] = []

/** One node of a tree. */
export class TreeNode implements Resident, DirtyRecord, ReadPage {
  readonly tree: Tree
  /** The object's pages; null while the node lies inside the root record. */
  pages: Pages | null = null
  number = 0
  readonly level: number
  parent: TreeNode | null = null
  /** The last known index in the parent: see `slotOf`. */
  slot = 0
  keys: Bytes[]
  values: TreeValue[]
  children: (TreeNode | number)[]
  counts: number[]
  /** The heads of the keys; null if a search has to make them first. See key-heads.ts. */
  heads: number[] | null = null
  /** The length of the prefix that all keys of the node share. */
  prefixLength = 0
  /** A key that begins with the prefix. */
  prefixKey: Bytes = ''
  encodedBytes = 0
  memoryBytes = NODE_BYTES
  generation = 0
  ringIndex = -1
  isReferenced = true
  /** True if LevelDB has a record of this page, or may have one after the checkpoint in flight. */
  isStored = false
  /** True if the node is no longer part of the tree: its record is to be removed. */
  isGone = false
  /**
   * The filter of a list's leaf that has been searched; null elsewhere. It names all of the leaf's
   * values, and perhaps others.
   */
  filter: LeafFilter | null = null

  constructor(tree: Tree, level: number) {
    const { layout } = tree
    this.tree = tree
    this.level = level
    this.keys = layout.isKeyed ? [] : NOTHING
    this.values = level === 0 && layout.values !== NO_VALUES ? [] : NOTHING
    this.children = level === 0 ? NOTHING : []
    this.counts = level === 0 ? NOTHING : []
  }

  get length(): number {
    if (this.level !== 0) return this.children.length
    return this.tree.layout.isKeyed ? this.keys.length : this.values.length
  }

  /** The number of elements in the node and below. */
  get total(): number {
    if (this.level === 0) return this.length
    let sum = 0
    for (const count of this.counts) sum += count
    return sum
  }

  /** Computes `encodedBytes` and `memoryBytes` from the content. */
  measure(): void {
    const { layout } = this.tree
    const { length } = this
    let bytes = 0
    if (this.level === 0) for (let i = 0; i < length; i++) bytes += elementBytes(layout, this.keys[i] as Bytes, this.values[i])
    else for (let i = 0; i < length; i++) bytes += childBytes(layout.isKeyed ? (this.keys[i] as Bytes) : '')
    this.encodedBytes = bytes
    this.memoryBytes = NODE_BYTES + bytes + length * (this.level === 0 ? elementOverhead(layout) : INNER_CHILD_MEMORY_BYTES)
    if (this.filter !== null) this.memoryBytes += FILTER_BYTES
  }

  encode(batch: RecordSink): void {
    must(this.pages, 'only a node with a page of its own is encoded by itself').encode(this, batch)
  }

  evict(): void {
    if (this.level > 0 && this.children.some((child) => typeof child !== 'number'))
      this.isReferenced = true // spares it in the next round: its children leave memory first
    else this.evictAlone()
  }

  pack(): false {
    return false
  }

  evictIfClean(landedGeneration: number): void {
    if (this.tree.leaf !== this) this.evictUpwards(landedGeneration)
  }

  /**
   * Evicts a clean leaf, and every clean node above it that is left without children in memory,
   * except the root.
   */
  evictUpwards(landedGeneration: number): void {
    if (this.ringIndex < 0 || this.generation > landedGeneration) return
    let { parent } = this
    this.evictAlone()
    while (parent?.mayFollow(landedGeneration) === true) {
      const above: TreeNode | null = parent.parent
      parent.evictAlone()
      parent = above
    }
  }

  /** True if a parent may be evicted after its last child. */
  private mayFollow(landedGeneration: number): boolean {
    if (this.parent === null || this.generation > landedGeneration) return false
    return this.children.every((child) => typeof child === 'number')
  }

  /** Evicts the node. REQUIRES: it is clean, and none of its children is in memory. */
  evictAlone(): void {
    const { parent, tree } = this
    if (parent === null) tree.root = this.number
    else parent.children[slotOf(parent, this)] = this.number
    tree.onNodeEvicted(this)
    const { db } = must(this.pages, 'only a node with a page of its own leaves memory')
    db.residents.remove(this, this.memoryBytes)
    db.keyspace.evictions++
  }
}

/** Returns the index of a node in its parent. */
export function slotOf(parent: TreeNode, node: TreeNode): number {
  const { children } = parent
  if (children[node.slot] === node) return node.slot
  let slot = children.indexOf(node)
  if (slot < 0) slot = children.indexOf(node.number)
  // The node was evicted while a cursor stood in it, and its page has been read again.
  if (slot < 0) slot = children.findIndex((child) => typeof child !== 'number' && child.number === node.number)
  assert(slot >= 0, 'a parent knows each of its children')
  node.slot = slot
  return slot
}

function lengthBytes(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : length < 0x1000_0000 ? 4 : 5
}

function valueBytes(kind: number, value: TreeValue): number {
  if (kind === NO_VALUES) return 0
  if (typeof value === 'string') return lengthBytes(kind === FIELD_VALUES ? value.length * 2 : value.length) + value.length
  if (kind === SCORE_VALUES) return 8
  const { length } = (value as FieldValue).value
  return lengthBytes(length * 2 + 1) + 8 + length
}

/** Returns the size of an element in an encoded leaf, in bytes. */
export function elementBytes(layout: Layout, key: Bytes, value: TreeValue): number {
  return (layout.isKeyed ? lengthBytes(key.length) + key.length : 0) + valueBytes(layout.values, value)
}

/** Returns the approximate size of a child in an encoded inner node, in bytes. */
export function childBytes(separator: Bytes): number {
  return INNER_CHILD_BYTES + separator.length
}

/** Returns the memory of an element beyond its encoded bytes. */
export function elementOverhead({ isKeyed, values }: Layout): number {
  return (isKeyed ? STRING_MEMORY_BYTES + HEAD_MEMORY_BYTES : 0) + (values === NO_VALUES ? 0 : STRING_MEMORY_BYTES)
}

export const CHILD_OVERHEAD = INNER_CHILD_MEMORY_BYTES
