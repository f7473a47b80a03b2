/**
 * Collections as invariants see them: their whole content, read beside the cache, and the part of
 * it in memory.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { readNode } from '../../../storage/tree/loading.ts'
import type { TreeNode, TreeValue } from '../../../storage/tree/node.ts'
import type { TreeObject } from '../../../storage/tree/object.ts'
import type { Tree } from '../../../storage/tree/tree.ts'
import type { Collection } from '../../../storage/values/collection.ts'

type Element = readonly [key: Bytes, value: TreeValue]

/** The elements of a tree in order; makes no page resident. */
function elementsOf(tree: Tree): Element[] {
  const elements: Element[] = []
  const visit = (node: TreeNode) => {
    for (let i = 0; i < node.length; i++) {
      const child = node.children[i]
      if (child !== undefined) visit(typeof child === 'number' ? readNode(tree, child) : child)
      else elements.push([tree.layout.isKeyed ? (node.keys[i] as Bytes) : '', node.values[i]])
    }
  }
  visit(typeof tree.root === 'number' ? readNode(tree, tree.root) : tree.root)
  return elements
}

/** The whole content of a collection as text. */
export function collectionText(value: Collection): Bytes {
  const trees = treesOf(value.object).map((tree) => (tree === undefined ? [] : elementsOf(tree)))
  while (trees.at(-1)?.length === 0) trees.pop()
  const numbers = (_name: string, each: unknown) => (typeof each === 'number' ? String(each) : each)
  return JSON.stringify([value.kind, value.encodeHeader?.() ?? '', trees], numbers)
}

/** The trees of an object; those of a copy if it is packed, so that it stays packed. */
function treesOf(object: TreeObject): readonly (Tree | undefined)[] {
  return object.packed === null ? object.trees : object.copyFor(object.db).trees
}

/** The resident pages of an object. */
export function residentNodes({ pages, madeTrees }: TreeObject): TreeNode[] {
  return pages === null ? [] : nodesBelow(madeTrees.map((tree) => tree?.root ?? 0))
}

/** The resident nodes among these and below them. */
export function nodesBelow(roots: readonly (TreeNode | number)[]): TreeNode[] {
  const found: TreeNode[] = []
  const waiting = [...roots]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (typeof node === 'number') continue
    found.push(node)
    waiting.push(...node.children)
  }
  return found
}
