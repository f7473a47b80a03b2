/**
 * Keys that are set without a look at LevelDB: what they replace is settled before anyone can see
 * the difference.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { Prefetcher } from '../../../server/protocol/prefetch.ts'
import type { KeyEvents } from '../../../storage/keyspace/key-events.ts'
import { seeded } from '../../support/generators/seed.ts'
import { Disk, Engine, type EngineOptions, nextTurn, until } from '../../support/harness/engine.ts'
import { checkMemory, checkStored } from '../../support/harness/engine-invariants.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

/** An engine whose keys, those of the commands, are all on disk. */
async function coldEngine(commands: readonly Bytes[][], options: EngineOptions = {}): Promise<Engine> {
  const first = await Engine.open(new Disk(), options)
  first.turn(() => {
    for (const words of commands) first.run(...words)
  })
  await first.storage.close('save')
  return Engine.open(
    first.disk.kill(() => 0),
    options,
  )
}

/** Returns the reply of DBSIZE, which waits while keys are unsettled. */
async function sizeOf(engine: Engine): Promise<unknown> {
  engine.run('DBSIZE')
  await until(() => engine.client.last !== null, 'DBSIZE replies')
  return engine.client.last
}

const sets = (count: number): Bytes[][] => Array.from({ length: count }, (_, i) => ['SET', `k${i}`, 'old'])

test('SET and MSET of keys on disk read nothing, and DBSIZE counts each key once', async () => {
  const engine = await coldEngine(sets(50))
  const { keyspace } = engine.storage
  for (let i = 0; i < 30; i++) engine.write('SET', `k${i}`, 'new')
  engine.write('MSET', 'k40', 'new', 'fresh1', 'new', 'fresh2', 'new')
  assert.is(keyspace.diskReads, 0)
  assert.is(keyspace.unsettled.count, 33)
  assert.is(await sizeOf(engine), 52)
  assert.is(keyspace.unsettled.count, 0)
  assert.is(keyspace.diskReads, 33)
  checkMemory(keyspace)
  await engine.storage.close('save')
  await checkStored(engine.disk.kill(() => 0).records)
})

test('SET with a deadline, SETEX and PSETEX of keys on disk read nothing, also in a pipeline and in a replay', async () => {
  const volatile = Array.from({ length: 30 }, (_, i): Bytes[] => ['SET', `v${i}`, 'old', 'PX', '900000'])
  const engine = await coldEngine([...sets(50), ...volatile])
  const { keyspace } = engine.storage
  const requests: Bytes[][] = [
    ...Array.from({ length: 10 }, (_, i): Bytes[] => ['SET', `k${i}`, 'new', 'EX', '1000']),
    ...Array.from({ length: 10 }, (_, i): Bytes[] => ['SETEX', `v${i}`, '1000', 'new']),
    ...Array.from({ length: 10 }, (_, i): Bytes[] => ['PSETEX', `fresh${i}`, '1000000', 'new']),
    ['SET', 'v20', 'new'],
  ]
  assert.is(new Prefetcher(keyspace, engine.executor.runtimes).start(0, requests), null)
  for (const words of requests) engine.write(...words)
  assert.equal([keyspace.diskReads, keyspace.unsettled.count], [0, 31])
  engine.write('SETEX', 'k0', '2000', 'newer')
  assert.equal([engine.run('TTL', 'k0'), engine.run('TTL', 'v0'), engine.run('TTL', 'v20')], [2000, 1000, -1])
  assert.equal([keyspace.database(0).keyCount, keyspace.database(0).volatileCount], [90, 49])
  checkMemory(keyspace)
  const again = await Engine.open(engine.disk.kill(() => 0))
  assert.equal([again.run('GET', 'k0'), again.run('TTL', 'v9'), again.run('TTL', 'v20')], ['newer', 1000, -1])
  assert.equal([again.storage.keyspace.database(0).keyCount, again.storage.keyspace.database(0).volatileCount], [90, 49])
  checkMemory(again.storage.keyspace)
  await again.storage.close('save')
  await checkStored(again.disk.kill(() => 0).records)
})

