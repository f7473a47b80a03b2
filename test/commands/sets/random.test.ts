/** SPOP and SRANDMEMBER: the members that they choose, and what they log. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { type Reply, SetReply } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { setRandoms } from '../../../commands/sets/random.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { seeded } from '../../support/generators/seed.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const TINY_PAGES = { inlineBytes: 64, pageBytes: 96, pageElements: 4 }

const { random } = seeded('random members')

function start(): Harness {
  const server = harness([sets, setRandoms, keys, strings])
  server.server.random = random
  server.keyspace.pageLimits = TINY_PAGES
  return server
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`)

function filled(count: number): Harness {
  const server = start()
  server.run('SADD', 's', ...names(count))
  server.logged()
  return server
}

const membersOf = ({ run }: Harness, key: Bytes) => (run('SMEMBERS', key) as SetReply).members

function refuses({ run }: Harness, text: string, ...words: Bytes[]): void {
  assert.throws(
    () => run(...words),
    (error: Error) => error.message === text,
    words.join(' '),
  )
}

test('SPOP removes one member and is logged as SREM', () => {
  const server = filled(3)
  const popped = server.run('SPOP', 's') as Bytes
  assert.ok(names(3).includes(popped))
  assert.equal(server.logged(), [['SREM', 's', popped]])
  assert.equal(
    membersOf(server, 's'),
    names(3).filter((name) => name !== popped),
  )
})

test('SPOP of the last member removes the key', () => {
  const server = filled(1)
  assert.is(server.run('SPOP', 's'), 'm0')
  assert.is(server.run('EXISTS', 's'), 0)
  assert.is(server.run('SPOP', 's'), null)
})

test('SPOP with a count returns distinct members as a set, and its log removes the same', () => {
  for (const count of [1, 5, 32, 33, 34, 60, 99]) {
    const server = filled(100)
    const reply = server.run('SPOP', 's', String(count))
    assert.instance(reply, SetReply)
    const popped = (reply as SetReply).members as Bytes[]
    assert.is(new Set(popped).size, count)
    assert.equal([...popped, ...(membersOf(server, 's') as Bytes[])].sort(), names(100).sort())
    const logged = server.logged()
    assert.equal(logged, [['SREM', 's', ...popped]])
    const again = filled(100)
    again.replay(logged)
    assert.equal(membersOf(again, 's'), membersOf(server, 's'))
  }
})

test('SPOP of all members removes the key, and is logged as DEL', () => {
  for (const count of ['5', '6', '9223372036854775807']) {
    const server = filled(5)
    assert.equal(((server.run('SPOP', 's', count) as SetReply).members as Bytes[]).sort(), names(5))
    assert.is(server.run('EXISTS', 's'), 0)
    assert.equal(server.logged(), [['DEL', 's']])
  }
})

test('SPOP of very many members is logged in several commands', () => {
  const server = filled(5000)
  server.run('SPOP', 's', '2500')
  const logged = server.logged()
  assert.equal(
    logged.map((words) => words.length - 2),
    [1024, 1024, 452],
  )
})

test('SPOP of zero members or a missing key changes nothing', () => {
  const server = filled(2)
  assert.equal(server.run('SPOP', 's', '0'), new SetReply([]))
  assert.equal(server.run('SPOP', 'none', '3'), new SetReply([]))
  assert.equal(server.logged(), [])
})

test('SPOP refuses invalid counts before it looks at the key', () => {
  const server = filled(2)
  server.run('SET', 'k', 'v')
  for (const count of ['-1', 'x', '1.5', '9223372036854775808', '']) {
    refuses(server, 'ERR value is out of range, must be positive', 'SPOP', 's', count)
    refuses(server, 'ERR value is out of range, must be positive', 'SPOP', 'k', count)
  }
  refuses(server, 'ERR syntax error', 'SPOP', 's', '1', '2')
  refuses(server, WRONGTYPE, 'SPOP', 'k')
  refuses(server, WRONGTYPE, 'SPOP', 'k', '0')
  assert.is(server.run('SCARD', 's'), 2)
})

test('SRANDMEMBER returns a member, or nil for a missing key', () => {
  const server = filled(3)
  assert.ok(names(3).includes(server.run('SRANDMEMBER', 's') as Bytes))
  assert.is(server.run('SRANDMEMBER', 'none'), null)
  assert.equal(server.logged(), [])
})

test('SRANDMEMBER with a count returns up to that many distinct members', () => {
  const server = filled(100)
  for (const count of [1, 5, 32, 33, 34, 60, 99, 100, 1000]) {
    const drawn = server.run('SRANDMEMBER', 's', String(count)) as Bytes[]
    assert.is(new Set(drawn).size, Math.min(count, 100))
    assert.is(drawn.length, Math.min(count, 100))
  }
  assert.equal(server.run('SRANDMEMBER', 's', '0'), [])
  assert.equal(server.run('SRANDMEMBER', 'none', '3'), [])
})

test('SRANDMEMBER with a negative count repeats members', () => {
  const server = filled(2)
  const drawn = server.run('SRANDMEMBER', 's', '-50') as Bytes[]
  assert.is(drawn.length, 50)
  assert.equal([...new Set(drawn)].sort(), names(2))
  assert.equal(server.run('SRANDMEMBER', 'none', '-3'), [])
})

test('SRANDMEMBER refuses invalid counts', () => {
  const server = filled(2)
  server.run('SET', 'k', 'v')
  refuses(server, 'ERR value is not an integer or out of range', 'SRANDMEMBER', 's', 'x')
  refuses(server, 'ERR value is not an integer or out of range', 'SRANDMEMBER', 'k', '9223372036854775808')
  const range = 'ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807'
  refuses(server, range, 'SRANDMEMBER', 's', '-9223372036854775808')
  refuses(server, 'ERR value is out of range', 'SRANDMEMBER', 's', '-9223372036854775807')
  refuses(server, 'ERR syntax error', 'SRANDMEMBER', 's', '1', '2')
  refuses(server, WRONGTYPE, 'SRANDMEMBER', 'k', '1')
})

/** Returns how often each of the names was drawn. */
function tally(count: number, drawn: readonly Reply[]): number[] {
  const counts = new Map<Reply, number>()
  for (const name of drawn) counts.set(name, (counts.get(name) ?? 0) + 1)
  return names(count).map((name) => counts.get(name) ?? 0)
}

test('SRANDMEMBER chooses every member with equal probability, for any count', () => {
  for (const [count, rounds] of [
    ['3', 4000],
    ['15', 800],
    ['-4', 3000],
  ] as const) {
    const server = filled(20)
    const drawn: Reply[] = []
    for (let round = 0; round < rounds; round++) drawn.push(...(server.run('SRANDMEMBER', 's', count) as Bytes[]))
    // 600 of each are expected, the standard deviation is below 25.
    for (const seen of tally(20, drawn)) assert.ok(seen > 450 && seen < 750, `${count}: ${seen}`)
  }
})

test('SPOP chooses every member with equal probability, for any count', () => {
  for (const [count, rounds] of [
    [2, 1000],
    [5, 400],
  ] as const) {
    const server = filled(10)
    const popped: Reply[] = []
    for (let round = 0; round < rounds; round++) {
      popped.push(...(server.run('SPOP', 's', String(count)) as SetReply).members)
      server.run('SADD', 's', ...names(10))
    }
    // 200 of each are expected, the standard deviation is below 14.
    for (const seen of tally(10, popped)) assert.ok(seen > 115 && seen < 285, `${count}: ${seen}`)
  }
})

test.run()
