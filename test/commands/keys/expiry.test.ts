/** Deadlines of keys: conditions, replies, what is logged and replayed. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { harness } from '../../support/harness/harness.ts'

const start = () => harness([strings, keys, expiry])
const throwsText = (run: () => unknown, text: string) => assert.throws(run, (error: Error) => error.message === text)

test('relative and absolute deadlines are logged in absolute ms', () => {
  const { run, keyspace, logged } = start()
  const { nowMs } = keyspace
  run('SET', 'a', '1')
  logged()
  assert.is(run('EXPIRE', 'a', '10'), 1)
  assert.is(run('PEXPIRE', 'a', '1500'), 1)
  assert.is(run('EXPIREAT', 'a', '4000000000'), 1)
  assert.is(run('PEXPIREAT', 'a', '4000000000123'), 1)
  assert.is(run('EXPIRE', 'x', '10'), 0)
  assert.equal(logged(), [
    ['PEXPIREAT', 'a', String(nowMs + 10_000)],
    ['PEXPIREAT', 'a', String(nowMs + 1500)],
    ['PEXPIREAT', 'a', '4000000000000'],
    ['PEXPIREAT', 'a', '4000000000123'],
  ])
})

test('TTL returns the time left in rounded seconds, PTTL in ms; EXPIRETIME and PEXPIRETIME the deadline', () => {
  const { run, keyspace, advance } = start()
  run('SET', 'a', '1')
  for (const name of ['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']) {
    assert.is(run(name, 'a'), -1)
    assert.is(run(name, 'x'), -2)
  }
  run('PEXPIRE', 'a', '10499')
  assert.equal([run('TTL', 'a'), run('PTTL', 'a')], [10, 10_499])
  advance(9)
  assert.equal([run('TTL', 'a'), run('PTTL', 'a')], [10, 10_490])
  run('PEXPIRE', 'a', '10500')
  assert.is(run('TTL', 'a'), 11)
  assert.is(run('PEXPIRETIME', 'a'), keyspace.nowMs + 10_500)
  assert.is(run('EXPIRETIME', 'a'), Math.floor((keyspace.nowMs + 11_000) / 1000))
  advance(10_500)
  assert.is(run('TTL', 'a'), -2)
})

test('a past deadline deletes the key and is logged as a deletion', () => {
  const { run, keyspace, logged } = start()
  for (const args of [
    ['EXPIRE', 'a', '0'],
    ['EXPIRE', 'a', '-1'],
    ['PEXPIRE', 'a', '-9223372036854775808'],
    ['EXPIREAT', 'a', '1'],
    ['PEXPIREAT', 'a', String(keyspace.nowMs)],
    ['PEXPIREAT', 'a', '-5'],
  ]) {
    run('SET', 'a', '1')
    logged()
    assert.is(run(...args), 1)
    assert.is(run('EXISTS', 'a'), 0)
    assert.equal(logged(), [['DEL', 'a']])
  }
})

test('replay sets deadlines that have passed as they are', () => {
  const { run, keyspace, replay, logged } = start()
  replay([
    ['SET', 'a', '1'],
    ['PEXPIREAT', 'a', '1600000000000'],
  ])
  assert.is(keyspace.database(0).resident('a')!.expireAtMs, 1_600_000_000_000)
  assert.is(run('TTL', 'a'), -2)
  assert.equal(logged(), [['DEL', 'a']])
})

test('NX, XX, GT and LT compare with the present deadline, where none is later than any', () => {
  const { run } = start()
  const after = (present: string | null, ...args: string[]) => {
    run('SET', 'a', '1')
    if (present !== null) run('EXPIRE', 'a', present)
    return [run('EXPIRE', 'a', ...args), run('TTL', 'a')]
  }
  assert.equal(after(null, '10', 'NX'), [1, 10])
  assert.equal(after('100', '10', 'nx'), [0, 100])
  assert.equal(after(null, '10', 'XX'), [0, -1])
  assert.equal(after('100', '10', 'XX'), [1, 10])
  assert.equal(after(null, '10', 'GT'), [0, -1])
  assert.equal(after('100', '10', 'GT'), [0, 100])
  assert.equal(after('100', '100', 'GT'), [0, 100])
  assert.equal(after('100', '200', 'GT'), [1, 200])
  assert.equal(after(null, '10', 'LT'), [1, 10])
  assert.equal(after('100', '10', 'LT'), [1, 10])
  assert.equal(after('100', '200', 'LT'), [0, 100])
  assert.equal(after('100', '200', 'XX', 'GT'), [1, 200])
  assert.equal(after(null, '10', 'XX', 'LT'), [0, -1])
  assert.equal(after(null, '10', 'NX', 'NX'), [1, 10])
})

test('incompatible and unknown options are refused before the time is parsed', () => {
  const { run } = start()
  const nx = 'ERR NX and XX, GT or LT options at the same time are not compatible'
  for (const other of ['XX', 'GT', 'LT']) throwsText(() => run('EXPIRE', 'a', 'x', 'NX', other), nx)
  throwsText(() => run('EXPIRE', 'a', '1', 'GT', 'LT'), 'ERR GT and LT options at the same time are not compatible')
  throwsText(() => run('EXPIRE', 'a', 'x', 'Foo'), 'ERR Unsupported option Foo')
  throwsText(() => run('EXPIRE', 'a', 'x'), 'ERR value is not an integer or out of range')
})

test('times outside of 64 bits are refused, even for absent keys', () => {
  const { run, keyspace, logged } = start()
  run('SET', 'a', '1')
  logged()
  const refused: [string, string][] = [
    ['EXPIRE', '9223372036854775807'],
    ['EXPIRE', '9223372036854775'],
    ['EXPIRE', '-9223372036854776'],
    ['PEXPIRE', '9223372036854775807'],
    ['PEXPIRE', String(9223372036854775807n - BigInt(keyspace.nowMs) + 1n)],
    ['EXPIREAT', '9223372036854776'],
  ]
  for (const [name, time] of refused) {
    for (const key of ['a', 'x']) throwsText(() => run(name, key, time), `ERR invalid expire time in '${name.toLowerCase()}' command`)
  }
  assert.equal(logged(), [])
})

test('deadlines past 2^53 ms become 2^53 - 1, and the key stays', () => {
  const { run, logged } = start()
  run('SET', 'a', '1')
  logged()
  assert.is(run('PEXPIREAT', 'a', '9223372036854775807'), 1)
  assert.is(run('PEXPIRETIME', 'a'), Number.MAX_SAFE_INTEGER)
  assert.is(run('EXPIREAT', 'a', '9223372036854775', 'GT'), 0)
  assert.equal(logged(), [['PEXPIREAT', 'a', '9007199254740991']])
})

test('PERSIST removes a deadline', () => {
  const { run, logged } = start()
  run('SET', 'a', '1')
  assert.is(run('PERSIST', 'a'), 0)
  assert.is(run('PERSIST', 'x'), 0)
  run('EXPIRE', 'a', '10')
  logged()
  assert.is(run('PERSIST', 'a'), 1)
  assert.is(run('TTL', 'a'), -1)
  assert.equal(logged(), [['PERSIST', 'a']])
})

test('EXPIRE keeps the count of volatile keys exact', () => {
  const { run, keyspace } = start()
  const db = keyspace.database(0)
  run('MSET', 'a', '1', 'b', '2')
  run('EXPIRE', 'a', '10')
  run('EXPIRE', 'a', '20')
  run('EXPIRE', 'b', '20')
  assert.is(db.volatileCount, 2)
  run('PERSIST', 'a')
  run('EXPIRE', 'b', '-1')
  assert.equal([db.volatileCount, db.keyCount], [0, 1])
})

test.run()