test('SET with a deadline and NX, XX, GET or KEEPTTL looks at the key', async () => {
  const engine = await coldEngine(sets(50))
  assert.is(engine.write('SET', 'k1', 'new', 'EX', '1000', 'NX'), null)
  assert.is(engine.write('SET', 'absent', 'new', 'EX', '1000', 'XX'), null)
  assert.is(engine.write('SET', 'k2', 'new', 'EX', '1000', 'GET'), 'old')
  assert.is(engine.storage.keyspace.unsettled.count, 0)
  assert.is(engine.storage.keyspace.database(0).keyCount, 50)
})

test('a command that asks for the key itself gets the new one without a read', async () => {
  const engine = await coldEngine(sets(50))
  engine.write('SET', 'k1', 'new')
  engine.write('SET', 'fresh', 'new')
  assert.equal([engine.run('EXISTS', 'k1', 'fresh'), engine.run('GET', 'k1')], [2, 'new'])
  assert.is(engine.write('SET', 'fresh', 'newer', 'NX'), null)
  assert.is(engine.write('SET', 'fresh', 'newer', 'GET'), 'new')
  assert.is(engine.write('DEL', 'k1', 'fresh'), 2)
  assert.is(engine.storage.keyspace.unsettled.count, 2)
  assert.is(await sizeOf(engine), 49)
  checkMemory(engine.storage.keyspace)
})

test("the predecessor's deadline leaves the count, the index and the key", async () => {
  const clock = new ManualClock()
  const engine = await coldEngine(
    [...sets(20), ['SET', 'volatile', 'old', 'PX', '5000'], ['HSET', 'h', 'f', 'v'], ['HPEXPIRE', 'h', '5000', 'FIELDS', '1', 'f']],
    { clock },
  )
  const { keyspace } = engine.storage
  engine.write('SET', 'volatile', 'new')
  engine.write('SET', 'h', 'new')
  assert.is(keyspace.diskReads, 0)
  assert.is(keyspace.database(0).volatileCount, 0)
  clock.advance(10_000)
  engine.turn()
  assert.equal([engine.run('GET', 'volatile'), engine.run('GET', 'h')], ['new', 'new'])
  checkMemory(keyspace)
  await engine.storage.close('save')
  await checkStored(engine.disk.kill(() => 0).records)
})

test('a predecessor that had expired counts as an expired key', async () => {
  const clock = new ManualClock()
  const engine = await coldEngine([...sets(20), ['SET', 'volatile', 'old', 'PX', '5000']], { clock })
  engine.storage.expiry.isActive = false
  clock.advance(5000)
  engine.write('SET', 'volatile', 'new')
  assert.is(await sizeOf(engine), 21)
  assert.is(engine.storage.keyspace.expiredKeys, 1)
})

test('the pages of a large predecessor are cleared', async () => {
  const many = Array.from({ length: 2000 }, (_, i) => `element ${i}`)
  const engine = await coldEngine([...sets(20), ['RPUSH', 'list', ...many], ['SET', 'rope', 'x'.repeat(200_000)]])
  engine.write('SET', 'list', 'new')
  engine.write('SET', 'rope', 'new')
  assert.is(engine.storage.keyspace.diskReads, 0)
  await engine.checkpoint()
  await engine.settle()
  assert.is(engine.storage.keyspace.droppedObjects, 2)
  await engine.storage.close('save')
  await checkStored(engine.disk.kill(() => 0).records)
})

test('many keys are read in the background, in one read', async () => {
  const engine = await coldEngine(sets(1000))
  const { keyspace } = engine.storage
  engine.turn(() => {
    for (let i = 0; i < 600; i++) engine.run('SET', `k${i}`, 'new')
  })
  let singleReads = 0
  const { records } = engine.disk
  const { getSync } = records
  records.getSync = (key) => {
    singleReads++
    return getSync.call(records, key)
  }
  engine.storage.background()
  while (keyspace.unsettled.count > 0) await nextTurn()
  assert.is(await sizeOf(engine), 1000)
  assert.is(singleReads, 0)
})

test('a failed read is repeated before the next checkpoint', async () => {
  const clock = new ManualClock()
  const engine = await coldEngine(sets(50), { clock })
  const { records } = engine.disk
  const { hasMany } = records
  let failures = 2
  records.hasMany = (keys) => (failures-- > 0 ? Promise.reject(new Error('EIO')) : hasMany(keys))
  engine.write('SET', 'k1', 'new')
  engine.write('SET', 'fresh', 'new')
  const landed = engine.storage.checkpointer.request()
  for (let turns = 0; turns < 10; turns++) {
    clock.advance(1000)
    engine.storage.background()
    await nextTurn()
  }
  await landed
  assert.is(failures, -1)
  assert.ok(engine.logged.some(({ level }) => level === 'error'))
  assert.is(await sizeOf(engine), 51)
  checkMemory(engine.storage.keyspace)
})

