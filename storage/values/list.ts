/**
 * A list: values by position, in one tree without keys.
 *
 *   tree 0    the elements, in order
 *   encoding  Redis's encoding of a list that grew and shrank as this one did
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { KIND_LIST } from '../records/records.ts'
import { BYTES_VALUES, type Layout } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import type { Tree } from '../tree/tree.ts'
import type { Collection } from './collection.ts'
import { type ElementCursor, PackedCursor } from './packed-cursor.ts'
import { MAX_ELEMENT_HEAD_BYTES, packedEditor, packedHeadBytes, packedSize } from './packed-editor.ts'

/** The values of `TreeObject.encoding`. On disk: never renumber. */
const LISTPACK = 0
const QUICKLIST = 1

/** Bytes of a listpack's head and end. */
const LISTPACK_BYTES = 7
/** Bytes of an element beside its length and content. */
const ELEMENT_BYTES = 1
/** The minimum bytes of an element in all. */
const MIN_ELEMENT_BYTES = 2
/** The limit of bytes if the configured limit counts elements. */
const SAFETY_BYTES = 8192
const KIBIBYTE = 1024

/**
 * The limit up to which Redis keeps a list as a listpack. A positive limit counts elements; -1 to
 * -5 stand for 4 to 64 KiB.
 */
export interface ListLimits {
  number(name: 'list-max-listpack-size'): number
}

export type ListEnd = 'left' | 'right'

/** A list. */
export class List implements Collection {
  static readonly kind = KIND_LIST
  static readonly layouts: readonly Layout[] = [{ isKeyed: false, values: BYTES_VALUES }]
  static readonly firstUnpacked = QUICKLIST
  readonly object: TreeObject
  /** True once the list has been searched for a value: the next search leaves filters. */
  isSearched = false

  constructor(object: TreeObject, _header: Bytes) {
    this.object = object
  }

  get kind(): number {
    return KIND_LIST
  }

  /** The tree of the elements. Makes a packed list inline. */
  get elements(): Tree {
    return this.object.tree(0)
  }

  get size(): number {
    const { packed } = this.object
    return packed === null ? this.elements.count : packedSize(packed)
  }

  get encodingName(): Bytes {
    return this.object.encoding === LISTPACK ? 'listpack' : 'quicklist'
  }

  at(index: number): Bytes {
    const { packed } = this.object
    if (packed === null) return this.elements.valueAt(index) as Bytes
    packedEditor.open(packed)
    packedEditor.seek(index)
    return packedEditor.key
  }

  /** Returns a cursor over the elements, which starts with this index. */
  cursor(index = 0, direction: 'forward' | 'backward' = 'forward'): ElementCursor {
    const { packed } = this.object
    if (packed === null) return this.elements.cursor(index, direction)
    const elements = packedEditor.read(packed).keys()
    return new PackedCursor(elements, elements, index, direction)
  }

  /** Returns the elements from `from` to before `to`. */
  slice(from: number, to: number): Bytes[] {
    if (from >= to) return []
    const { packed } = this.object
    if (packed !== null) return packedEditor.read(packed).slice(from, to)
    const { elements } = this
    elements.seek(from)
    const leaf = elements.leaf
    if (leaf !== null && elements.index + to - from <= leaf.length) {
      return leaf.values.slice(elements.index, elements.index + to - from) as Bytes[]
    }
    return this.sliceRuns(from, to)
  }

  push(end: ListEnd, value: Bytes, limits: ListLimits): void {
    this.insert(end === 'left' ? 0 : this.size, value, limits)
  }

  insert(index: number, value: Bytes, limits: ListLimits): void {
    const { object } = this
    const { packed } = object
    if (packed === null || !object.mayGrow(value.length + MAX_ELEMENT_HEAD_BYTES)) this.insertInTree(index, value)
    else {
      packedEditor.open(packed)
      packedEditor.seek(index)
      packedEditor.insert(value)
      object.repack(packedEditor.close())
    }
    if (object.encoding === LISTPACK) this.leaveListpackIfLarge(limits)
  }

  private insertInTree(index: number, value: Bytes): void {
    const { elements } = this
    elements.seek(index)
    elements.leaf?.filter?.add(value)
    elements.insert('', value)
  }

  pop(end: ListEnd, limits: ListLimits): Bytes {
    const { packed } = this.object
    if (packed !== null) return this.popPacked(packed, end)
    const { elements } = this
    elements.seek(end === 'left' ? 0 : elements.count - 1)
    const value = elements.value as Bytes
    elements.remove()
    this.becomeListpackIfSmall(limits)
    return value
  }

