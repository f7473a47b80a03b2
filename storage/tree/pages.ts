/**
 * The pages of one object that is too large for its root record: the state that its nodes share.
 * Page numbers are never used again.
 */
import { assert, must } from '../../base/assert.ts'
import type { RecordSink } from '../records/record-store.ts'
import { pageKey, pageValue } from '../records/records.ts'
import type { TreeNode } from './node.ts'
import type { OwnerDatabase } from './owner.ts'
import { pageContent } from './page-codec.ts'

/** Numbers have four bytes. One change takes far fewer than the numbers beyond this limit. */
const MAX_PAGE_NUMBER = 2 ** 32 - 2 ** 16
assert(MAX_PAGE_NUMBER < 2 ** 32, 'a page number is written in four bytes')

/** The page numbers and the shared state of one object in pages. */
export class Pages {
  /** The database whose key holds the object. */
  db: OwnerDatabase
  readonly objectId: number
  nextNumber: number
  /** True if LevelDB has pages of this object, or may have some after the checkpoint in flight. */
  isStored: boolean
  /** The generation in which the object was dropped; 0 while it is in use. */
  droppedIn = 0

  constructor(db: OwnerDatabase, objectId: number, nextNumber: number, isStored: boolean) {
    this.db = db
    this.objectId = objectId
    this.nextNumber = nextNumber
    this.isStored = isStored
  }

  /** True if few numbers are left, so that the object needs another id. */
  get isUsedUp(): boolean {
    return this.nextNumber > MAX_PAGE_NUMBER
  }

  /** Takes a node over from other pages of the same tree. REQUIRES: the node has been touched. */
  takeOver(node: TreeNode): void {
    assert(this.nextNumber > 0 && this.nextNumber < 2 ** 32, 'a page number fits into four bytes')
    assert(node.generation === this.db.keyspace.generation, 'a node is touched before it gets another number')
    node.pages = this
    node.number = this.nextNumber++
    node.isStored = false
  }

  /** Makes a node one of these pages, to be written. */
  adopt(node: TreeNode): void {
    assert(this.nextNumber > 0 && this.nextNumber < 2 ** 32, 'a page number fits into four bytes')
    assert(node.pages === null && !node.isStored, 'only a node without a page gets its first number')
    node.pages = this
    node.number = this.nextNumber++
    this.db.residents.add(node, node.memoryBytes)
    this.db.keyspace.touch(node, node.memoryBytes)
  }

  /** Removes a node that is no longer part of its tree. REQUIRES: the node has been touched. */
  remove(node: TreeNode): void {
    assert(!node.isGone, 'a node is removed once')
    assert(node.generation === this.db.keyspace.generation, 'a node is touched before it is removed')
    node.isGone = true
    if (!node.isStored) node.generation = 0 // LevelDB has no record to remove
    this.db.residents.remove(node, node.memoryBytes)
  }

  /** Writes or removes the page of a node, or neither if the object has been dropped. */
  encode(node: TreeNode, batch: RecordSink): void {
    const { db } = this
    const { frozenGeneration } = db.keyspace
    assert(frozenGeneration !== 0 && node.generation === frozenGeneration, 'a node is encoded once, as of its freeze')
    assert(node.number > 0 && node.number < this.nextNumber, 'a page has a number of its object')
    node.generation = frozenGeneration + 1
    if (this.droppedIn !== 0 && this.droppedIn <= frozenGeneration) return
    if (db.droppedIn !== 0 && db.droppedIn <= frozenGeneration) return
    const key = pageKey(this.objectId, node.number)
    if (node.isGone) {
      batch.remove(key)
      return
    }
    node.isStored = true
    this.isStored = true
    batch.put(key, pageValue(pageContent(node)))
  }

  /**
   * Drops an object that no key owns any more. Its records become garbage with the next checkpoint;
   * its nodes are freed in the background. Roots that are not in memory are numbers.
   */
  drop(roots: readonly (TreeNode | number)[]): void {
    const { keyspace } = this.db
    assert(this.droppedIn === 0, 'an object is dropped once')
    this.droppedIn = keyspace.generation
    if (this.isStored || keyspace.frozenGeneration !== 0) keyspace.garbageObjects.push(this.objectId)
    for (const root of roots) if (typeof root !== 'number') keyspace.dropped.push(root)
    reap(keyspace.dropped, REAP_AT_ONCE)
  }
}

const REAP_AT_ONCE = 16

/** Frees up to `count` nodes of dropped objects. Returns true if there are more. */
export function reap(dropped: TreeNode[], count: number): boolean {
  for (; count > 0; count--) {
    const node = dropped.pop()
    if (node === undefined) return false
    for (const child of node.children) if (typeof child !== 'number') dropped.push(child)
    if (node.ringIndex >= 0) must(node.pages).db.residents.remove(node, node.memoryBytes)
  }
  return dropped.length > 0
}