test('a checkpoint that waits for keys to be read has no work until they are', async () => {
  const engine = await coldEngine(sets(50))
  const { checkpointer } = engine.storage
  let wakes = 0
  engine.events.onCheckpointMayBegin = () => wakes++
  engine.write('SET', 'k1', 'new')
  const landed = checkpointer.request()
  assert.not.ok(engine.storage.background())
  assert.not.ok(engine.storage.background())
  assert.equal([checkpointer.isRunning, wakes], [false, 0])
  await until(() => wakes > 0, 'the keys are read')
  engine.storage.background()
  assert.ok(checkpointer.isRunning)
  await landed
  assert.is(wakes, 1)
})

test('DBSIZE waits for keys that are not settled, and has them read together', async () => {
  const engine = await coldEngine(sets(1000))
  const { keyspace } = engine.storage
  engine.turn(() => {
    for (let i = 0; i < 400; i++) engine.run('SET', `k${i}`, 'new')
  })
  const { records } = engine.disk
  const { getSync } = records
  records.getSync = () => {
    throw new Error('a key is read by itself')
  }
  assert.is(engine.run('DBSIZE'), null)
  assert.not.ok(keyspace.unsettled.mayAdd)
  await until(() => engine.client.last !== null, 'a reply')
  assert.is(engine.client.last, 1000)
  assert.is(keyspace.unsettled.count, 0)
  assert.ok(keyspace.unsettled.mayAdd)
  assert.is(engine.run('DBSIZE'), 1000)
  records.getSync = getSync
})

test('in a transaction DBSIZE has unsettled keys read at once', async () => {
  const engine = await coldEngine(sets(50))
  engine.write('SET', 'k1', 'new')
  engine.write('SET', 'fresh', 'new')
  engine.run('MULTI')
  engine.run('DBSIZE')
  assert.equal(engine.run('EXEC'), [51])
})

test('a pipeline reads no keys ahead for SET and MSET', async () => {
  const engine = await coldEngine(sets(50))
  const { keyspace } = engine.storage
  const prefetcher = new Prefetcher(keyspace, engine.executor.runtimes)
  assert.is(prefetcher.start(0, sets(50)), null)
  assert.is.not(
    prefetcher.start(
      0,
      sets(50).map(([, key]) => ['SET', key as string, 'v', 'NX']),
    ),
    null,
  )
})

test('while an event says that a key is new, SET looks at LevelDB', async () => {
  const engine = await coldEngine(sets(50))
  const { keyspace } = engine.storage
  const events: KeyEvents = { wanted: 2048, onEvent() {} }
  Object.assign(keyspace, { events })
  engine.write('SET', 'k1', 'new')
  assert.is(keyspace.unsettled.count, 0)
  assert.is(keyspace.diskReads, 1)
})

test('replay of commands on keys on disk reads them together', async () => {
  const counters = Array.from({ length: 300 }, (_, i): Bytes[] => ['SET', `c${i}`, String(i)])
  const engine = await coldEngine(counters)
  engine.turn(() => {
    for (let i = 0; i < 200; i++) engine.run('INCR', `c${i}`)
    for (let i = 200; i < 300; i++) engine.run('SET', `c${i}`, 'new')
  })
  const disk = engine.disk.kill(() => 0)
  const singleReads: Buffer[] = []
  const { records } = disk
  const { getSync } = records
  records.getSync = (key) => {
    singleReads.push(key)
    return getSync.call(records, key)
  }
  const again = await Engine.open(disk)
  assert.ok(singleReads.length < 20, `${singleReads.length} keys were read one by one`)
  assert.is(again.run('GET', 'c199'), '200')
  assert.is(again.run('GET', 'c299'), 'new')
  assert.is(await sizeOf(again), 300)
  checkMemory(again.storage.keyspace)
})

const KEYS = 30

/** Random commands, and a Map of what they leave: a value is a string, or the name of a type. */
class Model {
  readonly databases = [new Map<string, string>(), new Map<string, string>()]
  private readonly engine: Engine

