/** A hash: fields and their values, and when fields end. */
import type { Bytes } from '../bytes.ts'
import { KIND_HASH } from '../records.ts'
import { FIELD_VALUES, type Layout, NO_VALUES } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import type { Tree } from '../tree/tree.ts'

export class Hash {
  static readonly kind = KIND_HASH
  static readonly layouts: readonly Layout[] = [
    { isKeyed: true, values: FIELD_VALUES },
    { isKeyed: true, values: NO_VALUES },
  ]
  readonly kind = KIND_HASH
  readonly object: TreeObject
  private readonly fields: Tree

  constructor(object: TreeObject, _header: Bytes) {
    this.object = object
    this.fields = object.tree(0)
  }

  get size(): number {
    return this.fields.count
  }

  get encodingName(): Bytes {
    return 'hashtable'
  }
}
