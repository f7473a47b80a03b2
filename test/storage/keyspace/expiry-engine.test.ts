/** Keys expire to the millisecond, and their deletion is logged first. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { replayer } from '../../../server/wiring/replay-client.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import { BinlogReader } from '../../../storage/binlog/reader.ts'
import { listSegments } from '../../../storage/binlog/segments.ts'
import { BINLOG_DIRECTORY, Disk, Engine } from '../../support/harness/engine.ts'
import { checkMemory, checkStored } from '../../support/harness/engine-invariants.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

const MINUTE = 60_000

/** Returns all logged commands except SELECT, and the clock of each one's group. */
function logged({ disk }: Engine): { readonly words: string; readonly clockMs: number }[] {
  const reader = new BinlogReader(disk.files, listSegments(disk.files, BINLOG_DIRECTORY), null)
  const result: { words: string; clockMs: number }[] = []
  for (let read = reader.next(); read.type === 'group'; read = reader.next()) {
    for (let start = 0; start < read.body.length; ) {
      const command = readCommand(read.body, start, read.body.length)
      assert.ok(command)
      if (command.args[0] !== 'SELECT') result.push({ words: command.args.join(' '), clockMs: read.header.clockMs })
      start = command.end
    }
  }
  return result
}

async function started(disk = new Disk(), clock = new ManualClock()): Promise<{ engine: Engine; clock: ManualClock }> {
  return { engine: await Engine.open(disk, { clock }), clock }
}

test('keys expire at their deadline to the millisecond, and their deletion is logged', async () => {
  const { engine, clock } = await started()
  engine.write('SET', 'a', '1', 'PX', '1000')
  engine.write('SET', 'b', '1', 'PX', '1001')
  clock.advance(999)
  engine.turn()
  assert.is(engine.storage.keyspace.keyCount, 2)
  clock.advance(1)
  engine.turn()
  assert.is(engine.storage.keyspace.keyCount, 1)
  assert.equal(logged(engine).at(-1), { words: 'DEL a', clockMs: clock.wallMs() })
})

test('one clock reading serves a whole turn', async () => {
  const { engine, clock } = await started()
  const start = clock.wallMs()
  engine.storage.expiry.isActive = false
  engine.turn(() => {
    engine.run('SET', 'a', '1', 'PX', '10')
    clock.advance(50)
    assert.is(engine.run('GET', 'a'), '1')
    engine.run('SET', 'b', '1', 'PX', '10')
  })
  assert.equal(logged(engine), [
    { words: `SET a 1 PXAT ${start + 10}`, clockMs: start },
    { words: `SET b 1 PXAT ${start + 10}`, clockMs: start },
  ])
})

test('a command that finds an expired key logs its deletion before its own effect', async () => {
  const { engine, clock } = await started()
  engine.storage.expiry.isActive = false
  engine.turn(() => {
    engine.runIn(2, 'SET', 'a', '1', 'PX', '10')
    engine.runIn(2, 'SET', 'b', '1', 'PX', '10')
  })
  clock.advance(10)
  engine.turn(() => {
    engine.runIn(2, 'APPEND', 'a', '2')
    assert.is(engine.runIn(2, 'GET', 'b'), null)
  })
  assert.equal(
    logged(engine)
      .slice(2)
      .map(({ words }) => words),
    ['DEL a', 'APPEND a 2', 'DEL b'],
  )
  const again = await Engine.open(
    engine.disk.kill(() => 0),
    { clock },
  )
  assert.is(again.runIn(2, 'GET', 'a'), '2')
})

test('a key whose deadline was moved or removed is not deleted at the old deadline', async () => {
  const { engine, clock } = await started()
  engine.write('SET', 'moved', '1', 'PX', '1000')
  engine.write('PEXPIRE', 'moved', '5000')
  engine.write('SET', 'kept', '1', 'PX', '1000')
  engine.write('PERSIST', 'kept')
  engine.write('SET', 'remade', '1', 'PX', '1000')
  engine.write('SET', 'remade', '1')
  clock.advance(2000)
  engine.turn()
  assert.is(engine.storage.keyspace.keyCount, 3)
  clock.advance(3000)
  engine.turn()
  assert.is(engine.storage.keyspace.keyCount, 2)
})

