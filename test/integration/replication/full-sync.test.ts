/**
 * Full syncs: while clients write, to several replicas at once, after a broken link and a crash,
 * and down a chain.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CutProxy } from '../../support/servers/cut-proxy.ts'
import { HandReplica } from '../../support/servers/hand-replica.ts'
import {
  assertEqual,
  fieldOf,
  fill,
  follow,
  fullSyncs,
  generationsOf,
  infoOf,
  inStep,
  linesOf,
  linked,
  offsetOf,
  startReplica,
  stopAll,
} from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'

const SLOW = '1mb'
const linesSaying = (server: RunningServer, text: string) => linesOf(server).filter(({ msg }) => msg === text)

/** Starts a server with about `megabytes` of incompressible values. */
async function startFilled(megabytes: number, flags: Readonly<Record<string, string | number>> = {}): Promise<RunningServer> {
  const server = await RunningServer.start({ flags: { loglevel: 'debug', ...flags } })
  await fill(server, 'big', megabytes * 1000, 1000)
  return server
}

const isFullSyncing = (replica: RunningServer) => async () => Number(await fieldOf(replica, 'repl_full_sync_bytes')) > 0

async function unlimited(master: RunningServer): Promise<void> {
  assert.is(await master.call('CONFIG', 'SET', 'dbsync-rate-limit', 0), 'OK')
}

test('under heavy writes with little retention, a replica serves its old data until the install and is then in step', async () => {
  const master = await startFilled(8, {
    'dbsync-rate-limit': SLOW,
    'binlog-file-size': '1mb',
    'binlog-retention-bytes': '1mb',
    'checkpoint-binlog-bytes': '1mb',
  })
  const replica = await RunningServer.start()
  await fill(replica, 'old', 100)
  await follow(replica, master)
  await until('the full sync to begin', isFullSyncing(replica))
  for (let round = 0; round < 4; round++) {
    await fill(master, 'meanwhile', 2000, 1000)
    assert.is(await replica.call('GET', 'old:7'), 'old7'.padEnd(64, 'v'))
    assert.is(await replica.call('GET', 'big:7'), null)
  }
  const info = await infoOf(replica)
  assert.is(info.get('master_link_status'), 'down')
  assert.is(info.get('master_sync_in_progress'), '1')
  assert.is(info.get('repl_state'), 'DB_SYNC')
  assert.is(info.get('is_eligible_for_master_election'), 'false')
  for (const field of [
    'repl_full_sync_percent',
    'repl_full_sync_bytes_total',
    'repl_full_sync_bytes_per_second',
    'repl_full_sync_eta_seconds',
  ]) {
    assert.ok(Number(info.get(field)) > 0, `${field}:${info.get(field)}`)
  }
  assert.match(await fieldOf(master, 'slave0'), 'state=send_bulk')
  assert.equal((await replica.call('ROLE')) as unknown[], ['slave', '127.0.0.1', master.port, 'sync', -1])
  await unlimited(master)
  await assertEqual(master, replica)
  assert.is(await replica.call('GET', 'old:7'), null)
  assert.is(await fullSyncs(master), 1, 'the needed binlog was kept')
  await until('the old data to be removed', () => generationsOf(replica).length === 1)
  await replica.restart('SIGKILL')
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), 1)
  await stopAll(replica, master)
})

test('several replicas share one snapshot while the master serves its clients', async () => {
  const master = await startFilled(4, { 'dbsync-rate-limit': SLOW })
  const replicas = await Promise.all([startReplica(master.port), startReplica(master.port)])
  for (const replica of replicas) await until('the full sync to begin', isFullSyncing(replica))
  const client = await master.connect()
  for (let i = 1; i <= 500; i++) assert.is(await client.call('INCR', 'served'), i)
  await client.close()
  for (const replica of replicas) assert.is(await fieldOf(replica, 'master_sync_in_progress'), '1', 'still under way')
  await unlimited(master)
  await assertEqual(master, ...replicas)
  assert.is(linesSaying(master, 'snapshot for full syncs').length, 1)
  assert.is(linesSaying(master, 'a full sync begins').length, 2)
  await stopAll(...replicas, master)
})

