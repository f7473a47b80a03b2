/**
 * Deadlines of keys and hash fields that are due soon, in memory. LevelDB's deadline index and the
 * dirty records are authoritative. The deadlines here are hints, which expiry checks against the
 * entry before it deletes anything.
 *
 *   near   a heap of the deadlines before the horizon, of resident and of stored keys
 *   far    later ones set since the last checkpoint, in buckets of a minute; dropped when their
 *          checkpoint has landed
 *
 * The horizon moves a minute at a time. Then the far buckets of that minute and LevelDB's index for
 * it are moved into the heap (expiry.ts). Setting a deadline costs a push. A million volatile keys
 * a minute away cost the heap nothing.
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Entry } from './entry.ts'

const BUCKET_MS = 60_000

/** A hint: a key, or a field of its hash, may be due at this time. */
export interface Deadline {
  readonly dueAtMs: number
  readonly dbId: number
  readonly key: Bytes
}

type Buckets = Map<number, Deadline[]>

/** Hints of the deadlines that are due soon. */
export class Deadlines {
  /** False if nothing has a deadline, in memory or in LevelDB; true if that is not known. */
  mayExist = true
  /** The heap knows every deadline before this time, in ms; a multiple of a minute. */
  horizonMs = 0
  private readonly heap: Deadline[] = []
  private far: Buckets = new Map()
  private frozenFar: Buckets | null = null

  /** Adds a hint of an entry's deadline, to the heap or to the far buckets. */
  add(entry: Entry): void {
    this.mayExist = true
    const deadline = { dueAtMs: entry.dueAtMs, dbId: entry.db.id, key: entry.key }
    if (deadline.dueAtMs < this.horizonMs) this.push(deadline)
    else {
      const bucket = Math.floor(deadline.dueAtMs / BUCKET_MS)
      const list = this.far.get(bucket)
      if (list === undefined) this.far.set(bucket, [deadline])
      else list.push(deadline)
    }
  }

  /** The earliest deadline in the heap, or undefined. */
  get first(): Deadline | undefined {
    return this.heap[0]
  }

  /** Removes and returns the earliest deadline in the heap. */
  pop(): Deadline | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && must(heap[child + 1]).dueAtMs < must(heap[child]).dueAtMs) child++
      const candidate = must(heap[child])
      if (candidate.dueAtMs >= last.dueAtMs) break
      heap[index] = candidate
      index = child
    }
    heap[index] = last
    return first
  }

  /** Adds a hint to the heap. */
  push(deadline: Deadline): void {
    const { heap } = this
    let index = heap.length
    while (index > 0) {
      const parentIndex = (index - 1) >>> 1
      const parent = must(heap[parentIndex])
      if (parent.dueAtMs <= deadline.dueAtMs) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = deadline
  }

  /** Moves the horizon, and the far deadlines before it into the heap. */
  advance(horizon: number): void {
    const end = Math.ceil(horizon / BUCKET_MS)
    for (const buckets of [this.far, this.frozenFar]) {
      if (buckets === null) continue
      for (const [bucket, list] of buckets) {
        if (bucket >= end) continue
        for (const deadline of list) this.push(deadline)
        buckets.delete(bucket)
      }
    }
    this.horizonMs = end * BUCKET_MS
  }

  clear(): void {
    this.mayExist = true
    this.horizonMs = 0
    this.heap.length = 0
    this.far = new Map()
    this.frozenFar = null
  }

  /** Sets the far deadlines apart. They are in LevelDB's index once the checkpoint has landed. */
  freeze(): void {
    assert(this.frozenFar === null, 'one checkpoint is under way at a time')
    this.frozenFar = this.far
    this.far = new Map()
  }

  /** Drops the frozen deadlines: LevelDB's index has them. */
  releaseFrozen(): void {
    this.frozenFar = null
  }

  /** Takes the frozen deadlines back after a failed checkpoint. */
  thaw(): void {
    for (const [bucket, list] of this.frozenFar ?? []) this.far.set(bucket, (this.far.get(bucket) ?? []).concat(list))
    this.frozenFar = null
  }
}

/** Returns the end of the minute that holds a time, in ms. */
export function minuteAfter(ms: number): number {
  return (Math.floor(ms / BUCKET_MS) + 1) * BUCKET_MS
}
