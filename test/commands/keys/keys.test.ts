/** DEL, EXISTS, TYPE, RENAME, COPY and MOVE: replies and what is logged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OK, SimpleString } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { stringRanges } from '../../../commands/strings/ranges.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { Rope } from '../../../storage/values/rope.ts'
import { harness } from '../../support/harness/harness.ts'

const start = () => harness([strings, stringRanges, keys])
const throwsText = (run: () => unknown, text: string) => assert.throws(run, (error: Error) => error.message === text)

test('DEL and UNLINK count the deleted keys, and log only those', () => {
  const { run, logged } = start()
  run('MSET', 'a', '1', 'b', '2', 'c', '3')
  logged()
  assert.is(run('DEL', 'a', 'x', 'a', 'b'), 2)
  assert.is(run('UNLINK', 'c', 'c'), 1)
  assert.is(run('DEL', 'a'), 0)
  assert.equal(logged(), [
    ['DEL', 'a', 'x', 'a', 'b'],
    ['UNLINK', 'c', 'c'],
  ])
})

test('EXISTS counts a key each time it is named, and does not count as a use', () => {
  const { run, keyspace, advance } = start()
  run('SET', 'a', '1')
  const { lastUse } = keyspace.database(0).peek('a')!
  advance(5000)
  assert.is(run('EXISTS', 'a', 'a', 'x'), 2)
  assert.is(keyspace.database(0).peek('a')!.lastUse, lastUse)
  assert.equal([keyspace.hits, keyspace.misses], [2, 1])
  assert.is(run('TOUCH', 'a', 'x'), 1)
  assert.is(keyspace.database(0).peek('a')!.lastUse, lastUse + 5)
})

test('TYPE names the type of short and long strings', () => {
  const { run } = start()
  run('SET', 'a', '1')
  run('SET', 'rope', 'x'.repeat(100_000))
  for (const key of ['a', 'rope']) assert.equal(run('TYPE', key), new SimpleString('string'))
  assert.equal(run('TYPE', 'x'), new SimpleString('none'))
})

test('RENAME moves value and deadline to the new key and replaces what it held', () => {
  const { run, keyspace, logged } = start()
  const db = keyspace.database(0)
  run('SET', 'a', '1', 'PX', '5000')
  run('SET', 'b', '2')
  logged()
  assert.is(run('RENAME', 'a', 'b'), OK)
  assert.is(db.peek('a'), undefined)
  assert.is(db.peek('b')!.value, '1')
  assert.is(db.peek('b')!.expireAtMs, keyspace.nowMs + 5000)
  assert.equal([db.keyCount, db.volatileCount], [1, 1])
  assert.is(run('RENAME', 'b', 'b'), OK)
  assert.equal(logged(), [['RENAME', 'a', 'b']], 'a key renamed to itself is no change')
  throwsText(() => run('RENAME', 'x', 'x'), 'ERR no such key')
})

test('RENAMENX does not replace an existing key', () => {
  const { run, logged } = start()
  run('MSET', 'a', '1', 'b', '2')
  logged()
  assert.is(run('RENAMENX', 'a', 'b'), 0)
  assert.is(run('RENAMENX', 'a', 'a'), 0)
  assert.is(run('RENAMENX', 'a', 'c'), 1)
  assert.is(run('GET', 'c'), '1')
  assert.equal(logged(), [['RENAMENX', 'a', 'c']])
  throwsText(() => run('RENAMENX', 'x', 'b'), 'ERR no such key')
})

test('RENAME onto an expired key logs its deletion first', () => {
  const { run, logged, advance } = start()
  run('SET', 'a', '1')
  run('SET', 'b', '2', 'PX', '10')
  advance(20)
  logged()
  run('RENAME', 'a', 'b')
  assert.equal(logged(), [
    ['DEL', 'b'],
    ['RENAME', 'a', 'b'],
  ])
})

test('COPY copies value and deadline, and replaces a key only with REPLACE', () => {
  const { run, keyspace, logged } = start()
  run('SET', 'a', '1', 'PX', '5000')
  logged()
  assert.is(run('COPY', 'a', 'b'), 1)
  assert.is(keyspace.database(0).peek('b')!.expireAtMs, keyspace.nowMs + 5000)
  run('SET', 'a', '2')
  assert.is(run('COPY', 'a', 'b'), 0)
  assert.is(run('COPY', 'a', 'b', 'REPLACE'), 1)
  assert.is(run('GET', 'b'), '2')
  assert.is(keyspace.database(0).peek('b')!.expireAtMs, 0, 'the deadline is replaced')
  assert.is(run('COPY', 'a', 'a', 'db', '3'), 1)
  assert.is(keyspace.database(3).peek('a')!.value, '2')
  assert.is(run('COPY', 'x', 'b'), 0)
  assert.equal(logged(), [
    ['COPY', 'a', 'b'],
    ['SET', 'a', '2'],
    ['COPY', 'a', 'b', 'REPLACE'],
    ['COPY', 'a', 'a', 'db', '3'],
  ])
})

test("COPY has Redis's errors", () => {
  const { run } = start()
  run('SET', 'a', '1')
  const same = 'ERR source and destination objects are the same'
  throwsText(() => run('COPY', 'a', 'a'), same)
  throwsText(() => run('COPY', 'x', 'x', 'DB', '0'), same)
  throwsText(() => run('COPY', 'a', 'b', 'DB', '16'), 'ERR DB index is out of range')
  throwsText(() => run('COPY', 'a', 'b', 'DB', '-1'), 'ERR DB index is out of range')
  throwsText(() => run('COPY', 'a', 'b', 'DB', 'x'), 'ERR value is not an integer or out of range')
  throwsText(() => run('COPY', 'a', 'b', 'DB', '99999999999'), 'ERR value is out of range, value must between -2147483648 and 2147483647')
  throwsText(() => run('COPY', 'a', 'b', 'DB'), 'ERR syntax error')
  throwsText(() => run('COPY', 'a', 'b', 'BAD'), 'ERR syntax error')
})

test('a copy of a long string is independent', () => {
  const { run, keyspace } = start()
  const text = 'x'.repeat(100_000)
  run('SET', 'a', text)
  run('COPY', 'a', 'b')
  run('COPY', 'a', 'b', 'DB', '1')
  run('APPEND', 'a', 'more')
  for (const db of [keyspace.database(0), keyspace.database(1)]) {
    const value = db.peek('b')!.value as Rope
    assert.instance(value, Rope)
    assert.is(value.read(0, value.length).latin1Slice(), text)
  }
})

test('a long string keeps its pages when renamed and moved, even while they are being written', async () => {
  const { run, keyspace, records, checkpoint } = start()
  const text = 'y'.repeat(100_000)
  run('SET', 'a', text)
  records.holdWrites()
  const landing = checkpoint()
  run('RENAME', 'a', 'b')
  records.releaseWrites()
  await landing
  run('MOVE', 'b', '2')
  await checkpoint()
  const value = keyspace.database(2).peek('b')!.value as Rope
  assert.is(value.read(0, value.length).latin1Slice(), text)
  assert.is(keyspace.database(0).keyCount, 0)
  assert.is(keyspace.database(2).keyCount, 1)
})

test('MOVE moves a key to a database that lacks it', () => {
  const { run, keyspace, logged } = start()
  run('SET', 'a', '1', 'PX', '5000')
  logged()
  assert.is(run('MOVE', 'a', '1'), 1)
  assert.is(keyspace.database(1).peek('a')!.expireAtMs, keyspace.nowMs + 5000)
  run('SET', 'a', '2')
  assert.is(run('MOVE', 'a', '1'), 0)
  assert.is(run('MOVE', 'x', '1'), 0)
  assert.equal(logged(), [
    ['MOVE', 'a', '1'],
    ['SET', 'a', '2'],
  ])
  throwsText(() => run('MOVE', 'a', '0'), 'ERR source and destination objects are the same')
  throwsText(() => run('MOVE', 'a', '99'), 'ERR DB index is out of range')
  throwsText(() => run('MOVE', 'a', 'x'), 'ERR value is not an integer or out of range')
})

test.run()
