/**
 * Invariants of a tree in memory and on disk, for tests: see storage/tree/balance.ts. Reads pages
 * without making them resident.
 */
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { readNode } from '../../../storage/tree/loading.ts'
import type { TreeNode, TreeValue } from '../../../storage/tree/node.ts'
import type { Tree } from '../../../storage/tree/tree.ts'

/** Fails if the tree breaks an invariant. Returns its elements. */
export function checkTree(tree: Tree): [Bytes, TreeValue][] {
  const elements: [Bytes, TreeValue][] = []
  const root = typeof tree.root === 'number' ? readNode(tree, tree.root) : tree.root
  checkNode(tree, root, '', null, elements)
  assert.is(elements.length, tree.count, 'the count of the tree')
  if (root.level > 0) assert.ok(root.length >= 2, 'an inner root has two children at least')
  if (tree.object.pages === null) assert.is(root.level, 0, 'an inline tree is a leaf')
  return elements
}

function checkNode(tree: Tree, node: TreeNode, from: Bytes, before: Bytes | null, elements: [Bytes, TreeValue][]): number {
  const { encodedBytes, memoryBytes } = node
  assert.not(node.isGone, 'a node of the tree was evicted')
  if (tree.object.pages !== null) assert.is(node.pages, tree.object.pages, 'the pages of a node')
  const { isKeyed } = tree.layout
  if (node.level === 0) {
    for (let i = 0; i < node.length; i++) {
      const key = isKeyed ? (node.keys[i] as Bytes) : ''
      if (isKeyed) {
        assert.ok(key >= from, 'a key before its leaf')
        assert.ok(before === null || key < before, 'a key after its leaf')
        assert.ok(elements.length === 0 || (elements.at(-1) as [Bytes, TreeValue])[0] < key, 'keys out of order')
      }
      elements.push([key, node.values[i]])
    }
    if (tree.count > 0) assert.ok(node.length > 0, 'an empty leaf')
  } else {
    assert.is(node.counts.length, node.length)
    if (isKeyed) {
      assert.is(node.keys.length, node.length)
      assert.is(node.keys[0], '')
    }
    for (let slot = 0; slot < node.length; slot++) {
      const child = node.children[slot] as TreeNode | number
      const childNode = typeof child === 'number' ? readNode(tree, child) : child
      assert.is(childNode.level, node.level - 1, 'the level of a child')
      if (typeof child !== 'number') assert.is(child.parent, node, 'the parent of a child')
      const low = slot === 0 || !isKeyed ? from : (node.keys[slot] as Bytes)
      const high = slot + 1 < node.length && isKeyed ? (node.keys[slot + 1] as Bytes) : before
      assert.is(checkNode(tree, childNode, low, high, elements), node.counts[slot], 'the count of a child')
    }
  }
  checkHeads(node)
  node.measure()
  assert.is(node.encodedBytes, encodedBytes, 'the bytes of a node')
  assert.is(node.memoryBytes, memoryBytes, 'the memory of a node')
  return node.total
}

/** Fails if the heads of a node are not those that a search would make now for its prefix. */
function checkHeads(node: TreeNode): void {
  const { heads, prefixLength, prefixKey, keys, level } = node
  if (heads === null) return
  assert.is(heads.length, keys.length, 'a head for each key')
  for (let i = level === 0 ? 0 : 1; i < keys.length; i++) {
    const key = keys[i] as Bytes
    assert.is(key.slice(0, prefixLength), prefixKey.slice(0, prefixLength), 'the prefix of a key')
    const bytes = Buffer.alloc(4)
    bytes.latin1Write(key.slice(prefixLength, prefixLength + 4))
    assert.is(heads[i], bytes.readUInt32BE() - 2 ** 31, 'the head of a key')
  }
}
