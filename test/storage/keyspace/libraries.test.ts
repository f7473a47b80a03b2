/** Function libraries survive restarts, full syncs and crashes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Command, command } from '../../../commands/contract/command.ts'
import { OK } from '../../../commands/contract/reply.ts'
import { libraryKey, libraryRecord } from '../../../storage/records/records.ts'
import { checkDisk, clock, makeMaster, makeReplica } from '../../support/disks/swaps.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { seeded } from '../../support/generators/seed.ts'
import { CheckWorld, landCheckpoint } from '../../support/harness/check-world.ts'
import { Disk, Engine } from '../../support/harness/engine.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'
import { fill, snapshotOf } from '../../support/replication/received.ts'

/**
 * LIBRARY SET name content | DELETE name | CLEAR: the effects of FUNCTION on storage, without Lua.
 */
const library = command({
  name: 'library',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Changes the libraries.',
  syntax: 'LIBRARY SET name content | DELETE name | CLEAR',
  arity: -2,
  flags: ['write'],
  run({ keyspace: { libraries } }, args) {
    if (args[1] === 'SET') libraries.set(args[2], args[3])
    else if (args[1] === 'DELETE') libraries.delete(args[2])
    else libraries.clear()
    return OK
  },
})

const families: readonly (readonly Command[])[] = [[library], ...dataFamilies]
const librariesOf = ({ storage }: Engine) => [...storage.keyspace.libraries.entries()].sort()

test('libraries survive a restart, from the log and from a checkpoint', async () => {
  let engine = await Engine.open(new Disk(), { families })
  const content = '\x00\xff\n'.repeat(100_000)
  engine.write('LIBRARY', 'SET', 'a', content)
  engine.write('LIBRARY', 'SET', 'gone', '1')
  await engine.checkpoint()
  engine.write('LIBRARY', 'SET', 'b', '2')
  engine.write('LIBRARY', 'DELETE', 'gone')
  const expected = [
    ['a', content],
    ['b', '2'],
  ]
  engine = await Engine.open(
    engine.disk.kill(() => 0.5),
    { families },
  )
  assert.equal(librariesOf(engine), expected)
  await engine.checkpoint()
  await engine.settle()
  assert.is(engine.disk.records.getSync(libraryKey('gone')), undefined)
  engine.write('LIBRARY', 'CLEAR')
  engine = await Engine.open(
    engine.disk.kill(() => 0.5),
    { families },
  )
  assert.equal(librariesOf(engine), [])
  await engine.checkpoint()
  await engine.settle()
  assert.is(engine.disk.records.getSync(libraryKey('a')), undefined)
  await engine.storage.close('save')
  await checkDisk(engine.disk)
})

test("a full sync replaces the replica's libraries with the master's", async () => {
  const [master, replica] = [await makeMaster({ families }), await makeReplica({ families })]
  replica.storage.keyspace.libraries.set('own', 'of before')
  master.write('LIBRARY', 'SET', 'a', 'of the master')
  const { revision } = replica.storage.keyspace.libraries
  const snapshot = await snapshotOf(master)
  await replica.storage.installDataSet(await fill(replica, snapshot), snapshot.position, {
    replicationId: master.storage.identity.replicationId,
    past: [],
  })
  assert.equal(librariesOf(replica), [['a', 'of the master']])
  assert.ok(replica.storage.keyspace.libraries.revision > revision)
  await replica.settle()
  const again = await Engine.open(
    replica.disk.kill(() => 0.5),
    { families, clock },
  )
  assert.equal(librariesOf(again), [['a', 'of the master']])
  await snapshot.close()
})

test('libraries equal those of the log after any changes, failed checkpoints and crashes', async () => {
  const { integer, pick, random } = seeded('libraries')
  const clock = new ManualClock()
  let engine = await Engine.open(new Disk(), { families, clock })
  const twin = new Map<string, string>()
  for (let round = 0; round < 60; round++) {
    for (let i = integer(4); i > 0; i--) {
      const name = pick(['a', 'b', 'c', 'd'])
      const what = integer(10)
      if (what === 0) {
        engine.write('LIBRARY', 'CLEAR')
        twin.clear()
      } else if (what < 4 && twin.delete(name)) engine.write('LIBRARY', 'DELETE', name)
      else if (what >= 4) {
        const content = String(integer(1e9)).repeat(integer(100))
        engine.write('LIBRARY', 'SET', name, content)
        twin.set(name, content)
      }
    }
    switch (integer(5)) {
      case 0:
        await engine.settle()
        await engine.checkpoint()
        break
      case 1: // one under way, which the changes of the next round meet
        engine.storage.checkpointer.request().catch(() => {})
        engine.storage.background()
        break
      case 2:
        await engine.settle()
        engine.disk.records.failWrites({ landsAtReopen: integer(2) === 0 })
        await engine.checkpoint().catch(() => {})
        await engine.settle()
        clock.advance(60_000) // it is tried again after a while
        break
      case 3: {
        await engine.storage.binlog.syncTo(engine.storage.binlog.end.offset)
        const disk = integer(2) === 0 ? engine.disk.kill(random) : engine.disk.crash(random)
        await checkDisk(disk)
        engine = await Engine.open(disk, { families, clock })
      }
    }
    assert.equal(librariesOf(engine), [...twin].sort())
  }
})

test('the checker reports a library that is missing, damaged or not named', async () => {
  const world = new CheckWorld()
  const storage = await world.open()
  storage.beginTurn()
  storage.keyspace.libraries.set('a', 'content')
  storage.group.command(0, ['LIBRARY', 'SET', 'a', 'content'])
  storage.commit()
  await landCheckpoint(storage)
  await storage.close('save')
  assert.is(await world.findings(), '')
  await world.tamper((batch) => batch.put(libraryKey('b'), libraryRecord('1')))
  assert.match(await world.findings(), /library 'b': the meta record does not name it/)
  await world.tamper((batch) => {
    batch.remove(libraryKey('b'))
    batch.put(libraryKey('a'), Buffer.from('other'))
  })
  assert.match(await world.findings(), /library 'a': library record: /)
  await world.tamper((batch) => batch.remove(libraryKey('a')))
  assert.match(await world.findings(), /library 'a': missing, though the meta record names it/)
  const opened = await world.open().then(
    () => 'opened',
    (error) => String(error),
  )
  assert.match(opened, /the record of the library 'a', .* is missing/)
})

test.run()
