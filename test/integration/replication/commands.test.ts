/** Replication as clients see it: refusals, waiting, roles, deadlines. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CutProxy } from '../../support/servers/cut-proxy.ts'
import {
  assertEqual,
  binlogOf,
  fieldOf,
  fill,
  follow,
  fullSyncs,
  infoOf,
  inStep,
  itemsOf,
  linked,
  offsetOf,
  startReplica,
  stopAll,
} from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { type WireClient, WireError, type WireReply } from '../../support/servers/wire-client.ts'

const READ_ONLY = new WireError("READONLY You can't write against a read only replica.")

const master = await RunningServer.start({ flags: { 'repl-ping-replica-period': 1 } })
const proxy = await CutProxy.start(master.port)
const replica = await startReplica(proxy.port, { flags: { 'repl-ping-replica-period': 1 } })
test.before.each(async () => {
  proxy.isOpen = true
  for (const link of proxy.links) link.restore()
  await inStep(master, replica)
})
test.after(async () => {
  await proxy.close()
  await stopAll(replica, master)
})

/** Returns a client that has written, and its id. */
async function writer(): Promise<{ client: WireClient; id: number }> {
  const client = await master.connect()
  await client.call('INCR', 'written')
  return { client, id: (await client.call('CLIENT', 'ID')) as number }
}

async function replicaValue(key: string): Promise<WireReply> {
  await inStep(master, replica)
  return await replica.call('GET', key)
}

test('ROLE and INFO agree on both sides', async () => {
  await fill(master, 'role', 100)
  await inStep(master, replica)
  const end = await offsetOf(master)
  const acknowledged = async () => itemsOf(await fieldOf(master, 'slave0')).get('offset') === String(end)
  await until('the ACK', acknowledged)
  assert.equal(await master.call('ROLE'), ['master', end, [['127.0.0.1', String(replica.port), String(end)]]])
  assert.equal(await replica.call('ROLE'), ['slave', '127.0.0.1', proxy.port, 'connected', end])
  const [above, below] = [await infoOf(master), await infoOf(replica)]
  const expected: [ReadonlyMap<string, string>, string, string][] = [
    [above, 'role', 'master'],
    [above, 'connected_slaves', '1'],
    [above, 'master_failover_state', 'no-failover'],
    [below, 'role', 'slave'],
    [below, 'master_host', '127.0.0.1'],
    [below, 'master_port', String(proxy.port)],
    [below, 'master_link_status', 'up'],
    [below, 'master_sync_in_progress', '0'],
    [below, 'slave_repl_offset', String(end)],
    [below, 'slave_read_only', '1'],
    [below, 'repl_state', 'BINLOG_SYNC'],
    [below, 'repl_last_error', ''],
    [below, 'is_eligible_for_master_election', 'true'],
    [below, 'master_replid', above.get('master_replid') as string],
    [below, 'ReplicationID', above.get('ReplicationID') as string],
  ]
  for (const [info, name, value] of expected) assert.is(info.get(name), value, name)
  const line = itemsOf(above.get('slave0'))
  assert.is(line.get('state'), 'online')
  assert.is(line.get('port'), String(replica.port))
  assert.is(line.get('lag_bytes'), '0')
  assert.ok(Number(line.get('lag')) <= 1)
})

test("ROLE of a master that never had a replica is like Redis's", async () => {
  const alone = await RunningServer.start()
  await alone.call('SET', 'a', '1')
  assert.ok((await offsetOf(alone)) > 0)
  assert.equal(await alone.call('ROLE'), ['master', 0, []])
  await alone.stop()
  const left = await RunningServer.start({ flags: { replicaof: `127.0.0.1 ${master.port}` } })
  await inStep(master, left)
  await left.call('REPLICAOF', 'NO', 'ONE')
  assert.equal(await left.call('ROLE'), ['master', await offsetOf(left), []], 'it was a replica')
  await left.stop()
})

test('a replica refuses writes, serves reads, and logs nothing of its own', async () => {
  await master.call('SET', 'read', 'me')
  assert.is(await replicaValue('read'), 'me')
  for (const words of [
    ['SET', 'a', '1'],
    ['DEL', 'read'],
    ['FLUSHALL'],
    ['EXPIRE', 'read', 5],
    ['GETEX', 'read', 'EX', 5],
    ['SWAPDB', 0, 1],
  ]) {
    assert.equal(await replica.call(...words), READ_ONLY, words.join(' '))
  }
  assert.equal(await replica.call('CONFIG', 'GET', 'replica-read-only'), ['replica-read-only', 'yes'])
  assert.instance(await replica.call('CONFIG', 'SET', 'replica-read-only', 'no'), WireError)
  await replica.call('SCAN', 0)
  await assertEqual(master, replica)
})

