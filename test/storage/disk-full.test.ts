import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Gates } from '../../server/gates.ts'
import { Disk, Engine, type EngineOptions, until } from '../support/engine.ts'
import { checkMemory, checkStored, liveContent } from '../support/engine-invariants.ts'
import { ManualClock } from '../support/manual-clock.ts'

async function gated(options: EngineOptions = {}): Promise<{ engine: Engine; gates: Gates }> {
  const engine = await Engine.open(new Disk(), options)
  const gates = new Gates(engine.storage, engine.executor, engine.table, (run) => run())
  gates.loading = false
  gates.refresh()
  return { engine, gates }
}

test('when the binlog cannot be written, writes are refused and reads that would show what is not written are held', async () => {
  const clock = new ManualClock()
  const { engine, gates } = await gated({ clock })
  const { storage, disk } = engine
  engine.write('SET', 'old', '1')
  engine.turn(() => engine.runIn(1, 'SET', 'changed', '1'))
  engine.write('SET', 'volatile', 'v', 'PX', '1000')
  const end = storage.binlog.end.offset
  disk.files.fail({ operation: 'write', code: 'EIO', times: 1 })
  assert.is(
    engine.turn(() => engine.run('SET', 'changed', '2')),
    'stalled',
  )
  gates.refresh()
  assert.match(String(engine.run('SET', 'other', '1')), 'MISCONF Errors writing to the AOF file: EIO')
  assert.is(engine.run('GET', 'changed'), 'held')
  assert.is(engine.run('MGET', 'old', 'changed'), 'held')
  assert.is(engine.run('DBSIZE'), 'held')
  assert.is(engine.run('GET', 'old'), '1')
  assert.is(engine.runIn(1, 'GET', 'changed'), '1', 'the key of another database')
  clock.advance(2000)
  storage.beginTurn()
  assert.is(engine.run('GET', 'volatile'), null, 'hidden')
  assert.not.ok(storage.expireDue())
  assert.is(storage.keyspace.keyCount, 4, 'and not deleted')
  void storage.checkpointer.request()
  storage.background()
  assert.not.ok(storage.checkpointer.isRunning, 'no checkpoint freezes what is not in the log')
  assert.is(storage.binlog.end.offset, end)
  assert.ok(storage.retry())
  gates.refresh()
  assert.is(engine.run('GET', 'changed'), '2')
  assert.is(engine.write('SET', 'other', '1'), 'OK')
  engine.turn()
  assert.is(storage.keyspace.keyCount, 4, 'the one past its deadline is gone')
  const again = await Engine.open(
    disk.kill(() => 0),
    { clock },
  )
  assert.is(liveContent(again.storage.keyspace, 0), liveContent(storage.keyspace, 0))
})

test('a full disk gives the reserve back, refuses writes, frees binlog and goes on by itself once there is room', async () => {
  const { engine, gates } = await gated({
    reserveBytes: 1_000_000,
    binlog: { fileSizeBytes: 50_000, retentionBytes: 2 ** 40, retentionMs: 2 ** 40 },
  })
  const { storage, disk } = engine
  const reserve = () => disk.files.existsSync('/data/reserve')
  assert.ok(reserve())
  disk.files.capacityBytes = disk.files.usedBytes + 2_500_000
  let turns = 0
  for (; !storage.diskLow && turns < 1000; turns++) {
    engine.write('SET', `k${turns % 5}`, 'x'.repeat(10_000))
    if (turns % 3 === 0) await storage.binlog.syncTo(storage.binlog.end.offset)
  }
  assert.is(storage.stalled, null, 'the group in hand was written with the room of the reserve')
  assert.not.ok(reserve())
  gates.refresh()
  assert.match(String(engine.run('SET', 'a', '1')), 'MISCONF')
  assert.is((engine.run('GET', 'k1') as string).length, 10_000)
  const before = storage.binlog.sizeBytes
  storage.background() // giving the reserve back has asked for a checkpoint
  await engine.settle()
  assert.is(storage.checkpointer.landedOffset, storage.binlog.end.offset)
  assert.ok(storage.binlog.sizeBytes < before, 'binlog that no recovery needs is gone, whatever retention says')
  storage.recoverRoom()
  assert.not.ok(storage.diskLow)
  assert.ok(reserve())
  gates.refresh()
  assert.is(engine.write('SET', 'a', '1'), 'OK')
  checkMemory(storage.keyspace)
})

test('the reserve is not taken where that would leave no room beside it, and is taken later', async () => {
  const disk = new Disk()
  disk.files.capacityBytes = 1_500_000
  const engine = await Engine.open(disk, { reserveBytes: 1_000_000 })
  assert.not.ok(disk.files.existsSync('/data/reserve'))
  disk.files.capacityBytes = 10_000_000
  engine.storage.recoverRoom()
  assert.ok(disk.files.existsSync('/data/reserve'))
})

test('an error that is not for want of room leaves reserve and retained binlog alone', async () => {
  const { engine } = await gated({ reserveBytes: 100_000 })
  engine.disk.files.fail({ operation: 'write', path: /\.log$/, code: 'EIO' })
  assert.is(
    engine.turn(() => engine.run('SET', 'a', '1')),
    'stalled',
  )
  assert.ok(engine.disk.files.existsSync('/data/reserve'))
  assert.not.ok(engine.storage.diskLow)
})

test('a stall while a segment is rotated ends by itself', async () => {
  const engine = await Engine.open(new Disk(), { binlog: { fileSizeBytes: 100 } })
  const { storage, disk } = engine
  engine.write('SET', 'a', 'x'.repeat(200))
  await engine.settle()
  disk.files.fail({ operation: 'open', path: /\.log$/, code: 'ENOSPC', times: 3 })
  assert.is(
    engine.turn(() => engine.run('SET', 'b', '1')),
    'stalled',
  )
  assert.not.ok(storage.retry())
  assert.not.ok(storage.retry())
  assert.ok(storage.retry())
  assert.is((await Engine.open(disk.kill(() => 0))).run('GET', 'b'), '1')
})

test('closing while stalled gives the unwritten group up, and nothing else', async () => {
  const engine = await Engine.open(new Disk())
  const { storage, disk } = engine
  engine.write('SET', 'a', '1')
  disk.files.fail({ operation: 'write', path: /\.log$/, code: 'ENOSPC', shortWrite: true, times: Number.POSITIVE_INFINITY })
  disk.files.fail({ operation: 'truncate', code: 'EIO' })
  engine.turn(() => engine.run('SET', 'b', '1'))
  await storage.close('save')
  assert.is(disk.records.count, 0, 'no checkpoint of what is not in the log')
  const again = await Engine.open(disk.kill(() => 0))
  assert.is(again.run('GET', 'a'), '1')
  assert.is(again.run('GET', 'b'), null)
  assert.is(again.storage.identity.past[0]?.until, again.storage.binlog.end.offset, 'no clean end')
})

test('closing ends though LevelDB cannot be opened again', async () => {
  const engine = await Engine.open(new Disk())
  const { storage, disk } = engine
  engine.write('SET', 'a', '1')
  disk.records.failWrites({ failedReopens: Number.POSITIVE_INFINITY })
  const failed = engine.checkpoint().catch(() => {})
  await until(() => storage.checkpointer.isReopening, 'the reopening')
  await storage.close('save')
  await failed
  const again = await Engine.open(disk.kill(() => 0))
  assert.is(again.run('GET', 'a'), '1')
  await checkStored(again.disk.records)
})

test.run()
