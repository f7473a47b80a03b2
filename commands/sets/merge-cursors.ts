/**
 * Ascending look-ups, and a walk over several sets at once. The merges of sets and sorted sets use
 * both.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { TreeCursor } from '../../storage/tree/cursor.ts'
import type { Tree, TreeValue } from '../../storage/tree/tree.ts'

/** The approximate cost of a look-up, in steps of a cursor. */
const STEPS_PER_LOOKUP = 16

/** Looks up ascending members in a tree. */
export class Probe {
  private readonly tree: Tree
  /** Null if look-ups in the tree are cheaper than a cursor. */
  private readonly cursor: TreeCursor | null
  private isAtEnd: boolean

  /** `asked` is the approximate number of members that will be looked up. */
  constructor(tree: Tree, asked: number) {
    this.tree = tree
    this.cursor = tree.count < asked * STEPS_PER_LOOKUP ? tree.cursor(0) : null
    this.isAtEnd = this.cursor?.next() === false
  }

  has(member: Bytes): boolean {
    const { cursor } = this
    if (cursor === null) return this.tree.find(member)
    while (!this.isAtEnd && cursor.key < member) this.isAtEnd = !cursor.next()
    return !this.isAtEnd && cursor.key === member
  }

  /** The value of the last member looked up. REQUIRES: `has` returned true. */
  get value(): TreeValue {
    return (this.cursor ?? this.tree).value
  }
}

/** A cursor of one set that takes part in a common walk. */
export interface Head {
  readonly cursor: TreeCursor
  /** Decides the order of heads at the same member. */
  readonly index: number
}

/** A binary heap of cursors; the cursor at the least member comes first. */
export class CursorHeap<T extends Head> {
  private readonly heap: T[]

  /** Adds the heads that have a first member. */
  constructor(heads: Iterable<T>) {
    this.heap = [...heads].filter(({ cursor }) => cursor.next())
    for (let at = this.heap.length >> 1; at >= 0; at--) this.siftDown(at)
  }

  /** The head at the least member; undefined at the end. */
  get first(): T | undefined {
    return this.heap[0]
  }

  /** Moves the first head to its next member, or removes it at its end. */
  advance(): void {
    const { heap } = this
    if (heap[0]?.cursor.next() !== true) {
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
      const lesser = must(heap[child])
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
