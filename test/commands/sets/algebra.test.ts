/** Intersections, unions and differences of sets, and their STORE forms. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { SetReply } from '../../../commands/contract/reply.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { objects } from '../../../commands/keys/object.ts'
import { setAlgebra } from '../../../commands/sets/algebra.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const TINY_PAGES = { inlineBytes: 64, pageBytes: 96, pageElements: 4 }

function start(): Harness {
  const server = harness([sets, setAlgebra, keys, expiry, objects, strings])
  server.keyspace.pageLimits = TINY_PAGES
  return server
}

/** Returns a server with the sets a, b and c, and a string k. */
function filled(): Harness {
  const server = start()
  server.run('SADD', 'a', '1', '2', '3', '4')
  server.run('SADD', 'b', '3', '4', '5')
  server.run('SADD', 'c', '4', '9')
  server.run('SET', 'k', 'v')
  server.logged()
  return server
}

function setOf({ run }: Harness, ...words: Bytes[]): readonly unknown[] {
  const reply = run(...words)
  assert.instance(reply, SetReply, words.join(' '))
  return (reply as SetReply).members
}

function refuses(server: Harness, text: string, ...words: Bytes[]): void {
  assert.throws(
    () => server.run(...words),
    (error: Error) => error.message === text,
    words.join(' '),
  )
}

test('SINTER, SUNION and SDIFF take one or several sets', () => {
  const server = filled()
  assert.equal(setOf(server, 'SINTER', 'a'), ['1', '2', '3', '4'])
  assert.equal(setOf(server, 'SINTER', 'a', 'b'), ['3', '4'])
  assert.equal(setOf(server, 'SINTER', 'a', 'b', 'c'), ['4'])
  assert.equal(setOf(server, 'SUNION', 'b'), ['3', '4', '5'])
  assert.equal(setOf(server, 'SUNION', 'a', 'b', 'c'), ['1', '2', '3', '4', '5', '9'])
  assert.equal(setOf(server, 'SDIFF', 'a'), ['1', '2', '3', '4'])
  assert.equal(setOf(server, 'SDIFF', 'a', 'b'), ['1', '2'])
  assert.equal(setOf(server, 'SDIFF', 'b', 'a', 'c'), ['5'])
  assert.equal(server.logged(), [])
})

test('a key may be given repeatedly', () => {
  const server = filled()
  assert.equal(setOf(server, 'SINTER', 'b', 'b', 'b'), ['3', '4', '5'])
  assert.equal(setOf(server, 'SUNION', 'b', 'b', 'b'), ['3', '4', '5'])
  assert.equal(setOf(server, 'SDIFF', 'b', 'b'), [])
})

test('a missing key counts as the empty set', () => {
  const server = filled()
  assert.equal(setOf(server, 'SINTER', 'a', 'none'), [])
  assert.equal(setOf(server, 'SUNION', 'none', 'c', 'none'), ['4', '9'])
  assert.equal(setOf(server, 'SDIFF', 'c', 'none'), ['4', '9'])
  assert.equal(setOf(server, 'SDIFF', 'none', 'c'), [])
  assert.equal(setOf(server, 'SUNION', 'none'), [])
})

test('a key of another type is refused in any place', () => {
  const server = filled()
  for (const name of ['SINTER', 'SUNION', 'SDIFF']) {
    for (const words of [['k'], ['a', 'k'], ['k', 'a'], ['none', 'k'], ['k', 'none']]) {
      refuses(server, WRONGTYPE, name, ...words)
      refuses(server, WRONGTYPE, `${name}STORE`, 'b', ...words)
    }
  }
  refuses(server, WRONGTYPE, 'SINTERCARD', '2', 'none', 'k')
  assert.equal(setOf(server, 'SMEMBERS', 'b'), ['3', '4', '5'])
  assert.equal(server.logged(), [])
})

test('the STORE forms replace the target and are logged as sent', () => {
  const server = filled()
  server.run('EXPIRE', 'k', '100')
  server.logged()
  assert.is(server.run('SINTERSTORE', 'k', 'a', 'b'), 2)
  assert.is(server.run('SUNIONSTORE', 'union', 'b', 'c'), 4)
  assert.is(server.run('SDIFFSTORE', 'a', 'a', 'b'), 2)
  assert.equal(setOf(server, 'SMEMBERS', 'k'), ['3', '4'])
  assert.is(server.run('TTL', 'k'), -1)
  assert.equal(setOf(server, 'SMEMBERS', 'union'), ['3', '4', '5', '9'])
  assert.equal(setOf(server, 'SMEMBERS', 'a'), ['1', '2'])
  assert.equal(server.logged(), [
    ['SINTERSTORE', 'k', 'a', 'b'],
    ['SUNIONSTORE', 'union', 'b', 'c'],
    ['SDIFFSTORE', 'a', 'a', 'b'],
  ])
})

