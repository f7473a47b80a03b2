/**
 * Values of lists, sets, sorted sets and hashes, element by element, and of strings, in pieces. The
 * types, on disk:
 *
 *   0   string       string
 *   1   list         count string*
 *   2   set          count string*
 *   3   sorted set   count (string text)*     text: length(1) digits | 253 NaN | 254 inf | 255 -inf
 *   4   hash         count (string string)*
 *   5   sorted set   count (string double(8))*
 *   22  hash         count (deadline string string)*                 deadline: a length; 0: none
 *   24  hash         ms(8) count (relative string string)*           relative: ms + it - 1; 0: none
 *   22  of Valkey    count (string string ms(8))*                    ms: -1: none
 */
import type { Bytes } from '../../base/bytes.ts'
import type { RdbValuePart } from '../elements.ts'
import { MAX_BATCH_BYTES, MAX_BATCH_COUNT } from '../format/budget.ts'
import { NEEDS_MORE, type RdbInput } from '../format/input.ts'
import { addUnique } from '../format/packed.ts'

/** A value that is being read. */
export interface ValueReader {
  /** Returns the next part, and null after the last. Throws RdbError or NEEDS_MORE. */
  next(input: RdbInput): RdbValuePart | null
}

/** Elements that are being gathered for one part. */
interface Batch {
  /** Reads one element and checks it; changes nothing unless all of it has arrived. */
  add(input: RdbInput): void
  part(): RdbValuePart
}

/** The form of a collection's elements. */
export interface ElementShape {
  /** The length of the shortest element. */
  readonly minBytes: number
  /** Begins a batch. `seen` has the members before it, null where they are not remembered. */
  batch(seen: Set<Bytes> | null): Batch
}

/** A collection as a count and its elements. */
export class CountedValue implements ValueReader {
  private readonly shape: ElementShape
  private left = -1
  private seen: Set<Bytes> | null = null

  constructor(shape: ElementShape) {
    this.shape = shape
  }

  next(input: RdbInput): RdbValuePart | null {
    if (this.left < 0) {
      this.left = input.count(this.shape.minBytes)
      input.commit()
      if (input.budget.mustBeUnique) this.seen = new Set()
    }
    if (this.left === 0) return null
    const batch = this.shape.batch(this.seen)
    const endOffset = input.offset + MAX_BATCH_BYTES
    const max = Math.min(this.left, MAX_BATCH_COUNT)
    let count = 0
    try {
      while (count < max && input.offset < endOffset) {
        batch.add(input)
        input.commit()
        count++
      }
    } catch (error) {
      if (error !== NEEDS_MORE || count === 0) throw error
      input.rewind()
    }
    this.left -= count
    return batch.part()
  }
}

/** A string, in pieces of at most MAX_BATCH_BYTES. */
export class StringPieces implements ValueReader {
  private left = -1
  private whole: Buffer | null = null

  next(input: RdbInput): RdbValuePart | null {
    const isFirst = this.left < 0
    if (isFirst) {
      const found = input.stringOrLength()
      this.whole = typeof found === 'number' ? null : found
      this.left = typeof found === 'number' ? found : found.length
      input.commit()
    }
    if (this.left === 0 && !isFirst) return null
    const size = Math.min(this.left, MAX_BATCH_BYTES)
    const from = this.whole === null ? 0 : this.whole.length - this.left
    const piece = this.whole === null ? input.bytes(size) : this.whole.latin1Slice(from, from + size)
    this.left -= size
    return { kind: 'string', piece }
  }
}

export const LIST: ElementShape = {
  minBytes: 1,
  batch() {
    const elements: Bytes[] = []
    return {
      add: (input) => elements.push(input.string()),
      part: () => ({ kind: 'list', elements }),
    }
  },
}

export const SET: ElementShape = {
  minBytes: 1,
  batch(seen) {
    const members: Bytes[] = []
    return {
      add(input) {
        const member = input.string()
        if (seen !== null) addUnique(seen, member, () => input.damaged('a set has a member twice'))
        members.push(member)
      },
      part: () => ({ kind: 'set', members }),
    }
  },
}

/** Returns the shape of a sorted set whose scores are read by `score`. */
function sortedSet(minBytes: number, score: (input: RdbInput) => number): ElementShape {
  return {
    minBytes,
    batch(seen) {
      const members: Bytes[] = []
      const scores: number[] = []
      return {
        add(input) {
          const member = input.string()
          const value = score(input)
          if (Number.isNaN(value)) throw input.damaged('a score is not a number')
          if (seen !== null) addUnique(seen, member, () => input.damaged('a sorted set has a member twice'))
          members.push(member)
          scores.push(value)
        },
        part: () => ({ kind: 'sorted-set', members, scores }),
      }
    },
  }
}

