/** Evicting checkpointed entries from memory down to the limit. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Rope } from '../../../storage/values/rope.ts'
import { Disk, Engine, nextTurn, until } from '../../support/harness/engine.ts'
import { checkMemory, liveContent } from '../../support/harness/engine-invariants.ts'

const LARGE = 'large '.repeat(60_000)

/** Runs background work until nothing more is evicted. */
function evictAll({ storage }: Engine): void {
  for (let before = -1; before !== storage.keyspace.residentBytes; ) {
    before = storage.keyspace.residentBytes
    for (let i = 0; i < 20; i++) storage.background()
  }
}

test('checkpointed entries are evicted down to the cache limit and read back on demand', async () => {
  const engine = await Engine.open(new Disk(), { cacheBytes: 50_000 })
  const { storage } = engine
  engine.turn(() => {
    for (let i = 0; i < 500; i++) engine.run('SET', `k${i}`, `value ${i}`, ...(i % 2 === 0 ? ['PX', '100000'] : []))
    engine.run('SET', 'large', LARGE)
    engine.runIn(1, 'SET', 'other', LARGE)
  })
  const expected = liveContent(storage.keyspace, 0)
  await engine.checkpoint()
  evictAll(engine)
  assert.ok(storage.keyspace.residentBytes <= 50_000, `${storage.keyspace.residentBytes} bytes`)
  assert.ok(storage.keyspace.evictions > 0)
  checkMemory(storage.keyspace)
  assert.is(liveContent(storage.keyspace, 0), expected)
  assert.is(engine.run('GET', 'k3'), 'value 3')
  assert.is(engine.run('GET', 'large'), LARGE)
  assert.is(engine.run('DBSIZE'), 501)
  engine.write('SET', 'k4', 'changed')
  engine.write('SETRANGE', 'large', '1', 'A')
  assert.is(engine.run('GET', 'large'), `l${'A'}${LARGE.slice(2)}`)
  checkMemory(storage.keyspace)
})

test('entries that no landed checkpoint has written are never evicted, even during and after a failed one', async () => {
  const engine = await Engine.open(new Disk(), { cacheBytes: 0 })
  const { storage, disk } = engine
  engine.turn(() => {
    for (let i = 0; i < 50; i++) engine.run('SET', `k${i}`, 'v')
    engine.run('SET', 'large', LARGE)
  })
  const bytes = storage.keyspace.residentBytes
  evictAll(engine)
  assert.is(storage.keyspace.residentBytes, bytes, 'dirty')
  disk.records.holdWrites()
  disk.records.failWrites()
  const failed = engine.checkpoint().catch(() => 'failed')
  await until(() => disk.records.heldWrites === 1, 'the batch')
  evictAll(engine)
  assert.is(storage.keyspace.residentBytes, bytes, 'in flight')
  disk.records.releaseWrites()
  assert.is(await failed, 'failed')
  evictAll(engine)
  assert.is(storage.keyspace.residentBytes, bytes, 'dirty again')
})

test('background work evicts down to the cache limit without further commands', async () => {
  const engine = await Engine.open(new Disk())
  const { storage } = engine
  const value = 'v'.repeat(1000)
  for (let i = 0; i < 20_000; i++) engine.write('SET', `k${i}`, value)
  await engine.checkpoint()
  storage.settings.cacheBytes = 50_000
  let slices = 0
  while (storage.background()) slices++
  assert.ok(storage.keyspace.residentBytes <= 50_000, `${storage.keyspace.residentBytes} bytes after ${slices} slices`)
  assert.ok(slices < 50, `${slices} slices`)
})

test('background work ends when nothing may be evicted', async () => {
  const engine = await Engine.open(new Disk(), { cacheBytes: 0 })
  for (let i = 0; i < 1000; i++) engine.write('SET', `k${i}`, 'v')
  let slices = 0
  while (engine.storage.background() && slices < 100) slices++
  assert.ok(slices < 100)
})

test('a database full of dirty entries does not protect entries of another database', async () => {
  const engine = await Engine.open(new Disk(), { cacheBytes: 50_000 })
  const { storage } = engine
  engine.turn(() => {
    for (let i = 0; i < 1000; i++) engine.runIn(1, 'SET', `k${i}`, 'value')
  })
  await engine.checkpoint()
  for (let i = 0; i < 3000; i++) engine.write('SET', `k${i}`, 'dirty')
  evictAll(engine)
  for (let i = 0; i < 1000; i++) engine.runIn(1, 'GET', `k${i}`)
  evictAll(engine)
  assert.is(storage.keyspace.database(1).residentEntries, 0)
  assert.is(storage.keyspace.database(0).residentEntries, 3000)
})

test('the pages of a rope are evicted one by one before its root', async () => {
  const engine = await Engine.open(new Disk())
  const { storage } = engine
  engine.write('SET', 'large', LARGE)
  await engine.checkpoint()
  const db = storage.keyspace.database(0)
  const rope = db.lookup('large')?.value as Rope
  const pages = () => rope.residentBytes
  const all = pages()
  // Once round: takes the marks of use away.
  db.residents.advanceHand(db.residents.length + 1, storage.keyspace.landedGeneration, 1)
  db.residents.advanceHand(3, storage.keyspace.landedGeneration, 1)
  assert.ok(pages() < all && pages() > 0)
  assert.is(db.resident('large')?.value, rope)
  checkMemory(storage.keyspace)
  storage.settings.cacheBytes = 0
  evictAll(engine)
  assert.is(db.residentEntries, 0)
  assert.is(db.residents.bytes, 0)
  assert.is(engine.run('GETRANGE', 'large', '0', '4'), 'large')
})

test('recently used entries outlive unused ones', async () => {
  const engine = await Engine.open(new Disk())
  const { storage } = engine
  engine.turn(() => {
    for (let i = 0; i < 1000; i++) engine.run('SET', `k${i}`, 'v')
  })
  await engine.checkpoint()
  const db = storage.keyspace.database(0)
  db.residents.advanceHand(1000, storage.keyspace.landedGeneration, 2 ** 40)
  for (let i = 0; i < 100; i++) engine.run('GET', `k${i}`)
  db.residents.advanceHand(1000, storage.keyspace.landedGeneration, 2 ** 40)
  for (let i = 0; i < 100; i++) assert.ok(db.resident(`k${i}`) !== undefined, `k${i}`)
  assert.ok(db.residentEntries < 200)
})

test("a small value from a large group does not keep the group's memory alive", async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  /**
   * Returns the bytes in use once they no longer shrink: memory outside of the heap is freed a
   * while after its owner.
   */
  const used = async () => {
    let least = Number.POSITIVE_INFINITY
    for (let round = 0; round < 10; round++) {
      collect()
      await nextTurn()
      const { heapUsed, external, arrayBuffers } = process.memoryUsage()
      least = Math.min(least, heapUsed + external + arrayBuffers)
    }
    return least
  }
  const engine = await Engine.open(new Disk())
  const filler = 'f'.repeat(60_000)
  for (let i = 0; i < 400; i++) engine.write('MSET', `k${i}`, `value ${i}`, 'filler', filler)
  const disk = engine.disk.kill(() => 0)
  const before = await used()
  const again = await Engine.open(disk)
  const grown = (await used()) - before
  assert.ok(grown < 8_000_000, `${grown} bytes for 400 small values; the groups were 24 MB`)
  assert.is(again.run('GET', 'k1'), 'value 1')
})

test.run()
