/** The link from the dial to applied groups, cut at any byte. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeChunk, encodeEndChunk } from '../../../replication/protocol/chunks.ts'
import { crcText, metaReply } from '../../../replication/protocol/messages.ts'
import { BINLOG_DIRECTORY, Disk, Engine, nextTurn, until } from '../../support/harness/engine.ts'
import { groupOf, groupsOf } from '../../support/replication/groups.ts'
import { array, bulk, LinkBench, MASTER_ID, MASTER_RUN, META, OWN_RUN } from '../../support/replication/link-bench.ts'

const SIZES = [Number.POSITIVE_INFINITY, 1, 7]

function binlogOf(engine: Engine): Buffer {
  const { files } = engine.disk
  const file = files.openSync(`${BINLOG_DIRECTORY}/${files.listSync(BINLOG_DIRECTORY)[0]}`, 'read')
  const bytes = file.readSync(0, file.sizeSync())
  file.closeSync()
  return bytes
}

/** Returns the data of a master with ten keys, as it would send it. */
async function masterData() {
  const master = await Engine.open(new Disk())
  for (let i = 0; i < 10; i++) master.write('SET', `k${i}`, '\xff\x00'.repeat(i))
  const coming = master.storage.snapshot()
  await master.checkpoint()
  const snapshot = await coming
  return { records: await snapshot.read(null).next(1000), ...snapshot.position }
}

test('a link goes from dial to applied groups, with replies and stream in pieces of any size', async () => {
  for (const size of SIZES) {
    const bench = await LinkBench.open({ writes: 3 })
    const { link, engine } = bench
    const { end, replicationId } = { end: engine.storage.binlog.end, replicationId: engine.storage.identity.replicationId }
    bench.settings.masterPassword = 'secret'
    bench.follow()
    assert.is(link.state, 'connecting')
    assert.equal([bench.wire.host, bench.wire.port], ['upstream', 6380])
    bench.wire.events.onConnected()
    assert.equal(bench.takeSent(), ['AUTH secret'])
    bench.receive('+OK\r\n', size)
    assert.equal(bench.takeSent(), [`METASYNC  6379 ${OWN_RUN} 1 1`])
    bench.receive(array(metaReply(META)), size)
    assert.equal(bench.takeSent(), [`TRYSYNC 7 ${replicationId} ${end.offset} ${crcText(end.crc)}`])
    bench.receive(array(['CONTINUE', MASTER_ID, String(end.offset), replicationId, String(end.offset)]), size)
    assert.equal(bench.takeSent(), [`BINLOGSYNC 7 ${end.offset}`])
    assert.equal([link.isUp, link.view.state], [false, 'try_sync'], 'the stream may still be refused')
    bench.receive('\n', size)
    assert.equal([link.isUp, link.view.state], [true, 'binlog_sync'])
    assert.equal(link.chain, [MASTER_RUN])
    assert.is(engine.storage.identity.replicationId, MASTER_ID)
    assert.equal(engine.storage.identity.past, [{ id: replicationId, until: end.offset }])
    const before = binlogOf(engine)
    const groups = groupsOf(end, [[['SET', 'a', '1']], [['APPEND', 'a', '\xff\x00\xfe']]])
    const bytes = Buffer.concat(groups.map((group) => group.bytes))
    bench.receive(Buffer.concat([Buffer.from('\n'), bytes, Buffer.from('\n')]), size)
    assert.is(engine.run('GET', 'a'), '1\xff\x00\xfe')
    assert.ok(binlogOf(engine).equals(Buffer.concat([before, bytes])))
    assert.is(link.view.read, groups.at(-1)?.end.offset)
    assert.equal(bench.warnings(), [])
  }
})

