/** A list: values by position. */
import type { Bytes } from '../bytes.ts'
import { KIND_LIST } from '../records.ts'
import { BYTES_VALUES, type Layout } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import type { Tree } from '../tree/tree.ts'

export class List {
  static readonly kind = KIND_LIST
  static readonly layouts: readonly Layout[] = [{ isKeyed: false, values: BYTES_VALUES }]
  readonly kind = KIND_LIST
  readonly object: TreeObject
  private readonly elements: Tree

  constructor(object: TreeObject, _header: Bytes) {
    this.object = object
    this.elements = object.tree(0)
  }

  get size(): number {
    return this.elements.count
  }

  get encodingName(): Bytes {
    return 'quicklist'
  }
}
