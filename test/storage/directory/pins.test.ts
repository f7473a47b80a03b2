/** Which binlog segments replicas, recovery and retention keep. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Disk, Engine, type EngineOptions } from '../../support/harness/engine.ts'

const SEGMENTS: EngineOptions = { binlog: { fileSizeBytes: 1000, retentionBytes: 0, retentionMs: 0 } }

/**
 * Returns a log of several segments. Unless the options say otherwise, a checkpoint covers it all.
 */
async function logged(options: EngineOptions = SEGMENTS): Promise<Engine> {
  const engine = await Engine.open(new Disk(), options)
  for (let i = 0; i < 30; i++) {
    engine.write('SET', `k${i % 7}`, 'x'.repeat(300))
    await engine.storage.binlog.syncTo(engine.storage.binlog.end.offset)
  }
  return engine
}

test('segments that replicas need stay despite retention, and are purged with the next checkpoint after they do not', async () => {
  const engine = await logged()
  const { storage } = engine
  const [, , third] = storage.binlog.segments
  engine.events.pinned = () => (third?.start as number) + 5
  await engine.checkpoint()
  assert.is(storage.binlog.startOffset, third?.start)
  engine.events.pinned = () => Number.POSITIVE_INFINITY
  engine.write('SET', 'a', '1')
  await engine.checkpoint()
  assert.is(storage.binlog.segments.length, 1)
})

test('PURGELOGSTO removes segments that end at or before the offset, unless recovery or replicas need them', async () => {
  const engine = await logged({ binlog: { fileSizeBytes: 1000, retentionBytes: 2 ** 40, retentionMs: 2 ** 40 } })
  const { storage } = engine
  const { end } = storage.binlog
  assert.is(storage.purgeTo(end.offset), 0, 'nothing is checkpointed')
  await engine.checkpoint()
  assert.is(storage.binlog.startOffset, 0, 'retention keeps every segment')
  const [first, second, third, fourth] = storage.binlog.segments
  assert.is(storage.purgeTo((second?.end as number) - 1), 1)
  assert.is(storage.binlog.startOffset, first?.end)
  engine.events.pinned = () => third?.end as number
  assert.is(storage.purgeTo(end.offset), 2)
  assert.is(storage.binlog.startOffset, fourth?.start)
  engine.events.pinned = () => Number.POSITIVE_INFINITY
  assert.ok(storage.purgeTo(end.offset) > 0)
  assert.is(storage.binlog.segments.length, 1)
})

test('on a full disk the segments that replicas need stay for one checkpoint, then they are removed and one warning is logged', async () => {
  const engine = await logged({ reserveBytes: 100_000, binlog: { fileSizeBytes: 1000, retentionBytes: 2 ** 40, retentionMs: 2 ** 40 } })
  const { storage, disk } = engine
  const warnings = () => engine.logged.filter(({ text }) => text.includes('removed binlog that replicas need'))
  const pin = storage.binlog.segments[4]?.start as number
  engine.events.pinned = () => pin
  disk.files.capacityBytes = disk.files.usedBytes
  engine.turn(() => engine.run('SET', 'more', 'x'.repeat(20_000)))
  assert.ok(storage.isDiskLow)
  disk.files.capacityBytes = 0 // whatever is removed, it is not enough
  for (let i = 0; i < 3; i++) storage.reclaimReserve()
  assert.is(storage.binlog.startOffset, 0, 'no checkpoint was made')
  disk.files.capacityBytes = 2 ** 40
  storage.background()
  disk.files.capacityBytes = 0
  await engine.settle()
  assert.is(storage.binlog.startOffset, pin)
  assert.is(warnings().length, 0)
  for (let i = 0; i < 3; i++) storage.reclaimReserve()
  assert.ok(storage.binlog.startOffset > pin)
  assert.is(warnings().length, 1)
  disk.files.capacityBytes = 2 ** 40
  storage.reclaimReserve()
  assert.not.ok(storage.isDiskLow)
  const start = storage.binlog.startOffset
  engine.events.pinned = () => start
  for (let i = 0; i < 10; i++) engine.write('SET', 'a', 'x'.repeat(500))
  await engine.checkpoint()
  assert.is(storage.binlog.startOffset, start, 'pins count again')
})

test('a failed append for want of room releases the reserve, once', async () => {
  const engine = await Engine.open(new Disk(), { reserveBytes: 100_000 })
  const failure = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  assert.not.ok(engine.storage.appendFailed(Object.assign(new Error('EIO'), { code: 'EIO' })))
  assert.ok(engine.disk.files.existsSync('/data/reserve'))
  assert.ok(engine.storage.appendFailed(failure))
  assert.not.ok(engine.disk.files.existsSync('/data/reserve'))
  assert.ok(engine.storage.isDiskLow)
  assert.not.ok(engine.storage.appendFailed(failure), 'no reserve is left')
})

test.run()