  private popPacked(packed: Bytes, end: ListEnd): Bytes {
    packedEditor.open(packed)
    packedEditor.seek(end === 'left' ? 0 : packedEditor.size - 1)
    const value = packedEditor.key
    packedEditor.remove()
    this.object.repack(packedEditor.close())
    return value
  }

  /** Removes and returns up to `count` elements at one end, the outermost first. */
  popMany(end: ListEnd, count: number, limits: ListLimits): Bytes[] {
    const { size } = this
    const taken = Math.min(count, size)
    if (taken === 0) return []
    const from = end === 'left' ? 0 : size - taken
    const values = this.slice(from, from + taken)
    this.removeRange(from, from + taken, limits)
    return end === 'left' ? values : values.reverse()
  }

  set(index: number, value: Bytes, limits: ListLimits): void {
    const { object } = this
    const { packed } = object
    if (packed === null || !this.setPacked(packed, index, value)) this.setInTree(index, value)
    if (object.encoding === LISTPACK) this.leaveListpackIfLarge(limits)
    else this.becomeListpackIfSmall(limits)
  }

  private setInTree(index: number, value: Bytes): void {
    const { elements } = this
    elements.seek(index)
    elements.leaf?.filter?.add(value)
    elements.replace(value)
  }

  /** Replaces an element of a packed list. Returns false if the list would be too large. */
  private setPacked(packed: Bytes, index: number, value: Bytes): boolean {
    const { object } = this
    packedEditor.open(packed)
    packedEditor.seek(index)
    const growth = packedEditor.growthOf(value)
    if (growth > 0 && !object.mayGrow(growth + MAX_ELEMENT_HEAD_BYTES)) return false
    packedEditor.replaceElement(value)
    object.repack(packedEditor.close())
    return true
  }

  removeRange(from: number, to: number, limits: ListLimits): void {
    if (from >= to) return
    const { packed } = this.object
    if (packed !== null) {
      packedEditor.open(packed)
      packedEditor.seek(from)
      packedEditor.remove(to - from)
      this.object.repack(packedEditor.close())
      return
    }
    this.elements.removeRange(from, to)
    this.becomeListpackIfSmall(limits)
  }

  private sliceRuns(from: number, to: number): Bytes[] {
    const values: Bytes[] = []
    const cursor = this.elements.cursor(from)
    let left = to - from
    for (let run = cursor.nextRun(); run !== null && left > 0; run = left > 0 ? cursor.nextRun() : null) {
      const found = run.leaf.values as Bytes[]
      const end = Math.min(run.end, run.start + left)
      for (let i = run.start; i < end; i++) values.push(must(found[i]))
      left -= end - run.start
    }
    return values
  }

  /** Called after a change that may have made the list too large for a listpack. */
  private leaveListpackIfLarge(limits: ListLimits): void {
    const { object } = this
    if (this.fits(limits.number('list-max-listpack-size'), 1)) return
    if (object.packed !== null) object.unpack()
    object.encoding = QUICKLIST
  }

  /**
   * Called after a change that may have made the list small enough for a listpack: half of its
   * limit.
   */
  private becomeListpackIfSmall(limits: ListLimits): void {
    if (this.object.encoding !== LISTPACK && this.fits(limits.number('list-max-listpack-size'), 2)) this.object.encoding = LISTPACK
  }

  /** True if the list takes at most 1/`divisor` of a listpack's limit. */
  private fits(limit: number, divisor: number): boolean {
    const { size: count } = this
    const isCounted = limit >= 0
    const most = isCounted ? SAFETY_BYTES : KIBIBYTE << Math.min(1 - limit, 6)
    if (isCounted && count > Math.trunc(Math.max(limit, 1) / divisor)) return false
    const bytes = isCounted ? most : most / divisor
    return count * MIN_ELEMENT_BYTES <= bytes && this.isAtMost(bytes - LISTPACK_BYTES - count * ELEMENT_BYTES)
  }

  /**
   * True if the elements take at most this many bytes. Reads no page after the limit is exceeded.
   */
  private isAtMost(bytes: number): boolean {
    const { packed } = this.object
    if (packed !== null) return packed.length - packedHeadBytes(this.size) <= bytes
    const { elements } = this
    const root = elements.rootNode()
    if (root.level === 0) return root.encodedBytes <= bytes
    if (root.level > 1) return false // hundreds of pages
    let left = bytes
    for (let slot = 0; slot < root.length && left >= 0; slot++) left -= elements.childAt(root, slot).encodedBytes
    return left >= 0
  }
}
