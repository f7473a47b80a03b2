/**
 * The intersection, union and difference of sets, member by member in byte order. Nothing is
 * gathered, and a caller that has enough members stops.
 *
 * Sets are ordered, so two sets are compared by walking both side by side. If one is much larger
 * than the number of members to find in it, the members are looked up instead.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { TreeCursor } from '../../storage/tree/cursor.ts'
import type { SetValue } from '../../storage/values/set.ts'
import { CursorHeap, type Head, Probe } from './merge-cursors.ts'

/** The members of a result, in ascending order. */
export interface Members {
  /** The current member. REQUIRES: `next` returned true. */
  readonly member: Bytes
  next(): boolean
}

/** The members that all sets have. REQUIRES: at least one set. */
export class Intersection implements Members {
  member: Bytes = ''
  private readonly smallest: TreeCursor
  private readonly others: readonly Probe[]

  constructor(sets: readonly SetValue[]) {
    const [smallest, ...others] = [...sets].sort((a, b) => a.size - b.size) as [SetValue, ...SetValue[]]
    this.smallest = smallest.members.cursor(0)
    this.others = others.map((set) => new Probe(set.members, smallest.size))
  }

  next(): boolean {
    while (this.smallest.next()) {
      this.member = this.smallest.key
      if (this.isInOthers()) return true
    }
    return false
  }

  private isInOthers(): boolean {
    for (const other of this.others) if (!other.has(this.member)) return false
    return true
  }
}

/** The members of a set that none of the others has. */
export class Difference implements Members {
  member: Bytes = ''
  private readonly first: TreeCursor
  private readonly others: readonly Probe[]

  constructor(first: SetValue, others: readonly SetValue[]) {
    this.first = first.members.cursor(0)
    // The larger sets are likelier to have a member, so they come first.
    this.others = [...others].sort((a, b) => b.size - a.size).map((set) => new Probe(set.members, first.size))
  }

  next(): boolean {
    while (this.first.next()) {
      this.member = this.first.key
      if (!this.isInOthers()) return true
    }
    return false
  }

  private isInOthers(): boolean {
    for (const other of this.others) if (other.has(this.member)) return true
    return false
  }
}

/** The members that any of the sets has. */
export class Union implements Members {
  member: Bytes = ''
  private readonly heads: CursorHeap<Head>
  private isStarted = false

  constructor(sets: readonly SetValue[]) {
    this.heads = new CursorHeap(sets.map(({ members }, index) => ({ cursor: members.cursor(0), index })))
  }

  next(): boolean {
    const { heads } = this
    if (this.isStarted) while (heads.first?.cursor.key === this.member) heads.advance()
    this.isStarted = true
    if (heads.first === undefined) return false
    this.member = heads.first.cursor.key
    return true
  }
}
