/** String commands: SET and its options, ranges, ropes and what is logged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { BulkChunks } from '../../../commands/contract/reply.ts'
import { stringOf } from '../../../commands/parsing/typed-access.ts'
import { bitfields } from '../../../commands/strings/bitfield.ts'
import { bitmaps } from '../../../commands/strings/bitmaps.ts'
import { stringNumbers } from '../../../commands/strings/numbers.ts'
import { stringRanges } from '../../../commands/strings/ranges.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { MIN_ROPE_BYTES, Rope } from '../../../storage/values/rope.ts'
import { stringBuffer } from '../../../storage/values/string.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { type Harness, harness, START_MS } from '../../support/harness/harness.ts'

const families = [strings, stringRanges, stringNumbers, bitmaps, bitfields]
const made = () => harness(families)
const deadline = ({ db }: Harness, key: Bytes) => db.peek(key)?.expireAtMs
const LARGE = 'large '.repeat(20_000)

test('SET and GET store any bytes, and a missing key is nil', () => {
  const { plain, logged } = made()
  assert.is(plain('GET', 'a'), null)
  assert.is(plain('SET', 'a', '\x00\xff\r\n'), 'OK')
  assert.is(plain('GET', 'a'), '\x00\xff\r\n')
  assert.equal(logged(), [['SET', 'a', '\x00\xff\r\n']])
})

test('SET removes a deadline unless KEEPTTL is given', () => {
  const h = made()
  h.run('SET', 'a', '1', 'EX', '100')
  assert.is(deadline(h, 'a'), START_MS + 100_000)
  h.run('SET', 'a', '2', 'KEEPTTL')
  assert.is(deadline(h, 'a'), START_MS + 100_000)
  h.run('SET', 'a', '3')
  assert.is(deadline(h, 'a'), 0)
  h.run('SET', 'new', '1', 'KEEPTTL')
  assert.is(deadline(h, 'new'), 0)
})

test('every relative deadline is logged as an absolute one', () => {
  const h = made()
  const until = String(START_MS + 5000)
  for (const words of [
    ['SET', 'a', '1', 'EX', '5'],
    ['SET', 'a', '1', 'px', '5000'],
    ['SET', 'a', '1', 'PXAT', until],
    ['SET', 'a', '1', 'EXAT', String(START_MS / 1000 + 5), 'GET'],
    ['SETEX', 'a', '5', '1'],
    ['PSETEX', 'a', '5000', '1'],
  ]) {
    h.run(...words)
    assert.equal(h.logged(), [['SET', 'a', '1', 'PXAT', until]], words.join(' '))
  }
})

test('a past deadline deletes the key, and is logged as a deletion', () => {
  const { plain, run, logged } = made()
  assert.is(plain('SET', 'a', '1', 'EXAT', '1'), 'OK')
  assert.equal(logged(), [])
  run('SET', 'a', '1')
  logged()
  assert.is(plain('SET', 'a', '2', 'PXAT', '5', 'GET'), '1')
  assert.equal(logged(), [['DEL', 'a']])
  run('SET', 'a', '1')
  logged()
  assert.is(plain('GETEX', 'a', 'EXAT', '1'), '1')
  assert.equal(logged(), [['DEL', 'a']])
})

test('SET takes conditions and GET', () => {
  const { plain, logged } = made()
  assert.is(plain('SET', 'a', '1', 'XX'), null)
  assert.is(plain('SET', 'a', '1', 'XX', 'GET'), null)
  assert.equal(logged(), [])
  assert.is(plain('SET', 'a', '1', 'NX', 'GET'), null)
  assert.is(plain('SET', 'a', '2', 'NX'), null)
  assert.is(plain('SET', 'a', '2', 'get', 'nx'), '1')
  assert.is(plain('SET', 'a', '2', 'XX', 'GET'), '1')
  assert.is(plain('GET', 'a'), '2')
  assert.is(logged().length, 2)
})

test('SET and GETEX refuse contradictory options', () => {
  const { error, logged } = made()
  for (const options of ['NX XX', 'KEEPTTL EX 1', 'EX 1 KEEPTTL', 'EX 1 PX 1', 'EX', 'FOO', 'PERSIST', 'EXAT 1 PXAT 1'])
    assert.is(error('SET', 'a', '1', ...options.split(' ')), 'ERR syntax error', options)
  for (const options of ['EX 1 PX 1', 'PERSIST EX 1', 'EX 1 PERSIST', 'KEEPTTL', 'NX', 'EX'])
    assert.is(error('GETEX', 'a', ...options.split(' ')), 'ERR syntax error', options)
  assert.equal(logged(), [])
})

test("invalid expire times are refused in the command's name", () => {
  const { error, run } = made()
  run('SET', 'a', '1')
  for (const time of ['0', '-1', '9223372036854775807', '9223372036854775'])
    assert.is(error('SET', 'a', '1', 'EX', time), "ERR invalid expire time in 'set' command", time)
  assert.is(error('SET', 'a', '1', 'EXAT', '9223372036854776'), "ERR invalid expire time in 'set' command")
  assert.is(error('SETEX', 'a', '0', '1'), "ERR invalid expire time in 'setex' command")
  assert.is(error('PSETEX', 'a', '-1', '1'), "ERR invalid expire time in 'psetex' command")
  assert.is(error('GETEX', 'a', 'PX', '0'), "ERR invalid expire time in 'getex' command")
  assert.is(error('SET', 'a', '1', 'EX', 'x'), 'ERR value is not an integer or out of range')
})

test('GETEX keeps, sets or removes the deadline, and logs only that', () => {
  const h = made()
  h.run('SET', 'a', '1')
  h.logged()
  assert.is(h.plain('GETEX', 'a'), '1')
  assert.is(h.plain('GETEX', 'a', 'PERSIST'), '1')
  assert.equal(h.logged(), [])
  h.run('GETEX', 'a', 'EX', '10')
  assert.equal(h.logged(), [['PEXPIREAT', 'a', String(START_MS + 10_000)]])
  h.run('GETEX', 'a', 'PERSIST')
  assert.equal(h.logged(), [['PERSIST', 'a']])
  assert.is(deadline(h, 'a'), 0)
  assert.is(h.plain('GETEX', 'none', 'EX', '10'), null)
})

test('GETSET, GETDEL and SETNX return and change the value as in Redis', () => {
  const { plain, logged } = made()
  assert.is(plain('GETSET', 'a', '1'), null)
  assert.is(plain('GETSET', 'a', '2'), '1')
  assert.is(plain('SETNX', 'a', '3'), 0)
  logged()
  assert.is(plain('GETDEL', 'a'), '2')
  assert.is(plain('GETDEL', 'a'), null)
  assert.equal(logged(), [['DEL', 'a']])
  assert.is(plain('SETNX', 'a', '3'), 1)
})

test('MGET, MSET and MSETNX handle several keys', () => {
  const { plain, error, logged } = made()
  assert.is(plain('MSET', 'a', '1', 'b', '2', 'a', '3'), 'OK')
  assert.equal(plain('MGET', 'a', 'none', 'b'), ['3', null, '2'])
  logged()
  assert.is(plain('MSETNX', 'c', '1', 'b', '1'), 0)
  assert.equal(logged(), [])
  assert.is(plain('MSETNX', 'c', '1', 'd', '1', 'c', '2'), 1)
  assert.is(plain('GET', 'c'), '2')
  assert.is(error('MSET', 'a', '1', 'b'), "ERR wrong number of arguments for 'mset' command")
  assert.is(error('MSETNX', 'a', '1', 'b'), "ERR wrong number of arguments for 'msetnx' command")
})

test('an expired key does not exist, and its deletion is logged first', () => {
  const { plain, keyspace, logged } = made()
  plain('SET', 'a', '1', 'PX', '10')
  logged()
  keyspace.setClock(START_MS + 10)
  assert.is(plain('SET', 'a', '2', 'NX'), 'OK')
  assert.equal(logged(), [
    ['DEL', 'a'],
    ['SET', 'a', '2', 'NX'],
  ])
})

test('APPEND, STRLEN, GETRANGE and SETRANGE work on parts of a string', () => {
  const { plain, error, logged } = made()
  assert.is(plain('APPEND', 'a', 'Hello'), 5)
  assert.is(plain('APPEND', 'a', ' World'), 11)
  logged()
  assert.is(plain('APPEND', 'a', ''), 11)
  assert.is(plain('SETRANGE', 'a', '100', ''), 11)
  assert.is(plain('SETRANGE', 'none', '0', ''), 0)
  assert.equal(logged(), [])
  assert.is(plain('STRLEN', 'a'), 11)
  const ranges: readonly [string, string, string][] = [
    ['0', '-1', 'Hello World'],
    ['-5', '-1', 'World'],
    ['-1', '-5', ''],
    ['0', '-100', 'H'],
    ['-100', '4', 'Hello'],
    ['5', '99999999999999999', ' World'],
    ['11', '12', ''],
  ]
  for (const [from, to, expected] of ranges) assert.is(plain('GETRANGE', 'a', from, to), expected, `${from} ${to}`)
  assert.is(plain('SETRANGE', 'a', '13', '!'), 14)
  assert.is(plain('GET', 'a'), 'Hello World\x00\x00!')
  assert.is(error('SETRANGE', 'a', '-1', 'x'), 'ERR offset is out of range')
  assert.is(error('GETRANGE', 'a', '0', 'x'), 'ERR value is not an integer or out of range')
})

test("proto-max-bulk-len limits a string's length, except in replay", () => {
  const tooLong = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)'
  const config = { 'proto-max-bulk-len': 1000 }
  const { error, plain } = harness(families, { config })
  plain('SET', 'a', 'x'.repeat(999))
  assert.is(error('APPEND', 'a', 'yy'), tooLong)
  assert.is(plain('APPEND', 'a', 'y'), 1000)
  assert.is(error('SETRANGE', 'a', '999', 'yy'), tooLong)
  assert.is(error('SETRANGE', 'a', '9223372036854775807', 'yy'), tooLong)
  assert.is(harness(families, { config, isReplaying: true }).plain('SETRANGE', 'a', '2000', 'y'), 2001)
})

test('a long string is a rope with the same replies', () => {
  const h = made()
  h.run('SET', 'a', LARGE)
  assert.instance(h.db.peek('a')?.value, Rope)
  const reply = h.run('GET', 'a')
  assert.instance(reply, BulkChunks)
  assert.is(h.plain('APPEND', 'a', 'end'), LARGE.length + 3)
  h.run('SETRANGE', 'a', '16380', 'across a border')
  assert.is(h.plain('GETRANGE', 'a', '16378', '16400'), `${LARGE.slice(16378, 16380)}across a border${LARGE.slice(16395, 16401)}`)
  assert.is(Buffer.concat((reply as BulkChunks).chunks).latin1Slice(), LARGE, 'an earlier reply does not change')
  assert.is((h.plain('GETRANGE', 'a', '0', '-1') as Bytes).length, LARGE.length + 3)
})

test('a string that grows to 64 KiB becomes a rope, and zeros in between use no memory', () => {
  const h = made()
  const value = () => h.db.peek('a')?.value
  h.run('SET', 'a', 'x'.repeat(MIN_ROPE_BYTES - 1))
  assert.type(value(), 'string')
  h.run('APPEND', 'a', 'y')
  assert.instance(value(), Rope)
  h.run('SET', 'a', 'start')
  assert.is(h.plain('SETRANGE', 'a', String(2 ** 28), 'end'), 2 ** 28 + 3)
  assert.ok((value() as Rope).residentBytes < 100_000)
  assert.is(h.plain('GETRANGE', 'a', '0', '5'), 'start\x00')
  assert.is(h.plain('GETRANGE', 'a', '-4', '-1'), '\x00end')
})

/** Returns all keys with values and deadlines. */
function contents({ db }: Harness, keys: readonly Bytes[]) {
  return keys.map((key) => {
    const entry = db.lookup(key)
    return entry === undefined ? null : [stringBuffer(stringOf(entry)!).latin1Slice(), entry.expireAtMs]
  })
}