test('a full sync serves the old data until it is installed, and the link continues from there', async () => {
  const { records, offset, crc } = await masterData()
  for (const size of SIZES) {
    const bench = await LinkBench.open({ writes: 1 })
    const { link, engine } = bench
    bench.follow()
    bench.wire.events.onConnected()
    bench.receive(array(metaReply(META)))
    bench.takeSent()
    bench.receive(array(['FULLSYNC', 'unknown', 'none of its histories is known here']), size)
    assert.equal(bench.takeSent(), ['DBSYNC 7 ? -'])
    const head = ['SNAPSHOT', 'a1', String(offset), crcText(crc), '10', '100', MASTER_ID]
    bench.receive(`+WAIT\r\n${array(head)}+WAIT\r\n`, size)
    bench.receive(bulk(encodeChunk(0, records.slice(0, 4))), size)
    bench.wait(1000)
    assert.equal(
      bench.takeSent(),
      [`REPLCONF ACK ${engine.storage.binlog.end.offset} FACK ${engine.storage.binlog.synced} ASKED 0`],
      'a sign of life',
    )
    assert.is(engine.run('GET', 'own0'), '0')
    assert.is(link.view.state, 'db_sync')
    bench.receive(
      Buffer.concat([bulk(encodeChunk(1, records.slice(4))), Buffer.from('+WAIT\r\n'), bulk(encodeEndChunk(2, records.length))]),
      size,
    )
    await until(() => link.state === 'try_sync', 'the installation')
    assert.equal(bench.takeSent(), [`TRYSYNC 7 ${MASTER_ID} ${offset} ${crcText(crc)}`])
    assert.is(engine.run('GET', 'own0'), null)
    for (let i = 0; i < 10; i++) assert.is(engine.run('GET', `k${i}`), '\xff\x00'.repeat(i))
    bench.receive(array(['CONTINUE', MASTER_ID, String(offset)]), size)
    assert.equal(bench.takeSent(), [`BINLOGSYNC 7 ${offset}`])
    bench.receive(groupOf({ offset, crc }, [['SET', 'k0', 'new']]).bytes, size)
    assert.is(engine.run('GET', 'k0'), 'new')
    const { fullSyncs, partialSyncs, fullSync, isUp } = link.view
    assert.equal({ fullSyncs, partialSyncs, fullSync, isUp }, { fullSyncs: 1, partialSyncs: 0, fullSync: null, isUp: true })
    assert.equal(bench.states, ['connecting', 'meta_sync', 'try_sync', 'db_sync', 'installing', 'try_sync', 'binlog_sync', 'binlog_sync'])
  }
})

test('a connection cut at any byte is made again and ends with the same data', async () => {
  const first = await LinkBench.open({ writes: 1 })
  const { end } = first.engine.storage.binlog
  const groups = groupsOf(end, [[['INCR', 'n']], [['INCR', 'n']]])
  const stream = Buffer.concat(groups.map((group) => group.bytes))
  const replies = [array(metaReply(META)), array(['CONTINUE', MASTER_ID, String(end.offset)])]
  const all = Buffer.concat([...replies.map((reply) => Buffer.from(reply)), stream])
  for (let cut = 0; cut <= all.length; cut += 11) {
    const bench = await LinkBench.open({ writes: 1 })
    bench.follow()
    bench.wire.events.onConnected()
    bench.receive(all.subarray(0, cut), 13)
    bench.wire.events.onClosed('cut')
    bench.toStream()
    const { offset } = bench.engine.storage.binlog.end
    bench.receive(stream.subarray(offset - end.offset))
    assert.is(bench.engine.run('GET', 'n'), '2')
    assert.equal(bench.engine.storage.binlog.end, groups[1]?.end)
  }
})

test('events of a replaced connection are ignored', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  bench.follow()
  const old = bench.wire
  old.events.onConnected()
  bench.link.reconnect('killed by CLIENT KILL')
  assert.ok(old.isClosed)
  assert.is(bench.wires.length, 2)
  old.events.onConnected()
  old.events.onData(Buffer.from(array(metaReply(META))))
  old.events.onClosed('late')
  assert.is(bench.link.state, 'connecting')
  assert.is(bench.link.view.reason, null)
  bench.toStream()
  const { end } = bench.engine.storage.binlog
  old.events.onData(groupOf(end, [['SET', 'a', '1']]).bytes)
  assert.equal(bench.engine.storage.binlog.end, end)
  bench.link.leave()
  bench.wire.events.onData(groupOf(end, [['SET', 'a', '1']]).bytes)
  assert.equal(bench.engine.storage.binlog.end, end)
})

