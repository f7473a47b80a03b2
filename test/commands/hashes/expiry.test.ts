/** Deadlines of hash fields: conditions, replies, what is logged and replayed. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { MapReply, type Reply } from '../../../commands/contract/reply.ts'
import { hashExpiry } from '../../../commands/hashes/expiry.ts'
import { hashes } from '../../../commands/hashes/hashes.ts'
import { hashNumbers } from '../../../commands/hashes/numbers.ts'
import { hashReading } from '../../../commands/hashes/reading.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { Hash } from '../../../storage/values/hash.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const start = () => harness([hashes, hashNumbers, hashReading, hashExpiry, keys, expiry, strings])
const throwsText = (run: () => unknown, text: string) => assert.throws(run, (error: Error) => error.message === text)

/** Returns a server with a hash h of the fields a, b and c, without deadlines. */
function filled(): Harness {
  const made = start()
  made.run('HSET', 'h', 'a', '1', 'b', '2', 'c', '3')
  made.logged()
  return made
}

const hashAt = ({ keyspace }: Harness, key = 'h'): Hash => {
  const value = keyspace.database(0).resident(key)?.value
  if (!(value instanceof Hash)) throw new Error(`${key} holds no hash`)
  return value
}

/** Returns HPTTL of these fields. */
const left = ({ run }: Harness, ...fields: Bytes[]): Reply => run('HPTTL', 'h', 'FIELDS', String(fields.length), ...fields)

test('field deadlines are logged in absolute ms, for the changed fields only', () => {
  const { run, keyspace, logged } = filled()
  const { nowMs } = keyspace
  assert.equal(run('HEXPIRE', 'h', '10', 'FIELDS', '2', 'a', 'x'), [1, -2])
  assert.equal(run('HPEXPIRE', 'h', '1500', 'NX', 'FIELDS', '2', 'a', 'b'), [0, 1])
  assert.equal(run('HEXPIREAT', 'h', '4000000000', 'FIELDS', '1', 'a'), [1])
  assert.equal(run('hpexpireat', 'h', '4000000000123', 'xx', 'fields', '3', 'a', 'b', 'c'), [1, 1, 0])
  assert.equal(run('HPEXPIREAT', 'h', '4000000000123', 'NX', 'FIELDS', '1', 'a'), [0])
  assert.equal(logged(), [
    ['HPEXPIREAT', 'h', String(nowMs + 10_000), 'FIELDS', '1', 'a'],
    ['HPEXPIREAT', 'h', String(nowMs + 1500), 'FIELDS', '1', 'b'],
    ['HPEXPIREAT', 'h', '4000000000000', 'FIELDS', '1', 'a'],
    ['HPEXPIREAT', 'h', '4000000000123', 'FIELDS', '2', 'a', 'b'],
  ])
})

test('HTTL and HPTTL return the time left, seconds rounded up; HEXPIRETIME and HPEXPIRETIME the deadline', () => {
  const { run, keyspace, advance } = filled()
  const { nowMs } = keyspace
  run('HPEXPIRE', 'h', '1001', 'FIELDS', '1', 'a')
  assert.equal(run('HPTTL', 'h', 'FIELDS', '3', 'a', 'b', 'x'), [1001, -1, -2])
  assert.equal(run('HTTL', 'h', 'FIELDS', '3', 'a', 'b', 'x'), [2, -1, -2])
  assert.equal(run('HPEXPIRETIME', 'h', 'FIELDS', '3', 'a', 'b', 'x'), [nowMs + 1001, -1, -2])
  assert.equal(run('HEXPIRETIME', 'h', 'FIELDS', '1', 'a'), [Math.ceil((nowMs + 1001) / 1000)])
  advance(1)
  assert.equal([run('HPTTL', 'h', 'FIELDS', '1', 'a'), run('HTTL', 'h', 'FIELDS', '1', 'a')], [[1000], [1]])
  for (const name of ['HTTL', 'HPTTL', 'HEXPIRETIME', 'HPEXPIRETIME', 'HPERSIST'])
    assert.equal(run(name, 'x', 'FIELDS', '2', 'a', 'b'), [-2, -2], name)
  assert.equal(run('HEXPIRE', 'x', '10', 'FIELDS', '2', 'a', 'b'), [-2, -2])
})

