/** The types of values and how each is read. A new encoding is a row here. */
import type { RdbType } from '../elements.ts'
import * as codes from '../format/codes.ts'
import {
  CountedValue,
  HASH,
  HASH_ABSOLUTE,
  HASH_VALKEY,
  HashWithOrigin,
  LIST,
  SET,
  SORTED_SET_BINARY,
  SORTED_SET_TEXT,
  StringPieces,
  type ValueReader,
} from './collections.ts'
import { readListpack } from './listpack.ts'
import {
  hashIn,
  listIn,
  PackedAfterTime,
  PackedValue,
  Quicklist,
  readNode2,
  setIn,
  sortedSetIn,
  unpackHashWithDeadlines,
  unpackIntset,
} from './packed-values.ts'
import { StreamValue } from './streams.ts'
import { readZiplist } from './ziplist.ts'
import { readZipmap } from './zipmap.ts'

export interface ValueType {
  readonly type: RdbType
  /** Begins to read a value. */
  begin(): ValueReader
}

const value = (type: RdbType, begin: () => ValueReader): ValueType => ({ type, begin })

const VALUE_TYPES: ReadonlyMap<number, ValueType> = new Map([
  [codes.TYPE_STRING, value('string', () => new StringPieces())],
  [codes.TYPE_LIST, value('list', () => new CountedValue(LIST))],
  [codes.TYPE_SET, value('set', () => new CountedValue(SET))],
  [codes.TYPE_ZSET, value('sorted-set', () => new CountedValue(SORTED_SET_TEXT))],
  [codes.TYPE_HASH, value('hash', () => new CountedValue(HASH))],
  [codes.TYPE_ZSET_2, value('sorted-set', () => new CountedValue(SORTED_SET_BINARY))],
  [codes.TYPE_HASH_ZIPMAP, value('hash', () => new PackedValue(hashIn(readZipmap)))],
  [codes.TYPE_LIST_ZIPLIST, value('list', () => new PackedValue(listIn(readZiplist)))],
  [codes.TYPE_SET_INTSET, value('set', () => new PackedValue(unpackIntset))],
  [codes.TYPE_ZSET_ZIPLIST, value('sorted-set', () => new PackedValue(sortedSetIn(readZiplist)))],
  [codes.TYPE_HASH_ZIPLIST, value('hash', () => new PackedValue(hashIn(readZiplist)))],
  [codes.TYPE_LIST_QUICKLIST, value('list', () => new Quicklist((input) => readZiplist(input.packed())))],
  [codes.TYPE_STREAM_LISTPACKS, value('stream', () => new StreamValue(1))],
  [codes.TYPE_HASH_LISTPACK, value('hash', () => new PackedValue(hashIn(readListpack)))],
  [codes.TYPE_ZSET_LISTPACK, value('sorted-set', () => new PackedValue(sortedSetIn(readListpack)))],
  [codes.TYPE_LIST_QUICKLIST_2, value('list', () => new Quicklist(readNode2))],
  [codes.TYPE_STREAM_LISTPACKS_2, value('stream', () => new StreamValue(2))],
  [codes.TYPE_SET_LISTPACK, value('set', () => new PackedValue(setIn(readListpack)))],
  [codes.TYPE_STREAM_LISTPACKS_3, value('stream', () => new StreamValue(3))],
  [codes.TYPE_HASH_METADATA_PRE_GA, value('hash', () => new CountedValue(HASH_ABSOLUTE))],
  [codes.TYPE_HASH_LISTPACK_EX_PRE_GA, value('hash', () => new PackedValue(unpackHashWithDeadlines))],
  [codes.TYPE_HASH_METADATA, value('hash', () => new HashWithOrigin())],
  [codes.TYPE_HASH_LISTPACK_EX, value('hash', () => new PackedAfterTime())],
  [codes.TYPE_HASH_VALKEY, value('hash', () => new CountedValue(HASH_VALKEY))],
])

/** Returns how the values of a type are read; undefined where the type is not known. */
export function valueTypeOf(type: number, version: number): ValueType | undefined {
  if (version === codes.VERSION_VALKEY && type >= codes.TYPE_HASH_METADATA_PRE_GA) {
    return type === codes.TYPE_HASH_METADATA_PRE_GA ? VALUE_TYPES.get(codes.TYPE_HASH_VALKEY) : undefined
  }
  return type <= codes.TYPE_HASH_LISTPACK_EX ? VALUE_TYPES.get(type) : undefined
}

/** Returns true if the reader knows the version of a file or payload. */
export const isKnownVersion = (version: number): boolean =>
  (version >= 1 && version <= codes.MAX_VERSION) || version === codes.VERSION_VALKEY
