/**
 * METASYNC is idempotent: an existing SlaveItem is normal, whatever process it belonged to, and the
 * remains of an old connection disturb nothing.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FORMAT_VERSION, metaSyncWords } from '../../../replication/protocol/messages.ts'
import { anyId, HandReplica } from '../../support/servers/hand-replica.ts'
import { assertQuiet, fieldOf, infoOf, itemsOf, linesOf, offsetOf } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { encodeCommand, type WireClient, WireError } from '../../support/servers/wire-client.ts'

const REPEATS = 1000

const master = await RunningServer.start({ flags: { loglevel: 'debug', 'repl-timeout': 3, 'repl-ping-replica-period': 1 } })
test.after(async () => await master.stop())

let port = 20_000
/** Returns a replica with a port that no other test uses. */
const newReplica = () => new HandReplica(++port)

const metaSyncLines = (from: number) => linesOf(master, from).filter(({ msg }) => msg === 'METASYNC')

/** Returns the SlaveItems shown for a port: attached ones and detached ones. */
async function slaveItems(announced: number): Promise<{ attached: ReadonlyMap<string, string>[]; absent: number }> {
  const info = await infoOf(master)
  const named = (pattern: RegExp) => [...info].filter(([name]) => pattern.test(name)).map(([, line]) => itemsOf(line))
  const ofPort = (lines: ReadonlyMap<string, string>[]) => lines.filter((items) => items.get('port') === String(announced))
  return { attached: ofPort(named(/^slave\d+$/)), absent: ofPort(named(/^offline_slave\d+$/)).length }
}

async function assertOneItem(announced: number): Promise<void> {
  const { attached, absent } = await slaveItems(announced)
  assert.is(attached.length, 1)
  assert.is(absent, 0)
}

const refusal = (reply: unknown) => (reply instanceof WireError ? reply.text : `no refusal: ${JSON.stringify(reply)}`)

test(`METASYNC repeated ${REPEATS} times on one connection gets one answer and makes one SlaveItem`, async () => {
  const from = master.logLines.length
  const replica = newReplica()
  const link = await replica.connect({ port: master.port })
  const words = metaSyncWords(replica.introduction())
  const first = await link.call(...words)
  assert.not.instance(first, WireError)
  const replies = await link.client.pipeline(Array.from({ length: REPEATS - 1 }, () => words))
  for (const reply of replies) assert.equal(reply, first)
  await assertOneItem(replica.port)
  assert.is(metaSyncLines(from).length, REPEATS, 'a debug line each')
  assert.ok(metaSyncLines(from).every(({ level }) => level === 20))
  assertQuiet(master, from)
  await link.close()
})

test(`METASYNC on ${REPEATS} connections gets the same meta and makes one SlaveItem`, async () => {
  const from = master.logLines.length
  const replica = newReplica()
  const introduction = replica.introduction()
  const clients: WireClient[] = []
  let expected = ''
  for (let i = 0; i < REPEATS; i++) {
    const link = await replica.connect({ port: master.port })
    const { session, ...meta } = await link.metaSync(introduction)
    expected ||= JSON.stringify(meta)
    assert.is(JSON.stringify(meta), expected, `connection ${i}, session ${session}`)
    clients.push(link.client)
  }
  await assertOneItem(replica.port)
  assert.is(metaSyncLines(from).length, REPEATS, 'a debug line each')
  assertQuiet(master, from)
  // All connections but the newest are closed; the item belongs to none of them.
  const newest = clients.pop() as WireClient
  await Promise.all(clients.map((client) => client.close()))
  await until('the old connections to be closed', async () => Number(await fieldOf(master, 'connected_clients', 'clients')) < 10)
  await assertOneItem(replica.port)
  assertQuiet(master, from)
  await newest.close()
})

test('a later attempt is bound at once, and the old connection can change nothing', async () => {
  const from = master.logLines.length
  const replica = newReplica()
  await master.call('SET', 'fencing', '1')
  const old = await replica.attach(master.port)
  const link = await replica.attach(master.port)
  await link.follow()
  await link.received(await offsetOf(master))
  link.ack()
  const acknowledged = link.position.offset
  const isAcknowledged = async () => (await slaveItems(replica.port)).attached[0]?.get('offset') === String(acknowledged)
  await until('the ACK to be seen', isAcknowledged)

  assert.match(refusal(await old.sayTrySync()), /^BADSESSION session \d+ is over: .* has come on another connection/)
  assert.match(refusal(await old.call('DBSYNC', old.session, '?', '-')), /^BADSESSION/)
  assert.match(refusal(await old.call('BINLOGSYNC', old.session, 0)), /^BADSESSION/)
  assert.match(refusal(await old.call('REPLCONF', 'ACK', 1, 'FACK', 1)), /^BADSESSION/)
  assert.match(
    refusal(await old.call('TRYSYNC', link.session, anyId(), 0, '00000000')),
    /^BADSESSION/,
    "the new connection's session from the old one",
  )
  assert.ok(await isAcknowledged(), 'the item is unchanged')
  await old.close()
  await master.call('SET', 'fencing', '2')
  await link.received(await offsetOf(master))
  assert.is(link.ending, null)
  const { attached } = await slaveItems(replica.port)
  assert.is(attached.length, 1)
  assert.is(attached[0]?.get('state'), 'online')
  assertQuiet(master, from)
  await link.close()
})

