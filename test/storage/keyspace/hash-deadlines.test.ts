/** Hash fields expire to the millisecond, and a hash goes with its last field. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import { BinlogReader } from '../../../storage/binlog/reader.ts'
import { listSegments } from '../../../storage/binlog/segments.ts'
import { Hash } from '../../../storage/values/hash.ts'
import { BINLOG_DIRECTORY, Disk, Engine } from '../../support/harness/engine.ts'
import { checkStored } from '../../support/harness/engine-invariants.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

const MINUTE = 60_000

/** Returns all logged commands except SELECT. */
function logged({ disk }: Engine): Bytes[][] {
  const reader = new BinlogReader(disk.files, listSegments(disk.files, BINLOG_DIRECTORY), null)
  const commands: Bytes[][] = []
  for (let read = reader.next(); read.type === 'group'; read = reader.next()) {
    for (let start = 0; start < read.body.length; ) {
      const command = readCommand(read.body, start, read.body.length)
      assert.ok(command)
      if (command.args[0] !== 'SELECT') commands.push([...command.args])
      start = command.end
    }
  }
  return commands
}

async function started(disk = new Disk(), clock = new ManualClock()): Promise<{ engine: Engine; clock: ManualClock }> {
  return { engine: await Engine.open(disk, { clock }), clock }
}

