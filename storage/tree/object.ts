/**
 * One key's collection as storage sees it: one or two trees, small inside the root record, else in pages of their own.
 *
 *   inline   each tree is one leaf; together they take `inlineBytes` at most
 *   pages    since it was larger than that; it is inline again when it takes no more than half
 *
 * A value may be filled before it is a key's: until then nothing but its pages counts as memory.
 */
import type { Database } from '../keyspace/database.ts'
import type { Entry } from '../keyspace/entry.ts'
import { type Layout, TreeNode } from './node.ts'
import { Pages } from './pages.ts'
import { Tree } from './tree.ts'

/** The object, its first tree and that tree's leaf, beside what stands in it. Bytes, about. */
const OBJECT_BYTES = 320

export class TreeObject {
  db: Database
  /** The key that has it; null while it is none's. */
  entry: Entry | null = null
  readonly layouts: readonly Layout[]
  /** Those that have ever held something; the first is always there. */
  readonly trees: (Tree | undefined)[]
  /** Null while it is inline. */
  pages: Pages | null = null
  /** What OBJECT ENCODING goes by: a byte that the value's type gives meaning to. */
  encoding = 0

  constructor(db: Database, layouts: readonly Layout[]) {
    this.db = db
    this.layouts = layouts
    this.trees = layouts.map(() => undefined)
  }

  /** One of its trees, made where it is not there yet, which is a change: those who only read look into `trees`. */
  tree(index: number): Tree {
    let tree = this.trees[index]
    if (tree === undefined) {
      if (this.pages !== null) this.touch()
      tree = new Tree(this, this.layouts[index] as Layout)
      this.trees[index] = tree
      if (this.pages !== null) this.pages.adopt(tree.root as TreeNode)
      else this.account((tree.root as TreeNode).memory)
    }
    return tree
  }

  /** To be called before anything of it changes. */
  touch(): void {
    if (this.entry !== null) this.db.touch(this.entry)
  }

  /** Memory beside that of its pages, in bytes. */
  get entryBytes(): number {
    let bytes = OBJECT_BYTES
    if (this.pages !== null) return bytes
    for (const tree of this.trees) if (tree !== undefined) bytes += (tree.root as TreeNode).memory
    return bytes
  }

  /** Memory of its pages, in bytes: O(pages). */
  get residentBytes(): number {
    let bytes = 0
    this.forEachResident((node) => {
      bytes += node.memory
    })
    return bytes
  }

  /** Whether the entry must stay since pages are in memory. */
  get hasResidentPages(): boolean {
    return this.pages !== null && this.trees.some((tree) => tree !== undefined && typeof tree.root !== 'number')
  }

  /** What has been touched takes so many bytes more. */
  account(bytes: number): void {
    if (this.pages !== null || this.entry !== null) this.db.resize(bytes)
  }

  makePagesIfLarge(): void {
    const { keyspace } = this.db
    let bytes = 0
    for (const tree of this.trees) if (tree !== undefined) bytes += (tree.root as TreeNode).bytes
    if (bytes <= keyspace.pageLimits.inlineBytes) return
    for (const tree of this.trees) if (tree !== undefined) this.account(-(tree.root as TreeNode).memory)
    const pages = new Pages(this.db, keyspace.takeObjectId(), 1, false)
    this.pages = pages
    for (const tree of this.trees) if (tree !== undefined) pages.adopt(tree.root as TreeNode)
  }

  /** To be called when elements have gone; the entry has been touched. */
  makeInlineIfSmall(): void {
    const { pages } = this
    if (pages === null) return
    let bytes = 0
    for (const tree of this.trees) {
      if (tree === undefined) continue
      const { root } = tree
      // A tree that is not in memory has not shrunk.
      if (typeof root === 'number' ? tree.count > 0 : root.level > 0) return
      if (typeof root !== 'number') bytes += root.bytes
    }
    if (bytes * 2 > this.db.keyspace.pageLimits.inlineBytes) return
    pages.drop(this.trees.map((tree) => tree?.root ?? 0))
    this.pages = null
    for (const tree of this.trees) {
      if (tree === undefined) continue
      const old = tree.root
      const root = new TreeNode(tree, 0)
      // The old node may be a page that a checkpoint has still to encode: it keeps what it has.
      if (typeof old !== 'number') {
        root.keys = old.keys.slice()
        root.values = old.values.slice()
      }
      root.measure()
      tree.root = root
      tree.leaf = null
      this.account(root.memory)
    }
  }

  /** Gives all pages new numbers, under another object id: what a queue through which four thousand million pages have gone comes to. */
  renumber(): void {
    const old = this.pages as Pages
    const { keyspace } = this.db
    this.touch()
    const pages = new Pages(this.db, keyspace.takeObjectId(), 1, false)
    for (const tree of this.trees) {
      if (tree === undefined) continue
      tree.version++
      const waiting = [tree.rootNode()]
      for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
        for (let slot = 0; slot < node.children.length; slot++) waiting.push(tree.childAt(node, slot))
        keyspace.touch(node, node.memory)
        pages.takeOver(node)
      }
    }
    this.pages = pages
    old.drop([])
  }

  /** The value is no longer any key's. */
  drop(): void {
    this.pages?.drop(this.trees.map((tree) => tree?.root ?? 0))
  }

  /** It goes to another database, with its key. */
  moveTo(db: Database): void {
    const before = this.db
    if (db === before) return
    this.forEachResident((node) => {
      before.residents.remove(node, node.memory)
      db.residents.add(node, node.memory)
    })
    this.db = db
    if (this.pages !== null) this.pages.db = db
  }

  /** A copy of no key yet. */
  copyFor(db: Database): TreeObject {
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
