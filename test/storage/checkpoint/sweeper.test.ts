/** Sweeping pages of dropped objects: order, interruption and survivors. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GARBAGE_RANGE, type RecordKey, readRecordKey } from '../../../storage/records/records.ts'
import type { MemoryRecords } from '../../support/disks/memory-records.ts'
import { fromSeed } from '../../support/generators/seed.ts'
import { Disk, Engine, until } from '../../support/harness/engine.ts'
import { checkMemory, checkStored, liveContent } from '../../support/harness/engine-invariants.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

const LARGE = 'large '.repeat(60_000)
const NOW = new ManualClock().wallMs()

/** The number of records of each kind. */
type Kinds = Partial<Record<RecordKey['type'], number>>

function kinds(records: MemoryRecords): Kinds {
  const counts: Kinds = {}
  for (const [key] of Reflect.get(records, 'rows') as [string, Buffer][]) {
    const { type } = readRecordKey(Buffer.from(key, 'latin1'))
    counts[type] = (counts[type] ?? 0) + 1
  }
  return counts
}

test('the pages of a dropped value stay until the batch with its garbage record is written', async () => {
  const engine = await Engine.open(new Disk())
  const { storage, disk } = engine
  engine.write('SET', 'k', LARGE)
  await engine.checkpoint()
  const { page } = kinds(disk.records)
  engine.write('DEL', 'k')
  disk.records.holdWrites()
  const done = engine.checkpoint()
  await until(() => disk.records.heldWrites === 1, 'the batch')
  assert.is(kinds(disk.records).page, page)
  assert.is(storage.sweeper.waiting, 0)
  disk.records.releaseWrites()
  await done
  await engine.settle()
  assert.equal(kinds(disk.records), { meta: 1 })
})

test('the garbage record is removed last, so an interrupted sweep is repeated', async () => {
  const chance = fromSeed(1)
  for (let moment = 0; moment < 30; moment++) {
    const disk = new Disk()
    const engine = await Engine.open(disk)
    engine.write('SET', 'k', LARGE)
    engine.turn(() => engine.runIn(1, 'SET', 'other', LARGE))
    engine.turn(() => engine.runIn(1, 'SET', 'volatile', 'v', 'PXAT', String(NOW + 1000)))
    await engine.checkpoint()
    engine.write('DEL', 'k')
    engine.turn(() => engine.runIn(1, 'FLUSHDB'))
    const requested = storageCheckpoint(engine)
    for (let turns = 0; turns < moment; turns++) await new Promise((resolve) => setImmediate(resolve))
    const after = disk.crash(chance.random)
    await requested
    await checkStored(after.records)
    const again = await Engine.open(after)
    await again.checkpoint()
    await again.settle()
    assert.equal(kinds(after.records), { meta: 1 }, `interrupted after ${moment}`)
  }
})

function storageCheckpoint(engine: Engine): Promise<void> {
  return engine.checkpoint()
}

/** Changes to a value between the last checkpoint and a flush of its database. */
const MOVES: Record<string, (engine: Engine) => void> = {
  'moved to another database': (engine) => engine.run('MOVE', 'k', '1'),
  'renamed, then moved': (engine) => {
    engine.run('RENAME', 'k', 'l')
    engine.run('MOVE', 'l', '1')
  },
  'moved, and its key set to a short string': (engine) => {
    engine.run('MOVE', 'k', '1')
    engine.run('SET', 'k', 'short')
  },
  'moved, and its key set to another large string': (engine) => {
    engine.run('MOVE', 'k', '1')
    engine.run('SET', 'k', LARGE)
  },
}

for (const [what, move] of Object.entries(MOVES)) {
  for (const volatile of [false, true]) {
    test(`a ${volatile ? 'volatile ' : ''}value that was ${what} survives the flush of its old database`, async () => {
      const engine = await Engine.open(new Disk())
      const { storage, disk } = engine
      engine.write('SET', 'k', LARGE, ...(volatile ? ['PXAT', String(NOW + 100_000)] : []))
      engine.write('SET', 'stays', LARGE)
      await engine.checkpoint()
      engine.turn(() => {
        move(engine)
        engine.run('FLUSHDB')
      })
      const expected = liveContent(storage.keyspace, 0)
      await engine.checkpoint()
      await checkStored(disk.records)
      await engine.settle()
      await checkStored(disk.records)
      assert.equal(kinds(disk.records), { meta: 1, root: 1, page: Math.ceil(LARGE.length / 16_384), ...(volatile ? { deadline: 1 } : {}) })
      checkMemory(storage.keyspace)
      assert.is(liveContent((await Engine.open(disk.kill(() => 0))).storage.keyspace, 0), expected)
    })
  }
}

test('the sweeper continues after LevelDB is reopened, and leaves no garbage record', async () => {
  const clock = new ManualClock()
  const engine = await Engine.open(new Disk(), { clock })
  const { disk } = engine
  for (let i = 0; i < 5; i++) engine.write('SET', `k${i}`, LARGE)
  await engine.checkpoint()
  engine.write('FLUSHALL')
  disk.records.failWrites({ after: 1 }) // the checkpoint lands, the sweeper's own batch fails
  await engine.checkpoint()
  await engine.settle()
  assert.ok(kinds(disk.records).garbage !== undefined, 'the sweep was interrupted')
  engine.write('SET', 'a', '1')
  await engine.checkpoint().catch(() => {})
  clock.advance(60_000)
  await engine.checkpoint()
  await engine.settle()
  const iterator = disk.records.iterate(GARBAGE_RANGE)
  assert.equal(await iterator.next(10), [])
})

test.run()
