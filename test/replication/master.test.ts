import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Meta } from '../../replication/messages.ts'
import { id, MasterBench, OWN_RUN_ID, refusal } from '../support/master-bench.ts'

test('the same METASYNC a thousand times on one connection is answered the same, while the binlog grows', async () => {
  const bench = await MasterBench.open()
  const connection = bench.connect()
  const first = bench.metaSync(connection)
  for (let i = 0; i < 1000; i++) {
    if (i % 100 === 0) bench.write('SET', 'key', String(i))
    assert.equal(bench.metaSync(connection), first)
  }
  assert.is(bench.master.attached().length, 1)
  assert.equal(bench.levels('info', 'warn', 'error'), [])
  assert.is(bench.levels('debug').length, 1001, 'a line each')
  await bench.close()
})

test('the same METASYNC on a thousand connections is granted each time, and there is one replica', async () => {
  const bench = await MasterBench.open()
  const metas: Meta[] = []
  for (let i = 0; i < 1000; i++) metas.push(bench.metaSync(bench.connect()))
  assert.is(new Set(metas.map(({ session }) => session)).size, 1000)
  for (const meta of metas) assert.equal({ ...meta, session: 0 }, { ...metas[0], session: 0 })
  assert.is(bench.master.attached().length + bench.master.absent().length, 1)
  assert.equal(bench.levels('info', 'warn', 'error'), [])
  await bench.close()
})

test('the meta is what this node is', async () => {
  const bench = await MasterBench.open()
  bench.chain = [id(50), id(51)]
  bench.write('SET', 'key', '1')
  const { identity, binlog } = bench.engine.storage
  assert.equal(bench.metaSync(bench.connect()), {
    ...{ session: 1, replicationId: identity.replicationId, past: [], runId: OWN_RUN_ID, version: 1, databases: 4 },
    ...{ binlogStart: 0, binlogEnd: binlog.end.offset, chain: [OWN_RUN_ID, id(50), id(51)] },
  })
  await bench.close()
})

test('another format, this node itself and a node that it follows are refused, and no replica is registered', async () => {
  const bench = await MasterBench.open()
  bench.chain = [id(50)]
  const connection = bench.connect()
  const refused = (request: Parameters<MasterBench['metaSync']>[1]) => refusal(() => bench.metaSync(connection, request))
  assert.is(refused({ version: 2 }), 'VERSION this master speaks format 1, the replica 2')
  assert.match(refused({ runId: OWN_RUN_ID }), /^CYCLE/)
  assert.match(refused({ runId: OWN_RUN_ID, failover: true }), /^CYCLE/)
  assert.match(refused({ runId: id(50) }), /^CYCLE/)
  assert.is(bench.master.hasReplicas, false)
  assert.equal(bench.metaSync(connection, { runId: id(50), failover: true }).chain, [OWN_RUN_ID], 'it stands above this node no more')
  await bench.close()
})

test('a fenced connection can change nothing: what it asks for is refused, its close is not noticed, nothing is streamed to it', async () => {
  const bench = await MasterBench.open()
  const old = bench.online()
  const fresh = bench.connect()
  const { session } = bench.metaSync(fresh, { attempt: 2 })
  const { end } = bench.engine.storage.binlog
  const text = `BADSESSION session 1 is over: 10.0.0.1:7001 has come on another connection, ${fresh.address}`
  for (const late of [
    () => bench.ack(old, end.offset),
    () => bench.trySync(old, 1, end),
    () => bench.trySync(old, session, end),
    () => bench.master.dbSync(old, { session: 1, snapshot: null, after: null }),
    () => bench.master.binlogSync(old, 1, end.offset),
  ]) {
    assert.is(refusal(late), text)
  }
  old.take()
  bench.write('SET', 'key', '1')
  assert.is(old.takeText(), '')
  bench.trySync(fresh, session, end)
  bench.lose(old)
  assert.equal(
    bench.master.attached().map(({ address }) => address),
    [fresh.address],
  )
  bench.master.binlogSync(fresh, session, end.offset)
  bench.turn()
  assert.is(fresh.take().length, bench.engine.storage.binlog.end.offset - end.offset)
  assert.equal(bench.levels('warn', 'error'), [])
  await bench.close()
})

test('a fenced connection is closed after repl-timeout, not before', async () => {
  const bench = await MasterBench.open()
  const old = bench.connect()
  bench.metaSync(old)
  const fresh = bench.connect()
  bench.metaSync(fresh, { attempt: 2 })
  for (let second = 0; second < 60; second++) {
    bench.ack(fresh, 0)
    bench.pass(1000)
  }
  assert.is(old.isClosed, false)
  bench.ack(fresh, 0)
  bench.pass(100)
  assert.is(old.isClosed, true)
  assert.is(fresh.isClosed, false)
  await bench.close()
})

test('a half-open link costs the replica that comes back nothing', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'a', '1')
  const vanished = bench.online()
  bench.write('SET', 'b', '2')
  const { binlog } = bench.engine.storage
  const back = bench.connect()
  const { session } = bench.metaSync(back, { attempt: 2 })
  assert.is(bench.trySync(back, session, binlog.end).type, 'continue')
  bench.master.binlogSync(back, session, binlog.end.offset)
  bench.write('SET', 'c', '3')
  assert.is(back.take().length > 0, true)
  assert.is(bench.master.online().length, 1)
  assert.is(vanished.isClosed, false)
  await bench.close()
})