test('deadlines that only LevelDB holds are met, hours after a restart and through failed checkpoints', async () => {
  const first = await started()
  for (let i = 0; i < 10; i++) first.engine.write('SET', `k${i}`, '1', 'PX', String(i * 30 * MINUTE + 1))
  await first.engine.storage.close('save')
  const { engine, clock } = await started(
    first.engine.disk.kill(() => 0),
    first.clock,
  )
  const { storage, disk } = engine
  assert.is(storage.keyspace.database(0).residentKeys, 0)
  for (let minute = 0; minute <= 300; minute++) {
    storage.expiry.lookAhead(clock.wallMs())
    if (minute % 40 === 5) {
      disk.records.failWrites({ landsAtReopen: minute % 80 === 5 })
      engine.write('SET', `late${minute}`, '1', 'PX', String(45 * MINUTE))
      await engine.checkpoint().catch(() => {})
    }
    if (minute % 40 === 25) await engine.checkpoint()
    await engine.settle()
    engine.turn()
    checkMemory(storage.keyspace)
    const due = Array.from({ length: 10 }, (_, i) => i).filter((i) => i * 30 * MINUTE + 1 > minute * MINUTE)
    const left = [...Array(10).keys()].filter((i) => storage.keyspace.database(0).lookup(`k${i}`) !== undefined)
    assert.equal(left, due, `after ${minute} minutes`)
    clock.advance(MINUTE)
  }
  await engine.checkpoint()
  await checkStored(disk.records)
})

test('expired keys are deleted at start', async () => {
  const first = await started()
  for (let i = 0; i < 250; i++) first.engine.write('SET', `k${i}`, '1', 'PX', '1000')
  await first.engine.storage.close('save')
  first.clock.advance(10 * MINUTE)
  const { engine } = await started(
    first.engine.disk.kill(() => 0),
    first.clock,
  )
  await engine.settle()
  let isMoreDue = true
  while (isMoreDue) {
    isMoreDue = engine.storage.expireDue()
    assert.is(engine.storage.commit(), 'written')
  }
  engine.turn()
  assert.is(engine.storage.keyspace.keyCount, 0)
})

test('deadlines of a flushed database are ignored', async () => {
  const { engine, clock } = await started()
  engine.write('SET', 'a', '1', 'PX', '1000')
  engine.write('FLUSHDB')
  engine.write('SET', 'a', '2')
  clock.advance(5000)
  engine.turn()
  assert.is(engine.run('GET', 'a'), '2')
  assert.equal(
    logged(engine).map(({ words }) => words.split(' ')[0]),
    ['SET', 'FLUSHDB', 'SET'],
  )
})

test('the expiry delay is between 0 ms and 1 s for any deadline and any clock', async () => {
  const { engine, clock } = await started()
  const { expiry } = engine.storage
  assert.is(expiry.delayMs(clock.wallMs()), 1000)
  engine.write('SET', 'a', '1', 'PX', String(2 ** 40))
  assert.is(expiry.delayMs(clock.wallMs()), 1000)
  engine.write('SET', 'b', '1', 'PX', '300')
  assert.is(expiry.delayMs(clock.wallMs()), 300)
  assert.is(expiry.delayMs(clock.wallMs() + 10_000), 0)
  clock.setWall(clock.wallMs() - 10 * MINUTE)
  assert.is(expiry.delayMs(clock.wallMs()), 1000)
})

test('nothing expires during a reload, where a failed write would lose the deletion', async () => {
  const { engine, clock } = await started()
  const { storage } = engine
  engine.write('SET', 'a', '1', 'PX', '1000')
  const { offset } = storage.binlog.end
  clock.advance(2000)
  const reloading = storage.reload(replayer(engine.executor, storage.keyspace))
  engine.turn()
  assert.is(storage.binlog.end.offset, offset)
  await reloading
  engine.turn()
  assert.equal(logged(engine).at(-1)?.words, 'DEL a')
})

test('an expired key that cannot be read is deleted later, and the expiry timer does not throw', async () => {
  const first = await started()
  first.engine.write('SET', 'a', '1', 'PX', '1000')
  first.engine.write('HSET', 'h', 'f', 'v')
  first.engine.write('HPEXPIRE', 'h', '1000', 'FIELDS', '1', 'f')
  await first.engine.checkpoint()
  await first.engine.storage.close('save')
  const { engine, clock } = await started(first.engine.disk, first.clock)
  await engine.settle() // the deadlines are in memory, their keys are not
  const { records } = engine.storage.keyspace
  const read = records.getSync.bind(records)
  records.getSync = () => {
    throw new Error('IO error: 000005.ldb: Too many open files')
  }
  clock.advance(1000)
  for (let i = 0; i < 3; i++) engine.turn()
  assert.is(engine.storage.keyspace.keyCount, 2)
  records.getSync = read
  clock.advance(1000)
  for (let i = 0; i < 3; i++) engine.turn()
  assert.is(engine.storage.keyspace.keyCount, 0)
  checkMemory(engine.storage.keyspace)
})

test.run()
