/**
 * A node of a counted B+tree: a page of its own in LevelDB, or the one leaf of a small tree, which lies inside the object's root record.
 *
 *   leaf (level 0)   keys[i] -> values[i], in order; lists have no keys, sets no values
 *   inner            children[i], a node or the number of a page that is not in memory; counts[i] elements below it;
 *                    keys[i] is not after any key below children[i] and after all below children[i - 1]; keys[0] stands for the least
 *
 * `bytes` is what the content takes encoded (inner nodes: about), by which nodes are split; `memory` what it costs in memory (about).
 */
import type { Bytes } from '../../base/bytes.ts'
import type { FrozenBatch } from '../checkpoint/checkpoint.ts'
import type { DirtyRecord, Resident } from '../keyspace/entry.ts'
import type { ReadPage } from '../keyspace/eviction.ts'
import { FILTER_BYTES, type LeafFilter } from './leaf-filter.ts'
import type { Pages } from './pages.ts'
import type { Tree } from './tree.ts'

/** A hash field's value that ends, in ms since the epoch. */
export class FieldValue {
  readonly value: Bytes
  readonly expireAt: number

  constructor(value: Bytes, expireAt: number) {
    this.value = value
    this.expireAt = expireAt
  }
}

/** undefined: a tree without values (sets), or nothing there. */
export type TreeValue = Bytes | number | FieldValue | undefined

/** What the elements of a tree are. On disk: never renumber. */
export const NO_VALUES = 0
export const BYTES_VALUES = 1
/** Doubles, as numbers. */
export const SCORE_VALUES = 2
/** Bytes, or FieldValue. */
export const FIELD_VALUES = 3

export interface Layout {
  readonly isKeyed: boolean
  readonly values: number
}

const NODE_BYTES = 240
const INNER_CHILD_BYTES = 12
const INNER_CHILD_MEMORY = 56
/** Of a string: its header, and its slot in the array. */
const STRING_MEMORY = 24

const NOTHING: never[] = []

export class TreeNode implements Resident, DirtyRecord, ReadPage {
  readonly tree: Tree
  /** The pages that it is one of; null while it lies inside the root record. */
  pages: Pages | null = null
  number = 0
  readonly level: number
  parent: TreeNode | null = null
  /** Where it stands in its parent, or stood: see `slotOf`. */
  slot = 0
  keys: Bytes[]
  values: TreeValue[]
  children: (TreeNode | number)[]
  counts: number[]
  bytes = 0
  memory = NODE_BYTES
  generation = 0
  ringIndex = -1
  referenced = true
  /** LevelDB has a record of this page, or may after the checkpoint in flight. */
  stored = false
  /** No longer part of the tree: its record is to be removed. */
  isGone = false
  /** Of a list's leaf in which values are looked for: names all values that it has, and perhaps others. */
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

  /** Elements in it and below. */
  get total(): number {
    if (this.level === 0) return this.length
    let sum = 0
    for (const count of this.counts) sum += count
    return sum
  }

  /** Sets bytes and memory from the content. */
  measure(): void {
    const { layout } = this.tree
    const { length } = this
    let bytes = 0
    if (this.level === 0) for (let i = 0; i < length; i++) bytes += elementBytes(layout, this.keys[i] as Bytes, this.values[i])
    else for (let i = 0; i < length; i++) bytes += childBytes(layout.isKeyed ? (this.keys[i] as Bytes) : '')
    this.bytes = bytes
    this.memory = NODE_BYTES + bytes + length * (this.level === 0 ? elementOverhead(layout) : INNER_CHILD_MEMORY)
    if (this.filter !== null) this.memory += FILTER_BYTES
  }

  encode(batch: FrozenBatch): void {
    batch.encodeNode(this)
  }

  evict(): void {
    if (this.level > 0 && this.children.some((child) => typeof child !== 'number'))
      this.referenced = true // they go first
    else this.forget()
  }

  leaveBehind(landedGeneration: number): void {
    if (this.tree.leaf !== this) this.forgetUpwards(landedGeneration)
  }

  /** Leaves memory if it is clean, and so do the nodes above it that have nothing left in memory below them, but the root. It is a leaf. */
  forgetUpwards(landedGeneration: number): void {
    if (this.ringIndex < 0 || this.generation > landedGeneration) return
    let { parent } = this
    this.forget()
    while (parent?.mayFollow(landedGeneration) === true) {
      const above: TreeNode | null = parent.parent
      parent.forget()
      parent = above
    }
  }

  private mayFollow(landedGeneration: number): boolean {
    if (this.parent === null || this.generation > landedGeneration) return false
    return this.children.every((child) => typeof child === 'number')
  }

  /** Leaves memory. It is clean, and none of its children is in memory. */
  forget(): void {
    const { parent, tree } = this
    if (parent === null) tree.root = this.number
    else parent.children[slotOf(parent, this)] = this.number
    tree.left(this)
    const { db } = this.pages as Pages
    db.residents.remove(this, this.memory)
    db.keyspace.evictions++
  }
}

/** Where a node stands in its parent. */
export function slotOf(parent: TreeNode, node: TreeNode): number {
  const { children } = parent
  if (children[node.slot] === node) return node.slot
  let slot = children.indexOf(node)
  if (slot < 0) slot = children.indexOf(node.number)
  // It left memory while a cursor stood in it, and somebody has read its page again.
  if (slot < 0) slot = children.findIndex((child) => typeof child !== 'number' && child.number === node.number)
  if (slot < 0) throw new Error('a node that its parent does not know')
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

/** What an element takes in an encoded leaf. */
export function elementBytes(layout: Layout, key: Bytes, value: TreeValue): number {
  return (layout.isKeyed ? lengthBytes(key.length) + key.length : 0) + valueBytes(layout.values, value)
}

/** About what a child takes in an encoded inner node. */
export function childBytes(separator: Bytes): number {
  return INNER_CHILD_BYTES + separator.length
}

/** What an element costs in memory beyond its encoded bytes. */
export function elementOverhead({ isKeyed, values }: Layout): number {
  return (isKeyed ? STRING_MEMORY : 0) + (values === NO_VALUES ? 0 : STRING_MEMORY)
}

export const CHILD_OVERHEAD = INNER_CHILD_MEMORY
