/**
 * Strings that read as integers but came about by changing bytes (APPEND, SETRANGE, SETBIT, BITFIELD): Redis shows them as `raw`, not `int`,
 * until they are set anew. Only what shows encodings asks, so they are kept beside the entries and forgotten with them: after a restart or
 * an eviction such a string is `int` again.
 */
import type { Bytes } from '../storage/bytes.ts'
import type { Entry } from '../storage/entry.ts'
import { integerOf } from './args.ts'

const changed = new WeakMap<Entry, Bytes>()

/** To be called after bytes of an entry's string were changed. */
export function noteChangedBytes(entry: Entry): void {
  const { value } = entry
  if (typeof value === 'string' && integerOf(value) !== null) changed.set(entry, value)
}

/** Whether the entry's string is an integer in Redis's sense: one that was set or counted, not written byte by byte. */
export function isInteger(entry: Entry): boolean {
  const { value } = entry
  return typeof value === 'string' && integerOf(value) !== null && changed.get(entry) !== value
}
