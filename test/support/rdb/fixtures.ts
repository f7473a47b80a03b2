/** One payload for each encoding of each type, with its value. */
import { writePayload } from '../../../rdb/writer.ts'
import { type Content, rdbValueOf } from './contents.ts'
import { intset, listpack, payloadOf, rdbString, ziplist, zipmap } from './old-encoders.ts'

export interface Fixture {
  readonly name: string
  readonly payload: Buffer
  readonly content: Content
}

const FAR_MS = 1_900_000_000_000
const LONG = 'l'.repeat(300)
const WIDE = 'w'.repeat(20_000)

const time = (ms: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(ms))
  return bytes
}
const length64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(9, 0x81)
  bytes.writeBigUInt64BE(BigInt(value), 1)
  return bytes
}
const binary = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}
const id = (ms: number, sequence: number): string => {
  const bytes = Buffer.alloc(16)
  bytes.writeBigUInt64BE(BigInt(ms), 0)
  bytes.writeBigUInt64BE(BigInt(sequence), 8)
  return bytes.latin1Slice()
}
const strings = (...texts: readonly string[]): Buffer => Buffer.concat(texts.map(rdbString))
const join = (...parts: readonly (Buffer | readonly number[])[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)))
const fixture = (name: string, type: number, body: Buffer, content: Content, version = 10): Fixture => ({
  name,
  payload: payloadOf(type, body, version),
  content,
})

const text = (value: string): Content => ({ type: 'string', value })
const hash = (...fields: [string, string, number | null][]): Content => ({ type: 'hash', fields })
const list = (...elements: string[]): Content => ({ type: 'list', elements })
const set = (...members: string[]): Content => ({ type: 'set', members })
const sortedSet = (...members: [string, number][]): Content => ({ type: 'sorted-set', members })

const STRINGS: readonly Fixture[] = [
  fixture('a string of 6 bits', 0, strings('abc'), text('abc')),
  fixture('a string of 14 bits', 0, strings(LONG), text(LONG)),
  fixture('a string of 32 bits', 0, strings(WIDE), text(WIDE)),
  fixture('a string with a length of 64 bits', 0, join(length64(3), Buffer.from('abc')), text('abc')),
  fixture('an integer of 8 bits', 0, join([0xc0, 0x80]), text('-128')),
  fixture('an integer of 16 bits', 0, join([0xc1, 0x00, 0x80]), text('-32768')),
  fixture('an integer of 32 bits', 0, join([0xc2, 0xff, 0xff, 0xff, 0x7f]), text('2147483647')),
  fixture('a compressed string', 0, join([0xc3, 7, 20, 0, 0x61, 0xe0, 9, 0, 0, 0x62]), text(`${'a'.repeat(19)}b`)),
]

const ZIPPED = ziplist('a', 0, 12, 13, -1, 127, -32768, 8388607, -8388609, 2n ** 40n, LONG, WIDE, 'z')
const ZIPPED_ELEMENTS = ['a', '0', '12', '13', '-1', '127', '-32768', '8388607', '-8388609', String(2n ** 40n), LONG, WIDE, 'z']

const OLD: readonly Fixture[] = [
  fixture('a list', 1, join([2], strings('a', 'b')), list('a', 'b'), 1),
  fixture('a set', 2, join([2], strings('a', 'b')), set('a', 'b'), 1),
  fixture(
    'a sorted set with scores as text',
    3,
    join([4], strings('a'), rdbString('1.5'), strings('b'), [254], strings('c'), [255], strings('d'), rdbString('-1e+30')),
    sortedSet(['a', 1.5], ['b', Number.POSITIVE_INFINITY], ['c', Number.NEGATIVE_INFINITY], ['d', -1e30]),
    7,
  ),
  fixture('a hash', 4, join([1], strings('f', 'v')), hash(['f', 'v', null]), 1),
  fixture('a sorted set with binary scores', 5, join([1], strings('a'), binary(0.1)), sortedSet(['a', 0.1])),
  fixture('a zipmap', 9, rdbString(zipmap(2, 'f', 'v', 'g', LONG)), hash(['f', 'v', null], ['g', LONG, null]), 2),
  fixture('a list as a ziplist', 10, rdbString(ZIPPED), list(...ZIPPED_ELEMENTS), 3),
  fixture('an intset of 16 bits', 11, rdbString(intset(2, -5n, 3n, 300n)), set('-5', '3', '300'), 4),
  fixture('an intset of 32 bits', 11, rdbString(intset(4, -70000n, 3n)), set('-70000', '3'), 4),
  fixture('an intset of 64 bits', 11, rdbString(intset(8, -(2n ** 62n), 3n)), set(String(-(2n ** 62n)), '3'), 4),
  fixture('a sorted set as a ziplist', 12, rdbString(ziplist('a', 3, 'b', '4.25')), sortedSet(['a', 3], ['b', 4.25]), 5),
  fixture('a hash as a ziplist', 13, rdbString(ziplist('f', 'v', 'g', 7)), hash(['f', 'v', null], ['g', '7', null]), 6),
  fixture('a quicklist', 14, join([2], rdbString(ziplist('a', 1)), rdbString(ziplist('b'))), list('a', '1', 'b'), 7),
]

