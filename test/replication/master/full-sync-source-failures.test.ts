/** A full sync that the master gives, when replicas vanish or stall or LevelDB reopens. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { SnapshotHead } from '../../../replication/protocol/messages.ts'
import { ask, checkpoint, filled, parse } from '../../support/replication/full-sync-bench.ts'
import { refusal } from '../../support/replication/master-bench.ts'

const MEBIBYTE = 2 ** 20

test('a replica that takes nothing for repl-timeout is closed, and its transfer ends', async () => {
  const bench = await filled({ settings: { timeoutMs: 3000 } }, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  bench.pass(2900)
  assert.is(connection.isClosed, false)
  bench.pass(300)
  assert.is(connection.isClosed, true)
  bench.pass(60_000)
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('a replica that vanishes while the snapshot is made leaves it to the next one', async () => {
  const bench = await filled({}, 50)
  bench.lose(ask(bench))
  await checkpoint(bench)
  const next = ask(bench, 1, null, null, 2)
  await bench.engine.settle()
  assert.is(parse(next.take()).total, bench.engine.disk.records.count)
  assert.is(bench.engine.storage.checkpointer.completed, 1)
  await bench.close()
})

test('a replica that comes on another connection gets its transfer there, and none on the old one', async () => {
  const bench = await filled({}, 3000)
  const old = ask(bench)
  old.isTaking = false
  await checkpoint(bench)
  const fresh = ask(bench, 1, null, null, 2)
  await bench.engine.settle()
  const { length } = old.sent
  old.unsentBytes = 0
  bench.master.drained(old)
  await bench.engine.settle()
  assert.is(old.sent.length, length)
  assert.is(parse(fresh.take()).total, bench.engine.disk.records.count)
  await bench.close()
})

test('where LevelDB was opened anew under a snapshot, the replica is told and the next try gets another one', async () => {
  const bench = await filled({}, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  const first = parse(connection.take()).heads[0] as SnapshotHead
  await bench.engine.disk.records.reopen()
  bench.master.drained(connection)
  await bench.engine.settle()
  assert.match(parse(connection.take()).errors.join(), /^-ERR the snapshot could not be read/)
  assert.is(bench.master.attached()[0]?.state, 'handshake')
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  connection.isTaking = true
  bench.write('SET', 'key', '1')
  bench.master.dbSync(connection, { session: 1, snapshot: first.id, after: '00' })
  bench.turn()
  await checkpoint(bench)
  const received = parse(connection.take())
  assert.is.not(received.heads[0]?.id, first.id)
  assert.is(received.total, bench.engine.disk.records.count)
  await bench.close()
})

test('where no snapshot can be made the replica is told why', async () => {
  const bench = await filled({}, 50)
  const connection = ask(bench)
  bench.engine.disk.records.failWrites()
  await bench.engine.checkpoint().catch(() => {})
  await bench.engine.settle()
  assert.match(parse(connection.take()).errors.join(), /^-ERR no snapshot of the data could be made: .*No space left/)
  assert.is(bench.levels('warn').length, 1)
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('when the data is replaced all snapshots are void: who was being sent one has to begin anew', async () => {
  const bench = await filled({}, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  const waiting = ask(bench, 2)
  connection.take()
  bench.master.dropSessions('a full sync has replaced the data', 'discard')
  for (const each of [connection, waiting]) {
    assert.equal(parse(each.take()).errors.slice(-1), ['-BADSESSION a full sync has replaced the data'])
  }
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  await bench.engine.settle()
  assert.match(
    refusal(() => bench.master.dbSync(connection, { session: 1, snapshot: null, after: null })),
    /^BADSESSION/,
  )
  await bench.close()
})

test('a connection carries one transfer at a time and nothing else meanwhile', async () => {
  const bench = await filled({}, 50)
  const connection = ask(bench)
  for (const busy of [
    () => bench.master.dbSync(connection, { session: 1, snapshot: null, after: null }),
    () => bench.trySync(connection, 1, bench.engine.storage.binlog.end),
    () => bench.metaSync(connection, { attempt: 2 }),
  ]) {
    assert.is(refusal(busy), 'ERR this connection carries a full sync')
  }
  await checkpoint(bench)
  assert.is(bench.trySync(connection, 1, bench.engine.storage.binlog.end).type, 'continue')
  await bench.close()
})

test('a full sync keeps its binlog past replica-lag-limit, but not from a disk that is full', async () => {
  const bench = await filled({ settings: { lagLimitBytes: MEBIBYTE } }, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  const { offset } = parse(connection.take()).heads[0] as SnapshotHead
  bench.write('SET', 'key', 'x'.repeat(2 * MEBIBYTE))
  bench.pass(1000)
  assert.is(bench.master.pinned, offset)
  Object.defineProperty(bench.engine.storage, 'isDiskLow', { get: () => true })
  bench.pass(100)
  assert.match(parse(connection.take()).errors.join(), /^-ERR the disk is full/)
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('a snapshot that nobody uses is not held while the disk is full', async () => {
  const bench = await filled({}, 10)
  bench.lose(ask(bench))
  await checkpoint(bench)
  bench.pass(1000)
  assert.ok(bench.master.pinned < Number.POSITIVE_INFINITY)
  Object.defineProperty(bench.engine.storage, 'isDiskLow', { get: () => true })
  bench.pass(100)
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('closing ends what is being read and waits for it, not for a snapshot that is still to be made', async () => {
  const bench = await filled({}, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  bench.write('SET', 'key', 'x'.repeat(65 * MEBIBYTE))
  ask(bench, 2)
  await bench.master.close()
  await bench.master.close()
  connection.isTaking = true
  const { length } = connection.sent
  connection.unsentBytes = 0
  bench.master.drained(connection)
  bench.master.closed(connection)
  await bench.engine.settle()
  assert.is(connection.sent.length, length)
  await bench.engine.storage.close('nosave')
})

test.run()
