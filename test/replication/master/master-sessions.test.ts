/** Sessions on the master: what TRYSYNC grants, take-overs, and nodes without their own master. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { id, MasterBench, refusal } from '../../support/replication/master-bench.ts'

test('BINLOGSYNC is granted once, after TRYSYNC has let the session continue at that offset', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'key', '1')
  const { end } = bench.engine.storage.binlog
  const connection = bench.connect()
  const { session } = bench.metaSync(connection)
  const sync = (offset: number) => bench.master.binlogSync(connection, session, offset)
  assert.match(
    refusal(() => sync(end.offset)),
    /^ERR .* no offset yet/,
  )
  bench.trySync(connection, session, { offset: end.offset, crc: 1 })
  assert.match(
    refusal(() => sync(end.offset)),
    /^ERR/,
  )
  bench.trySync(connection, session, { offset: 0, crc: 0 })
  assert.match(
    refusal(() => sync(end.offset)),
    /^ERR .* offset 0$/,
  )
  sync(0)
  for (const busy of [() => sync(0), () => bench.trySync(connection, session, end), () => bench.metaSync(connection)]) {
    assert.is(refusal(busy), 'ERR this connection carries the binlog')
  }
  await bench.close()
})

test('BINLOGSYNC is refused if the granted offset has been purged meanwhile, as on a full disk', async () => {
  const bench = await MasterBench.open({ binlog: { fileSizeBytes: 1 } })
  const { binlog } = bench.engine.storage
  for (const value of ['1', '2', '3']) {
    bench.write('SET', 'key', value)
    await binlog.syncTo(binlog.end.offset)
  }
  const connection = bench.connect()
  const { session } = bench.metaSync(connection)
  assert.is(bench.trySync(connection, session, { offset: 0, crc: 0 }).type, 'continue')
  assert.ok(binlog.purge(binlog.end.offset, Number.POSITIVE_INFINITY, 0, 'none') > 0)
  assert.match(
    refusal(() => bench.master.binlogSync(connection, session, 0)),
    `ERR BINLOGSYNC at offset 0: the binlog begins only at offset ${binlog.startOffset}`,
  )
  assert.is(bench.trySync(connection, session, { offset: 0, crc: 0 }).type, 'full-sync')
  await bench.close()
})

test('a replica that hands its role over is accepted despite the cycle, and learns the new history under the same session', async () => {
  const bench = await MasterBench.open()
  const { storage } = bench.engine
  bench.write('SET', 'key', '1')
  storage.becomeReplica({ host: 'old-master', port: 1, failover: false })
  bench.chain = [id(50)]
  bench.isLinked = true
  const other = bench.attachOnline(undefined, { port: 7009, runId: id(9) })
  const old = { replicationId: storage.identity.replicationId, end: storage.binlog.end }
  const taken: object[] = []
  bench.takeOver = (from) => {
    taken.push(from)
    storage.promote()
    bench.master.dropSessions('this node has become a master', 'keep')
  }
  const connection = bench.connect()
  const { session } = bench.metaSync(connection, { runId: id(50), isFailover: true })
  assert.match(
    refusal(() => bench.master.trySync(connection, { session, replicationIds: [id(77)], ...old.end, isFailover: true })),
    /^ERR FAILOVER/,
  )
  assert.equal(taken, [])
  const reply = bench.trySync(connection, session, old.end, true)
  assert.equal(taken, [{ runId: id(50), offset: old.end.offset }])
  assert.is(storage.role, 'master')
  assert.equal(reply, {
    type: 'continue',
    offset: old.end.offset,
    replicationId: storage.identity.replicationId,
    past: [{ id: old.replicationId, until: old.end.offset }],
  })
  assert.is(other.takeText(), '-BADSESSION this node has become a master\r\n')
  const request = { session, replicationIds: [old.replicationId], ...old.end, isFailover: true }
  assert.is(bench.master.trySync(connection, request).type, 'continue', 'the answer was lost, and the replica asks again')
  assert.is(taken.length, 1)
  bench.master.binlogSync(connection, session, old.end.offset)
  bench.write('SET', 'key', '2')
  assert.ok(connection.take().length > 0)
  await bench.close()
})

test('a take-over that cannot be stored changes nothing', async () => {
  const bench = await MasterBench.open()
  const { storage } = bench.engine
  storage.becomeReplica({ host: 'old-master', port: 1, failover: false })
  bench.takeOver = () => {
    throw new Error('the disk is full')
  }
  const connection = bench.connect()
  const { session } = bench.metaSync(connection, { isFailover: true })
  assert.throws(() => bench.trySync(connection, session, storage.binlog.end, true), /disk is full/)
  assert.is(bench.trySync(connection, session, storage.binlog.end).type, 'continue')
  await bench.close()
})

test('a node without a link to its master gives no full sync', async () => {
  const bench = await MasterBench.open()
  bench.engine.storage.becomeReplica({ host: 'master', port: 1, failover: false })
  const connection = bench.connect()
  const { session } = bench.metaSync(connection)
  assert.match(
    refusal(() => bench.master.dbSync(connection, { session, snapshot: null, after: null })),
    /^NOMASTERLINK/,
  )
  bench.isLinked = true
  bench.master.dbSync(connection, { session, snapshot: null, after: null })
  await bench.close()
})

test('dropping all sessions sends each replica the reason, and it must begin with METASYNC again', async () => {
  const bench = await MasterBench.open()
  const connection = bench.attachOnline()
  bench.master.dropSessions('the data was replaced', 'discard')
  assert.is(connection.takeText(), '-BADSESSION the data was replaced\r\n')
  assert.is(connection.isClosed, false)
  assert.is(bench.engine.storage.binlog.follower, null)
  const { end } = bench.engine.storage.binlog
  assert.match(
    refusal(() => bench.trySync(connection, 1, end)),
    /^BADSESSION session 1 is over: the data was replaced/,
  )
  bench.write('SET', 'key', '1')
  assert.is(connection.takeText(), '')
  const { session } = bench.metaSync(connection, { attempt: 2 })
  assert.is(bench.trySync(connection, session, end).type, 'continue')
  await bench.close()
})

test('a replica that is silent for repl-timeout in any state is disconnected and detached', async () => {
  const bench = await MasterBench.open()
  const waiting = bench.connect()
  bench.metaSync(waiting, { port: 7002, runId: id(2) })
  const online = bench.attachOnline()
  bench.advance(60_000)
  assert.equal([waiting.isClosed, online.isClosed], [false, false])
  bench.ack(online, 0)
  bench.advance(100)
  assert.equal([waiting.isClosed, online.isClosed], [true, false])
  bench.advance(60_000)
  assert.is(online.isClosed, true)
  assert.is(bench.master.replicas.absent().length, 2)
  assert.is(bench.master.replicas.hasAttached, false)
  await bench.close()
})

test('a replica that applies nothing for repl-timeout is disconnected, and a slow one is not', async () => {
  const bench = await MasterBench.open()
  const connection = bench.attachOnline()
  const { offset } = bench.engine.storage.binlog.end
  bench.write('SET', 'key', '1')
  const slow = bench.attachOnline(bench.engine.storage.binlog.end, { port: 7002, runId: id(2) })
  for (let seconds = 0; seconds < 60; seconds++) {
    assert.is(connection.isClosed, false)
    bench.ack(connection, offset)
    if (seconds % 30 === 0) {
      bench.write('SET', 'key', String(seconds))
      bench.ack(slow, bench.engine.storage.binlog.end.offset - 1)
    } else bench.ack(slow, 0)
    bench.advance(1000)
  }
  bench.ack(slow, bench.engine.storage.binlog.end.offset)
  bench.ack(connection, offset)
  bench.advance(200)
  assert.equal([connection.isClosed, slow.isClosed], [true, false])
  assert.match(bench.textsAt('warn')[0] as string, /applies none of them/)
  await bench.close()
})

test('acknowledged offsets count for online replicas only, and never past the end of the binlog', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'key', '1')
  const { offset } = bench.engine.storage.binlog.end
  const first = bench.attachOnline()
  const second = bench.attachOnline({ offset: 0, crc: 0 }, { port: 7002, runId: id(2) })
  const handshake = bench.connect()
  bench.metaSync(handshake, { port: 7003, runId: id(3) })
  assert.is(bench.master.replicas.ackedCount(0, 'applied'), 1, 'TRYSYNC has shown what the first one has')
  assert.is(bench.master.replicas.ackedCount(0, 'synced'), 0)
  bench.ack(second, offset, 10)
  assert.is(bench.acks, 1)
  bench.ack(second, offset, 10)
  assert.is(bench.acks, 1, 'nothing has moved')
  assert.is(bench.master.replicas.ackedCount(offset - 1, 'applied'), 2)
  assert.is(bench.master.replicas.ackedCount(offset, 'applied'), 0)
  assert.is(bench.master.replicas.ackedCount(9, 'synced'), 1)
  bench.ack(first, 10 ** 12)
  bench.ack(handshake, offset)
  assert.equal(
    bench.master.replicas.attached().map(({ applied, synced, state }) => [applied, synced, state]),
    [
      [offset, offset, 'online'],
      [offset, 10, 'online'],
      [0, 0, 'handshake'],
    ],
  )
  assert.is(bench.master.replicas.online().length, 2)
  await bench.close()
})

test('a replica that returns with less data counts for what it has', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'key', '1')
  const { offset } = bench.engine.storage.binlog.end
  bench.ack(bench.attachOnline(), offset)
  assert.is(bench.master.replicas.ackedCount(0, 'synced'), 1)
  bench.attachOnline({ offset: 0, crc: 0 }, { runId: id(2) })
  assert.is(bench.master.replicas.ackedCount(0, 'synced'), 0)
  assert.is(bench.master.replicas.ackedCount(0, 'applied'), 0)
  await bench.close()
})

test('a replica is good while its last ACK is not older than min-replicas-max-lag', async () => {
  const bench = await MasterBench.open({ settings: { minReplicasMaxLagMs: 3000 } })
  const connection = bench.attachOnline()
  bench.advance(3000)
  assert.is(bench.master.replicas.goodCount(), 1)
  bench.advance(100)
  assert.is(bench.master.replicas.goodCount(), 0)
  assert.is(bench.master.replicas.online()[0]?.lagSeconds, 3)
  bench.ack(connection, 0)
  assert.is(bench.master.replicas.goodCount(), 0, 'the ACK may have been sent long ago')
  bench.turn()
  bench.ack(connection, 0, 0, 1)
  assert.is(bench.master.replicas.goodCount(), 1)
  bench.advance(100_000)
  assert.is(bench.master.replicas.goodCount(), 0, 'the replica is detached')
  await bench.close()
})

test('granted and refused partial syncs are counted', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'key', '1')
  const connection = bench.connect()
  const { session } = bench.metaSync(connection)
  const ask = (replicationId: string, offset: number) =>
    bench.master.trySync(connection, { session, replicationIds: [replicationId], offset, crc: 0, isFailover: false })
  ask(id(9), 0)
  ask(id(9), 5)
  ask(bench.engine.storage.identity.replicationId, 0)
  assert.equal([bench.master.partialSyncs, bench.master.partialSyncsRefused], [1, 1])
  await bench.close()
})

test.run()
