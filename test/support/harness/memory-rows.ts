/**
 * A sorted array of records that is replaced, never changed; memory-records.ts holds its content in
 * one.
 */
import { isUtf8 } from 'node:buffer'
import { type Bytes, bytesOf } from '../../../base/bytes.ts'
import type { KeyForm, KeyIterator, NamedIterator, RecordIterator, RecordRange } from '../../../storage/records/record-store.ts'

type Row = readonly [key: Bytes, value: Buffer]
export type Rows = readonly Row[]
/** Null removes a record. */
export type Changes = ReadonlyMap<Bytes, Buffer | null>

/** The index of the first row whose key is not below this one. */
function lowerBound(rows: Rows, key: Bytes): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (rows[middle]![0] < key) low = middle + 1
    else high = middle
  }
  return low
}

export function get(rows: Rows, key: Buffer): Buffer | undefined {
  const bytes = bytesOf(key)
  const row = rows[lowerBound(rows, bytes)]
  return row !== undefined && row[0] === bytes ? Buffer.from(row[1]) : undefined
}

export function select(rows: Rows, { from, before, reverse, limit = 0 }: RecordRange): Rows {
  const found = rows.slice(lowerBound(rows, bytesOf(from)), lowerBound(rows, bytesOf(before)))
  if (reverse === true) found.reverse()
  return limit === 0 ? found : found.slice(0, limit)
}

/** A new array of the rows with the changes applied. */
export function merge(rows: Rows, changes: Changes): Rows {
  const sorted = [...changes].sort(([a], [b]) => (a < b ? -1 : 1))
  const merged: Row[] = []
  let position = 0
  for (const [key, value] of sorted) {
    while (position < rows.length && rows[position]![0] < key) merged.push(rows[position++]!)
    if (rows[position]?.[0] === key) position++
    if (value !== null) merged.push([key, value])
  }
  while (position < rows.length) merged.push(rows[position++]!)
  return merged
}

/** Iterates over the keys of records, as `RecordStore.iterateKeys` does. */
export function keysOf(records: RecordIterator, form: KeyForm): KeyIterator {
  return {
    next: async (count) => {
      const keys = (await records.next(count)).map(([key]) => key)
      return form === 'text' && !keys.every((key) => isUtf8(key)) ? null : keys.map((key) => bytesOf(key))
    },
    close: () => records.close(),
  }
}

/** Iterates over records with their keys as bytes, as `RecordSnapshot.iterateNamed` does. */
export function namedOf(records: RecordIterator): NamedIterator {
  return {
    next: async (count) => (await records.next(count)).map(([key, value]) => [bytesOf(key), value]),
    close: () => records.close(),
  }
}
