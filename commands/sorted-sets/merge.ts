/**
 * The union, intersection and difference of sorted sets and sets, member by member in byte order,
 * with the resulting scores.
 *
 * As in Redis, smaller sets come first, and sets of equal size keep their order. Scores are added
 * in that order, on which sums of doubles depend. A score that would be NaN is 0: 0 times infinity,
 * or infinity minus infinity.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { TreeCursor } from '../../storage/tree/cursor.ts'
import type { SetValue } from '../../storage/values/set.ts'
import type { SortedSet } from '../../storage/values/sorted-set.ts'
import { CursorHeap, type Head, Probe } from '../sets/merge-cursors.ts'

/** A set that takes part. Members of a set without scores have score 1. */
export interface Source {
  readonly value: SortedSet | SetValue
  readonly weight: number
}

export type Aggregate = 'sum' | 'min' | 'max'

/**
 * A cursor over the members of a result in byte order, with their scores. The first `next` moves to
 * the first member. `next` returns false at the end.
 */
export interface Merge {
  readonly member: Bytes
  readonly score: number
  next(): boolean
}

function scoreOf(value: unknown): number {
  return value === undefined ? 1 : (value as number)
}

function zeroForNaN(score: number): number {
  return Number.isNaN(score) ? 0 : score
}

function aggregateScores(before: number, score: number, aggregate: Aggregate): number {
  if (aggregate === 'sum') return zeroForNaN(before + score)
  // Not Math.min, which returns NaN if either is: a NaN must never be taken.
  const isTaken = aggregate === 'min' ? score < before : score > before
  return isTaken ? score : before
}

function bySize(sources: readonly Source[]): Source[] {
  return [...sources].sort((a, b) => a.value.size - b.value.size)
}

/** Looks up the scores of ascending members in a set. */
class ScoreProbe {
  private readonly probe: Probe
  private readonly weight: number

  /** `asked` is the approximate number of members that will be looked up. */
  constructor({ value, weight }: Source, asked: number) {
    this.probe = new Probe(value.members, asked)
    this.weight = weight
  }

  /** The weighted score, which may be NaN; undefined if the set lacks the member. */
  score(member: Bytes): number | undefined {
    return this.probe.has(member) ? scoreOf(this.probe.value) * this.weight : undefined
  }
}

/** The members that all sets have. REQUIRES: at least one set. */
export class ScoredIntersection implements Merge {
  member: Bytes = ''
  score = 0
  private readonly smallest: TreeCursor
  private readonly weight: number
  private readonly others: readonly ScoreProbe[]
  private readonly aggregate: Aggregate

  constructor(sources: readonly Source[], aggregate: Aggregate) {
    const [smallest, ...others] = bySize(sources) as [Source, ...Source[]]
    this.smallest = smallest.value.members.cursor(0)
    this.weight = smallest.weight
    this.others = others.map((source) => new ScoreProbe(source, smallest.value.size))
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

  /** Returns true if the other sets have the member too, and then adds their scores. */
  private addOthers(): boolean {
    for (const other of this.others) {
      const score = other.score(this.member)
      if (score === undefined) return false
      this.score = aggregateScores(this.score, score, this.aggregate)
    }
    return true
  }
}

/** The members of a set that none of the others has. */
export class ScoredDifference implements Merge {
  member: Bytes = ''
  score = 0
  private readonly first: TreeCursor
  private readonly others: readonly ScoreProbe[]

  constructor(first: Source, others: readonly Source[]) {
    this.first = first.value.members.cursor(0)
    // Larger sets are asked first, because they are more likely to have the member.
    this.others = bySize(others)
      .reverse()
      .map((source) => new ScoreProbe(source, first.value.size))
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

interface WeightedHead extends Head {
  readonly weight: number
}

/** The members that any of the sets has. */
export class ScoredUnion implements Merge {
  member: Bytes = ''
  score = 0
  private readonly aggregate: Aggregate
  private readonly heads: CursorHeap<WeightedHead>

  constructor(sources: readonly Source[], aggregate: Aggregate) {
    this.aggregate = aggregate
    this.heads = new CursorHeap(bySize(sources).map(({ value, weight }, index) => ({ cursor: value.members.cursor(0), weight, index })))
  }

  next(): boolean {
    const { heads } = this
    const least = heads.first
    if (least === undefined) return false
    this.member = least.cursor.key
    this.score = zeroForNaN(least.weight * scoreOf(least.cursor.value))
    heads.advance()
    for (let { first } = heads; first !== undefined && first.cursor.key === this.member; first = heads.first) {
      this.score = aggregateScores(this.score, zeroForNaN(first.weight * scoreOf(first.cursor.value)), this.aggregate)
      heads.advance()
    }
    return true
  }
}
