/** Both sides of replication on one node: feeding, waiting, changes of role. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FORMAT_VERSION, metaReply, trySyncReplyWords } from '../../replication/protocol/messages.ts'
import { defaultReplicationSettings } from '../../replication/protocol/settings.ts'
import type { WireEvents } from '../../replication/protocol/wire.ts'
import { Replication } from '../../replication/replication.ts'
import { replayer } from '../../server/wiring/replay-client.ts'
import { loadIdentity, type PastHistory } from '../../storage/directory/identity.ts'
import { lose } from '../support/disks/swaps.ts'
import { fromSeed } from '../support/generators/seed.ts'
import { DIRECTORY, Disk, Engine, nextTurn, until } from '../support/harness/engine.ts'
import { ManualClock } from '../support/harness/manual-clock.ts'
import { FakeConnection, id } from '../support/replication/master-bench.ts'

/** Returns replication on a simulated disk. `always` stands for appendfsync always. */
async function node(always = false) {
  const clock = new ManualClock()
  const { random } = fromSeed(4)
  const engine = await Engine.open(new Disk(), { clock, random })
  const { storage } = engine
  const dialled: (number | undefined)[] = []
  const sent: string[] = []
  let events: WireEvents | null = null
  const nothing = () => {}
  const replication = new Replication({
    storage,
    clock,
    random,
    settings: defaultReplicationSettings(),
    runId: id(9),
    databases: 4,
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    replayer: replayer(engine.executor, storage.keyspace),
    dial(_host, _port, wireEvents) {
      events = wireEvents
      dialled.push(loadIdentity(engine.disk.files.crash(lose), DIRECTORY)?.master?.port)
      return { send: (data) => void sent.push(data.toString()), pause: nothing, resume: nothing, close: nothing }
    },
    port: () => 6379,
    syncAlways: () => always,
    isHeld: () => false,
    waitFailure: () => new Error('UNBLOCKED'),
    wake: () => storage.beginTurn(),
    onChanged: nothing,
  })
  Object.assign(engine.events, replication.storageEvents)
  const online = () => {
    const connection = new FakeConnection(1)
    const { end, replicationId } = { end: storage.binlog.end, replicationId: storage.identity.replicationId }
    const { master } = replication
    const { session } = master.metaSync(connection, {
      ip: '',
      port: 7001,
      runId: id(1),
      attempt: 1,
      version: FORMAT_VERSION,
      isFailover: false,
    })
    master.trySync(connection, { session, replicationIds: [replicationId], ...end, isFailover: false })
    master.binlogSync(connection, session, end.offset)
    replication.flush()
    connection.take()
    return connection
  }
  /** Answers the last request of this node as its master. */
  const answer = (words: readonly string[]) => {
    const bulk = words.map((word) => `$${word.length}\r\n${word}\r\n`)
    events?.onData(Buffer.from(`*${words.length}\r\n${bulk.join('')}`, 'latin1'))
  }
  /** Accepts this node, at its own offset, as the master of this history. */
  const takenOn = (replicationId: string, past: readonly PastHistory[]) => {
    const { offset } = storage.binlog.end
    events?.onConnected()
    const place = { binlogStart: 0, binlogEnd: offset, chain: [id(2)] }
    answer(metaReply({ session: 1, replicationId, past, runId: id(2), version: FORMAT_VERSION, databases: 4, ...place }))
    answer(trySyncReplyWords({ type: 'continue', replicationId, offset, past }))
  }
  return { engine, storage, replication, dialled, online, takenOn }
}

test('replicas receive the log at the end of the turn, and with appendfsync always once it is durable', async () => {
  for (const always of [false, true]) {
    const { engine, storage, replication, online } = await node(always)
    const connection = online()
    const from = storage.binlog.end.offset
    const written = () => storage.binlog.end.offset - from
    engine.turn(() => {
      engine.run('SET', 'a', '1')
      replication.flush()
      assert.is(connection.take().length, 0, 'the log has nothing of the turn')
    })
    replication.flush()
    assert.is(connection.take().length, always ? 0 : written())
    storage.binlog.sync()
    replication.flush()
    assert.is(connection.take().length, 0)
    await until(() => storage.binlog.synced === storage.binlog.end.offset, 'synced')
    assert.is(connection.take().length, always ? written() : 0, 'at once')
    await storage.close('nosave')
  }
})

