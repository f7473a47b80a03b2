/** Checkpoints, sweeps, walks and prefetches that a full sync overtakes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Prefetcher } from '../../../server/protocol/prefetch.ts'
import { ReadAhead } from '../../../storage/scan/read-ahead.ts'
import { runLater } from '../../../storage/scan/steps.ts'
import { ALL_KEYS, walk } from '../../../storage/scan/walk.ts'
import { clock, contentOf, makeMaster, makeReplica } from '../../support/disks/swaps.ts'
import { seeded } from '../../support/generators/seed.ts'
import { Disk, Engine, nextTurn } from '../../support/harness/engine.ts'
import { checkMemory, checkStored } from '../../support/harness/engine-invariants.ts'
import { fill, MASTER, receive, snapshotOf } from '../../support/replication/received.ts'
import { until } from '../../support/servers/running-server.ts'

/** Installs the master's data on the replica, and calls `act` in each turn of that. */
async function adopted(replica: Engine, master: Engine, act: (hasSwapped: boolean) => void, before = async () => {}): Promise<void> {
  const snapshot = await snapshotOf(master)
  const next = await fill(replica, snapshot)
  await before()
  let hasSwapped = false
  let isDone = false
  replica.events.onInstalled = () => {
    hasSwapped = true
  }
  const adopting = replica.storage
    .installDataSet(next, snapshot.position, { replicationId: master.storage.identity.replicationId, past: [] })
    .finally(() => {
      isDone = true
    })
  while (!isDone) {
    act(hasSwapped)
    await nextTurn()
  }
  await adopting
}

test('no checkpoint begins during an install, and one requested meanwhile is made of the new data', async () => {
  const [master, replica] = [await makeMaster(), await makeReplica()]
  let landed: Promise<void> | null = null
  await adopted(replica, master, () => {
    landed ??= replica.storage.checkpointer.request()
    replica.storage.background()
    assert.not.ok(replica.storage.checkpointer.isRunning)
  })
  master.write('SET', 'more', '1')
  receive(replica, master)
  // The checkpoint waits for reads of LevelDB, during which there is no other work.
  let hasLanded = false
  void (landed as Promise<void> | null)?.then(() => {
    hasLanded = true
  })
  await until('the requested checkpoint to land', () => {
    replica.storage.background()
    return hasLanded
  })
  assert.is(contentOf(replica), contentOf(master))
  checkMemory(replica.storage.keyspace)
  await checkStored(replica.disk.recordsAt('/data/generation-000002/db'))
})

test('a sweep of the old data does not touch objects of the new data with the same numbers', async () => {
  const master = await Engine.open(new Disk(), { clock })
  for (let i = 0; i < 2000; i++) master.write('SET', `k${i}`, 'of the master')
  const replica = await Engine.open(new Disk(), { clock })
  for (let i = 0; i < 3000; i++) replica.write('SET', `k${i}`, 'of before')
  await replica.checkpoint()
  replica.write('FLUSHALL')
  let wasSweeping = false
  const begin = async () => {
    await replica.checkpoint()
    replica.storage.becomeReplica(MASTER)
    wasSweeping = replica.storage.sweeper.waiting > 0
  }
  await adopted(replica, master, () => {}, begin)
  assert.ok(wasSweeping)
  await replica.settle()
  await replica.checkpoint()
  assert.is(contentOf(replica), contentOf(master))
  await checkStored(replica.disk.recordsAt('/data/generation-000002/db'))
})

test('walks and prefetches that a full sync overtakes return nothing of the old data', async () => {
  const chance = seeded('overtaken reads')
  const [master, replica] = [await Engine.open(new Disk(), { clock }), await makeReplica({ cacheBytes: 0, random: chance.random })]
  master.write('SET', 'only here', '1')
  await replica.checkpoint()
  for (let turns = 0; turns < 10; turns++) replica.storage.background()
  const { keyspace } = replica.storage
  assert.ok(keyspace.database(0).residentKeys < 10, 'most is to be read from disk')
  const prefetcher = new Prefetcher(keyspace, replica.executor.runtimes)
  const requests = Array.from({ length: 20 }, (_, i) => ['GET', `k${i}`])
  const ahead = new ReadAhead()
  const reads: Promise<unknown>[] = []
  let isNew = false
  let overtaken = 0
  await adopted(replica, master, (hasSwapped) => {
    isNew = hasSwapped
    const [db, begunBefore] = [keyspace.database(0), !hasSwapped]
    for (const known of [undefined, ahead]) {
      const walked = runLater(walk(db, ALL_KEYS, 10, known)).then(({ keys }) => {
        if (db === keyspace.database(0)) return
        assert.equal(keys, [])
        if (begunBefore) overtaken++
      })
      reads.push(walked)
    }
    reads.push(prefetcher.start(0, requests) ?? Promise.resolve())
  })
  assert.ok(isNew)
  await Promise.all(reads)
  assert.ok(overtaken > 0, 'some were under way')
  assert.is(keyspace.database(0).residentKeys, 0)
  assert.is(replica.run('GET', 'k1'), null)
  assert.equal(
    (await runLater(walk(keyspace.database(0), ALL_KEYS, 10, ahead))).keys.map(({ key }) => key),
    ['only here'],
  )
  checkMemory(keyspace)
})

test.run()
