/**
 * One key's collection as storage sees it: one or two trees, small inside the root record, else in
 * pages of their own.
 *
 *   packed   no trees: one string of bytes, as the root record holds them (values/collection.ts)
 *   inline   each tree is one leaf; together they take at most `inlineBytes`
 *   pages    each node is a page; from more than `inlineBytes` until at most half of that is left
 *
 * Asking a packed object for a tree makes it inline. The types read and change a packed collection
 * without trees where they can (values/packed-editor.ts).
 *
 * A value may be filled before it belongs to a key. Until then, only its pages count as memory.
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { DamageError } from '../records/records.ts'
import { type Layout, TreeNode } from './node.ts'
import type { OwnerDatabase, OwnerKey } from './owner.ts'
import { decodeNode, encodePage, PageReader, PageWriter } from './page-codec.ts'
import { Pages } from './pages.ts'
import { Tree } from './tree.ts'

/** Approximate bytes of the object, its first tree and that tree's leaf, without their content. */
const OBJECT_BYTES = 320
/** Approximate bytes of a packed object without its string's content. */
const PACKED_OBJECT_BYTES = 144

const NO_TREES: (Tree | undefined)[] = []
const writer = new PageWriter()

/** One key's collection: its trees, inline or in pages. */
export class TreeObject {
  db: OwnerDatabase
  /** The key that owns the object; null while it is detached. */
  entry: OwnerKey | null = null
  readonly layouts: readonly Layout[]
  /** The trees that have ever held an element; the first always exists. None while packed. */
  private all: (Tree | undefined)[]
  /** The trees as a root record holds them; null if there are `Tree`s. */
  packed: Bytes | null
  /** Null while the object is packed or inline. */
  pages: Pages | null = null
  /** The encoding that OBJECT ENCODING reports: a byte that the value's type defines. */
  encoding = 0

  constructor(db: OwnerDatabase, layouts: readonly Layout[], packed: Bytes | null) {
    this.db = db
    this.layouts = layouts
    this.packed = packed
    this.all = packed === null ? layouts.map(() => undefined) : NO_TREES
  }

  /** The trees, which a packed object makes first; undefined for one that never held an element. */
  get trees(): readonly (Tree | undefined)[] {
    if (this.packed !== null) this.unpack()
    return this.all
  }

  /** The trees that are in memory: none of a packed object. */
  get madeTrees(): readonly (Tree | undefined)[] {
    return this.all
  }

  /**
   * Returns one of the trees and creates it if it does not exist, which is a change. Readers look
   * into `trees` instead.
   */
  tree(index: number): Tree {
    return this.all[index] ?? this.makeTree(index)
  }

  private makeTree(index: number): Tree {
    const unpacked = this.trees[index]
    if (unpacked !== undefined) return unpacked
    if (this.pages !== null) this.touch()
    const tree = new Tree(this, must(this.layouts[index]))
    this.all[index] = tree
    if (this.pages !== null) this.pages.adopt(tree.root as TreeNode)
    else this.account((tree.root as TreeNode).memoryBytes)
    return tree
  }

  /** Sets a tree that has been read from a root record in pages. */
  setTree(index: number, root: number, count: number): void {
    const tree = new Tree(this, must(this.layouts[index]))
    tree.root = root
    tree.count = count
    this.all[index] = tree
  }

  /** Reads a tree that lies inside the root record. Throws DamageError. */
  readInline(reader: PageReader, index: number): void {
    const tree = new Tree(this, must(this.layouts[index]))
    const root = decodeNode(reader, tree)
    if (root.level !== 0) throw new DamageError('root record: an inline tree has more than one leaf')
    tree.root = root
    tree.count = root.length
    this.all[index] = tree
  }

  /** True if a packed object may take this many bytes more. */
  mayGrow(bytes: number): boolean {
    return must(this.packed).length + bytes <= this.db.keyspace.pageLimits.inlineBytes
  }

  /** Gives a packed object another content. */
  repack(packed: Bytes): void {
    const before = must(this.packed, 'only a packed object is changed in that form')
    this.touch()
    this.packed = packed
    this.account(packed.length - before.length)
  }

  /** Makes a packed object inline. Its content stays as it is. */
  unpack(): void {
    const packed = must(this.packed, 'only a packed object is unpacked')
    const before = this.entryBytes
    const reader = new PageReader(Buffer.from(packed, 'latin1'))
    this.packed = null
    this.all = this.layouts.map(() => undefined)
    const count = reader.byte()
    for (let index = 0; index < count; index++) this.readInline(reader, index)
    this.accountForm(this.entryBytes - before)
  }

