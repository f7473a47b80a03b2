/** A full sync replaces data, log and history in one moment. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BIG, checkDisk, clock, contentOf, lose, makeMaster, makeReplica } from '../../support/disks/swaps.ts'
import { seeded } from '../../support/generators/seed.ts'
import { Disk, Engine, nextTurn } from '../../support/harness/engine.ts'
import { checkMemory, checkStored } from '../../support/harness/engine-invariants.ts'
import { fill, fullSync, logOf, MASTER, receive, snapshotOf } from '../../support/replication/received.ts'

test('a full sync replaces data, log and history at one moment, and the node continues from there', async () => {
  const [master, replica] = [await makeMaster(), await makeReplica()]
  replica.storage.saveIdentity({ fullSync: 'it has diverged' })
  const token = replica.storage.scanCursors.issue(1, 'k')
  let swapped = 0
  replica.events.onInstalled = () => {
    swapped++
    assert.is(contentOf(replica), contentOf(master))
  }
  const before = contentOf(replica)
  const snapshot = await snapshotOf(master)
  assert.is(snapshot.keys, 33)
  assert.ok((await snapshot.estimateBytes()) > 70_000)
  const next = await fill(replica, snapshot)
  assert.is(contentOf(replica), before, 'the old data is served')
  await replica.storage.installDataSet(next, snapshot.position, {
    replicationId: master.storage.identity.replicationId,
    past: [{ id: 'c'.repeat(40), until: 9 }],
  })
  assert.is(swapped, 1)
  assert.equal(replica.storage.binlog.end, snapshot.position)
  assert.is(replica.storage.binlog.startOffset, snapshot.position.offset)
  const { replicationId, past, generation, fullSync: why, ownFrom, master: followed } = replica.storage.identity
  assert.equal([replicationId, past], [master.storage.identity.replicationId, [{ id: 'c'.repeat(40), until: 9 }]])
  assert.equal([generation, why, ownFrom, followed], ['generation-000002', null, null, MASTER])
  assert.is(replica.storage.scanCursors.find(token), undefined)
  checkMemory(replica.storage.keyspace)
  master.write('APPEND', 'big', 'y')
  master.write('SET', 'old', '2')
  assert.is(receive(replica, master), 2)
  await replica.checkpoint()
  await replica.settle()
  assert.is(contentOf(replica), contentOf(master))
  checkMemory(replica.storage.keyspace)
  await checkStored(replica.disk.recordsAt('/data/generation-000002/db'))
  assert.not.ok(replica.disk.files.existsSync('/data/generation-000001'), 'the old data is removed')
  await checkDisk(replica.disk.kill(lose))
  const again = await Engine.open(replica.disk.crash(lose), { clock })
  assert.is(contentOf(again), contentOf(master))
  assert.ok(logOf(again).equals(logOf(master, snapshot.position.offset)))
  await snapshot.close()
})

test('reads during an install see all old data or all new data, and never wait', async () => {
  const [master, replica] = [await makeMaster(), await makeReplica()]
  const [old, young] = [contentOf(replica), contentOf(master)]
  const snapshot = await snapshotOf(master)
  const next = await fill(replica, snapshot)
  let done = false
  const seen = new Set<string>()
  const adopting = replica.storage
    .installDataSet(next, snapshot.position, { replicationId: master.storage.identity.replicationId, past: [] })
    .then(() => {
      done = true
    })
  for (let turns = 0; !done; turns++) {
    if (turns > 1000) throw new Error('it never ended')
    assert.is(
      replica.turn(() => replica.run('GET', 'k1')),
      'written',
    )
    replica.storage.background()
    seen.add(contentOf(replica))
    await nextTurn()
  }
  await adopting
  seen.add(contentOf(replica))
  assert.equal(seen, new Set([old, young]))
})

test('a disk that fills up while a data set is filled or installed changes nothing, and the transfer can continue', async () => {
  const [master, replica] = [await makeMaster(), await makeReplica()]
  const old = contentOf(replica)
  const snapshot = await snapshotOf(master)
  const next = await replica.storage.beginDataSet()
  const records = replica.disk.recordsAt(`/data/${next.name}/db`)
  const iterator = snapshot.read(null)
  for (let part = await iterator.next(5), chunk = 0; part.length > 0; part = await iterator.next(5), chunk++) {
    if (chunk === 3) {
      records.failWrites({ failedReopens: 1 })
      for (let attempt = 0; attempt < 2; attempt++) {
        await next.put(part).then(
          () => assert.unreachable(),
          () => {},
        )
        assert.is(contentOf(replica), old)
      }
    }
    await next.put(part)
  }
  replica.disk.files.capacityBytes = replica.disk.files.usedBytes
  const adopt = () =>
    replica.storage.installDataSet(next, snapshot.position, { replicationId: master.storage.identity.replicationId, past: [] })
  await adopt().then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /ENOSPC/),
  )
  assert.is(contentOf(replica), old)
  replica.disk.files.capacityBytes = 2 ** 40
  await adopt()
  assert.is(contentOf(replica), contentOf(master))
  checkMemory(replica.storage.keyspace)
})

test('data of another position or without a meta record is not installed', async () => {
  const [master, replica] = [await makeMaster(), await makeReplica()]
  const snapshot = await snapshotOf(master)
  const { replicationId } = master.storage.identity
  const { offset, crc } = snapshot.position
  const next = await fill(replica, snapshot)
  for (const position of [
    { offset: offset + 1, crc },
    { offset, crc: crc ^ 1 },
  ]) {
    await replica.storage.installDataSet(next, position, { replicationId, past: [] }).then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /is that of offset/),
    )
  }
  const empty = await replica.storage.beginDataSet()
  await replica.storage.installDataSet(empty, snapshot.position, { replicationId, past: [] }).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /no meta record/),
  )
  await replica.storage.installDataSet(next, snapshot.position, { replicationId, past: [] }).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /not the data set/),
  )
  const generations = replica.disk.files.listSync('/data').filter((name) => name.startsWith('generation'))
  assert.equal(generations, ['generation-000001', empty.name], 'beginning a data set removes the unfinished one')
})

for (const [what, meddle] of [
  ['becomes a master', (replica: Engine) => replica.storage.promote()],
  ['is told to give it up', (_: Engine, abandon: () => void) => abandon()],
] as const) {
  test(`a node that ${what} in the middle of a full sync keeps its data, at any moment`, async () => {
    const master = await makeMaster()
    let finished = false
    for (let at = 0; !finished; at++) {
      if (at > 200) throw new Error('it never ended')
      const replica = await makeReplica()
      const old = contentOf(replica)
      const snapshot = await snapshotOf(master)
      const next = await fill(replica, snapshot)
      let outcome = ''
      const adopting = replica.storage
        .installDataSet(next, snapshot.position, { replicationId: master.storage.identity.replicationId, past: [] })
        .then(
          () => {
            outcome = 'adopted'
          },
          () => {
            outcome = 'failed'
          },
        )
      let isNew = false
      replica.events.onInstalled = () => {
        isNew = true
      }
      for (let turns = 0; turns < at && outcome === ''; turns++) await nextTurn()
      finished = outcome !== ''
      const wasNew = isNew
      meddle(replica, () => void next.abandon())
      await adopting
      await replica.settle()
      assert.is(contentOf(replica), wasNew ? contentOf(master) : old)
      assert.is(outcome, wasNew ? 'adopted' : 'failed')
      assert.equal(replica.fatal, [])
      checkMemory(replica.storage.keyspace)
      await replica.storage.close('save')
      const again = await Engine.open(replica.disk.kill(lose), { clock })
      assert.is(contentOf(again), wasNew ? contentOf(master) : old)
    }
  })
}

test('a full sync abandoned while it waits for a checkpoint is not reopened', async () => {
  const [master, replica] = [await makeMaster(), await makeReplica()]
  const landed = replica.storage.checkpointer.request()
  replica.disk.records.holdWrites()
  replica.storage.background()
  const snapshot = await snapshotOf(master)
  const next = await fill(replica, snapshot)
  const records = replica.disk.recordsAt(`/data/${next.name}/db`)
  const adopting = replica.storage
    .installDataSet(next, snapshot.position, { replicationId: master.storage.identity.replicationId, past: [] })
    .then(
      () => 'adopted',
      (error: Error) => error.message,
    )
  await next.abandon()
  replica.disk.records.releaseWrites()
  assert.match(await adopting, /abandoned/)
  await landed
  assert.throws(() => records.getSync(Buffer.from('k')), /not open/)
  await next.put([[Buffer.from('k'), Buffer.from('v')]]).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /abandoned/),
  )
  const generations = replica.disk.files.listSync('/data').filter((name) => name.startsWith('generation'))
  assert.equal(generations, ['generation-000001'])
  await fullSync(replica, master)
  assert.is(contentOf(replica), contentOf(master))
})

test('a shutdown before an install keeps the old data, and a checkpoint and a full sync can follow', async () => {
  const [master, replica] = [await makeMaster(), await makeReplica()]
  const old = contentOf(replica)
  const snapshot = await snapshotOf(master)
  const next = await fill(replica, snapshot)
  const adopting = replica.storage
    .installDataSet(next, snapshot.position, { replicationId: master.storage.identity.replicationId, past: [] })
    .then(
      () => 'adopted',
      (error: Error) => error.message,
    )
  await replica.storage.close('save')
  assert.match(await adopting, /being closed/)
  const again = await Engine.open(replica.disk.kill(lose), { clock })
  assert.is(contentOf(again), old)
  const landed = again.storage.checkpointer.request()
  await fullSync(again, master)
  assert.is(contentOf(again), contentOf(master))
  while (again.storage.background()) await nextTurn()
  await landed
  await checkStored(again.disk.recordsAt(`/data/${again.storage.identity.generation}/db`))
})

test('a running checkpoint ends before the data is replaced, and evicted keys are read from the right data set', async () => {
  const [master, replica] = [await makeMaster(), await makeReplica({ cacheBytes: 0 })]
  for (let i = 0; i < 300; i++) replica.storage.keyspace.database(1).set(`dirty${i}`, '1')
  const landed = replica.storage.checkpointer.request()
  replica.disk.records.holdWrites()
  replica.storage.background()
  const snapshot = await snapshotOf(master)
  const next = await fill(replica, snapshot)
  const watched = replica.storage.keyspace.database(0)
  const adopting = replica.storage.installDataSet(next, snapshot.position, {
    replicationId: master.storage.identity.replicationId,
    past: [],
  })
  for (let turns = 0; turns < 50; turns++) await nextTurn()
  assert.ok(replica.storage.checkpointer.isRunning)
  assert.is(watched.droppedIn, 0)
  replica.disk.records.releaseWrites()
  await Promise.all([landed, adopting])
  assert.ok(watched.droppedIn !== 0)
  for (let turns = 0; turns < 10; turns++) replica.storage.background()
  assert.is(replica.run('GET', 'k7'), 'of the master 7')
  assert.is((replica.run('GET', 'big') as string).length, BIG.length)
  assert.is(replica.run('GET', 'k3'), null)
  checkMemory(replica.storage.keyspace)
})

test('waiters for a sync of the old log do not wait for the new log', async () => {
  const [master, replica] = [await makeMaster(), await Engine.open(new Disk())]
  replica.storage.becomeReplica(MASTER)
  receive(replica, await makeMaster())
  const { binlog } = replica.storage
  const { offset } = binlog.end
  assert.ok(binlog.synced < offset)
  let isSynced = false
  void binlog.syncTo(offset).then(() => {
    isSynced = replica.storage.binlog.synced >= offset
  })
  replica.events.onInstalled = () => assert.ok(isSynced)
  await fullSync(replica, master)
  assert.ok(isSynced)
})

test('a full sync counts as installed even if the first read of the new data fails', async () => {
  const [master, replica] = [await makeMaster(), await makeReplica()]
  replica.events.onInstalled = () => {
    replica.storage.keyspace.records.iterate = () => {
      throw new Error('EIO')
    }
  }
  await fullSync(replica, master)
  assert.is(contentOf(replica), contentOf(master))
  await replica.settle()
  assert.not.ok(replica.disk.files.existsSync('/data/generation-000001'), 'the old data is removed')
})

test('several full syncs in a row, each from another master', async () => {
  const chance = seeded('full syncs')
  const replica = await makeReplica()
  for (let round = 0; round < 6; round++) {
    const master = await Engine.open(new Disk(), { clock, random: chance.random })
    for (let i = 0; i < 5 + chance.integer(30); i++) master.write('SET', `k${chance.integer(40)}`, `${round}:${i}`)
    if (chance.integer(2) === 0) master.write('FLUSHALL')
    await fullSync(replica, master)
    master.write('SET', 'more', String(round))
    receive(replica, master)
    assert.is(contentOf(replica), contentOf(master))
    if (chance.integer(2) === 0) await replica.checkpoint()
    checkMemory(replica.storage.keyspace)
  }
  await replica.settle()
  assert.is(replica.storage.identity.generation, 'generation-000007')
})

test('a replica can be filled from an empty master at offset 0', async () => {
  const master = await Engine.open(new Disk(), { clock })
  const replica = await makeReplica()
  await fullSync(replica, master)
  assert.is(replica.storage.keyspace.keyCount, 0)
  assert.is(replica.storage.binlog.end.offset, 0)
  master.write('SET', 'a', '1')
  receive(replica, master)
  const again = await Engine.open(replica.disk.kill(lose), { clock })
  assert.is(again.run('GET', 'a'), '1')
})

test.run()