test('a streaming connection stops when its replica reconnects, and its next request is answered with the reason', async () => {
  const replica = newReplica()
  const old = await replica.attach(master.port)
  await old.follow()
  await old.received(await offsetOf(master))
  const link = await replica.attach(master.port)
  await link.follow()
  const { length } = old.raw
  await master.call('SET', 'streamed', '1')
  await link.received(await offsetOf(master))
  assert.is(old.raw.length, length)
  old.ack()
  await until('the old stream to end', () => old.ending !== null)
  assert.match(old.ending as string, /^BADSESSION .*has come on another connection/)
  // A fenced connection that stays open is closed after repl-timeout, and that is no news of the
  // replica.
  const alive = setInterval(() => link.ack(), 200)
  await old.client.closed
  clearInterval(alive)
  const { attached } = await slaveItems(replica.port)
  assert.is(attached[0]?.get('state'), 'online')
  await link.close()
})

test('a vanished replica is served when it returns, without waiting for repl-timeout', async () => {
  assert.is(await master.call('CONFIG', 'SET', 'repl-timeout', 3600), 'OK')
  const replica = newReplica()
  const vanished = await replica.attach(master.port)
  await vanished.follow()
  vanished.client.socket.pause()
  const link = await replica.attach(master.port)
  await link.follow()
  await master.call('SET', 'vanished', '1')
  await link.received(await offsetOf(master))
  await assertOneItem(replica.port)
  await vanished.close()
  await assertOneItem(replica.port)
  await link.close()
  assert.is(await master.call('CONFIG', 'SET', 'repl-timeout', 3), 'OK')
})

test('an attempt overtaken by a later one is refused as stale and fences nothing', async () => {
  const replica = newReplica()
  const late = await replica.connect({ port: master.port })
  const early = replica.introduction()
  const link = await replica.attach(master.port)
  await link.follow()
  assert.match(refusal(await late.sayMetaSync(early)), /^STALE .*attempt 1 /)
  await master.call('SET', 'stale', '1')
  await link.received(await offsetOf(master))
  assert.is(link.ending, null)
  assert.match(refusal(await late.sayTrySync({ session: link.session })), /^BADSESSION/)
  await assertOneItem(replica.port)
  await late.close()
  await link.close()
})

test('a restarted replica with a new run id takes over at once', async () => {
  const from = master.logLines.length
  const before = newReplica()
  const old = await before.attach(master.port, { attempt: 50 })
  await old.follow()
  const after = new HandReplica(before.port)
  const link = await after.attach(master.port)
  await link.follow()
  old.ack()
  await until('the old stream to end', () => old.ending !== null)
  assert.match(old.ending as string, /^BADSESSION/)
  await assertOneItem(before.port)
  assertQuiet(master, from)
  await old.close()
  await assertOneItem(before.port)
  await link.close()
})

test('another format version is refused with both versions named, and makes no SlaveItem', async () => {
  const replica = newReplica()
  const link = await replica.connect({ port: master.port })
  const text = refusal(await link.sayMetaSync({ version: 77 }))
  assert.match(text, /^VERSION /)
  assert.match(text, '77')
  assert.match(text, new RegExp(`\\b${FORMAT_VERSION}\\b`))
  assert.equal(await slaveItems(replica.port), { attached: [], absent: 0 })
  assert.not.instance(await link.sayMetaSync(), WireError, 'the right version is accepted on the same connection')
  await link.close()
})

test('malformed words are refused and make no SlaveItem', async () => {
  const client = await master.connect()
  const bad = [
    ['METASYNC', '', '0', anyId(), '1', '1'],
    ['METASYNC', '', '70000', anyId(), '1', '1'],
    ['METASYNC', '', '21000', 'nobody', '1', '1'],
    ['METASYNC', '', '21000', anyId(), '-1', '1'],
    ['METASYNC', 'a b', '21000', anyId(), '1', '1'],
    ['METASYNC', '', '21000', anyId(), '1', '1', 'MAYBE'],
  ]
  for (const words of bad) assert.match(refusal(await client.call(...words)), /^ERR /, words.join(' '))
  for (const words of [
    ['TRYSYNC', 1, anyId(), 0, '00000000'],
    ['DBSYNC', 1, '?', '-'],
    ['BINLOGSYNC', 1, 0],
  ]) {
    assert.match(refusal(await client.call(...words)), /^BADSESSION METASYNC has to come first/)
  }
  assert.equal(await slaveItems(21_000), { attached: [], absent: 0 })
  await client.close()
})

