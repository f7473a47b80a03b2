/**
 * Goes through a tree element by element, in either direction, a leaf at a time. A leaf that was
 * read from disk for the cursor and has not changed is evicted when the cursor leaves it. A walk
 * over a large tree therefore does not crowd out the working set.
 *
 * In a keyed tree the cursor continues after the last key when elements come or go meanwhile. A
 * list must not change under its cursor.
 */
import type { Bytes } from '../../base/bytes.ts'
import { slotOf, type TreeNode } from './node.ts'
import type { Tree, TreeValue } from './tree.ts'

// hot: runs once for each element that is read

/** Goes through a tree element by element. */
export class TreeCursor {
  key: Bytes = ''
  value: TreeValue = undefined
  private readonly tree: Tree
  private readonly step: 1 | -1
  private readonly isKeyed: boolean
  private leaf: TreeNode | null
  private index: number
  private version: number
  /** The rank of the leaf's first element; -1 if unknown because the tree has changed. */
  private leafRank: number
  /** True if the leaf was read from disk for this cursor. */
  private isRead = false
  private isStarted = false

  constructor(tree: Tree, rank: number, direction: 'forward' | 'backward') {
    this.tree = tree
    this.step = direction === 'forward' ? 1 : -1
    this.isKeyed = tree.layout.isKeyed
    this.version = tree.version
    const before = tree.object.db.keyspace.diskReads
    tree.seek(Math.max(0, rank))
    this.isRead = tree.object.db.keyspace.diskReads !== before
    this.leaf = tree.leaf
    this.leafRank = Math.max(0, rank) - tree.index
    this.index = rank < 0 ? -1 : tree.index
    if (this.step < 0 && rank >= tree.count) this.index--
  }

  /** Moves to the next element. Returns false at the end. */
  next(): boolean {
    if (this.version !== this.tree.version) this.findAgain()
    for (let { leaf } = this; leaf !== null; leaf = this.moveOn(leaf)) {
      const { index } = this
      const { keys, values } = leaf
      if (index >= 0 && index < (this.isKeyed ? keys.length : values.length)) {
        this.isStarted = true
        this.key = keys[index] as Bytes
        this.value = values[index]
        this.index = index + this.step
        return true
      }
    }
    return false
  }

  /**
   * Returns the remaining elements of the current leaf, for callers that copy runs, or null at the
   * end. The run goes from `start` to before `end` in the tree's order, for both directions. The
   * cursor moves past it.
   */
  nextRun(): { readonly leaf: TreeNode; readonly start: number; readonly end: number } | null {
    if (this.version !== this.tree.version) this.findAgain()
    for (let { leaf } = this; leaf !== null; leaf = this.moveOn(leaf)) {
      const { index } = this
      if (index < 0 || index >= leaf.length) continue
      this.isStarted = true
      const [start, end] = this.step > 0 ? [index, leaf.length] : [0, index + 1]
      const last = this.step > 0 ? end - 1 : start
      this.key = leaf.keys[last] as Bytes
      this.value = leaf.values[last]
      this.index = last + this.step
      return { leaf, start, end }
    }
    return null
  }

  /** Moves to the neighbouring leaf and returns it, or null at the end. */
  private moveOn(leaf: TreeNode): TreeNode | null {
    const { tree, step } = this
    // A leaf that was evicted is no longer linked into the tree.
    if (leaf.pages !== null && leaf.ringIndex < 0) return this.seekAgain(leaf)
    let node = leaf
    let { parent } = node
    let slot = -1
    while (parent !== null) {
      slot = slotOf(parent, node) + step
      if (slot >= 0 && slot < parent.length) break
      node = parent
      parent = node.parent
    }
    const wasRead = this.isRead
    const before = tree.object.db.keyspace.diskReads
    let next: TreeNode | null = null
    if (parent !== null) {
      next = tree.childAt(parent, slot)
      while (next.level > 0) next = tree.childAt(next, step > 0 ? 0 : next.length - 1)
    }
    this.isRead = tree.object.db.keyspace.diskReads !== before
    this.leaf = next
    this.index = next === null || step > 0 ? 0 : next.length - 1
    if (this.leafRank >= 0) this.leafRank += step > 0 ? leaf.length : -(next?.length ?? 0)
    if (wasRead) leaf.evictUpwards(tree.object.db.keyspace.landedGeneration)
    return next
  }

  /** Moves to the neighbour of a leaf that was evicted. */
  private seekAgain(leaf: TreeNode): TreeNode | null {
    const { tree, step, leafRank } = this
    const { keyspace } = tree.object.db
    if (leafRank < 0) {
      this.findAgain()
      return this.leaf
    }
    const rank = step > 0 ? leafRank + leaf.length : leafRank - 1
    const isInRange = rank >= 0 && rank < tree.count
    const before = keyspace.diskReads
    const { leaf: placeLeaf, index: placeIndex } = tree
    if (isInRange) tree.seek(rank)
    this.isRead = keyspace.diskReads !== before
    this.leaf = isInRange ? tree.leaf : null
    this.index = isInRange ? tree.index : 0
    this.leafRank = rank - this.index
    tree.leaf = placeLeaf
    tree.index = placeIndex
    return this.leaf
  }

  /** Finds the last key again after the tree has changed. */
  private findAgain(): void {
    const { tree } = this
    if (!tree.layout.isKeyed) throw new Error('a list has changed under its cursor')
    if (!this.isStarted) throw new Error('a tree has changed before its cursor has started')
    const isFound = tree.find(this.key)
    this.leaf = tree.leaf
    this.index = this.step < 0 ? tree.index - 1 : tree.index + (isFound ? 1 : 0)
    this.version = tree.version
    this.leafRank = -1
    this.isRead = false
  }
}
