/** SORT: weights, patterns, LIMIT and STORE, and what is logged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { findSortKeys } from '../../../commands/contract/key-finder.ts'
import { hashes } from '../../../commands/hashes/hashes.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { sorts } from '../../../commands/keys/sort.ts'
import { lists } from '../../../commands/lists/lists.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { newCollection } from '../../../storage/values/collection.ts'
import { SortedSet } from '../../../storage/values/sorted-set.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { type Harness, harness, plain } from '../../support/harness/harness.ts'

const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const NOT_NUMBERS = "ERR One or more scores can't be converted into double"
const TINY_PAGES = { inlineBytes: 64, pageBytes: 96, pageElements: 4 }

function start(): Harness {
  const server = harness([lists, sets, hashes, strings, keys, expiry, sorts])
  server.keyspace.pageLimits = TINY_PAGES
  return server
}

function addSortedSet({ keyspace, server }: Harness, key: Bytes, members: Readonly<Record<Bytes, number>>): void {
  const db = keyspace.database(0)
  const value = newCollection(db, SortedSet)
  for (const [member, score] of Object.entries(members)) value.add(member, score, server.config)
  db.set(key, value)
}

/** Returns a server with a list l, a set s, a sorted set z, weights and objects. */
function filled(): Harness {
  const server = start()
  server.run('RPUSH', 'l', '3', '10', '1', '2')
  server.run('SADD', 's', '3', '10', '1', '2')
  addSortedSet(server, 'z', { '3': 1, '10': 2, '1': 3, '2': 4 })
  server.run('MSET', 'w_1', '4', 'w_2', '3', 'w_3', '2', 'w_10', '1', 'o_1', 'one', 'o_2', 'two', 'o_3', 'three', 'o_10', 'ten')
  for (const [id, name, age] of [
    ['1', 'ann', '40'],
    ['2', 'bob', '30'],
    ['3', 'cy', '20'],
  ] as const) {
    server.run('HSET', `h_${id}`, 'name', name, 'age', age)
  }
  server.logged()
  return server
}

const sorted = ({ run }: Harness, ...words: Bytes[]) => plain(run('SORT', ...words)) as unknown[]
const listOf = ({ run }: Harness, key: Bytes) => run('LRANGE', key, '0', '-1')

function refuses(server: Harness, text: string, ...words: Bytes[]): void {
  assert.throws(
    () => server.run(...words),
    (error: Error) => error.message === text,
    words.join(' '),
  )
}

test('lists, sets and sorted sets are sorted by the numbers in their elements', () => {
  const server = filled()
  for (const key of ['l', 's', 'z']) {
    assert.equal(sorted(server, key), ['1', '2', '3', '10'])
    assert.equal(sorted(server, key, 'DESC'), ['10', '3', '2', '1'])
    assert.equal(sorted(server, key, 'DESC', 'asc'), ['1', '2', '3', '10'])
    assert.equal(sorted(server, key, 'ALPHA'), ['1', '10', '2', '3'])
    assert.equal(sorted(server, key, 'desc', 'alpha'), ['3', '2', '10', '1'])
    assert.equal(plain(server.run('SORT_RO', key)), ['1', '2', '3', '10'])
  }
  assert.equal(sorted(server, 'none'), [])
  assert.equal(server.logged(), [])
})

test("numbers are parsed like C's strtod", () => {
  const server = start()
  server.run('RPUSH', 'l', 'inf', '1e3', '0x10', '', ' 5', '+2', '-infinity', '.5', '1\0x')
  assert.equal(sorted(server, 'l'), ['-infinity', '', '.5', '1\0x', '+2', ' 5', '0x10', '1e3', 'inf'])
  for (const element of ['x', '1 ', ' ', 'nan', '1x', '1e999']) {
    server.run('DEL', 'bad')
    server.run('RPUSH', 'bad', '1', element)
    refuses(server, NOT_NUMBERS, 'SORT', 'bad')
    refuses(server, NOT_NUMBERS, 'SORT', 'bad', 'STORE', 'l')
    assert.equal(sorted(server, 'bad', 'ALPHA').length, 2)
  }
  assert.is(server.run('LLEN', 'l'), 9)
})

test('elements with equal numbers are in byte order', () => {
  const server = start()
  server.run('RPUSH', 'l', '1.0', '01', '1', '+1', '1')
  assert.equal(sorted(server, 'l'), ['+1', '01', '1', '1', '1.0'])
  assert.equal(sorted(server, 'l', 'DESC'), ['1.0', '1', '1', '01', '+1'])
})

test('LIMIT selects from the sorted result and is clamped to its bounds', () => {
  const server = filled()
  assert.equal(sorted(server, 'l', 'LIMIT', '1', '2'), ['2', '3'])
  assert.equal(sorted(server, 'l', 'limit', '-5', '2'), ['1', '2'])
  assert.equal(sorted(server, 'l', 'LIMIT', '2', '-1'), ['3', '10'])
  assert.equal(sorted(server, 'l', 'LIMIT', '2', '100'), ['3', '10'])
  assert.equal(sorted(server, 'l', 'LIMIT', '4', '1'), [])
  assert.equal(sorted(server, 'l', 'LIMIT', '0', '0'), [])
  assert.equal(sorted(server, 'l', 'LIMIT', '9223372036854775807', '9223372036854775807'), [])
  assert.equal(sorted(server, 'l', 'LIMIT', '0', '1', 'LIMIT', '1', '1'), ['2'])
})

