/**
 * A set: its members in byte order, in one tree.
 *
 *   tree 0    member -> nothing
 *   encoding  what Redis would call a set that grew as this one did; it never goes back
 */
import type { Bytes } from '../../base/bytes.ts'
import { KIND_SET } from '../records/records.ts'
import { type Layout, NO_VALUES } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import type { Tree } from '../tree/tree.ts'
import type { Collection } from './collection.ts'

/** What `TreeObject.encoding` is. On disk: never renumber. */
const INTSET = 0
const LISTPACK = 1
const HASHTABLE = 2

const NAMES: readonly Bytes[] = ['intset', 'listpack', 'hashtable']

/** "-9223372036854775808" */
const LONGEST_INTEGER = 20
/** So many digits are always within 64 bits. */
const SAFE_DIGITS = 18
const MIN_INT64 = -(2n ** 63n)
const MAX_INT64 = 2n ** 63n - 1n
const INTEGER = /^(?:0|-?[1-9]\d*)$/

/** Up to where Redis would keep a set small: the configuration's keys of that name. */
export interface SetLimits {
  number(name: 'set-max-intset-entries' | 'set-max-listpack-entries' | 'set-max-listpack-value'): number
}

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
    return NAMES[this.object.encoding] as Bytes
  }

  has(member: Bytes): boolean {
    return this.members.find(member)
  }

  /** Whether the member is new. */
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

  /** Whether there was such a member. */
  delete(member: Bytes): boolean {
    return this.members.delete(member)
  }

  /** Takes out the member of a rank. */
  takeAt(rank: number): Bytes {
    const { members } = this
    members.seek(rank)
    const { key } = members
    members.remove()
    return key
  }

  /** The encoding now that a member has come in. */
  private grownBy(member: Bytes, limits: SetLimits): number {
    const { encoding } = this.object
    if (encoding === INTSET && isInteger(member)) return this.size > limits.number('set-max-intset-entries') ? HASHTABLE : INTSET
    const maxBytes = limits.number('set-max-listpack-value')
    if (this.size > limits.number('set-max-listpack-entries') || member.length > maxBytes) return HASHTABLE
    // The integers so far have not been measured, and go into the listpack, too.
    return encoding === INTSET && maxBytes < LONGEST_INTEGER && this.longest() > maxBytes ? HASHTABLE : LISTPACK
  }

  private longest(): number {
    let bytes = 0
    for (const cursor = this.members.cursor(0); cursor.next(); ) bytes = Math.max(bytes, cursor.key.length)
    return bytes
  }
}

/** Whether the bytes are a 64-bit integer in the one form that Redis takes for one. */
function isInteger(bytes: Bytes): boolean {
  if (bytes.length > LONGEST_INTEGER || !INTEGER.test(bytes)) return false
  if (bytes.length <= SAFE_DIGITS) return true
  const value = BigInt(bytes)
  return value >= MIN_INT64 && value <= MAX_INT64
}
