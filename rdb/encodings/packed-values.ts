/**
 * Values in packed encodings. The types, on disk; each string is a packed encoding:
 *
 *   9   hash         zipmap
 *   10  list         ziplist
 *   11  set          intset
 *   12  sorted set   ziplist of members and scores in turn
 *   13  hash         ziplist of fields and values in turn
 *   14  list         count ziplist*
 *   16  hash         listpack of fields and values in turn
 *   17  sorted set   listpack of members and scores in turn
 *   18  list         count (1 element | 2 listpack)*
 *   20  set          listpack
 *   23  hash       listpack of fields, values and deadlines in turn         a deadline: ms; 0: none
 *   25  hash         ms(8), the earliest deadline, and then as 23
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { RdbValuePart } from '../elements.ts'
import { NODE_PACKED, NODE_PLAIN } from '../format/codes.ts'
import type { RdbInput } from '../format/input.ts'
import { addUnique, type Packed } from '../format/packed.ts'
import { scoreOf, type ValueReader } from './collections.ts'
import { readIntset } from './intset.ts'
import { readListpack } from './listpack.ts'

/** Returns the elements of a packed encoding. */
type Unpack = (packed: Packed) => Bytes[]
/** Returns the part of a value that a packed encoding holds. */
export type UnpackValue = (packed: Packed) => RdbValuePart

/** Redis reads no more characters of a packed score. It writes at most 24. */
const MAX_SCORE_LENGTH = 127

/** A value that is one packed encoding. */
export class PackedValue implements ValueReader {
  private readonly unpack: UnpackValue
  private isRead = false

  constructor(unpack: UnpackValue) {
    this.unpack = unpack
  }

  next(input: RdbInput): RdbValuePart | null {
    if (this.isRead) return null
    const part = this.unpack(input.packed())
    this.isRead = true
    return part
  }
}

/** A hash of type 25: the earliest deadline is repeated by the fields. */
export class PackedAfterTime implements ValueReader {
  private isRead = false

  next(input: RdbInput): RdbValuePart | null {
    if (this.isRead) return null
    input.milliseconds()
    const part = unpackHashWithDeadlines(input.packed())
    this.isRead = true
    return part
  }
}

/** A list of packed nodes; a part for each node. */
export class Quicklist implements ValueReader {
  private readonly readNode: (input: RdbInput) => Bytes[]
  private left = -1

  constructor(readNode: (input: RdbInput) => Bytes[]) {
    this.readNode = readNode
  }

  next(input: RdbInput): RdbValuePart | null {
    if (this.left < 0) {
      this.left = input.count(1)
      input.commit()
    }
    if (this.left === 0) return null
    const elements = this.readNode(input)
    this.left--
    return { kind: 'list', elements }
  }
}

/** Returns the elements of a node of a quicklist 2. */
export function readNode2(input: RdbInput): Bytes[] {
  const container = input.length()
  if (container === NODE_PLAIN) return [plainElement(input)]
  if (container === NODE_PACKED) return readListpack(input.packed())
  throw input.damaged('a node of a list has an unknown form')
}

/** Redis refuses a list that has an empty element as a node of its own. */
function plainElement(input: RdbInput): Bytes {
  const element = input.string()
  if (element.length === 0) throw input.damaged('a node of a list has an empty element')
  return element
}

export const unpackIntset: UnpackValue = (packed) => ({ kind: 'set', members: readIntset(packed) })

/** Returns how a list is unpacked. */
export const listIn =
  (unpack: Unpack): UnpackValue =>
  (packed) => ({ kind: 'list', elements: unpack(packed) })

/** Returns how a set is unpacked. */
export const setIn =
  (unpack: Unpack): UnpackValue =>
  (packed) => {
    const members = unpack(packed)
    mustDiffer(packed, members, 'a set has a member twice')
    return { kind: 'set', members }
  }

/** Returns how a sorted set is unpacked. */
export const sortedSetIn =
  (unpack: Unpack): UnpackValue =>
  (packed) => {
    const [members, texts] = columns(packed, unpack(packed), 2) as [Bytes[], Bytes[]]
    mustDiffer(packed, members, 'a sorted set has a member twice')
    const scores = texts.map((text) => (text.length > MAX_SCORE_LENGTH ? Number.NaN : scoreOf(text)))
    if (scores.some(Number.isNaN)) throw packed.damaged(0, 'a score is not a number')
    return { kind: 'sorted-set', members, scores }
  }

/** Returns how a hash is unpacked. */
export const hashIn =
  (unpack: Unpack): UnpackValue =>
  (packed) => {
    const [fields, values] = columns(packed, unpack(packed), 2) as [Bytes[], Bytes[]]
    mustDiffer(packed, fields, 'a hash has a field twice')
    return { kind: 'hash', fields, values, deadlinesMs: null }
  }

export const unpackHashWithDeadlines: UnpackValue = (packed) => {
  const [fields, values, texts] = columns(packed, readListpack(packed), 3) as [Bytes[], Bytes[], Bytes[]]
  mustDiffer(packed, fields, 'a hash has a field twice')
  const deadlinesMs = texts.map((text) => {
    const deadlineMs = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN
    if (!Number.isSafeInteger(deadlineMs)) throw packed.damaged(0, 'a deadline is out of range')
    return deadlineMs === 0 ? null : deadlineMs
  })
  return { kind: 'hash', fields, values, deadlinesMs }
}

/** Returns every element at place 0, every one at place 1, and so on, of rows of a width. */
function columns(packed: Packed, elements: readonly Bytes[], width: number): Bytes[][] {
  if (elements.length % width !== 0) throw packed.damaged(0, `the elements of a packed value are not a multiple of ${width}`)
  const found: Bytes[][] = Array.from({ length: width }, () => [])
  for (let i = 0; i < elements.length; i++) must(found[i % width]).push(must(elements[i]))
  return found
}

function mustDiffer(packed: Packed, members: readonly Bytes[], text: string): void {
  const seen = new Set<Bytes>()
  for (const member of members) addUnique(seen, member, () => packed.damaged(0, text))
}