test('BY sorts by the values of other keys, and missing weights count as 0', () => {
  const server = filled()
  assert.equal(sorted(server, 'l', 'BY', 'w_*'), ['10', '3', '2', '1'])
  assert.equal(sorted(server, 's', 'BY', 'h_*->age', 'DESC'), ['1', '2', '3', '10'])
  assert.equal(sorted(server, 'l', 'BY', 'none_*'), ['1', '10', '2', '3'])
  assert.equal(sorted(server, 'l', 'BY', 'w_*', 'LIMIT', '1', '2'), ['3', '2'])
  refuses(server, NOT_NUMBERS, 'SORT', 'l', 'BY', 'o_*')
})

test('BY with ALPHA compares texts, and missing ones come first', () => {
  const server = filled()
  assert.equal(sorted(server, 'l', 'BY', 'o_*', 'ALPHA'), ['1', '10', '3', '2'])
  assert.equal(sorted(server, 's', 'BY', 'h_*->name', 'ALPHA'), ['10', '1', '2', '3'])
  assert.equal(sorted(server, 's', 'BY', 'h_*->name', 'ALPHA', 'DESC'), ['3', '2', '1', '10'])
})

test('BY without a star keeps list order, set byte order and sorted set order', () => {
  const server = filled()
  assert.equal(sorted(server, 'l', 'BY', 'nosort'), ['3', '10', '1', '2'])
  assert.equal(sorted(server, 'l', 'BY', 'nosort', 'DESC'), ['2', '1', '10', '3'])
  assert.equal(sorted(server, 'l', 'BY', 'nosort', 'DESC', 'LIMIT', '1', '2'), ['1', '10'])
  assert.equal(sorted(server, 's', 'BY', 'nosort'), ['1', '10', '2', '3'])
  assert.equal(sorted(server, 'z', 'BY', 'nosort'), ['3', '10', '1', '2'])
  assert.equal(sorted(server, 'z', 'BY', 'nosort', 'LIMIT', '1', '2'), ['10', '1'])
  assert.equal(sorted(server, 'z', 'BY', 'nosort', 'DESC', 'LIMIT', '1', '20'), ['1', '10', '3'])
  assert.equal(sorted(server, 'z', 'BY', 'nosort', 'LIMIT', '7', '2'), [])
  assert.equal(sorted(server, 'l', 'BY', 'nosort', 'BY', 'w_*'), ['3', '10', '1', '2'], 'another BY does not change that')
  assert.equal(sorted(server, 'l', 'BY', '#', 'DESC'), ['2', '1', '10', '3'], 'nor does the element')
  server.run('RPUSH', 'words', 'b', 'a')
  assert.equal(sorted(server, 'words', 'BY', 'nosort'), ['b', 'a'])
})

test('GET returns the values that its patterns name, and nil for missing ones', () => {
  const server = filled()
  assert.equal(sorted(server, 'l', 'GET', 'o_*'), ['one', 'two', 'three', 'ten'])
  assert.equal(sorted(server, 's', 'LIMIT', '2', '2', 'GET', '#', 'GET', 'h_*->name', 'GET', 'none'), ['3', 'cy', null, '10', null, null])
  assert.equal(sorted(server, 's', 'LIMIT', '0', '1', 'GET', 'h_*', 'GET', 'w_*->name', 'GET', 'h_*->none', 'GET', 'h_*->'), [
    null,
    null,
    null,
    null,
  ])
})

test('only the first star is replaced, and an arrow counts only after it', () => {
  const server = start()
  server.run('RPUSH', 'l', '1')
  server.run('MSET', 'a->1b*', 'x', '*1', 'y')
  assert.equal(sorted(server, 'l', 'GET', 'a->*b*'), ['x'])
  server.run('HSET', 'k1', 'f->g', 'z')
  assert.equal(sorted(server, 'l', 'GET', 'k*->f->g'), ['z'])
})

test('long strings can be weights and GET values', () => {
  const server = start()
  const long = 'x'.repeat(100_000)
  server.run('RPUSH', 'l', 'a', 'b')
  server.run('MSET', 'w_a', long, 'w_b', 'y')
  assert.equal(sorted(server, 'l', 'BY', 'w_*', 'ALPHA', 'GET', 'w_*', 'GET', '#'), [long, 'a', 'y', 'b'])
  assert.is(server.run('SORT', 'l', 'BY', 'nosort', 'GET', 'w_*', 'STORE', 'd'), 2)
  assert.equal(listOf(server, 'd'), [long, 'y'])
})