  /** Packs an inline object. Its content stays as it is. REQUIRES: no caller holds a tree. */
  packTrees(): void {
    assert(this.pages === null && this.packed === null, 'only an inline object is packed')
    const before = this.entryBytes
    writer.reset()
    this.writeInline(writer)
    this.packed = writer.content.latin1Slice()
    this.all = NO_TREES
    this.accountForm(this.entryBytes - before)
  }

  /** Writes the trees as the root record holds them. REQUIRES: the object has no pages. */
  writeInline(to: PageWriter): void {
    if (this.packed !== null) {
      to.raw(this.packed)
      return
    }
    const { all } = this
    let count = all.length
    while (count > 1 && all[count - 1] === undefined) count--
    to.byte(count)
    for (let index = 0; index < count; index++) {
      const tree = must(all[index])
      const { root } = tree
      assert(typeof root !== 'number' && root.level === 0, 'an inline tree is a leaf')
      assert(tree.count === root.length, 'an inline leaf holds all elements of its tree')
      encodePage(to, root)
    }
  }

  /** Counts memory that another form of the same content takes. */
  private accountForm(bytes: number): void {
    const { entry, db } = this
    if (entry === null) return
    const { keyspace } = db
    db.residents.bytes += bytes
    if (entry.generation === keyspace.generation) keyspace.dirtyBytes += bytes
    else if (entry.generation > keyspace.landedGeneration) keyspace.frozenBytes += bytes
    else if (bytes > 0) keyspace.eviction.admit(bytes)
  }

  /** Marks the root record dirty. REQUIRES: called before any change of the object. */
  touch(): void {
    if (this.entry !== null) this.entry.touch()
  }

  /** Memory without that of its pages, in bytes. */
  get entryBytes(): number {
    if (this.packed !== null) return PACKED_OBJECT_BYTES + this.packed.length
    let bytes = OBJECT_BYTES
    if (this.pages !== null) return bytes
    for (const tree of this.all) if (tree !== undefined) bytes += (tree.root as TreeNode).memoryBytes
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
    return this.pages !== null && this.all.some((tree) => tree !== undefined && typeof tree.root !== 'number')
  }

  /** Adds to the memory of touched nodes; negative when they shrink. */
  account(bytes: number): void {
    if (this.pages !== null || this.entry !== null) this.db.resize(bytes)
  }

  /** Gives an inline object pages if it exceeds `inlineBytes`. */
  makePagesIfLarge(): void {
    assert(this.pages === null && this.packed === null, 'only an inline object is given pages')
    const { keyspace } = this.db
    let bytes = 0
    for (const tree of this.all) if (tree !== undefined) bytes += (tree.root as TreeNode).encodedBytes
    if (bytes <= keyspace.pageLimits.inlineBytes) return
    for (const tree of this.all) if (tree !== undefined) this.account(-(tree.root as TreeNode).memoryBytes)
    const pages = new Pages(this.db, keyspace.takeObjectId(), 1, false)
    this.pages = pages
    for (const tree of this.all) if (tree !== undefined) pages.adopt(tree.root as TreeNode)
  }

  /**
   * Makes the object inline if its elements have become small. REQUIRES: the entry has been
   * touched.
   */
  makeInlineIfSmall(): void {
    const { pages } = this
    if (pages === null) return
    let bytes = 0
    for (const tree of this.all) {
      if (tree === undefined) continue
      const { root } = tree
      // A tree that is not in memory has not shrunk.
      if (typeof root === 'number' ? tree.count > 0 : root.level > 0) return
      if (typeof root !== 'number') bytes += root.encodedBytes
    }
    if (bytes * 2 > this.db.keyspace.pageLimits.inlineBytes) return
    pages.drop(this.all.map((tree) => tree?.root ?? 0))
    this.pages = null
    for (const tree of this.all) {
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
    for (const tree of this.all) {
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
    this.pages?.drop(this.all.map((tree) => tree?.root ?? 0))
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
    const copy = new TreeObject(db, this.layouts, this.packed)
    copy.encoding = this.encoding
    for (const [index, tree] of this.all.entries()) {
      if (tree === undefined) continue
      const to = copy.tree(index)
      for (const cursor = tree.cursor(0); cursor.next(); ) to.append(cursor.key, cursor.value)
    }
    return copy
  }

  private forEachResident(visit: (node: TreeNode) => void): void {
    if (this.pages === null) return
    const waiting: (TreeNode | number)[] = this.all.map((tree) => tree?.root ?? 0)
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (typeof node === 'number') continue
      for (const child of node.children) waiting.push(child)
      visit(node)
    }
  }
}
