/** Writes that fail and full disks: refused, recovered, nothing acknowledged lost. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type GateHooks, Gates } from '../../../server/loop/gates.ts'
import type { WriteFault } from '../../support/disks/memory-records.ts'
import { BINLOG_DIRECTORY, Disk, Engine, type EngineOptions, until } from '../../support/harness/engine.ts'
import { checkMemory, checkStored, liveContent } from '../../support/harness/engine-invariants.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'
import { until as waitUntil } from '../../support/servers/running-server.ts'

async function gated(options: EngineOptions = {}): Promise<{ engine: Engine; gates: Gates }> {
  const engine = await Engine.open(new Disk(), options)
  const hooks: GateHooks = { replication: () => null, lease: () => null, flagsOfScript: () => null, onOpened() {} }
  const gates = new Gates(engine.storage, engine.executor, engine.table, hooks, (run) => run())
  engine.gates.current = gates
  gates.isLoading = false
  gates.refresh()
  return { engine, gates }
}

test('while the binlog cannot be written, writes are refused and reads that would show unlogged changes are held', async () => {
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
  assert.not.ok(storage.checkpointer.isRunning, 'no checkpoint freezes unlogged changes')
  assert.is(storage.binlog.end.offset, end)
  assert.ok(storage.retry())
  gates.refresh()
  assert.is(engine.run('GET', 'changed'), '2')
  assert.is(engine.write('SET', 'other', '1'), 'OK')
  engine.turn()
  assert.is(storage.keyspace.keyCount, 4, 'the expired key is deleted')
  const again = await Engine.open(
    disk.kill(() => 0),
    { clock },
  )
  assert.is(liveContent(again.storage.keyspace, 0), liveContent(storage.keyspace, 0))
})

test('a full disk releases the reserve, refuses writes and purges binlog; writes resume once there is room', async () => {
  const { engine, gates } = await gated({
    reserveBytes: 1_000_000,
    binlog: { fileSizeBytes: 50_000, retentionBytes: 2 ** 40, retentionMs: 2 ** 40 },
  })
  const { storage, disk } = engine
  const reserve = () => disk.files.existsSync('/data/reserve')
  assert.ok(reserve())
  disk.files.capacityBytes = disk.files.usedBytes + 2_500_000
  let turns = 0
  for (; !storage.isDiskLow && turns < 1000; turns++) {
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
  assert.ok(storage.binlog.sizeBytes < before, 'binlog that recovery does not need is removed despite retention')
  storage.reclaimReserve()
  assert.not.ok(storage.isDiskLow)
  assert.ok(reserve())
  gates.refresh()
  assert.is(engine.write('SET', 'a', '1'), 'OK')
  checkMemory(storage.keyspace)
})

test('the reserve is not created where it would fill the disk, and is created once there is room', async () => {
  const disk = new Disk()
  disk.files.capacityBytes = 1_500_000
  const engine = await Engine.open(disk, { reserveBytes: 1_000_000 })
  assert.not.ok(disk.files.existsSync('/data/reserve'))
  disk.files.capacityBytes = 10_000_000
  engine.storage.reclaimReserve()
  assert.ok(disk.files.existsSync('/data/reserve'))
})

test('an error other than a full disk leaves the reserve in place', async () => {
  const { engine } = await gated({ reserveBytes: 100_000 })
  engine.disk.files.fail({ operation: 'write', path: /\.log$/, code: 'EIO' })
  assert.is(
    engine.turn(() => engine.run('SET', 'a', '1')),
    'stalled',
  )
  assert.ok(engine.disk.files.existsSync('/data/reserve'))
  assert.not.ok(engine.storage.isDiskLow)
})

test('a stall during a rotation ends on its own', async () => {
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

test('closing while stalled drops the unwritten group and nothing else', async () => {
  const engine = await Engine.open(new Disk())
  const { storage, disk } = engine
  engine.write('SET', 'a', '1')
  disk.files.fail({ operation: 'write', path: /\.log$/, code: 'ENOSPC', isShortWrite: true, times: Number.POSITIVE_INFINITY })
  disk.files.fail({ operation: 'truncate', code: 'EIO' })
  engine.turn(() => engine.run('SET', 'b', '1'))
  await storage.close('save')
  assert.is(disk.records.count, 0, 'no checkpoint of unlogged changes')
  const again = await Engine.open(disk.kill(() => 0))
  assert.is(again.run('GET', 'a'), '1')
  assert.is(again.run('GET', 'b'), null)
  assert.is(again.storage.identity.past[0]?.until, again.storage.binlog.end.offset, 'no clean end')
})

test('closing completes even if LevelDB cannot be reopened', async () => {
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

test('a start on a full disk releases the reserve and refuses writes until there is room', async () => {
  const options = { reserveBytes: 100_000 }
  const engine = await Engine.open(new Disk(), options)
  engine.write('SET', 'a', '1')
  const disk = engine.disk.kill(() => 0)
  disk.files.capacityBytes = disk.files.usedBytes
  const open = disk.openRecords.bind(disk)
  disk.openRecords = async (path, mode) => {
    if (!disk.files.existsSync('/data/reserve')) return open(path, mode)
    const cause = new Error('IO error: /data/generation-000001/db/MANIFEST-000007: No space left on device')
    throw Object.assign(new Error('Database failed to open', { cause }), { code: 'LEVEL_DATABASE_NOT_OPEN' })
  }
  const again = await Engine.open(disk, options)
  assert.is(again.run('GET', 'a'), '1')
  assert.ok(again.storage.isDiskLow)
  disk.files.capacityBytes = Number.POSITIVE_INFINITY
  again.storage.reclaimReserve()
  assert.not.ok(again.storage.isDiskLow)
  assert.ok(disk.files.existsSync('/data/reserve'))
})

test('a torn end of the binlog is set aside on a full disk in the room of the reserve', async () => {
  const options = { reserveBytes: 100_000 }
  const engine = await Engine.open(new Disk(), options)
  engine.write('SET', 'a', '1')
  await engine.storage.binlog.syncTo(engine.storage.binlog.end.offset)
  const [segment] = engine.storage.binlog.segments
  const disk = engine.disk.kill(() => 0)
  const file = disk.files.openSync(segment?.path ?? '', 'update')
  file.writeSync([Buffer.alloc(1000, 'x')], file.sizeSync())
  disk.files.capacityBytes = disk.files.usedBytes
  const again = await Engine.open(disk, options)
  assert.is(again.run('GET', 'a'), '1')
  assert.is(again.storage.recovery?.cutBytes, 1000)
  const cuts = disk.files.listSync(BINLOG_DIRECTORY).filter((name) => name.includes('.cut'))
  assert.is(cuts.length, 1, 'no half of a file is left')
  assert.ok(again.storage.isDiskLow)
})

test('a reserve file that cannot be opened is kept', async () => {
  const disk = new Disk()
  await (await Engine.open(disk, { reserveBytes: 100_000 })).storage.close('save')
  const found = disk.kill(() => 0)
  found.files.fail({ operation: 'open', path: /reserve$/, code: 'EMFILE' })
  const engine = await Engine.open(found, { reserveBytes: 100_000 })
  assert.ok(found.files.existsSync('/data/reserve'))
  engine.storage.reclaimReserve()
  assert.not.ok(engine.storage.isDiskLow)
  await engine.storage.close('save')
})

/** Returns an engine with one key on disk only and a failed checkpoint behind it. */
async function afterFailure(fault: WriteFault, onChange: (engine: Engine) => void = () => {}): Promise<{ engine: Engine; gates: Gates }> {
  const clock = new ManualClock()
  const { engine, gates } = await gated({ cacheBytes: 0, clock })
  const { storage, disk } = engine
  engine.write('SET', 'cold', '1')
  await engine.checkpoint()
  await until(() => storage.background() || storage.keyspace.database(0).residentKeys === 0, 'the eviction')
  engine.write('SET', 'warm', '2')
  engine.events.onAvailabilityChanged = () => {
    gates.refresh()
    onChange(engine)
  }
  disk.records.failWrites(fault)
  await engine.checkpoint().catch(() => {})
  clock.advance(60_000) // the next one may begin
  return { engine, gates }
}

