/**
 * A hash: fields with their values and deadlines.
 *
 *   tree 0   field -> value, a FieldValue for a field with a deadline
 *   tree 1   expireAtMs(8) field -> nothing: the fields with deadlines, by deadline; exists
 *            once a field has had one
 *   header   nextDeadlineMs(8), the earliest of them; empty if no field has one
 *
 * The deadline index lists a key by its own deadline or its hash's earliest one (`Entry.dueAtMs`),
 * so expiry finds fields as it finds keys. A command that meets an expired field deletes it at
 * once, logged before the command. A replica hides the field, and replay ignores its deadline.
 *
 * A hash whose fields are all expired does not exist for lookups (`Database.peek`). A hash that a
 * command was given therefore has a live field, and deleting expired fields never empties it before
 * the command is done.
 */
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'
import { KIND_HASH } from '../records/records.ts'
import { FIELD_VALUES, FieldValue, type Layout, NO_VALUES, type TreeValue } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import type { Tree } from '../tree/tree.ts'
import type { Collection } from './collection.ts'
import { type ElementCursor, elementsOf } from './packed-cursor.ts'
import { MAX_ELEMENT_HEAD_BYTES, packedEditor, packedSize } from './packed-editor.ts'

/** The values of `TreeObject.encoding`. On disk: never renumber. */
const LISTPACK = 0
const HASHTABLE = 1
const LISTPACK_WITH_DEADLINES = 2

const FIELDS: Layout = { isKeyed: true, values: FIELD_VALUES }
const DEADLINES: Layout = { isKeyed: true, values: NO_VALUES }

export const DEADLINE_BYTES = 8
/**
 * A longer field cannot have a deadline: its key in tree 1 would exceed the limit of a byte
 * sequence.
 */
export const MAX_DEADLINE_FIELD_BYTES = MAX_BYTES_LENGTH - DEADLINE_BYTES

/** A hash. */
export class Hash implements Collection {
  static readonly kind = KIND_HASH
  static readonly layouts: readonly Layout[] = [FIELDS, DEADLINES]
  static readonly firstUnpacked = HASHTABLE
  readonly object: TreeObject
  /** The earliest deadline of its fields in ms since the epoch; 0 if none has one. */
  nextDeadlineMs: number

  constructor(object: TreeObject, header: Bytes) {
    this.object = object
    this.nextDeadlineMs = header === '' ? 0 : readDeadline(header)
  }

  get kind(): number {
    return KIND_HASH
  }

  /** The tree of the fields. Makes a packed hash inline. */
  get fields(): Tree {
    return this.object.tree(0)
  }

  encodeHeader(): Bytes {
    return this.nextDeadlineMs === 0 ? '' : fieldDeadlineKey(this.nextDeadlineMs, '')
  }

  /** The number of fields, including expired fields that are not deleted yet. */
  get size(): number {
    const { packed } = this.object
    return packed === null ? this.fields.count : packedSize(packed)
  }

  /** The number of fields that are not expired. */
  get liveSize(): number {
    return this.size - this.dueCount
  }

  /** The number of expired fields. */
  get dueCount(): number {
    const { keyspace } = this.object.db
    if (this.nextDeadlineMs === 0 || !keyspace.isPast(this.nextDeadlineMs)) return 0
    return this.object.tree(1).lowerBound(fieldDeadlineKey(keyspace.nowMs + 1, ''))
  }

  /** True if all fields are expired. */
  get isExpired(): boolean {
    return this.nextDeadlineMs !== 0 && this.object.tree(1).count === this.fields.count && this.dueCount === this.fields.count
  }

  get encodingName(): Bytes {
    const { encoding } = this.object
    if (encoding === HASHTABLE) return 'hashtable'
    return encoding === LISTPACK ? 'listpack' : 'listpackex'
  }

  get isHashtable(): boolean {
    return this.object.encoding === HASHTABLE
  }

  /** Marks the hash permanently as too large for a listpack. Called after a change. */
  becomeHashtable(): void {
    if (this.object.packed !== null) this.object.unpack()
    this.object.encoding = HASHTABLE
  }

  /** Returns a cursor over the fields in order, with their stored values. */
  cursor(): ElementCursor {
    return elementsOf(this.object)
  }

