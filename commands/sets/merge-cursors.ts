/** What merging sets and sorted sets member by member have in common: looking members up in ascending order, and going through all at once. */
import type { Bytes } from '../../base/bytes.ts'
import type { TreeCursor } from '../../storage/tree/cursor.ts'
import type { Tree, TreeValue } from '../../storage/tree/tree.ts'

/** A look-up costs as much as about so many steps of a cursor. */
const STEPS_PER_LOOKUP = 16

/** Answers for ascending members whether a tree has them. */
export class Probe {
  private readonly tree: Tree
  /** Null where looking up is cheaper. */
  private readonly cursor: TreeCursor | null
  private isAtEnd: boolean

  /** `asked` members will be asked for, about. */
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

  /** Of the member that was asked for last, which is there. */
  get value(): TreeValue {
    return (this.cursor ?? this.tree).value
  }
}

/** One of those that are gone through together. */
export interface Head {
  readonly cursor: TreeCursor
  /** Those at the same member come in this order. */
  readonly index: number
}

/** A heap of cursors: the one at the least member comes first. */
export class CursorHeap<T extends Head> {
  private readonly heap: T[]

  /** Takes those that have a first member. */
  constructor(heads: Iterable<T>) {
    this.heap = [...heads].filter(({ cursor }) => cursor.next())
    for (let at = this.heap.length >> 1; at >= 0; at--) this.siftDown(at)
  }

  /** Undefined at the end. */
  get first(): T | undefined {
    return this.heap[0]
  }

  /** Moves the first on, or takes it out at its end. */
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
      const lesser = heap[child] as T
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
