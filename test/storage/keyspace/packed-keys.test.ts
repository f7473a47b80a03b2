/**
 * Packed keys: against a Map under random change, beside entries in an engine; their clock hand.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { must } from '../../../base/assert.ts'
import { hashOf } from '../../../storage/keyspace/key-hash.ts'
import { UseCounter } from '../../../storage/keyspace/last-use.ts'
import { PACKED_OVERHEAD_BYTES, PackedKeys } from '../../../storage/keyspace/packed-keys.ts'
import type { Hash } from '../../../storage/values/hash.ts'
import type { List } from '../../../storage/values/list.ts'
import { seeded } from '../../support/generators/seed.ts'
import { Disk, Engine } from '../../support/harness/engine.ts'
import { checkMemory } from '../../support/harness/engine-invariants.ts'

const plain = (content: string) => ({ content, isPlain: true, lastUse: 7 })

function read(packed: PackedKeys, key: string): string | undefined {
  if (!packed.find(key)) return undefined
  packed.noteUse()
  return packed.text
}

test('packed keys equal a Map after any additions, removals and rounds of the hand', () => {
  const { integer } = seeded('packed-keys')
  for (const segmentSlots of [64, 16_384]) {
    const packed = new PackedKeys(segmentSlots)
    const twin = new Map<string, string>()
    for (let step = 0; step < 30_000; step++) {
      const key = `k${integer(step < 20_000 ? 8000 : 300)}`
      if (!twin.has(key)) {
        const value = 'x'.repeat(integer(30))
        packed.add(key, plain(value), integer(2) === 0)
        twin.set(key, value)
      } else if (integer(3) > 0) {
        assert.equal(packed.remove(key), plain(twin.get(key) as string))
        twin.delete(key)
      } else assert.is(read(packed, key), twin.get(key))
      if (integer(500) === 0) {
        packed.advanceHand(integer(2000), 0, 1000, 'used')
        packed.startRound()
        for (const known of twin.keys()) if (!packed.has(known)) twin.delete(known)
      }
    }
    assert.is(packed.count, twin.size)
    let bytes = 0
    for (const [key, value] of twin) {
      bytes += PACKED_OVERHEAD_BYTES + key.length + value.length
      assert.is(read(packed, key), value)
    }
    assert.is(packed.bytes, bytes)
  }
})

test('a key that finds no slot is not packed, and is not counted', () => {
  const packed = new PackedKeys(64, () => 7)
  for (let i = 0; i < 500; i++) packed.add(`k${i}`, plain('v'), false)
  const found = Array.from({ length: 500 }, (_, i) => `k${i}`).filter((key) => packed.has(key))
  assert.ok(found.length > 0 && found.length < 500, `${found.length} of 500`)
  assert.is(packed.count, found.length)
  assert.is(
    packed.bytes,
    found.reduce((sum, key) => sum + PACKED_OVERHEAD_BYTES + key.length + 1, 0),
  )
})

test('a round of the hand visits every key, spares the used ones, and then evicts them', () => {
  for (const count of [1, 50, 5000, 40_000]) {
    const packed = new PackedKeys(256)
    for (let i = 0; i < count; i++) packed.add(`k${i}`, plain('v'), i % 2 === 0)
    const round = () => {
      packed.startRound()
      while (packed.leftInRound > 0) packed.advanceHand(100, 0, Number.POSITIVE_INFINITY, 'used')
    }
    round()
    // Keys that move when their segment shrinks may be visited twice or not at all in this round.
    const left = packed.count
    assert.ok(left >= count * 0.45 && left <= count * 0.55 + 1, `${left} of ${count} are left`)
    for (let rounds = 0; packed.count > 0; rounds++) {
      round()
      assert.ok(rounds < 3, `${packed.count} of ${count} are left`)
    }
    assert.is(packed.bytes, 0)
  }
})

test('the hand stops when enough is freed, and spares nothing if it must not', () => {
  const packed = new PackedKeys()
  for (let i = 0; i < 1000; i++) packed.add(`k${i}`, plain('v'.repeat(100)), true)
  assert.is(packed.advanceHand(1000, 0, 1000, 'used'), 0)
  packed.startRound()
  let freed = 0
  while (freed === 0) freed = packed.advanceHand(1000, 0, 1000, 'nothing')
  assert.ok(freed < 1300, `${freed} bytes`)
})

test('a key drawn at random is one of the packed keys, and every key can be drawn', () => {
  const { random } = seeded('draw')
  const packed = new PackedKeys(64, hashOf)
  assert.is(packed.randomKey(random), null)
  for (let i = 0; i < 200; i++) packed.add(`k${i}`, plain('v'), false)
  const drawn = new Set<string | null>()
  for (let i = 0; i < 20_000; i++) drawn.add(packed.randomKey(random))
  drawn.delete(null)
  assert.is(drawn.size, 200)
})

/** An engine with a key of each form, all on disk, and clean in memory. */
async function packedEngine(): Promise<Engine> {
  const engine = await Engine.open(new Disk())
  engine.turn(() => {
    engine.run('SET', 'string', 'value')
    engine.run('SET', 'volatile', 'value', 'PX', '60000')
    engine.run('HSET', 'hash', 'f', 'v')
    engine.run('RPUSH', 'list', 'a', 'b')
    engine.run('SETRANGE', 'changed', '3', 'x')
    for (let i = 0; i < 200; i++) engine.run('RPUSH', 'long', 'x'.repeat(100))
  })
  await engine.checkpoint()
  const { keyspace } = engine.storage
  const db = keyspace.database(0)
  for (let round = 0; round < 2; round++) db.residents.packSome(1000, keyspace.landedGeneration)
  return engine
}

