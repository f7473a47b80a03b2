/** A checkpoint is the state at its freeze, whatever commands and failures follow. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { decodeMeta } from '../../../storage/records/meta.ts'
import { META_KEY } from '../../../storage/records/records.ts'
import type { MemoryRecords } from '../../support/disks/memory-records.ts'
import { Disk, Engine, nextTurn, until } from '../../support/harness/engine.ts'
import { checkMemory, checkStored, liveContent } from '../../support/harness/engine-invariants.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

/** A clock that advances at each reading, so that a slice is one step of records. */
class TickingClock extends ManualClock {
  private ticks = 0

  override monotonicMs(): number {
    this.ticks += 2
    return super.monotonicMs() + this.ticks
  }
}

const NOW = new ManualClock().wallMs()
const LARGE = 'large '.repeat(20_000)

/** Returns LevelDB's content as a new keyspace reads it. */
function stored(records: MemoryRecords): string {
  const keyspace = new Keyspace(records, 4, { deleted() {}, fieldsDeleted() {} })
  keyspace.restore(decodeMeta(records.getSync(META_KEY) as Buffer))
  checkMemory(keyspace)
  return liveContent(keyspace, 0)
}

async function filled(clock: ManualClock, disk = new Disk()): Promise<Engine> {
  const engine = await Engine.open(disk, { clock })
  engine.turn(() => {
    for (let i = 0; i < 300; i++) engine.run('SET', `k${i}`, `value ${i}`, ...(i % 3 === 0 ? ['PXAT', String(NOW + 100_000 + i)] : []))
    for (let i = 0; i < 10; i++) engine.run('SET', `large${i}`, LARGE)
    for (let i = 0; i < 50; i++) engine.runIn(1, 'SET', `other${i}`, LARGE.slice(0, 66_000))
  })
  return engine
}

test('a checkpoint holds the state at its freeze, whatever commands do while it is encoded', async () => {
  const engine = await filled(new TickingClock())
  const { storage, disk } = engine
  await engine.checkpoint()
  engine.turn(() => {
    for (let i = 0; i < 200; i++) engine.run('SET', `k${i}`, 'changed', 'PXAT', String(NOW + 200_000 + i))
    for (let i = 0; i < 5; i++) engine.run('SETRANGE', `large${i}`, '100000', 'in place')
    engine.run('DEL', 'k201', 'large9')
    engine.runIn(1, 'RENAME', 'other1', 'moved')
    for (let i = 0; i < 3; i++) engine.run('SET', `fresh${i}`, LARGE)
  })
  const frozenAt = storage.binlog.end.offset
  const expected = liveContent(storage.keyspace, 0)
  const { nextObjectId, nextDbId } = storage.keyspace
  void storage.checkpointer.request()
  assert.ok(storage.background(), 'more than one slice')
  engine.turn(() => {
    for (let i = 0; i < 300; i += 2) engine.run('DEL', `k${i}`)
    for (let i = 1; i < 300; i += 4) engine.run('PERSIST', `k${i}`)
    for (let i = 0; i < 5; i++) engine.run('SETRANGE', `large${i}`, '0', 'later')
    engine.run('SET', 'large6', 'short')
    engine.run('RENAME', 'large7', 'k1')
    engine.run('MOVE', 'large8', '1')
    engine.runIn(1, 'FLUSHDB')
    engine.run('DEL', 'fresh0')
    engine.run('SET', 'fresh1', LARGE)
    engine.run('RENAME', 'fresh2', 'fresh1')
    engine.run('SWAPDB', '0', '2')
    engine.run('SET', 'new', LARGE)
  })
  checkMemory(storage.keyspace)
  while (storage.background()) checkMemory(storage.keyspace)
  await storage.checkpointer.idle()
  assert.is(stored(disk.records), expected)
  const meta = decodeMeta(disk.records.getSync(META_KEY) as Buffer)
  assert.is(meta.binlogOffset, frozenAt)
  assert.is(meta.nextObjectId, nextObjectId)
  assert.is(meta.nextDbId, nextDbId)
  await checkStored(disk.records)
  const now = liveContent(storage.keyspace, 0)
  await engine.checkpoint()
  await engine.settle()
  assert.is(stored(disk.records), now)
  checkMemory(storage.keyspace)
  await checkStored(disk.records)
})

