/**
 * All data of a snapshot as the parts of an RDB file: libraries, then database by database the keys
 * in order. The same snapshot gives the same parts each time. Expired keys and fields that are not
 * deleted yet are among them unless the caller says otherwise, since their deletion follows in the
 * binlog.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { BufferRange, RdbItem, RdbStringValue } from '../../rdb/values.ts'
import type { DataSnapshot } from '../records/data-snapshot.ts'
import type { NamedRecord } from '../records/record-store.ts'
import {
  DamageError,
  KIND_STRING,
  libraryKey,
  objectIdOf,
  ROOT_PREFIX_BYTES,
  type Root,
  readLibrary,
  rootExpireAtMs,
  rootIn,
  rootKind,
  rootRange,
  rootStart,
} from '../records/records.ts'
import { CRC_BYTES } from '../records/seal.ts'
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

/** Some parts of a snapshot in their order. */
export interface SnapshotBatch extends Iterable<RdbItem> {
  /**
   * Reads the pages that come next in values of the batch. A caller that must not wait for the disk
   * calls it between two chunks. Rejects with DamageError, or the error of a failed read.
   */
  readAhead?(): Promise<void>
}

/**
 * Yields the parts in batches. Each part has to be written before the next one is taken. Throws
 * DamageError, or the error of a failed read.
 */
export async function* snapshotItems(
  snapshot: DataSnapshot,
  { hasKeys, hasLibraries, isWanted = () => true, nowMs = 0 }: SnapshotContent,
): AsyncGenerator<SnapshotBatch> {
  if (hasLibraries) yield libraries(snapshot)
  if (!hasKeys) return
  const values = new SnapshotValues(snapshot, nowMs)
  for (const [index, { id, keys, volatile }] of snapshot.meta.databases.entries()) {
    if (keys === 0) continue
    yield [
      { kind: 'database', index },
      { kind: 'sizes', keyCount: keys, deadlineCount: volatile },
    ]
    const iterator = snapshot.iterateNamed(rootRange(id, ''))
    try {
      for (let records = await iterator.next(KEYS_PER_READ); records.length > 0; records = await iterator.next(KEYS_PER_READ)) {
        values.announce(rootsWithPages(records))
        await values.readAhead()
        const isWantedHere = (key: Bytes, expireAtMs: number) => isWanted(index, key, expireAtMs)
        yield { [Symbol.iterator]: () => keysOf(values, records, isWantedHere), readAhead: () => values.readAhead() }
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

/** Returns the roots among the records that have pages. */
function rootsWithPages(records: readonly NamedRecord[]): Root[] {
  const roots: Root[] = []
  for (const [, record] of records) {
    if (rootKind(record) === KIND_STRING) continue
    const root = rootIn(record, rootStart(record))
    if (objectIdOf(root) !== 0) roots.push(root)
  }
  return roots
}

function* keysOf(
  values: SnapshotValues,
  records: readonly NamedRecord[],
  isWanted: (key: Bytes, expireAtMs: number) => boolean,
): Generator<RdbItem> {
  for (const [recordKey, record] of records) {
    const start = rootStart(record)
    const deadlineMs = rootExpireAtMs(record, start)
    const key = recordKey.slice(ROOT_PREFIX_BYTES)
    if (!isWanted(key, deadlineMs)) continue
    const value = rootKind(record) === KIND_STRING ? new StoredString(record, start) : rdbValueOf(values.valueOf(rootIn(record, start)))
    yield { kind: 'key', key, expireAtMs: deadlineMs === 0 ? null : deadlineMs, value }
  }
}

/** A string in its root record. */
class StoredString implements RdbStringValue {
  readonly type = 'string'
  readonly sizeBytes: number
  readonly range: BufferRange

  constructor(record: Buffer, start: number) {
    const end = record.length - CRC_BYTES
    this.range = { buffer: record, start, end }
    this.sizeBytes = end - start
  }

  get pieces(): readonly Bytes[] {
    const { buffer, start, end } = this.range
    return [buffer.latin1Slice(start, end)]
  }
}
