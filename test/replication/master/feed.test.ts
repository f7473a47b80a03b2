/** The feed of replicas: from the files first, then as the log grows, one copy for all. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FeedTail } from '../../../replication/master/feed-tail.ts'
import { seeded } from '../../support/generators/seed.ts'
import { id, MasterBench, refusal } from '../../support/replication/master-bench.ts'

const START = { offset: 0, crc: 0 }
const MEBIBYTE = 2 ** 20

test('without online replicas the binlog has no follower, and a flush does nothing', async () => {
  const bench = await MasterBench.open()
  const { storage } = bench.engine
  assert.is(storage.binlog.follower, null)
  const connection = bench.connect()
  bench.metaSync(connection)
  bench.write('SET', 'key', '1')
  assert.is(storage.binlog.follower, null)
  const online = bench.attachOnline(undefined, { attempt: 2 })
  assert.ok(storage.binlog.follower !== null)
  bench.disconnect(online)
  assert.is(storage.binlog.follower, null)
  bench.write('SET', 'key', '2')
  assert.is(online.takeText(), '')
  await bench.close()
})

test('a replica receives the binlog byte for byte: first from the files, then as it is appended', async () => {
  const bench = await MasterBench.open({ binlog: { fileSizeBytes: 4096, retentionBytes: 2 ** 30, retentionMs: 2 ** 40 } })
  for (let i = 0; i < 100; i++) {
    bench.write('SET', `key${i}`, 'x'.repeat(i * 10))
    await bench.engine.settle() // a segment is followed by another once it is durable
  }
  assert.ok(bench.engine.storage.binlog.segments.length > 5)
  const connection = bench.attachOnline(START)
  for (let i = 0; i < 100; i++) bench.write('SET', `key${i}`, 'y'.repeat(i * 10))
  assert.ok(connection.take().equals(bench.binlog(0)))
  await bench.close()
})

test('the stream starts only at the end of the turn of BINLOGSYNC', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'key', '1')
  const connection = bench.connect()
  const { session } = bench.metaSync(connection)
  bench.trySync(connection, session, START)
  bench.master.binlogSync(connection, session, 0)
  assert.is(connection.sent.length, 0)
  bench.master.flush()
  assert.ok(connection.take().equals(bench.binlog(0)))
  await bench.close()
})

test('a turn is one send to each replica, and the replicas share one copy', async () => {
  const bench = await MasterBench.open()
  const connections = [1, 2, 3].map((number) => bench.attachOnline(undefined, { port: 7000 + number, runId: id(number) }))
  for (let i = 0; i < 50; i++) {
    bench.write('SET', 'key', 'x'.repeat(100))
    for (const connection of connections) assert.is(connection.sent.length, i + 1)
  }
  for (const connection of connections) assert.ok(connection.take().equals(bench.binlog(0)))
  await bench.close()
})

test('a replica is fed up to the limit only: with appendfsync always, durable groups', async () => {
  const bench = await MasterBench.open()
  const connection = bench.attachOnline()
  bench.feedLimit = 0
  bench.write('SET', 'key', '1')
  const first = bench.engine.storage.binlog.end.offset
  bench.write('SET', 'key', '2')
  assert.is(connection.sent.length, 0)
  bench.feedLimit = first
  bench.master.flush()
  assert.ok(connection.take().equals(bench.binlog(0, first)))
  bench.feedLimit = null
  bench.master.flush()
  assert.ok(connection.take().equals(bench.binlog(first)))
  await bench.close()
})

test('a slow replica has about a megabyte handed to its socket, and others are not delayed', async () => {
  const bench = await MasterBench.open()
  const slow = bench.attachOnline()
  const quick = bench.attachOnline(undefined, { port: 7002, runId: id(2) })
  slow.isTaking = false
  for (let i = 0; i < 100; i++) bench.write('SET', 'key', String(i % 10).repeat(100_000))
  assert.ok(quick.take().equals(bench.binlog(0)))
  assert.ok(slow.unsentBytes >= MEBIBYTE && slow.unsentBytes < 1.3 * MEBIBYTE, String(slow.unsentBytes))
  const received = [slow.take()]
  for (let i = 0; i < 1000 && bench.binlog(0).length > Buffer.concat(received).length; i++) {
    bench.wakes = 0
    bench.master.drained(slow)
    assert.is(bench.wakes, 1)
    bench.turn()
    received.push(slow.take())
  }
  assert.ok(Buffer.concat(received).equals(bench.binlog(0)))
  bench.write('SET', 'key', 'the end')
  assert.ok(slow.take().length > 0)
  await bench.close()
})

test('catching up sends a bounded part per turn and wakes the next turn', async () => {
  const bench = await MasterBench.open()
  for (let i = 0; i < 20; i++) bench.write('SET', 'key', 'x'.repeat(100_000))
  const connection = bench.attachOnline(START)
  const first = connection.take()
  assert.ok(first.length <= 300_000, String(first.length))
  assert.ok(bench.wakes > 0)
  bench.runWhileAwake()
  assert.ok(Buffer.concat([first, connection.take()]).equals(bench.binlog(0)))
  await bench.close()
})

test('groups larger than the in-memory tail are sent too', async () => {
  const bench = await MasterBench.open()
  const connection = bench.attachOnline()
  for (const size of [10, 70_000, 5_000_000, 10, 1_100_000, 20]) {
    bench.write('SET', 'key', 'x'.repeat(size))
    bench.runWhileAwake()
  }
  assert.ok(connection.take().equals(bench.binlog(0)))
  await bench.close()
})

test('groups that the binlog took back are never sent', async () => {
  const bench = await MasterBench.open()
  const other = await MasterBench.open()
  for (let i = 0; i < 3; i++) other.write('SET', `key${i}`, '1')
  const groups = other.binlog(0)
  const { storage } = bench.engine
  const connection = bench.attachOnline()
  storage.binlog.appendGroups(groups, other.engine.storage.binlog.end, 3, 0)
  storage.binlog.takeBack(START)
  bench.master.flush()
  assert.is(connection.sent.length, 0)
  storage.binlog.appendGroups(groups, other.engine.storage.binlog.end, 3, 0)
  storage.binlog.takeBack(START)
  bench.write('SET', 'another', '1')
  assert.ok(connection.take().equals(bench.binlog(0)))
  await bench.close()
  await other.close()
})

test('an idle stream carries one heartbeat per ping period, and a busy one carries none', async () => {
  const bench = await MasterBench.open({ settings: { pingPeriodMs: 1000, timeoutMs: 60_000 } })
  const connection = bench.attachOnline()
  bench.advance(100)
  assert.is(connection.takeText(), '\n', 'sent at once, to tell the replica that it was accepted')
  bench.advance(3000)
  assert.is(connection.takeText(), '\n'.repeat(3))
  for (let i = 0; i < 30; i++) {
    bench.write('SET', 'key', '1')
    bench.advance(100)
  }
  assert.ok(connection.take().equals(bench.binlog(0)))
  await bench.close()
})

test('the request for an ACK follows the group of its turn', async () => {
  const bench = await MasterBench.open()
  const connection = bench.attachOnline()
  bench.turn(() => {
    bench.engine.run('SET', 'key', '1')
    bench.master.askForAcks()
  })
  assert.is(bench.wakes, 1)
  assert.is(connection.takeText(), `${bench.binlog(0).latin1Slice()}?`)
  bench.turn()
  assert.is(connection.takeText(), '')
  await bench.close()
})

test('heartbeats, requests for ACKs and the end of a session are not sent inside a group', async () => {
  const bench = await MasterBench.open({ settings: { pingPeriodMs: 100 } })
  bench.write('SET', 'key', 'x'.repeat(5 * MEBIBYTE))
  const connection = bench.connect()
  connection.isTaking = false
  const { session } = bench.metaSync(connection)
  bench.trySync(connection, session, START)
  bench.master.binlogSync(connection, session, 0)
  bench.runWhileAwake()
  bench.master.askForAcks()
  bench.advance(1000)
  bench.runWhileAwake()
  const received = connection.take()
  assert.ok(received.length < 2 * MEBIBYTE)
  assert.ok(received.equals(bench.binlog(0).subarray(0, received.length)))
  bench.master.dropSessions('the data was replaced', 'discard')
  assert.is(connection.takeText(), '')
  assert.is(connection.isClosed, true, 'the reason could not be sent inside of a group')
  await bench.close()
})

test('a connection fenced inside a group is closed when something arrives from it', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'key', 'x'.repeat(5 * MEBIBYTE))
  const torn = bench.connect()
  torn.isTaking = false
  const { session } = bench.metaSync(torn)
  bench.trySync(torn, session, START)
  bench.master.binlogSync(torn, session, 0)
  bench.runWhileAwake()
  bench.metaSync(bench.connect(), { attempt: 2 })
  assert.is(torn.isClosed, false)
  assert.match(
    refusal(() => bench.ack(torn, 0)),
    /^BADSESSION/,
  )
  assert.is(torn.isClosed, true)
  await bench.close()
})

test('the binlog is pinned from the offset that a replica has made durable', async () => {
  const bench = await MasterBench.open({ binlog: { fileSizeBytes: 1024 } })
  const { storage } = bench.engine
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  const connection = bench.connect()
  const { session } = bench.metaSync(connection)
  bench.trySync(connection, session, START)
  assert.is(bench.master.replicas.pinned, 0)
  bench.master.binlogSync(connection, session, 0)
  for (let i = 0; i < 50; i++) {
    bench.write('SET', 'key', 'x'.repeat(200))
    await bench.engine.settle()
  }
  await bench.engine.checkpoint()
  assert.is(storage.binlog.startOffset, 0)
  const { offset } = storage.binlog.end
  bench.ack(connection, offset, 5000)
  assert.is(bench.master.replicas.pinned, 5000)
  bench.write('SET', 'key', '1')
  await bench.engine.checkpoint()
  assert.ok(storage.binlog.startOffset > 0 && storage.binlog.startOffset <= 5000)
  bench.ack(connection, offset, offset)
  bench.write('SET', 'key', '1')
  await bench.engine.checkpoint()
  assert.ok(storage.binlog.startOffset > 5000)
  bench.disconnect(connection)
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('the pin of a vanished replica stays while its item is bound, also through its return', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'key', '1')
  const { end } = bench.engine.storage.binlog
  bench.attachOnline()
  bench.write('SET', 'key', '2')
  const back = bench.connect()
  const { session } = bench.metaSync(back, { attempt: 2 })
  assert.is(bench.master.replicas.pinned, end.offset)
  bench.trySync(back, session, bench.engine.storage.binlog.end)
  assert.is(bench.master.replicas.pinned, bench.engine.storage.binlog.end.offset)
  await bench.close()
})

test('a replica that lags more than replica-lag-limit is disconnected with one warning and pins nothing', async () => {
  const bench = await MasterBench.open({ settings: { lagLimitBytes: MEBIBYTE } })
  const connection = bench.attachOnline()
  connection.isTaking = false
  for (let i = 0; i < 20; i++) bench.write('SET', 'key', 'x'.repeat(50_000))
  bench.advance(100)
  assert.is(connection.isClosed, false)
  for (let i = 0; i < 4; i++) bench.write('SET', 'key', 'x'.repeat(50_000))
  assert.ok(bench.master.replicas.pinned > 0, 'not even before the master notices')
  bench.advance(100)
  assert.is(connection.isClosed, true)
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  bench.advance(1000)
  assert.is(bench.textsAt('warn').length, 1)
  assert.match(bench.textsAt('warn')[0] as string, /replica-lag-limit/)
  assert.is(bench.master.replicas.absent().length, 1)
  await bench.close()
})

test('a replica that attaches beyond replica-lag-limit may catch up, and the limit holds from then on', async () => {
  const bench = await MasterBench.open({ settings: { lagLimitBytes: MEBIBYTE } })
  for (let i = 0; i < 30; i++) bench.write('SET', 'key', 'x'.repeat(100_000))
  const connection = bench.attachOnline(START)
  connection.isTaking = false
  for (let i = 0; i < 8; i++) bench.write('SET', 'key', 'x'.repeat(100_000))
  bench.advance(100)
  assert.is(connection.isClosed, false)
  assert.is(bench.master.replicas.pinned, 0)
  connection.isTaking = true
  connection.take()
  bench.runWhileAwake()
  bench.ack(connection, bench.engine.storage.binlog.end.offset)
  connection.isTaking = false
  bench.advance(100)
  for (let i = 0; i < 12; i++) bench.write('SET', 'key', 'x'.repeat(100_000))
  bench.advance(100)
  assert.is(connection.isClosed, true)
  await bench.close()
})

test('a replica catching up is disconnected when the disk is full and it pins more than replica-lag-limit', async () => {
  const bench = await MasterBench.open({ settings: { lagLimitBytes: MEBIBYTE } })
  for (let i = 0; i < 30; i++) bench.write('SET', 'key', 'x'.repeat(100_000))
  const connection = bench.attachOnline(START)
  bench.advance(100)
  assert.is(connection.isClosed, false)
  Object.defineProperty(bench.engine.storage, 'isDiskLow', { get: () => true })
  bench.advance(100)
  assert.is(connection.isClosed, true)
  await bench.close()
})

test('a replica whose offset was purged is disconnected, and the others are still fed', async () => {
  const bench = await MasterBench.open({ binlog: { fileSizeBytes: 200_000 } })
  const { storage } = bench.engine
  const slow = bench.attachOnline()
  const quick = bench.attachOnline(undefined, { port: 7002, runId: id(2) })
  slow.isTaking = false
  bench.engine.events.pinned = () => Number.POSITIVE_INFINITY
  for (let i = 0; i < 100; i++) {
    bench.write('SET', 'key', 'x'.repeat(100_000))
    await bench.engine.settle()
  }
  await bench.engine.checkpoint()
  assert.ok(storage.binlog.startOffset > 2 * MEBIBYTE)
  slow.unsentBytes = 0
  bench.turn()
  assert.is(slow.isClosed, true)
  assert.match(bench.textsAt('warn')[0] as string, /cut off and has to connect again: the binlog cannot be read/)
  quick.take()
  bench.write('SET', 'key', '1')
  assert.ok(quick.take().length > 0)
  await bench.close()
})

test('the feed tail returns appended bytes even if their buffers are reused, and drops old ones', () => {
  const { integer } = seeded('feed tail')
  for (let round = 0; round < 20; round++) {
    const tail = new FeedTail()
    const from = integer(1000)
    tail.reset(from)
    let log = Buffer.alloc(0)
    for (let step = 0; step < 200; step++) {
      if (integer(10) === 0) {
        log = log.subarray(0, integer(log.length + 1))
        tail.onAppended(from + log.length, [])
      }
      const pieces = [0, 1, 2].map(() => Buffer.alloc(integer(20) === 0 ? integer(200_000) : integer(500), integer(256)))
      const start = from + log.length
      log = Buffer.concat([log, ...pieces])
      tail.onAppended(start, pieces)
      for (const piece of pieces) piece.fill(0xff)
    }
    assert.is(tail.end, from + log.length)
    assert.is(tail.read(tail.end, tail.end + 1), null)
    assert.ok(tail.end - tail.start <= 4 * MEBIBYTE)
    if (tail.start > 0) assert.is(tail.read(tail.start - 1, tail.end), null)
    let offset = tail.start + integer(tail.end - tail.start + 1)
    const parts: Buffer[] = []
    const begin = offset
    for (let part = tail.read(offset, tail.end); part !== null; part = tail.read(offset, tail.end)) {
      parts.push(part)
      offset += part.length
    }
    assert.ok(Buffer.concat(parts).equals(log.subarray(begin - from)))
  }
})

test.run()
