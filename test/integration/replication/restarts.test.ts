/**
 * Broken links and restarts at every stage, of replicas and masters. Each time the replica gets
 * back in step by itself, and has exactly one SlaveItem.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CutProxy } from '../../support/servers/cut-proxy.ts'
import {
  assertEqual,
  assertOneItem,
  fieldOf,
  fill,
  follow,
  fullSyncs,
  inStep,
  linked,
  partialSyncs,
  startReplica,
  stopAll,
  writing,
} from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'

/** The time-out is longer than any wait here, so no test can pass because it has run out. */
const master = await RunningServer.start({ flags: { 'repl-ping-replica-period': 1, 'repl-timeout': 3600 } })
const proxy = await CutProxy.start(master.port)
const replica = await startReplica(proxy.port)
await fill(master, 'first', 2000)
test.after(async () => {
  await proxy.close()
  await stopAll(replica, master)
})

test('a replica that dies behind a half-open link is served at once when it returns', async () => {
  await inStep(master, replica)
  const full = await fullSyncs(master)
  const { link } = proxy
  link.silence()
  await replica.kill9()
  await master.call('SET', 'half', 'open')
  await replica.launch()
  await linked(replica)
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), full)
  await assertOneItem(master)
  link.cut()
  await assertEqual(master, replica)
  await assertOneItem(master)
})

for (const word of ['METASYNC', 'TRYSYNC', 'DBSYNC', 'BINLOGSYNC', 'REPLCONF']) {
  test(`after a cut before ${word} or before its answer both sides get in step`, async () => {
    for (const when of ['before', 'behind'] as const) {
      await inStep(master, replica)
      const seen = proxy.when(word, (link) => {
        if (when === 'before') link.cut()
        else {
          link.silence('down')
          setTimeout(() => link.cut(), 100)
        }
      })
      if (word === 'REPLCONF') proxy.cut()
      else await follow(replica, proxy, 'FORCE') // every message comes up
      await seen
      await master.call('INCR', `cut ${word}`)
      await assertEqual(master, replica)
      await assertOneItem(master)
    }
  })
}

for (const word of ['METASYNC', 'TRYSYNC', 'DBSYNC', 'BINLOGSYNC']) {
  test(`after a restart of either side at ${word} both get in step`, async () => {
    for (const [who, how] of [
      [replica, 'SIGKILL'],
      [master, 'SIGKILL'],
    ] as const) {
      await inStep(master, replica)
      const seen = proxy.when(word, (link) => link.silence('down'))
      await follow(replica, proxy, 'FORCE')
      const held = await seen
      await who.restart(how)
      held.cut()
      await master.call('INCR', `restart ${word}`)
      await assertEqual(master, replica)
      await assertOneItem(master)
    }
  })
}

test('after restarts under writes both sides get in step, incrementally after a clean shutdown', async () => {
  await inStep(master, replica)
  const stop = await writing(master)
  await replica.restart('SIGKILL')
  await linked(replica)
  await stop()
  await assertEqual(master, replica)
  const full = await fullSyncs(master)
  await replica.restart('SIGTERM')
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), full)
  await master.restart('SIGTERM')
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), 0, 'since its start')
  assert.is(await partialSyncs(master), 1)
})

test('a shutdown under writes delivers all of them to the replica first', async () => {
  await inStep(master, replica)
  const client = await master.connect()
  let acknowledged = 0
  const writer = (async () => {
    for (;;) acknowledged = (await client.call('INCR', 'shut down')) as number
  })().catch(() => {})
  await until('some writes', () => acknowledged > 100)
  process.kill(master.pid, 'SIGTERM')
  await master.stopped(0)
  await writer
  assert.ok(Number(await replica.call('GET', 'shut down')) >= acknowledged, `${acknowledged} were acknowledged`)
  await client.close()
  await master.launch()
  await assertEqual(master, replica)
})

test('a replica continues from a killed master that lost nothing, though it has a new id', async () => {
  await inStep(master, replica)
  const id = await fieldOf(master, 'master_replid')
  await master.restart('SIGKILL')
  await master.call('SET', 'after', 'kill')
  await assertEqual(master, replica)
  assert.is.not(await fieldOf(master, 'master_replid'), id)
  assert.is(await fieldOf(replica, 'master_replid'), await fieldOf(master, 'master_replid'))
  assert.is(await fullSyncs(master), 0)
})

test.run()
