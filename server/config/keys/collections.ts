/**
 * Configuration keys of collections. All collections are trees here. As in Redis, these keys decide
 * three things: the answer of OBJECT ENCODING, when SSCAN, HSCAN and ZSCAN return everything at
 * once, and where XTRIM ~ trims.
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { ConfigKey } from '../key.ts'
import { integer, type Kind, MAX_INT32, MAX_INT64, memory } from '../kinds.ts'

type Row = readonly [name: Bytes, kind: Kind, initial: Bytes, help: string, alias?: Bytes]

const count = integer(0, MAX_INT64)

const ROWS: readonly Row[] = [
  ['hash-max-listpack-entries', count, '512', 'a hash of at most so many fields is called a listpack', 'hash-max-ziplist-entries'],
  ['hash-max-listpack-value', memory(0), '64', 'if none of its fields and values is longer', 'hash-max-ziplist-value'],
  [
    'list-max-listpack-size',
    integer(-(2 ** 31), MAX_INT32),
    '-2',
    'a list of at most so many elements is called a listpack; -1 to -5 are 4, 8, 16, 32 and 64 kb instead',
    'list-max-ziplist-size',
  ],
  ['set-max-intset-entries', count, '512', 'a set of at most so many integers is called an intset'],
  ['set-max-listpack-entries', count, '128', 'a set of at most so many members is called a listpack'],
  ['set-max-listpack-value', memory(0), '64', 'if none of its members is longer'],
  ['zset-max-listpack-entries', count, '128', 'a sorted set of at most so many members is called a listpack', 'zset-max-ziplist-entries'],
  ['zset-max-listpack-value', memory(0), '64', 'if none of its members is longer', 'zset-max-ziplist-value'],
  ['stream-node-max-entries', count, '100', 'XADD and XTRIM with ~ trim streams by so many entries at a time; 0 for no limit of entries'],
  ['stream-node-max-bytes', memory(0), '4kb', 'and by entries of so many bytes; 0 for no limit of bytes'],
  ['hll-sparse-max-bytes', memory(0), '3000', 'a HyperLogLog in the sparse form that grows past this gets the dense one'],
]

export const collectionKeys: readonly ConfigKey[] = ROWS.map(([name, kind, initial, help, alias]) => ({
  name,
  section: 'collections',
  kind,
  default: initial,
  changes: 'any time',
  ...(alias === undefined ? {} : { aliases: [alias] }),
  help,
}))
