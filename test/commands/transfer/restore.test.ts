/** DUMP and RESTORE: options, errors and their order, events, what is logged, damaged payloads. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { OK } from '../../../commands/contract/reply.ts'
import { objects } from '../../../commands/keys/object.ts'
import { transferCommands } from '../../../commands/transfer/commands.ts'
import { TYPE_SET, TYPE_STREAM_LISTPACKS_2, TYPE_ZSET_LISTPACK, TYPE_ZSET_ZIPLIST } from '../../../rdb/format/codes.ts'
import { UseCounter } from '../../../storage/keyspace/last-use.ts'
import { Rope } from '../../../storage/values/rope.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { seeded } from '../../support/generators/seed.ts'
import { checkMemory, checkStored } from '../../support/harness/engine-invariants.ts'
import { EventRecorder } from '../../support/harness/event-recorder.ts'
import { type Harness, harness, START_MS } from '../../support/harness/harness.ts'
import { FIXTURES } from '../../support/rdb/fixtures.ts'
import { listpack, payloadOf as payloadOfType, rdbString, ziplist } from '../../support/rdb/old-encoders.ts'
import { walkPayloads } from '../../support/rdb/payload-walk.ts'

const { HAYPILE_ROUNDS = '4000' } = process.env
const ROUNDS = Number(HAYPILE_ROUNDS)
const FAR_MS = START_MS + 1_000_000

/** The payload that redis-server 7.0.15 has for the string 12. */
const TWELVE = '00c00c0a003c2af8515c04bcd5'

const FAMILIES = [...dataFamilies, objects]

const start = () => harness(FAMILIES)
const dumpOf = ({ plain }: Harness, key: Bytes) => plain('DUMP', key) as Bytes

/** Returns the payload of a string. */
function payloadOf(text: Bytes): Bytes {
  const made = start()
  made.run('SET', 'k', text)
  return dumpOf(made, 'k')
}

test('DUMP of no key is nil, and of a string what Redis 7.0 writes', () => {
  const made = start()
  assert.is(made.run('DUMP', 'k'), null)
  made.run('SET', 'k', '12')
  assert.is(Buffer.from(dumpOf(made, 'k'), 'latin1').toString('hex'), TWELVE)
  assert.equal(made.logged(), [['SET', 'k', '12']])
})

