/**
 * Requests to data that is in memory. Each test says what is loaded before it, and what is added
 * before each window. In its words, __rand_int__ is a random number with 12 digits.
 */
import { scramble } from '../collections/operations.ts'
import { encode } from '../support/connection.ts'

export interface Sizes {
  readonly keys: number
  /** Elements of a big collection. */
  readonly elements: number
  readonly valueBytes: number
}

export interface HotTest {
  /** The name that `--tests` selects it by. */
  readonly name: string
  readonly title: string
  readonly words: (sizes: Sizes) => readonly string[]
  /** Share of the requests of a plain window: tests with large requests or replies have fewer. */
  readonly share?: number
  /** Names the size that is the range of __rand_int__; keys unless given. */
  readonly range?: 'keys' | 'elements'
  /** Data that the test needs: it is loaded once. */
  readonly load?: (sizes: Sizes) => Iterable<string>
  /** The collection that the test removes elements from. Each window begins with enough of them. */
  readonly drain?: Drain
}

export interface Drain {
  readonly key: string
  /** The command that counts the elements. */
  readonly count: string
  /** Elements that remain at the end of a window. */
  readonly left: (sizes: Sizes) => number
  /** Returns the command that adds the elements with these numbers. */
  readonly add: (from: number, to: number, sizes: Sizes) => string
}

const PER_COMMAND = 100
const RANDOM = '__rand_int__'
const SCRIPT = "return redis.call('get', KEYS[1])"
const LIST_LENGTH = 200

export const HOT_TESTS: readonly HotTest[] = [
  { name: 'set', title: 'SET', words: ({ valueBytes }) => ['SET', `key:${RANDOM}`, value(valueBytes)], load: strings },
  { name: 'get', title: 'GET', words: () => ['GET', `key:${RANDOM}`], load: strings },
  { name: 'get_absent', title: 'GET, absent key', words: () => ['GET', `absent:${RANDOM}`], load: strings },
  { name: 'incr', title: 'INCR', words: () => ['INCR', `counter:${RANDOM}`], load: counters },
  {
    name: 'mset',
    title: 'MSET of 10 keys',
    share: 0.2,
    words: ({ valueBytes }) => ['MSET', ...Array.from({ length: 10 }, () => [`key:${RANDOM}`, value(valueBytes)]).flat()],
    load: strings,
  },
  { name: 'hset', title: 'HSET', words: ({ valueBytes }) => ['HSET', `hash:${RANDOM}`, 'field:1', value(valueBytes)], load: hashes },
  { name: 'sadd', title: 'SADD', words: () => ['SADD', `set:${RANDOM}`, `member:${RANDOM}`], load: sets },
  { name: 'zadd', title: 'ZADD', words: () => ['ZADD', `zset:${RANDOM}`, RANDOM, 'member:1'], load: sortedSets },
  { name: 'lpush', title: 'LPUSH', words: ({ valueBytes }) => ['LPUSH', 'pushed', value(valueBytes)] },
  { name: 'rpop', title: 'RPOP', words: () => ['RPOP', 'popped'], drain: { key: 'popped', count: 'LLEN', left: () => 0, add: pushes } },
  { name: 'spop', title: 'SPOP', words: () => ['SPOP', 'drawn'], drain: { key: 'drawn', count: 'SCARD', left: () => 0, add: members } },
  {
    name: 'zpopmin',
    title: 'ZPOPMIN',
    words: () => ['ZPOPMIN', 'ranked'],
    drain: { key: 'ranked', count: 'ZCARD', left: () => 0, add: scores('ranked') },
  },
  { name: 'lrange_100', title: 'LRANGE of 100', share: 0.5, words: () => ['LRANGE', 'listed', '0', '99'], load: listed },
  {
    name: 'sintercard',
    title: 'SINTERCARD of 100 and 1000',
    share: 0.2,
    words: () => ['SINTERCARD', '2', 'crossed:100', 'crossed:1000'],
    load: crossed,
  },
  { name: 'eval', title: 'EVAL of one GET', words: () => ['EVAL', SCRIPT, '1', `key:${RANDOM}`], load: strings },
  {
    name: 'big_hset',
    title: 'HSET, big hash',
    range: 'elements',
    words: ({ valueBytes }) => ['HSET', 'big:hash', `field:${RANDOM}`, value(valueBytes)],
    load: bigHash,
  },
  { name: 'big_hget', title: 'HGET, big hash', range: 'elements', words: () => ['HGET', 'big:hash', `field:${RANDOM}`], load: bigHash },
  { name: 'big_sadd', title: 'SADD, big set', range: 'elements', words: () => ['SADD', 'big:set', `member:${RANDOM}`], load: bigSet },
  {
    name: 'big_zadd',
    title: 'ZADD, big sorted set',
    range: 'elements',
    words: () => ['ZADD', 'big:zset', RANDOM, `member:${RANDOM}`],
    load: bigSortedSet,
  },
  {
    name: 'big_zscore',
    title: 'ZSCORE, big sorted set',
    range: 'elements',
    words: () => ['ZSCORE', 'big:zset', `member:${RANDOM}`],
    load: bigSortedSet,
  },
  {
    name: 'big_zpopmin',
    title: 'ZPOPMIN, big sorted set',
    words: () => ['ZPOPMIN', 'big:popped'],
    drain: { key: 'big:popped', count: 'ZCARD', left: ({ elements }) => elements, add: scores('big:popped') },
  },
]

