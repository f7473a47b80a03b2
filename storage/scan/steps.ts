/**
 * Work that waits now and then, written once as a generator that yields its waits, and run in one
 * of two ways. Run asynchronously, it lets other work run while it waits. Run in one go, as part of
 * a unit of several commands, it blocks the process instead.
 */
import { type Bytes, bytesOf } from '../../base/bytes.ts'
import type { RecordPair } from '../records/record-reader.ts'
import type { KeyForm, RecordRange, RecordStore } from '../records/record-store.ts'

/** One wait, for both ways to run. */
export interface Wait<T = unknown> {
  /** Waits asynchronously. Begins in the synchronous moment in which the wait is yielded. */
  later(): Promise<T>
  /** Blocks the process instead of waiting. */
  now(): T
}

export type Steps<T> = Generator<Wait, T, unknown>

/** Runs steps with turns for other work during the waits. Rejects with the error of a step. */
export async function runLater<T>(steps: Steps<T>): Promise<T> {
  let step = steps.next()
  while (step.done !== true) step = await afterWaiting(steps, step.value)
  return step.value
}

async function afterWaiting<T>(steps: Steps<T>, wait: Wait): Promise<IteratorResult<Wait, T>> {
  let waited: unknown
  try {
    waited = await wait.later()
  } catch (error) {
    return steps.throw(error)
  }
  return steps.next(waited)
}

/** Runs steps in one go; no other work runs meanwhile. */
export function runNow<T>(steps: Steps<T>): T {
  let step = steps.next()
  while (step.done !== true) step = afterBlocking(steps, step.value)
  return step.value
}

function afterBlocking<T>(steps: Steps<T>, wait: Wait): IteratorResult<Wait, T> {
  let waited: unknown
  try {
    waited = wait.now()
  } catch (error) {
    return steps.throw(error)
  }
  return steps.next(waited)
}

/** Waits asynchronously or by blocking, depending on how the steps are run. */
export function* waitFor<T>(wait: Wait<T>): Steps<T> {
  return (yield wait) as T
}

/** A wait that gives other work a turn, if the steps are run asynchronously. */
export const aTurn: Wait<void> = {
  later: () => new Promise((resolve) => setImmediate(resolve)),
  now() {},
}

/**
 * Returns the first records of a range: at least `count`, unless the range has fewer. Records up to
 * the range's limit are included if they have been read with the others. The records are those of
 * the store when this step runs.
 */
export function* readRange(records: RecordStore, range: RecordRange, count: number): Steps<readonly RecordPair[]> {
  return yield* waitFor({
    later: () => readLater<RecordPair, never>(records.iterate(range), range, count),
    now: () => records.readRangeSync(range, count),
  })
}

/**
 * Returns the first keys of a range, as `readRange` returns records. Returns null if a key is not
 * UTF-8 and the form is text.
 */
export function* readKeys(records: RecordStore, range: RecordRange, count: number, form: KeyForm): Steps<readonly Bytes[] | null> {
  return yield* waitFor({
    later: () => readLater<Bytes, null>(records.iterateKeys(range, form), range, count),
    now: () => records.readRangeSync(range, count).map(([key]) => bytesOf(key)),
  })
}

/** An iterator over a range. `next` resolves with N, which is null, if the items cannot be read. */
interface RangeIterator<T, N extends null> {
  next(count: number): Promise<readonly T[] | N>
  close(): Promise<void>
}

/** Returns what `readRange` returns, and closes the iterator. */
async function readLater<T, N extends null>(iterator: RangeIterator<T, N>, range: RecordRange, count: number): Promise<readonly T[] | N> {
  const found: T[] = []
  const most = range.limit ?? 0
  try {
    while (found.length < count) {
      const part = await iterator.next(Math.max(most, count) - found.length)
      if (part === null) return part
      if (part.length === 0) break
      for (const item of part) found.push(item)
    }
  } finally {
    await iterator.close()
  }
  return found
}
