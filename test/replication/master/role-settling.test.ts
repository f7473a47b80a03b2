/**
 * A master whose role may still change writes nothing of its own: it hides expired keys and does
 * not delete them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultReplicationSettings } from '../../../replication/protocol/settings.ts'
import { Replication, ROLE_SETTLES_MS } from '../../../replication/replication.ts'
import { replayer } from '../../../server/wiring/replay-client.ts'
import { fromSeed } from '../../support/generators/seed.ts'
import { Disk, Engine, until } from '../../support/harness/engine.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'
import { id } from '../../support/replication/master-bench.ts'

/** Returns a master that has started with an expired key. */
async function started() {
  const clock = new ManualClock()
  const { random } = fromSeed(4)
  const disk = new Disk()
  const before = await Engine.open(disk, { clock, random })
  before.write('SET', 'short', '1', 'PX', '1000')
  await before.storage.close('save')
  clock.advance(60_000)
  const engine = await Engine.open(disk, { clock, random })
  const { storage } = engine
  const nothing = () => {}
  const replication = new Replication({
    storage,
    clock,
    random,
    settings: defaultReplicationSettings(),
    runId: id(9),
    databases: 4,
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    replayer: replayer(engine.executor, storage.keyspace),
    dial: () => ({ send: nothing, pause: nothing, resume: nothing, close: nothing }),
    port: () => 6379,
    syncAlways: () => false,
    isHeld: () => false,
    waitFailure: () => new Error('UNBLOCKED'),
    wake: () => storage.beginTurn(),
    onChanged: nothing,
  })
  Object.assign(engine.events, replication.storageEvents)
  replication.start(null)
  const { end } = storage.binlog
  /** Runs turns for some time in which nothing is written. */
  const idle = (milliseconds: number) => {
    for (let left = milliseconds; left > 0; left -= 1000) {
      clock.advance(Math.min(1000, left))
      replication.tick()
      storage.expiry.lookAhead(clock.wallMs())
      engine.turn()
    }
  }
  return { engine, storage, replication, idle, end }
}

const keyCount = ({ storage }: Engine) => storage.keyspace.database(0).keyCount

test('after a start expired keys are hidden, and nothing is logged, until the role settles', async () => {
  const { engine, storage, idle, end } = await started()
  idle(ROLE_SETTLES_MS - 1000)
  engine.turn(() => assert.is(engine.run('GET', 'short'), null))
  assert.equal([storage.binlog.end, keyCount(engine)], [end, 1])
  idle(1000)
  await until(() => {
    idle(1000)
    return keyCount(engine) === 0
  }, 'the key to be deleted')
  assert.ok(storage.binlog.end.offset > end.offset)
})

test('the first write settles the role and then finds the expired key deleted', async () => {
  const { engine, replication } = await started()
  engine.turn(() => {
    replication.settle()
    assert.is(engine.run('APPEND', 'short', 'new'), 3)
  })
  assert.is(engine.run('GET', 'short'), 'new')
  assert.is(replication.isUnsettled, false)
})

test('demotion and promotion without a write log nothing, and each promotion is unsettled again', async () => {
  const { engine, storage, replication, idle, end } = await started()
  replication.settle()
  replication.follow('10.0.0.1', 6379, 'partial')
  assert.is(replication.isUnsettled, false)
  idle(1000)
  for (let i = 0; i < 3; i++) {
    replication.leave()
    assert.is(replication.isUnsettled, true)
    idle(5000)
    engine.turn(() => assert.is(engine.run('GET', 'short'), null))
    replication.follow('10.0.0.1', 6379, 'partial')
    idle(1000)
  }
  assert.equal([storage.binlog.end, keyCount(engine)], [end, 1])
})

test('a promotion that cannot be stored leaves a replica whose role is settled', async () => {
  const { engine, replication } = await started()
  replication.follow('10.0.0.1', 6379, 'partial')
  engine.disk.files.fail({ operation: 'rename', path: /identity/, code: 'EIO' })
  assert.throws(() => replication.leave(), /EIO/)
  assert.equal([replication.isReplica, replication.isUnsettled], [true, false])
})

test.run()