test('a stale attempt is refused and fences nothing', async () => {
  const bench = await MasterBench.open()
  const connection = bench.online(undefined, { attempt: 5 })
  assert.match(
    refusal(() => bench.metaSync(bench.connect(), { attempt: 4 })),
    /^STALE/,
  )
  bench.write('SET', 'key', '1')
  assert.is(connection.take().length, bench.engine.storage.binlog.end.offset)
  await bench.close()
})

test('without METASYNC, and with a session of another connection, nothing is granted', async () => {
  const bench = await MasterBench.open()
  const stranger = bench.connect()
  const { end } = bench.engine.storage.binlog
  assert.is(
    refusal(() => bench.trySync(stranger, 1, end)),
    'BADSESSION METASYNC has to come first on a connection',
  )
  assert.match(
    refusal(() => bench.ack(stranger, 0)),
    /^BADSESSION/,
  )
  const { session } = bench.metaSync(bench.connect())
  bench.metaSync(stranger, { port: 7002, runId: id(2) })
  assert.is(
    refusal(() => bench.trySync(stranger, session, end)),
    "BADSESSION session 1 is not this connection's, which has 2",
  )
  await bench.close()
})

test('two processes with one address: a warning when it begins, none while it lasts, the conflict for INFO, a line when it ends', async () => {
  const bench = await MasterBench.open()
  bench.metaSync(bench.connect())
  bench.metaSync(bench.connect(), { runId: id(2) })
  const first = bench.connect()
  const sinceMs = bench.clock.wallMs()
  bench.metaSync(first, { attempt: 2 })
  for (let attempt = 2; attempt < 30; attempt++) {
    assert.match(
      refusal(() => bench.metaSync(bench.connect(), { runId: id(2), attempt })),
      /^DUPLICATE 10\.0\.0\.1:7001/,
    )
    bench.ack(first, 0)
    bench.pass(1000)
  }
  assert.is(bench.levels('warn').length, 1)
  assert.match(bench.levels('warn')[0] as string, new RegExp(`${id(1)} at ${first.address} has it back, ${id(2)} at .* is refused`))
  const [conflict, ...others] = bench.master.conflicts()
  assert.equal(others, [])
  assert.equal([conflict?.holderRunId, conflict?.holderAddress, conflict?.refusedRunId], [id(1), first.address, id(2)])
  assert.is(conflict?.sinceMs, sinceMs)
  bench.lose(first)
  bench.metaSync(bench.connect(), { runId: id(2), attempt: 30 })
  assert.equal(bench.master.conflicts(), [])
  assert.is(bench.levels('warn').length, 1)
  await bench.close()
})

test('a replica that has left is shown for replica-forget-after with what it had acknowledged, and then dropped', async () => {
  const bench = await MasterBench.open({ settings: { forgetAfterMs: 5000 } })
  bench.write('SET', 'key', '1')
  const connection = bench.online()
  const { offset } = bench.engine.storage.binlog.end
  bench.ack(connection, offset)
  bench.write('SET', 'key', '22')
  const leftAtMs = bench.clock.wallMs()
  bench.lose(connection)
  assert.equal(bench.master.attached(), [])
  assert.is(bench.master.hasReplicas, false)
  bench.pass(4900)
  const [view] = bench.master.absent()
  assert.equal([view?.ip, view?.port, view?.applied, view?.leftAtMs], ['10.0.0.1', 7001, offset, leftAtMs])
  assert.is(view?.lagBytes, bench.engine.storage.binlog.end.offset - offset)
  bench.pass(100)
  assert.equal(bench.master.absent(), [])
  await bench.close()
})

test('the announced ip counts where there is one, the connection where there is none', async () => {
  const bench = await MasterBench.open()
  bench.metaSync(bench.connect('10.9.9.9'), { ip: 'replica.example', runId: id(1) })
  bench.metaSync(bench.connect('10.9.9.9'), { ip: '', runId: id(2) })
  assert.equal(
    bench.master.attached().map(({ ip, port }) => `${ip}:${port}`),
    ['replica.example:7001', '10.9.9.9:7001'],
  )
  await bench.close()
})