  /** Returns the field of a rank, with its stored value. */
  fieldAt(rank: number): { readonly field: Bytes; readonly stored: TreeValue } {
    const { packed } = this.object
    if (packed === null) {
      const { fields } = this
      fields.seek(rank)
      return { field: fields.key, stored: fields.value }
    }
    packedEditor.open(packed)
    packedEditor.seek(rank)
    return { field: packedEditor.key, stored: packedEditor.fieldValue }
  }

  /** Returns a live field's value. */
  get(field: Bytes): Bytes | undefined {
    const { packed } = this.object
    if (packed !== null) return packedEditor.read(packed).get(field)
    const value = this.fields.get(field)
    if (typeof value !== 'object') return value as Bytes | undefined
    return this.checkLive(field, value) ? value.value : undefined
  }

  has(field: Bytes): boolean {
    const { packed } = this.object
    if (packed !== null) return packedEditor.read(packed).has(field)
    if (!this.fields.find(field)) return false
    const { value } = this.fields
    return typeof value !== 'object' || this.checkLive(field, value)
  }

  /** Returns a live field's deadline, 0 if it has none; undefined if there is no such field. */
  deadlineOf(field: Bytes): number | undefined {
    const { packed } = this.object
    if (packed !== null) return packedEditor.read(packed).has(field) ? 0 : undefined
    const value = this.fields.get(field)
    if (typeof value !== 'object') return value === undefined ? undefined : 0
    return this.checkLive(field, value) ? value.expireAtMs : undefined
  }

  /**
   * Returns the live value of a field's stored value, or undefined if it is expired. Deletes
   * nothing: for walks.
   */
  liveValue(value: TreeValue): Bytes | undefined {
    if (typeof value !== 'object') return value as Bytes
    return this.object.db.keyspace.isPast(value.expireAtMs) ? undefined : value.value
  }

  /** Sets a field, without a deadline. Returns true if it is new. */
  set(field: Bytes, value: Bytes): boolean {
    const { packed } = this.object
    if (packed !== null) {
      const isNew = this.setPacked(packed, field, value)
      if (isNew !== null) return isNew
    }
    const { fields } = this
    if (!fields.find(field)) {
      fields.insert(field, value)
      return true
    }
    const old = fields.value
    if (typeof old === 'object') return this.setAnew(field, value, old)
    fields.replace(value)
    return false
  }

  /** Gives a field another value and keeps its deadline. */
  update(field: Bytes, value: Bytes): void {
    const { packed } = this.object
    if (packed !== null && this.setPacked(packed, field, value) !== null) return
    const { fields } = this
    if (!fields.find(field)) {
      fields.insert(field, value)
      return
    }
    const old = fields.value
    fields.replace(typeof old === 'object' ? new FieldValue(value, old.expireAtMs) : value)
  }

  /** Deletes a field. Returns false if it did not exist. The hash may be empty afterwards. */
  delete(field: Bytes): boolean {
    const { packed } = this.object
    if (packed !== null) return this.deletePacked(packed, field)
    const { fields } = this
    if (!fields.find(field)) return false
    const { value } = fields
    if (typeof value === 'object') {
      if (!this.checkLive(field, value)) return false
      this.removeDeadline(field, value.expireAtMs)
      fields.find(field)
    }
    fields.remove()
    return true
  }

  /** Sets a live field's deadline, in ms since the epoch. */
  setDeadline(field: Bytes, expireAtMs: number): void {
    const { fields, nextDeadlineMs } = this
    if (!fields.find(field)) throw new Error('a deadline is set on a missing field')
    const old = fields.value
    const hasDeadline = typeof old === 'object'
    fields.replace(new FieldValue(hasDeadline ? old.value : (old as Bytes), expireAtMs))
    const deadlines = this.object.tree(1)
    if (hasDeadline) deadlines.delete(fieldDeadlineKey(old.expireAtMs, field))
    deadlines.set(fieldDeadlineKey(expireAtMs, field))
    if (this.object.encoding === LISTPACK) this.object.encoding = LISTPACK_WITH_DEADLINES
    if (nextDeadlineMs === 0 || expireAtMs < nextDeadlineMs || (hasDeadline && old.expireAtMs === nextDeadlineMs)) this.deadlinesChanged()
  }

  /** Removes a live field's deadline. Returns false if it had none. */
  persist(field: Bytes): boolean {
    const old = this.fields.get(field)
    if (typeof old !== 'object') return false
    this.fields.replace(old.value)
    this.removeDeadline(field, old.expireAtMs)
    return true
  }