test('clean entries are packed, except values with pages in memory or changed in place', async () => {
  const engine = await packedEngine()
  const db = engine.storage.keyspace.database(0)
  const packed = ['string', 'volatile', 'hash', 'list', 'changed', 'long'].filter((key) => db.packed.has(key))
  assert.equal(packed, ['string', 'volatile', 'hash', 'list'])
  assert.is(db.residentKeys, 2)
  assert.is(db.keysInMemory, 6)
  checkMemory(engine.storage.keyspace)
})

test('a packed key keeps the time of its last use, or its counter, with and without a use', async () => {
  const engine = await packedEngine()
  const { keyspace } = engine.storage
  const db = keyspace.database(0)
  const counter = new UseCounter(0, 1, () => 0)
  const now = keyspace.monotonicSeconds
  for (const lastUse of [0, 1, -1, now - 1000, -(2 ** 29), counter.withCounter(255, 2 ** 24)]) {
    const packed = new PackedKeys()
    packed.add('k', { ...plain('v'), lastUse }, false)
    assert.is(read(packed, 'k'), 'v')
    assert.is(packed.lastUse, lastUse)
    assert.is(packed.remove('k')?.lastUse, lastUse)
  }
  keyspace.useCounter = counter
  engine.run('GET', 'string')
  engine.run('GET', 'string')
  keyspace.isUseCounted = false
  db.readValue('string')
  keyspace.isUseCounted = true
  assert.ok(db.packed.has('string'))
  assert.is(counter.counterOf(must(db.peek('string')).lastUse, now), 7)
})

test('packed strings and collections are read where they are; other commands make them resident', async () => {
  const engine = await packedEngine()
  const { keyspace } = engine.storage
  const db = keyspace.database(0)
  const reads = keyspace.diskReads
  assert.is(engine.run('GET', 'string'), 'value')
  assert.ok(db.packed.has('string'))
  assert.is(engine.run('GET', 'volatile'), 'value')
  assert.is(engine.run('HGET', 'hash', 'f'), 'v')
  assert.is(engine.run('LLEN', 'list'), 2)
  assert.is(db.packed.count, 3, 'a string with a deadline is packed as a record, and in use')
  assert.equal(engine.run('HKEYS', 'hash'), ['f'])
  assert.equal(engine.run('LPOS', 'list', 'b'), 1)
  assert.is(db.packed.count, 1)
  engine.write('APPEND', 'string', '!')
  assert.is(engine.run('GET', 'string'), 'value!')
  assert.is(engine.run('GET', 'missing'), null)
  assert.is(keyspace.diskReads, reads, 'everything is in memory')
  assert.is(db.packed.count, 0)
  checkMemory(keyspace)
})

