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
  readonly kind = KIND_SET
  readonly object: TreeObject
  readonly members: Tree

  constructor(object: TreeObject, _header: Bytes) {
    this.object = object
    this.members = object.tree(0)
  }

  get size(): number {
    return this.members.count
  }

  get encodingName(): Bytes {
    return must(NAMES[this.object.encoding])
  }

  has(member: Bytes): boolean {
    return this.members.find(member)
  }

  /** Adds a member. Returns true if it is new. */
  add(member: Bytes, limits: SetLimits): boolean {
    const { members, object } = this
    if (members.find(member)) return false
    members.insert(member)
    if (object.encoding !== HASHTABLE) object.encoding = this.grownBy(member, limits)
    return true
  }

  /** Adds a member that comes after all others. */
  append(member: Bytes, limits: SetLimits): void {
    const { members, object } = this
    members.append(member)
    if (object.encoding !== HASHTABLE) object.encoding = this.grownBy(member, limits)
  }

  /** Deletes a member. Returns false if it did not exist. */
  delete(member: Bytes): boolean {
    return this.members.delete(member)
  }

  /** Removes and returns the member of a rank. */
  takeAt(rank: number): Bytes {
    const { members } = this
    members.seek(rank)
    const { key } = members
    members.remove()
    return key
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
    for (const cursor = this.members.cursor(0); cursor.next(); ) bytes = Math.max(bytes, cursor.key.length)
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