test('NX, XX, GT and LT compare with the present deadline, where none is later than any', () => {
  const after = (present: string | null, time: string, ...condition: string[]) => {
    const { run } = filled()
    if (present !== null) run('HEXPIRE', 'h', present, 'FIELDS', '1', 'a')
    return [
      ...(run('HEXPIRE', 'h', time, ...condition, 'FIELDS', '1', 'a') as number[]),
      ...(run('HTTL', 'h', 'FIELDS', '1', 'a') as number[]),
    ]
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
  assert.equal(after('100', '100', 'LT'), [0, 100])
  assert.equal(after('100', '200', 'LT'), [0, 100])
  assert.equal(after('100', '200'), [1, 200])
})

test('a past deadline deletes the fields that meet the condition, and is logged as a deletion', () => {
  const { run, logged } = filled()
  run('HEXPIRE', 'h', '10', 'FIELDS', '1', 'c')
  logged()
  assert.equal(run('HPEXPIREAT', 'h', '1', 'NX', 'FIELDS', '4', 'a', 'a', 'x', 'c'), [2, -2, -2, 0])
  assert.equal(run('HEXPIRE', 'h', '0', 'FIELDS', '1', 'b'), [2])
  assert.equal(run('HKEYS', 'h'), ['c'])
  assert.equal(run('HPEXPIRE', 'h', '0', 'FIELDS', '1', 'c'), [2])
  assert.is(run('EXISTS', 'h'), 0)
  assert.equal(logged(), [
    ['HDEL', 'h', 'a'],
    ['HDEL', 'h', 'b'],
    ['HDEL', 'h', 'c'],
  ])
})

test('HPERSIST removes deadlines', () => {
  const { run, logged } = filled()
  run('HEXPIRE', 'h', '10', 'FIELDS', '2', 'a', 'b')
  logged()
  assert.equal(run('HPERSIST', 'h', 'FIELDS', '2', 'c', 'x'), [-1, -2])
  assert.equal(logged(), [])
  assert.equal(run('HPERSIST', 'h', 'FIELDS', '3', 'a', 'a', 'x'), [1, -1, -2])
  assert.equal(run('HTTL', 'h', 'FIELDS', '2', 'a', 'b'), [-1, 10])
  assert.equal(logged(), [['HPERSIST', 'h', 'FIELDS', '3', 'a', 'a', 'x']])
})

test("invalid arguments are refused in Redis's order", () => {
  const { run, keyspace, logged } = filled()
  run('SET', 's', 'x')
  logged()
  const wrongType = 'WRONGTYPE Operation against a key holding the wrong kind of value'
  const noFields = 'ERR Mandatory argument FIELDS is missing or not at the right position'
  const mismatch = 'ERR The `numfields` parameter must match the number of arguments'
  const refused: [string, ...string[]][] = [
    [wrongType, 'HEXPIRE', 's', 'x', 'FIELDS', '1', 'a'],
    [wrongType, 'HTTL', 's', 'x', '1', 'a'],
    [wrongType, 'HPERSIST', 's', 'FIELDS', '1', 'a'],
    ['ERR value is not an integer or out of range', 'HEXPIRE', 'h', 'x', 'x', '1', 'a'],
    ['ERR invalid expire time, must be >= 0', 'HEXPIRE', 'h', '-1', 'FIELDS', '1', 'a'],
    ['ERR invalid expire time, must be >= 0', 'HPEXPIREAT', 'x', '-9223372036854775808', 'FIELDS', '1', 'a'],
    ["ERR invalid expire time in 'hexpire' command", 'HEXPIRE', 'h', '70368744178', 'FIELDS', '1', 'a'],
    ["ERR invalid expire time in 'hpexpire' command", 'HPEXPIRE', 'h', String(2 ** 46 - keyspace.nowMs), 'FIELDS', '1', 'a'],
    ["ERR invalid expire time in 'hpexpireat' command", 'HPEXPIREAT', 'x', '70368744177664', 'FIELDS', '1', 'a'],
    ["ERR invalid expire time in 'hexpireat' command", 'HEXPIREAT', 'h', '9223372036854775807', 'FIELDS', '1', 'a'],
    [noFields, 'HEXPIRE', 'h', '10', 'a', '1', 'a'],
    [noFields, 'HEXPIRE', 'h', '10', 'NX', 'GT', 'FIELDS', '1', 'a'],
    [noFields, 'HTTL', 'h', '1', '1', 'a'],
    ['ERR Parameter `numFields` should be greater than 0', 'HEXPIRE', 'h', '10', 'FIELDS', '0', 'a'],
    ['ERR Parameter `numFields` should be greater than 0', 'HEXPIRE', 'h', '10', 'FIELDS', 'x', 'a'],
    ['ERR Number of fields must be a positive integer', 'HTTL', 'x', 'FIELDS', '0', 'a'],
    ['ERR Number of fields must be a positive integer', 'HPERSIST', 'h', 'FIELDS', '-1', 'a'],
    [mismatch, 'HEXPIRE', 'h', '10', 'FIELDS', '1', 'a', 'b'],
    [mismatch, 'HEXPIRE', 'x', '10', 'FIELDS', '3', 'a', 'b'],
    [mismatch, 'HEXPIRE', 'h', '10', 'XX', 'FIELDS', '1'],
    [mismatch, 'HPTTL', 'h', 'FIELDS', '2', 'a'],
  ]
  for (const [text, ...words] of refused) throwsText(() => run(...words), text)
  assert.equal(run('HPEXPIREAT', 'h', '70368744177663', 'FIELDS', '1', 'a'), [1])
  assert.is(logged().length, 1)
})

test("HSET and HMSET remove a field's deadline, and HINCRBY and HINCRBYFLOAT keep it", () => {
  const made = filled()
  const { run, logged } = made
  run('HPEXPIRE', 'h', '5000', 'FIELDS', '3', 'a', 'b', 'c')
  logged()
  assert.is(run('HSET', 'h', 'a', '1'), 0)
  run('HMSET', 'h', 'b', '2')
  assert.is(run('HSETNX', 'h', 'c', '4'), 0)
  assert.equal(left(made, 'a', 'b', 'c'), [-1, -1, 5000])
  assert.is(run('HINCRBY', 'h', 'c', '1'), 4)
  assert.equal(left(made, 'c'), [5000])
  logged()
  assert.is(run('HINCRBYFLOAT', 'h', 'c', '0.5'), '4.5')
  assert.equal(left(made, 'c'), [5000])
  assert.equal(logged(), [
    ['HSET', 'h', 'c', '4.5'],
    ['HPEXPIREAT', 'h', String(made.keyspace.nowMs + 5000), 'FIELDS', '1', 'c'],
  ])
})

test('an expired field is deleted when a command uses it, and logged before that command', () => {
  const cases: [Bytes[], Reply, Bytes[][]][] = [
    [['HGET', 'h', 'a'], null, []],
    [['HMGET', 'h', 'a', 'b'], [null, '2'], []],
    [['HEXISTS', 'h', 'a'], 0, []],
    [['HSTRLEN', 'h', 'a'], 0, []],
    [['HTTL', 'h', 'FIELDS', '2', 'a', 'b'], [-2, -1], []],
    [['HDEL', 'h', 'a'], 0, []],
    [['HPERSIST', 'h', 'FIELDS', '1', 'a'], [-2], []],
    [['HEXPIRE', 'h', '10', 'FIELDS', '1', 'a'], [-2], []],
    [['HSET', 'h', 'a', '5'], 1, [['HSET', 'h', 'a', '5']]],
    [['HSETNX', 'h', 'a', '5'], 1, [['HSETNX', 'h', 'a', '5']]],
    [['HINCRBY', 'h', 'a', '5'], 5, [['HINCRBY', 'h', 'a', '5']]],
    [['HINCRBYFLOAT', 'h', 'a', '0.5'], '0.5', [['HSET', 'h', 'a', '0.5']]],
    [['HDEL', 'h', 'b', 'a', 'c'], 2, [['HDEL', 'h', 'b', 'a', 'c']]],
  ]
  for (const [words, reply, effects] of cases) {
    const made = filled()
    const { run, advance, logged, keyspace } = made
    run('HPEXPIRE', 'h', '10', 'FIELDS', '1', 'a')
    advance(10)
    logged()
    const { changes } = keyspace
    assert.equal(run(...words), reply, words.join(' '))
    assert.equal(logged(), [['HDEL', 'h', 'a'], ...effects], words.join(' '))
    if (effects.length === 0) assert.is(keyspace.changes, changes, words.join(' '))
    assert.is(keyspace.expiredFields, 1)
    if (words[0] !== 'HDEL') assert.is(hashAt(made).nextDeadlineMs, 0)
    assert.is(run('EXISTS', 'h'), words.length === 5 && words[0] === 'HDEL' ? 0 : 1)
  }
})

test('enumerations skip expired fields and delete nothing', () => {
  const { run, advance, logged } = filled()
  run('HPEXPIRE', 'h', '10', 'FIELDS', '2', 'a', 'c')
  run('HPEXPIRE', 'h', '11', 'FIELDS', '1', 'b')
  advance(10)
  logged()
  assert.is(run('HLEN', 'h'), 1)
  assert.equal([run('HKEYS', 'h'), run('HVALS', 'h')], [['b'], ['2']])
  assert.equal(run('HGETALL', 'h'), new MapReply(['b', '2']))
  assert.equal(run('HSCAN', 'h', '0'), ['0', ['b', '2']])
  assert.equal(run('HSCAN', 'h', '0', 'NOVALUES'), ['0', ['b']])
  for (let i = 0; i < 20; i++) assert.is(run('HRANDFIELD', 'h'), 'b')
  assert.equal([run('HRANDFIELD', 'h', '3'), run('HRANDFIELD', 'h', '-2', 'WITHVALUES')], [['b'], ['b', '2', 'b', '2']])
  assert.equal(logged(), [])
})

test('HRANDFIELD finds the few live fields among many expired ones', () => {
  const { run, advance } = start()
  const due = Array.from({ length: 2000 }, (_, i) => `due${i}`)
  run('HSET', 'h', ...due.flatMap((field) => [field, '1']), 'x', '1', 'y', '1', 'z', '1')
  run('HPEXPIRE', 'h', '10', 'FIELDS', '2000', ...due)
  advance(10)
  assert.ok(['x', 'y', 'z'].includes(run('HRANDFIELD', 'h') as string))
  const two = run('HRANDFIELD', 'h', '2') as string[]
  assert.is(new Set(two).size, 2)
  assert.ok(two.every((field) => ['x', 'y', 'z'].includes(field)))
})

test('a hash of only expired fields does not exist', () => {
  const { run, advance, logged, keyspace } = filled()
  run('HPEXPIRE', 'h', '10', 'FIELDS', '3', 'a', 'b', 'c')
  advance(10)
  logged()
  assert.is(run('HLEN', 'h'), 0)
  assert.equal(logged(), [['DEL', 'h']])
  assert.equal([keyspace.keyCount, keyspace.expiredFields, keyspace.expiredKeys], [0, 3, 0])
  assert.equal(run('HSET', 'h', 'a', '1'), 1)
  assert.equal(logged(), [['HSET', 'h', 'a', '1']])
})

test('expired fields left after the last live one is deleted are removed by the next command', () => {
  const { run, advance, logged } = filled()
  run('HPEXPIRE', 'h', '10', 'FIELDS', '2', 'a', 'b')
  advance(10)
  logged()
  assert.is(run('HDEL', 'h', 'c'), 1)
  assert.is(run('HSETNX', 'h', 'd', '1'), 1)
  assert.equal(logged(), [
    ['HDEL', 'h', 'c'],
    ['DEL', 'h'],
    ['HSETNX', 'h', 'd', '1'],
  ])
  assert.equal(run('HKEYS', 'h'), ['d'])
})

test('a replica hides expired fields and deletes nothing', () => {
  const made = filled()
  const { run, advance, logged, keyspace } = made
  run('HPEXPIRE', 'h', '10', 'FIELDS', '2', 'a', 'b')
  keyspace.expiryMode = 'hide'
  advance(10)
  logged()
  assert.equal(run('HMGET', 'h', 'a', 'b', 'c'), [null, null, '3'])
  assert.equal([run('HLEN', 'h'), run('HEXISTS', 'h', 'a'), run('HTTL', 'h', 'FIELDS', '1', 'a')], [1, 0, [-2]])
  assert.equal(run('HKEYS', 'h'), ['c'])
  made.replay([['HPEXPIREAT', 'h', String(keyspace.nowMs), 'FIELDS', '1', 'c']])
  assert.equal([run('EXISTS', 'h'), run('HLEN', 'h'), run('HGET', 'h', 'c')], [0, 0, null])
  assert.equal([hashAt(made).size, logged()], [3, []])
})

test('replay ignores deadlines', () => {
  const made = start()
  made.replay([
    ['HSET', 'h', 'a', '1', 'b', '2'],
    ['HPEXPIREAT', 'h', '1600000000000', 'FIELDS', '1', 'a'],
    ['HINCRBY', 'h', 'a', '4'],
    ['HPEXPIREAT', 'h', '1600000000001', 'FIELDS', '1', 'a'],
  ])
  assert.equal([hashAt(made).size, hashAt(made).nextDeadlineMs], [2, 1_600_000_000_001])
  assert.equal(made.run('HKEYS', 'h'), ['b'])
})

test('replaying a log with expiring fields gives the same hash', () => {
  const made = filled()
  const { run, advance, logged } = made
  const log: Bytes[][] = [['HSET', 'h', 'a', '1', 'b', '2', 'c', '3']]
  const steps: Bytes[][] = [
    ['HPEXPIRE', 'h', '10', 'FIELDS', '2', 'a', 'b'],
    ['HINCRBYFLOAT', 'h', 'a', '0.5'],
    ['HSET', 'h', 'b', '5'],
    ['HSETNX', 'h', 'a', '6'],
    ['HPEXPIRE', 'h', '10', 'FIELDS', '1', 'b'],
    ['HDEL', 'h', 'c'],
    ['HPERSIST', 'h', 'FIELDS', '1', 'a'],
    ['COPY', 'h', 'copy'],
    ['HINCRBY', 'h', 'b', '1'],
    ['RENAME', 'h', 'r'],
  ]
  for (const words of steps) {
    run(...words)
    advance(6)
    log.push(...logged())
  }
  const again = start()
  again.replay(log)
  again.advance(made.keyspace.nowMs - again.keyspace.nowMs)
  for (const key of ['r', 'copy']) {
    const there = hashAt(again, key)
    const here = hashAt(made, key)
    assert.equal(again.run('HGETALL', key), run('HGETALL', key))
    assert.equal([there.size, there.nextDeadlineMs], [here.size, here.nextDeadlineMs], key)
  }
})

test('COPY, RENAME and MOVE keep field deadlines, and deletion removes them', () => {
  const made = filled()
  const { run, keyspace } = made
  const db = keyspace.database(0)
  run('HPEXPIRE', 'h', '1000', 'FIELDS', '1', 'a')
  const due = keyspace.nowMs + 1000
  run('COPY', 'h', 'copy')
  run('RENAME', 'h', 'r')
  assert.equal([db.resident('copy')!.dueAtMs, db.resident('r')!.dueAtMs, db.resident('h')!.dueAtMs], [due, due, 0])
  run('PEXPIRE', 'r', '500')
  assert.is(db.resident('r')!.dueAtMs, keyspace.nowMs + 500)
  run('PERSIST', 'r')
  assert.is(db.resident('r')!.dueAtMs, due)
  run('MOVE', 'r', '1')
  assert.equal([keyspace.database(1).resident('r')!.dueAtMs, db.resident('r')!.dueAtMs], [due, 0])
  run('SET', 'copy', 'x')
  assert.is(db.resident('copy')!.dueAtMs, 0)
})

test('OBJECT ENCODING distinguishes small hashes with and without deadlines', () => {
  const made = filled()
  assert.is(hashAt(made).encodingName, 'listpack')
  made.run('HEXPIRE', 'h', '10', 'FIELDS', '1', 'a')
  assert.is(hashAt(made).encodingName, 'listpackex')
  made.run('HSET', 'h', 'a', 'x'.repeat(1000))
  assert.is(hashAt(made).encodingName, 'hashtable')
})

test('field deadlines are read back from disk', async () => {
  const made = filled()
  const { run, keyspace, advance } = made
  run('HPEXPIRE', 'h', '1000', 'FIELDS', '1', 'b')
  run('HPEXPIRE', 'h', '2000', 'FIELDS', '1', 'a')
  await made.toDisk()
  assert.is(keyspace.database(0).resident('h'), undefined)
  assert.equal(left(made, 'a', 'b', 'c'), [2000, 1000, -1])
  const entry = keyspace.database(0).resident('h')!
  assert.equal([entry.dueAtMs, entry.storedDueAtMs], [keyspace.nowMs + 1000, keyspace.nowMs + 1000])
  advance(1000)
  assert.equal(run('HKEYS', 'h'), ['a', 'c'])
})

test.run()
