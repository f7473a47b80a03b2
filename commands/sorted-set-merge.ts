/**
 * The union, intersection and difference of sorted sets and sets, member by member in byte order, with the scores that come of it.
 *
 * As in Redis the smaller sets come first (of equal ones, the earlier), which decides in what order scores are added up: sums of doubles
 * depend on it. A weight times infinity that is no number, and infinities that cancel out, count as 0.
 */
import type { Bytes } from '../storage/bytes.ts'
import type { TreeCursor } from '../storage/tree/cursor.ts'
import type { Tree } from '../storage/tree/tree.ts'
import type { SetValue } from '../storage/values/set.ts'
import type { SortedSet } from '../storage/values/sorted-set.ts'

/** One of the sets. Members of a set without scores have score 1. */
export interface Source {
  readonly value: SortedSet | SetValue
  readonly weight: number
}

export type Aggregate = 'sum' | 'min' | 'max'

/** Members in ascending order, each with its score; `next` moves on to the first and then the following ones. */
export interface Merge {
  readonly member: Bytes
  readonly score: number
  next(): boolean
}

/** A look-up costs as much as about so many steps of a cursor. */
const STEPS_PER_LOOKUP = 16

function scoreOf(value: unknown): number {
  return value === undefined ? 1 : (value as number)
}

function zeroForNaN(score: number): number {
  return Number.isNaN(score) ? 0 : score
}

function aggregated(before: number, score: number, aggregate: Aggregate): number {
  if (aggregate === 'sum') return zeroForNaN(before + score)
  // Not Math.min: a score that is not a number is never taken.
  const isTaken = aggregate === 'min' ? score < before : score > before
  return isTaken ? score : before
}

function bySize(sources: readonly Source[]): Source[] {
  return [...sources].sort((a, b) => a.value.size - b.value.size)
}

/** Answers for ascending members what their scores in a set are. */
class Probe {
  private readonly tree: Tree
  private readonly weight: number
  /** Null where looking up is cheaper. */
  private readonly cursor: TreeCursor | null
  private isAtEnd: boolean

  /** `asked` members will be asked for, about. */
  constructor({ value, weight }: Source, asked: number) {
    this.tree = value.members
    this.weight = weight
    this.cursor = value.size < asked * STEPS_PER_LOOKUP ? value.members.cursor(0) : null
    this.isAtEnd = this.cursor?.next() === false
  }

  /** The weighted score, which may be NaN; undefined where there is no such member. */
  score(member: Bytes): number | undefined {
    const { cursor, tree } = this
    if (cursor === null) return tree.find(member) ? scoreOf(tree.value) * this.weight : undefined
    while (!this.isAtEnd && cursor.key < member) this.isAtEnd = !cursor.next()
    return !this.isAtEnd && cursor.key === member ? scoreOf(cursor.value) * this.weight : undefined
  }
}

/** The members that all sets have; there is at least one set. */
export class ScoredIntersection implements Merge {
  member: Bytes = ''
  score = 0
  private readonly smallest: TreeCursor
  private readonly weight: number
  private readonly others: readonly Probe[]
  private readonly aggregate: Aggregate

  constructor(sources: readonly Source[], aggregate: Aggregate) {
    const [smallest, ...others] = bySize(sources) as [Source, ...Source[]]
    this.smallest = smallest.value.members.cursor(0)
    this.weight = smallest.weight
    this.others = others.map((source) => new Probe(source, smallest.value.size))
    this.aggregate = aggregate
  }

  next(): boolean {
    while (this.smallest.next()) {
      this.member = this.smallest.key
      this.score = zeroForNaN(this.weight * scoreOf(this.smallest.value))
      if (this.addOthers()) return true
    }
    return false
  }

  /** Whether the others have the member, too; their scores are added then. */
  private addOthers(): boolean {
    for (const other of this.others) {
      const score = other.score(this.member)
      if (score === undefined) return false
      this.score = aggregated(this.score, score, this.aggregate)
    }
    return true
  }
}

/** The members of a set that none of the others has. */
export class ScoredDifference implements Merge {
  member: Bytes = ''
  score = 0
  private readonly first: TreeCursor
  private readonly others: readonly Probe[]

  constructor(first: Source, others: readonly Source[]) {
    this.first = first.value.members.cursor(0)
    // The larger ones are the likelier to have a member.
    this.others = bySize(others)
      .reverse()
      .map((source) => new Probe(source, first.value.size))
  }

  next(): boolean {
    while (this.first.next()) {
      this.member = this.first.key
      this.score = scoreOf(this.first.value)
      if (!this.isInOthers()) return true
    }
    return false
  }

  private isInOthers(): boolean {
    for (const other of this.others) if (other.score(this.member) !== undefined) return true
    return false
  }
}

interface Head {
  readonly cursor: TreeCursor
  readonly weight: number
  /** Its place among the sources: those of one member are taken in this order. */
  readonly index: number
}

/** The members that any of the sets has. */
export class ScoredUnion implements Merge {
  member: Bytes = ''
  score = 0
  private readonly aggregate: Aggregate
  /** A heap: the head with the least member comes first. */
  private readonly heap: Head[] = []

  constructor(sources: readonly Source[], aggregate: Aggregate) {
    this.aggregate = aggregate
    for (const [index, { value, weight }] of bySize(sources).entries()) {
      const cursor = value.members.cursor(0)
      if (cursor.next()) this.heap.push({ cursor, weight, index })
    }
    for (let at = this.heap.length >> 1; at >= 0; at--) this.siftDown(at)
  }

  next(): boolean {
    const { heap } = this
    const [least] = heap
    if (least === undefined) return false
    this.member = least.cursor.key
    this.score = zeroForNaN(least.weight * scoreOf(least.cursor.value))
    this.advance(least)
    for (let [head] = heap; head !== undefined && head.cursor.key === this.member; head = heap[0]) {
      this.score = aggregated(this.score, zeroForNaN(head.weight * scoreOf(head.cursor.value)), this.aggregate)
      this.advance(head)
    }
    return true
  }

  /** Moves the first head on, or takes it out at its end. */
  private advance(first: Head): void {
    const { heap } = this
    if (!first.cursor.next()) {
      const last = heap.pop()
      if (last === undefined || heap.length === 0) return
      heap[0] = last
    }
    this.siftDown(0)
  }

  private siftDown(from: number): void {
    const { heap } = this
    const moved = heap[from]
    if (moved === undefined) return
    let at = from
    for (;;) {
      let child = 2 * at + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, left)) child++
      const lesser = heap[child] as Head
      if (!isBefore(lesser, moved)) break
      heap[at] = lesser
      at = child
    }
    heap[at] = moved
  }
}

function isBefore(a: Head, b: Head): boolean {
  return a.cursor.key === b.cursor.key ? a.index < b.index : a.cursor.key < b.cursor.key
}