test('every database is replicated, including commands across databases', async () => {
  const client = await master.connect()
  for (const database of [0, 3, 15]) await client.pipeline([['SELECT', database], ['SET', 'db', database]]) // biome-ignore format: one line
  await client.pipeline([['SELECT', 3], ['MOVE', 'db', 4], ['SWAPDB', 0, 15], ['SELECT', 4], ['COPY', 'db', 'copied', 'DB', 7]]) // biome-ignore format: one line
  await client.close()
  await assertEqual(master, replica)
  const reader = await replica.connect()
  await reader.call('SELECT', 7)
  assert.is(await reader.call('GET', 'copied'), '3')
  await reader.close()
  await master.call('FLUSHALL')
  await assertEqual(master, replica)
  assert.is(await replica.call('DBSIZE'), 0)
})

test('very large values, their changes and many small ones are replicated', async () => {
  const client = await master.connect()
  const large = 'x'.repeat(24 * 1024 * 1024)
  await client.pipeline([['SET', 'large', large], ['SETRANGE', 'large', 20_000_000, 'y'.repeat(100_000)], ['APPEND', 'large', 'end']]) // biome-ignore format: one line
  await client.pipeline([['SETBIT', 'sparse', 400_000_000, 1], ['COPY', 'large', 'copied'], ['DEL', 'large']]) // biome-ignore format: one line
  await client.pipeline(Array.from({ length: 5000 }, (_, i) => ['SET', `small:${i}`, i]))
  await assertEqual(master, replica)
  await client.pipeline([['DEL', 'copied'], ['DEL', 'sparse']]) // biome-ignore format: one line
  await client.close()
})

test('DEBUG RELOAD of either side keeps both in step', async () => {
  const full = await fullSyncs(master)
  await fill(master, 'reload', 200)
  assert.is(await replica.call('DEBUG', 'RELOAD'), 'OK')
  await master.call('INCR', 'reloads')
  assert.is(await master.call('DEBUG', 'RELOAD'), 'OK')
  await master.call('INCR', 'reloads')
  await assertEqual(master, replica)
  assert.is(await replica.call('GET', 'reloads'), '2')
  assert.is(await fullSyncs(master), full)
})

test('deadlines set in any way are equal to the millisecond', async () => {
  const client = await master.connect()
  const soon = Date.now() + 777_777
  const commands = [
    ['SET', 'ex', 1, 'EX', 1000],
    ['SET', 'px', 1, 'PX', 1_234_567],
    ['SET', 'exat', 1, 'EXAT', Math.floor(soon / 1000)],
    ['SET', 'pxat', 1, 'PXAT', soon],
    ['SETEX', 'setex', 5000, 1],
    ['PSETEX', 'psetex', 5_000_001, 1],
    ['SET', 'expire', 1],
    ['EXPIRE', 'expire', 3000],
    ['SET', 'getex', 1],
    ['GETEX', 'getex', 'PX', 99_999],
    ['INCR', 'ex'],
    ['COPY', 'px', 'copy'],
  ]
  await client.pipeline(commands)
  await inStep(master, replica)
  const reader = await replica.connect()
  for (const key of ['ex', 'px', 'exat', 'pxat', 'setex', 'psetex', 'expire', 'getex', 'copy']) {
    const deadline = (await client.call('PEXPIRETIME', key)) as number
    assert.ok(deadline > Date.now(), key)
    assert.is(await reader.call('PEXPIRETIME', key), deadline, key)
  }
  await client.close()
  await reader.close()
})

