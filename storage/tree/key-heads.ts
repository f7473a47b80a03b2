/**
 * Heads of keys: for each key of a node, its four bytes after the prefix that all keys of the node
 * share, as one integer. A search compares heads, which lie in one array, instead of strings, which
 * lie anywhere in memory. It compares strings only where heads are equal.
 *
 *   keys     user:1041  user:1092  user:1177        of a leaf
 *   prefix   user:1                                 the first `prefixLength` bytes of `prefixKey`
 *   heads    041        092        177              with zeros after the end of a key
 *
 * A search makes the heads of a node that has none. A change of the keys changes the heads as well,
 * or drops them. The heads of an inner node begin with one that stands for the empty separator.
 * See Bayer and Unterauer, "Prefix B-Trees" (1977), and Graefe, "Modern B-Tree Techniques" (2011).
 */
import type { Bytes } from '../../base/bytes.ts'
import type { TreeNode } from './node.ts'

// hot: every search in a large collection compares heads

const HEAD_BYTES = 4
/** In a smaller node comparing strings is as fast. */
export const MIN_HEADED_KEYS = 8
/** Orders heads as signed integers as their bytes are ordered. */
const SIGN = 0x8000_0000 | 0

/** Returns the head of a key; bytes after its end count as zero. */
function headOf(key: Bytes, at: number): number {
  if (at + HEAD_BYTES <= key.length)
    return ((key.charCodeAt(at) << 24) | (key.charCodeAt(at + 1) << 16) | (key.charCodeAt(at + 2) << 8) | key.charCodeAt(at + 3)) ^ SIGN
  let head = 0
  for (let i = at; i < at + HEAD_BYTES; i++) head = (head << 8) | (i < key.length ? key.charCodeAt(i) : 0)
  return head ^ SIGN
}

/** Makes the heads of a node. REQUIRES: the node has `MIN_HEADED_KEYS` or more. */
export function makeHeads(node: TreeNode): number[] {
  const { keys, level } = node
  const first = level === 0 ? 0 : 1
  const low = keys[first] as Bytes
  const high = keys[keys.length - 1] as Bytes
  let at = 0
  while (at < low.length && low.charCodeAt(at) === high.charCodeAt(at)) at++
  const heads: number[] = level === 0 ? [] : [SIGN]
  for (let i = first; i < keys.length; i++) heads.push(headOf(keys[i] as Bytes, at))
  node.heads = heads
  node.prefixLength = at
  node.prefixKey = low
  return heads
}

/** Keeps the heads right after a key has been inserted. */
export function headInserted(node: TreeNode, index: number, key: Bytes): void {
  const { heads, prefixLength, level } = node
  if (heads === null) return
  const isInside = index > (level === 0 ? 0 : 1) && index < heads.length
  if (!isInside && comparePrefix(node, key, 0) !== 0) node.heads = null
  else if (index === heads.length) heads.push(headOf(key, prefixLength))
  else heads.splice(index, 0, headOf(key, prefixLength))
}

/** Keeps the heads right after a key has been removed. */
export function headRemoved({ heads }: TreeNode, index: number): void {
  if (heads === null) return
  if (index === heads.length - 1) heads.pop()
  else if (index === 0) heads.shift()
  else heads.splice(index, 1)
}

/**
 * Compares a key with the prefix of a node: 0 if the key begins with it, negative if it comes
 * before all keys of the node, positive if after. REQUIRES: the first `shared` bytes are the same.
 */
function comparePrefix({ prefixLength, prefixKey }: TreeNode, key: Bytes, shared: number): number {
  for (let i = shared; i < prefixLength; i++) {
    if (i >= key.length) return -1
    const difference = key.charCodeAt(i) - prefixKey.charCodeAt(i)
    if (difference !== 0) return difference
  }
  return 0
}

/**
 * Returns the slot of the child that a key belongs to. REQUIRES: the first `shared` bytes of the
 * key and of the node's keys are the same.
 */
export function slotByHeads(node: TreeNode, heads: readonly number[], key: Bytes, shared: number): number {
  const side = comparePrefix(node, key, shared)
  if (side !== 0) return side < 0 ? 0 : heads.length - 1
  const head = headOf(key, node.prefixLength)
  let low = 1
  let high = heads.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((heads[middle] as number) <= head) low = middle + 1
    else high = middle
  }
  // Separators with the same head may come after the key.
  if (low > 1 && heads[low - 1] === head && (node.keys[low - 1] as Bytes) > key) return slotByKeys(node.keys, key, low - 1)
  return low - 1
}

/** Returns the slot of the child that a key belongs to. The slot is below `end`. */
export function slotByKeys(keys: readonly Bytes[], key: Bytes, end: number): number {
  let low = 1
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as Bytes) <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}

/**
 * Returns the index of a key in a leaf, or the index at which it belongs. REQUIRES: the first
 * `shared` bytes of the key and of the leaf's keys are the same.
 */
export function indexByHeads(leaf: TreeNode, heads: readonly number[], key: Bytes, shared: number): number {
  const { keys, prefixLength } = leaf
  const head = headOf(key, prefixLength)
  let low = 0
  let high = heads.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((heads[middle] as number) < head) low = middle + 1
    else high = middle
  }
  if (low < heads.length && heads[low] === head) {
    const found = keys[low] as Bytes
    if (found === key) return low
    if (found < key) low = heads[low + 1] === head ? indexByKeys(keys, key, low + 1) : low + 1
  }
  const side = comparePrefix(leaf, key, shared)
  return side === 0 ? low : side < 0 ? 0 : heads.length
}

/** Returns the index of a key in a leaf, or the index at which it belongs, from `start` on. */
export function indexByKeys(keys: readonly Bytes[], key: Bytes, start: number): number {
  let low = start
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as Bytes) < key) low = middle + 1
    else high = middle
  }
  return low
}
