/**
 * Exports read keys as items of an RDB: a key with its whole value, whose elements are iterated.
 * Items come in batches; each item is used up before the next one is taken.
 */
import type { RdbItem } from '../../rdb/values.ts'

export type ItemBatches = AsyncIterable<Iterable<RdbItem>>

/** The numbers of an export. */
export interface ExportSummary {
  keys: number
  libraries: number
  /** Keys that were expired. */
  expired: number
  /** Keys that were not selected. */
  filtered: number
  /** Keys of collections without elements. */
  empty: number
  /** Data of modules that was skipped. */
  readonly skipped: string[]
  /** Deadlines of fields that the format cannot hold. */
  lostDeadlines: number
}

export function emptySummary(): ExportSummary {
  return { keys: 0, libraries: 0, expired: 0, filtered: 0, empty: 0, skipped: [], lostDeadlines: 0 }
}