test('STORE sets a key to the resulting list, which is logged', () => {
  const server = filled()
  server.run('SET', 'd', 'v', 'EX', '100')
  server.logged()
  assert.is(server.run('SORT', 'l', 'BY', 'w_*', 'STORE', 'd'), 4)
  assert.equal(listOf(server, 'd'), ['10', '3', '2', '1'])
  assert.is(server.run('TTL', 'd'), -1)
  assert.is(server.run('SORT', 's', 'GET', 'h_*->name', 'GET', '#', 'STORE', 'new', 'LIMIT', '2', '5'), 4)
  assert.equal(server.logged(), [
    ['DEL', 'd'],
    ['RPUSH', 'd', '10', '3', '2', '1'],
    ['RPUSH', 'new', 'cy', '3', '', '10'],
  ])
})

test('STORE may replace the sorted key, and an empty result deletes it', () => {
  const server = filled()
  assert.is(server.run('SORT', 'z', 'BY', 'nosort', 'DESC', 'STORE', 'z'), 4)
  assert.equal(listOf(server, 'z'), ['2', '1', '10', '3'])
  server.logged()
  assert.is(server.run('SORT', 'none', 'STORE', 'z'), 0)
  assert.is(server.run('EXISTS', 'z'), 0)
  assert.equal(server.logged(), [['DEL', 'z']])
  assert.is(server.run('SORT', 'l', 'LIMIT', '9', '1', 'STORE', 'z'), 0)
  assert.equal(server.logged(), [])
})

test('the last of several STOREs counts', () => {
  const server = filled()
  server.run('SORT', 'l', 'STORE', 'a', 'STORE', 'b')
  assert.equal(server.logged(), [['RPUSH', 'b', '1', '2', '3', '10']])
  assert.equal(
    findSortKeys(['SORT', 'l', 'STORE', 'a', 'STORE', 'b']).map(({ position }) => position),
    [1, 5],
  )
})

test('an expired weight counts as missing, and its deletion is logged first', () => {
  const server = filled()
  server.run('PEXPIRE', 'w_1', '10')
  server.logged()
  server.advance(20)
  assert.is(server.run('SORT', 'l', 'BY', 'w_*', 'STORE', 'd'), 4)
  assert.equal(server.logged(), [
    ['DEL', 'w_1'],
    ['RPUSH', 'd', '1', '10', '3', '2'],
  ])
})

test("errors come in Redis's order and change nothing", () => {
  const server = filled()
  const notAnInteger = 'ERR value is not an integer or out of range'
  for (const words of [['BAD'], ['LIMIT', '1'], ['BY'], ['GET'], ['STORE'], ['ASC', 'x'], ['LIMIT']]) {
    refuses(server, 'ERR syntax error', 'SORT', 'o_1', ...words)
    refuses(server, 'ERR syntax error', 'SORT', 'none', ...words)
  }
  refuses(server, 'ERR syntax error', 'SORT_RO', 'l', 'STORE', 'd')
  refuses(server, notAnInteger, 'SORT', 'none', 'LIMIT', 'x', '1')
  refuses(server, notAnInteger, 'SORT', 'none', 'LIMIT', '1', 'x')
  refuses(server, WRONGTYPE, 'SORT', 'o_1')
  refuses(server, WRONGTYPE, 'SORT', 'h_1', 'STORE', 'l')
  assert.is(server.run('LLEN', 'l'), 4)
  assert.equal(server.logged(), [])
})

/** Makes a new list or set k of random elements and returns them. */
function drawElements(server: Harness, { integer }: Seeded): readonly Bytes[] {
  const drawn = Array.from({ length: 1 + integer(60) }, () => String(integer(80) - 20))
  const isList = integer(2) === 0
  server.run('DEL', 'k')
  server.run(isList ? 'RPUSH' : 'SADD', 'k', ...drawn)
  return isList ? drawn : [...new Set(drawn)]
}

test('SORT sorts like JavaScript, and its log makes the same lists', () => {
  const chance = seeded('sort')
  const { integer } = chance
  const server = start()
  const again = start()
  for (let i = -20; i < 60; i++) if (integer(3) > 0) server.run('SET', `w_${i}`, String(integer(10)))
  for (let round = 0; round < 100; round++) {
    const elements = drawElements(server, chance)
    const by = integer(2) === 0
    const weights = new Map(elements.map((element) => [element, by ? Number(server.run('GET', `w_${element}`) ?? 0) : Number(element)]))
    const order = integer(2) === 0 ? 1 : -1
    const compare = (a: Bytes, b: Bytes) => order * (weights.get(a)! - weights.get(b)! || (a < b ? -1 : a === b ? 0 : 1))
    const [offset, count] = [integer(70), integer(70) - 5]
    const expected = [...elements].sort(compare).slice(offset, count < 0 ? undefined : offset + count)
    const words = ['k', ...(by ? ['BY', 'w_*'] : []), order > 0 ? 'ASC' : 'DESC', 'LIMIT', String(offset), String(count)]
    assert.equal(sorted(server, ...words), expected, words.join(' '))
    assert.is(server.run('SORT', ...words, 'STORE', 'd'), expected.length)
    again.replay(server.logged())
    assert.equal(listOf(again, 'd'), listOf(server, 'd'))
  }
})

test.run()