test('ACKs are sent at once on request and on progress of the disk, ten a second while offsets move, else once a second', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  const { link, engine } = bench
  const { binlog } = engine.storage
  bench.follow()
  bench.toStream()
  let asked = 0
  const ack = () => `REPLCONF ACK ${binlog.end.offset} FACK ${binlog.synced} ASKED ${asked}`
  link.flush()
  assert.equal(bench.takeSent(), [ack()], 'the first')
  link.flush()
  assert.equal(bench.takeSent(), [])
  bench.clock.advance(50)
  bench.receive(groupOf(binlog.end, [['INCR', 'n']]).bytes)
  link.flush()
  assert.equal(bench.takeSent(), [], 'too soon')
  bench.clock.advance(50)
  link.flush()
  assert.equal(bench.takeSent(), [ack()])
  const wakesBefore = bench.wakes
  bench.receive('?')
  asked++
  assert.ok(bench.wakes > wakesBefore, 'a turn is requested')
  link.flush()
  assert.equal(bench.takeSent(), [ack()])
  await until(() => binlog.synced === binlog.end.offset, 'its sync')
  assert.equal(bench.takeSent(), [ack()])
  bench.clock.advance(999)
  link.tick()
  assert.equal(bench.takeSent(), [])
  bench.clock.advance(1)
  link.tick()
  assert.equal(bench.takeSent(), [ack()])
  bench.receive(groupOf(binlog.end, [['INCR', 'n']]).bytes)
  bench.takeSent()
  binlog.sync()
  await until(() => binlog.synced === binlog.end.offset, 'synced')
  assert.equal(bench.takeSent(), [ack()])
})

test('bytes buffered while this process was stopped do not count as recent news of the master', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  const { link, clock } = bench
  bench.follow()
  bench.toStream()
  link.tick()
  clock.advance(100)
  link.tick()
  const before = clock.monotonicMs()
  clock.advance(30_000)
  bench.receive('\n')
  assert.is(link.view.lastIoMs, before)
  link.tick()
  bench.receive('\n')
  assert.is(link.view.lastIoMs, before)
  for (let i = 0; i < 10; i++) {
    clock.advance(100)
    link.tick()
  }
  bench.receive('\n')
  assert.is(link.view.lastIoMs, clock.monotonicMs())
})

test('with appendfsync always each batch is synced at once', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  const { binlog } = bench.engine.storage
  bench.mustSyncAlways = true
  bench.follow()
  bench.toStream()
  bench.receive(groupOf(binlog.end, [['INCR', 'n']]).bytes)
  await until(() => binlog.synced === binlog.end.offset, 'synced')
  assert.is(bench.takeSent().at(-1), `REPLCONF ACK ${binlog.end.offset} FACK ${binlog.end.offset} ASKED 0`)
})

test('while too much is dirty nothing is applied, reading pauses, and received groups are kept', async () => {
  const bench = await LinkBench.open({ writes: 1, checkpoint: { dirtyLimitBytes: 4000 } })
  const { engine, link } = bench
  bench.follow()
  bench.toStream()
  const groups = groupsOf(engine.storage.binlog.end, [[['SET', 'a', 'x'.repeat(8000)]], [['SET', 'b', '1']], [['SET', 'c', '1']]])
  bench.receive(groups[0]?.bytes as Buffer)
  assert.ok(engine.storage.isOverloaded)
  assert.ok(bench.wire.isPaused)
  bench.receive(groups[1]?.bytes as Buffer)
  bench.receive(groups[2]?.bytes as Buffer)
  assert.is(engine.run('GET', 'b'), null)
  assert.is(link.view.read, groups[2]?.end.offset)
  bench.wait(120_000)
  assert.ok(link.isUp, 'a paused connection does not count as silent')
  await engine.checkpoint()
  link.flush()
  assert.not.ok(bench.wire.isPaused)
  assert.is(engine.run('GET', 'c'), '1')
})

