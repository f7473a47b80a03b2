/**
 * All data of a snapshot as the parts of an RDB file: libraries, then database by database the keys
 * in order. The same snapshot gives the same parts each time. Expired keys and fields that are not
 * deleted yet are among them unless the caller says otherwise, since their deletion follows in the
 * binlog.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { RdbItem } from '../../rdb/values.ts'
import type { DataSnapshot } from '../records/data-snapshot.ts'
import type { RecordPair } from '../records/record-reader.ts'
import { DamageError, libraryKey, readLibrary, readRecordKey, readRoot, rootRange } from '../records/records.ts'
import { rdbValueOf } from './outgoing.ts'
import { SnapshotValues } from './snapshot-values.ts'

/** The limit of keys that are read at once. */
const KEYS_PER_READ = 256

/** The parts of the data that an RDB is to have. */
export interface SnapshotContent {
  readonly hasKeys: boolean
  readonly hasLibraries: boolean
  /** Returns false for a key that is left out. The deadline is 0 where there is none. */
  readonly isWanted?: (database: number, key: Bytes, expireAtMs: number) => boolean
  /** Fields of hashes that are expired at this time are left out, in ms since the epoch. */
  readonly nowMs?: number
}

/**
 * Yields the parts in batches. Each part has to be written before the next one is taken. Throws
 * DamageError, or the error of a failed read.
 */
export async function* snapshotItems(
  snapshot: DataSnapshot,
  { hasKeys, hasLibraries, isWanted = () => true, nowMs = 0 }: SnapshotContent,
): AsyncGenerator<Iterable<RdbItem>> {
  if (hasLibraries) yield libraries(snapshot)
  if (!hasKeys) return
  const values = new SnapshotValues(snapshot, nowMs)
  for (const [index, { id, keys, volatile }] of snapshot.meta.databases.entries()) {
    if (keys === 0) continue
    yield [
      { kind: 'database', index },
      { kind: 'sizes', keyCount: keys, deadlineCount: volatile },
    ]
    const iterator = snapshot.iterate(rootRange(id, ''))
    try {
      for (let records = await iterator.next(KEYS_PER_READ); records.length > 0; records = await iterator.next(KEYS_PER_READ)) {
        yield keysOf(values, records, (key, expireAtMs) => isWanted(index, key, expireAtMs))
      }
    } finally {
      await iterator.close()
    }
  }
}

function* libraries(snapshot: DataSnapshot): Generator<RdbItem> {
  for (const name of snapshot.meta.libraries ?? []) {
    const record = snapshot.getSync(libraryKey(name))
    if (record === undefined) throw new DamageError(`there is no record of the library '${name}', which the meta record names`)
    yield { kind: 'library', code: readLibrary(record) }
  }
}

function* keysOf(
  values: SnapshotValues,
  records: readonly RecordPair[],
  isWanted: (key: Bytes, expireAtMs: number) => boolean,
): Generator<RdbItem> {
  for (const [recordKey, record] of records) {
    const root = readRoot(record)
    const { expireAtMs } = root
    const key = readRecordKey(recordKey)
    if (key.type !== 'root') throw new DamageError('a record that is not a root among the roots')
    if (!isWanted(key.key, expireAtMs)) continue
    yield { kind: 'key', key: key.key, expireAtMs: expireAtMs === 0 ? null : expireAtMs, value: rdbValueOf(values.valueOf(root)) }
  }
}
