/**
 * The data of the cold workloads, and the requests to it. A string has 200 bytes. A collection has
 * five elements and about as many bytes.
 */
import { encode } from '../support/connection.ts'

export interface ColdKind {
  readonly name: string
  /** Share of the number of strings. */
  readonly share: number
  readonly request: (key: number) => string
}

export interface ColdTest {
  readonly title: string
  /** The name of the kind whose keys __rand_int__ counts. */
  readonly kind: string
  readonly words: readonly string[]
}

const RANDOM = '__rand_int__'
const STRING = 'x'.repeat(200)
const ELEMENT = 'x'.repeat(40)
const NUMBERS = [1, 2, 3, 4, 5]
const padded = (number: number) => String(number).padStart(12, '0')

export const STRINGS: ColdKind = { name: 'string', share: 1, request: (key) => encode(['SET', `key:${padded(key)}`, STRING]) }

/** The kinds that are loaded after the strings were measured, in the order of their tests. */
export const SMALL_KINDS: readonly ColdKind[] = [
  { name: 'counter', share: 0.5, request: (key) => encode(['SET', `counter:${padded(key)}`, key]) },
  {
    name: 'hash',
    share: 0.5,
    request: (key) => encode(['HSET', `hash:${padded(key)}`, ...NUMBERS.flatMap((number) => [`field:${number}`, ELEMENT])]),
  },
  {
    name: 'sorted set',
    share: 0.5,
    request: (key) => encode(['ZADD', `zset:${padded(key)}`, ...NUMBERS.flatMap((number) => [number, `${number}${ELEMENT}`])]),
  },
  { name: 'list', share: 0.5, request: (key) => encode(['RPUSH', `list:${padded(key)}`, ...NUMBERS.map(() => ELEMENT)]) },
]

export const STRING_TESTS: readonly ColdTest[] = [
  { title: 'GET', kind: 'string', words: ['GET', `key:${RANDOM}`] },
  { title: 'SET, overwriting', kind: 'string', words: ['SET', `key:${RANDOM}`, STRING] },
  { title: 'GET, absent key', kind: 'string', words: ['GET', `absent:${RANDOM}`] },
]

export const SMALL_TESTS: readonly ColdTest[] = [
  { title: 'INCR', kind: 'counter', words: ['INCR', `counter:${RANDOM}`] },
  { title: 'HSET of one field', kind: 'hash', words: ['HSET', `hash:${RANDOM}`, 'field:3', ELEMENT] },
  { title: 'HGET', kind: 'hash', words: ['HGET', `hash:${RANDOM}`, 'field:3'] },
  { title: 'ZADD', kind: 'sorted set', words: ['ZADD', `zset:${RANDOM}`, RANDOM, `3${ELEMENT}`] },
  { title: 'ZSCORE', kind: 'sorted set', words: ['ZSCORE', `zset:${RANDOM}`, `3${ELEMENT}`] },
  { title: 'ZRANK', kind: 'sorted set', words: ['ZRANK', `zset:${RANDOM}`, `3${ELEMENT}`] },
  { title: 'LPUSH', kind: 'list', words: ['LPUSH', `list:${RANDOM}`, ELEMENT] },
  { title: 'RPOP', kind: 'list', words: ['RPOP', `list:${RANDOM}`] },
]