test('an expired key is hidden on the replica, and deleted there when the master deletes it', async () => {
  await master.call('SET', 'mortal', '1', 'PX', 200)
  await inStep(master, replica)
  const keys = await replica.call('DBSIZE')
  proxy.link.silence('down') // the master's word does not arrive
  await until('the expired key to be hidden', async () => (await replica.call('GET', 'mortal')) === null)
  assert.is(await replica.call('EXISTS', 'mortal'), 0)
  assert.is(await replica.call('TTL', 'mortal'), -2)
  assert.not(((await replica.call('KEYS', '*')) as string[]).includes('mortal'))
  await until('the key to be deleted on the master', async () => (await master.call('DBSIZE')) === (keys as number) - 1)
  assert.is(await replica.call('DBSIZE'), keys, 'the key exists and is hidden')
  proxy.link.restore()
  await until('the word to arrive', async () => (await replica.call('DBSIZE')) === (keys as number) - 1)
  await assertEqual(master, replica)
})

test('a promoted replica deletes expired keys', async () => {
  await master.call('SET', 'overdue', '1', 'PX', 150)
  await inStep(master, replica)
  const keys = (await replica.call('DBSIZE')) as number
  const { link } = proxy
  link.silence('down')
  await until('the expired key to be hidden', async () => (await replica.call('GET', 'overdue')) === null)
  assert.is(await replica.call('SLAVEOF', 'NO', 'ONE'), 'OK')
  await until('the expired key to be deleted', async () => (await replica.call('DBSIZE')) === keys - 1)
  link.cut()
  await follow(replica, proxy)
  await assertEqual(master, replica)
})

test('WAIT and WAITAOF answer when replicas have the write, at the timeout, or at once for zero replicas', async () => {
  const { client } = await writer()
  assert.is(await client.call('WAIT', 1, 5000), 1)
  assert.equal(await client.call('WAITAOF', 1, 1, 5000), [1, 1])
  assert.is(await client.call('WAIT', 0, 0), 1)
  await client.call('INCR', 'waited')
  const started = performance.now()
  assert.is(await client.call('WAIT', 2, 300), 1)
  assert.ok(performance.now() - started >= 295)
  proxy.link.silence('down')
  await client.call('INCR', 'waited')
  assert.is(await client.call('WAIT', 1, 100), 0)
  assert.is(((await client.call('WAITAOF', 0, 1, 100)) as number[])[1], 0)
  proxy.link.restore()
  assert.is(await client.call('WAIT', 1, 5000), 1)
  assert.match(((await replica.call('WAIT', 1, 10)) as WireError).text, /^ERR WAIT cannot be used with replica instances/)
  assert.match(((await replica.call('WAITAOF', 0, 1, 10)) as WireError).text, /^ERR WAITAOF cannot be used with replica instances/)
  await client.close()
})

test('CLIENT UNBLOCK ends a WAIT with the count or an error, and so does disconnecting', async () => {
  const { client, id } = await writer()
  assert.is(await client.call('WAIT', 1, 5000), 1)
  const admin = await master.connect()
  const isBlocked = async () => Number(await fieldOf(master, 'blocked_clients', 'clients')) > 0
  for (const [how, expected] of [
    ['TIMEOUT', 1],
    ['ERROR', new WireError('UNBLOCKED client unblocked via CLIENT UNBLOCK')],
  ] as const) {
    const waiting = client.call('WAIT', 5, 0)
    await until('the client to wait', isBlocked)
    assert.is(await admin.call('CLIENT', 'UNBLOCK', id, how), 1)
    assert.equal(await waiting, expected)
  }
  assert.is(await admin.call('CLIENT', 'UNBLOCK', id), 0)
  const waiting = client.call('WAIT', 5, 0).catch(() => 'closed')
  await until('the client to wait', isBlocked)
  await client.close()
  assert.is(await waiting, 'closed')
  await until('no client to wait', async () => !(await isBlocked()))
  await admin.close()
})

test('WAIT ends with an error when its node becomes a replica', async () => {
  await replica.call('SLAVEOF', 'NO', 'ONE')
  const client = await replica.connect()
  const waiting = client.call('WAIT', 1, 0)
  await until('the client to wait', async () => Number(await fieldOf(replica, 'blocked_clients', 'clients')) > 0)
  await follow(replica, proxy)
  assert.match(((await waiting) as WireError).text, /^UNBLOCKED force unblock from blocking operation, instance state changed/)
  await client.close()
})

