/**
 * Keeps the shape of a counted B+tree: splits nodes that are too large, merges small ones with a
 * neighbour, removes empty ones.
 *
 * Invariants:
 * - No node but the root leaf is empty.
 * - An inner root has at least two children.
 * - A node that has become small does not fit into one page with a neighbour. A merge is tried when
 *   the node shrinks, so most pages stay more than a quarter full.
 */
import { assert, must } from '../../base/assert.ts'
import { type Bytes, detached } from '../../base/bytes.ts'
import { headInserted, headRemoved } from './key-heads.ts'
import { readNode } from './loading.ts'
import { CHILD_OVERHEAD, childBytes, elementBytes, elementOverhead, slotOf, TreeNode } from './node.ts'
import type { Tree } from './tree.ts'

// hot: every change of a collection may move elements between nodes

/**
 * Splits a node of a tree with pages until its parts are small enough. `changedIndex` is the index
 * at which the node has grown, or -1 if unknown. After growth at one end, only the entry there
 * moves to another node, so a run of insertions at one end leaves full pages. REQUIRES: the node
 * and those above it have been touched.
 */
export function split(tree: Tree, node: TreeNode, changedIndex: number): void {
  const { length } = node
  const at = changedIndex === length - 1 ? length - 1 : changedIndex === 0 ? 1 : middleOf(node)
  assert(at > 0 && at < length, 'a split leaves no node empty')
  assert(tree.isTouched(node), 'a node is touched before it is split')
  const right = new TreeNode(tree, node.level)
  const separator = separatorAt(node, at)
  const { memoryBytes } = node
  right.keys = tail(node.keys, at)
  right.values = tail(node.values, at)
  right.children = tail(node.children, at)
  right.counts = tail(node.counts, at)
  for (const child of right.children) if (typeof child !== 'number') child.parent = right
  if (right.level > 0 && right.keys.length > 0) right.keys[0] = ''
  node.filter = null
  node.heads = null
  node.measure()
  right.measure()
  assert(node.length === at && right.length === length - at, 'a split keeps every entry')
  tree.object.account(node.memoryBytes - memoryBytes)
  must(tree.object.pages).adopt(right)
  addRight(tree, node, right, separator)
  if (tree.isTooLarge(node)) split(tree, node, -1)
  if (tree.isTooLarge(right)) split(tree, right, -1)
}

/** Cuts a list in two and returns the second part. The shared empty array of absent lists stays. */
function tail<T>(list: T[], at: number): T[] {
  return list.length === 0 ? list : list.splice(at)
}

/**
 * Returns the index that halves the bytes. Each part of an inner node gets at least two children.
 */
function middleOf(node: TreeNode): number {
  const { layout } = node.tree
  const { length } = node
  let left = node.encodedBytes / 2
  let at = 0
  while (at < length - 1 && left > 0) {
    const key = layout.isKeyed ? (node.keys[at] as Bytes) : ''
    left -= node.level === 0 ? elementBytes(layout, key, node.values[at]) : childBytes(key)
    at++
  }
  return node.level === 0 ? Math.max(1, at) : Math.min(Math.max(2, at), length - 2)
}

/** Returns the shortest separator between the elements before a position of a node and the rest. */
function separatorAt(node: TreeNode, at: number): Bytes {
  if (!node.tree.layout.isKeyed) return ''
  const after = node.keys[at] as Bytes
  if (node.level > 0) return after
  const before = node.keys[at - 1] as Bytes
  let same = 0
  while (same < before.length && before.charCodeAt(same) === after.charCodeAt(same)) same++
  return same + 1 >= after.length ? after : detached(after.slice(0, same + 1))
}

/** Inserts a new node beside the one it was split from. */
function addRight(tree: Tree, node: TreeNode, right: TreeNode, separator: Bytes): void {
  const { isKeyed } = tree.layout
  let { parent } = node
  if (parent === null) {
    parent = new TreeNode(tree, node.level + 1)
    parent.children.push(node)
    parent.counts.push(0)
    if (isKeyed) parent.keys.push('')
    parent.measure()
    must(tree.object.pages).adopt(parent)
    node.parent = parent
    tree.root = parent
  }
  const slot = slotOf(parent, node)
  const { total } = right
  const whole = parent.length === 1 && parent.parent === null ? tree.count : parent.counts[slot]
  parent.counts[slot] = node.total
  assert(whole === node.total + total, 'the counts of both parts add up to that of the node that was split')
  assert(parent.level === node.level + 1 && right.level === node.level, 'a child is one level below its parent')
  parent.children.splice(slot + 1, 0, right)
  parent.counts.splice(slot + 1, 0, total)
  if (isKeyed) {
    parent.keys.splice(slot + 1, 0, separator)
    headInserted(parent, slot + 1, separator)
  }
  right.parent = parent
  right.slot = slot + 1
  resize(parent, childBytes(separator), CHILD_OVERHEAD)
  mustBeParallel(parent)
  if (tree.isTooLarge(parent)) split(tree, parent, slot + 1)
}