  /**
   * Deletes up to `limit` expired fields, logged here and not as a change of the running command.
   * Returns their number. REQUIRES: the hash has a live field.
   */
  expireFields(limit: number): number {
    const { keyspace } = this.object.db
    const { changes } = keyspace
    const count = Math.min(limit, this.dueCount)
    if (count === 0) return 0
    const deadlines = this.object.tree(1)
    const names: Bytes[] = []
    const cursor = deadlines.cursor(0)
    while (names.length < count && cursor.next()) names.push(cursor.key.slice(DEADLINE_BYTES))
    for (const field of names) this.fields.delete(field)
    deadlines.removeRange(0, count)
    this.noteExpired(names)
    keyspace.changes = changes
    return count
  }

  /** Sets a field of a packed hash. Returns true if it is new; null if there is no room for it. */
  private setPacked(packed: Bytes, field: Bytes, value: Bytes): boolean | null {
    const { object } = this
    packedEditor.open(packed)
    const isFound = packedEditor.find(field)
    const growth = isFound ? packedEditor.growthOf(value) : field.length + value.length + MAX_ELEMENT_HEAD_BYTES
    if (growth > 0 && !object.mayGrow(growth)) return null
    if (isFound) packedEditor.replaceField(value)
    else packedEditor.insertField(field, value)
    object.repack(packedEditor.close())
    return !isFound
  }

  private deletePacked(packed: Bytes, field: Bytes): boolean {
    packedEditor.open(packed)
    if (!packedEditor.find(field)) return false
    packedEditor.remove()
    this.object.repack(packedEditor.close())
    return true
  }

  /** Returns true if the field is live. Deletes an expired one, or leaves it hidden. */
  private checkLive(field: Bytes, { expireAtMs }: FieldValue): boolean {
    const { keyspace } = this.object.db
    if (!keyspace.isPast(expireAtMs)) return true
    if (keyspace.expiryMode !== 'delete') return false
    const { changes } = keyspace
    keyspace.isExpiring = true
    this.fields.delete(field)
    this.object.tree(1).delete(fieldDeadlineKey(expireAtMs, field))
    this.noteExpired([field])
    keyspace.isExpiring = false
    keyspace.changes = changes // the deletion is logged above, not as part of the running command
    return false
  }

  /** Sets a field that has a deadline. Returns true if it was expired, and so is new. */
  private setAnew(field: Bytes, value: Bytes, old: FieldValue): boolean {
    const isLive = this.checkLive(field, old)
    if (this.fields.find(field)) {
      this.fields.replace(value)
      this.removeDeadline(field, old.expireAtMs)
    } else this.fields.insert(field, value)
    return !isLive
  }

  /** Counts the deletion of expired fields, and logs it if a key owns the hash. */
  private noteExpired(names: readonly Bytes[]): void {
    const { db, entry } = this.object
    this.deadlinesChanged()
    db.keyspace.expiredFields += names.length
    if (entry !== null) db.fieldsExpired(entry.key, names)
  }

  /** Removes a field's element from the tree of deadlines. */
  private removeDeadline(field: Bytes, expireAtMs: number): void {
    this.object.tree(1).delete(fieldDeadlineKey(expireAtMs, field))
    if (expireAtMs === this.nextDeadlineMs) this.deadlinesChanged()
  }

  private deadlinesChanged(): void {
    const deadlines = this.object.tree(1)
    this.nextDeadlineMs = deadlines.count === 0 ? 0 : readDeadline(deadlines.keyAt(0))
    const { entry } = this.object
    if (entry !== null) entry.dueChanged()
  }
}

const scratch = Buffer.allocUnsafeSlow(4096)

/** Returns the key of a field in tree 1. */
export function fieldDeadlineKey(expireAtMs: number, field: Bytes): Bytes {
  const length = DEADLINE_BYTES + field.length
  const buffer = length <= scratch.length ? scratch : Buffer.allocUnsafeSlow(length)
  buffer.writeUInt32BE(Math.floor(expireAtMs / 0x1_0000_0000), 0)
  buffer.writeUInt32BE(expireAtMs >>> 0, 4)
  buffer.latin1Write(field, DEADLINE_BYTES)
  return buffer.latin1Slice(0, length)
}

function readDeadline(key: Bytes): number {
  let value = 0
  for (let i = 0; i < DEADLINE_BYTES; i++) value = value * 256 + key.charCodeAt(i)
  return value
}
