/** Hash commands: replies, refusals and what is logged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MapReply } from '../../../commands/contract/reply.ts'
import { hashes } from '../../../commands/hashes/hashes.ts'
import { hashNumbers } from '../../../commands/hashes/numbers.ts'
import { hashReading } from '../../../commands/hashes/reading.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { strings } from '../../../commands/strings/strings.ts'
import type { Hash } from '../../../storage/values/hash.ts'
import { fromSeed } from '../../support/generators/seed.ts'
import { harness } from '../../support/harness/harness.ts'

const CONFIG = { 'hash-max-listpack-entries': 4, 'hash-max-listpack-value': 8 }
const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'

const start = (session = {}) =>
  harness([hashes, hashNumbers, hashReading, keys, strings], { config: CONFIG, session, server: { random: fromSeed(1).random } })

test('HSET counts new fields, HMSET returns OK, and both are logged as sent', () => {
  const { run, plain, logged } = start()
  assert.is(run('HSET', 'h', 'a', '1', 'b', '2', 'a', '3'), 2)
  assert.is(plain('HMSET', 'h', 'b', '4', 'c', '5'), 'OK')
  assert.equal(logged(), [
    ['HSET', 'h', 'a', '1', 'b', '2', 'a', '3'],
    ['HMSET', 'h', 'b', '4', 'c', '5'],
  ])
  assert.is(run('HSET', 'h', 'a', '3'), 0)
  assert.is(logged().length, 1, 'the same value counts as a change, as in Redis')
  assert.equal(plain('HGETALL', 'h'), ['a', '3', 'b', '4', 'c', '5'])
})

test('a field without a value is refused and changes nothing', () => {
  const { error, run } = start()
  for (const name of ['hset', 'hmset']) assert.is(error(name, 'h', 'a', '1', 'b'), `ERR wrong number of arguments for '${name}' command`)
  assert.is(run('EXISTS', 'h'), 0)
})

test('HSETNX sets only absent fields', () => {
  const { run, logged } = start()
  assert.is(run('HSETNX', 'h', 'a', '1'), 1)
  logged()
  assert.is(run('HSETNX', 'h', 'a', '2'), 0)
  assert.is(run('HGET', 'h', 'a'), '1')
  assert.equal(logged(), [])
})

test('fields and values are bytes and may be empty', () => {
  const { run, plain } = start()
  run('HSET', 'h', '', '', '\0\xff', '\r\n')
  assert.is(run('HGET', 'h', ''), '')
  assert.equal(plain('HMGET', 'h', '\0\xff', 'x', ''), ['\r\n', null, ''])
})

test('missing keys and fields are nil, zero or empty', () => {
  const { run, plain } = start()
  run('HSET', 'h', 'a', 'four')
  assert.equal([run('HGET', 'h', 'x'), run('HGET', 'x', 'a')], [null, null])
  assert.equal(
    [plain('HMGET', 'h', 'x', 'a'), plain('HMGET', 'x', 'a', 'b')],
    [
      [null, 'four'],
      [null, null],
    ],
  )
  assert.equal([run('HEXISTS', 'h', 'a'), run('HEXISTS', 'h', 'x'), run('HEXISTS', 'x', 'a')], [1, 0, 0])
  assert.equal([run('HSTRLEN', 'h', 'a'), run('HSTRLEN', 'h', 'x'), run('HSTRLEN', 'x', 'a')], [4, 0, 0])
  assert.equal([run('HLEN', 'h'), run('HLEN', 'x')], [1, 0])
  for (const name of ['HGETALL', 'HKEYS', 'HVALS']) assert.equal(plain(name, 'x'), [])
})

test('HGETALL is a map in RESP3', () => {
  const { run } = start()
  run('HSET', 'h', 'b', '2', 'a', '1')
  assert.equal(run('HGETALL', 'h'), new MapReply(['a', '1', 'b', '2']))
  assert.equal(run('HGETALL', 'x'), new MapReply([]))
  assert.equal(
    [run('HKEYS', 'h'), run('HVALS', 'h')],
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  )
})

test('HDEL counts deleted fields, and the hash is deleted with its last field', () => {
  const { run, logged, keyspace } = start()
  run('HSET', 'h', 'a', '1', 'b', '2', 'c', '3')
  logged()
  assert.is(run('HDEL', 'h', 'x', 'y'), 0)
  assert.is(run('HDEL', 'x', 'a'), 0)
  assert.equal(logged(), [])
  assert.is(run('HDEL', 'h', 'a', 'x', 'a'), 1)
  assert.is(run('HDEL', 'h', 'b', 'c', 'b'), 2)
  assert.equal([run('EXISTS', 'h'), keyspace.keyCount], [0, 0])
  assert.is(run('HSET', 'h', 'a', '1'), 1)
})

test('commands on a key of another type are refused first', () => {
  const { run, error, logged } = start()
  run('SET', 's', 'x')
  logged()
  for (const words of [
    ['HSET', 's', 'a', '1'],
    ['HMSET', 's', 'a', '1'],
    ['HSETNX', 's', 'a', '1'],
    ['HGET', 's', 'a'],
    ['HMGET', 's', 'a'],
    ['HGETALL', 's'],
    ['HKEYS', 's'],
    ['HVALS', 's'],
    ['HDEL', 's', 'a'],
    ['HEXISTS', 's', 'a'],
    ['HLEN', 's'],
    ['HSTRLEN', 's', 'a'],
    ['HINCRBY', 's', 'a', '1'],
    ['HINCRBYFLOAT', 's', 'a', '1'],
    ['HRANDFIELD', 's'],
    ['HRANDFIELD', 's', '0'],
    ['HSCAN', 's', '0'],
  ])
    assert.is(error(...words), WRONGTYPE, words[0])
  run('HSET', 'h', 'a', '1')
  assert.is(error('GET', 'h'), WRONGTYPE)
  assert.is(error('GETSET', 'h', 'x'), WRONGTYPE)
  assert.equal(logged(), [['HSET', 'h', 'a', '1']])
})

test("HINCRBY adds exact 64-bit integers and has Redis's errors", () => {
  const { run, error, logged } = start()
  assert.is(run('HINCRBY', 'h', 'n', '5'), 5)
  assert.is(run('HINCRBY', 'h', 'n', '-7'), -2)
  run('HSET', 'h', 'big', '9223372036854775806', 'text', 'x', 'empty', '', 'space', ' 1')
  assert.is(run('HINCRBY', 'h', 'big', '1'), 9223372036854775807n)
  assert.is(run('HGET', 'h', 'big'), '9223372036854775807')
  logged()
  assert.is(error('HINCRBY', 'h', 'big', '1'), 'ERR increment or decrement would overflow')
  for (const field of ['text', 'empty', 'space']) assert.is(error('HINCRBY', 'h', field, '1'), 'ERR hash value is not an integer')
  for (const by of ['x', '1.5', '9223372036854775808', ''])
    assert.is(error('HINCRBY', 'h', 'n', by), 'ERR value is not an integer or out of range')
  assert.is(error('HINCRBY', 'x', 'n', 'x'), 'ERR value is not an integer or out of range')
  assert.equal([run('EXISTS', 'x'), logged()], [0, []])
})

test('HINCRBYFLOAT adds long doubles and is logged as the resulting value', () => {
  const { run, error, logged } = start()
  assert.is(run('HINCRBYFLOAT', 'h', 'n', '0.1'), '0.1')
  assert.is(run('HINCRBYFLOAT', 'h', 'n', '0.2'), '0.3')
  assert.is(run('HINCRBYFLOAT', 'h', 'm', '5.0e3'), '5000')
  assert.equal(logged(), [
    ['HSET', 'h', 'n', '0.1'],
    ['HSET', 'h', 'n', '0.3'],
    ['HSET', 'h', 'm', '5000'],
  ])
  run('HSET', 'h', 'text', 'x', 'inf', 'inf')
  logged()
  assert.is(error('HINCRBYFLOAT', 'h', 'text', '1'), 'ERR hash value is not a float')
  assert.is(error('HINCRBYFLOAT', 'h', 'inf', '1'), 'ERR increment would produce NaN or Infinity')
  for (const by of ['inf', '-inf']) assert.is(error('HINCRBYFLOAT', 'h', 'n', by), 'ERR value is NaN or Infinity')
  for (const by of ['nan', 'x', '', ' 1']) assert.is(error('HINCRBYFLOAT', 'h', 'n', by), 'ERR value is not a valid float')
  assert.equal(logged(), [])
})

test('a hash that outgrows the listpack limits stays a hashtable', () => {
  const { run, keyspace } = start()
  const encoding = () => (keyspace.database(0).peek('h')!.value as Hash).encodingName
  run('HSET', 'h', 'a', '12345678', '12345678', '1', 'c', '1', 'd', '1')
  assert.is(encoding(), 'listpack')
  run('HSET', 'h', 'e', '1')
  assert.is(encoding(), 'hashtable')
  run('HDEL', 'h', 'a', 'c', 'd', 'e')
  assert.is(encoding(), 'hashtable')
  run('DEL', 'h')
  for (const words of [
    ['HSET', 'h', 'a', '123456789'],
    ['HSETNX', 'h', '123456789', '1'],
    ['HINCRBY', 'h', 'n', '123456789'],
    ['HINCRBYFLOAT', 'h', 'n', '1234567.5'],
  ]) {
    run(...words)
    assert.is(encoding(), 'hashtable', words[0])
    run('DEL', 'h')
  }
})

test('HRANDFIELD returns one field, distinct fields, or fields with repetition', () => {
  const { run, plain, logged } = start()
  const all = ['a', 'b', 'c', 'd', 'e', 'f']
  run('HSET', 'h', ...all.flatMap((field) => [field, `${field}!`]))
  logged()
  assert.is(run('HRANDFIELD', 'x'), null)
  assert.equal([run('HRANDFIELD', 'x', '5'), run('HRANDFIELD', 'x', '-5', 'WITHVALUES'), run('HRANDFIELD', 'h', '0')], [[], [], []])
  const seen = new Set<unknown>()
  for (let i = 0; i < 50; i++) seen.add(run('HRANDFIELD', 'h'))
  assert.equal([...seen].sort(), all)
  for (let count = 1; count <= 7; count++) {
    const drawn = plain('HRANDFIELD', 'h', String(count)) as string[]
    assert.is(new Set(drawn).size, Math.min(count, 6))
    assert.is(drawn.length, Math.min(count, 6))
    assert.ok(drawn.every((field) => all.includes(field)))
  }
  const often = plain('HRANDFIELD', 'h', '-20') as string[]
  assert.is(often.length, 20)
  assert.ok(new Set(often).size > 3)
  assert.equal(logged(), [])
})

test('HRANDFIELD WITHVALUES is flat in RESP2 and in pairs in RESP3', () => {
  const flat = start()
  flat.run('HSET', 'h', 'a', '1', 'b', '2')
  assert.equal(flat.run('HRANDFIELD', 'h', '5', 'withvalues'), ['a', '1', 'b', '2'])
  assert.is((flat.run('HRANDFIELD', 'h', '-3', 'withvalues') as string[]).length, 6)
  const paired = start({ resp: 3 })
  paired.run('HSET', 'h', 'a', '1', 'b', '2')
  assert.equal(paired.run('HRANDFIELD', 'h', '2', 'WITHVALUES'), [
    ['a', '1'],
    ['b', '2'],
  ])
})

test('HRANDFIELD chooses every field with equal probability', () => {
  const { run } = start()
  const all = Array.from({ length: 50 }, (_, i) => `f${i}`)
  run('HSET', 'h', ...all.flatMap((field) => [field, '1']))
  for (const count of ['1', '10', '40', '-10']) {
    const times = new Map<string, number>()
    const each = Math.abs(Number(count))
    for (let i = 0; i < 10_000 / each; i++)
      for (const field of run('HRANDFIELD', 'h', count) as string[]) times.set(field, (times.get(field) ?? 0) + 1)
    for (const field of all) assert.ok(Math.abs((times.get(field) ?? 0) - 200) < 100, `${field} of ${count}: ${times.get(field)}`)
  }
})

test('HRANDFIELD refuses counts and options like Redis', () => {
  const { run, error } = start()
  run('HSET', 'h', 'a', '1')
  assert.is(error('HRANDFIELD', 'h', 'x'), 'ERR value is not an integer or out of range')
  assert.is(error('HRANDFIELD', 'h', '9223372036854775808'), 'ERR value is not an integer or out of range')
  assert.is(
    error('HRANDFIELD', 'h', '-9223372036854775808'),
    'ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807',
  )
  assert.is(error('HRANDFIELD', 'h', '-9223372036854770000', 'WITHVALUES'), 'ERR value is out of range')
  assert.is(error('HRANDFIELD', 'h', '-16777217'), 'ERR value is out of range')
  assert.is(error('HRANDFIELD', 'h', '1', 'x'), 'ERR syntax error')
  assert.is(error('HRANDFIELD', 'h', '1', 'WITHVALUES', 'x'), 'ERR syntax error')
  assert.equal(run('HRANDFIELD', 'h', '9223372036854775807'), ['a'])
})

test('HSCAN returns fields with or without values, filtered by MATCH', () => {
  const { plain, run, error } = start()
  run('HSET', 'h', 'a1', '1', 'a2', '2', 'b1', '3')
  assert.equal(plain('HSCAN', 'h', '0'), ['0', ['a1', '1', 'a2', '2', 'b1', '3']])
  assert.equal(plain('HSCAN', 'h', '0', 'MATCH', 'a*', 'COUNT', '100', 'NOVALUES'), ['0', ['a1', 'a2']])
  assert.equal(plain('HSCAN', 'x', '0'), ['0', []])
  assert.is(error('HSCAN', 'h', 'x'), 'ERR invalid cursor')
  assert.is(error('HSCAN', 'h', '0', 'COUNT', '0'), 'ERR syntax error')
})

test('hashes are copied, renamed and deleted completely', () => {
  const { run, plain } = start()
  run('HSET', 'h', 'a', '1', 'b', '2')
  run('COPY', 'h', 'c')
  run('HSET', 'c', 'a', '3')
  run('RENAME', 'h', 'r')
  assert.equal(
    [plain('HGETALL', 'c'), plain('HGETALL', 'r')],
    [
      ['a', '3', 'b', '2'],
      ['a', '1', 'b', '2'],
    ],
  )
  assert.is(run('DEL', 'c', 'r', 'h'), 2)
})

test.run()
