/**
 * Work that waits now and then, written once and run in one of two ways: with turns for others while it waits, or at one go while everything
 * stands still, as part of a unit of several commands. It is a generator that yields what it waits for.
 */
import type { RecordPair } from '../records/record-reader.ts'
import type { RecordRange, RecordStore } from '../records/record-store.ts'

/** What is waited for, in both ways. */
export interface Pause<T = unknown> {
  /** Begins in the synchronous moment in which the pause is yielded. */
  later(): Promise<T>
  now(): T
}

export type Steps<T> = Generator<Pause, T, unknown>

/** Others have their turns meanwhile. Whatever it throws is a rejection. */
export async function runLater<T>(steps: Steps<T>): Promise<T> {
  let step = steps.next()
  while (step.done !== true) step = await afterwards(steps, step.value)
  return step.value
}

async function afterwards<T>(steps: Steps<T>, pause: Pause): Promise<IteratorResult<Pause, T>> {
  let waited: unknown
  try {
    waited = await pause.later()
  } catch (error) {
    return steps.throw(error)
  }
  return steps.next(waited)
}

/** Everything stands still meanwhile. */
export function runNow<T>(steps: Steps<T>): T {
  let step = steps.next()
  while (step.done !== true) step = atOnce(steps, step.value)
  return step.value
}

function atOnce<T>(steps: Steps<T>, pause: Pause): IteratorResult<Pause, T> {
  let waited: unknown
  try {
    waited = pause.now()
  } catch (error) {
    return steps.throw(error)
  }
  return steps.next(waited)
}

/** Waits in one of two ways. */
export function* waitFor<T>(pause: Pause<T>): Steps<T> {
  return (yield pause) as T
}

/** Lets others have a turn, where they can. */
export const aTurn: Pause<void> = {
  later: () => new Promise((resolve) => setImmediate(resolve)),
  now() {},
}

/** The first records of a range: at least `count`, and up to the range's limit where they come along; fewer only where it has no more. As the
 *  store is when this is reached. */
export function* readRange(records: RecordStore, range: RecordRange, count: number): Steps<readonly RecordPair[]> {
  return yield* waitFor({ later: () => readLater(records, range, count), now: () => records.readRangeSync(range, count) })
}

async function readLater(records: RecordStore, range: RecordRange, count: number): Promise<readonly RecordPair[]> {
  const found: RecordPair[] = []
  const most = range.limit ?? 0
  const iterator = records.iterate(range)
  try {
    while (found.length < count) {
      const part = await iterator.next(Math.max(most, count) - found.length)
      if (part.length === 0) break
      for (const record of part) found.push(record)
    }
  } finally {
    await iterator.close()
  }
  return found
}
