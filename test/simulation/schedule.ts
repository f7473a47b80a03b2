/**
 * One queue of events in simulated time. Events of one moment run in the order of their scheduling.
 */
import type { Seeded } from '../support/generators/seed.ts'

export class Schedule {
  /** The time since the beginning of the cluster, in ms with fractions. */
  nowMs = 0
  private asked = 0
  /** A binary heap. */
  private readonly heap: { readonly atMs: number; readonly order: number; run: (() => void) | null }[] = []

  /** The returned function cancels the event. */
  after(delayMs: number, run: () => void): () => void {
    const event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.asked++, run: run as (() => void) | null }
    this.push(event)
    return () => {
      event.run = null
    }
  }

  /** Runs the first event, and advances time to it. */
  next(): void {
    for (;;) {
      const event = this.pop()
      if (event === undefined) throw new Error('nothing is going to happen any more')
      if (event.run === null) continue
      this.nowMs = event.atMs
      event.run()
      return
    }
  }

  private push(event: (typeof this.heap)[number]): void {
    const { heap } = this
    let index = heap.length
    heap.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.isBefore(index, parent)) break
      this.swap(index, parent)
      index = parent
    }
  }

  private pop(): (typeof this.heap)[number] | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || last === undefined) return first
    heap[0] = last
    for (let index = 0; ; ) {
      let least = index
      for (const child of [2 * index + 1, 2 * index + 2]) if (child < heap.length && this.isBefore(child, least)) least = child
      if (least === index) return first
      this.swap(index, least)
      index = least
    }
  }

  private isBefore(a: number, b: number): boolean {
    const [left, right] = [this.heap[a], this.heap[b]]
    if (left === undefined || right === undefined) throw new Error('no such event')
    return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order)
  }

  private swap(a: number, b: number): void {
    const { heap } = this
    const event = heap[a] as (typeof heap)[number]
    heap[a] = heap[b] as (typeof heap)[number]
    heap[b] = event
  }
}

/** Rounds of the event loop that disks get after an event. */
const MAX_ROUNDS = 4

/** Ends turns, and lets promises continue, some times after an event. */
export async function settle(chance: Seeded, endTurns: () => void): Promise<void> {
  for (let round = chance.integer(MAX_ROUNDS); round >= 0; round--) {
    endTurns()
    await new Promise((resolve) => setImmediate(resolve))
  }
  endTurns()
}
