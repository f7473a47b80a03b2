/**
 * The elements of a list, set or sorted set in SORT's order. Elements of equal score come in byte
 * order, so the order is fully determined. The exception is equal or missing weights with ALPHA:
 * those elements keep their relative order.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, detached } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import { List } from '../../storage/values/list.ts'
import { elementsOf } from '../../storage/values/packed-cursor.ts'
import { SetValue } from '../../storage/values/set.ts'
import { SortedSet } from '../../storage/values/sorted-set.ts'
import { wrongType } from '../contract/errors.ts'
import { lookUpPattern, type SortPattern, sortScoreOf, wholeOf } from './sort-patterns.ts'

export type Sortable = List | SetValue | SortedSet

export interface Sorting {
  readonly kind: 'numeric' | 'alpha'
  readonly order: 'ascending' | 'descending'
  /** The pattern that weights come from; null for the elements themselves. */
  readonly by: SortPattern | null
}

export function requireSortable({ value }: Entry): Sortable {
  if (value instanceof List || value instanceof SetValue || value instanceof SortedSet) return value
  throw wrongType()
}

/**
 * The elements from `from` to before `to` in stored order: lists by position, sets by bytes, sorted
 * sets by score.
 */
export function keptElements(value: Sortable, order: Sorting['order'], from: number, to: number): Bytes[] {
  const found: Bytes[] = []
  if (from >= to) return found
  const [rank, direction] = order === 'ascending' ? ([from, 'forward'] as const) : ([value.size - 1 - from, 'backward'] as const)
  if (value instanceof SortedSet) {
    const cursor = value.cursor(rank, direction)
    while (found.length < to - from && cursor.next()) found.push(detached(cursor.member))
    return found
  }
  if (value instanceof List) {
    const cursor = value.cursor(rank, direction)
    while (found.length < to - from && cursor.next()) found.push(cursor.value as Bytes)
    return found
  }
  const cursor = value.cursor(rank, direction)
  while (found.length < to - from && cursor.next()) found.push(cursor.key)
  return found
}

/** All elements, sorted. Throws if a weight must be a number and is none. */
export function sortedElements(db: Database, value: Sortable, { kind, order, by }: Sorting): Bytes[] {
  const elements = everyElement(value)
  if (kind === 'alpha' && by === null) return order === 'ascending' ? elements.sort(byBytes) : elements.sort(byBytesDescending)
  const weighted = kind === 'alpha' ? withTexts(db, elements, must(by)) : withScores(db, elements, by)
  const compare = kind === 'alpha' ? byText : byScore
  weighted.sort(order === 'ascending' ? compare : (a: Weighted, b: Weighted) => compare(b, a))
  return weighted.map(({ element }) => element)
}

interface Weighted {
  readonly element: Bytes
  readonly score: number
  /** Null if the weight is missing; such elements come first. */
  readonly text: Bytes | null
}

function everyElement(value: Sortable): Bytes[] {
  const found: Bytes[] = []
  const isList = value instanceof List
  const cursor = elementsOf(value.object)
  while (cursor.next()) found.push(isList ? (cursor.value as Bytes) : cursor.key)
  return found
}

/** A missing weight counts as 0. */
function withScores(db: Database, elements: readonly Bytes[], by: SortPattern | null): Weighted[] {
  return elements.map((element) => {
    const weight = by === null ? element : lookUpPattern(db, by, element)
    return { element, score: weight === null ? 0 : sortScoreOf(wholeOf(weight)), text: null }
  })
}

function withTexts(db: Database, elements: readonly Bytes[], by: SortPattern): Weighted[] {
  return elements.map((element) => {
    const weight = lookUpPattern(db, by, element)
    return { element, score: 0, text: weight === null ? null : wholeOf(weight) }
  })
}

function byBytes(a: Bytes, b: Bytes): number {
  return a < b ? -1 : a === b ? 0 : 1
}

function byBytesDescending(a: Bytes, b: Bytes): number {
  return byBytes(b, a)
}

function byScore(a: Weighted, b: Weighted): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1
  return byBytes(a.element, b.element)
}

function byText(a: Weighted, b: Weighted): number {
  if (a.text === null || b.text === null) return a.text === b.text ? 0 : a.text === null ? -1 : 1
  return byBytes(a.text, b.text)
}
