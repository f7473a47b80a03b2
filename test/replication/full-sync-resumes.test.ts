/** A full sync that goes on after the node that gives it has begun another history. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { SnapshotHead } from '../../replication/messages.ts'
import { until } from '../support/engine.ts'
import { ask, checkpoint, filled, keysOf, parse } from '../support/full-sync-bench.ts'

const MEBIBYTE = 2 ** 20

test('a master that begins another history ends the session and keeps the snapshot, under its new id', async () => {
  const bench = await filled({}, 3000)
  const cut = ask(bench)
  cut.isTaking = false
  await checkpoint(bench)
  await until(() => cut.unsentBytes > MEBIBYTE, 'the socket is full')
  await bench.engine.settle()
  const { storage } = bench.engine
  const left = storage.identity.replicationId
  storage.becomeReplica({ host: 'master', port: 1, failover: false })
  storage.promote()
  bench.master.dropSessions('this node has become a master', 'keep')
  const before = parse(cut.take())
  assert.equal(before.errors, ['-BADSESSION this node has become a master'])
  const head = before.heads[0] as SnapshotHead
  assert.is(bench.master.pinned, head.offset, 'the binlog behind it is kept')
  bench.lose(cut)
  const again = ask(bench, 1, head.id, keysOf(before).at(-1), 2)
  await bench.engine.settle()
  const after = parse(again.take())
  const { replicationId, past } = storage.identity
  assert.is.not(replicationId, left)
  assert.equal(after.heads, [{ ...head, replicationId, past }])
  assert.is(past[0]?.id, left)
  assert.is(after.total, bench.engine.disk.records.count - before.records.length)
  await bench.close()
})

test('a snapshot that is still being made when the role changes is there for the replica that comes back', async () => {
  const bench = await filled({}, 50)
  const first = ask(bench)
  bench.master.dropSessions('the chain of masters or the history has changed', 'keep')
  assert.equal(parse(first.take()).errors, ['-BADSESSION the chain of masters or the history has changed'])
  bench.lose(first)
  await checkpoint(bench)
  const next = ask(bench, 1, null, null, 2)
  await bench.engine.settle()
  assert.is(parse(next.take()).total, bench.engine.disk.records.count)
  assert.is(bench.engine.storage.checkpointer.completed, 1)
  await bench.close()
})

test.run()
