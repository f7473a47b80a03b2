/**
 * Values from the parts that the RDB reader delivers. All parts are decoded and checked before a
 * value is begun, so that a damaged payload changes nothing.
 */
import { at } from '../../base/assert.ts'
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'
import type { RdbPart, RdbValuePart } from '../../rdb/elements.ts'
import type { Budget } from '../../rdb/format/budget.ts'
import { damagedAt, type RdbError, refusedAt } from '../../rdb/format/rdb-error.ts'
import type { OwnerDatabase } from '../tree/owner.ts'
import { newCollection, packIfSmall } from '../values/collection.ts'
import { Hash } from '../values/hash.ts'
import { List, type ListLimits } from '../values/list.ts'
import { type SetLimits, SetValue } from '../values/set.ts'
import { type ScoredMember, SortedSet, type SortedSetLimits } from '../values/sorted-set.ts'
import type { Value } from '../values/value.ts'
import { checkStreamPart, streamOf } from './incoming-streams.ts'

/** The largest value, counted as its decoded elements take memory. */
const MAX_DECODED_BYTES = 2 ** 30
/** Memory of an element beside its content. */
const ELEMENT_BYTES = 32
/** The room that keys of trees need beside a member, a field or a name. */
const MAX_PREFIX_BYTES = 64
/** Redis's latest deadline of a field, in ms. */
const MAX_FIELD_DEADLINE_MS = 2 ** 46 - 1

/** The budget with which the reader has to read the parts. */
export const VALUE_BUDGET: Partial<Budget> = { maxStringBytes: MAX_BYTES_LENGTH - MAX_PREFIX_BYTES, mustBeUnique: true }

/** The configured limits up to which Redis keeps collections small. */
export interface ValueLimits extends ListLimits, SetLimits, SortedSetLimits {
  readonly number: (
    name:
      | 'hash-max-listpack-entries'
      | 'hash-max-listpack-value'
      | 'list-max-listpack-size'
      | 'set-max-intset-entries'
      | 'set-max-listpack-entries'
      | 'set-max-listpack-value'
      | 'zset-max-listpack-entries'
      | 'zset-max-listpack-value',
  ) => number
}

/** The parts of a whole value, decoded and checked. */
export interface DecodedValue {
  readonly parts: readonly RdbValuePart[]
  /** The approximate memory of the parts, in bytes. */
  readonly sizeBytes: number
}

/** Decodes all parts of a value of at most `maxBytes`. Throws RdbError. */
export function decodeValue(parts: Iterable<RdbValuePart>, maxBytes = MAX_DECODED_BYTES): DecodedValue {
  const decoded: RdbValuePart[] = []
  let sizeBytes = 0
  for (const part of parts) {
    checkPart(part)
    sizeBytes += sizeOfPart(part)
    if (sizeBytes > maxBytes) throw refusedAt(0, `a value of more than ${maxBytes} bytes`)
    decoded.push(part)
  }
  return { parts: decoded, sizeBytes }
}

/** Throws RdbError for a part whose numbers no value can have. */
export function checkPart(part: RdbValuePart): void {
  checkStreamPart(part)
  if (part.kind !== 'hash') return
  for (const deadlineMs of part.deadlinesMs ?? []) {
    if (deadlineMs !== null && deadlineMs > MAX_FIELD_DEADLINE_MS) throw damagedAt(0, 'a deadline of a field is out of range')
  }
}

/** Returns the approximate memory of a decoded part, in bytes. */
export function sizeOfPart(part: RdbValuePart): number {
  switch (part.kind) {
    case 'string':
      return part.piece.length
    case 'list':
      return sizeOfAll(part.elements)
    case 'set':
      return sizeOfAll(part.members)
    case 'sorted-set':
      return 2 * sizeOfAll(part.members)
    case 'hash':
      return sizeOfAll(part.fields) + sizeOfAll(part.values)
    case 'stream-entries':
      return part.entries.reduce((sum, { fields }) => sum + 2 * ELEMENT_BYTES + sizeOfAll(fields), 0)
    case 'stream-pending':
      return part.entries.length * 4 * ELEMENT_BYTES
    case 'stream-consumer-pending':
      return part.ids.length * 4 * ELEMENT_BYTES
    case 'stream-group':
    case 'stream-consumer':
      return part.name.length + 4 * ELEMENT_BYTES
    default:
      return ELEMENT_BYTES
  }
}

