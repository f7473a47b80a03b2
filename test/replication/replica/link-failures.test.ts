/** Broken and malformed answers on the link: the reason, and the next attempt. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeChunk } from '../../../replication/protocol/chunks.ts'
import { metaReply } from '../../../replication/protocol/messages.ts'
import { Engine } from '../../support/harness/engine.ts'
import { groupOf, groupsOf } from '../../support/replication/groups.ts'
import { array, bulk, LinkBench, MASTER_ID, META } from '../../support/replication/link-bench.ts'

/** Returns a link that is in step, with one key. */
async function inStep(options: Parameters<typeof LinkBench.open>[0] = {}): Promise<LinkBench> {
  const bench = await LinkBench.open({ writes: 1, ...options })
  bench.follow()
  bench.toStream()
  return bench
}

test('an invalid reply ends the connection with the reason', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  bench.follow()
  bench.wire.events.onConnected()
  bench.receive('HTTP/1.1 400 Bad Request\r\n\r\n')
  assert.ok(bench.wire.isClosed)
  assert.is(bench.link.state, 'connect')
  assert.match(bench.link.view.reason ?? '', /the master sent an invalid reply: Protocol error, got "H" as reply type byte/)
})

test('a reply without an end closes the connection after a bounded size', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  bench.follow()
  bench.wire.events.onConnected()
  const { wire } = bench
  const piece = Buffer.alloc(1024 * 1024)
  wire.events.onData(Buffer.from('$900000000\r\n'))
  let pieces = 0
  while (!wire.isClosed && pieces < 600) {
    wire.events.onData(piece)
    pieces++
  }
  assert.ok(pieces > 512 && pieces < 520, `${pieces} MiB`)
  assert.match(bench.link.view.reason ?? '', /a reply of more than \d+ bytes/)
})

test('a reply after BINLOGSYNC is refused, not parsed as a group', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  bench.follow()
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  const { offset } = bench.engine.storage.binlog.end
  bench.receive(`${array(['CONTINUE', MASTER_ID, String(offset)])}+OK\r\n`)
  assert.is(bench.link.view.reason, 'the master sent a reply after BINLOGSYNC')
})

test('a refused BINLOGSYNC gives the reason and leads to another try', async () => {
  const bench = await inStep()
  bench.receive('-BADSESSION session 7 is over: the data was replaced\r\n')
  assert.is(bench.link.view.reason, 'the master ended the stream: BADSESSION session 7 is over: the data was replaced')
  bench.toStream()
  bench.wait(1000)
  assert.is(bench.link.view.reason, null)
  assert.ok(bench.link.isUp)
})

test('a dial that throws is handled like a failed connection', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  bench.dialError = new Error('no such protocol')
  bench.follow()
  assert.is(bench.link.state, 'connect')
  assert.is(bench.link.view.reason, 'dial: no such protocol')
  bench.dialError = null
  bench.toStream()
  assert.ok(bench.link.isUp)
})

test('three unchained groups in a row at one offset lead to a full sync', async () => {
  const bench = await inStep()
  const { storage } = bench.engine
  const { end } = storage.binlog
  const wrong = groupOf({ offset: end.offset, crc: end.crc ^ 1 }, [['SET', 'a', '1']])
  const reason = `the master sent a group that does not continue the previous one at offset ${end.offset}`
  for (let time = 1; time <= 3; time++) {
    bench.receive(wrong.bytes)
    assert.is(bench.link.state, 'connect')
    assert.is(bench.link.view.reason, reason)
    assert.equal(storage.binlog.end, end)
    if (time < 3) bench.toStream()
  }
  assert.match(storage.identity.fullSync ?? '', /3 times in a row a group that does not continue/)
  bench.wait(5000)
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  assert.is(bench.takeSent().at(-1), 'DBSYNC 7 ? -')
  assert.equal(bench.warnings(), [reason], 'one line for all failures')
  const again = await Engine.open(bench.engine.disk.kill(() => 0))
  assert.match(again.storage.identity.fullSync ?? '', /3 times/)
})

test('a full sync is requested even if its reason cannot be stored', async () => {
  const bench = await inStep()
  const { storage } = bench.engine
  const { end } = storage.binlog
  const wrong = groupOf({ offset: end.offset, crc: end.crc ^ 1 }, [['SET', 'a', '1']])
  bench.receive(wrong.bytes)
  bench.toStream()
  bench.receive(wrong.bytes)
  bench.toStream()
  const lift = bench.engine.disk.files.fail({ operation: 'open', path: /identity/, code: 'EIO', times: Number.POSITIVE_INFINITY })
  bench.receive(wrong.bytes)
  lift()
  assert.ok(bench.wire.isClosed)
  assert.is(storage.identity.fullSync, null)
  bench.wait(5000)
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  assert.is(bench.takeSent().at(-1), 'DBSYNC 7 ? -')
})

test('an unknown command applies nothing, and the link retries', async () => {
  const bench = await inStep()
  const { storage } = bench.engine
  const { end } = storage.binlog
  const groups = groupsOf(end, [[['SET', 'a', '1']], [['FROBNICATE', 'a']]])
  bench.receive(Buffer.concat(groups.map((group) => group.bytes)))
  assert.equal(storage.binlog.end, end)
  assert.match(bench.link.view.reason ?? '', /FROBNICATE/)
  bench.toStream()
  assert.ok(bench.link.isUp)
  assert.is(storage.identity.fullSync, null)
})

