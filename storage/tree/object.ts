/**
 * One key's collection as storage sees it: one or two trees, small inside the root record, else in
 * pages of their own.
 *
 *   inline   each tree is one leaf; together they take at most `inlineBytes`
 *   pages    each node is a page; from more than `inlineBytes` until at most half of that is left
 *
 * A value may be filled before it belongs to a key. Until then, only its pages count as memory.
 */
import { assert, must } from '../../base/assert.ts'
import { type Layout, TreeNode } from './node.ts'
import type { OwnerDatabase, OwnerKey } from './owner.ts'
import { Pages } from './pages.ts'
import { Tree } from './tree.ts'

/** Approximate bytes of the object, its first tree and that tree's leaf, without their content. */
const OBJECT_BYTES = 320

/** One key's collection: its trees, inline or in pages. */
export class TreeObject {
  db: OwnerDatabase
  /** The key that owns the object; null while it is detached. */
  entry: OwnerKey | null = null
  readonly layouts: readonly Layout[]
  /** The trees that have ever held an element; the first always exists. */
  readonly trees: (Tree | undefined)[]
  /** Null while the object is inline. */
  pages: Pages | null = null
  /** The encoding that OBJECT ENCODING reports: a byte that the value's type defines. */
  encoding = 0

  constructor(db: OwnerDatabase, layouts: readonly Layout[]) {
    this.db = db
    this.layouts = layouts
    this.trees = layouts.map(() => undefined)
  }

  /**
   * Returns one of the trees and creates it if it does not exist, which is a change. Readers look
   * into `trees` instead.
   */
  tree(index: number): Tree {
    let tree = this.trees[index]
    if (tree === undefined) {
      if (this.pages !== null) this.touch()
      tree = new Tree(this, must(this.layouts[index]))
      this.trees[index] = tree
      if (this.pages !== null) this.pages.adopt(tree.root as TreeNode)
      else this.account((tree.root as TreeNode).memoryBytes)
    }
    return tree
  }

  /** Marks the root record dirty. REQUIRES: called before any change of the object. */
  touch(): void {
    if (this.entry !== null) this.entry.touch()
  }

  /** Memory without that of its pages, in bytes. */
  get entryBytes(): number {
    let bytes = OBJECT_BYTES
    if (this.pages !== null) return bytes
    for (const tree of this.trees) if (tree !== undefined) bytes += (tree.root as TreeNode).memoryBytes
    return bytes
  }

  /** Memory of its pages in bytes, in O(pages). */
  get residentBytes(): number {
    let bytes = 0
    this.forEachResident((node) => {
      bytes += node.memoryBytes
    })
    return bytes
  }

  /** True if the entry must stay because some of its pages are in memory. */
  get hasResidentPages(): boolean {
    return this.pages !== null && this.trees.some((tree) => tree !== undefined && typeof tree.root !== 'number')
  }

  /** Adds to the memory of touched nodes; negative when they shrink. */
  account(bytes: number): void {
    if (this.pages !== null || this.entry !== null) this.db.resize(bytes)
  }

  /** Gives an inline object pages if it exceeds `inlineBytes`. */
  makePagesIfLarge(): void {
    assert(this.pages === null, 'only an inline object is given pages')
    const { keyspace } = this.db
    let bytes = 0
    for (const tree of this.trees) if (tree !== undefined) bytes += (tree.root as TreeNode).encodedBytes
    if (bytes <= keyspace.pageLimits.inlineBytes) return
    for (const tree of this.trees) if (tree !== undefined) this.account(-(tree.root as TreeNode).memoryBytes)
    const pages = new Pages(this.db, keyspace.takeObjectId(), 1, false)
    this.pages = pages
    for (const tree of this.trees) if (tree !== undefined) pages.adopt(tree.root as TreeNode)
  }

  /**
   * Makes the object inline if its elements have become small. REQUIRES: the entry has been
   * touched.
   */
  makeInlineIfSmall(): void {
    const { pages } = this
    if (pages === null) return
    let bytes = 0
    for (const tree of this.trees) {
      if (tree === undefined) continue
      const { root } = tree
      // A tree that is not in memory has not shrunk.
      if (typeof root === 'number' ? tree.count > 0 : root.level > 0) return
      if (typeof root !== 'number') bytes += root.encodedBytes
    }
    if (bytes * 2 > this.db.keyspace.pageLimits.inlineBytes) return
    pages.drop(this.trees.map((tree) => tree?.root ?? 0))
    this.pages = null
    for (const tree of this.trees) {
      if (tree === undefined) continue
      const old = tree.root
      const root = new TreeNode(tree, 0)
      // A checkpoint may still have to encode the old node as a page, so its content stays.
      if (typeof old !== 'number') {
        root.keys = old.keys.slice()
        root.values = old.values.slice()
      }
      assert(root.length === tree.count, 'an inline leaf holds all elements of its tree')
      root.measure()
      tree.root = root
      tree.leaf = null
      this.account(root.memoryBytes)
    }
  }

  /**
   * Gives all pages new numbers under another object id. A queue needs this after four billion
   * pages.
   */
  renumber(): void {
    const old = must(this.pages, 'only an object with pages is numbered again')
    const { keyspace } = this.db
    this.touch()
    const pages = new Pages(this.db, keyspace.takeObjectId(), 1, false)
    for (const tree of this.trees) {
      if (tree === undefined) continue
      tree.version++
      const waiting = [tree.rootNode()]
      for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
        for (let slot = 0; slot < node.children.length; slot++) waiting.push(tree.childAt(node, slot))
        keyspace.touch(node, node.memoryBytes)
        pages.takeOver(node)
      }
    }
    this.pages = pages
    old.drop([])
  }

  /** Drops the pages of a value that no key owns any more. */
  drop(): void {
    this.pages?.drop(this.trees.map((tree) => tree?.root ?? 0))
  }

  /** Moves the object to another database, with its key. */
  moveTo(db: OwnerDatabase): void {
    const before = this.db
    if (db === before) return
    this.forEachResident((node) => {
      before.residents.remove(node, node.memoryBytes)
      db.residents.add(node, node.memoryBytes)
    })
    this.db = db
    if (this.pages !== null) this.pages.db = db
  }

  /** Returns a copy that no key owns yet. */
  copyFor(db: OwnerDatabase): TreeObject {
    const copy = new TreeObject(db, this.layouts)
    copy.encoding = this.encoding
    for (const [index, tree] of this.trees.entries()) {
      if (tree === undefined) continue
      const to = copy.tree(index)
      for (const cursor = tree.cursor(0); cursor.next(); ) to.append(cursor.key, cursor.value)
    }
    return copy
  }

  private forEachResident(visit: (node: TreeNode) => void): void {
    if (this.pages === null) return
    const waiting: (TreeNode | number)[] = this.trees.map((tree) => tree?.root ?? 0)
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (typeof node === 'number') continue
      for (const child of node.children) waiting.push(child)
      visit(node)
    }
  }
}
