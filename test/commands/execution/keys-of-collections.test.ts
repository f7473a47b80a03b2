/** Commands about keys whose values are collections: COPY, MOVE, RENAME and similar ones. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { MapReply, SimpleString } from '../../../commands/contract/reply.ts'
import { hashExpiry } from '../../../commands/hashes/expiry.ts'
import { hashes } from '../../../commands/hashes/hashes.ts'
import { hashReading } from '../../../commands/hashes/reading.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { objects } from '../../../commands/keys/object.ts'
import { scans } from '../../../commands/keys/scan.ts'
import { debug } from '../../../commands/server/debug.ts'
import { memory } from '../../../commands/server/memory.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const TINY = { inlineBytes: 60, pageBytes: 100, pageElements: 5 }
const MANY = Array.from({ length: 300 }, (_, i) => `m${i}`)

function start(): Harness {
  const made = harness([hashes, hashReading, hashExpiry, sets, keys, scans, objects, memory, debug])
  made.keyspace.pageLimits = TINY
  return made
}

const digestOf = async ({ runAsync }: Harness, key: string) => ((await runAsync('DEBUG', 'DIGEST-VALUE', key)) as SimpleString[])[0]?.text

test('TYPE, SCAN TYPE and OBJECT ENCODING know every type', async () => {
  const { run, runAsync, toDisk } = start()
  run('HSET', 'h', 'f', 'v')
  run('SADD', 'numbers', '1', '2')
  run('SADD', 'words', 'one', 'two')
  run('SADD', 'many', ...MANY)
  const ask = () =>
    ['h', 'numbers', 'words', 'many'].map((key) => [(run('TYPE', key) as SimpleString).text, run('OBJECT', 'ENCODING', key)])
  const expected = [
    ['hash', 'listpack'],
    ['set', 'intset'],
    ['set', 'listpack'],
    ['set', 'hashtable'],
  ]
  assert.equal(ask(), expected)
  assert.is(run('OBJECT', 'REFCOUNT', 'h'), 1)
  await toDisk()
  assert.equal(await runAsync('SCAN', '0', 'TYPE', 'set'), ['0', ['many', 'numbers', 'words']])
  assert.equal(await runAsync('SCAN', '0', 'TYPE', 'hash'), ['0', ['h']])
  assert.equal(ask(), expected)
})

test('COPY makes an independent collection of any size, from memory or disk, with its field deadlines', async () => {
  const made = start()
  const { run, toDisk, logged, session } = made
  run('SADD', 'many', ...MANY)
  run('HSET', 'h', 'a', '1', 'b', '2')
  run('HPEXPIREAT', 'h', '2000000000000', 'FIELDS', '1', 'b')
  await toDisk()
  logged()
  for (const key of ['many', 'h']) {
    const before = await digestOf(made, key)
    assert.is(run('COPY', key, 'copy'), 1)
    assert.is(await digestOf(made, 'copy'), before)
    assert.is(run('OBJECT', 'ENCODING', 'copy'), run('OBJECT', 'ENCODING', key))
    run('DEL', key)
    assert.is(await digestOf(made, 'copy'), before)
    run('RENAME', 'copy', key)
    assert.is(await digestOf(made, key), before)
    assert.is(run('COPY', key, key, 'DB', '1'), 1)
    session.database = 1
    assert.is(await digestOf(made, key), before)
    session.database = 0
  }
  assert.equal(
    logged().filter(([name]) => name === 'COPY'),
    [
      ['COPY', 'many', 'copy'],
      ['COPY', 'many', 'many', 'DB', '1'],
      ['COPY', 'h', 'copy'],
      ['COPY', 'h', 'h', 'DB', '1'],
    ],
  )
})

test('a copied hash has independent deadlines', () => {
  const { run, advance } = start()
  run('HSET', 'h', 'a', '1', 'b', '2')
  run('HPEXPIRE', 'h', '100', 'FIELDS', '1', 'b')
  run('COPY', 'h', 'copy')
  run('HPERSIST', 'h', 'FIELDS', '1', 'b')
  advance(100)
  assert.equal((run('HGETALL', 'h') as MapReply).flat, ['a', '1', 'b', '2'])
  assert.equal((run('HGETALL', 'copy') as MapReply).flat, ['a', '1'])
})

test('MOVE takes a large collection to another database', async () => {
  const made = start()
  const { run, session, toDisk, checkpoint } = made
  run('SADD', 'many', ...MANY)
  await toDisk()
  const before = await digestOf(made, 'many')
  assert.is(run('MOVE', 'many', '1'), 1)
  assert.is(run('SCARD', 'many'), 0)
  session.database = 1
  assert.is(await digestOf(made, 'many'), before)
  run('SREM', 'many', 'm7')
  await checkpoint()
  assert.is(run('SCARD', 'many'), MANY.length - 1)
})

test('large values freed in the background are counted, and small ones are not', () => {
  const { run, keyspace } = start()
  run('SADD', 'many', ...MANY)
  run('SADD', 'few', 'a')
  run('DEL', 'few')
  assert.is(keyspace.droppedObjects, 0)
  run('COPY', 'many', 'copy')
  run('UNLINK', 'many')
  run('RENAME', 'copy', 'many')
  assert.is(keyspace.droppedObjects, 1)
  run('HSET', 'h', 'f', 'v')
  run('COPY', 'h', 'many', 'REPLACE')
  assert.is(keyspace.droppedObjects, 2)
})

test('MEMORY USAGE of a collection counts the pages in memory', async () => {
  const { run, toDisk } = start()
  run('SADD', 'many', ...MANY)
  const full = run('MEMORY', 'USAGE', 'many', 'SAMPLES', '5') as number
  assert.ok(full > MANY.length * 10)
  await toDisk()
  assert.ok((run('MEMORY', 'USAGE', 'many') as number) < full / 10)
  run('SISMEMBER', 'many', 'm1')
  const some = run('MEMORY', 'USAGE', 'many') as number
  assert.ok(some < full / 2)
  run('SADD', 'few', 'a')
  const small = run('MEMORY', 'USAGE', 'few') as number
  run('SADD', 'few', 'b'.repeat(30))
  assert.ok((run('MEMORY', 'USAGE', 'few') as number) >= small + 30)
})

test.run()
