/**
 * The pages of one object: what its nodes have in common as long as it is not small enough to lie inside its root record. Their numbers are
 * never used again.
 */
import type { Database } from '../keyspace/database.ts'
import type { TreeNode } from './node.ts'

/** Numbers are of four bytes. One change takes far fewer than there are beyond. */
const LAST_NUMBER = 2 ** 32 - 2 ** 16

export class Pages {
  /** The database whose key holds the object. */
  db: Database
  readonly objectId: number
  nextNumber: number
  /** LevelDB has pages of this object, or may after the checkpoint in flight. */
  stored: boolean
  /** Not 0: dropped, as of this generation. */
  droppedIn = 0

  constructor(db: Database, objectId: number, nextNumber: number, stored: boolean) {
    this.db = db
    this.objectId = objectId
    this.nextNumber = nextNumber
    this.stored = stored
  }

  /** Few numbers are left: it is time for another object id. */
  get isUsedUp(): boolean {
    return this.nextNumber > LAST_NUMBER
  }

  /** Takes a node over from other pages of the same tree. It has been touched. */
  takeOver(node: TreeNode): void {
    node.pages = this
    node.number = this.nextNumber++
    node.stored = false
  }

  /** Makes a node one of these pages, to be written. */
  adopt(node: TreeNode): void {
    node.pages = this
    node.number = this.nextNumber++
    this.db.residents.add(node, node.memory)
    this.db.keyspace.touch(node, node.memory)
  }

  /** A node is no longer part of its tree. It has been touched. */
  remove(node: TreeNode): void {
    node.isGone = true
    if (!node.stored) node.generation = 0 // nothing to remove from LevelDB
    this.db.residents.remove(node, node.memory)
  }

  /**
   * The object is no longer any key's: what is on disk becomes garbage with the next checkpoint, what is in memory is let go of in the
   * background. Roots that are not in memory are numbers.
   */
  drop(roots: readonly (TreeNode | number)[]): void {
    const { keyspace } = this.db
    this.droppedIn = keyspace.generation
    if (this.stored || keyspace.frozenGeneration !== 0) keyspace.garbageObjects.push(this.objectId)
    for (const root of roots) if (typeof root !== 'number') keyspace.dropped.push(root)
    reap(keyspace.dropped, REAP_AT_ONCE)
  }
}

const REAP_AT_ONCE = 16

/** Takes up to `count` nodes of dropped objects out of memory. Returns whether there are more. */
export function reap(dropped: TreeNode[], count: number): boolean {
  for (; count > 0; count--) {
    const node = dropped.pop()
    if (node === undefined) return false
    for (const child of node.children) if (typeof child !== 'number') dropped.push(child)
    if (node.ringIndex >= 0) (node.pages as Pages).db.residents.remove(node, node.memory)
  }
  return dropped.length > 0
}
