/**
 * A data set of any size from a seed: every type in every encoding, deadlines, keys of text, bytes
 * and digits, and a library of functions. Most keys are small. Each 2,000th key has random content
 * around the sizes at which encodings change, and a few are as large as the data set allows.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { fromSeed, type Seeded } from '../../support/generators/seed.ts'
import { commandsOf } from '../../support/rdb/client-view.ts'
import { randomContent, TYPES } from '../../support/rdb/random-contents.ts'

type Command = readonly (Bytes | number)[]

/** Commands for one database. */
export interface Batch {
  readonly database: number
  readonly commands: readonly Command[]
}

export const LIBRARY = "#!lua name=lib\nredis.register_function('f', function(keys, args) return #args end)"
/** A deadline that no run reaches, in ms since the epoch. */
export const FAR_MS = 4_000_000_000_000

/** The databases, each with its share of the keys. */
const DATABASES = [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 15]
/** The keys of a batch, which has a chance of its own. */
export const BATCH_KEYS = 500
const RANDOM_EACH = 2000
const DEADLINE_EACH = 4
const MAX_WORDS = 500
/** The elements of each large collection for a number of keys. */
const MAX_LARGE_COUNT = 300_000
const ID_MS = 1_700_000_000_000

const SMALL: readonly ((key: Bytes, n: number, chance: Seeded) => Command[])[] = [
  (key, n) => [['SET', key, n]],
  (key, n) => [['SET', key, `value ${n}`]],
  (key, n) => [['SET', key, `${n} `.repeat(1 + (n % 60))]],
  (key, n) => [['SET', key, `{"id":${n},"text":"${'lorem ipsum '.repeat(n % 40)}"}`]],
  (key, _, chance) => [['SET', key, randomBytes(chance, 1 + chance.integer(120))]],
  (key, n, chance) => [['RPUSH', key, ...numbers(1 + (n % 8), (i) => (i % 2 === 0 ? `item ${i}` : chance.integer(1e6)))]],
  (key, n, chance) => [['SADD', key, ...numbers(1 + (n % 9), () => chance.integer(2 ** 31))]],
  (key, n) => [['SADD', key, ...numbers(1 + (n % 7), (i) => `member ${n % 1000} ${i}`)]],
  (key, n, chance) => [['ZADD', key, ...numbers(1 + (n % 6), (i) => [(chance.integer(2e6) - 1e6) / 8, `member ${i}`]).flat()]],
  (key, n) => [['HSET', key, ...numbers(1 + (n % 8), (i) => [`field ${i}`, n + i]).flat()]],
  (key, n) => [['HSET', key, 'name', `n${n}`, 'text', 'x'.repeat(n % 90), '\u00e4\u0000', n]],
  (key, n) => streamOf(key, n),
]

function numbers<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

function randomBytes(chance: Seeded, length: number): Bytes {
  return String.fromCharCode(...numbers(length, () => chance.integer(256)))
}

function streamOf(key: Bytes, n: number): Command[] {
  const commands: Command[] = numbers(1 + (n % 3), (i) => ['XADD', key, `${ID_MS + i}-${n % 5}`, 'field', n + i])
  if (n % 2 === 0) return commands
  const claim = [
    'XCLAIM',
    key,
    'group',
    'consumer',
    0,
    `${ID_MS}-${n % 5}`,
    'TIME',
    ID_MS + n,
    'RETRYCOUNT',
    1 + (n % 9),
    'FORCE',
    'JUSTID',
  ]
  return [...commands, ['XGROUP', 'CREATE', key, 'group', '0'], ['XGROUP', 'CREATECONSUMER', key, 'group', 'consumer'], claim]
}

function keyOf(n: number): Bytes {
  if (n % 10 === 0) return `\u0000\u00ff\r\n${n}`
  if (n % 10 === 1) return `gr\u00c3\u00b6\u00c3\u009fe ${n}`
  return n % 10 === 2 ? String(n) : `key:${n}`
}

function keyCommands(n: number, chance: Seeded): Command[] {
  const key = keyOf(n)
  const made =
    n % RANDOM_EACH === 0
      ? commandsOf(key, randomContent(chance, TYPES[(n / RANDOM_EACH) % TYPES.length]))
      : SMALL[chance.integer(SMALL.length)]!(key, n, chance)
  return n % DEADLINE_EACH === 0 ? [...made, ['PEXPIREAT', key, FAR_MS + n]] : made
}

/**
 * Yields the commands that make the keys from one number to before another. REQUIRES: both are
 * multiples of BATCH_KEYS, or the last is the number of keys.
 */
export function* keysBetween(seed: number, from: number, until: number): Generator<Batch> {
  for (let first = from; first < until; first += BATCH_KEYS) {
    const chance = fromSeed(seed ^ first)
    const commands = numbers(Math.min(BATCH_KEYS, until - first), (i) => keyCommands(first + i, chance)).flat()
    yield { database: DATABASES[(first / BATCH_KEYS) % DATABASES.length]!, commands }
  }
}

/** Yields the commands that make large values in a data set with this number of keys. */
export function* largeValues(keys: number): Generator<Batch> {
  const count = Math.min(MAX_LARGE_COUNT, keys)
  for (let from = 0; from < count; from += MAX_WORDS) {
    const some = numbers(Math.min(MAX_WORDS, count - from), (i) => from + i)
    const commands: Command[] = [
      ['RPUSH', 'large list', ...some.map((n) => `element ${n} ${'x'.repeat(n % 50)}`)],
      ['SADD', 'large set', ...some.map((n) => `member ${n}`)],
      ['SADD', 'large integers', ...some.map((n) => n * 7)],
      ['ZADD', 'large sorted set', ...some.flatMap((n) => [((n * 7919) % 30_011) / 7, `member ${n}`])],
      ['HSET', 'large hash', ...some.flatMap((n) => [`field ${n}`, 'v'.repeat(n % 80)])],
      ...some.slice(0, 100).map((n) => ['XADD', 'large stream', `${ID_MS + n}-1`, 'field', `value ${n}`]),
    ]
    yield { database: 0, commands }
  }
  yield {
    database: 0,
    commands: [
      ['XGROUP', 'CREATE', 'large stream', 'group', '0'],
      ['XREADGROUP', 'GROUP', 'group', 'consumer', 'COUNT', count, 'STREAMS', 'large stream', '>'],
      ...[65_535, 65_536, 65_537, count * 100].map((length) => [
        'SET',
        `string of ${length}`,
        'bytes \u0000\u00ff'.repeat(length / 8 + 1).slice(0, length),
      ]),
      ['SETBIT', 'bits', count * 1000, 1],
      ['PFADD', 'sparse', 'a', 'b'],
      ['PFADD', 'dense', ...numbers(3000, (i) => i)],
    ],
  }
}
