/** A database in memory: exact counts, memory and flushes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Disk, Engine } from '../../support/harness/engine.ts'
import { checkMemory } from '../../support/harness/engine-invariants.ts'

const LARGE = 'large '.repeat(20_000)

test('counts and memory are exact through every kind of change', async () => {
  const engine = await Engine.open(new Disk())
  const { keyspace } = engine.storage
  const steps: (readonly string[])[] = [
    ['SET', 'a', '1'],
    ['SET', 'a', '22', 'PX', '1000'],
    ['SET', 'a', LARGE],
    ['APPEND', 'a', LARGE],
    ['PEXPIRE', 'a', '5000'],
    ['RENAME', 'a', 'b'],
    ['COPY', 'b', 'c'],
    ['MOVE', 'b', '1'],
    ['SET', 'c', 'short'],
    ['SETRANGE', 'c', '70000', 'now a rope'],
    ['SWAPDB', '0', '1'],
    ['PERSIST', 'b'],
    ['DEL', 'b', 'c'],
    ['SWAPDB', '0', '1'],
    ['MSET', 'x', '1', 'y', '2'],
    ['RENAME', 'x', 'y'],
    ['FLUSHDB'],
    ['SET', 'y', '3'],
    ['FLUSHALL'],
  ]
  for (const words of steps) {
    engine.write(...words)
    checkMemory(keyspace)
  }
  assert.is(keyspace.keyCount, 0)
  assert.is(keyspace.residentBytes, 0)
})

test('once all keys are resident, lookups of missing keys do not read LevelDB', async () => {
  const first = await Engine.open(new Disk())
  for (let i = 0; i < 10; i++) first.write('SET', `k${i}`, 'v')
  await first.storage.close('save')
  const engine = await Engine.open(first.disk.kill(() => 0))
  const { keyspace } = engine.storage
  engine.run('GET', 'missing')
  assert.is(keyspace.diskReads, 1)
  for (let i = 0; i < 10; i++) engine.run('GET', `k${i}`)
  assert.is(keyspace.diskReads, 11)
  engine.run('GET', 'missing')
  engine.write('SET', 'new', 'v')
  engine.write('DEL', 'k1')
  assert.is(engine.run('GET', 'k1'), null)
  assert.is(keyspace.diskReads, 11)
})

test('a database in memory is emptied in one step, and its id is never used again', async () => {
  const engine = await Engine.open(new Disk())
  const { keyspace } = engine.storage
  const { id } = keyspace.database(0)
  engine.write('SET', 'a', '1')
  engine.write('FLUSHDB')
  const next = keyspace.database(0).id
  assert.ok(next > id)
  engine.write('FLUSHDB')
  assert.is(keyspace.database(0).id, next, 'no object was dropped')
  engine.write('SET', 'a', '1')
  const again = await Engine.open(engine.disk.kill(() => 0))
  assert.is(again.storage.keyspace.database(0).id, next, 'replay assigns the same ids')
})

test.run()
