/**
 * The intersection, union and difference of sets, member by member in byte order: nothing is gathered, and whoever has enough stops.
 *
 * Sets are ordered, so two of them are compared by going through both side by side; where one is much larger than what is looked for in it,
 * by looking up.
 */
import type { Bytes } from '../storage/bytes.ts'
import type { TreeCursor } from '../storage/tree/cursor.ts'
import type { Tree } from '../storage/tree/tree.ts'
import type { SetValue } from '../storage/values/set.ts'

/** Members in ascending order. */
export interface Members {
  /** The present one, after `next` has answered true. */
  readonly member: Bytes
  next(): boolean
}

/** A look-up costs as much as about so many steps of a cursor. */
const STEPS_PER_LOOKUP = 16

/** Answers for ascending members whether a set has them. */
class Probe {
  private readonly tree: Tree
  /** Null where looking up is cheaper. */
  private cursor: TreeCursor | null
  private isAtEnd: boolean

  /** `asked` members will be asked for, about. */
  constructor({ members, size }: SetValue, asked: number) {
    this.tree = members
    this.cursor = size < asked * STEPS_PER_LOOKUP ? members.cursor(0) : null
    this.isAtEnd = this.cursor?.next() === false
  }

  has(member: Bytes): boolean {
    const { cursor } = this
    if (cursor === null) return this.tree.find(member)
    while (!this.isAtEnd && cursor.key < member) this.isAtEnd = !cursor.next()
    return !this.isAtEnd && cursor.key === member
  }
}

/** The members that all sets have; there is at least one set. */
export class Intersection implements Members {
  member: Bytes = ''
  private readonly smallest: TreeCursor
  private readonly others: readonly Probe[]

  constructor(sets: readonly SetValue[]) {
    const [smallest, ...others] = [...sets].sort((a, b) => a.size - b.size) as [SetValue, ...SetValue[]]
    this.smallest = smallest.members.cursor(0)
    this.others = others.map((set) => new Probe(set, smallest.size))
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
    // The larger ones are the likelier to have a member.
    this.others = [...others].sort((a, b) => b.size - a.size).map((set) => new Probe(set, first.size))
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
  /** A heap: the cursor at the least member comes first. */
  private readonly heap: TreeCursor[] = []
  private isStarted = false

  constructor(sets: readonly SetValue[]) {
    for (const { members } of sets) {
      const cursor = members.cursor(0)
      if (cursor.next()) this.heap.push(cursor)
    }
    for (let at = this.heap.length >> 1; at >= 0; at--) this.siftDown(at)
  }

  next(): boolean {
    const { heap } = this
    if (this.isStarted) while (heap[0]?.key === this.member) this.advance(heap[0])
    this.isStarted = true
    const least = heap[0]
    if (least === undefined) return false
    this.member = least.key
    return true
  }

  private advance(first: TreeCursor): void {
    const { heap } = this
    if (!first.next()) {
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
      if (right !== undefined && right.key < left.key) child++
      const lesser = heap[child] as TreeCursor
      if (moved.key <= lesser.key) break
      heap[at] = lesser
      at = child
    }
    heap[at] = moved
  }
}