test('commands that do not need the value of a packed key leave it packed, and see its deadlines', async () => {
  const engine = await packedEngine()
  const { keyspace } = engine.storage
  const db = keyspace.database(0)
  const { hits, misses } = keyspace
  assert.is(engine.run('EXISTS', 'string', 'volatile', 'hash', 'missing'), 3)
  for (const [key, type] of [
    ['string', 'string'],
    ['volatile', 'string'],
    ['hash', 'hash'],
    ['list', 'list'],
  ] as const) {
    assert.is(String(engine.run('TYPE', key)), type)
  }
  assert.equal([engine.run('PTTL', 'volatile'), engine.run('TTL', 'string'), engine.run('TTL', 'missing')], [60_000, -1, -2])
  assert.equal([engine.run('STRLEN', 'string'), engine.run('GETRANGE', 'string', '1', '2')], [5, 'al'])
  assert.equal([keyspace.hits - hits, keyspace.misses - misses], [11, 2])
  assert.is(db.packed.count, 4)
  keyspace.setClock(keyspace.nowMs + 60_000)
  assert.is(engine.run('EXISTS', 'volatile'), 0)
  checkMemory(keyspace)
})

test('a packed collection that is changed has no trees until it exceeds a limit', async () => {
  const engine = await packedEngine()
  const db = engine.storage.keyspace.database(0)
  const collectionAt = (key: string) => must(db.peek(key)).value as Hash | List
  const isPacked = (key: string) => collectionAt(key).object.packed !== null
  engine.write('HSET', 'hash', 'g', 'w')
  engine.write('RPUSH', 'list', 'c')
  assert.equal([isPacked('hash'), isPacked('list')], [true, true])
  assert.equal([engine.run('HLEN', 'hash'), engine.run('LRANGE', 'list', '0', '-1')], [2, ['a', 'b', 'c']])
  assert.is(collectionAt('hash').encodingName, 'listpack')
  engine.write('HSET', 'hash', 'h', 'x'.repeat(5000))
  assert.equal([isPacked('hash'), engine.run('HGET', 'hash', 'g')], [false, 'w'])
  checkMemory(engine.storage.keyspace)
  await engine.checkpoint()
  checkMemory(engine.storage.keyspace)
})

test('SET of a packed string does not read it, and keeps its counter', async () => {
  const engine = await packedEngine()
  const { keyspace } = engine.storage
  const db = keyspace.database(0)
  const counter = new UseCounter(0, 1, () => 0)
  keyspace.useCounter = counter
  engine.run('GET', 'string')
  engine.write('SET', 'string', 'other')
  assert.is(counter.counterOf(must(db.peek('string')).lastUse, keyspace.monotonicSeconds), 7)
  checkMemory(keyspace)
  await engine.checkpoint()
  assert.is(engine.run('GET', 'string'), 'other')
  checkMemory(keyspace)
})

test('commands that read a packed collection leave it packed, and make it resident once it is in use', async () => {
  const engine = await packedEngine()
  const { keyspace } = engine.storage
  const db = keyspace.database(0)
  keyspace.monotonicSeconds += 60
  const [hits, reads] = [keyspace.hits, keyspace.diskReads]
  assert.equal(engine.run('HKEYS', 'hash'), ['f'])
  assert.equal(engine.run('LPOS', 'list', 'b'), 1)
  assert.is(engine.run('GET', 'volatile'), 'value')
  assert.is(keyspace.hits, hits + 3)
  assert.is(keyspace.diskReads, reads)
  assert.is(db.packed.count, 4)
  checkMemory(keyspace)
  assert.equal(engine.run('HVALS', 'hash'), ['v'])
  assert.not.ok(db.packed.has('hash'), 'the second use makes it resident')
  assert.match(String(engine.run('HGET', 'list', 'f')), /WRONGTYPE/)
  engine.write('RPUSH', 'list', 'c')
  assert.is(engine.run('LLEN', 'list'), 3)
  checkMemory(keyspace)
})

