/** METASYNC on the master: repeated requests, refusals, and one item per replica. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { MetaSyncReply } from '../../../replication/protocol/messages.ts'
import { id, MasterBench, OWN_RUN_ID, refusal } from '../../support/replication/master-bench.ts'

test('a METASYNC repeated a thousand times on one connection gets one answer while the binlog grows', async () => {
  const bench = await MasterBench.open()
  const connection = bench.connect()
  const first = bench.metaSync(connection)
  for (let i = 0; i < 1000; i++) {
    if (i % 100 === 0) bench.write('SET', 'key', String(i))
    assert.equal(bench.metaSync(connection), first)
  }
  assert.is(bench.master.replicas.attached().length, 1)
  assert.equal(bench.textsAt('info', 'warn', 'error'), [])
  assert.is(bench.textsAt('debug').length, 1001, 'a line each')
  await bench.close()
})

test('a METASYNC repeated on a thousand connections is granted each time, and makes one replica', async () => {
  const bench = await MasterBench.open()
  const metas: MetaSyncReply[] = []
  for (let i = 0; i < 1000; i++) metas.push(bench.metaSync(bench.connect()))
  assert.is(new Set(metas.map(({ session }) => session)).size, 1000)
  for (const meta of metas) assert.equal({ ...meta, session: 0 }, { ...metas[0], session: 0 })
  assert.is(bench.master.replicas.attached().length + bench.master.replicas.absent().length, 1)
  assert.equal(bench.textsAt('info', 'warn', 'error'), [])
  await bench.close()
})

test('the meta reply describes this node', async () => {
  const bench = await MasterBench.open()
  bench.chain = [id(50), id(51)]
  bench.write('SET', 'key', '1')
  const { identity, binlog } = bench.engine.storage
  assert.equal(bench.metaSync(bench.connect()), {
    session: 1,
    replicationId: identity.replicationId,
    past: [],
    runId: OWN_RUN_ID,
    version: 1,
    databases: 4,
    binlogStart: 0,
    binlogEnd: binlog.end.offset,
    chain: [OWN_RUN_ID, id(50), id(51)],
    accepts: ['left'],
  })
  await bench.close()
})

test('another format, this node itself and a master of this node are refused and not registered', async () => {
  const bench = await MasterBench.open()
  bench.chain = [id(50)]
  const connection = bench.connect()
  const refused = (request: Parameters<MasterBench['metaSync']>[1]) => refusal(() => bench.metaSync(connection, request))
  assert.is(refused({ version: 2 }), 'VERSION this master speaks format 1, the replica 2')
  assert.match(refused({ runId: OWN_RUN_ID }), /^CYCLE/)
  assert.match(refused({ runId: OWN_RUN_ID, isFailover: true }), /^CYCLE/)
  assert.match(refused({ runId: id(50) }), /^CYCLE/)
  assert.is(bench.master.replicas.hasAttached, false)
  assert.equal(
    bench.metaSync(connection, { runId: id(50), isFailover: true }).chain,
    [OWN_RUN_ID],
    'the other node is no longer above this one',
  )
  await bench.close()
})

test('a fenced connection has its requests refused, its close ignored, and is streamed nothing', async () => {
  const bench = await MasterBench.open()
  const old = bench.attachOnline()
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
  bench.disconnect(old)
  assert.equal(
    bench.master.replicas.attached().map(({ address }) => address),
    [fresh.address],
  )
  bench.master.binlogSync(fresh, session, end.offset)
  bench.turn()
  assert.is(fresh.take().length, bench.engine.storage.binlog.end.offset - end.offset)
  assert.equal(bench.textsAt('warn', 'error'), [])
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
    bench.advance(1000)
  }
  assert.is(old.isClosed, false)
  bench.ack(fresh, 0)
  bench.advance(100)
  assert.is(old.isClosed, true)
  assert.is(fresh.isClosed, false)
  await bench.close()
})

test('a half-open link does not delay the replica that returns', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'a', '1')
  const vanished = bench.attachOnline()
  bench.write('SET', 'b', '2')
  const { binlog } = bench.engine.storage
  const back = bench.connect()
  const { session } = bench.metaSync(back, { attempt: 2 })
  assert.is(bench.trySync(back, session, binlog.end).type, 'continue')
  bench.master.binlogSync(back, session, binlog.end.offset)
  bench.write('SET', 'c', '3')
  assert.is(back.take().length > 0, true)
  assert.is(bench.master.replicas.online().length, 1)
  assert.is(vanished.isClosed, false)
  await bench.close()
})

test('a stale attempt is refused and fences nothing', async () => {
  const bench = await MasterBench.open()
  const connection = bench.attachOnline(undefined, { attempt: 5 })
  assert.match(
    refusal(() => bench.metaSync(bench.connect(), { attempt: 4 })),
    /^STALE/,
  )
  bench.write('SET', 'key', '1')
  assert.is(connection.take().length, bench.engine.storage.binlog.end.offset)
  await bench.close()
})

test("without METASYNC, or with another connection's session, requests are refused", async () => {
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

test('two processes with one address cause one warning, a conflict in INFO and one line at its end', async () => {
  const bench = await MasterBench.open()
  bench.metaSync(bench.connect())
  bench.metaSync(bench.connect(), { runId: id(2) })
  const first = bench.connect()
  const sinceMs = bench.clock.monotonicMs()
  bench.metaSync(first, { attempt: 2 })
  for (let attempt = 2; attempt < 30; attempt++) {
    assert.match(
      refusal(() => bench.metaSync(bench.connect(), { runId: id(2), attempt })),
      /^DUPLICATE 10\.0\.0\.1:7001/,
    )
    bench.ack(first, 0)
    bench.advance(1000)
  }
  assert.is(bench.textsAt('warn').length, 1)
  assert.match(bench.textsAt('warn')[0] as string, new RegExp(`${id(1)} at ${first.address} takes it back, ${id(2)} at .* is refused`))
  const [conflict, ...others] = bench.master.replicas.conflicts()
  assert.equal(others, [])
  assert.equal([conflict?.holderRunId, conflict?.holderAddress, conflict?.refusedRunId], [id(1), first.address, id(2)])
  assert.is(conflict?.refusedMs, bench.clock.monotonicMs() - sinceMs)
  bench.disconnect(first)
  bench.metaSync(bench.connect(), { runId: id(2), attempt: 30 })
  assert.equal(bench.master.replicas.conflicts(), [])
  assert.is(bench.textsAt('warn').length, 1)
  await bench.close()
})

test('a detached replica is shown for replica-forget-after with its acknowledged offset, and then dropped', async () => {
  const bench = await MasterBench.open({ settings: { forgetAfterMs: 5000 } })
  bench.write('SET', 'key', '1')
  const connection = bench.attachOnline()
  const { offset } = bench.engine.storage.binlog.end
  bench.ack(connection, offset)
  bench.write('SET', 'key', '22')
  bench.disconnect(connection)
  assert.equal(bench.master.replicas.attached(), [])
  assert.is(bench.master.replicas.hasAttached, false)
  bench.advance(4900)
  const [view] = bench.master.replicas.absent()
  assert.equal([view?.ip, view?.port, view?.applied, view?.goneMs], ['10.0.0.1', 7001, offset, 4900])
  assert.is(view?.lagBytes, bench.engine.storage.binlog.end.offset - offset)
  bench.advance(100)
  assert.equal(bench.master.replicas.absent(), [])
  await bench.close()
})

test('a replica granted TRYSYNC that never sends BINLOGSYNC pins no more than replica-lag-limit', async () => {
  const lagLimitBytes = 10_000
  const bench = await MasterBench.open({ settings: { lagLimitBytes } })
  const connection = bench.connect()
  const { session } = bench.metaSync(connection)
  const position = bench.engine.storage.binlog.end
  assert.is(bench.trySync(connection, session, position).type, 'continue')
  for (let written = 0; written < lagLimitBytes; written += 1000) bench.write('SET', 'key', 'v'.repeat(1000))
  assert.ok(bench.master.replicas.pinned >= bench.engine.storage.binlog.end.offset - lagLimitBytes)
  bench.ack(connection, 0) // a heartbeat
  bench.advance(100)
  assert.is(connection.isClosed, true)
  assert.match(bench.textsAt('warn')[0] as string, /more than replica-lag-limit/)
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('an ACK beyond the sent offset counts as one of the sent offset', async () => {
  const bench = await MasterBench.open()
  const connection = bench.attachOnline()
  const before = bench.engine.storage.binlog.end.offset
  bench.feedLimit = before
  bench.write('SET', 'key', '1')
  bench.ack(connection, before + 1_000_000)
  assert.is(bench.master.replicas.ackedCount(before, 'applied'), 0)
  assert.is(bench.master.replicas.attached()[0]?.applied, before)
  await bench.close()
})

test("a replica's ip is the announced one, or else its connection's", async () => {
  const bench = await MasterBench.open()
  bench.metaSync(bench.connect('10.9.9.9'), { ip: 'replica.example', runId: id(1) })
  bench.metaSync(bench.connect('10.9.9.9'), { ip: '', runId: id(2) })
  assert.equal(
    bench.master.replicas.attached().map(({ ip, port }) => `${ip}:${port}`),
    ['replica.example:7001', '10.9.9.9:7001'],
  )
  await bench.close()
})

test('an attached replica shows its full sync with reason and progress, and the pin names its owner', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'key', '1')
  const { end } = bench.engine.storage.binlog
  assert.is(bench.master.replicas.pin, null)
  const follower = bench.attachOnline(end)
  assert.equal(bench.master.replicas.pin, { offset: end.offset, by: 'replica 10.0.0.1:7001' })
  assert.is(bench.master.replicas.attached()[0]?.fullSync, null)
  bench.disconnect(follower)
  const stranger = bench.connect()
  const { session } = bench.metaSync(stranger, { port: 7002 })
  const reply = bench.trySync(stranger, session, { offset: 0, crc: 77 })
  assert.is(reply.type, 'full-sync')
  bench.master.dbSync(stranger, { session, snapshot: null, after: null })
  const given = () => bench.master.replicas.attached()[0]?.fullSync
  assert.equal(given(), { reason: (reply as { reason: string }).reason, isResumed: false, sentBytes: 0, totalBytes: 0 })
  assert.is(bench.master.replicas.pin?.by, 'full sync of 10.0.0.1:7002')
  const asking = bench.connect()
  const other = bench.metaSync(asking, { port: 7003 })
  bench.master.dbSync(asking, { session: other.session, snapshot: null, after: null })
  assert.is(bench.master.replicas.attached()[1]?.fullSync?.reason, 'requested')
  assert.is(bench.master.replicas.pin?.by, 'full sync of 10.0.0.1:7002 and 10.0.0.1:7003')
  await bench.close()
})

test.run()
