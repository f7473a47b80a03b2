/** Keys that a pipeline's read does not find: they are not read again until LevelDB changes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Prefetcher } from '../../../server/protocol/prefetch.ts'
import { AbsentKeys, MAX_ABSENT_KEY_BYTES, MAX_ABSENT_KEYS } from '../../../storage/keyspace/absent-keys.ts'
import { seeded } from '../../support/generators/seed.ts'
import { Disk, Engine } from '../../support/harness/engine.ts'
import { checkMemory } from '../../support/harness/engine-invariants.ts'

const ABSENT = Array.from({ length: 20 }, (_, i) => `absent:${i}`)
const gets = (keys: readonly string[]) => keys.map((key) => ['GET', key])

/** An engine whose keys are all on disk, and which has read the absent keys for a pipeline. */
async function coldEngine() {
  const first = await Engine.open(new Disk())
  first.turn(() => {
    for (let i = 0; i < 50; i++) first.run('SET', `k${i}`, 'old')
    first.runIn(1, 'SET', 'absent:0', 'of database 1')
  })
  await first.storage.close('save')
  const engine = await Engine.open(first.disk.kill(() => 0))
  const { keyspace } = engine.storage
  const prefetcher = new Prefetcher(keyspace, engine.executor.runtimes)
  await prefetcher.start(0, gets(ABSENT))
  return { engine, keyspace, prefetcher }
}

test('a key that a pipeline has not found is not read again, by its command or by another pipeline', async () => {
  const { engine, keyspace, prefetcher } = await coldEngine()
  assert.is(keyspace.diskReads, 20, 'the reads of a pipeline are counted')
  for (const key of ABSENT) assert.is(engine.run('GET', key), null)
  assert.is(engine.run('EXISTS', ...ABSENT), 0)
  assert.is(prefetcher.start(0, gets(ABSENT)), null)
  assert.is(keyspace.diskReads, 20)
  assert.is(engine.run('GET', 'k1'), 'old')
  assert.is(keyspace.diskReads, 21, 'other keys are read')
})

test('a key that was absent can be created, deleted, and created again', async () => {
  const { engine, keyspace } = await coldEngine()
  engine.write('SET', 'absent:1', 'new')
  assert.is(engine.run('GET', 'absent:1'), 'new')
  engine.write('DEL', 'absent:1')
  assert.is(engine.run('GET', 'absent:1'), null)
  engine.write('RENAME', 'k1', 'absent:1')
  assert.is(engine.run('GET', 'absent:1'), 'old')
  await engine.checkpoint()
  for (let round = 0; round < 2; round++) keyspace.database(0).residents.packSome(1000, keyspace.landedGeneration)
  assert.is(engine.run('GET', 'absent:1'), 'old')
  assert.is(keyspace.database(0).keyCount, 50)
  checkMemory(keyspace)
})

test('absent keys are forgotten when a checkpoint lands', async () => {
  const { engine, keyspace } = await coldEngine()
  engine.write('SET', 'other', '1')
  await engine.checkpoint()
  const reads = keyspace.diskReads
  assert.is(engine.run('GET', 'absent:1'), null)
  assert.is(keyspace.diskReads, reads + 1)
})

test('a read that a checkpoint overtakes says nothing about absent keys', async () => {
  const { engine, keyspace, prefetcher } = await coldEngine()
  const keys = Array.from({ length: 20 }, (_, i) => `later:${i}`)
  const reading = prefetcher.start(0, gets(keys))
  engine.write('SET', 'later:1', 'new')
  keyspace.epoch++
  await reading
  const reads = keyspace.diskReads
  assert.is(engine.run('GET', 'later:2'), null)
  assert.is(keyspace.diskReads, reads + 1)
})

test('absent keys belong to one database, through SWAPDB and FLUSHDB', async () => {
  const { engine } = await coldEngine()
  assert.is(engine.runIn(1, 'GET', 'absent:0'), 'of database 1')
  engine.write('SWAPDB', '0', '1')
  assert.is(engine.run('GET', 'absent:0'), 'of database 1')
  assert.is(engine.runIn(1, 'GET', 'absent:0'), null)
  engine.write('SWAPDB', '0', '1')
  engine.write('FLUSHDB')
  engine.write('SET', 'absent:1', 'after')
  assert.is(engine.run('GET', 'absent:1'), 'after')
})

test('pipelines, changes, checkpoints and evictions in any order show what a Map has', async () => {
  const { integer } = seeded('absent-keys')
  const { engine, keyspace, prefetcher } = await coldEngine()
  engine.storage.settings.cacheBytes = 0
  const twins = [new Map<string, string>(), new Map<string, string>()]
  engine.write('FLUSHALL')
  const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)
  for (let step = 0; step < 1500; step++) {
    const [database, key, value] = [integer(2), `k${integer(60)}`, `v${step}`]
    const twin = twins[database] as Map<string, string>
    const choice = integer(100)
    if (choice < 30) {
      engine.turn(() => engine.runIn(database, 'SET', key, value))
      twin.set(key, value)
    } else if (choice < 60) {
      engine.turn(() => engine.runIn(database, 'DEL', key))
      twin.delete(key)
    } else if (choice < 75) {
      const reading = prefetcher.start(database, gets(keys))
      if (integer(2) === 0) {
        engine.turn(() => engine.runIn(database, 'SET', key, value))
        twin.set(key, value)
      }
      await reading
    } else if (choice < 85) await engine.checkpoint()
    else if (choice < 97) for (let slices = integer(20); slices > 0; slices--) engine.storage.background()
    else if (choice < 99) {
      engine.write('SWAPDB', '0', '1')
      twins.reverse()
    } else {
      engine.turn(() => engine.runIn(database, 'FLUSHDB'))
      twin.clear()
    }
    for (const [index, each] of twins.entries()) {
      const asked = `k${integer(60)}`
      assert.is(engine.runIn(index, 'GET', asked), each.get(asked) ?? null, `step ${step}`)
    }
  }
  checkMemory(keyspace)
})

test('the absent keys are bounded in number and in length', () => {
  const absent = new AbsentKeys()
  for (let i = 0; i < 3 * MAX_ABSENT_KEYS; i++) {
    absent.add(`k${i}`, 1)
    assert.ok(absent.count <= MAX_ABSENT_KEYS && absent.has(`k${i}`, 1))
  }
  const longest = 'x'.repeat(MAX_ABSENT_KEY_BYTES)
  absent.add(longest, 2)
  absent.add(`${longest}x`, 2)
  assert.is(absent.count, 1, 'those of an earlier epoch are forgotten')
  assert.ok(absent.has(longest, 2))
  assert.not.ok(absent.has(longest, 3))
})

test.run()
