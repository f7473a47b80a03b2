/** The acknowledgements to a Redis master: offsets that are in the log, and durable ones. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { StreamAcks } from '../../../replication/redis-master/stream-acks.ts'

function bench() {
  const log = { stalled: null as string | null, binlog: { synced: 0, end: { offset: 500 } } }
  return { log, acks: new StreamAcks(log, 500, 100) }
}

test('an offset is durable once the log is, up to the group that leads there', () => {
  const { log, acks } = bench()
  assert.equal(acks.at(100), { applied: 100, synced: 0 }, 'what an earlier process left may not be durable')
  log.binlog.synced = 500
  assert.equal(acks.at(100), { applied: 100, synced: 100 })
  acks.logged(600, 130)
  acks.logged(700, 150)
  assert.equal(acks.at(150), { applied: 150, synced: 100 })
  log.binlog.synced = 650
  assert.equal(acks.at(150), { applied: 150, synced: 130 })
  log.binlog.synced = 700
  assert.equal(acks.at(150), { applied: 150, synced: 150 })
})

test('commands without an effect are durable as soon as what came before is', () => {
  const { log, acks } = bench()
  log.binlog.synced = 500
  assert.equal(acks.at(114), { applied: 114, synced: 114 })
  acks.logged(600, 130)
  assert.equal(acks.at(144), { applied: 144, synced: 114 })
})

test('a group that the disk does not take is not acknowledged', () => {
  const { log, acks } = bench()
  log.binlog.synced = 500
  assert.equal(acks.at(100), { applied: 100, synced: 100 })
  log.stalled = 'ENOSPC'
  acks.logged(600, 130)
  assert.equal(acks.at(130), { applied: 100, synced: 100 })
  log.stalled = null
  log.binlog.end.offset = 600
  assert.equal(acks.at(130), { applied: 130, synced: 100 })
})

test('a held group that is written before the next one is held counts', () => {
  const { log, acks } = bench()
  log.stalled = 'ENOSPC'
  acks.logged(600, 130)
  acks.logged(700, 150)
  assert.equal(acks.at(150), { applied: 100, synced: 0 })
  log.binlog.end.offset = 600
  log.binlog.synced = 600
  assert.equal(acks.at(150), { applied: 130, synced: 130 })
})

test('very many groups that are not durable take bounded memory, and none counts too early', () => {
  const { log, acks } = bench()
  for (let i = 1; i <= 5000; i++) acks.logged(500 + i, 100 + i)
  assert.ok((Reflect.get(acks, 'groups') as unknown[]).length <= 1024)
  log.binlog.synced = 5499
  assert.ok(acks.at(5100).synced < 5100)
  log.binlog.synced = 5500
  assert.equal(acks.at(5100), { applied: 5100, synced: 5100 })
})

test.run()