const KEYS = ['a', 'b', 'c', 'd']

function randomCommand({ pick, integer }: Seeded, now: number): Bytes[] {
  const key = () => pick(KEYS)
  const value = () => pick(['', '1', '-7', 'abc', '1.5', 'x'.repeat(integer(200)), LARGE])
  const offset = () => String(pick([integer(20), integer(70_000), 65_530]))
  return pick<() => Bytes[]>([
    () => ['SET', key(), value()],
    () => [
      'SET',
      key(),
      value(),
      ...pick([['NX'], ['XX', 'GET'], ['EX', '1'], ['PX', '1'], ['KEEPTTL'], ['EXAT', '1'], ['PXAT', String(now + 2)]]),
    ],
    () => ['SETEX', key(), '1', value()],
    () => ['GETSET', key(), value()],
    () => ['GETDEL', key()],
    () => ['GETEX', key(), ...pick([['PERSIST'], ['PX', '3'], ['EXAT', '1'], []])],
    () => ['MSET', key(), value(), key(), value()],
    () => ['MSETNX', key(), value(), key(), value()],
    () => ['APPEND', key(), value()],
    () => ['SETRANGE', key(), offset(), value()],
    () => ['INCRBY', key(), String(integer(100) - 50)],
    () => ['INCRBYFLOAT', key(), pick(['0.1', '-3', '5e3'])],
    () => ['SETBIT', key(), offset(), pick(['0', '1'])],
    () => ['BITOP', pick(['AND', 'OR', 'XOR']), key(), key(), key()],
    () => ['BITFIELD', key(), 'OVERFLOW', pick(['SAT', 'FAIL']), 'INCRBY', pick(['i8', 'u13']), offset(), '50'],
    () => ['GET', key()],
  ])()
}

test('replaying the log later gives the same keys', () => {
  const seed = seeded('strings log')
  const h = made()
  const { keyspace, run } = h
  const replica = harness(families, { isReplaying: true, startMs: START_MS + 1e9 })
  for (let step = 0; step < 3000; step++) {
    keyspace.setClock(keyspace.nowMs + seed.integer(2))
    const words = randomCommand(seed, keyspace.nowMs)
    try {
      run(...words)
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
    }
    for (const logged of h.logged()) {
      const [name, key, time] = logged as [Bytes, Bytes, Bytes]
      const { db } = replica
      // Those of the keys family.
      if (name === 'DEL') db?.delete(key)
      else if (name === 'PERSIST') db.setDeadline(db.find(key)!, 0)
      else if (name === 'PEXPIREAT') db.setDeadline(db.find(key)!, Number(time))
      else replica.run(...logged)
    }
    if (step % 50 === 0) assert.equal(contents(replica, KEYS), contents(h, KEYS), `step ${step}`)
  }
})

test.run()