test('a full disk changes nothing and logs one line, and the link continues once there is room', async () => {
  const bench = await inStep()
  const { storage, disk } = bench.engine
  const { end } = storage.binlog
  const group = groupOf(end, [['SET', 'a', 'x'.repeat(100_000)]])
  disk.files.capacityBytes = disk.files.usedBytes + 10_000
  for (let time = 0; time < 5; time++) {
    bench.receive(group.bytes)
    assert.is(bench.link.state, 'connect')
    assert.equal(storage.binlog.end, end)
    bench.toStream()
  }
  assert.is(bench.warnings().filter((reason) => reason?.startsWith('the binlog cannot be written')).length, 1)
  disk.files.capacityBytes = 2 ** 40
  bench.receive(group.bytes)
  assert.ok(bench.link.isUp)
  assert.equal(storage.binlog.end, group.end)
})

test('the link does not stream under a history that cannot be stored', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  bench.follow()
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  bench.takeSent()
  const { offset } = bench.engine.storage.binlog.end
  const lift = bench.engine.disk.files.fail({ operation: 'open', path: /identity/, code: 'ENOSPC', times: Number.POSITIVE_INFINITY })
  bench.receive(array(['CONTINUE', MASTER_ID, String(offset)]))
  lift()
  assert.equal(bench.takeSent(), [])
  assert.is(bench.link.state, 'connect')
  assert.match(bench.link.view.reason ?? '', /^adopt history: ENOSPC/)
  assert.not.equal(bench.states.at(-1), 'binlog_sync')
  bench.toStream()
  assert.ok(bench.link.isUp)
  assert.is(bench.engine.storage.identity.replicationId, MASTER_ID)
})

test('a failing command takes its batch back, reads continue, and the next sync is a full one', async () => {
  const bench = await inStep()
  const { storage } = bench.engine
  const { end } = storage.binlog
  bench.receive(
    groupOf(end, [
      ['SET', 's', 'text'],
      ['INCR', 's'],
    ]).bytes,
  )
  assert.is(bench.link.state, 'connect')
  assert.equal(storage.binlog.end, end)
  assert.is(bench.engine.run('GET', 'own0'), '0')
  bench.wait(5000)
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  assert.is(bench.takeSent().at(-1), 'DBSYNC 7 ? -')
})

test('a cut full sync resumes behind the last written chunk, also after a damaged chunk', async () => {
  const bench = await LinkBench.open()
  bench.follow()
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  const head = array(['SNAPSHOT', 'a1', '500', '00000001', '10', '100', MASTER_ID])
  bench.receive(head)
  bench.receive(bulk(encodeChunk(0, [[Buffer.from('k1'), Buffer.from('v')]])))
  await bench.untilWritten(1)
  bench.wire.events.onClosed('cut')
  const asked = () => {
    bench.wait(5000)
    bench.wire.events.onConnected()
    bench.receive(array(metaReply(META)))
    return bench.takeSent().at(-1)
  }
  assert.is(asked(), 'DBSYNC 7 a1 6b31')
  bench.receive(head)
  bench.receive(bulk(encodeChunk(0, [[Buffer.from('k2'), Buffer.from('v')]])))
  await bench.untilWritten(2)
  const damaged = encodeChunk(1, [[Buffer.from('k3'), Buffer.from('v')]])
  damaged[20]! ^= 1
  bench.receive(bulk(damaged))
  assert.match(bench.link.view.reason ?? '', /^chunk: malformed chunk of a full sync: wrong CRC/)
  assert.is(asked(), 'DBSYNC 7 a1 6b32')
  bench.receive('-ERR the snapshot could not be read: IO error\r\n')
  assert.is(bench.link.view.reason, 'DBSYNC: ERR the snapshot could not be read: IO error')
  bench.receive(head)
  assert.is(asked(), 'DBSYNC 7 a1 6b32')
})

test('a full sync whose write fails while disconnected does not end the next one', async () => {
  const bench = await LinkBench.open()
  bench.follow()
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  bench.receive(array(['SNAPSHOT', 'a1', '500', '00000001', '10', '100', MASTER_ID]))
  bench.engine.disk.files.fail({ operation: 'makeDirectory', code: 'ENOSPC' })
  bench.receive(bulk(encodeChunk(0, [[Buffer.from('k1'), Buffer.from('v')]])))
  bench.wire.events.onClosed('cut')
  bench.wait(5000)
  bench.wire.events.onConnected()
  await bench.runTurns()
  assert.is(bench.link.state, 'meta_sync')
  bench.receive(array(metaReply(META)))
  assert.is(bench.takeSent().at(-1), 'DBSYNC 7 ? -')
})

test('a completed FAILOVER is cleared from the identity', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  bench.follow(true)
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  assert.match(bench.takeSent().join(), /METASYNC .* FAILOVER,TRYSYNC .* FAILOVER/)
  assert.ok(bench.engine.storage.identity.master?.failover)
  bench.receive(array(['CONTINUE', MASTER_ID, String(bench.engine.storage.binlog.end.offset)]))
  assert.equal(bench.engine.storage.identity.master, { host: 'upstream', port: 6380, failover: false })
})

test('a completed FAILOVER that could not be stored is stored with the next link, and not requested again', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  const { storage, disk } = bench.engine
  bench.follow(true)
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  disk.files.fail({ operation: 'rename', code: 'EIO' })
  const goesOn = array(['CONTINUE', MASTER_ID, String(storage.binlog.end.offset)])
  bench.receive(goesOn)
  assert.match(bench.warnings().join(), /failover done: .*EIO/)
  assert.ok(storage.identity.master?.failover)
  bench.wait(5000)
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  assert.not.match(bench.takeSent().join(), /FAILOVER/)
  bench.receive(goesOn)
  bench.receive('\n')
  assert.ok(bench.link.isUp)
  assert.is(storage.identity.master?.failover, false)
})

test.run()
