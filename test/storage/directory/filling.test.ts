/**
 * A generation that a full sync was filling, found by the next process after a clean shutdown, a
 * kill and a loss of power.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { IncomingDataSet } from '../../../storage/directory/data-sets.ts'
import { readProgress } from '../../../storage/directory/filling-progress.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { DIRECTORY, Disk, Engine } from '../../support/harness/engine.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

const MASTER = { host: 'master', port: 1, failover: false }
const SOURCE = ['SNAPSHOT', 'abc']
const NEXT = `${DIRECTORY}/generation-000002`

const keyOf = (index: number) => Buffer.from(`k\0\0\0\0key ${String(index).padStart(6, '0')}`)
const contentOf = (index: number) => Buffer.from(`value ${index}`)
const pairs = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => [keyOf(from + i), contentOf(from + i)] as const)

async function replica(disk = new Disk(), clock = new ManualClock()): Promise<Engine> {
  const engine = await Engine.open(disk, { clock })
  if (engine.storage.role === 'master') engine.storage.becomeReplica(MASTER)
  return engine
}

/** Puts records in pieces of random sizes as time passes. Returns their number. */
async function fillIn(next: IncomingDataSet, clock: ManualClock, chance: Seeded): Promise<number> {
  let count = 0
  for (let pieces = 1 + chance.integer(12); pieces > 0; pieces--) {
    const size = 1 + chance.integer(20)
    await next.put(pairs(count, count + size))
    count += size
    if (chance.integer(2) === 0) clock.advance(chance.integer(1500))
  }
  return count
}

/** All records up to the one that is named are there. */
async function mustHold(disk: Disk, { progress }: IncomingDataSet): Promise<number> {
  const records = disk.recordsAt(`${NEXT}/db`)
  const count = progress?.records ?? 0
  assert.is(progress?.after, keyOf(count - 1).toString('hex'))
  assert.equal(progress?.source, SOURCE)
  for (let i = 0; i < count; i++) assert.equal(records.getSync(keyOf(i)), contentOf(i), `record ${i} of ${count}`)
  return count
}

test('after a clean end the next process finds every record of an unfinished full sync', async () => {
  const clock = new ManualClock()
  const engine = await replica(new Disk(), clock)
  const next = await engine.storage.beginDataSet(SOURCE)
  await next.put(pairs(0, 30))
  assert.is(next.progress, null, 'neither enough bytes nor enough time')
  await engine.storage.close('save')
  const again = await replica(engine.disk, clock)
  const found = again.storage.unfinished as IncomingDataSet
  assert.is(await mustHold(engine.disk, found), 30)
  await found.put(pairs(30, 50))
  await again.storage.close('save')
  const third = await replica(engine.disk, clock)
  assert.is(await mustHold(engine.disk, third.storage.unfinished as IncomingDataSet), 50)
  await third.storage.close('save')
})

test('after a kill or a power loss an unfinished full sync holds all records up to its recorded progress', async () => {
  const chance = seeded('filling')
  let kept = 0
  for (let round = 0; round < 150; round++) {
    const clock = new ManualClock()
    const engine = await replica(new Disk(), clock)
    const next = await engine.storage.beginDataSet(SOURCE)
    const before = await fillIn(next, clock, chance)
    const isKilled = chance.integer(2) === 0
    const disk = isKilled ? engine.disk.kill(chance.random) : engine.disk.crash(chance.random)
    const recorded = next.progress?.records ?? 0
    const again = await replica(disk, clock)
    const found = again.storage.unfinished
    if (isKilled) assert.is(found?.progress?.records ?? 0, recorded)
    if (found !== null) {
      kept++
      const count = await mustHold(disk, found)
      assert.ok(count <= before)
      await found.put(pairs(count, before + 5))
      await again.storage.close('nosave')
      const third = await replica(disk, clock)
      assert.is(await mustHold(disk, third.storage.unfinished as IncomingDataSet), before + 5)
      await third.storage.close('nosave')
    } else {
      assert.not(disk.files.existsSync(NEXT))
      await again.storage.close('nosave')
    }
    await engine.storage.close('nosave')
  }
  assert.ok(kept > 10, `kept ${kept} times only`)
})

test('a failed sync stops the recording of progress, and what was recorded before stays valid', async () => {
  const clock = new ManualClock()
  const engine = await replica(new Disk(), clock)
  const next = await engine.storage.beginDataSet(SOURCE)
  clock.advance(1000)
  await next.put(pairs(0, 10))
  assert.is(next.progress?.records, 10)
  engine.disk.files.fail({ operation: 'write', path: /filling.json/, code: 'ENOSPC', times: 1 })
  clock.advance(1000)
  await next.put(pairs(10, 20))
  clock.advance(1000)
  await next.put(pairs(20, 30))
  assert.is(next.progress?.records, 10)
  await engine.storage.close('save')
  const again = await replica(engine.disk, clock)
  assert.is(await mustHold(engine.disk, again.storage.unfinished as IncomingDataSet), 10)
  await again.storage.close('save')
})

test('a master, and a replica whose progress or records cannot be read, remove an unfinished full sync', async () => {
  for (const spoil of ['progress', 'records', 'nothing']) {
    const engine = await replica()
    const next = await engine.storage.beginDataSet(SOURCE)
    await next.put(pairs(0, 30))
    await engine.storage.close('save')
    const { files } = engine.disk
    assert.is(readProgress(files, NEXT)?.records, 30)
    if (spoil === 'progress') files.openSync(`${NEXT}/filling.json`, 'update').truncateSync(20)
    if (spoil === 'records') files.removeSync(`${NEXT}/db/RECORDS`)
    const again = await Engine.open(engine.disk)
    assert.is(again.storage.unfinished === null, spoil !== 'nothing', spoil)
    assert.is(files.existsSync(NEXT), spoil === 'nothing', spoil)
    await again.storage.close('save')
  }
  const engine = await replica()
  const next = await engine.storage.beginDataSet(SOURCE)
  await next.put(pairs(0, 30))
  engine.storage.promote()
  await engine.storage.close('save')
  const again = await Engine.open(engine.disk)
  assert.is(again.storage.unfinished, null)
  assert.not(engine.disk.files.existsSync(NEXT))
  await again.storage.close('save')
})

test('an unfinished full sync without a source or without a record is removed at the end', async () => {
  const engine = await replica()
  const nameless = await engine.storage.beginDataSet()
  await nameless.put(pairs(0, 30))
  await engine.storage.close('save')
  assert.not(engine.disk.files.existsSync(NEXT))
  const again = await replica(engine.disk)
  await again.storage.beginDataSet(SOURCE)
  await again.storage.close('save')
  assert.not(engine.disk.files.existsSync(NEXT))
})

test.run()