test('nothing is applied while the link is suspended', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  const { engine, link } = bench
  bench.follow()
  bench.toStream()
  link.suspend()
  assert.ok(bench.wire.isPaused)
  const group = groupOf(engine.storage.binlog.end, [['SET', 'b', '1']])
  bench.receive(group.bytes)
  bench.wait(500)
  assert.is(engine.run('GET', 'b'), null)
  link.resume()
  assert.not.ok(bench.wire.isPaused)
  assert.is(engine.run('GET', 'b'), '1')
  assert.equal(engine.storage.binlog.end, group.end)
})

test('no full sync is installed while the link is suspended', async () => {
  const { records, offset, crc } = await masterData()
  const bench = await LinkBench.open()
  const { link, engine } = bench
  bench.follow()
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  bench.receive(array(['SNAPSHOT', 'a1', String(offset), crcText(crc), '10', '100', MASTER_ID]))
  link.suspend()
  bench.receive(Buffer.concat([bulk(encodeChunk(0, records)), bulk(encodeEndChunk(1, records.length))]))
  await bench.untilWritten(records.length)
  await bench.runTurns()
  assert.is(link.state, 'db_sync')
  link.resume()
  await until(() => link.state === 'try_sync', 'the installation')
  assert.equal(engine.storage.binlog.end, { offset, crc })
})

test('a full sync that waits for the disk pauses reading', async () => {
  const bench = await LinkBench.open()
  bench.follow()
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  assert.equal(bench.takeSent().at(-1), 'DBSYNC 7 ? -')
  bench.receive(array(['SNAPSHOT', 'a1', '500', '00000001', '10', '100', MASTER_ID]))
  const value = Buffer.alloc(1024 * 1024)
  for (let i = 0; !bench.wire.isPaused; i++) {
    assert.ok(i < 10)
    bench.receive(bulk(encodeChunk(i, [[Buffer.from(`k${i}`), value]])))
  }
  await until(() => !bench.wire.isPaused, 'reading has resumed')
  assert.ok((bench.link.view.fullSync?.bytes ?? 0) > 3 * 1024 * 1024)
  assert.is(bench.link.view.fullSync?.records, 5)
})

test('leaving the master during a full sync abandons the copy', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  const { engine, link } = bench
  bench.follow()
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(META)))
  bench.receive(array(['FULLSYNC', 'unknown', '']))
  bench.receive(array(['SNAPSHOT', 'a1', '500', '00000001', '10', '100', MASTER_ID]))
  bench.receive(bulk(encodeChunk(0, [[Buffer.from('k'), Buffer.from('v')]])))
  link.leave()
  engine.storage.promote()
  assert.ok(bench.wire.isClosed)
  const { state, masterHost, fullSync, reason } = link.view
  assert.equal({ state, masterHost, fullSync, reason }, { state: 'none', masterHost: '', fullSync: null, reason: null })
  for (let turns = 0; turns < 50; turns++) await nextTurn()
  assert.equal(
    engine.disk.files.listSync('/data').filter((name) => name.startsWith('generation-')),
    ['generation-000001'],
  )
  assert.is(engine.run('GET', 'own0'), '0')
  assert.is(link.state, 'none')
})

test('a closed link handles no events and sends nothing', async () => {
  const bench = await LinkBench.open({ writes: 1 })
  bench.follow()
  bench.toStream()
  const { wire, link } = bench
  link.close()
  link.close()
  assert.ok(wire.isClosed)
  const changes = bench.states.length
  bench.wait(10_000)
  link.follow({ host: 'upstream', port: 1, failover: false })
  wire.events.onData(Buffer.from('\n'))
  assert.is(bench.wires.length, 1)
  assert.is(bench.states.length, changes)
})

test.run()