function sizeOfAll(elements: readonly Bytes[]): number {
  let sum = elements.length * ELEMENT_BYTES
  for (const element of elements) sum += element.length
  return sum
}

type PartsOf<K extends RdbPart['kind']> = readonly Extract<RdbPart, { kind: K }>[]

/**
 * Returns a value of decoded parts, which no key owns yet. Throws RdbError if a member occurs
 * twice.
 */
export function buildValue({ parts }: DecodedValue, db: OwnerDatabase, limits: ValueLimits): Value | Buffer {
  switch (at(parts, 0).kind) {
    case 'string':
      return stringOf(parts as PartsOf<'string'>)
    case 'list':
      return listOf(parts as PartsOf<'list'>, db, limits)
    case 'set':
      return setOf(parts as PartsOf<'set'>, db, limits)
    case 'sorted-set':
      return sortedSetOf(parts as PartsOf<'sorted-set'>, db, limits)
    case 'hash':
      return hashOf(parts as PartsOf<'hash'>, db, limits)
    default:
      return streamOf(parts, db)
  }
}

function stringOf(parts: PartsOf<'string'>): Bytes | Buffer {
  if (parts.length === 1) return at(parts, 0).piece
  return Buffer.concat(parts.map(({ piece }) => Buffer.from(piece, 'latin1')))
}

function listOf(parts: PartsOf<'list'>, db: OwnerDatabase, limits: ListLimits): List {
  const list = newCollection(db, List)
  for (const { elements } of parts) for (const element of elements) list.push('right', element, limits)
  return list
}

function setOf(parts: PartsOf<'set'>, db: OwnerDatabase, limits: SetLimits): SetValue {
  const set = newCollection(db, SetValue)
  const members = parts.flatMap((part) => part.members)
  members.sort(inByteOrder)
  mustBeUnique(members, (member) => member)
  for (const member of members) set.append(member, limits)
  packIfSmall(set)
  return set
}

function sortedSetOf(parts: PartsOf<'sorted-set'>, db: OwnerDatabase, limits: SortedSetLimits): SortedSet {
  const set = newCollection(db, SortedSet)
  const members: ScoredMember[] = []
  for (const part of parts) for (const [index, member] of part.members.entries()) members.push({ member, score: at(part.scores, index) })
  members.sort((a, b) => inByteOrder(a.member, b.member))
  mustBeUnique(members, ({ member }) => member)
  set.load(members, limits)
  return set
}

interface FieldOfHash {
  readonly field: Bytes
  readonly value: Bytes
  readonly deadlineMs: number | null
}

function hashOf(parts: PartsOf<'hash'>, db: OwnerDatabase, limits: ValueLimits): Hash {
  const hash = newCollection(db, Hash)
  const fields: FieldOfHash[] = []
  for (const part of parts) {
    for (const [index, field] of part.fields.entries()) {
      fields.push({ field, value: at(part.values, index), deadlineMs: part.deadlinesMs?.[index] ?? null })
    }
  }
  fields.sort((a, b) => inByteOrder(a.field, b.field))
  mustBeUnique(fields, ({ field }) => field)
  let longest = 0
  for (const { field, value } of fields) {
    hash.fields.append(field, value)
    longest = Math.max(longest, field.length, value.length)
  }
  for (const { field, deadlineMs } of fields) if (deadlineMs !== null) hash.setDeadline(field, Math.max(1, deadlineMs))
  const isSmall = fields.length <= limits.number('hash-max-listpack-entries') && longest <= limits.number('hash-max-listpack-value')
  if (isSmall) packIfSmall(hash)
  else hash.becomeHashtable()
  return hash
}

/** Throws RdbError if two elements have the same name. REQUIRES: they are sorted by name. */
function mustBeUnique<T>(elements: readonly T[], nameOf: (element: T) => Bytes): void {
  let before: Bytes | null = null
  for (const element of elements) {
    const name = nameOf(element)
    if (name === before) throw duplicateElement()
    before = name
  }
}

function inByteOrder(a: Bytes, b: Bytes): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Returns the error for an element that an RDB has twice in one collection. */
export function duplicateElement(): RdbError {
  return damagedAt(0, 'an element occurs twice in a collection')
}
