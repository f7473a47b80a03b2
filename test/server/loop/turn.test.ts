/** The end of a turn: order of group, sync, replies and checkpoints. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Turn, type TurnEvents } from '../../../server/loop/turn.ts'
import { TurnTimes } from '../../../server/metrics/turn-times.ts'
import { Disk, Engine, until } from '../../support/harness/engine.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

/** No event is recorded, so no clock is read. */
const untimed = new TurnTimes({ enabled: false, add() {} }, new ManualClock())
const noEvents: TurnEvents = { serveBlocked() {}, notifyClients: () => false, mayReply: () => true, feedReplicas() {}, onEnded() {} }

test('with appendfsync always, groups without a waiting client are synced too, as replicas get durable groups only', async () => {
  const clock = new ManualClock()
  const engine = await Engine.open(new Disk(), { clock })
  const { storage } = engine
  const turn = new Turn(storage, noEvents, untimed)
  turn.mustWaitForSync = true
  engine.write('SET', 'a', '1', 'PX', '100')
  await storage.binlog.syncTo(storage.binlog.end.offset)
  const { offset } = storage.binlog.end
  clock.advance(200)
  turn.begin()
  await until(() => storage.binlog.end.offset > offset, 'the deletion')
  await until(() => storage.binlog.synced === storage.binlog.end.offset, 'its sync')
  assert.is(engine.run('EXISTS', 'a'), 0)
  await storage.close('nosave')
})

test('a client served at the end of a turn shares its group and its clock', async () => {
  const clock = new ManualClock()
  const { storage } = await Engine.open(new Disk(), { clock })
  const readings: number[] = []
  const events = {
    ...noEvents,
    serveBlocked() {
      if (readings.length > 0) return
      readings.push(storage.keyspace.nowMs)
      clock.advance(5)
      turn.begin() // a reply does
      readings.push(storage.keyspace.nowMs)
    },
  }
  const turn: Turn = new Turn(storage, events, untimed)
  turn.begin()
  const began = storage.keyspace.nowMs
  await until(() => readings.length > 0, 'the end of the turn')
  assert.equal(readings, [began, began])
  turn.begin()
  assert.is(storage.keyspace.nowMs, began + 5)
  await storage.close('nosave')
})

test('turns during and after the closing of storage begin no checkpoint and delete nothing', async () => {
  const clock = new ManualClock()
  const engine = await Engine.open(new Disk(), { clock })
  const { storage } = engine
  const turn = new Turn(storage, noEvents, untimed)
  engine.write('SET', 'a', '1', 'PX', '100')
  const { offset } = storage.binlog.end
  clock.advance(24 * 3_600_000)
  let isClosed = false
  const closed = storage.close('nosave').then(() => {
    isClosed = true
  })
  for (let after = 0; after < 3; after += isClosed ? 1 : 0) {
    turn.begin()
    turn.end()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await closed
  assert.equal([storage.checkpointer.isRunning, storage.binlog.end.offset], [false, offset])
})

test.run()