test('CLIENT KILL and LIST know masters and replicas, and killed links reconnect at once', async () => {
  const lines = (await master.call('CLIENT', 'LIST', 'TYPE', 'REPLICA')) as string
  assert.match(lines, /flags=S/)
  assert.is(lines.trim().split('\n').length, 1)
  const full = await fullSyncs(master)
  const links = proxy.linkCount
  assert.is(await master.call('CLIENT', 'KILL', 'TYPE', 'REPLICA'), 1)
  await until('another link', () => proxy.linkCount === links + 1)
  await inStep(master, replica)
  assert.is(await replica.call('CLIENT', 'KILL', 'TYPE', 'MASTER'), 1)
  await until('another link', () => proxy.linkCount === links + 2)
  await inStep(master, replica)
  assert.is(await fullSyncs(master), full)
  assert.is(await fieldOf(master, 'connected_slaves'), '1')
})

test('min-replicas-to-write refuses writes while too few replicas are in step', async () => {
  assert.is(await master.call('CONFIG', 'SET', 'min-replicas-to-write', 1, 'min-replicas-max-lag', 2), 'OK')
  assert.is(await master.call('SET', 'good', '1'), 'OK')
  assert.is(await fieldOf(master, 'min_slaves_good_slaves'), '1')
  proxy.link.silence()
  const refused = new WireError('NOREPLICAS Not enough good replicas to write.')
  await until('writes to be refused', async () => (await master.call('SET', 'good', '2')) instanceof WireError)
  assert.equal(await master.call('SET', 'good', '2'), refused)
  assert.is.not(await master.call('GET', 'good'), null)
  proxy.link.restore()
  await until('writes to be taken', async () => (await master.call('SET', 'good', '3')) === 'OK')
  await master.call('CONFIG', 'SET', 'min-replicas-to-write', 0)
})

test('with replica-serve-stale-data no reads answer MASTERDOWN exactly while the link is down', async () => {
  await master.call('SET', 'stale', '1')
  await inStep(master, replica)
  await replica.call('CONFIG', 'SET', 'replica-serve-stale-data', 'no')
  assert.is(await replica.call('GET', 'stale'), '1')
  proxy.isOpen = false
  proxy.cut()
  const down = new WireError("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")
  await until('reads to be refused', async () => (await replica.call('GET', 'stale')) instanceof WireError)
  assert.equal(await replica.call('GET', 'stale'), down)
  assert.equal(await replica.call('SET', 'stale', '1'), READ_ONLY)
  assert.is((await replica.call('PING')) instanceof WireError, true)
  assert.match((await replica.call('INFO', 'replication')) as string, /master_link_status:down/)
  await replica.call('CONFIG', 'SET', 'replica-serve-stale-data', 'yes')
  assert.is(await replica.call('GET', 'stale'), '1')
  await replica.call('CONFIG', 'SET', 'replica-serve-stale-data', 'no')
  proxy.isOpen = true
  await linked(replica)
  assert.is(await replica.call('GET', 'stale'), '1')
  await replica.call('CONFIG', 'SET', 'replica-serve-stale-data', 'yes')
})

test('writes held by CLIENT PAUSE are replicated, and the UNPAUSE is not', async () => {
  const client = await master.connect()
  assert.is(await master.call('CLIENT', 'PAUSE', 60_000, 'WRITE'), 'OK')
  const held = client.pipeline([['INCR', 'paused'], ['INCR', 'paused']]) // biome-ignore format: one line
  await until('the write to be held', async () => Number(await fieldOf(master, 'blocked_clients', 'clients')) > 0)
  assert.is(await master.call('CLIENT', 'UNPAUSE'), 'OK')
  assert.equal(await held, [1, 2])
  await client.close()
  await assertEqual(master, replica)
  assert.not(binlogOf(master).bytes.includes('UNPAUSE'))
})

test('with appendfsync always on both sides a write confirmed by WAITAOF is durable on both', async () => {
  const always = { appendfsync: 'always' }
  const above = await RunningServer.start({ flags: always })
  const below = await startReplica(above.port, { flags: always })
  await inStep(above, below)
  const client = await above.connect()
  for (let i = 1; i <= 20; i++) {
    assert.is(await client.call('INCR', 'always'), i)
    assert.equal(await client.call('WAITAOF', 1, 1, 5000), [1, 1])
    assert.is(await below.call('GET', 'always'), String(i))
  }
  await client.close()
  await below.kill9()
  await below.launch()
  assert.is(await below.call('GET', 'always'), '20')
  await assertEqual(above, below)
  await stopAll(below, above)
})

test.run()
