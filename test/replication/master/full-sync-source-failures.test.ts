/** A full sync that the master gives, when replicas vanish or stall or LevelDB reopens. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { SnapshotHead } from '../../../replication/protocol/messages.ts'
import { ask, checkpoint, filled, parse } from '../../support/replication/full-sync-bench.ts'
import { refusal } from '../../support/replication/master-bench.ts'

const MEBIBYTE = 2 ** 20

test('a replica that reads nothing for repl-timeout is disconnected, and its transfer ends', async () => {
  const bench = await filled({ settings: { timeoutMs: 3000 } }, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  bench.advance(2900)
  assert.is(connection.isClosed, false)
  bench.advance(300)
  assert.is(connection.isClosed, true)
  bench.advance(60_000)
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('a snapshot whose replica vanished while it was made serves the next replica', async () => {
  const bench = await filled({}, 50)
  bench.disconnect(ask(bench))
  await checkpoint(bench)
  const next = ask(bench, 1, null, null, 2)
  await bench.engine.settle()
  assert.is(parse(next.take()).total, bench.engine.disk.records.count)
  assert.is(bench.engine.storage.checkpointer.completed, 1)
  await bench.close()
})

test('a replica that reconnects gets its transfer on the new connection only', async () => {
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

test('when LevelDB is reopened under a snapshot, the replica gets an error and its next try a new snapshot', async () => {
  const bench = await filled({}, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  const first = parse(connection.take()).heads[0] as SnapshotHead
  await bench.engine.disk.records.reopen()
  bench.master.drained(connection)
  await bench.engine.settle()
  assert.match(parse(connection.take()).errors.join(), /^-ERR the snapshot could not be read/)
  assert.is(bench.master.replicas.attached()[0]?.state, 'handshake')
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
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

test('a replica receives the reason why no snapshot could be made', async () => {
  const bench = await filled({}, 50)
  const connection = ask(bench)
  bench.engine.disk.records.failWrites()
  await bench.engine.checkpoint().catch(() => {})
  await bench.engine.settle()
  assert.match(parse(connection.take()).errors.join(), /^-ERR no snapshot of the data could be made: .*No space left/)
  assert.is(bench.textsAt('warn').length, 1)
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('dropping sessions with their data makes every snapshot void', async () => {
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
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  await bench.engine.settle()
  assert.match(
    refusal(() => bench.master.dbSync(connection, { session: 1, snapshot: null, after: null })),
    /^BADSESSION/,
  )
  await bench.close()
})

test('a connection carries one transfer and refuses every other request during it', async () => {
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

test('a full sync pins its binlog past replica-lag-limit, but not on a full disk', async () => {
  const bench = await filled({ settings: { lagLimitBytes: MEBIBYTE } }, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  const { offset } = parse(connection.take()).heads[0] as SnapshotHead
  bench.write('SET', 'key', 'x'.repeat(2 * MEBIBYTE))
  bench.advance(1000)
  assert.is(bench.master.replicas.pinned, offset)
  Object.defineProperty(bench.engine.storage, 'isDiskLow', { get: () => true })
  bench.advance(100)
  assert.match(parse(connection.take()).errors.join(), /^-ERR the disk is full/)
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('an unused snapshot is dropped while the disk is full', async () => {
  const bench = await filled({}, 10)
  bench.disconnect(ask(bench))
  await checkpoint(bench)
  bench.advance(1000)
  assert.ok(bench.master.replicas.pinned < Number.POSITIVE_INFINITY)
  Object.defineProperty(bench.engine.storage, 'isDiskLow', { get: () => true })
  bench.advance(100)
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('closing ends running reads and waits for them, but not for snapshots still to be made', async () => {
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