test('WAIT counts replicas that have applied, WAITAOF replicas whose log is durable', async () => {
  const { engine, storage, replication, online } = await node()
  const connection = online()
  engine.write('SET', 'a', '1')
  replication.flush()
  const { offset } = storage.binlog.end
  replication.master.ack(connection, { applied: offset, synced: 0, asked: 0 })
  const owner = {}
  const wait = (what: 'applied' | 'synced') =>
    replication.wait(owner, { after: offset - 1, mustBeDurableHere: false, replicas: 1, what, timeoutMs: 0 })
  assert.is((await wait('applied')).replicas, 1)
  let answered = false
  const waiting = wait('synced').then(({ replicas }) => {
    answered = true
    return replicas
  })
  replication.tick()
  await nextTurn()
  assert.not.ok(answered)
  replication.master.ack(connection, { applied: offset, synced: offset, asked: 0 })
  assert.is(await waiting, 1)
  await storage.close('nosave')
})

test('a role is durable before it has any effect', async () => {
  const { engine, storage, replication, dialled } = await node()
  replication.follow('10.0.0.1', 7001, 'partial')
  assert.equal(dialled, [7001])
  replication.follow('10.0.0.1', 7002, 'full')
  assert.equal(dialled, [7001, 7002])
  assert.match(storage.identity.fullSync ?? '', /FORCE/)
  replication.leave()
  assert.is(loadIdentity(engine.disk.files.crash(lose), DIRECTORY)?.master, null)
  await storage.close('nosave')
})

test("when a full sync replaces this node's data, its replicas must begin again", async () => {
  const { engine, storage, replication, online } = await node()
  engine.write('SET', 'a', '1')
  const connection = online()
  engine.events.onInstalled()
  assert.match(connection.takeText(), /^-BADSESSION .*full sync/)
  assert.equal(replication.master.replicas.online(), [])
  await storage.close('nosave')
})

test('when its master continues under another id, a replica disconnects its own replicas so that they learn it', async () => {
  const { engine, storage, replication, online, takenOn } = await node()
  engine.write('SET', 'a', '1')
  const { replicationId } = storage.identity
  const { offset } = storage.binlog.end
  replication.follow('10.0.0.1', 7001, 'partial')
  takenOn(replicationId, [])
  assert.is(replication.link.state, 'binlog_sync')
  const connection = online()
  replication.link.reconnect('to look again')
  takenOn(replicationId, [])
  assert.is(replication.master.replicas.online().length, 1, 'nothing has changed for the replica')
  replication.link.reconnect('to look again')
  takenOn(id(7), [{ id: replicationId, until: offset }])
  assert.is(replication.link.state, 'binlog_sync')
  assert.is(storage.identity.replicationId, id(7))
  assert.match(connection.takeText(), /^-BADSESSION .*history has changed/)
  assert.equal(replication.master.replicas.online(), [])
  replication.leave()
  await storage.close('nosave')
})

test('a replica whose promotion cannot be stored keeps following', async () => {
  const { engine, storage, replication, dialled } = await node()
  replication.follow('10.0.0.1', 7001, 'partial')
  engine.disk.files.fail({ operation: 'write', path: /identity/, code: 'EIO' })
  assert.throws(() => replication.leave(), /EIO/)
  assert.is(storage.role, 'replica')
  assert.equal(dialled, [7001, 7001])
  replication.leave()
  assert.is(storage.role, 'master')
  await storage.close('nosave')
})

test('SLAVEOF makes a node that restarted during a hand-over an ordinary replica', async () => {
  const { storage, replication } = await node()
  storage.becomeReplica({ host: '10.0.0.1', port: 7001, failover: true })
  replication.start(null)
  assert.is(replication.follow('10.0.0.1', 7001, 'partial'), 'started')
  assert.is(storage.identity.master?.failover, false)
  assert.is(replication.follow('10.0.0.1', 7001, 'partial'), 'already')
  replication.leave()
  await storage.close('nosave')
})

test('a replica takes over once: from its own master only while the link is up, else from any process of its history', async () => {
  const { engine, storage, replication, takenOn } = await node()
  engine.write('SET', 'a', '1')
  const { replicationId } = storage.identity
  const { end } = storage.binlog
  replication.follow('10.0.0.1', 7001, 'partial')
  takenOn(replicationId, [])
  let attempt = 0
  const ask = () => {
    const connection = new FakeConnection(++attempt)
    const request = { ip: '', port: 7001, runId: id(3), attempt, version: FORMAT_VERSION, isFailover: true }
    const { session } = replication.master.metaSync(connection, request)
    return replication.master.trySync(connection, { session, replicationIds: [replicationId], ...end, isFailover: true })
  }
  assert.throws(ask, /not the master of this node/)
  replication.link.reconnect('the master is restarted, and has another run id')
  assert.is(ask().type, 'continue')
  assert.is(storage.role, 'master')
  replication.follow('10.0.0.1', 7002, 'partial')
  assert.is(ask().type, 'continue', 'the node took over and handed the role on')
  assert.is(storage.role, 'replica')
  replication.leave()
  await storage.close('nosave')
})

test.run()
