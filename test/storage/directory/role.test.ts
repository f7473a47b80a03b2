/** The stored role: durable before it takes effect, unchanged when it cannot be stored. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadIdentity } from '../../../storage/directory/identity.ts'
import { fromSeed, seeded } from '../../support/generators/seed.ts'
import { DIRECTORY, Disk, Engine } from '../../support/harness/engine.ts'
import { checkMemory, liveContent } from '../../support/harness/engine-invariants.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'
import { logOf, MASTER, receive } from '../../support/replication/received.ts'

const lose = () => 1 / 8 // a power loss takes all unsynced data (power-loss.ts)

async function pair(clock = new ManualClock()): Promise<{ master: Engine; replica: Engine; clock: ManualClock }> {
  const { random } = fromSeed(3)
  const master = await Engine.open(new Disk(), { clock, random })
  const replica = await Engine.open(new Disk(), { clock, random })
  replica.storage.becomeReplica(MASTER)
  const { replicationId, past } = master.storage.identity
  replica.storage.adoptHistory(replicationId, past)
  return { master, replica, clock }
}

test('a node is a replica as soon as that is stored, and still is after a crash', async () => {
  const { random } = seeded('stored role')
  const engine = await Engine.open(new Disk(), { random })
  assert.is(engine.storage.role, 'master')
  engine.storage.becomeReplica(MASTER)
  const { replicationId } = engine.storage.identity
  for (let round = 0; round < 5; round++) {
    const again = await Engine.open(engine.disk.crash(random), { random })
    assert.is(again.storage.role, 'replica')
    assert.equal(again.storage.identity.master, MASTER)
    assert.is(again.storage.identity.replicationId, replicationId, 'a replica keeps its id')
    assert.is(again.storage.keyspace.expiryMode, 'hide')
  }
})

test('writes acknowledged by a master are durable before it becomes a replica', async () => {
  const engine = await Engine.open(new Disk())
  const { storage, disk } = engine
  engine.write('SET', 'a', '1')
  const { end } = storage.binlog
  assert.is(storage.binlog.synced, 0)
  let atTheRename: Disk | null = null
  disk.files.onOperation = (operation) => {
    if (operation === 'rename') atTheRename ??= disk.crash(lose)
  }
  storage.becomeReplica(MASTER)
  const again = await Engine.open(atTheRename as unknown as Disk)
  assert.is(again.storage.role, 'master', 'the role was not stored yet')
  assert.equal(again.storage.binlog.end, end)
})

test('a change of role that cannot be stored has no effect', async () => {
  const engine = await Engine.open(new Disk())
  const { identity } = engine.storage
  engine.disk.files.fail({ operation: 'rename', code: 'EIO' })
  assert.throws(() => engine.storage.becomeReplica(MASTER), /EIO/)
  assert.equal(engine.storage.identity, identity)
  assert.is(engine.storage.keyspace.expiryMode, 'delete')
  assert.equal(engine.fatal, [])
  engine.disk.files.fail({ operation: 'syncDirectory', path: /^\/data$/, code: 'EIO' })
  assert.throws(() => engine.storage.becomeReplica(MASTER), /EIO/)
  assert.is(engine.fatal.length, 1, 'which role a start would find is not known')
})

test('on a full disk the reserve makes room for a change of role', async () => {
  const engine = await Engine.open(new Disk(), { reserveBytes: 100_000 })
  engine.disk.files.capacityBytes = engine.disk.files.usedBytes
  engine.storage.becomeReplica(MASTER)
  assert.is(engine.storage.role, 'replica')
  assert.ok(engine.storage.isDiskLow)
})

test('a role cannot change while a group is missing from the binlog', async () => {
  const engine = await Engine.open(new Disk())
  engine.disk.files.fail({ operation: 'write', path: /\.log$/, code: 'EIO' })
  engine.turn(() => engine.run('SET', 'a', '1'))
  assert.throws(() => engine.storage.becomeReplica(MASTER), /not in the binlog/)
  assert.throws(() => engine.storage.promote(), /not in the binlog/)
  assert.ok(engine.storage.retry())
  engine.storage.becomeReplica(MASTER)
})

test('a promoted replica has a new id and the old one in its past, and its log is durable', async () => {
  const { master, replica } = await pair()
  for (let i = 0; i < 10; i++) master.write('SET', `k${i}`, String(i))
  receive(replica, master, 3)
  const { end } = replica.storage.binlog
  assert.ok(replica.storage.binlog.synced < end.offset)
  let told = 0
  replica.events.onSynced = () => {
    told++
  }
  replica.storage.promote()
  assert.is(replica.storage.binlog.synced, end.offset)
  assert.is(told, 1)
  const { identity } = replica.storage
  assert.is(identity.ownFrom, end.offset)
  assert.is(identity.master, null)
  assert.equal(identity.past, [{ id: master.storage.identity.replicationId, until: end.offset }])
  assert.is.not(identity.replicationId, master.storage.identity.replicationId)
  replica.write('SET', 'own', '1')
  assert.ok(logOf(replica).includes(`HPL1 ${identity.replicationId.slice(0, 8)}`), 'its groups carry its id')
  const again = await Engine.open(replica.disk.crash(lose))
  assert.is(again.run('GET', 'k9'), '9')
  assert.is(again.run('GET', 'own'), null)
  assert.is(again.storage.identity.past[0]?.until, end.offset)
})

test('a replica hides expired keys; once promoted it deletes them and logs that', async () => {
  const { master, replica, clock } = await pair()
  master.write('SET', 'soon', '1', 'PX', '1000')
  for (let i = 0; i < 300; i++) master.write('SET', `later${i}`, '1', 'PX', String(100_000 + i))
  receive(replica, master)
  await replica.checkpoint()
  clock.advance(200_000)
  replica.storage.expiry.lookAhead(clock.wallMs())
  const { end } = replica.storage.binlog
  assert.is(
    replica.turn(() => assert.is(replica.run('GET', 'soon'), null)),
    'written',
  )
  assert.equal(replica.storage.binlog.end, end, 'nothing is written')
  assert.is(replica.storage.keyspace.keyCount, 301)
  assert.is(replica.storage.expiry.delayMs(clock.wallMs()), 1000, 'a replica waits the longest delay, because it deletes no expired key')
  replica.storage.promote()
  await replica.settle()
  for (let turns = 0; turns < 10; turns++) replica.turn()
  assert.is(replica.storage.keyspace.keyCount, 0)
  assert.ok(logOf(replica, end.offset).includes('later299'))
  checkMemory(replica.storage.keyspace)
})

test("a replica's deadlines do not accumulate in memory", async () => {
  const { master, replica, clock } = await pair()
  for (let minute = 0; minute < 10; minute++) {
    for (let i = 0; i < 50; i++) master.write('SET', `k${minute}:${i}`, '1', 'PX', '30000')
    receive(replica, master)
    clock.advance(60_000)
    master.storage.expiry.lookAhead(clock.wallMs())
    await master.settle()
    master.turn()
    receive(replica, master)
    replica.storage.expiry.lookAhead(clock.wallMs())
    await replica.checkpoint()
  }
  const hints = Reflect.get(replica.storage.keyspace.deadlines, 'heap') as readonly unknown[]
  assert.ok(hints.length <= 100, `${hints.length} hints are left of 500, more than the first two minutes'`)
  assert.is(master.storage.keyspace.keyCount, 0)
  assert.is(replica.storage.keyspace.keyCount, 0)
})

test('holding and releasing expiry does not disturb a stalled group or a reload', async () => {
  const clock = new ManualClock()
  const { master } = await pair(clock)
  const { storage, disk } = master
  const { keyspace } = storage
  master.write('SET', 'short', '1', 'PX', '1000')
  storage.holdExpiry('replication', true)
  assert.is(keyspace.expiryMode, 'hide')
  disk.files.fail({ operation: 'write', path: /\.log$/, code: 'EIO' })
  master.turn(() => master.run('SET', 'a', '1'))
  storage.holdExpiry('replication', false)
  clock.advance(2000)
  const { bodyLength } = storage.group
  master.turn(() => assert.is(master.run('GET', 'short'), null))
  assert.is(storage.group.bodyLength, bodyLength)
  storage.holdExpiry('replication', true)
  assert.ok(storage.retry())
  assert.is(keyspace.expiryMode, 'hide', 'expiry is still held')
  const beginGroup = () => {
    storage.holdExpiry('replication', false)
    assert.is(keyspace.expiryMode, 'ignore')
    assert.throws(() => storage.becomeReplica(MASTER), /being reloaded/)
    assert.throws(() => storage.promote(), /being reloaded/)
  }
  await storage.reload({ beginGroup, command() {}, endGroup() {} })
  assert.is(keyspace.expiryMode, 'delete')
})

test('a reload and a stalled log leave the role unchanged', async () => {
  const { master, replica } = await pair()
  master.write('SET', 'a', '1')
  receive(replica, master)
  await replica.storage.reload({ beginGroup() {}, command() {}, endGroup() {} })
  assert.is(replica.storage.keyspace.expiryMode, 'hide')
  assert.is(replica.storage.role, 'replica')
  master.disk.files.fail({ operation: 'write', path: /\.log$/, code: 'EIO' })
  master.turn(() => master.run('SET', 'b', '1'))
  assert.is(master.storage.keyspace.expiryMode, 'hide')
  assert.ok(master.storage.retry())
  assert.is(master.storage.keyspace.expiryMode, 'delete')
})

test('adopting the current history writes nothing; another history is stored before it counts', async () => {
  const { master, replica } = await pair()
  const { replicationId, past } = master.storage.identity
  let operations = 0
  replica.disk.files.onOperation = () => {
    operations++
  }
  replica.storage.adoptHistory(replicationId, past)
  assert.is(operations, 0)
  replica.storage.adoptHistory('b'.repeat(40), [{ id: replicationId, until: 0 }])
  assert.is(loadIdentity(replica.disk.files.crash(lose), DIRECTORY)?.replicationId, 'b'.repeat(40))
})

test('CLEARREPLICATIONID gives the data a new history without a past, and a restart keeps it', async () => {
  const engine = await Engine.open(new Disk(), { random: fromSeed(5).random })
  engine.write('SET', 'a', '1')
  const { replicationId } = engine.storage.identity
  engine.storage.clearHistory()
  assert.is.not(engine.storage.identity.replicationId, replicationId)
  assert.equal(engine.storage.identity.past, [])
  await engine.storage.close('save')
  const again = await Engine.open(engine.disk.kill(lose))
  assert.is(again.storage.identity.replicationId, engine.storage.identity.replicationId)
  assert.equal(again.storage.identity.past, [])
})

test("a replica that loses unsynced groups in the middle cuts its log there, as its master's watermark does not count for its disk", async () => {
  const { master, replica } = await pair()
  const rounds = 12
  for (let i = 0; i < rounds; i++) {
    master.write('SET', `k${i}`, 'x'.repeat(3000))
    // The next group says that all before it is durable.
    await master.storage.binlog.syncTo(master.storage.binlog.end.offset)
  }
  receive(replica, master, 1)
  const log = logOf(replica)
  const disk = replica.disk.kill(lose)
  const [segment] = replica.storage.binlog.segments
  disk.files.openSync(segment?.path as string, 'update').writeSync([Buffer.alloc(4096)], 12_288)
  const again = await Engine.open(disk)
  const { offset } = again.storage.binlog.end
  assert.ok(offset > 0 && offset <= 12_288, `cut at ${offset}`)
  assert.ok(logOf(again).equals(log.subarray(0, offset)))
  receive(again, master)
  assert.is(liveContent(again.storage.keyspace, 0), liveContent(master.storage.keyspace, 0))
  checkMemory(again.storage.keyspace)
})

test("damage in a promoted replica's own synced writes is refused, as on any master", async () => {
  const { master, replica } = await pair()
  for (let i = 0; i < 5; i++) master.write('SET', `k${i}`, 'x'.repeat(3000))
  receive(replica, master)
  replica.storage.promote()
  const { ownFrom } = replica.storage.identity
  for (let i = 0; i < 5; i++) {
    replica.write('SET', `own${i}`, 'x'.repeat(3000))
    await replica.storage.binlog.syncTo(replica.storage.binlog.end.offset)
  }
  const disk = replica.disk.kill(lose)
  const file = disk.files.openSync(replica.storage.binlog.segments[0]?.path as string, 'update')
  file.writeSync([Buffer.alloc(10)], (ownFrom as number) + 3500)
  let message = ''
  await Engine.open(disk).catch((error: Error) => {
    message = error.message
  })
  assert.match(message, /damaged at offset/)
})

test('a reload that finds the log damaged ends the process before anything is written behind the damage', async () => {
  const { master, replica } = await pair()
  for (let i = 0; i < 3; i++) master.write('SET', `k${i}`, '1')
  receive(replica, master)
  const { binlog } = replica.storage
  const file = replica.disk.files.openSync((binlog.segments[0] as { path: string }).path, 'update')
  file.writeSync([Buffer.from('?')], binlog.end.offset - 3)
  file.closeSync()
  await replica.storage.reload({ beginGroup() {}, command() {}, endGroup() {} }).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /damaged at offset/),
  )
  assert.is(replica.fatal.length, 1)
  const refused = await Engine.open(replica.disk.kill(lose)).then(
    () => '',
    (error: Error) => error.message,
  )
  assert.match(refused, /damaged at offset 304 .* once synced up to 456/, 'a promoted replica also knows what it had synced')
})

test('distrusted memory serves reads only, without checkpoints or snapshots, and a start recovers from the log', async () => {
  const { master, replica } = await pair()
  master.write('SET', 'a', '1')
  receive(replica, master)
  const before = replica.storage.binlog.end
  const untrusted = (asked: Promise<unknown>) =>
    asked.then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /a command failed/),
    )
  const asked = untrusted(replica.storage.checkpoint())
  replica.storage.keyspace.database(0).set('half', 'applied')
  replica.storage.distrust('a command failed')
  assert.is(replica.storage.identity.fullSync, 'a command failed')
  await asked
  replica.storage.checkpointer.request().catch(() => {})
  for (let turns = 0; turns < 10; turns++) assert.not.ok(replica.storage.background())
  assert.not.ok(replica.storage.checkpointer.isRunning)
  await untrusted(replica.storage.checkpoint())
  await untrusted(replica.storage.snapshot())
  await replica.storage.close('save')
  const again = await Engine.open(replica.disk.kill(lose))
  assert.equal(again.storage.binlog.end, before)
  assert.is(again.run('GET', 'half'), null)
  assert.is(again.run('GET', 'a'), '1')
  assert.is(again.storage.identity.fullSync, 'a command failed')
})

test('promoting a replica with distrusted memory ends the process, and the next start is a master', async () => {
  const { master, replica } = await pair()
  master.write('SET', 'a', '1')
  receive(replica, master)
  replica.storage.distrust('a command failed')
  replica.storage.promote()
  assert.is(replica.fatal.length, 1)
  const again = await Engine.open(replica.disk.kill(lose))
  assert.is(again.storage.role, 'master')
  assert.is(again.run('GET', 'a'), '1')
})

test.run()
