/** Items that arrive behind a batch wait until the batch is applied. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nextTurn, until } from '../../support/harness/engine.ts'
import { groupsOf } from '../../support/replication/groups.ts'
import { LinkBench } from '../../support/replication/link-bench.ts'

test('items behind a batch wait for it, even if the batch begins a new segment and moves the synced offset', async () => {
  const bench = await LinkBench.open({ writes: 1, binlog: { fileSizeBytes: 2000 } })
  const { engine, link } = bench
  const { binlog } = engine.storage
  bench.follow()
  bench.toStream()
  const groups = groupsOf(binlog.end, [
    [['SET', 'filler', 'x'.repeat(4000)]],
    [['SET', 'unsynced', '1']],
    [['SET', 'a', '1']],
    [['APPEND', 'a', '2']],
  ]).map(({ bytes }) => bytes)
  bench.receive(groups[0] as Buffer) // the segment is full: it is synced
  bench.receive(groups[1] as Buffer) // while that is under way
  await until(() => binlog.synced > 0, 'synced')
  await nextTurn()
  assert.ok(binlog.synced < binlog.end.offset)
  bench.takeSent()
  let acknowledged = ''
  const { send } = bench.wire
  bench.wire.send = function (data) {
    acknowledged = String(engine.run('GET', 'a'))
    send.call(this, data)
  }
  bench.receive(Buffer.concat([groups[2] as Buffer, Buffer.from('?'), groups[3] as Buffer]))
  assert.is(binlog.segments.length, 2)
  assert.is(engine.run('GET', 'a'), '12')
  link.flush()
  assert.is(acknowledged, '12', 'only applied groups are acknowledged')
})

test.run()