test('a cut full sync resumes and sends little twice', async () => {
  const master = await startFilled(6, { 'dbsync-rate-limit': '20mb' })
  const proxy = await CutProxy.start(master.port)
  let sent = 0
  proxy.cutAfter = 1_500_000
  const replica = await startReplica(proxy.port, { flags: { loglevel: 'debug' } })
  for (let cut = 0; cut < 3; cut++) {
    await until('the cut', () => proxy.cutAfter === Number.POSITIVE_INFINITY)
    sent += 1_500_000
    proxy.cutAfter = 1_500_000
  }
  await until('one more', () => proxy.cutAfter === Number.POSITIVE_INFINITY)
  await until('another link', () => proxy.links.size === 1)
  await assertEqual(master, replica)
  sent += 1_500_000 + proxy.link.downBytes
  // Received records that are not written are requested again.
  assert.ok(sent < 10_000_000, `${sent} bytes for 6 MB`)
  const begun = linesSaying(master, 'a full sync begins') as readonly { resumed?: boolean }[]
  assert.equal(begun.map(({ resumed }) => resumed), [false, true, true, true, true]) // biome-ignore format: one line
  assert.is(linesSaying(master, 'snapshot for full syncs').length, 1)
  assert.is(await replica.call('DBSIZE'), 6000)
  await proxy.close()
  await stopAll(replica, master)
})

test('a replica killed during a full sync restarts with its old data and syncs again', async () => {
  const master = await startFilled(4, { 'dbsync-rate-limit': '1mb' })
  const replica = await RunningServer.start()
  await fill(replica, 'old', 100)
  await follow(replica, master)
  await until('the full sync to begin', isFullSyncing(replica))
  await replica.kill9()
  await replica.checkClean()
  await replica.launch()
  assert.is(await replica.call('DBSIZE'), 100)
  await until('the full sync to begin', isFullSyncing(replica))
  await replica.restart('SIGTERM')
  assert.is(await replica.call('DBSIZE'), 100)
  await until('the full sync to begin', isFullSyncing(replica))
  // A node that is made a master instead keeps its data, too.
  assert.is(await replica.call('SLAVEOF', 'NO', 'ONE'), 'OK')
  assert.is(await replica.call('DBSIZE'), 100)
  assert.is(await replica.call('SET', 'own', '1'), 'OK')
  await follow(replica, master)
  await unlimited(master)
  await assertEqual(master, replica)
  await stopAll(replica, master)
})

test('a full sync sends ordered chunks, resumes behind a record, and restarts for an unknown snapshot', async () => {
  const master = await startFilled(2)
  const hand = new HandReplica(20_000)
  const link = await hand.attach(master.port)
  const head = await link.dbSync()
  const records: Buffer[] = []
  for (let sequence = 0; ; sequence++) {
    const chunk = await link.chunk()
    assert.is(chunk.sequence, sequence)
    if (chunk.kind === 'end') {
      assert.is(chunk.total, records.length)
      break
    }
    records.push(...chunk.records.map(([key]) => Buffer.from(key)))
  }
  for (const [i, key] of records.entries()) if (i > 0) assert.ok(Buffer.compare(records[i - 1] as Buffer, key) < 0)
  const middle = records[records.length >> 1] as Buffer
  const again = await hand.attach(master.port)
  const resumed = await again.dbSync(head.id, middle.toString('hex'))
  assert.equal(resumed, head)
  assert.equal(Buffer.from((await again.chunk()).records[0]?.[0] as Buffer), records[(records.length >> 1) + 1])
  const third = await hand.attach(master.port)
  const other = await third.dbSync('abcdef', middle.toString('hex'))
  assert.is.not(other.id, 'abcdef')
  assert.equal(Buffer.from((await third.chunk()).records[0]?.[0] as Buffer), records[0])
  // The replica can continue from this position.
  const fourth = await hand.attach(master.port)
  const position = { offset: head.offset, crc: head.crc }
  assert.is((await fourth.trySync(position)).type, 'continue')
  fourth.binlogSync(position)
  await master.call('SET', 'after', '1')
  await fourth.received(await offsetOf(master))
  for (const each of [link, again, third, fourth]) await each.close()
  await master.stop()
})

test('after a full sync of a replica its own replica is in step too', async () => {
  const master = await startFilled(1)
  const [middle, last] = [await RunningServer.start(), await RunningServer.start()]
  await fill(middle, 'middle', 100)
  await follow(last, middle)
  await inStep(middle, last)
  await follow(middle, master)
  await assertEqual(master, middle, last)
  assert.is(await last.call('DBSIZE'), 1000)
  await linked(last)
  await stopAll(last, middle, master)
})

test.run()
