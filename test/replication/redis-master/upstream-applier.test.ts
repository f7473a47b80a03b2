/** The commands of a Redis master in data and log: exactly once, through crashes at any moment. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../../base/log.ts'
import { UpstreamApplier } from '../../../replication/redis-master/upstream-applier.ts'
import { upstreamRunner } from '../../../server/wiring/upstream-runner.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { Disk, Engine } from '../../support/harness/engine.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'
import { MASTER } from '../../support/replication/received.ts'

const ID = 'ab'.repeat(20)
const NEW_ID = 'cd'.repeat(20)

const encoded = (...words: readonly (string | number)[]) =>
  Buffer.from(`*${words.length}\r\n${words.map((word) => `$${String(word).length}\r\n${word}\r\n`).join('')}`, 'latin1')

function applierOf(engine: Engine): UpstreamApplier {
  const { storage, executor } = engine
  return new UpstreamApplier({
    storage,
    runner: upstreamRunner(executor, storage.keyspace),
    clock: new ManualClock(),
    log: silentLog,
    databases: 16,
    requestTurn: () => {
      if (storage.group.isEmpty) storage.beginTurn()
    },
    syncAlways: () => false,
  })
}

/** Returns a replica whose data is that of offset 0 of a Redis. */
async function replica(): Promise<Engine> {
  const engine = await Engine.open(new Disk())
  engine.storage.becomeReplica(MASTER)
  engine.storage.followed.beginOwnHistory()
  engine.storage.beginTurn()
  engine.storage.followed.commit({ replicationId: ID, offset: 0, database: 0 })
  return engine
}

function applyAll(applier: UpstreamApplier): string | null {
  for (;;) {
    const outcome = applier.applyBatch()
    if (outcome === 'idle') return null
    if (outcome !== 'more') return outcome.reason
  }
}

/** A stream of increments, in several databases and in transactions. */
function randomStream(chance: Seeded, count: number): Buffer[] {
  const commands: Buffer[] = []
  while (commands.length < count) {
    const choice = chance.integer(10)
    const increment = () => encoded('INCR', `n${chance.integer(5)}`)
    if (choice === 0) commands.push(encoded('SELECT', chance.integer(3)))
    else if (choice === 1) commands.push(encoded('PING'))
    else if (choice === 2) commands.push(encoded('MULTI'), increment(), encoded('SELECT', chance.integer(3)), increment(), encoded('EXEC'))
    else commands.push(increment())
  }
  return commands
}

function countersOf(engine: Engine): string[] {
  const found: string[] = []
  for (let database = 0; database < 3; database++) {
    engine.run('SELECT', String(database))
    for (let n = 0; n < 5; n++) found.push(String(engine.run('GET', `n${n}`)))
  }
  return found
}

test('commands are applied exactly once, whatever a crash loses', async () => {
  const chance = seeded('upstream crashes')
  const commands = randomStream(chance, 600)
  const whole = Buffer.concat(commands)

  const plain = await replica()
  const steady = applierOf(plain)
  steady.followFrom({ replicationId: ID, offset: 0, database: 0 })
  steady.push(whole)
  assert.is(applyAll(steady), null)
  assert.is(steady.appliedOffset, whole.length)
  const expected = countersOf(plain)

  let engine = await replica()
  for (let crashes = 0; crashes < 40; crashes++) {
    const applier = applierOf(engine)
    const from = engine.storage.followed.position
    if (from === null) throw new Error('the data has lost its position')
    applier.followFrom(crashes % 3 === 0 ? { ...from, replicationId: NEW_ID } : from)
    const length = chance.integer(whole.length / 20)
    for (let at = from.offset; at < Math.min(whole.length, from.offset + length); ) {
      const end = Math.min(whole.length, at + 1 + chance.integer(300))
      applier.push(whole.subarray(at, end))
      applier.applyBatch()
      at = end
      if (chance.integer(20) === 0) void engine.storage.binlog.sync()
    }
    if (crashes % 5 === 0) await engine.checkpoint()
    const disk = crashes % 2 === 0 ? engine.disk.crash(chance.random) : engine.disk.kill(chance.random)
    engine = await Engine.open(disk)
  }
  const applier = applierOf(engine)
  const from = engine.storage.followed.position
  if (from === null) throw new Error('the data has lost its position')
  applier.followFrom(from)
  applier.push(whole.subarray(from.offset))
  assert.is(applyAll(applier), null)
  assert.equal(countersOf(engine), expected)
})

test('a write of another source ends the position', async () => {
  const engine = await replica()
  engine.storage.promote()
  assert.is(engine.storage.followed.position?.offset, 0, 'the data is still that of the position')
  engine.write('SET', 'own', 'write')
  assert.is(engine.storage.followed.position, null)
  await engine.checkpoint()
  const again = await Engine.open(engine.disk.kill(() => 0))
  assert.is(again.storage.followed.position, null)
})

test('an unknown command stops the stream before it, and nothing of its transaction is applied', async () => {
  const engine = await replica()
  const applier = applierOf(engine)
  applier.followFrom({ replicationId: ID, offset: 0, database: 0 })
  const good = encoded('INCR', 'n0')
  applier.push(Buffer.concat([good, encoded('MULTI'), encoded('INCR', 'n0'), encoded('NOSUCH', 'a'), encoded('EXEC')]))
  assert.match(applyAll(applier) ?? '', /command "NOSUCH", which this version does not know/)
  assert.is(engine.storage.followed.position?.offset, good.length)
  assert.is(countersOf(engine)[0], '1')
})

test('a database that this node lacks stops the stream', async () => {
  const engine = await replica()
  const applier = applierOf(engine)
  applier.followFrom({ replicationId: ID, offset: 0, database: 0 })
  applier.push(encoded('SELECT', 16))
  assert.match(applyAll(applier) ?? '', /writes to database 16, and this node has 16/)
})

test('a command that fails is counted, and the stream goes on', async () => {
  const engine = await replica()
  const applier = applierOf(engine)
  applier.followFrom({ replicationId: ID, offset: 0, database: 0 })
  applier.push(Buffer.concat([encoded('SET', 'n0', 'text'), encoded('INCR', 'n0'), encoded('SET'), encoded('INCR', 'n1')]))
  assert.is(applyAll(applier), null)
  assert.is(applier.failures, 2)
  assert.equal(countersOf(engine).slice(0, 2), ['text', '1'])
})

test('an acknowledgement that the master requests is due once', async () => {
  const engine = await replica()
  const applier = applierOf(engine)
  applier.followFrom({ replicationId: ID, offset: 0, database: 0 })
  assert.is(applier.takeAckWanted(), true, 'a master learns at once where the stream begins')
  assert.is(applier.takeAckWanted(), false)
  applier.push(encoded('REPLCONF', 'GETACK', '*'))
  applyAll(applier)
  assert.is(applier.takeAckWanted(), true)
})

test('a stream without effects is recorded now and then', async () => {
  const engine = await replica()
  const applier = applierOf(engine)
  applier.followFrom({ replicationId: ID, offset: 0, database: 0 })
  const ping = encoded('PING')
  applier.push(ping)
  applyAll(applier)
  assert.is(engine.storage.followed.position?.offset, 0)
  assert.is(applier.resumable?.offset, ping.length)
  applier.push(Buffer.concat(Array.from({ length: 2000 }, () => ping)))
  applyAll(applier)
  assert.ok((engine.storage.followed.position?.offset ?? 0) > 16_000)
})

test.run()