test('LevelDB keeps the old state until the batch is written, and the binlog is durable before that', async () => {
  const engine = await filled(new ManualClock())
  const { storage, disk } = engine
  disk.files.holdSyncs()
  disk.records.holdWrites()
  void storage.checkpointer.request()
  storage.background()
  for (let turns = 0; turns < 10; turns++) await nextTurn()
  assert.is(disk.records.heldWrites, 0, 'no batch before the sync')
  disk.files.releaseSyncs()
  await until(() => disk.records.heldWrites === 1, 'the batch')
  assert.is(storage.binlog.synced, storage.binlog.end.offset)
  assert.is(disk.records.count, 0)
  disk.records.releaseWrites()
  await storage.checkpointer.idle()
  assert.is(storage.checkpointer.landedOffset, storage.binlog.end.offset)
})

for (const landsAtReopen of [false, true]) {
  test(`after a failed write, with the batch ${landsAtReopen ? 'there' : 'not there'} after the reopen, the next checkpoint is correct`, async () => {
    const clock = new ManualClock()
    const engine = await filled(clock)
    const { storage, disk } = engine
    await engine.checkpoint()
    engine.turn(() => {
      engine.run('PEXPIREAT', 'k1', String(NOW + 300_000))
      engine.run('DEL', 'k2', 'large2')
      engine.run('SETRANGE', 'large1', '5', 'changed')
      engine.run('SET', 'made', LARGE)
    })
    disk.records.failWrites({ landsAtReopen })
    const failed = await engine.checkpoint().then(
      () => false,
      () => true,
    )
    assert.is(failed, !landsAtReopen)
    checkMemory(storage.keyspace)
    await checkStored(disk.records)
    engine.turn(() => {
      engine.run('PEXPIREAT', 'k1', String(NOW + 400_000))
      engine.run('SET', 'k2', 'again')
      engine.run('DEL', 'made')
    })
    checkMemory(storage.keyspace)
    const expected = liveContent(storage.keyspace, 0)
    clock.advance(60_000)
    await engine.checkpoint()
    await engine.settle()
    assert.is(stored(disk.records), expected)
    await checkStored(disk.records)
    checkMemory(storage.keyspace)
  })
}

test('dirty memory is bounded: past the limit writers wait, and the batch is no larger', async () => {
  const limit = 2_000_000
  const engine = await Engine.open(new Disk(), { checkpoint: { dirtyLimitBytes: limit } })
  const { storage, disk } = engine
  disk.records.holdWrites()
  let written = 0
  for (let i = 0; !storage.isOverloaded; i++) {
    engine.write('SET', `k${i}`, 'x'.repeat(10_000))
    written += 10_000
    storage.background()
    await nextTurn()
    assert.ok(written <= limit, 'writers would have exceeded the limit')
  }
  assert.ok(written >= limit * 0.9, `waiting with ${written} bytes of ${limit}`)
  disk.records.releaseWrites()
  await storage.checkpointer.idle()
  assert.not.ok(storage.isOverloaded)
  assert.ok(storage.checkpointer.bytesWritten <= limit)
})

test('a checkpoint is due by growth of the binlog, by dirty memory and by time', async () => {
  const clock = new ManualClock()
  const run = async (checkpoint: Record<string, number>, act: (engine: Engine) => void) => {
    const engine = await Engine.open(new Disk(), { clock, checkpoint })
    engine.write('SET', 'a', '1')
    storageIdle(engine)
    act(engine)
    engine.storage.background()
    await engine.settle()
    return engine.storage.checkpointer.completed
  }
  const storageIdle = (engine: Engine) => {
    engine.storage.background()
    assert.not.ok(engine.storage.checkpointer.isRunning, 'too early')
  }
  assert.is(await run({ binlogBytes: 1000 }, (engine) => engine.write('SET', 'b', 'x'.repeat(1000))), 1)
  assert.is(await run({ dirtyLimitBytes: 3000 }, (engine) => engine.write('SET', 'b', 'x'.repeat(1500))), 1)
  assert.is(await run({ intervalMs: 5000 }, () => clock.advance(5000)), 1)
  const setBack = () => {
    clock.setWall(clock.wallMs() - 3_600_000)
    clock.advance(5000)
  }
  assert.is(await run({ intervalMs: 5000 }, setBack), 1, 'a wall clock set back has no effect')
})

test('no checkpoint is made during a reload', async () => {
  const clock = new ManualClock()
  const engine = await filled(clock)
  const { storage } = engine
  storage.commit()
  let asked: Promise<void> | undefined
  let looked = 0
  await storage.reload({
    beginGroup() {},
    command() {
      asked ??= storage.checkpointer.request()
      storage.background()
      assert.not.ok(storage.checkpointer.isRunning)
      looked++
    },
    endGroup() {},
  })
  assert.ok(looked > 300)
  await until(() => {
    storage.background()
    return storage.checkpointer.completed > 0
  }, 'the checkpoint that was asked for')
  await asked
})

test.run()
