/**
 * Configuration keys of collections and of their payloads. A collection within these limits that
 * takes at most 2 KiB is kept packed, as one string of bytes; others are trees. As in Redis, the
 * keys decide the answer of OBJECT ENCODING, where XTRIM ~ trims, and the form of a value in DUMP.
 * They also decide when SSCAN, HSCAN and ZSCAN return everything at once.
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { KeyOfRow } from '../key.ts'
import { flag, integer, type Kind, MAX_INT32, MAX_INT64, memory } from '../kinds.ts'

type CollectionRow = readonly [name: Bytes, kind: Kind, initial: Bytes, help: string, alias?: Bytes]

const count = integer(0, MAX_INT64)

const ROWS = [
  [
    'hash-max-listpack-entries',
    count,
    '512',
    'hashes with at most this many fields report encoding listpack, packed up to 2 kb',
    'hash-max-ziplist-entries',
  ],
  ['hash-max-listpack-value', memory(0), '64', 'and only if none of their fields and values is longer than this', 'hash-max-ziplist-value'],
  [
    'list-max-listpack-size',
    integer(-(2 ** 31), MAX_INT32),
    '-2',
    'lists with at most this many elements report encoding listpack, packed up to 2 kb; -1 to -5 mean 4, 8, 16, 32 and 64 kb instead',
    'list-max-ziplist-size',
  ],
  ['set-max-intset-entries', count, '512', 'sets with at most this many integers report encoding intset, packed up to 2 kb'],
  ['set-max-listpack-entries', count, '128', 'sets with at most this many members report encoding listpack, packed up to 2 kb'],
  ['set-max-listpack-value', memory(0), '64', 'and only if none of their members is longer than this'],
  [
    'zset-max-listpack-entries',
    count,
    '128',
    'sorted sets with at most this many members report encoding listpack, packed up to 2 kb',
    'zset-max-ziplist-entries',
  ],
  ['zset-max-listpack-value', memory(0), '64', 'and only if none of their members is longer than this', 'zset-max-ziplist-value'],
  ['stream-node-max-entries', count, '100', 'XADD and XTRIM with ~ trim streams in steps of this many entries; 0 for no limit of entries'],
  ['stream-node-max-bytes', memory(0), '4kb', 'and in steps of this many bytes of entries; 0 for no limit of bytes'],
  ['rdbcompression', flag, 'yes', 'DUMP and MIGRATE compress strings of more than 20 bytes'],
  ['hll-sparse-max-bytes', memory(0), '3000', 'size beyond which a sparse HyperLogLog becomes dense'],
] as const satisfies readonly CollectionRow[]

type CollectionKey<R extends CollectionRow> = R extends CollectionRow ? KeyOfRow<R, R[4]> : never

function collection<R extends CollectionRow>(rows: readonly R[]): readonly CollectionKey<R>[] {
  const keys = rows.map(([name, kind, initial, help, alias]) => ({
    name,
    section: 'collections',
    kind,
    default: initial,
    changes: 'any-time',
    ...(alias === undefined ? {} : { aliases: [alias] }),
    help,
  }))
  return keys as unknown as readonly CollectionKey<R>[]
}

export const collectionKeys = collection(ROWS)