const value = (bytes: number) => 'x'.repeat(bytes)
const padded = (number: number) => String(number).padStart(12, '0')

/** Yields a command for each slice of numbers below `count`. */
function* inSlices(count: number, command: (from: number, to: number) => readonly (string | number)[]): Generator<string> {
  for (let from = 0; from < count; from += PER_COMMAND) yield encode(command(from, Math.min(count, from + PER_COMMAND)))
}

function* each(count: number, command: (number: number) => readonly (string | number)[]): Generator<string> {
  for (let number = 0; number < count; number++) yield encode(command(number))
}

/** Returns the words of the numbers `from` to `to` - 1. */
function words(from: number, to: number, of: (number: number) => readonly (string | number)[]): (string | number)[] {
  return Array.from({ length: to - from }, (_, index) => of(from + index)).flat()
}

function strings({ keys, valueBytes }: Sizes): Iterable<string> {
  const text = value(valueBytes)
  return inSlices(keys, (from, to) => ['MSET', ...words(from, to, (number) => [`key:${padded(number)}`, text])])
}

function counters({ keys }: Sizes): Iterable<string> {
  return inSlices(keys, (from, to) => ['MSET', ...words(from, to, (number) => [`counter:${padded(number)}`, number])])
}

function hashes({ keys, valueBytes }: Sizes): Iterable<string> {
  return each(keys, (number) => ['HSET', `hash:${padded(number)}`, 'field:1', value(valueBytes), 'field:2', 'x', 'field:3', 'x'])
}

function sets({ keys }: Sizes): Iterable<string> {
  return each(keys, (number) => ['SADD', `set:${padded(number)}`, 'member:1', 'member:2', 'member:3'])
}

function sortedSets({ keys }: Sizes): Iterable<string> {
  return each(keys, (number) => ['ZADD', `zset:${padded(number)}`, 1, 'member:1', 2, 'member:2', 3, 'member:3'])
}

function listed({ valueBytes }: Sizes): Iterable<string> {
  return inSlices(LIST_LENGTH, (from, to) => ['RPUSH', 'listed', ...words(from, to, () => [value(valueBytes)])])
}

function crossed(): Iterable<string> {
  return [100, 1000].map((size) => encode(['SADD', `crossed:${size}`, ...words(0, size, (number) => [`member:${scramble(number)}`])]))
}

function bigHash({ elements, valueBytes }: Sizes): Iterable<string> {
  const text = value(valueBytes)
  return inSlices(elements, (from, to) => ['HSET', 'big:hash', ...words(from, to, (number) => [`field:${padded(number)}`, text])])
}

function bigSet({ elements }: Sizes): Iterable<string> {
  return inSlices(elements, (from, to) => ['SADD', 'big:set', ...words(from, to, (number) => [`member:${padded(number)}`])])
}

function bigSortedSet({ elements }: Sizes): Iterable<string> {
  return inSlices(elements, (from, to) => ['ZADD', 'big:zset', ...words(from, to, (number) => [number, `member:${padded(number)}`])])
}

function pushes(from: number, to: number, { valueBytes }: Sizes): string {
  return encode(['RPUSH', 'popped', ...words(from, to, () => [value(valueBytes)])])
}

function members(from: number, to: number): string {
  return encode(['SADD', 'drawn', ...words(from, to, (number) => [`member:${padded(scramble(number))}`])])
}

function scores(key: string): Drain['add'] {
  return (from, to) =>
    encode(['ZADD', key, ...words(from, to, (number) => [scramble(number ^ scramble(1)), `member:${padded(scramble(number))}`])])
}