const HASHES_WITH_DEADLINES: readonly Fixture[] = [
  fixture(
    'a hash of the preview of 7.4',
    22,
    join([2], length64(FAR_MS), strings('f', 'v'), [0], strings('g', 'w')),
    hash(['f', 'v', FAR_MS], ['g', 'w', null]),
    12,
  ),
  fixture(
    'a hash as a listpack of the preview',
    23,
    rdbString(listpack('f', 'v', '9000000', 'g', 'w', 0)),
    hash(['f', 'v', 9_000_000], ['g', 'w', null]),
    12,
  ),
  fixture(
    'a hash with deadlines',
    24,
    join(time(FAR_MS), [2], [6], strings('f', 'v'), [0], strings('g', 'w')),
    hash(['f', 'v', FAR_MS + 5], ['g', 'w', null]),
    12,
  ),
  fixture(
    'a hash with deadlines as a listpack',
    25,
    join(time(9_000_000), rdbString(listpack('f', 'v', '9000000', 'g', 'w', 0))),
    hash(['f', 'v', 9_000_000], ['g', 'w', null]),
    12,
  ),
  fixture(
    'a hash with deadlines of Valkey',
    22,
    join([2], strings('f', 'v'), time(FAR_MS), strings('g', 'w'), time(-1)),
    hash(['f', 'v', FAR_MS], ['g', 'w', null]),
    80,
  ),
]

/** One node: 5-0 with a field of the node's, 5-1 deleted, 6-2 with a field of its own. */
const NODE = listpack(2, 1, 1, 'f', 0, 2, 0, 0, 'v', 4, 3, 0, 1, 'x', 4, 0, 1, 2, 1, 'g', 'w', 6)

/** Returns the body of a stream; generations 2 and 3 have more. */
function streamBody(generation: 1 | 2 | 3): Buffer {
  const more = generation > 1 ? join([5, 0], [5, 1], [3]) : Buffer.alloc(0)
  const group = join(strings('group'), [6, 2], generation > 1 ? [2] : [])
  const pending = join([1], Buffer.from(id(5, 0), 'latin1'), time(1000), [4])
  const consumer = join(strings('consumer'), time(2000), generation > 2 ? time(3000) : [])
  const owned = join([1], Buffer.from(id(5, 0), 'latin1'))
  return join([1], strings(id(5, 0)), rdbString(NODE), [2], [6, 2], more, [1], group, pending, [1], consumer, owned)
}

const stream = (generation: 1 | 2 | 3): Content => ({
  type: 'stream',
  entries: [
    { id: id(5, 0), fields: ['f', 'v'] },
    { id: id(6, 2), fields: ['g', 'w'] },
  ],
  state: {
    length: 2n,
    lastId: id(6, 2),
    firstId: generation > 1 ? id(5, 0) : null,
    maxDeletedId: generation > 1 ? id(5, 1) : null,
    entriesAdded: generation > 1 ? 3n : null,
  },
  groups: [
    {
      name: 'group',
      lastId: id(6, 2),
      entriesRead: generation > 1 ? 2n : null,
      pending: [{ id: id(5, 0), deliveredAtMs: 1000, deliveryCount: 4 }],
      consumers: [{ name: 'consumer', seenAtMs: 2000, activeAtMs: generation > 2 ? 3000 : null, ids: [id(5, 0)] }],
    },
  ],
})

const NEW: readonly Fixture[] = [
  fixture('a hash as a listpack', 16, rdbString(listpack('f', 'v', 'g', 7)), hash(['f', 'v', null], ['g', '7', null])),
  fixture(
    'a hash as a compressed listpack',
    16,
    // 18 bytes as one run of literals, which take 19 bytes.
    join([0xc3, 19, 18, 17], listpack('f', 'v', 'g', 7)),
    hash(['f', 'v', null], ['g', '7', null]),
  ),
  fixture('a sorted set as a listpack', 17, rdbString(listpack('a', 3, 'b', '4.25')), sortedSet(['a', 3], ['b', 4.25])),
  fixture('a quicklist 2', 18, join([2], [2], rdbString(listpack('a', 1)), [1], strings(LONG)), list('a', '1', LONG)),
  fixture('a set as a listpack', 20, rdbString(listpack('a', 3)), set('a', '3'), 11),
  fixture('a stream', 15, streamBody(1), stream(1), 9),
  fixture('a stream of Redis 7.0', 19, streamBody(2), stream(2)),
  fixture('a stream of Redis 7.2', 21, streamBody(3), stream(3), 11),
]

const LARGE: readonly Fixture[] = [
  list(...Array.from({ length: 700 }, (_, index) => `element ${index}`)),
  set(...Array.from({ length: 700 }, (_, index) => `member ${index}`)),
].map((content, index) => ({ name: `large ${index}`, payload: writePayload(rdbValueOf(content)).payload, content }))

export const FIXTURES: readonly Fixture[] = [...STRINGS, ...OLD, ...HASHES_WITH_DEADLINES, ...NEW, ...LARGE]
