/**
 * Goes through a packed collection element by element, as `TreeCursor` goes through a tree. It
 * holds the elements as of its start, so the collection may change meanwhile.
 */
import { at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { TreeCursor } from '../tree/cursor.ts'
import type { TreeValue } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import { packedEditor } from './packed-editor.ts'

/** Goes through the elements of a collection: of its tree, or of its packed form. */
export type ElementCursor = Pick<TreeCursor, 'key' | 'value' | 'next'>

const NO_VALUES: readonly TreeValue[] = []

/** Goes through a packed collection element by element. */
export class PackedCursor implements ElementCursor {
  key: Bytes = ''
  value: TreeValue = undefined
  private readonly keys: readonly Bytes[]
  private readonly values: readonly TreeValue[]
  private readonly step: 1 | -1
  private index: number

  /** Starts with the element of a rank. Keys that have no values are passed without any. */
  constructor(keys: readonly Bytes[], values: readonly TreeValue[] = NO_VALUES, rank = 0, direction: 'forward' | 'backward' = 'forward') {
    this.keys = keys
    this.values = values
    this.step = direction === 'forward' ? 1 : -1
    this.index = direction === 'backward' && rank >= keys.length ? keys.length - 1 : rank
  }

  /** Moves to the next element. Returns false at the end. */
  next(): boolean {
    const { index, keys } = this
    if (index < 0 || index >= keys.length) return false
    this.key = at(keys, index)
    this.value = this.values[index]
    this.index = index + this.step
    return true
  }
}

/** Returns a cursor over a collection's first tree: keys with values, or a list's elements. */
export function elementsOf(object: TreeObject): ElementCursor {
  const { packed } = object
  if (packed === null) return object.tree(0).cursor(0)
  const elements = packedEditor.read(packed)
  const keys = elements.keys()
  return new PackedCursor(keys, object.layouts[0]?.isKeyed === true ? elements.values() : keys)
}