function resize(node: TreeNode, bytes: number, overhead: number): void {
  node.encodedBytes += bytes
  node.memoryBytes += bytes + overhead
  node.tree.object.account(bytes + overhead)
  assert(node.encodedBytes >= 0 && node.memoryBytes > 0, 'the size of a node is not negative')
}

/** The arrays of an inner node are of one length. */
function mustBeParallel({ children, counts, keys, tree }: TreeNode): void {
  assert(counts.length === children.length, 'an inner node counts each child')
  assert(!tree.layout.isKeyed || keys.length === children.length, 'an inner node has a separator for each child')
}

/**
 * Removes an empty node from its parent. REQUIRES: the node and those above it have been touched.
 */
export function detachNode(tree: Tree, node: TreeNode): void {
  const parent = must(node.parent, 'the root is never detached from its tree')
  assert(node.length === 0, 'only an empty node is detached from its tree')
  const slot = slotOf(parent, node)
  assert(parent.counts[slot] === 0, 'nothing is counted below an empty node')
  removeChild(parent, slot)
  must(node.pages).remove(node)
  if (parent.length === 0) {
    if (parent.parent === null) replaceRoot(tree)
    else detachNode(tree, parent)
  } else if (parent.parent === null) lowerRoot(tree)
  else mergeSmall(tree, parent)
}

/** Removes a child. REQUIRES: the parent has been touched, and the counts above it are right. */
function removeChild(parent: TreeNode, slot: number): void {
  assert(slot >= 0 && slot < parent.length, 'a child is removed at its own slot')
  assert(parent.tree.isTouched(parent), 'a node is touched before it loses a child')
  const separator = parent.tree.layout.isKeyed ? (parent.keys[slot] as Bytes) : ''
  parent.children.splice(slot, 1)
  parent.counts.splice(slot, 1)
  if (parent.tree.layout.isKeyed) {
    parent.keys.splice(slot, 1)
    if (slot === 0) parent.heads = null
    else headRemoved(parent, slot)
    if (slot === 0 && parent.keys.length > 0) {
      resize(parent, -(parent.keys[0] as Bytes).length, 0)
      parent.keys[0] = ''
    }
  }
  resize(parent, -childBytes(separator), -CHILD_OVERHEAD)
  mustBeParallel(parent)
}

/**
 * Replaces the root by an empty leaf after the last element is gone. REQUIRES: the root has been
 * touched.
 */
function replaceRoot(tree: Tree): void {
  assert(tree.count === 0, 'a tree is emptied only when nothing is counted in it')
  const old = tree.root
  const root = new TreeNode(tree, 0)
  tree.root = root
  const { pages } = tree.object
  if (pages === null) return
  if (typeof old !== 'number') pages.remove(old)
  pages.adopt(root)
}

/** Replaces an inner root that has one child by that child. REQUIRES: the root has been touched. */
function lowerRoot(tree: Tree): void {
  const pages = must(tree.object.pages)
  for (let { root } = tree; typeof root !== 'number' && root.level > 0 && root.length === 1; root = tree.root) {
    const child = tree.childAt(root, 0)
    assert(child.level === root.level - 1, 'the only child of a root is one level below it')
    assert(root.counts[0] === tree.count, 'the only child of a root holds all elements')
    tree.object.db.keyspace.touch(root, root.memoryBytes)
    pages.remove(root)
    child.parent = null
    tree.root = child
  }
}

/**
 * Merges a node that has become small with a neighbour if both fit into three quarters of a page.
 * REQUIRES: the node and those above it have been touched.
 */
export function mergeSmall(tree: Tree, node: TreeNode): void {
  const { pageBytes, pageElements } = tree.object.db.keyspace.pageLimits
  const { parent } = node
  if (parent === null || node.encodedBytes * 4 > pageBytes || node.length * 4 > pageElements) return
  assert(node.length > 0, 'an empty node is detached, not merged')
  const slot = slotOf(parent, node)
  for (const left of [slot, slot - 1]) {
    if (left < 0 || left + 1 >= parent.length) continue
    const first = tree.childAt(parent, left)
    const second = tree.childAt(parent, left + 1)
    if ((first.encodedBytes + second.encodedBytes) * 4 > pageBytes * 3 || (first.length + second.length) * 4 > pageElements * 3) continue
    merge(tree, parent, left, first, second)
    return
  }
}

