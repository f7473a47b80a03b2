/**
 * A full sync resumes after its source has begun another history, and after its target has
 * restarted.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type SnapshotHead, snapshotHeadWords } from '../../../replication/protocol/messages.ts'
import { FullSyncTarget } from '../../../replication/replica/full-sync-target.ts'
import { DIRECTORY, Disk, Engine, until } from '../../support/harness/engine.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'
import { ask, checkpoint, filled, keysOf, parse } from '../../support/replication/full-sync-bench.ts'

const MEBIBYTE = 2 ** 20

test('a master that begins another history ends the session and keeps the snapshot under its new id', async () => {
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
  assert.is(bench.master.replicas.pinned, head.offset, 'the binlog behind it is kept')
  bench.disconnect(cut)
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

test('a snapshot that is still being made when the role changes serves the replica that returns', async () => {
  const bench = await filled({}, 50)
  const first = ask(bench)
  bench.master.dropSessions('the chain of masters or the history has changed', 'keep')
  assert.equal(parse(first.take()).errors, ['-BADSESSION the chain of masters or the history has changed'])
  bench.disconnect(first)
  await checkpoint(bench)
  const next = ask(bench, 1, null, null, 2)
  await bench.engine.settle()
  assert.is(parse(next.take()).total, bench.engine.disk.records.count)
  assert.is(bench.engine.storage.checkpointer.completed, 1)
  await bench.close()
})

test('a replica that asks again for a snapshot gets its current size estimate', async () => {
  const bench = await filled({}, 50)
  const { records } = bench.engine.disk
  const { approximateSize } = records
  records.approximateSize = async () => 0
  const first = ask(bench)
  await checkpoint(bench)
  await bench.engine.settle()
  const [head] = parse(first.take()).heads
  assert.is(head?.bytes, 0)
  records.approximateSize = approximateSize
  bench.disconnect(first)
  const second = ask(bench, 1, head?.id, null, 2)
  await bench.engine.settle()
  bench.disconnect(second)
  const third = ask(bench, 1, head?.id, null, 3)
  await bench.engine.settle()
  assert.ok((parse(third.take()).heads[0]?.bytes ?? 0) > 50_000)
  await bench.close()
})

/** Returns a replica whose last process ended while it filled a generation from some source. */
async function unfinished(source: readonly string[]): Promise<Engine> {
  const engine = await Engine.open(new Disk())
  engine.storage.becomeReplica({ host: 'master', port: 1, failover: false })
  const next = await engine.storage.beginDataSet(source)
  await next.put([[Buffer.from('k1'), Buffer.from('v1')]])
  await engine.storage.close('save')
  return await Engine.open(engine.disk)
}

const targetOf = ({ storage }: Engine) => {
  const nothing = () => {}
  return new FullSyncTarget({
    storage,
    clock: new ManualClock(),
    onCopied: nothing,
    onInstalled: nothing,
    onFailed: nothing,
    onRoom: nothing,
  })
}

test('after a restart the replica asks for the records behind the last recorded one', async () => {
  const head = { id: 'a1', offset: 7, crc: 8, records: 9, bytes: 10, replicationId: 'e'.repeat(40), past: [] }
  const engine = await unfinished(snapshotHeadWords(head))
  const target = targetOf(engine)
  assert.is(target.resume, null)
  assert.is(target.adopt(), true)
  assert.equal(target.resume, { snapshot: 'a1', after: Buffer.from('k1').toString('hex') })
  assert.is(target.progress?.bytes, 4)
  assert.is(target.progress?.records, 1)
  target.abandon()
  await engine.storage.close('save')
  assert.not(engine.disk.files.existsSync(`${DIRECTORY}/generation-000002`))
})

test('an unfinished full sync of another version is removed', async () => {
  const engine = await unfinished(['SNAPSHOT', 'of another form'])
  const target = targetOf(engine)
  assert.is(target.adopt(), false)
  assert.is(target.resume, null)
  await until(() => !engine.disk.files.existsSync(`${DIRECTORY}/generation-000002`), 'the unfinished data to be removed')
  await engine.storage.close('save')
})

test.run()