test('an empty STORE result removes the target, and is logged only if there was one', () => {
  const server = filled()
  for (const words of [
    ['SINTERSTORE', 'k', 'a', 'none'],
    ['SUNIONSTORE', 'k', 'none'],
    ['SDIFFSTORE', 'k', 'a', 'a'],
  ]) {
    server.run('SET', 'k', 'v')
    server.logged()
    assert.is(server.run(...words), 0)
    assert.is(server.run('EXISTS', 'k'), 0)
    assert.equal(server.logged(), [words])
    assert.is(server.run(...words), 0)
    assert.equal(server.logged(), [])
  }
})

test('a stored result has the encoding of a set built by SADD', () => {
  const server = start()
  server.run('SADD', 'integers', '1', '2')
  server.run('SADD', 'mixed', '1', '2', 'x')
  const encoded = (...words: Bytes[]) => {
    server.run(...words)
    return server.run('OBJECT', 'ENCODING', 'd')
  }
  assert.is(encoded('SINTERSTORE', 'd', 'integers', 'mixed'), 'intset')
  assert.is(encoded('SUNIONSTORE', 'd', 'integers', 'mixed'), 'listpack')
  server.server.config.set([['set-max-listpack-entries', '2']])
  assert.is(encoded('SUNIONSTORE', 'd', 'integers', 'mixed'), 'hashtable')
})

test('SINTERCARD counts up to its limit', () => {
  const server = filled()
  assert.is(server.run('SINTERCARD', '1', 'a'), 4)
  assert.is(server.run('SINTERCARD', '2', 'a', 'b'), 2)
  assert.is(server.run('SINTERCARD', '2', 'a', 'none'), 0)
  for (const [limit, count] of [
    ['0', 4],
    ['1', 1],
    ['4', 4],
    ['9223372036854775807', 4],
  ] as const) {
    assert.is(server.run('SINTERCARD', '1', 'a', 'limit', limit), count)
  }
  assert.is(server.run('SINTERCARD', '1', 'a', 'LIMIT', '3', 'LIMIT', '2'), 2)
})

test("SINTERCARD has Redis's errors", () => {
  const server = filled()
  for (const count of ['0', '-1', 'x', '9223372036854775808'])
    refuses(server, 'ERR numkeys should be greater than 0', 'SINTERCARD', count, 'a')
  for (const count of ['2', '9223372036854775807']) {
    refuses(server, "ERR Number of keys can't be greater than number of args", 'SINTERCARD', count, 'a')
  }
  for (const words of [['LIMIT'], ['x'], ['LIMIT', '1', 'x'], ['x', '1']])
    refuses(server, 'ERR syntax error', 'SINTERCARD', '1', 'a', ...words)
  for (const limit of ['-1', 'x', '']) refuses(server, "ERR LIMIT can't be negative", 'SINTERCARD', '1', 'a', 'LIMIT', limit)
})

/** Makes sets of very different sizes, so that both algorithms of comparing them run. */
function randomSets(server: Harness, { integer, pick }: Seeded): Map<Bytes, Set<Bytes>> {
  const twins = new Map<Bytes, Set<Bytes>>()
  for (const key of ['s0', 's1', 's2', 's3', 's4']) {
    const size = pick([1, 2, 10, 100, 400])
    const members = Array.from({ length: size }, () => `m${integer(500)}`)
    server.run('DEL', key)
    server.run('SADD', key, ...members)
    twins.set(key, new Set(members))
  }
  return twins
}

test('set algebra and its log equal JavaScript sets', async () => {
  const chance = seeded('set algebra')
  const { integer, pick } = chance
  const server = start()
  const again = start()
  for (let round = 0; round < 60; round++) {
    const twins = randomSets(server, chance)
    if (round % 10 === 0) await server.toDisk()
    const names = Array.from({ length: 1 + integer(4) }, () => pick(['s0', 's1', 's2', 's3', 's4', 'none']))
    const [first, ...others] = names.map((name) => twins.get(name) ?? new Set<Bytes>()) as [Set<Bytes>, ...Set<Bytes>[]]
    const expected = {
      SINTER: [...first].filter((member) => others.every((other) => other.has(member))),
      SUNION: [...new Set([first, ...others].flatMap((set) => [...set]))],
      SDIFF: [...first].filter((member) => !others.some((other) => other.has(member))),
    }
    for (const [name, members] of Object.entries(expected)) {
      assert.equal(setOf(server, name, ...names), members.sort(), `${name} ${names.join(' ')}`)
      assert.is(server.run(`${name}STORE`, name, ...names), members.length)
      assert.equal(setOf(server, 'SMEMBERS', name), members)
    }
    const limit = 1 + integer(20)
    const card = server.run('SINTERCARD', String(names.length), ...names, 'LIMIT', String(limit))
    assert.is(card, Math.min(limit, expected.SINTER.length))
    again.replay(server.logged())
    for (const name of Object.keys(expected)) assert.equal(setOf(again, 'SMEMBERS', name), setOf(server, 'SMEMBERS', name))
  }
})

test.run()
