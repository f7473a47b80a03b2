/**
 * The meta record: the state that LevelDB as a whole holds. Written in one batch with the records
 * that it describes.
 */
import { assert } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { DamageError, readText, textRecord } from './records.ts'
import { isUpstreamPosition, type UpstreamPosition } from './upstream.ts'

/** A database in the meta record: its number of keys, and of those with a deadline. */
export interface DatabaseMeta {
  readonly id: number
  readonly keys: number
  readonly volatile: number
  /** The keys by slot (storage/slots/slot-counts.ts), on a node of a cluster only. */
  readonly slots?: string
}

/** The content of the meta record. */
export interface StoreMeta {
  readonly format: 1
  /** LevelDB is the state after the binlog up to this offset, in bytes. */
  readonly binlogOffset: number
  /** The chained CRC of the group that ends there. */
  readonly binlogCrc: number
  readonly nextObjectId: number
  readonly nextDbId: number
  /** The databases by index. */
  readonly databases: readonly DatabaseMeta[]
  /** Names of the libraries; absent in records of versions before libraries. */
  readonly libraries?: readonly Bytes[]
  /** The data is the state at this position of a Redis master's stream; absent if it is not. */
  readonly upstream?: UpstreamPosition
  /** Wall time of the freeze, ms. */
  readonly atMs: number
}

/** Returns the value of the meta record. */
export function encodeMeta(meta: StoreMeta): Buffer {
  assert(Number.isSafeInteger(meta.binlogOffset) && meta.binlogOffset >= 0, 'LevelDB is the state at an offset')
  assert(meta.binlogCrc >= 0 && meta.binlogCrc < 2 ** 32, 'a CRC has 32 bits')
  assert(meta.nextObjectId > 0 && meta.nextDbId > 0, 'the next ids are positive')
  for (const { id, keys, volatile } of meta.databases) {
    assert(id > 0, 'a database has an id')
    assert(volatile >= 0 && volatile <= keys, 'keys with a deadline are among the keys that exist')
  }
  return textRecord(JSON.stringify(meta))
}

/** Decodes the value of the meta record. Throws DamageError. */
export function decodeMeta(record: Buffer): StoreMeta {
  const text = readText(record, 'meta')
  let meta: StoreMeta
  try {
    meta = JSON.parse(text) as StoreMeta
  } catch {
    throw new DamageError('meta record: not JSON')
  }
  const numbers = [meta.binlogOffset, meta.binlogCrc, meta.nextObjectId, meta.nextDbId, meta.atMs]
  const whole = numbers.every((value) => Number.isSafeInteger(value) && value >= 0)
  if (meta.format !== 1 || !whole || !Array.isArray(meta.databases)) throw new DamageError('meta record: not of format 1')
  for (const { id, keys, volatile, slots } of meta.databases) {
    if (![id, keys, volatile].every((value) => Number.isSafeInteger(value) && value >= 0))
      throw new DamageError('meta record: bad database')
    if (slots !== undefined && typeof slots !== 'string') throw new DamageError('meta record: bad database')
  }
  const { libraries = [] } = meta
  if (!Array.isArray(libraries) || !libraries.every((name) => typeof name === 'string')) throw new DamageError('meta record: bad libraries')
  if (meta.upstream !== undefined && !isUpstreamPosition(meta.upstream)) throw new DamageError('meta record: bad upstream position')
  return meta
}
