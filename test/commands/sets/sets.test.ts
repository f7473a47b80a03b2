/** Set commands: replies, refusals and what is logged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { type Reply, SetReply } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { objects } from '../../../commands/keys/object.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { seeded } from '../../support/generators/seed.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const TINY_PAGES = { inlineBytes: 64, pageBytes: 96, pageElements: 4 }

const start = () => harness([sets, keys, objects, strings])

function membersOf({ run }: Harness, key: Bytes): readonly Reply[] {
  const reply = run('SMEMBERS', key)
  assert.instance(reply, SetReply)
  return (reply as SetReply).members
}

function refuses({ run }: Harness, text: string, ...words: Bytes[]): void {
  assert.throws(
    () => run(...words),
    (error: Error) => error.message === text,
    words.join(' '),
  )
}

test('SADD counts new members and is logged as sent, if there are any', () => {
  const server = start()
  assert.is(server.run('SADD', 's', 'b', 'a', 'b'), 2)
  assert.is(server.run('SADD', 's', 'c', 'a'), 1)
  assert.is(server.run('SADD', 's', 'a', 'b'), 0)
  assert.equal(server.logged(), [
    ['SADD', 's', 'b', 'a', 'b'],
    ['SADD', 's', 'c', 'a'],
  ])
  assert.equal(membersOf(server, 's'), ['a', 'b', 'c'])
  assert.is(server.run('SCARD', 's'), 3)
})

test('members are bytes and may be empty', () => {
  const server = start()
  server.run('SADD', 's', '', '\0', '\xff', '\r\n')
  assert.equal(membersOf(server, 's'), ['', '\0', '\r\n', '\xff'])
  assert.is(server.run('SISMEMBER', 's', ''), 1)
  assert.is(server.run('SISMEMBER', 's', '\xfe'), 0)
})

test('SREM counts removed members, and the last one removes the key', () => {
  const server = start()
  server.run('SADD', 's', 'a', 'b', 'c')
  server.logged()
  assert.is(server.run('SREM', 's', 'x'), 0)
  assert.equal(server.logged(), [])
  assert.is(server.run('SREM', 's', 'a', 'a', 'x'), 1)
  assert.is(server.run('SREM', 's', 'c', 'b', 'a'), 2)
  assert.is(server.run('EXISTS', 's'), 0)
  assert.equal(server.logged(), [
    ['SREM', 's', 'a', 'a', 'x'],
    ['SREM', 's', 'c', 'b', 'a'],
  ])
  assert.is(server.run('SREM', 's', 'a'), 0)
})

test('a missing key counts as the empty set', () => {
  const server = start()
  assert.is(server.run('SISMEMBER', 's', 'a'), 0)
  assert.equal(server.run('SMISMEMBER', 's', 'a', 'b'), [0, 0])
  assert.is(server.run('SCARD', 's'), 0)
  assert.equal(membersOf(server, 's'), [])
  assert.is(server.run('EXISTS', 's'), 0)
})

test('SMISMEMBER answers in the order of its arguments', () => {
  const server = start()
  server.run('SADD', 's', 'a', 'b')
  assert.equal(server.run('SMISMEMBER', 's', 'x', 'b', 'a', 'b'), [0, 1, 1, 1])
})

test('every set command refuses a key of another type and leaves it unchanged', () => {
  const server = start()
  server.run('SET', 'k', 'v')
  server.run('SADD', 's', 'a')
  server.logged()
  for (const words of [
    ['SADD', 'k', 'a'],
    ['SREM', 'k', 'a'],
    ['SISMEMBER', 'k', 'a'],
    ['SMISMEMBER', 'k', 'a'],
    ['SCARD', 'k'],
  ]) {
    refuses(server, WRONGTYPE, ...words)
  }
  for (const words of [
    ['SMEMBERS', 'k'],
    ['SMOVE', 'k', 's', 'a'],
    ['SMOVE', 's', 'k', 'a'],
    ['SMOVE', 's', 'k', 'x'],
    ['SSCAN', 'k', '0'],
  ]) {
    refuses(server, WRONGTYPE, ...words)
  }
  assert.is(server.run('GET', 'k'), 'v')
  assert.equal(membersOf(server, 's'), ['a'])
  assert.equal(server.logged(), [])
})

test('SMOVE creates the destination and removes an emptied source', () => {
  const server = start()
  server.run('SADD', 'from', 'a', 'b')
  server.logged()
  assert.is(server.run('SMOVE', 'from', 'to', 'a'), 1)
  assert.is(server.run('SMOVE', 'from', 'to', 'x'), 0)
  assert.is(server.run('SMOVE', 'from', 'to', 'b'), 1)
  assert.is(server.run('EXISTS', 'from'), 0)
  assert.equal(membersOf(server, 'to'), ['a', 'b'])
  assert.equal(server.logged(), [
    ['SMOVE', 'from', 'to', 'a'],
    ['SMOVE', 'from', 'to', 'b'],
  ])
})

test('SMOVE of a member that the destination has only removes it', () => {
  const server = start()
  server.run('SADD', 'from', 'a', 'b')
  server.run('SADD', 'to', 'a')
  assert.is(server.run('SMOVE', 'from', 'to', 'a'), 1)
  assert.equal(membersOf(server, 'from'), ['b'])
  assert.equal(membersOf(server, 'to'), ['a'])
})

test('SMOVE within one set returns whether the member exists and changes nothing', () => {
  const server = start()
  server.run('SADD', 's', 'a')
  server.logged()
  assert.is(server.run('SMOVE', 's', 's', 'a'), 1)
  assert.is(server.run('SMOVE', 's', 's', 'b'), 0)
  assert.equal(server.logged(), [])
})

test('SMOVE from a missing key returns 0, even to a key of another type', () => {
  const server = start()
  server.run('SET', 'k', 'v')
  assert.is(server.run('SMOVE', 'nowhere', 'k', 'a'), 0)
})

const encoding = ({ run }: Harness, key: Bytes) => run('OBJECT', 'ENCODING', key)

function limited(intset: number, listpack: number, value: number): Harness {
  const server = start()
  server.server.config.set([
    ['set-max-intset-entries', String(intset)],
    ['set-max-listpack-entries', String(listpack)],
    ['set-max-listpack-value', String(value)],
  ])
  return server
}

test('a set of integers is an intset up to its limit, and stays a hashtable beyond', () => {
  const server = limited(3, 100, 64)
  server.run('SADD', 's', '1', '-9223372036854775808', '9223372036854775807')
  assert.is(encoding(server, 's'), 'intset')
  server.run('SADD', 's', '2')
  assert.is(encoding(server, 's'), 'hashtable')
  server.run('SREM', 's', '1', '2')
  assert.is(encoding(server, 's'), 'hashtable')
})

test('a member that only resembles an integer turns an intset into a listpack', () => {
  for (const member of ['01', '+1', '-0', ' 1', '9223372036854775808', '-9223372036854775809', '1.0', '', '1\n', 'a']) {
    const server = limited(512, 128, 64)
    server.run('SADD', 's', '1')
    server.run('SADD', 's', member)
    assert.is(encoding(server, 's'), 'listpack', member)
    server.run('SREM', 's', member)
    assert.is(encoding(server, 's'), 'listpack')
  }
})

test('a listpack becomes a hashtable by its number of members or the length of one', () => {
  const server = limited(512, 2, 5)
  server.run('SADD', 's', 'a', '1')
  assert.is(encoding(server, 's'), 'listpack')
  server.run('SADD', 's', 'b')
  assert.is(encoding(server, 's'), 'hashtable')
  server.run('SADD', 'long', '12345', 'abcdef')
  assert.is(encoding(server, 'long'), 'hashtable')
  server.run('SADD', 'integers', '123456')
  assert.is(encoding(server, 'integers'), 'intset')
  server.run('SADD', 'integers', 'a')
  assert.is(encoding(server, 'integers'), 'hashtable', 'the integer is too long for a listpack')
})

test('the encoding survives eviction', async () => {
  const server = limited(2, 2, 64)
  server.run('SADD', 'hashtable', 'a', 'b', 'c')
  server.run('SREM', 'hashtable', 'b', 'c')
  server.run('SADD', 'listpack', '1', 'a')
  server.run('SADD', 'intset', '1')
  await server.toDisk()
  assert.is(server.keyspace.database(0).residentKeys, 0)
  for (const name of ['hashtable', 'listpack', 'intset']) assert.is(encoding(server, name), name)
})

test('an encoding that changes after a checkpoint is in the next one', async () => {
  const server = limited(1, 128, 64)
  server.run('SADD', 's', '1')
  await server.checkpoint()
  server.run('SADD', 's', '2')
  await server.toDisk()
  assert.is(encoding(server, 's'), 'hashtable')
  assert.equal(membersOf(server, 's'), ['1', '2'])
})

test('a set of many pages equals a JavaScript set through checkpoints and evictions', async () => {
  const { integer } = seeded('sets')
  const server = start()
  server.keyspace.pageLimits = TINY_PAGES
  const twin = new Set<Bytes>()
  for (let round = 0; round < 6; round++) {
    for (let step = 0; step < 300; step++) {
      const member = `m${integer(400)}`
      if (integer(5) < (round < 4 ? 3 : 1)) assert.is(server.run('SADD', 's', member), twin.has(member) ? 0 : twin.add(member) && 1)
      else assert.is(server.run('SREM', 's', member), twin.delete(member) ? 1 : 0)
    }
    if (round % 2 === 0) await server.toDisk()
    assert.equal(membersOf(server, 's'), [...twin].sort())
    assert.is(server.run('SCARD', 's'), twin.size)
    for (let i = 0; i < 400; i += 7) assert.is(server.run('SISMEMBER', 's', `m${i}`), twin.has(`m${i}`) ? 1 : 0)
  }
})

test('the log makes the same sets', () => {
  const { integer } = seeded('logged sets')
  const server = start()
  for (let step = 0; step < 500; step++) {
    const [a, b] = [`s${integer(3)}`, `s${integer(3)}`]
    const member = `m${integer(20)}`
    if (integer(3) > 0) server.run('SADD', a, member)
    else if (integer(2) > 0) server.run('SREM', a, member)
    else server.run('SMOVE', a, b, member)
  }
  const again = start()
  again.replay(server.logged())
  for (const key of ['s0', 's1', 's2']) assert.equal(membersOf(again, key), membersOf(server, key))
})

test.run()