test('BINLOGSYNC is granted where TRYSYNC has let the session continue, once, and nowhere else', async () => {
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

test('a replica that hands its role over is let in though this node follows it, and learns of the new history under the same session', async () => {
  const bench = await MasterBench.open()
  const { storage } = bench.engine
  bench.write('SET', 'key', '1')
  storage.becomeReplica({ host: 'old-master', port: 1, failover: false })
  bench.chain = [id(50)]
  bench.isLinked = true
  const other = bench.online(undefined, { port: 7009, runId: id(9) })
  const old = { replicationId: storage.identity.replicationId, end: storage.binlog.end }
  const taken: object[] = []
  bench.takeOver = (from) => {
    taken.push(from)
    storage.promote()
    bench.master.dropSessions('this node has become a master')
  }
  const connection = bench.connect()
  const { session } = bench.metaSync(connection, { runId: id(50), failover: true })
  assert.match(
    refusal(() => bench.master.trySync(connection, { session, replicationIds: [id(77)], ...old.end, failover: true })),
    /^ERR FAILOVER/,
  )
  assert.equal(taken, [])
  const reply = bench.trySync(connection, session, old.end, true)
  assert.equal(taken, [{ runId: id(50), offset: old.end.offset }])
  assert.is(storage.role, 'master')
  assert.equal(reply, {
    ...{ type: 'continue', offset: old.end.offset, replicationId: storage.identity.replicationId },
    past: [{ id: old.replicationId, until: old.end.offset }],
  })
  assert.is(other.takeText(), '-BADSESSION this node has become a master\r\n')
  const request = { session, replicationIds: [old.replicationId], ...old.end, failover: true }
  assert.is(bench.master.trySync(connection, request).type, 'continue', 'its answer was lost: it asks again')
  assert.is(taken.length, 1)
  bench.master.binlogSync(connection, session, old.end.offset)
  bench.write('SET', 'key', '2')
  assert.ok(connection.take().length > 0)
  await bench.close()
})

test('a take-over that is refused leaves everything as it was', async () => {
  const bench = await MasterBench.open()
  const { storage } = bench.engine
  storage.becomeReplica({ host: 'old-master', port: 1, failover: false })
  bench.takeOver = () => {
    throw new Error('the disk is full')
  }
  const connection = bench.connect()
  const { session } = bench.metaSync(connection, { failover: true })
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

test('when all sessions are ended each replica is told on its stream, and has to begin with METASYNC again', async () => {
  const bench = await MasterBench.open()
  const connection = bench.online()
  bench.master.dropSessions('the data was replaced')
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

test('a replica that is silent for repl-timeout is closed, whatever it is at, and has left', async () => {
  const bench = await MasterBench.open()
  const waiting = bench.connect()
  bench.metaSync(waiting, { port: 7002, runId: id(2) })
  const online = bench.online()
  bench.pass(60_000)
  assert.equal([waiting.isClosed, online.isClosed], [false, false])
  bench.ack(online, 0)
  bench.pass(100)
  assert.equal([waiting.isClosed, online.isClosed], [true, false])
  bench.pass(60_000)
  assert.is(online.isClosed, true)
  assert.is(bench.master.absent().length, 2)
  assert.is(bench.master.hasReplicas, false)
  await bench.close()
})

test('acknowledged offsets count for replicas that are online, and never past the end of the binlog', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'key', '1')
  const { offset } = bench.engine.storage.binlog.end
  const first = bench.online()
  const second = bench.online({ offset: 0, crc: 0 }, { port: 7002, runId: id(2) })
  const handshake = bench.connect()
  bench.metaSync(handshake, { port: 7003, runId: id(3) })
  assert.is(bench.master.ackedCount(0, 'applied'), 1, 'TRYSYNC has shown what the first one has')
  assert.is(bench.master.ackedCount(0, 'synced'), 0)
  bench.ack(second, offset, 10)
  assert.is(bench.acks, 1)
  bench.ack(second, offset, 10)
  assert.is(bench.acks, 1, 'nothing has moved')
  assert.is(bench.master.ackedCount(offset - 1, 'applied'), 2)
  assert.is(bench.master.ackedCount(offset, 'applied'), 0)
  assert.is(bench.master.ackedCount(9, 'synced'), 1)
  bench.ack(first, 10 ** 12)
  bench.ack(handshake, offset)
  assert.equal(
    bench.master.attached().map(({ applied, synced, state }) => [applied, synced, state]),
    [
      [offset, offset, 'online'],
      [offset, 10, 'online'],
      [0, 0, 'handshake'],
    ],
  )
  assert.is(bench.master.online().length, 2)
  await bench.close()
})

test('a replica is good while its last ACK is not older than min-replicas-max-lag', async () => {
  const bench = await MasterBench.open({ settings: { minReplicasMaxLagMs: 3000 } })
  const connection = bench.online()
  bench.pass(3000)
  assert.is(bench.master.goodReplicas(), 1)
  bench.pass(100)
  assert.is(bench.master.goodReplicas(), 0)
  assert.is(bench.master.online()[0]?.lagSeconds, 3)
  bench.ack(connection, 0)
  assert.is(bench.master.goodReplicas(), 1)
  bench.pass(100_000)
  assert.is(bench.master.goodReplicas(), 0, 'it has left')
  await bench.close()
})

test('what TRYSYNC came to is counted', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'key', '1')
  const connection = bench.connect()
  const { session } = bench.metaSync(connection)
  const ask = (replicationId: string, offset: number) =>
    bench.master.trySync(connection, { session, replicationIds: [replicationId], offset, crc: 0, failover: false })
  ask(id(9), 0)
  ask(id(9), 5)
  ask(bench.engine.storage.identity.replicationId, 0)
  assert.equal([bench.master.partialSyncs, bench.master.partialSyncsRefused], [1, 1])
  await bench.close()
})

test.run()
