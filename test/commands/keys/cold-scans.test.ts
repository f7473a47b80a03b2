/**
 * Every sort of command reads cold data that is far larger than the cache. The cache stays within
 * its limit at every moment.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import type { Reply } from '../../../commands/contract/reply.ts'
import { pikaScans } from '../../../commands/keys/pika-scans.ts'
import { scans } from '../../../commands/keys/scan.ts'
import { scripts } from '../../../commands/scripting/script-commands.ts'
import { debug } from '../../../commands/server/debug.ts'
import { cacheBytesAtMost } from '../../../storage/keyspace/eviction.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const CACHE_BYTES = 1024 * 1024
const MAX_BYTES = cacheBytesAtMost(CACHE_BYTES)
const KEYS = 8000
const VALUE = 'v'.repeat(1000)
const ELEMENTS = 20_000
const ELEMENT = 'e'.repeat(180)
const WORDS_AT_A_TIME = 2000

const keyOf = (index: number) => `key:${index}`
const elementOf = (index: number) => `${String(index).padStart(8, '0')}${ELEMENT}`
const range = (count: number) => Array.from({ length: count }, (_, index) => index)
const allKeys = range(KEYS).map(keyOf)
const allElements = range(ELEMENTS).map(elementOf)

/** Indexes in an order in which adjacent ones are on different pages. */
const scattered = range(ELEMENTS).map((index) => (index * 7919) % ELEMENTS)

interface World extends Harness {
  /** The most resident bytes seen during or after a read from disk. */
  mostBytes: number
}

async function world(): Promise<World> {
  const made = harness([...dataFamilies, scans, scripts, debug, pikaScans])
  made.server.config.load([['enable-debug-command', 'yes']])
  const { run, keyspace, logged } = made
  const add = (command: string, key: string, words: (index: number) => readonly string[]) => {
    for (let from = 0; from < ELEMENTS; from += WORDS_AT_A_TIME) {
      run(command, key, ...range(WORDS_AT_A_TIME).flatMap((index) => words(from + index)))
      logged()
    }
  }
  for (const key of allKeys) run('SET', key, VALUE)
  for (let index = 0; index < KEYS; index++) run('HSET', `small:${index}`, 'weight', String(index), 'filler', VALUE)
  run('RPUSH', 'ids', ...range(KEYS).map(String))
  for (let index = 0; index < 8; index++) run('SET', `rope:${index}`, `${index}${VALUE}`.repeat(1000))
  add('HSET', 'hash', (index) => [elementOf(index), 'x'])
  add('RPUSH', 'list', (index) => [elementOf(index)])
  add('SADD', 'set', (index) => [elementOf(index)])
  add('ZADD', 'zset', (index) => [String(index), elementOf(index)])
  for (let index = 0; index < ELEMENTS; index++) run('XADD', 'stream', `${index + 1}-1`, 'f', ELEMENT)
  logged()
  await made.checkpoint()
  keyspace.eviction.limits = { cacheBytes: CACHE_BYTES }
  const read = keyspace.readRecord.bind(keyspace)
  const watched: World = Object.assign(made, { mostBytes: 0 })
  keyspace.readRecord = (key) => {
    watched.mostBytes = Math.max(watched.mostBytes, keyspace.residentBytes)
    return read(key)
  }
  return watched
}

/** Evicts everything. */
async function makeCold({ keyspace, checkpoint }: World): Promise<void> {
  await checkpoint()
  const { residents } = keyspace.database(0)
  while (residents.length > 0) residents.advanceHand(2 * residents.length, keyspace.landedGeneration, Number.POSITIVE_INFINITY, 'nothing')
}

const each = (words: (key: string) => readonly string[]) => (run: (...words: Bytes[]) => Reply) => {
  for (const key of allKeys) run(...words(key))
}

