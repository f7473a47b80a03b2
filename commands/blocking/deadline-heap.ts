/**
 * The deadlines of blocked clients: a binary heap. Its items know their index, so removing a client
 * that is served early is O(log n).
 */
import { must } from '../../base/assert.ts'
export interface HeapItem {
  /** Monotonic, ms. */
  readonly deadlineMs: number
  /** Index in the heap; -1 outside of it. */
  heapIndex: number
}

/** A binary heap of deadlines; adding and removing are O(log n). */
export class DeadlineHeap<T extends HeapItem> {
  private readonly heap: T[] = []

  get size(): number {
    return this.heap.length
  }

  /** The item with the earliest deadline. */
  get first(): T | undefined {
    return this.heap[0]
  }

  add(item: T): void {
    item.heapIndex = this.heap.length
    this.heap.push(item)
    this.siftUp(item)
  }

  remove(item: T): void {
    const { heap } = this
    const index = item.heapIndex
    if (index < 0) return
    item.heapIndex = -1
    const last = must(heap.pop())
    if (last === item) return
    this.put(last, index)
    this.siftUp(last)
    this.siftDown(last)
  }

  private siftUp(item: T): void {
    while (item.heapIndex > 0) {
      const at = item.heapIndex
      const parent = must(this.heap[(at - 1) >>> 1])
      if (parent.deadlineMs <= item.deadlineMs) return
      this.put(item, (at - 1) >>> 1)
      this.put(parent, at)
    }
  }

  private siftDown(item: T): void {
    const { heap } = this
    for (;;) {
      const at = item.heapIndex
      const left = heap[2 * at + 1]
      if (left === undefined) return
      const right = heap[2 * at + 2]
      const child = right !== undefined && right.deadlineMs < left.deadlineMs ? right : left
      if (child.deadlineMs >= item.deadlineMs) return
      this.put(item, child.heapIndex)
      this.put(child, at)
    }
  }

  private put(item: T, index: number): void {
    this.heap[index] = item
    item.heapIndex = index
  }
}
