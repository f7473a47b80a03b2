/** A full sync that the master gives: its chunks, shared snapshots, and the stream after it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { SnapshotHead } from '../../../replication/protocol/messages.ts'
import { nextTurn, until } from '../../support/harness/engine.ts'
import { ask, checkpoint, filled, keysOf, parse } from '../../support/replication/full-sync-bench.ts'
import { id } from '../../support/replication/master-bench.ts'

const MEBIBYTE = 2 ** 20

test('a full sync sends the head, all records in order in numbered chunks, and their number', async () => {
  const bench = await filled()
  const { storage, disk } = bench.engine
  const connection = ask(bench)
  assert.is(bench.master.replicas.attached()[0]?.state, 'wait_bgsave')
  assert.is(connection.sent.length, 0)
  await checkpoint(bench)
  const received = parse(connection.take())
  const [head] = received.heads
  assert.is(received.heads.length, 1)
  assert.equal([head?.offset, head?.crc], [storage.binlog.end.offset, storage.binlog.end.crc])
  assert.equal([head?.records, head?.replicationId, head?.past], [500, storage.identity.replicationId, []])
  assert.ok((head?.bytes ?? 0) > 500_000)
  assert.is(received.total, disk.records.count)
  assert.is(received.records.length, disk.records.count)
  assert.equal(
    received.sequences,
    received.sequences.map((_, i) => i),
  )
  assert.ok(received.sequences.length > 4)
  assert.equal(keysOf(received), [...keysOf(received)].sort())
  for (const [key, value] of received.records) assert.ok(disk.records.getSync(key)?.equals(value))
  assert.equal(received.errors, [])
  await bench.close()
})

test('a full sync pins the binlog from its snapshot until the session continues from there', async () => {
  const bench = await filled({ binlog: { fileSizeBytes: 1000 } })
  const connection = ask(bench)
  await checkpoint(bench)
  const [head] = parse(connection.take()).heads as [SnapshotHead]
  for (let i = 0; i < 10; i++) {
    bench.write('SET', 'key', 'x'.repeat(1000))
    await bench.engine.settle()
  }
  await bench.engine.checkpoint()
  bench.advance(59_000)
  bench.ack(connection, 0)
  bench.advance(59_000)
  await bench.engine.checkpoint()
  assert.is(bench.master.replicas.pinned, head.offset)
  assert.is(bench.trySync(connection, 1, head).type, 'continue')
  bench.master.binlogSync(connection, 1, head.offset)
  bench.runWhileAwake()
  assert.ok(connection.take().equals(bench.binlog(head.offset)))
  assert.is(bench.master.replicas.attached()[0]?.state, 'online')
  await bench.close()
})

test('replicas that ask together share a snapshot, and a later replica joins a recent one', async () => {
  const bench = await filled()
  const together = [1, 2, 3].map((number) => ask(bench, number))
  await checkpoint(bench)
  bench.write('SET', 'later', '1')
  const late = ask(bench, 4)
  await bench.engine.settle()
  const ids = [...together, late].map((connection) => parse(connection.take()).heads[0]?.id)
  assert.is(new Set(ids).size, 1)
  assert.is(bench.engine.storage.checkpointer.completed, 1)
  assert.is(bench.master.fullSyncs, 4)
  await bench.close()
})

test('a full sync sends nothing before the turn of DBSYNC ends, even if the snapshot exists', async () => {
  const bench = await filled({}, 10)
  ask(bench)
  await checkpoint(bench)
  const connection = bench.connect()
  const { session } = bench.metaSync(connection, { port: 7002, runId: id(2) })
  bench.master.dbSync(connection, { session, snapshot: null, after: null })
  await bench.engine.settle()
  assert.is(connection.sent.length, 0)
  bench.turn()
  await bench.engine.settle()
  assert.is(parse(connection.take()).total, bench.engine.disk.records.count)
  await bench.close()
})

test('a snapshot far behind the end of the binlog is not shared', async () => {
  const bench = await filled({}, 10)
  const first = ask(bench)
  await checkpoint(bench)
  for (let i = 0; i < 7; i++) bench.write('SET', 'key', 'x'.repeat(10 * MEBIBYTE))
  const second = ask(bench, 2)
  await checkpoint(bench)
  const [one, other] = [first, second].map((connection) => parse(connection.take()).heads[0] as SnapshotHead)
  assert.is.not(one?.id, other?.id)
  assert.ok((other as SnapshotHead).offset > (one as SnapshotHead).offset)
  await bench.close()
})

test('a cut transfer resumes behind the last received record on another connection', async () => {
  const bench = await filled({}, 3000)
  const cut = ask(bench)
  cut.isTaking = false
  await checkpoint(bench)
  await until(() => cut.unsentBytes > MEBIBYTE, 'the socket is full')
  await bench.engine.settle()
  const before = parse(cut.take())
  assert.is(before.total, null)
  bench.disconnect(cut)
  const head = before.heads[0] as SnapshotHead
  bench.write('SET', 'key1', 'changed meanwhile')
  const again = ask(bench, 1, head.id, keysOf(before).at(-1), 2)
  await bench.engine.settle()
  const after = parse(again.take())
  assert.equal(after.heads, [head])
  assert.is(after.total, after.records.length)
  assert.is(after.sequences[0], 0)
  const all = [...keysOf(before), ...keysOf(after)]
  assert.is(all.length, new Set(all).size)
  assert.equal(all, [...all].sort())
  const complete = ask(bench, 2)
  await bench.engine.settle()
  assert.equal(all, keysOf(parse(complete.take())))
  await bench.close()
})

test('a transfer whose snapshot is no longer held restarts with a new one', async () => {
  const bench = await filled({}, 50)
  const first = ask(bench)
  await checkpoint(bench)
  const before = parse(first.take())
  bench.disconnect(first)
  bench.advance(60_000)
  const again = ask(bench, 1, before.heads[0]?.id, keysOf(before).at(-1), 2)
  await checkpoint(bench)
  const after = parse(again.take())
  assert.is.not(after.heads[0]?.id, before.heads[0]?.id)
  assert.equal(keysOf(after), keysOf(before))
  await bench.close()
})

test('a snapshot is held and pins the binlog for a minute after its last use', async () => {
  const bench = await filled({}, 50)
  const { offset } = bench.engine.storage.binlog.end
  const connection = ask(bench)
  assert.is(bench.master.replicas.pinned, offset, 'also while the snapshot is being made')
  bench.disconnect(connection)
  await checkpoint(bench)
  bench.write('SET', 'key', '1')
  bench.advance(59_900)
  assert.is(bench.master.replicas.pinned, offset)
  bench.advance(100)
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('a snapshot pins nothing once its replicas continue from it, and is shared while its binlog is retained', async () => {
  const bench = await filled({ binlog: { fileSizeBytes: 1000 } }, 50)
  const connection = ask(bench)
  await checkpoint(bench)
  const [head] = parse(connection.take()).heads as [SnapshotHead]
  assert.is(bench.trySync(connection, 1, head).type, 'continue')
  bench.disconnect(connection)
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  const second = ask(bench, 2)
  await bench.engine.settle()
  assert.is(parse(second.take()).heads[0]?.id, head.id)
  bench.disconnect(second)
  assert.is(bench.master.replicas.pinned, head.offset, 'the second replica may return')
  bench.advance(60_000)
  const third = ask(bench, 3)
  await checkpoint(bench)
  const [other] = parse(third.take()).heads as [SnapshotHead]
  bench.trySync(third, 3, other)
  bench.disconnect(third)
  for (let i = 0; i < 5; i++) {
    bench.write('SET', 'key', 'x'.repeat(1000))
    await bench.engine.settle()
  }
  await bench.engine.checkpoint()
  assert.ok(bench.engine.storage.binlog.startOffset > other.offset)
  const fourth = ask(bench, 4)
  await checkpoint(bench)
  assert.is.not(parse(fourth.take()).heads[0]?.id, other.id)
  await bench.close()
})

test('a transfer pauses while the socket is full and resumes as it drains', async () => {
  const bench = await filled({}, 6000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  await until(() => connection.unsentBytes > MEBIBYTE, 'the socket is full')
  for (let i = 0; i < 50; i++) await nextTurn()
  const { unsentBytes } = connection
  assert.ok(unsentBytes < 3 * MEBIBYTE, String(unsentBytes))
  const [view] = bench.master.replicas.attached()
  assert.is(view?.state, 'send_bulk')
  assert.ok((view?.fullSync?.sentBytes ?? 0) > 900_000 && (view?.fullSync?.totalBytes ?? 0) > 5_000_000)
  const parts: Buffer[] = []
  for (let i = 0; i < 100; i++) {
    parts.push(connection.take())
    bench.master.drained(connection)
    await bench.engine.settle()
  }
  const received = parse(Buffer.concat(parts))
  assert.is(received.total, bench.engine.disk.records.count)
  await bench.close()
})

test('dbsync-rate-limit bounds all transfers together, and each gets its share', async () => {
  const rate = MEBIBYTE / 2
  const bench = await filled({ settings: { fullSyncBytesPerSecond: rate } }, 20_000, 100)
  const connections = [1, 2, 3].map((number) => ask(bench, number))
  await checkpoint(bench)
  const sentAfter: number[] = []
  for (let tick = 0; tick < 50; tick++) {
    bench.advance(100)
    await bench.engine.settle()
    sentAfter.push(connections.reduce((sum, { sent }) => sum + Buffer.concat(sent).length, 0))
  }
  const perSecond = ((sentAfter[49] as number) - (sentAfter[9] as number)) / 4
  assert.ok(perSecond > 0.85 * rate && perSecond < 1.15 * rate, String(perSecond))
  const sizes = connections.map(({ sent }) => Buffer.concat(sent).length)
  assert.ok(Math.max(...sizes) < 2 * Math.min(...sizes), String(sizes))
  bench.settings.fullSyncBytesPerSecond = 0
  bench.advance(100)
  await bench.engine.settle()
  for (const connection of connections) assert.is(parse(connection.take()).total, bench.engine.disk.records.count)
  await bench.close()
})

test('a replica waiting for a snapshot receives WAIT and is not disconnected as silent', async () => {
  const bench = await filled({ settings: { pingPeriodMs: 1000, timeoutMs: 3000 } }, 10)
  const connection = ask(bench)
  bench.advance(10_100)
  assert.is(connection.isClosed, false)
  await checkpoint(bench)
  const received = parse(connection.take())
  assert.is(received.waits, 10)
  assert.is(received.total, bench.engine.disk.records.count)
  await bench.close()
})

test.run()