test('while LevelDB cannot be reopened for want of room, reads continue and checkpoints are refused', async () => {
  const { engine } = await afterFailure({ noRoom: Number.POSITIVE_INFINITY })
  const { storage, disk } = engine
  assert.is(storage.recordsFailure, 'no room')
  assert.is(engine.run('GET', 'cold'), '1')
  assert.is(engine.run('DBSIZE'), 2)
  assert.is(engine.write('SET', 'more', '3'), 'OK', 'the binlog is written')
  await storage.checkpoint().then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'no room'),
  )
  disk.records.mend()
  await waitUntil('LevelDB to be opened again', () => storage.recordsFailure === null && !storage.checkpointer.isRunning)
  assert.is(engine.run('GET', 'cold'), '1')
  await engine.checkpoint()
  await storage.close('save')
  await checkStored((await Engine.open(disk.kill(() => 0))).disk.records)
})

test('while LevelDB cannot be opened, requests that need it are refused and those that waited are retried', async () => {
  let held: unknown
  let retries = 0
  const { engine, gates } = await afterFailure({ failedReopens: Number.POSITIVE_INFINITY }, (opening) => {
    const { storage, client } = opening
    client.retryGate = () => retries++
    if (storage.checkpointer.isReopening && storage.recordsFailure === null) held ??= opening.run('GET', 'cold')
  })
  const { storage, disk } = engine
  await until(() => storage.recordsFailure !== null, 'the failure')
  assert.is(held, 'held', 'a moment is waited for')
  assert.ok(retries > 0)
  for (const words of [
    ['GET', 'cold'],
    ['SET', 'cold', '2'],
    ['APPEND', 'none', 'x'],
  ] as const)
    assert.match(String(engine.run(...words)), /MISCONF The data on disk cannot be read: .*No space left on device/)
  assert.is(engine.run('DBSIZE'), 2, 'the counts are in memory')
  assert.is(gates.heldCount, 0)
  disk.records.mend()
  await waitUntil('LevelDB to be opened again', () => !storage.checkpointer.isReopening)
  assert.is(engine.run('GET', 'cold'), '1')
  await storage.close('save')
  await checkStored((await Engine.open(disk.kill(() => 0))).disk.records)
})

test('without checkpoints, writes past the dirty limit are refused at once', async () => {
  const { engine } = await afterFailure({ noRoom: Number.POSITIVE_INFINITY })
  engine.storage.settings.checkpoint.dirtyLimitBytes = 1
  engine.write('SET', 'more', '3')
  engine.events.onAvailabilityChanged()
  assert.match(String(engine.run('SET', 'more', '4')), /MISCONF Errors writing to the AOF file: no room/)
  await engine.storage.close('save')
})

test('a checkpoint that finds the disk full releases the reserve', async () => {
  const { engine } = await gated({ reserveBytes: 100_000 })
  const { storage, disk } = engine
  engine.write('SET', 'a', '1')
  disk.records.failWrites()
  await engine.checkpoint().catch(() => {})
  assert.ok(storage.isDiskLow)
  assert.not.ok(disk.files.existsSync('/data/reserve'))
  storage.reclaimReserve()
  assert.not.ok(storage.isDiskLow)
})

test.run()