const SCANS: Readonly<Record<string, readonly Bytes[] | ((run: (...words: Bytes[]) => Reply) => void)>> = {
  'GET one by one': each((key) => ['GET', key]),
  'HGET one by one': (run) => {
    for (const index of scattered) run('HGET', 'hash', elementOf(index))
  },
  'GET of ropes': (run) => {
    for (let index = 0; index < 8; index++) run('GET', `rope:${index}`)
  },
  MGET: ['MGET', ...allKeys],
  EXISTS: ['EXISTS', ...allKeys],
  TOUCH: ['TOUCH', ...allKeys],
  HGETALL: ['HGETALL', 'hash'],
  HMGET: ['HMGET', 'hash', ...scattered.map(elementOf)],
  LRANGE: ['LRANGE', 'list', '0', '-1'],
  LPOS: ['LPOS', 'list', 'none', 'COUNT', '0'],
  SMEMBERS: ['SMEMBERS', 'set'],
  SMISMEMBER: ['SMISMEMBER', 'set', ...scattered.map(elementOf)],
  SRANDMEMBER: ['SRANDMEMBER', 'set', '5000'],
  'SUNION of one set with itself': ['SUNION', 'set', 'set', 'hash:none'],
  SINTERCARD: ['SINTERCARD', '2', 'set', 'set'],
  ZRANGE: ['ZRANGE', 'zset', '0', '-1', 'WITHSCORES'],
  'ZRANGE backwards': ['ZRANGE', 'zset', '0', '-1', 'REV'],
  ZMSCORE: ['ZMSCORE', 'zset', ...allElements],
  XRANGE: ['XRANGE', 'stream', '-', '+'],
  XREVRANGE: ['XREVRANGE', 'stream', '+', '-'],
  'SORT BY': ['SORT', 'ids', 'BY', 'small:*->weight', 'GET', 'key:*', 'GET', 'small:*->filler'],
  'SORT BY without a field': ['SORT', 'ids', 'BY', 'key:*', 'ALPHA'],
  BITCOUNT: ['BITCOUNT', 'rope:1'],
  'BITOP over ropes': ['BITOP', 'XOR', 'rope:none', 'rope:1', 'rope:2'],
  EVAL: ['EVAL', `local n = 0 for i = 0, ${KEYS - 1} do n = n + #redis.call('GET', 'key:' .. i) end return n`, '0'],
  EXEC: (run) => {
    run('MULTI')
    for (const key of allKeys) run('GET', key)
    run('EXEC')
  },
  WATCH: (run) => {
    run('WATCH', ...allKeys)
    run('MULTI')
    run('EXEC')
  },
  'DEBUG DIGEST-VALUE': ['DEBUG', 'DIGEST-VALUE', 'hash', 'list', 'stream', ...allKeys],
}

const ready = world()

for (const [name, scan] of Object.entries(SCANS)) {
  test(`the cache keeps within its limit and leeway: ${name}`, async () => {
    const it = await ready
    await makeCold(it)
    it.mostBytes = 0
    const before = it.keyspace.diskReads
    if (typeof scan === 'function') scan((...words) => it.run(...words))
    else await it.runAsync(...scan)
    const most = Math.max(it.mostBytes, it.keyspace.residentBytes)
    assert.ok(most <= MAX_BYTES, `${most} bytes of ${MAX_BYTES}, after ${it.keyspace.diskReads - before} reads`)
    it.logged()
  })
}

for (const words of [
  ['DEBUG', 'DIGEST'],
  ['KEYS', '*'],
  ['PKSCANRANGE', 'string_with_value', '', '', 'LIMIT', String(KEYS)],
]) {
  test(`the cache keeps within its limit and leeway: ${words.slice(0, 2).join(' ')} over all keys, in turns and in a transaction`, async () => {
    const it = await ready
    for (const isTransaction of [false, true]) {
      await makeCold(it)
      it.mostBytes = 0
      if (isTransaction) it.run('MULTI')
      await it.runAsync(...words)
      if (isTransaction) it.run('EXEC')
      const most = Math.max(it.mostBytes, it.keyspace.residentBytes)
      assert.ok(most <= MAX_BYTES, `${most} bytes of ${MAX_BYTES}`)
    }
  })
}

test('hot keys beyond the cache limit do not keep the cache above it', async () => {
  const it = await ready
  await makeCold(it)
  it.mostBytes = 0
  const hot = range(1500).map(keyOf) // more than the limit
  for (let index = 0; index < KEYS; index++) {
    it.run('GET', keyOf(index))
    if (index % 10 === 0) it.run('MGET', ...hot)
  }
  const most = Math.max(it.mostBytes, it.keyspace.residentBytes)
  assert.ok(most <= MAX_BYTES, `${most} bytes of ${MAX_BYTES}`)
})

test('keys used more than once survive a scan of keys used once', async () => {
  const it = await ready
  await makeCold(it)
  const hot = range(200).map(keyOf)
  for (let index = 200; index < KEYS; index++) {
    it.run('GET', keyOf(index))
    if (index % 20 === 0) it.run('MGET', ...hot)
  }
  const db = it.keyspace.database(0)
  const left = hot.filter((key) => db.resident(key) !== undefined).length
  assert.ok(left >= 150, `${left} of 200 are left`)
})

test.run()
