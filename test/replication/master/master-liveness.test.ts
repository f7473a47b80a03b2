/**
 * An ACK shows that a replica was alive when it sent the ACK, not when the master reads it. The ACK
 * may have waited in the socket for long.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MasterBench } from '../../support/replication/master-bench.ts'

const LAG = { minReplicas: 1, minReplicasMaxLagMs: 3000 }

/** Freezes the process: time passes without a tick. */
function freeze(bench: MasterBench, milliseconds: number): void {
  bench.clock.advance(milliseconds)
}

test('after a gap longer than min-replicas-max-lag old ACKs do not count, but the answer to a new request does', async () => {
  const bench = await MasterBench.open({ settings: LAG })
  const connection = bench.attachOnline()
  bench.ack(connection, 0)
  freeze(bench, 30_000)
  connection.take()
  for (let i = 0; i < 30; i++) bench.ack(connection, 0)
  assert.is(bench.master.replicas.goodCount(), 0)
  assert.is(bench.master.replicas.online()[0]?.lagSeconds, 30, 'INFO does not show a lag of 0 either')
  bench.turn()
  assert.is(connection.takeText(), '?', 'the replica is asked once')
  bench.advance(100)
  bench.ack(connection, 0)
  assert.is(bench.master.replicas.goodCount(), 0)
  bench.ack(connection, 0, 0, 1)
  assert.is(bench.master.replicas.goodCount(), 1)
  assert.is(bench.master.replicas.online()[0]?.lagSeconds, 0)
  bench.turn()
  assert.is(connection.takeText(), '')
  await bench.close()
})

test("after a gap in a replica's ACKs, buffered ACKs do not count, but the answer to a new request does", async () => {
  const bench = await MasterBench.open({ settings: LAG })
  const connection = bench.attachOnline()
  bench.advance(3100)
  connection.take() // the first heartbeat of an idle stream
  bench.ack(connection, 0)
  assert.is(bench.master.replicas.goodCount(), 0)
  bench.turn()
  assert.is(connection.takeText(), '?')
  bench.ack(connection, 0, 0, 1)
  assert.is(bench.master.replicas.goodCount(), 1)
  await bench.close()
})

test('requests for ACKs sent before the gap prove nothing about the time after it', async () => {
  const bench = await MasterBench.open({ settings: LAG })
  const connection = bench.attachOnline()
  bench.master.askForAcks()
  bench.turn()
  freeze(bench, 30_000)
  bench.ack(connection, 0, 0, 1)
  bench.turn()
  bench.ack(connection, 0, 0, 1)
  assert.is(bench.master.replicas.goodCount(), 0)
  bench.ack(connection, 0, 0, 2)
  assert.is(bench.master.replicas.goodCount(), 1)
  await bench.close()
})

test('an answer older than min-replicas-max-lag is followed by another request', async () => {
  const bench = await MasterBench.open({ settings: LAG })
  const connection = bench.attachOnline()
  freeze(bench, 30_000)
  bench.ack(connection, 0)
  bench.turn()
  freeze(bench, 3100)
  connection.take()
  bench.ack(connection, 0, 0, 1)
  assert.is(bench.master.replicas.goodCount(), 0)
  bench.turn()
  assert.is(connection.takeText(), '?')
  bench.ack(connection, 0, 0, 2)
  assert.is(bench.master.replicas.goodCount(), 1)
  await bench.close()
})

test('an acknowledged offset counts for WAIT however long the ACK was buffered', async () => {
  const bench = await MasterBench.open({ settings: LAG })
  const connection = bench.attachOnline()
  bench.write('SET', 'key', '1')
  freeze(bench, 30_000)
  bench.ack(connection, bench.engine.storage.binlog.end.offset)
  assert.is(bench.master.replicas.ackedCount(0, 'applied'), 1)
  assert.is(bench.acks, 1)
  await bench.close()
})

test('a buffered BINLOGSYNC does not make a good replica', async () => {
  const bench = await MasterBench.open({ settings: LAG })
  const connection = bench.connect()
  const { session } = bench.metaSync(connection)
  bench.trySync(connection, session, bench.engine.storage.binlog.end)
  freeze(bench, 30_000)
  bench.master.binlogSync(connection, session, 0)
  bench.ack(connection, 0)
  assert.is(bench.master.replicas.goodCount(), 0)
  bench.turn()
  bench.ack(connection, 0, 0, 1)
  assert.is(bench.master.replicas.goodCount(), 1)
  await bench.close()
})

test('a replica whose answers are not numbered counts again once it has sent ACKs for min-replicas-max-lag', async () => {
  const bench = await MasterBench.open({ settings: LAG })
  const connection = bench.attachOnline()
  freeze(bench, 30_000)
  for (let second = 0; second < 3; second++) {
    bench.ack(connection, 0, 0, null)
    assert.is(bench.master.replicas.goodCount(), 0)
    bench.turn()
    bench.advance(1000)
  }
  bench.ack(connection, 0, 0, null)
  assert.is(bench.master.replicas.goodCount(), 1)
  await bench.close()
})

test('writes are allowed until the last ACK of one replica too few expires', async () => {
  const bench = await MasterBench.open({ settings: { ...LAG, minReplicas: 2 } })
  const first = bench.attachOnline()
  assert.is(bench.master.replicas.writableUntilMs, Number.NEGATIVE_INFINITY)
  bench.advance(1000)
  const second = bench.attachOnline(undefined, { port: 7002, runId: '2'.repeat(40) })
  assert.is(bench.master.replicas.writableUntilMs, 3000)
  bench.advance(1000)
  bench.ack(first, 0)
  assert.is(bench.master.replicas.writableUntilMs, 4000)
  bench.ack(second, 0)
  assert.is(bench.master.replicas.writableUntilMs, 5000)
  bench.settings.minReplicasMaxLagMs = 0
  assert.is(bench.master.replicas.writableUntilMs, Number.POSITIVE_INFINITY)
  bench.settings.minReplicas = 0
  bench.disconnect(first)
  assert.is(bench.master.replicas.writableUntilMs, Number.POSITIVE_INFINITY)
  await bench.close()
})

test.run()