const names = (count: number, prefix = 'field') => Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(5, '0')}`)

/** Fills a hash with fields that expire after `milliseconds`, and with equally many that do not. */
function fill(engine: Engine, key: Bytes, fields: readonly Bytes[], milliseconds: number): void {
  engine.write('HSET', key, ...fields.flatMap((field) => [field, 'value', `kept-${field}`, 'value']))
  engine.write('HPEXPIRE', key, String(milliseconds), 'FIELDS', String(fields.length), ...fields)
}

function hashAt(engine: Engine, key: Bytes): Hash {
  const value = engine.storage.keyspace.database(0).lookup(key)?.value
  if (!(value instanceof Hash)) throw new Error(`${key} holds no hash`)
  return value
}

test('hash fields expire at their deadline to the millisecond, and their deletion is logged', async () => {
  const { engine, clock } = await started()
  engine.write('HSET', 'h', 'a', '1', 'b', '2', 'c', '3')
  engine.write('HPEXPIRE', 'h', '1000', 'FIELDS', '1', 'a')
  engine.write('HPEXPIRE', 'h', '1001', 'FIELDS', '1', 'b')
  clock.advance(999)
  engine.turn()
  assert.is(hashAt(engine, 'h').size, 3)
  clock.advance(1)
  engine.turn()
  assert.is(hashAt(engine, 'h').size, 2)
  clock.advance(1)
  engine.turn()
  assert.is(hashAt(engine, 'h').size, 1)
  assert.equal(logged(engine).slice(3), [
    ['HDEL', 'h', 'a'],
    ['HDEL', 'h', 'b'],
  ])
  assert.equal([engine.storage.keyspace.expiredFields, engine.storage.keyspace.expiredKeys], [2, 0])
})

test('a hash whose last fields expire is deleted by one DEL', async () => {
  const { engine, clock } = await started()
  engine.write('HSET', 'h', 'a', '1', 'b', '2')
  engine.write('HPEXPIRE', 'h', '1000', 'FIELDS', '2', 'a', 'b')
  clock.advance(1000)
  engine.turn()
  assert.is(engine.storage.keyspace.keyCount, 0)
  assert.equal(logged(engine).at(-1), ['DEL', 'h'])
  assert.equal([engine.storage.keyspace.expiredFields, engine.storage.keyspace.expiredKeys], [2, 0])
})

test("a key's deadline may come before those of its fields", async () => {
  const { engine, clock } = await started()
  engine.write('HSET', 'h', 'a', '1', 'b', '2')
  engine.write('HPEXPIRE', 'h', '1000', 'FIELDS', '1', 'a')
  engine.write('PEXPIRE', 'h', '500')
  engine.write('HSET', 'other', 'a', '1', 'b', '2')
  engine.write('HPEXPIRE', 'other', '500', 'FIELDS', '1', 'a')
  engine.write('PEXPIRE', 'other', '1000')
  clock.advance(500)
  engine.turn()
  assert.equal([engine.run('EXISTS', 'h'), engine.run('HKEYS', 'other')], [0, ['b']])
  clock.advance(500)
  engine.turn()
  assert.is(engine.storage.keyspace.keyCount, 0)
  assert.equal([engine.storage.keyspace.expiredFields, engine.storage.keyspace.expiredKeys], [1, 2])
})

test('many expired fields of one hash are deleted in slices that alternate with other keys', async () => {
  const { engine, clock } = await started()
  const { storage } = engine
  fill(engine, 'h', names(1000), 1000)
  engine.write('SET', 'key', 'x', 'PX', '1000')
  fill(engine, 'g', names(10), 1000)
  clock.advance(1000)
  storage.beginTurn()
  const { changes } = storage.keyspace
  let steps = 0
  for (let before = 2020; storage.expiry.expireSome(100); steps++) {
    const size = hashAt(engine, 'h').size + (storage.keyspace.database(0).lookup('g') === undefined ? 0 : hashAt(engine, 'g').size)
    assert.ok(before - size <= 100, `${before - size} fields in one slice`)
    before = size
  }
  assert.ok(steps >= 10)
  assert.is(storage.keyspace.changes, changes, 'no command has changed the key')
  assert.equal([hashAt(engine, 'h').size, hashAt(engine, 'g').size, engine.run('EXISTS', 'key')], [1000, 10, 0])
  assert.is(storage.keyspace.expiredFields, 1010)
  storage.commit()
  const deletions = logged(engine).filter(([name]) => name === 'HDEL')
  assert.is(
    deletions.reduce((sum, words) => sum + words.length - 2, 0),
    1010,
  )
  assert.ok(deletions.every((words) => words.length <= 102))
})

test('a field whose deadline was moved or removed is not deleted at the old deadline', async () => {
  const { engine, clock } = await started()
  engine.write('HSET', 'h', 'moved', '1', 'kept', '1', 'set', '1', 'gone', '1')
  engine.write('HPEXPIRE', 'h', '1000', 'FIELDS', '4', 'moved', 'kept', 'set', 'gone')
  engine.write('HPEXPIRE', 'h', '5000', 'FIELDS', '1', 'moved')
  engine.write('HPERSIST', 'h', 'FIELDS', '1', 'kept')
  engine.write('HSET', 'h', 'set', '2')
  engine.write('HDEL', 'h', 'gone')
  clock.advance(2000)
  engine.turn()
  assert.equal(engine.run('HKEYS', 'h'), ['kept', 'moved', 'set'])
  assert.is(engine.storage.keyspace.expiredFields, 0)
  clock.advance(3000)
  engine.turn()
  assert.equal(engine.run('HKEYS', 'h'), ['kept', 'set'])
  assert.is(engine.storage.keyspace.database(0).resident('h')?.dueAtMs, 0)
})

test('field deadlines that only LevelDB holds are met, hours after a restart', async () => {
  const first = await started()
  for (let i = 0; i < 6; i++) fill(first.engine, `h${i}`, names(i * 40 + 1), i * 30 * MINUTE + 1)
  fill(first.engine, 'twice', names(50), 60 * MINUTE)
  first.engine.write('HPEXPIRE', 'twice', String(90 * MINUTE), 'FIELDS', '2', 'field00003', 'kept-field00005')
  await first.engine.storage.close('save')
  const { engine, clock } = await started(
    first.engine.disk.kill(() => 0),
    first.clock,
  )
  const { storage, disk } = engine
  const db = storage.keyspace.database(0)
  assert.is(db.residentKeys, 0)
  for (let minute = 0; minute <= 160; minute++) {
    storage.expiry.lookAhead(clock.wallMs())
    if (minute % 25 === 20) await engine.checkpoint()
    await engine.settle()
    engine.turn()
    for (let i = 0; i < 6; i++) {
      const live = (i * 40 + 1) * (i * 30 * MINUTE + 1 > minute * MINUTE ? 2 : 1)
      assert.is(hashAt(engine, `h${i}`).size, live, `h${i} after ${minute} minutes`)
    }
    assert.is(hashAt(engine, 'twice').size, minute < 60 ? 100 : minute < 90 ? 51 : 49)
    clock.advance(MINUTE)
  }
  await engine.checkpoint()
  await checkStored(disk.records)
})

test('the deadline index lists each hash by its next field deadline, through checkpoints, copies, moves and flushes', async () => {
  const { engine, clock } = await started()
  const { disk } = engine
  fill(engine, 'h', names(300), 10 * MINUTE)
  engine.write('HPEXPIRE', 'h', String(5 * MINUTE), 'FIELDS', '1', 'field00007')
  await engine.checkpoint()
  await checkStored(disk.records)
  engine.write('COPY', 'h', 'copy')
  engine.write('RENAME', 'h', 'r')
  engine.write('MOVE', 'copy', '2')
  await engine.checkpoint()
  await checkStored(disk.records)
  clock.advance(5 * MINUTE)
  engine.turn()
  assert.equal([engine.run('HLEN', 'r'), engine.runIn(2, 'HLEN', 'copy')], [599, 599])
  await engine.checkpoint()
  await checkStored(disk.records)
  engine.turn(() => engine.runIn(2, 'FLUSHDB'))
  engine.write('SET', 'r', 'x')
  await engine.checkpoint()
  await engine.settle()
  await checkStored(disk.records)
})

test('a replica deletes no expired field until it is promoted, and then deletes all of them', async () => {
  const first = await started()
  fill(first.engine, 'stored', names(20), MINUTE)
  await first.engine.storage.close('save')
  const { engine, clock } = await started(
    first.engine.disk.kill(() => 0),
    first.clock,
  )
  const { storage } = engine
  fill(engine, 'h', names(20), MINUTE)
  storage.keyspace.expiryMode = 'hide'
  clock.advance(10 * MINUTE)
  storage.keyspace.setClock(clock.wallMs())
  await engine.settle()
  assert.is(storage.expiry.expireSome(1000), false)
  assert.equal([engine.run('HLEN', 'h'), engine.run('HLEN', 'stored')], [20, 20])
  assert.equal([hashAt(engine, 'h').size, hashAt(engine, 'stored').size], [40, 40])
  storage.keyspace.expiryMode = 'delete'
  storage.expiry.lookAhead(clock.wallMs())
  await engine.settle()
  engine.turn()
  assert.equal([hashAt(engine, 'h').size, hashAt(engine, 'stored').size], [20, 20])
})

test('recovery reproduces logged deletions of expired fields', async () => {
  const { engine, clock } = await started()
  fill(engine, 'h', names(30), 1000)
  engine.write('HPEXPIRE', 'h', '2000', 'FIELDS', '1', 'kept-field00000')
  clock.advance(1000)
  engine.turn()
  engine.storage.expiry.isActive = false
  clock.advance(1000)
  engine.turn(() => assert.is(engine.run('HINCRBY', 'h', 'kept-field00000', '5'), 5))
  const again = await started(
    engine.disk.kill(() => 0),
    clock,
  )
  assert.equal(again.engine.run('HGETALL', 'h'), engine.run('HGETALL', 'h'))
  assert.is(hashAt(again.engine, 'h').size, 30)
  assert.is(hashAt(again.engine, 'h').nextDeadlineMs, 0)
})

test.run()
