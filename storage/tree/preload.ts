/**
 * Reads the way to elements of many collections into the processor's cache, level by level, so that
 * the waits for memory overlap. Changes nothing and reads no page from disk.
 */
import type { Bytes } from '../../base/bytes.ts'
import { indexByHeads, slotByHeads } from './key-heads.ts'
import type { TreeNode } from './node.ts'
import type { TreeObject } from './object.ts'
import type { Tree } from './tree.ts'

// hot: runs once for each request of a pipeline

const trees: (Tree | undefined)[] = []
const nodes: (TreeNode | null)[] = []

/**
 * Preloads an element of each collection's first tree, and the root of its second tree.
 * `elements[i]` is the element of `objects[i]`, or empty if unknown. Returns a sum that only makes
 * sure that memory is read.
 */
export function preloadElements(objects: readonly TreeObject[], elements: readonly Bytes[], count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) {
    const { madeTrees: all, packed } = objects[i] as TreeObject
    if (packed !== null) sum += packed.charCodeAt(packed.length - 1)
    trees[2 * i] = all[0]
    trees[2 * i + 1] = all.length > 1 ? all[1] : undefined
  }
  for (let i = 0; i < 2 * count; i++) {
    const root = trees[i]?.root
    nodes[i] = root === undefined || typeof root === 'number' ? null : root
  }
  for (let i = 0; i < 2 * count; i++) {
    const node = nodes[i]
    if (node === null || node === undefined) continue
    sum += node.keys.length + node.values.length
  }
  for (let i = 0; i < count; i++) descend(2 * i, elements[i] as Bytes)
  for (let i = 0; i < count; i++) {
    const leaf = nodes[2 * i]
    if (leaf !== null && leaf !== undefined) sum += leaf.keys.length + leaf.values.length + (leaf.heads === null ? 0 : leaf.heads.length)
  }
  for (let i = 0; i < count; i++) {
    const leaf = nodes[2 * i]
    if (leaf !== null && leaf !== undefined && leaf.level === 0) sum += readElement(leaf, elements[i] as Bytes)
  }
  for (let i = 0; i < 2 * count; i++) {
    trees[i] = undefined
    nodes[i] = null
  }
  return sum
}

/** Replaces the root in `nodes` by the leaf of an element; null if it is not in memory. */
function descend(index: number, element: Bytes): void {
  let node: TreeNode | null | undefined = nodes[index]
  if (node === null || node === undefined || node.level === 0) return
  if (element === '') return
  while (node.level !== 0) {
    const heads: number[] | null = node.heads
    const child: TreeNode | number | undefined = heads === null ? undefined : node.children[slotByHeads(node, heads, element, 0)]
    if (child === undefined || typeof child === 'number') {
      nodes[index] = null
      return
    }
    node = child
  }
  nodes[index] = node
}

/** Reads the key and the value of an element. Returns a sum of what it has read. */
function readElement(leaf: TreeNode, element: Bytes): number {
  const { keys, values, heads } = leaf
  const at = heads === null || element === '' ? 0 : indexByHeads(leaf, heads, element, 0)
  if (at >= keys.length) return 0
  const value = at < values.length ? values[at] : undefined
  return (keys[at] as Bytes).length + (typeof value === 'string' && value.length > 0 ? value.charCodeAt(value.length - 1) : 0)
}