test('replicas behind one address are distinguished by port and announced address', async () => {
  const [one, two] = [newReplica(), newReplica()]
  const links = [await one.attach(master.port), await two.attach(master.port), await one.attach(master.port, { ip: '10.9.8.7' })]
  await assertOneItem(two.port)
  const { attached } = await slaveItems(one.port)
  assert.equal(attached.map((items) => items.get('ip')).sort(), ['10.9.8.7', '127.0.0.1'])
  for (const link of links) await link.follow()
  await master.call('SET', 'two', '2')
  for (const link of links) await link.received(await offsetOf(master))
  for (const link of links) await link.close()
})

test('of two processes with one address the first keeps it, and the other is refused by name', async () => {
  const from = master.logLines.length
  const first = newReplica()
  const second = new HandReplica(first.port)
  await (await first.attach(master.port)).follow()
  // A run id never seen: a restart, for all that is known.
  const intruder = await second.attach(master.port)
  await intruder.follow()
  const link = await first.attach(master.port) // but the first one lives
  await link.follow()

  const refused = await second.connect({ port: master.port })
  const text = refusal(await refused.sayMetaSync())
  assert.match(text, /^DUPLICATE /)
  for (const part of [`127.0.0.1:${first.port}`, first.runId, second.runId]) assert.ok(text.includes(part), text)
  for (let i = 0; i < 20; i++) assert.match(refusal(await refused.sayMetaSync()), /^DUPLICATE/)
  const conflict = itemsOf(await fieldOf(master, 'repl_conflict0'))
  assert.is(conflict.get('run_id'), first.runId)
  assert.is(conflict.get('refused_run_id'), second.runId)
  assert.is(conflict.get('port'), String(first.port))
  const warnings = linesOf(master, from).filter(({ level }) => level >= 40)
  assert.is(warnings.length, 1, JSON.stringify(warnings))
  assert.match(warnings[0]?.msg ?? '', new RegExp(`${second.runId}.* is refused`))
  await master.call('SET', 'incumbent', '1')
  await link.received(await offsetOf(master))
  assert.is(link.ending, null, 'the incumbent is not disturbed')

  await link.close() // once the first process is gone, the other one is accepted
  await until('the refused process to be forgotten', async () => (await slaveItems(first.port)).attached.length === 0)
  const admitted = await second.attach(master.port)
  await admitted.follow()
  await until('the conflict to be over', async () => (await fieldOf(master, 'repl_conflict0')) === '')
  await assertOneItem(first.port)
  await Promise.all([intruder.close(), refused.close(), admitted.close()])
})

test('a detached replica is shown for replica-forget-after and then dropped', async () => {
  const replica = newReplica()
  const link = await replica.attach(master.port)
  await link.follow()
  await link.received(await offsetOf(master))
  await link.close()
  await until('the replica to be shown as detached', async () => (await slaveItems(replica.port)).absent === 1)
  assert.is((await slaveItems(replica.port)).attached.length, 0)
  await master.call('CONFIG', 'SET', 'replica-forget-after', 1)
  await until('the item to be dropped', async () => (await slaveItems(replica.port)).absent === 0)
  await master.call('CONFIG', 'SET', 'replica-forget-after', 3600)
  await (await replica.attach(master.port)).close()
  await until('the replica to be attached again', async () => (await slaveItems(replica.port)).absent === 1)
})

test('a silent replica is detached after repl-timeout, and its item stays', async () => {
  const replica = newReplica()
  const link = await replica.attach(master.port)
  await link.follow()
  await link.client.closed
  await until('the replica to be shown as detached', async () => (await slaveItems(replica.port)).absent === 1)
})

test('an incomplete METASYNC and one whose sender leaves do no harm', async () => {
  const from = master.logLines.length
  const replica = newReplica()
  const words = encodeCommand(...metaSyncWords(replica.introduction()))
  for (let end = 1; end < words.length; end += 7) {
    const client = await master.connect()
    client.raw(words.subarray(0, end))
    await client.close()
  }
  assert.equal(await slaveItems(replica.port), { attached: [], absent: 0 })
  const client = await master.connect()
  client.raw(words)
  client.socket.end()
  await client.closed
  await until('the replica to be attached and detached', async () => (await slaveItems(replica.port)).absent === 1)
  assertQuiet(master, from)
})

test.run()