const SCORE_NAN = 253
const SCORE_INFINITE = 254
const SCORE_NEGATIVE_INFINITE = 255

function scoreOfText(input: RdbInput): number {
  const length = input.byte()
  if (length === SCORE_NEGATIVE_INFINITE) return Number.NEGATIVE_INFINITY
  if (length === SCORE_INFINITE) return Number.POSITIVE_INFINITY
  return length === SCORE_NAN ? Number.NaN : scoreOf(input.bytes(length))
}

/** Returns the number that a decimal text states; NaN if it states none. */
export function scoreOf(text: Bytes): number {
  if (/^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?$/i.test(text)) return Number(text)
  if (/^\+?inf(?:inity)?$/i.test(text)) return Number.POSITIVE_INFINITY
  return /^-inf(?:inity)?$/i.test(text) ? Number.NEGATIVE_INFINITY : Number.NaN
}

export const SORTED_SET_TEXT = sortedSet(2, scoreOfText)
export const SORTED_SET_BINARY = sortedSet(9, (input) => input.double())

/** Arrays of a hash that is being gathered. */
class HashBatch implements Batch {
  private readonly fields: Bytes[] = []
  private readonly values: Bytes[] = []
  private readonly deadlinesMs: (number | null)[] | null
  private readonly seen: Set<Bytes> | null
  private readonly read: (input: RdbInput, into: HashEntry) => void
  private readonly entry: HashEntry = { field: '', value: '', deadlineMs: null }

  constructor(seen: Set<Bytes> | null, form: 'plain' | 'deadlines', read: (input: RdbInput, into: HashEntry) => void) {
    this.seen = seen
    this.deadlinesMs = form === 'plain' ? null : []
    this.read = read
  }

  add(input: RdbInput): void {
    const { entry } = this
    this.read(input, entry)
    if (this.seen !== null) addUnique(this.seen, entry.field, () => input.damaged('a hash has a field twice'))
    this.fields.push(entry.field)
    this.values.push(entry.value)
    this.deadlinesMs?.push(entry.deadlineMs)
  }

  part(): RdbValuePart {
    return { kind: 'hash', fields: this.fields, values: this.values, deadlinesMs: this.deadlinesMs }
  }
}

interface HashEntry {
  field: Bytes
  value: Bytes
  deadlineMs: number | null
}

function readPair(input: RdbInput, into: HashEntry): void {
  into.field = input.string()
  into.value = input.string()
}

export const HASH: ElementShape = { minBytes: 2, batch: (seen) => new HashBatch(seen, 'plain', readPair) }

/** Returns the shape of a hash whose deadlines are relative to a time, or to 1 where absolute. */
const hashWithDeadlines = (originMs: number): ElementShape => ({
  minBytes: 3,
  batch: (seen) =>
    new HashBatch(seen, 'deadlines', (input, into) => {
      const ttl = input.length()
      into.deadlineMs = deadlineOf(ttl, originMs)
      if (into.deadlineMs !== null && !Number.isSafeInteger(into.deadlineMs)) throw input.damaged('a deadline is out of range')
      readPair(input, into)
    }),
})

/** Returns the deadline that a hash of type 24 keeps relative to its earliest one. */
const deadlineOf = (relativeMs: number, originMs: number): number | null => (relativeMs === 0 ? null : relativeMs + originMs - 1)

export const HASH_ABSOLUTE = hashWithDeadlines(1)

export const HASH_VALKEY: ElementShape = {
  minBytes: 10,
  batch: (seen) =>
    new HashBatch(seen, 'deadlines', (input, into) => {
      readPair(input, into)
      const deadlineMs = input.milliseconds()
      if (deadlineMs < -1) throw input.damaged('a deadline is out of range')
      into.deadlineMs = deadlineMs === -1 ? null : deadlineMs
    }),
}

/** A hash of type 24, whose elements come after the earliest deadline. */
export class HashWithOrigin implements ValueReader {
  private value: CountedValue | null = null

  next(input: RdbInput): RdbValuePart | null {
    if (this.value === null) {
      const originMs = input.milliseconds()
      if (originMs < 0) throw input.damaged('a deadline is out of range')
      this.value = new CountedValue(hashWithDeadlines(originMs))
      input.commit()
    }
    return this.value.next(input)
  }
}
