/** Recovery after kills, torn tails and damage. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command } from '../../../commands/contract/command.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { Prefetcher } from '../../../server/protocol/prefetch.ts'
import { listSegments, type Segment } from '../../../storage/binlog/segments.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'
import { fromSeed } from '../../support/generators/seed.ts'
import { BINLOG_DIRECTORY, Disk, Engine, type EngineOptions, nextTurn } from '../../support/harness/engine.ts'
import { checkMemory, liveContent } from '../../support/harness/engine-invariants.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

const kill = (disk: Disk) => disk.kill(() => 0)

const segmentsOf = (disk: Disk): Segment[] => listSegments(disk.files, BINLOG_DIRECTORY)

/** Changes the byte at a binlog offset. */
function damage(disk: Disk, offset: number): void {
  const segment = segmentsOf(disk).find(({ start, end }) => offset >= start && offset < end) as Segment
  const file = disk.files.openSync(segment.path, 'update')
  const byte = file.readSync(offset - segment.start, 1)[0] as number
  file.writeSync([Buffer.from([byte ^ 1])], offset - segment.start)
}

async function refusal(disk: Disk, options: EngineOptions = {}): Promise<string> {
  try {
    await Engine.open(disk, options)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('the start was not refused')
}

test('a kill loses no acknowledged write', async () => {
  let engine = await Engine.open(new Disk())
  for (let i = 0; i < 50; i++) engine.write('SET', `k${i}`, String(i))
  engine = await Engine.open(kill(engine.disk))
  assert.is(engine.run('GET', 'k49'), '49')
  assert.is(engine.storage.keyspace.keyCount, 50)
  checkMemory(engine.storage.keyspace)
})

test('a torn tail is cut, set aside and logged, and everything before it is kept', async () => {
  const engine = await Engine.open(new Disk())
  engine.write('SET', 'a', '1')
  const { offset } = engine.storage.binlog.end
  engine.write('SET', 'b', '2')
  const disk = kill(engine.disk)
  const segment = segmentsOf(disk)[0] as Segment
  disk.files.openSync(segment.path, 'update').truncateSync(segment.end - 3)
  const again = await Engine.open(disk)
  assert.is(again.run('GET', 'a'), '1')
  assert.is(again.run('GET', 'b'), null)
  assert.is(again.storage.recovery?.end.offset, offset)
  const aside = `${String(offset).padStart(20, '0')}.cut`
  assert.ok(disk.files.listSync(BINLOG_DIRECTORY).includes(aside))
  assert.is(disk.files.openSync(`${BINLOG_DIRECTORY}/${aside}`, 'read').sizeSync(), again.storage.recovery?.cutBytes)
  assert.ok(again.logged.some(({ level, text }) => level === 'warn' && text.includes('.cut')))
  again.write('SET', 'b', '3')
  assert.is((await Engine.open(kill(disk))).run('GET', 'b'), '3')
})

test('damage inside the synced part of the log refuses the start and names the offset', async () => {
  const engine = await Engine.open(new Disk())
  engine.write('SET', 'a', '1')
  const { offset } = engine.storage.binlog.end
  engine.write('SET', 'b', '2')
  await engine.storage.binlog.syncTo(engine.storage.binlog.end.offset)
  engine.write('SET', 'c', '3') // its header says that b was synced
  const disk = kill(engine.disk)
  damage(disk, offset + 150)
  const message = await refusal(disk)
  assert.match(message, `damaged at offset ${offset} `)
  assert.match(message, 'haypile check')
})

test('damage that no group proves to have been synced is cut, with the whole groups behind it', async () => {
  const engine = await Engine.open(new Disk())
  engine.write('SET', 'a', '1')
  const { offset } = engine.storage.binlog.end
  engine.write('SET', 'b', '2')
  engine.write('SET', 'c', '3')
  const disk = kill(engine.disk)
  damage(disk, offset + 150)
  const again = await Engine.open(disk)
  assert.is(again.run('GET', 'c'), null)
  assert.is(again.storage.recovery?.end.offset, offset)
})

async function segmented(options: EngineOptions): Promise<Engine> {
  const engine = await Engine.open(new Disk(), options)
  for (let i = 0; i < 20; i++) {
    engine.write('SET', `k${i}`, 'x'.repeat(300))
    await nextTurn()
    await nextTurn()
  }
  return engine
}

test('a missing segment refuses the start: the first after the checkpoint, one between, and all of them', async () => {
  const options = { binlog: { fileSizeBytes: 1000 } }
  for (const missing of [0, 1, 2]) {
    const disk = kill((await segmented(options)).disk)
    disk.files.removeSync(segmentsOf(disk)[missing]?.path as string)
    assert.match(
      await refusal(disk, options),
      missing === 0 ? 'a segment of /data/generation-000001/binlog is missing' : 'damaged at offset',
    )
  }
  const engine = await segmented(options)
  await engine.checkpoint()
  const disk = kill(engine.disk)
  for (const { path } of segmentsOf(disk)) disk.files.removeSync(path)
  assert.match(await refusal(disk, options), `before the checkpoint at ${engine.storage.binlog.end.offset}`)
})

test('damage in any segment but the last refuses the start, as each is synced before the next begins', async () => {
  const options = { binlog: { fileSizeBytes: 1000 } }
  const disk = kill((await segmented(options)).disk)
  const segments = segmentsOf(disk)
  damage(disk, (segments.at(-2)?.end as number) - 10)
  const last = segments.at(-1) as Segment
  // As just created: it has no group that records what was synced.
  disk.files.openSync(last.path, 'update').truncateSync(0)
  assert.match(await refusal(disk, options), `which was once synced up to ${last.start}`)
})

test('synced writes in a new data directory survive a power loss', async () => {
  const chance = fromSeed(5)
  for (let round = 0; round < 30; round++) {
    const engine = await Engine.open(new Disk(new MemoryFiles({ random: chance.random })))
    engine.write('SET', 'a', '1')
    await engine.storage.binlog.syncTo(engine.storage.binlog.end.offset)
    const again = await Engine.open(engine.disk.crash(chance.random))
    assert.is(again.run('GET', 'a'), '1')
  }
})

test('a crash during recovery, between any two operations, does not change what is recovered', async () => {
  const options = { binlog: { fileSizeBytes: 1000 } }
  const engine = await segmented(options)
  const torn = kill(engine.disk)
  const segment = segmentsOf(torn).at(-1) as Segment
  torn.files.openSync(segment.path, 'update').truncateSync(segment.end - segment.start - 3)
  const expected = liveContent((await Engine.open(kill(torn), options)).storage.keyspace, 0)
  const chance = fromSeed(11)
  for (let operation = 1; operation < 60; operation++) {
    const disk = kill(torn)
    let left = operation
    let found: Disk | undefined
    disk.files.onOperation = () => {
      if (--left === 0) found = disk.kill(chance.random)
    }
    await Engine.open(disk, options)
    if (found === undefined) return
    assert.is(liveContent((await Engine.open(found, options)).storage.keyspace, 0), expected, `operation ${operation}`)
  }
})

test('a unit that throws half way is not logged and ends the server; a restart does not see it', async () => {
  const breaking = command({
    name: 'break',
    group: 'generic',
    since: '1.0.0',
    summary: '',
    syntax: 'BREAK key',
    arity: 2,
    flags: ['write'],
    run({ db }, args) {
      db.set(args[1], 'half')
      throw new RangeError('a bug')
    },
  })
  const engine = await Engine.open(new Disk(), { families: [strings, [breaking]] })
  engine.turn(() => {
    engine.run('SET', 'a', '1')
    assert.instance(engine.run('BREAK', 'b'), Error)
  })
  assert.equal(
    engine.broken.map(({ changed }) => changed),
    [true],
  )
  const again = await Engine.open(kill(engine.disk))
  assert.is(again.run('GET', 'a'), '1')
  assert.is(again.run('GET', 'b'), null)
})

test('a prefetched key is dropped if a checkpoint landed, the database was dropped or the key became resident', async () => {
  const first = await Engine.open(new Disk())
  first.turn(() => {
    for (let i = 0; i < 20; i++) first.run('SET', `k${i}`, 'old')
  })
  await first.storage.close('save')
  const requests = Array.from({ length: 20 }, (_, i) => ['GET', `k${i}`])
  const reopened = async () => {
    const engine = await Engine.open(kill(first.disk))
    return { engine, prefetcher: new Prefetcher(engine.storage.keyspace, engine.executor.runtimes) }
  }
  {
    const { engine, prefetcher } = await reopened()
    await prefetcher.start(0, requests)
    assert.is(engine.storage.keyspace.database(0).keysInMemory, 20, 'the prefetched keys are in memory')
  }
  {
    const { engine, prefetcher } = await reopened()
    const reading = prefetcher.start(0, requests)
    engine.write('SET', 'k1', 'new')
    engine.write('DEL', 'k2')
    await reading
    assert.is(engine.run('GET', 'k1'), 'new')
    assert.is(engine.run('GET', 'k2'), null)
    checkMemory(engine.storage.keyspace)
  }
  {
    const { engine, prefetcher } = await reopened()
    const reading = prefetcher.start(0, requests)
    engine.write('DEL', 'k1')
    engine.storage.keyspace.epoch++ // a checkpoint has landed and the tombstone is forgotten
    await reading
    assert.is(engine.storage.keyspace.database(0).keysInMemory, 0)
  }
  {
    const { engine, prefetcher } = await reopened()
    const dropped = engine.storage.keyspace.database(0)
    const reading = prefetcher.start(0, requests)
    engine.write('FLUSHDB')
    await reading
    assert.is(dropped.keysInMemory, 0)
    assert.is(engine.run('GET', 'k3'), null)
  }
})

test('replay uses the clock of each group and deletes only what the log deletes', async () => {
  const clock = new ManualClock()
  const engine = await Engine.open(new Disk(), { clock })
  engine.write('SET', 'a', '1', 'PX', '1000')
  engine.write('APPEND', 'a', '2')
  clock.advance(999)
  engine.write('APPEND', 'a', '3')
  const later = new ManualClock(clock.wallMs() + 100_000)
  const again = await Engine.open(kill(engine.disk), { clock: later })
  assert.is(again.storage.keyspace.keyCount, 1, 'still there, past its deadline')
  const entry = again.storage.keyspace.database(0).lookup('a')
  assert.is(entry?.value, '123')
  assert.is(again.run('GET', 'a'), null)
})

test.run()
