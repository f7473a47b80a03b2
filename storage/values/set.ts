/**
 * A set: its members in byte order, in one tree.
 *
 *   tree 0    member -> nothing
 *   encoding  Redis's encoding of a set that grew as this one did; it never shrinks
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { KIND_SET } from '../records/records.ts'
import { type Layout, NO_VALUES } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import type { Tree } from '../tree/tree.ts'
import type { Collection } from './collection.ts'
import { type ElementCursor, PackedCursor } from './packed-cursor.ts'
import { MAX_ELEMENT_HEAD_BYTES, packedEditor, packedSize } from './packed-editor.ts'

/** The values of `TreeObject.encoding`. On disk: never renumber. */
const INTSET = 0
const LISTPACK = 1
const HASHTABLE = 2

const NAMES: readonly Bytes[] = ['intset', 'listpack', 'hashtable']

/** The length of "-9223372036854775808". */
const MAX_INTEGER_LENGTH = 20
/** Integers with up to this many digits always fit into 64 bits. */
const SAFE_DIGITS = 18
const MIN_INT64 = -(2n ** 63n)
const MAX_INT64 = 2n ** 63n - 1n
const INTEGER = /^(?:0|-?[1-9]\d*)$/

/** The limits up to which Redis keeps a set small: the configuration's keys of the same names. */
export interface SetLimits {
  number(name: 'set-max-intset-entries' | 'set-max-listpack-entries' | 'set-max-listpack-value'): number
}

/** A set. */
export class SetValue implements Collection {
  static readonly kind = KIND_SET
  static readonly layouts: readonly Layout[] = [{ isKeyed: true, values: NO_VALUES }]
  static readonly firstUnpacked = HASHTABLE
  readonly object: TreeObject

  constructor(object: TreeObject, _header: Bytes) {
    this.object = object
  }

  get kind(): number {
    return KIND_SET
  }

  /** The tree of the members. Makes a packed set inline. */
  get members(): Tree {
    return this.object.tree(0)
  }

  get size(): number {
    const { packed } = this.object
    return packed === null ? this.members.count : packedSize(packed)
  }

  get encodingName(): Bytes {
    return must(NAMES[this.object.encoding])
  }

  has(member: Bytes): boolean {
    const { packed } = this.object
    return packed === null ? this.members.find(member) : packedEditor.read(packed).has(member)
  }

  /** Returns a cursor over the members in order, which starts with this rank. */
  cursor(rank = 0, direction: 'forward' | 'backward' = 'forward'): ElementCursor {
    const { packed } = this.object
    if (packed === null) return this.members.cursor(rank, direction)
    return new PackedCursor(packedEditor.read(packed).keys(), undefined, rank, direction)
  }

  /** Returns the member of a rank. */
  memberAt(rank: number): Bytes {
    const { packed } = this.object
    if (packed === null) return this.members.keyAt(rank)
    packedEditor.open(packed)
    packedEditor.seek(rank)
    return packedEditor.key
  }

  /** Adds a member. Returns true if it is new. */
  add(member: Bytes, limits: SetLimits): boolean {
    const { packed } = this.object
    if (packed !== null) {
      const isNew = this.addPacked(packed, member, limits)
      if (isNew !== null) return isNew
    }
    const { members } = this
    if (members.find(member)) return false
    members.insert(member)
    this.noteAdded(member, limits)
    return true
  }

  /** Adds a member that comes after all others. */
  append(member: Bytes, limits: SetLimits): void {
    this.members.append(member)
    this.noteAdded(member, limits)
  }

  /** Deletes a member. Returns false if it did not exist. */
  delete(member: Bytes): boolean {
    const { packed } = this.object
    if (packed === null) return this.members.delete(member)
    packedEditor.open(packed)
    if (!packedEditor.find(member)) return false
    packedEditor.remove()
    this.object.repack(packedEditor.close())
    return true
  }

  /** Removes and returns the member of a rank. */
  takeAt(rank: number): Bytes {
    const { packed } = this.object
    if (packed !== null) return this.takePacked(packed, rank)
    const { members } = this
    members.seek(rank)
    const { key } = members
    members.remove()
    return key
  }

  /** Adds to a packed set. Returns true if the member is new; null if there is no room for it. */
  private addPacked(packed: Bytes, member: Bytes, limits: SetLimits): boolean | null {
    const { object } = this
    packedEditor.open(packed)
    if (packedEditor.find(member)) return false
    if (!object.mayGrow(member.length + MAX_ELEMENT_HEAD_BYTES)) return null
    packedEditor.insert(member)
    object.repack(packedEditor.close())
    this.noteAdded(member, limits)
    return true
  }

  private takePacked(packed: Bytes, rank: number): Bytes {
    packedEditor.open(packed)
    packedEditor.seek(rank)
    const { key } = packedEditor
    packedEditor.remove()
    this.object.repack(packedEditor.close())
    return key
  }

  /** Updates the encoding after a member has been added. */
  private noteAdded(member: Bytes, limits: SetLimits): void {
    const { object } = this
    if (object.encoding === HASHTABLE) return
    const encoding = this.grownBy(member, limits)
    if (encoding === HASHTABLE && object.packed !== null) object.unpack()
    object.encoding = encoding
  }

  /** Returns the encoding after a member has been added. */
  private grownBy(member: Bytes, limits: SetLimits): number {
    const { encoding } = this.object
    if (encoding === INTSET && isInteger(member)) return this.size > limits.number('set-max-intset-entries') ? HASHTABLE : INTSET
    const maxBytes = limits.number('set-max-listpack-value')
    if (this.size > limits.number('set-max-listpack-entries') || member.length > maxBytes) return HASHTABLE
    // The integers so far have not been measured, and become part of the listpack, too.
    return encoding === INTSET && maxBytes < MAX_INTEGER_LENGTH && this.longest() > maxBytes ? HASHTABLE : LISTPACK
  }

  private longest(): number {
    let bytes = 0
    for (const cursor = this.cursor(); cursor.next(); ) bytes = Math.max(bytes, cursor.key.length)
    return bytes
  }
}

/** True if the bytes are a 64-bit integer in the one form that Redis accepts. */
function isInteger(bytes: Bytes): boolean {
  if (bytes.length > MAX_INTEGER_LENGTH || !INTEGER.test(bytes)) return false
  if (bytes.length <= SAFE_DIGITS) return true
  const value = BigInt(bytes)
  return value >= MIN_INT64 && value <= MAX_INT64
}
