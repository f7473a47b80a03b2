/**
 * Links between real servers that break in every way. Each time the replica gets back in step by
 * itself, and has exactly one SlaveItem.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CutProxy } from '../../support/servers/cut-proxy.ts'
import {
  assertEqual,
  assertOneItem,
  assertQuiet,
  fieldOf,
  fill,
  fullSyncs,
  inStep,
  linesOf,
  linked,
  startReplica,
  stopAll,
  writing,
} from '../../support/servers/replicated-servers.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'

const TOGGLES = 100

/**
 * The replica's time-out is short. The master's is longer than any wait here, so no test can pass
 * because it has run out.
 */
const QUICK = { 'repl-timeout': 2, 'repl-ping-replica-period': 1 }

const master = await RunningServer.start({ flags: { loglevel: 'debug', 'repl-ping-replica-period': 1, 'repl-timeout': 3600 } })
const proxy = await CutProxy.start(master.port)
const replica = await startReplica(proxy.port, { flags: { loglevel: 'debug', ...QUICK } })
await fill(master, 'first', 2000)
test.after(async () => {
  await proxy.close()
  await stopAll(replica, master)
})

test('a new replica full-syncs once and then has equal data', async () => {
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), 1)
  await assertOneItem(master)
})

test(`SLAVEOF NO ONE and SLAVEOF, ${TOGGLES} times under writes, resume on the first connection without a full sync`, async () => {
  await inStep(master, replica)
  const [full, from] = [await fullSyncs(master), master.logLines.length]
  const stop = await writing(master)
  const client = await replica.connect()
  const links = proxy.linkCount
  for (let i = 0; i < TOGGLES; i++) {
    const replies = await client.pipeline([['SLAVEOF', 'NO', 'ONE'], ['SLAVEOF', '127.0.0.1', proxy.port]]) // biome-ignore format: one line
    assert.equal(replies, ['OK', 'OK'])
    await linked(replica)
  }
  await client.close()
  await stop()
  assert.is(proxy.linkCount - links, TOGGLES, 'a connection each time')
  assert.is(await fullSyncs(master), full, 'no full sync')
  await assertEqual(master, replica)
  await assertOneItem(master)
  assertQuiet(master, from)
})

test('a reset link that had held resumes on the first connection without a full sync', async () => {
  const full = await fullSyncs(master)
  for (let i = 0; i < 3; i++) {
    await inStep(master, replica)
    await until('the link to have held for a while', async () => (await fieldOf(replica, 'repl_last_error')) === '')
    const links = proxy.linkCount
    proxy.cut()
    await until('another link', () => proxy.linkCount > links)
    await linked(replica)
    assert.is(proxy.linkCount - links, 1)
  }
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), full)
})

for (const direction of ['up', 'down', 'both'] as const) {
  test(`a silent link (${direction}) is replaced after the replica's repl-timeout, not the master's`, async () => {
    await inStep(master, replica)
    const [full, from] = [await fullSyncs(master), master.logLines.length]
    const before = proxy.linkCount
    const { link } = proxy
    if (direction === 'both') link.silence()
    else link.silence(direction)
    await master.call('SET', 'silent', direction)
    if (direction === 'up') {
      // The replica still hears its master and has no reason to leave.
      await until('the write to arrive', async () => (await replica.call('GET', 'silent')) === direction)
      link.restore()
    } else {
      await until('another link', () => proxy.linkCount > before)
      link.silence()
    }
    await assertEqual(master, replica)
    await assertOneItem(master)
    link.cut() // late: no replica uses this link any more
    await assertEqual(master, replica)
    await assertOneItem(master)
    assert.is(await fullSyncs(master), full)
    assertQuiet(master, from)
  })
}

test('an unreachable master is retried, with one log line per reason', async () => {
  await inStep(master, replica)
  proxy.isOpen = false
  const from = replica.logLines.length
  const refusedBefore = Number(await fieldOf(replica, 'master_link_down_since_seconds')) || 0
  proxy.cut()
  await until('the reason to be shown', async () => (await fieldOf(replica, 'repl_last_error')) !== '')
  await until('some tries', async () => Number(await fieldOf(replica, 'master_link_down_since_seconds')) >= refusedBefore + 2)
  const lines = linesOf(replica, from).filter(({ level }) => level >= 40)
  assert.ok(lines.length >= 1 && lines.length <= 3, JSON.stringify(lines))
  proxy.isOpen = true
  await assertEqual(master, replica)
  await assertOneItem(master)
})

test('a slow network changes only the time taken', async () => {
  proxy.delayMs = 20
  proxy.cut()
  await fill(master, 'slow', 1000)
  await assertEqual(master, replica)
  proxy.delayMs = 0
})

test('of two servers that announce one address the newcomer is refused by name until the other leaves', async () => {
  await inStep(master, replica)
  const announced = await freePort()
  await replica.call('CONFIG', 'SET', 'replica-announce-port', announced)
  proxy.cut()
  await inStep(master, replica)
  const runId = (server: RunningServer) => fieldOf(server, 'run_id', 'server')
  const double = await startReplica(master.port, { flags: { 'replica-announce-port': announced } })
  const refused = async (server: RunningServer) => (await fieldOf(server, 'repl_last_error')).includes('DUPLICATE')
  await until('one of them to be refused', async () => (await refused(double)) || (await refused(replica)))
  await linked(replica)
  await until('the newcomer to be refused', () => refused(double))
  const error = await fieldOf(double, 'repl_last_error')
  for (const part of [String(announced), await runId(replica), await runId(double)]) assert.ok(error.includes(part), error)
  assert.match(await fieldOf(master, 'repl_conflict0'), await runId(double))
  const links = proxy.linkCount
  await fill(master, 'undisturbed', 200)
  await inStep(master, replica)
  assert.is(proxy.linkCount, links, 'the incumbent is not disturbed')
  await replica.kill9()
  await linked(double)
  await double.stop()
  await replica.launch()
  await assertEqual(master, replica)
})

test.run()
