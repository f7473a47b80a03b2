/** A crash at any moment of a full sync leaves the old data set or the new one. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadIdentity } from '../../../storage/directory/identity.ts'
import { checkDisk, clock, contentOf, lose, makeMaster, makeReplica } from '../../support/disks/swaps.ts'
import { seeded } from '../../support/generators/seed.ts'
import { DIRECTORY, type Disk, Engine, until } from '../../support/harness/engine.ts'
import { checkMemory } from '../../support/harness/engine-invariants.ts'
import { fill, fullSync, receive, snapshotOf } from '../../support/replication/received.ts'

/** Runs a swap, and calls `event` at each step: each operation on files, each write of records. */
async function swapWithEvents(replica: Engine, master: Engine, event: (step: number) => void): Promise<void> {
  const snapshot = await snapshotOf(master)
  const next = await fill(replica, snapshot)
  const records = replica.disk.recordsAt(`/data/${next.name}/db`)
  let step = 0
  replica.disk.files.onOperation = () => event(step++)
  records.onWrite = () => event(step++)
  try {
    await replica.storage.installDataSet(next, snapshot.position, { replicationId: master.storage.identity.replicationId, past: [] })
    await replica.settle()
  } finally {
    replica.disk.files.onOperation = undefined
  }
}

test('a crash at any moment of a full sync leaves the old or the new data set, complete, with its own history', async () => {
  const { random } = seeded('crashed swap')
  const master = await makeMaster()
  const { replicationId } = master.storage.identity
  const outcomes = new Set<string>()
  const disks: Disk[] = []
  const replica = await makeReplica()
  const old = contentOf(replica)
  const before = replica.storage.identity.replicationId
  await swapWithEvents(replica, master, () => {
    for (let round = 0; round < 3; round++) disks.push(replica.disk.crash(random))
    disks.push(replica.disk.kill(random))
  })
  assert.ok(disks.length > 100)
  const young = contentOf(master)
  for (const disk of disks) {
    const found = await Engine.open(disk, { clock, random })
    const content = contentOf(found)
    const { identity, role } = found.storage
    const isNew = identity.replicationId === replicationId
    if (isNew) assert.is(content, young)
    else {
      assert.is(identity.replicationId, before)
      if (content !== old)
        assert.ok(old.includes('only in the log') && old.startsWith(content.split('\n')[0] as string), 'the log is shorter')
    }
    assert.is(role, 'replica')
    assert.is(identity.generation, isNew ? 'generation-000002' : 'generation-000001')
    outcomes.add(isNew ? 'new' : 'old')
    checkMemory(found.storage.keyspace)
    await found.storage.close('save')
    await checkDisk(found.disk.kill(lose))
    assert.equal(
      found.disk.files.listSync('/data').filter((name) => name.startsWith('generation')),
      [identity.generation],
      'other generations are removed',
    )
    if (isNew) {
      const again = await Engine.open(found.disk.kill(lose), { clock, random })
      receive(again, master)
      assert.is(contentOf(again), contentOf(master))
    }
  }
  assert.equal(outcomes, new Set(['old', 'new']))
})

test('a failure before the install changes nothing, one after it ends the process, and the next full sync succeeds', async () => {
  const master = await makeMaster()
  let steps = 0
  await swapWithEvents(await makeReplica(), master, () => steps++)
  for (const operation of ['open', 'write', 'datasync', 'rename', 'syncDirectory'] as const) {
    for (let after = 0; after < 8; after++) {
      const replica = await makeReplica()
      const old = contentOf(replica)
      const { identity } = replica.storage
      const snapshot = await snapshotOf(master)
      const next = await fill(replica, snapshot)
      const lift = replica.disk.files.fail({ operation, after, code: 'EIO' })
      let outcome = ''
      replica.storage.installDataSet(next, snapshot.position, { replicationId: master.storage.identity.replicationId, past: [] }).then(
        () => (outcome = 'adopted'),
        () => (outcome = 'failed'),
      )
      await until(() => outcome !== '' || replica.fatal.length > 0, 'the end of it')
      lift()
      if (replica.fatal.length > 0) {
        const again = await Engine.open(replica.disk.kill(lose), { clock })
        assert.ok([old, contentOf(master)].includes(contentOf(again)))
        continue
      }
      if (outcome === 'failed') {
        assert.is(contentOf(replica), old)
        assert.equal(replica.storage.identity, identity)
        assert.equal(loadIdentity(replica.disk.files.crash(lose), DIRECTORY), identity)
        await replica.checkpoint()
        await next.abandon()
        assert.not.ok(replica.disk.files.existsSync(`/data/${next.name}`))
        await fullSync(replica, master)
      }
      assert.is(contentOf(replica), contentOf(master))
      await replica.settle()
      await replica.storage.close('save')
      await checkDisk(replica.disk.kill(lose))
    }
  }
})

test.run()
