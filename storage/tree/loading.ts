/** Reading the nodes of a tree from disk: alone, or into their places in the tree. */
import { must } from '../../base/assert.ts'
import { DamageError, pageKey, readPage } from '../records/records.ts'
import type { TreeNode } from './node.ts'
import { decodePage } from './page-codec.ts'
import type { Tree } from './tree.ts'

/**
 * Reads the node of a page, not linked into the tree. Throws DamageError if it is missing or
 * damaged.
 */
export function readNode(tree: Tree, number: number): TreeNode {
  const pages = must(tree.object.pages, 'only a tree with pages has any to read')
  const { db, objectId } = pages
  const record = db.keyspace.readRecord(pageKey(objectId, number))
  if (record === undefined) throw new DamageError(`page ${number} of object ${objectId} is missing`)
  const node = decodePage(tree, readPage(record))
  node.pages = pages
  node.number = number
  node.isStored = true
  return node
}

/**
 * Reads a node and links it to its parent, or as the root if `parent` is null. Throws DamageError
 * if it is missing, damaged, or contradicts its parent.
 */
export function loadNode(tree: Tree, parent: TreeNode | null, slot: number, number: number): TreeNode {
  const node = readNode(tree, number)
  if (parent === null) tree.root = node
  else {
    if (node.level !== parent.level - 1) throw new DamageError(`page ${number} has the wrong level`)
    if (node.total !== parent.counts[slot])
      throw new DamageError(`page ${number} does not hold the number of elements that its parent counts`)
    parent.children[slot] = node
  }
  node.parent = parent
  node.slot = slot
  const { residents, keyspace } = must(node.pages).db
  residents.add(node, node.memoryBytes)
  if (node.level === 0) keyspace.eviction.admitPage(node, node.memoryBytes)
  else keyspace.eviction.admit(node.memoryBytes)
  return node
}