  constructor(engine: Engine) {
    this.engine = engine
  }

  step(database: number, key: string, other: string, choice: number, value: string): void {
    const twin = this.databases[database] as Map<string, string>
    const run = (...words: Bytes[]) => this.engine.turn(() => this.engine.runIn(database, ...words))
    if (choice < 45) {
      run('SET', key, value)
      twin.set(key, value)
    } else if (choice < 55) {
      run('MSET', key, value, other, value)
      twin.set(key, value).set(other, value)
    } else if (choice < 65) {
      run('DEL', key)
      twin.delete(key)
    } else if (choice < 70) {
      if (choice % 2 === 0) run('SET', key, value, 'PX', '1000000')
      else run('SETEX', key, '1000', value)
      twin.set(key, value)
    } else if (choice < 75) run('PEXPIRE', key, '2000000')
    else if (choice < 80) {
      run('DEL', key)
      run('RPUSH', key, ...Array.from({ length: 200 }, (_, i) => `${value} ${i}`))
      twin.set(key, 'list')
    } else if (choice < 85) {
      run('DEL', key)
      run('HSET', key, 'f', value)
      run('HPEXPIRE', key, '1000000', 'FIELDS', '1', 'f')
      twin.set(key, 'hash')
    } else if (choice < 92) {
      const moved = twin.get(key)
      if (moved === undefined || key === other) return
      run('RENAME', key, other)
      twin.delete(key)
      twin.set(other, moved)
    } else if (choice < 94) {
      run('FLUSHDB')
      twin.clear()
    } else if (choice < 97) {
      run('SWAPDB', '0', '1')
      this.databases.reverse()
    } else {
      run('SET', key, value, 'NX')
      if (!twin.has(key)) twin.set(key, value)
    }
  }

  compare(asked: string, step: number): void {
    for (const [index, twin] of this.databases.entries()) {
      const found = this.engine.runIn(index, 'TYPE', asked)
      const value = twin.get(asked)
      const type = value === undefined ? 'none' : value === 'list' || value === 'hash' ? value : 'string'
      assert.is(found, type, `step ${step}: TYPE ${asked}`)
      if (type === 'string') assert.is(this.engine.runIn(index, 'GET', asked), value, `step ${step}: GET ${asked}`)
    }
  }

  compareCounts(step: number): void {
    for (const [index, twin] of this.databases.entries())
      assert.is(this.engine.storage.keyspace.database(index).keyCount, twin.size, `step ${step}: the number of keys`)
  }
}

test('commands, checkpoints, evictions, failed writes and restarts in any order show what a Map has', async () => {
  const { integer, random } = seeded('unsettled keys')
  let engine = await Engine.open(new Disk(), { cacheBytes: 2000, databases: 2 })
  let model = new Model(engine)
  for (let step = 0; step < 3000; step++) {
    model.step(integer(2), `k${integer(KEYS)}`, `k${integer(KEYS)}`, integer(100), `v${step}`)
    const choice = integer(200)
    if (choice < 8) for (let slices = integer(8); slices > 0; slices--) engine.storage.background()
    else if (choice < 18) {
      await engine.settle()
      await engine.checkpoint()
    } else if (choice < 20) void engine.storage.checkpointer.request().catch(() => {})
    else if (choice < 22) await nextTurn()
    else if (choice < 60)
      for (const db of engine.storage.keyspace.databases) db.residents.packSome(100, engine.storage.keyspace.landedGeneration)
    else if (choice < 70) model.compareCounts(step)
    else if (choice < 72) {
      await engine.settle()
      checkMemory(engine.storage.keyspace)
    } else if (choice < 74) {
      const { databases } = model
      if (integer(2) === 0) await engine.storage.close('save')
      engine = await Engine.open(engine.disk.kill(random), { cacheBytes: 2000, databases: 2 })
      model = new Model(engine)
      model.databases.splice(0, 2, ...databases)
    }
    if (integer(3) === 0) model.compare(`k${integer(KEYS)}`, step)
  }
  model.compareCounts(3000)
  await engine.settle()
  checkMemory(engine.storage.keyspace)
  await engine.storage.close('save')
  await checkStored(engine.disk.kill(() => 0).records)
})

test.run()