function merge(tree: Tree, parent: TreeNode, slot: number, first: TreeNode, second: TreeNode): void {
  assert(first.level === second.level, 'only nodes of one level are merged')
  assert(tree.isTouched(parent), 'a node is touched before its children are merged')
  const { keyspace } = tree.object.db
  const pages = must(tree.object.pages)
  keyspace.touch(first, first.memoryBytes)
  keyspace.touch(second, second.memoryBytes)
  const { memoryBytes } = first
  const length = first.length + second.length
  if (first.level > 0 && tree.layout.isKeyed) second.keys[0] = parent.keys[slot + 1] as Bytes
  // The page has been touched, so a checkpoint no longer needs its old content.
  for (const key of second.keys) first.keys.push(key)
  for (const value of second.values) first.values.push(value)
  for (const count of second.counts) first.counts.push(count)
  for (const child of second.children) {
    first.children.push(child)
    if (typeof child !== 'number') child.parent = first
  }
  first.filter = null
  first.heads = null
  first.measure()
  tree.object.account(first.memoryBytes - memoryBytes)
  assert(first.length === length, 'a merge keeps every entry')
  parent.counts[slot] = (parent.counts[slot] as number) + (parent.counts[slot + 1] as number)
  assert(parent.counts[slot] === first.total, 'the counts of both nodes add up to that of the merged one')
  second.children = []
  pages.remove(second)
  removeChild(parent, slot + 1)
  if (parent.parent === null) lowerRoot(tree)
  else mergeSmall(tree, parent)
}

/** Removes a range of ranks. REQUIRES: the root record has been touched; the nodes need not be. */
export function removeRange(tree: Tree, from: number, to: number): void {
  const root = tree.rootNode()
  removeBelow(tree, root, from, to)
  tree.count -= to - from
  assert(tree.count >= 0 && root.total === tree.count, 'the remaining counts add up to the count of the tree')
  if (tree.object.pages === null) return
  if (tree.count === 0) {
    if (root.level > 0) replaceRoot(tree)
    return
  }
  lowerRoot(tree)
  mergeSeam(tree, Math.min(from, tree.count - 1))
  mergeSeam(tree, Math.max(0, from - 1))
  tree.leaf = null
}

/**
 * Merges the nodes beside a removed range that have become small. It works from the top down: nodes
 * become neighbours only once the nodes above them are merged.
 */
function mergeSeam(tree: Tree, rank: number): void {
  for (let level = tree.rootNode().level - 1; level >= 0; level--) {
    tree.seek(rank)
    let node = tree.leaf as TreeNode
    tree.touchNode(node)
    while (node.level < level && node.parent !== null) node = node.parent
    mergeSmall(tree, node)
  }
}

function removeBelow(tree: Tree, node: TreeNode, from: number, to: number): void {
  if (node.pages !== null) tree.object.db.keyspace.touch(node, node.memoryBytes)
  if (node.level === 0) {
    removeFromLeaf(tree, node, from, to)
    return
  }
  let before = 0
  for (let slot = 0; slot < node.length && before < to; ) {
    const count = node.counts[slot] as number
    assert(count > 0, 'no child is empty')
    const first = Math.max(0, from - before)
    const last = Math.min(count, to - before)
    before += count
    if (first >= last) slot++
    else if (last - first === count) {
      dropBelow(tree, node.children[slot] as TreeNode | number, node.level - 1)
      removeChild(node, slot)
    } else {
      removeBelow(tree, tree.childAt(node, slot), first, last)
      node.counts[slot] = count - (last - first)
      slot++
    }
  }
}

function removeFromLeaf(tree: Tree, leaf: TreeNode, from: number, to: number): void {
  const { layout } = tree
  let bytes = 0
  assert(from >= 0 && from < to && to <= leaf.length, 'a range lies inside its leaf')
  for (let i = from; i < to; i++) bytes += elementBytes(layout, layout.isKeyed ? (leaf.keys[i] as Bytes) : '', leaf.values[i])
  if (leaf.keys.length > 0) leaf.keys.splice(from, to - from)
  leaf.heads = null
  if (leaf.values.length > 0) leaf.values.splice(from, to - from)
  assert(tree.isTouched(leaf), 'a leaf is touched before it loses elements')
  resize(leaf, -bytes, -(to - from) * elementOverhead(layout))
}

/** Drops a whole subtree. Reads its inner nodes, but no leaf. */
function dropBelow(tree: Tree, child: TreeNode | number, level: number): void {
  const pages = must(tree.object.pages)
  const { keyspace } = tree.object.db
  let node: TreeNode
  if (typeof child !== 'number') node = child
  else if (level > 0) node = readNode(tree, child)
  else {
    node = new TreeNode(tree, 0) // stands for the record to be removed
    node.number = child
    node.pages = pages
    node.isStored = true
  }
  for (const below of node.children) dropBelow(tree, below, level - 1)
  keyspace.touch(node, node.memoryBytes)
  if (node.ringIndex >= 0) pages.remove(node)
  else node.isGone = true
}