test('reading a packed hash whose fields have deadlines deletes the expired ones', async () => {
  const engine = await Engine.open(new Disk())
  engine.turn(() => {
    engine.run('HSET', 'hash', 'f', 'v', 'g', 'w')
    engine.run('HPEXPIRE', 'hash', '1000', 'FIELDS', '1', 'f')
  })
  await engine.checkpoint()
  const { keyspace } = engine.storage
  const db = keyspace.database(0)
  for (let round = 0; round < 2; round++) db.residents.packSome(10, keyspace.landedGeneration)
  assert.ok(db.packed.has('hash'))
  keyspace.monotonicSeconds += 60
  keyspace.setClock(keyspace.nowMs + 1000)
  assert.is(engine.run('HGET', 'hash', 'f'), null)
  assert.is(engine.run('HLEN', 'hash'), 1)
  checkMemory(keyspace)
})

test('a packed key can be deleted, overwritten, renamed, and expires', async () => {
  for (const [command, left] of [
    [['DEL', 'string'], null],
    [['SET', 'string', 'other'], 'other'],
    [['RENAME', 'list', 'string'], undefined],
  ] as const) {
    const engine = await packedEngine()
    engine.write(...command)
    if (left !== undefined) assert.is(engine.run('GET', 'string'), left)
    else assert.is(String(engine.run('TYPE', 'string')), 'list')
    checkMemory(engine.storage.keyspace)
    await engine.checkpoint()
    checkMemory(engine.storage.keyspace)
  }
  const engine = await packedEngine()
  const { keyspace } = engine.storage
  keyspace.setClock(keyspace.nowMs + 60_000)
  assert.is(engine.run('GET', 'volatile'), null)
})

/** An engine with clean entries of 500 strings in each of two databases. */
async function engineOfStrings(): Promise<Engine> {
  const engine = await Engine.open(new Disk())
  engine.turn(() => {
    for (const database of [0, 3]) for (let i = 0; i < 500; i++) engine.runIn(database, 'SET', `k${i}`, 'v')
  })
  await engine.checkpoint()
  return engine
}

test('entries that are not used are packed within a minute, however few; those in use stay', async () => {
  const engine = await engineOfStrings()
  const { keyspace } = engine.storage
  engine.write('SET', 'dirty', 'v')
  const inUse = () => Array.from({ length: 50 }, (_, i) => keyspace.database(3).resident(`k${i}`)).filter((entry) => entry !== undefined)
  keyspace.readAtMs = 1000
  keyspace.eviction.slice()
  for (let tenths = 0; tenths < 600; tenths++) {
    keyspace.readAtMs += 100
    for (let i = 0; i < 50; i++) keyspace.database(3).find(`k${i}`)
    assert.not.ok(keyspace.eviction.slice(), 'there is time')
    if (tenths === 100) assert.is(keyspace.database(0).packed.count + keyspace.database(3).packed.count, 0, 'within a round')
  }
  assert.is(inUse().length, 50)
  assert.is(keyspace.database(0).packed.count, 500)
  assert.is(keyspace.database(3).packed.count, 450)
  assert.ok(keyspace.database(0).resident('dirty'))
  checkMemory(keyspace)
})

test('all clean entries are packed at once where a client asks for it', async () => {
  const engine = await engineOfStrings()
  const { keyspace } = engine.storage
  engine.run('GET', 'k1')
  engine.write('SET', 'k2', 'dirty')
  keyspace.eviction.packAll()
  assert.is(keyspace.database(0).packed.count, 499)
  assert.is(keyspace.database(3).packed.count, 500)
  checkMemory(keyspace)
})

test('a FLUSHDB drops packed keys', async () => {
  const engine = await packedEngine()
  engine.write('FLUSHDB')
  assert.is(engine.run('GET', 'string'), null)
  assert.is(engine.storage.keyspace.database(0).keysInMemory, 0)
  checkMemory(engine.storage.keyspace)
})

test.run()