test('RESTORE makes every value that DUMP has written', () => {
  const made = start()
  const { run, plain } = made
  run('SET', 'string', 'text')
  run('SET', 'rope', 'x'.repeat(100_000))
  run('RPUSH', 'list', ...Array.from({ length: 3000 }, (_, index) => `element ${index}`))
  run('SADD', 'set', ...Array.from({ length: 300 }, (_, index) => `member ${index}`))
  run('ZADD', 'zset', '1', 'a', '-inf', 'b', '0.1', 'c')
  run('HSET', 'hash', ...Array.from({ length: 2000 }, (_, index) => `f${index}`))
  run('XADD', 'stream', '1-1', 'f', 'v')
  run('XADD', 'stream', '2-1', 'f', 'v')
  run('XGROUP', 'CREATE', 'stream', 'g', '0')
  run('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '1', 'STREAMS', 'stream', '>')
  for (const key of ['string', 'rope', 'list', 'set', 'zset', 'hash', 'stream']) {
    assert.is(run('RESTORE', `${key} 2`, '0', dumpOf(made, key)), OK)
    assert.is(dumpOf(made, `${key} 2`), dumpOf(made, key), key)
    assert.equal(run('TYPE', `${key} 2`), run('TYPE', key))
    assert.is(run('OBJECT', 'ENCODING', `${key} 2`), run('OBJECT', 'ENCODING', key), key)
  }
  assert.instance(made.db.peek('rope 2')?.value, Rope)
  assert.equal(plain('XPENDING', 'stream 2', 'g'), [1, '1-1', '1-1', [['c', '1']]])
})

test('RESTORE checks options, the key, the time to live, the payload, in this order', () => {
  const { run, error } = start()
  const payload = payloadOf('text')
  const broken = `${payload.slice(0, -1)}x`
  run('SET', 'there', '1')
  assert.is(error('RESTORE', 'there', 'x', broken, 'NO'), 'ERR syntax error')
  assert.is(error('RESTORE', 'there', 'x', broken, 'IDLETIME'), 'ERR syntax error')
  assert.is(error('RESTORE', 'there', 'x', broken, 'IDLETIME', '1', 'FREQ', '1'), 'ERR syntax error')
  assert.is(error('RESTORE', 'there', 'x', broken, 'IDLETIME', 'x'), 'ERR value is not an integer or out of range')
  assert.is(error('RESTORE', 'there', 'x', broken, 'IDLETIME', '-1'), 'ERR Invalid IDLETIME value, must be >= 0')
  assert.is(error('RESTORE', 'there', 'x', broken, 'FREQ', '256'), 'ERR Invalid FREQ value, must be >= 0 and <= 255')
  assert.is(error('RESTORE', 'there', 'x', broken, 'FREQ', '-1'), 'ERR Invalid FREQ value, must be >= 0 and <= 255')
  assert.is(error('RESTORE', 'there', 'x', broken), 'BUSYKEY Target key name already exists.')
  assert.is(error('RESTORE', 'k', 'x', broken), 'ERR value is not an integer or out of range')
  assert.is(error('RESTORE', 'k', '-1', broken), 'ERR Invalid TTL value, must be >= 0')
  assert.is(error('RESTORE', 'k', '0', broken), 'ERR DUMP payload version or checksum are wrong')
  assert.is(error('RESTORE', 'k', '0', ''), 'ERR DUMP payload version or checksum are wrong')
  assert.is(run('GET', 'there'), '1')
  assert.is(run('EXISTS', 'k'), 0)
})

test('RESTORE logs an absolute deadline, and DEL where the value has expired on its way', () => {
  const { run, logged } = start()
  const payload = payloadOf('text')
  run('RESTORE', 'a', '5000', payload)
  run('RESTORE', 'b', String(FAR_MS), payload, 'absttl')
  run('RESTORE', 'b', '0', payload, 'REPLACE', 'IDLETIME', '7')
  run('RESTORE', 'c', '1', payload, 'ABSTTL')
  run('RESTORE', 'b', '1', payload, 'ABSTTL', 'REPLACE')
  assert.equal(logged(), [
    ['RESTORE', 'a', String(START_MS + 5000), payload, 'ABSTTL'],
    ['RESTORE', 'b', String(FAR_MS), payload, 'absttl'],
    ['RESTORE', 'b', '0', payload, 'REPLACE', 'IDLETIME', '7'],
    ['DEL', 'b'],
  ])
  assert.is(run('EXISTS', 'a', 'b', 'c'), 1)
  assert.is(run('PTTL', 'a'), 5000)
})

test('RESTORE reports restore, and del where it only deletes', () => {
  const keyEvents = new EventRecorder()
  const { run } = harness(FAMILIES, { keyEvents })
  const payload = payloadOf('text')
  run('RESTORE', 'a', '0', payload)
  assert.equal(keyEvents.take(), ['new a', 'restore a'])
  run('RESTORE', 'a', '0', payload, 'REPLACE')
  assert.equal(keyEvents.take(), ['new a', 'restore a'])
  run('RESTORE', 'a', '1', payload, 'REPLACE', 'ABSTTL')
  assert.equal(keyEvents.take(), ['del a'])
})

test('RESTORE sets the idle time and takes a frequency', () => {
  const { run } = start()
  const payload = payloadOf('text')
  run('RESTORE', 'a', '0', payload, 'IDLETIME', '1000')
  assert.is(run('OBJECT', 'IDLETIME', 'a'), 1000)
  assert.is(run('RESTORE', 'b', '0', payload, 'FREQ', '12'), OK)
  assert.is(run('OBJECT', 'IDLETIME', 'b'), 0)
})

test('RESTORE sets the counter of uses under an LFU policy, and no idle time', () => {
  const { run, keyspace } = start()
  keyspace.useCounter = new UseCounter(10, 1, () => 1)
  const payload = payloadOf('text')
  run('RESTORE', 'a', '0', payload, 'FREQ', '100')
  assert.is(run('OBJECT', 'FREQ', 'a'), 100)
  run('RESTORE', 'a', '0', payload, 'IDLETIME', '1000', 'REPLACE')
  assert.is(run('OBJECT', 'FREQ', 'a'), 5)
})

test('RESTORE of a list wakes a client that waits for it, and spoils a transaction that watches it', () => {
  const made = start()
  made.run('RPUSH', 'l', 'a', 'b')
  const payload = dumpOf(made, 'l')
  const waiting = made.client()
  waiting.send('BLPOP', 'other', '0')
  const watching = made.client()
  watching.send('WATCH', 'other')
  watching.send('MULTI')
  watching.send('GET', 'x')
  made.run('RESTORE', 'other', '0', payload)
  assert.equal(waiting.replies, [['other', 'a']])
  watching.send('EXEC')
  assert.not.instance(watching.replies.at(-1), Array)
})

test('a payload whose type Redis 7.0 lacks is logged as one that it has, whatever version it claims', () => {
  const made = start()
  // A set as a listpack: "fl", "0.1". The type came with version 11.
  const payload = Buffer.from('141010000000020082666c0383302e3104ff0a001d7c13d9fa8553ed', 'hex').latin1Slice()
  assert.is(made.run('RESTORE', 'k', '0', payload), OK)
  const [words = []] = made.logged()
  assert.is(words[3], dumpOf(made, 'k'))
  assert.is(words[3]?.charCodeAt(0), TYPE_SET)
})

/** A stream with the entry 5-1, and the id that it states as the first one. */
const streamThatBegins = (sequence: number) =>
  payloadOfType(
    TYPE_STREAM_LISTPACKS_2,
    Buffer.concat([
      Buffer.from([1]),
      rdbString(`${'\0'.repeat(7)}\x05${'\0'.repeat(7)}\x01`),
      rdbString(listpack(1, 0, 1, 'f', 0, 2, 0, 0, 'v', 4)),
      Buffer.from([1, 5, 1, 5, sequence, 0, 0, 1, 0]),
    ]),
  )

test('a payload that Redis reads in another way is logged as one that both read alike', () => {
  const scores = ['b', 2, 'a', 2, 'c', 1] as const
  for (const [payload, isLoggedAsItCame] of [
    [payloadOfType(TYPE_ZSET_LISTPACK, rdbString(listpack(...scores))), false],
    [payloadOfType(TYPE_ZSET_ZIPLIST, rdbString(ziplist(...scores))), false],
    [payloadOfType(TYPE_ZSET_LISTPACK, rdbString(listpack('c', 1, 'a', 2, 'b', 2))), true],
    [streamThatBegins(1), true],
    [streamThatBegins(3), false],
    [payloadOfType(TYPE_STREAM_LISTPACKS_2, Buffer.from([0, 0, 5, 1, 0, 0, 5, 1, 1, 0])), true],
    [payloadOfType(TYPE_STREAM_LISTPACKS_2, Buffer.from([0, 0, 5, 1, 4, 0, 5, 1, 1, 0])), false],
  ] as const) {
    const made = start()
    assert.is(made.run('RESTORE', 'k', '0', payload.latin1Slice()), OK)
    const [words = []] = made.logged()
    const expected = isLoggedAsItCame ? payload.latin1Slice() : dumpOf(made, 'k')
    assert.is(words[3], expected, payload.toString('hex'))
    if (payload[0] === TYPE_ZSET_LISTPACK) assert.equal(made.plain('ZRANGE', 'k', '0', '-1'), ['c', 'a', 'b'])
  }
})

test('deadlines of fields come back, and are logged for Redis 7.0 to leave out', () => {
  const made = start()
  const { run, plain, logged } = made
  run('HSET', 'h', 'a', '1', 'b', '2', 'c', '3')
  run('HPEXPIREAT', 'h', String(FAR_MS), 'FIELDS', '1', 'a')
  run('HPEXPIREAT', 'h', String(FAR_MS + 5), 'FIELDS', '1', 'c')
  const payload = Buffer.from(dumpOf(made, 'h'), 'latin1')
  assert.equal([payload[0], payload.readUInt16LE(payload.length - 10)], [24, 12])
  logged()
  run('RESTORE', 'copy', '0', payload.latin1Slice())
  assert.equal(plain('HPEXPIRETIME', 'copy', 'FIELDS', '3', 'a', 'b', 'c'), [FAR_MS, -1, FAR_MS + 5])
  const [restored, ...deadlines] = logged()
  const logsVersion = Buffer.from(restored![3]!, 'latin1')
  assert.equal([logsVersion[0], logsVersion.readUInt16LE(logsVersion.length - 10)], [16, 10])
  assert.equal(deadlines, [
    ['HPEXPIREAT', 'copy', String(FAR_MS), 'FIELDS', '1', 'a'],
    ['HPEXPIREAT', 'copy', String(FAR_MS + 5), 'FIELDS', '1', 'c'],
  ])
})

test('a hash without a live field is not restored, and the key that it replaces is deleted', () => {
  const made = start()
  const { run, plain, logged, keyspace } = made
  run('HSET', 'h', 'a', '1', 'b', '2')
  run('HPEXPIREAT', 'h', String(keyspace.nowMs + 1000), 'FIELDS', '2', 'a', 'b')
  const payload = dumpOf(made, 'h')
  run('SET', 'other', 'x')
  keyspace.setClock(keyspace.nowMs + 2000)
  run('DEL', 'h')
  logged()
  assert.is(run('RESTORE', 'copy', '0', payload), OK)
  assert.equal(logged(), [])
  assert.is(run('RESTORE', 'other', '0', payload, 'REPLACE'), OK)
  assert.equal(logged(), [['DEL', 'other']])
  assert.is(plain('EXISTS', 'copy', 'other'), 0)
})

test('every payload that a Redis or Valkey has written is taken, and its log leaves the same', async () => {
  for (const { name, payload } of FIXTURES) {
    const made = start()
    assert.is(made.run('RESTORE', 'k', '0', payload.latin1Slice()), OK, name)
    const other = start()
    const logged = made.logged()
    other.replay(logged)
    assert.is(dumpOf(other, 'k'), dumpOf(made, 'k'), name)
    const version = Buffer.from(logged[0]![3]!, 'latin1').readUInt16LE(logged[0]![3]!.length - 10)
    assert.ok(version <= 10, `${name} is logged in version ${version}`)
    checkMemory(made.keyspace)
    await made.toDisk()
    await checkStored(made.records)
    assert.is(dumpOf(made, 'k'), dumpOf(other, 'k'), `${name} from disk`)
  }
})

test('a changed payload is refused and changes nothing, or makes a value that commands can use', async () => {
  const payloads = FIXTURES.map(({ payload }) => payload)
  const taken = await walkPayloads(seeded('restored payloads'), payloads, ROUNDS)
  assert.ok(taken > ROUNDS / 40, `${taken} taken`)
})

test('the family has an entry for each command', () => {
  assert.equal(transferCommands.map(({ name }) => name).slice(0, 3), ['dump', 'restore', 'restore-asking'])
})

test.run()
