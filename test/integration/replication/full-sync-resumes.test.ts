/** Data that has arrived in a full sync is kept when a node above changes its role. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertEqual, fieldOf, fill, follow, inStep, linesOf, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'

const receivedBytes = async (replica: RunningServer) => Number(await fieldOf(replica, 'repl_full_sync_bytes'))

/** Returns, for each full sync that a server has given, whether it resumed an earlier one. */
const resumptions = (server: RunningServer) =>
  (linesOf(server) as readonly { readonly msg: string; readonly resumed?: boolean }[])
    .filter(({ msg }) => msg === 'a full sync begins')
    .map(({ resumed }) => resumed)

const snapshots = (server: RunningServer) => linesOf(server).filter(({ msg }) => msg === 'snapshot for full syncs').length

test('a full sync continues when the chain above changes and when its master is promoted', async () => {
  const top = await RunningServer.start()
  await fill(top, 'big', 3000, 1000)
  const middle = await startReplica(top.port, { flags: { loglevel: 'debug', 'dbsync-rate-limit': '1mb' } })
  await inStep(top, middle)
  const last = await startReplica(middle.port)
  await until('a part of the full sync', async () => (await receivedBytes(last)) > 300_000)
  // The same node under another name: the middle one dials again, and its chain is empty for a
  // moment.
  assert.is(await middle.call('SLAVEOF', 'localhost', top.port), 'OK')
  await until('the full sync to go on', () => resumptions(middle).length > 1)
  await inStep(top, middle)
  const before = await receivedBytes(last)
  await until('more received bytes', async () => (await receivedBytes(last)) > before + 200_000)
  const known = resumptions(middle).length
  assert.is(await top.call('FAILOVER', 'TIMEOUT', 20_000), 'OK')
  await until('the middle node to be a master', async () => (await fieldOf(middle, 'role')) === 'master')
  await until('the full sync to go on', () => resumptions(middle).length > known)
  await middle.call('SET', 'after', 'the change')
  await middle.call('CONFIG', 'SET', 'dbsync-rate-limit', 0)
  await assertEqual(middle, last, top)
  const [first, ...others] = resumptions(middle)
  assert.is(first, false)
  assert.ok(
    others.every((resumed) => resumed === true),
    `resumed: ${resumptions(middle)}`,
  )
  assert.is(snapshots(middle), 1)
  assert.is(await fieldOf(last, 'repl_full_syncs'), '1')
  assert.is(await fieldOf(last, 'master_replid'), await fieldOf(middle, 'master_replid'))
  await stopAll(last, top, middle)
})

test('a replica whose data a full sync replaced gives its own replicas a new snapshot', async () => {
  const [top, other] = [await RunningServer.start(), await RunningServer.start()]
  await fill(top, 'big', 3000, 1000)
  await fill(other, 'other', 100, 1000)
  const middle = await startReplica(top.port, { flags: { loglevel: 'debug', 'dbsync-rate-limit': '1mb' } })
  await inStep(top, middle)
  const last = await startReplica(middle.port)
  await until('a part of the full sync', async () => (await receivedBytes(last)) > 300_000)
  await follow(middle, other)
  await assertEqual(other, middle, last)
  assert.is(resumptions(middle).at(-1), false)
  assert.is(await last.call('DBSIZE'), 100)
  await stopAll(last, middle, top, other)
})

test.run()
