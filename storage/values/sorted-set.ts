/** A sorted set: members with their scores, and members in the order of their scores. */
import type { Bytes } from '../bytes.ts'
import { KIND_SORTED_SET } from '../records.ts'
import { type Layout, NO_VALUES, SCORE_VALUES } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import type { Tree } from '../tree/tree.ts'

export class SortedSet {
  static readonly kind = KIND_SORTED_SET
  static readonly layouts: readonly Layout[] = [
    { isKeyed: true, values: SCORE_VALUES },
    { isKeyed: true, values: NO_VALUES },
  ]
  readonly kind = KIND_SORTED_SET
  readonly object: TreeObject
  private readonly members: Tree

  constructor(object: TreeObject, _header: Bytes) {
    this.object = object
    this.members = object.tree(0)
  }

  get size(): number {
    return this.members.count
  }

  get encodingName(): Bytes {
    return 'skiplist'
  }
}
