/**
 * Work with pauses, written once and run in one of two ways: asynchronously, with turns for other
 * work during a pause, or at once, as part of a unit of several commands. The work is a generator
 * that yields its pauses.
 */
import type { RecordPair } from '../records/record-reader.ts'
import type { RecordRange, RecordStore } from '../records/record-store.ts'

/** A pause, for both ways to run. */
export interface Pause<T = unknown> {
  /** Begins in the synchronous moment in which the pause is yielded. */
  later(): Promise<T>
  now(): T
}

export type Steps<T> = Generator<Pause, T, unknown>

/** Runs steps with turns for other work during the pauses. Rejects with the error of a step. */
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

/** Runs steps at once; no other work runs meanwhile. */
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

/** Waits for a pause, in the way the steps are run. */
export function* waitFor<T>(pause: Pause<T>): Steps<T> {
  return (yield pause) as T
}

/** Gives other work a turn, if the steps are run asynchronously. */
export const aTurn: Pause<void> = {
  later: () => new Promise((resolve) => setImmediate(resolve)),
  now() {},
}

/**
 * Returns the first records of a range: at least `count`, and up to the range's limit if they are
 * at hand; fewer only at its end. The records are those of the store when this step runs.
 */
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
