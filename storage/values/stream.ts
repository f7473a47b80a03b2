/** A stream: entries by id, and the groups that read them. */
import type { Bytes } from '../bytes.ts'
import { KIND_STREAM } from '../records.ts'
import { BYTES_VALUES, type Layout } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import type { Tree } from '../tree/tree.ts'

export class Stream {
  static readonly kind = KIND_STREAM
  static readonly layouts: readonly Layout[] = [
    { isKeyed: true, values: BYTES_VALUES },
    { isKeyed: true, values: BYTES_VALUES },
  ]
  readonly kind = KIND_STREAM
  readonly object: TreeObject
  private readonly entries: Tree

  constructor(object: TreeObject, _header: Bytes) {
    this.object = object
    this.entries = object.tree(0)
  }

  get size(): number {
    return this.entries.count
  }

  get encodingName(): Bytes {
    return 'stream'
  }
}
