/**
 * The patterns of SORT's BY and GET. A pattern is a key's name with a star for the element,
 * optionally followed by an arrow and a hash's field. `#` is the element itself. A pattern without
 * a star finds nothing: null.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import { Hash } from '../../storage/values/hash.ts'
import { Rope } from '../../storage/values/rope.ts'
import type { StringValue } from '../../storage/values/string.ts'
import { clientError } from '../contract/errors.ts'
import { floatOf } from '../parsing/args.ts'
import { stringOf } from '../parsing/typed-access.ts'

export interface SortPattern {
  /** True for `#`, which needs no look-up. */
  readonly isElement: boolean
  readonly hasStar: boolean
  readonly before: Bytes
  readonly after: Bytes
  /** Null if the pattern means the key's string. */
  readonly field: Bytes | null
}

export function sortPatternOf(pattern: Bytes): SortPattern {
  const star = pattern.indexOf('*')
  const isElement = pattern === '#'
  if (star < 0) return { isElement, hasStar: false, before: '', after: '', field: null }
  const before = pattern.slice(0, star)
  const arrow = pattern.indexOf('->', star + 1)
  // An arrow without a field after it is part of the key's name.
  if (arrow < 0 || arrow + 2 === pattern.length) return { isElement, hasStar: true, before, after: pattern.slice(star + 1), field: null }
  return { isElement, hasStar: true, before, after: pattern.slice(star + 1, arrow), field: pattern.slice(arrow + 2) }
}

/**
 * The value that a pattern finds for an element; null for a missing key, a missing field and a
 * value of another type.
 */
export function lookUpPattern(db: Database, pattern: SortPattern, element: Bytes): StringValue | null {
  if (pattern.isElement) return element
  if (!pattern.hasStar) return null
  db.keyspace.eviction.makeRoom()
  const entry = db.read(`${pattern.before}${element}${pattern.after}`)
  if (entry === undefined) return null
  if (pattern.field === null) return stringOf(entry)
  return entry.value instanceof Hash ? (entry.value.get(pattern.field) ?? null) : null
}

/** All bytes of a string of any length. */
export function wholeOf(value: StringValue): Bytes {
  return value instanceof Rope ? value.read(0, value.length).latin1Slice() : value
}

const LEADING_SPACE = /^[ \t-\r]+/

/**
 * Parses a weight like C's strtod, up to a zero byte. An empty string is 0, and leading spaces are
 * allowed. Throws if it is no number.
 */
export function sortScoreOf(weight: Bytes): number {
  const zero = weight.indexOf('\0')
  const text = (zero < 0 ? weight : weight.slice(0, zero)).replace(LEADING_SPACE, '')
  if (text === '' && (zero === 0 || weight === '')) return 0
  const score = floatOf(text)
  if (score === null) throw clientError("ERR One or more scores can't be converted into double")
  return score
}
