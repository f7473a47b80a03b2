/** Links between real servers that break in every way: each time the replica is back in step by itself, and one SlaveItem stands for it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CutProxy } from '../support/cut-proxy.ts'
import {
  assertEqual,
  assertQuiet,
  fieldOf,
  fill,
  follow,
  fullSyncs,
  infoOf,
  inStep,
  linesOf,
  linked,
  partialSyncs,
  startReplica,
  stopAll,
} from '../support/replicated-servers.ts'
import { freePort, RunningServer, until } from '../support/running-server.ts'
import type { WireClient } from '../support/wire-client.ts'

const TOGGLES = 100
const WITHIN_MS = 1000

/** The replica's own time-out is short, the master's is not: nothing here waits for the latter. */
const QUICK = { 'repl-timeout': 2, 'repl-ping-replica-period': 1 }

const master = await RunningServer.start({ flags: { loglevel: 'debug', 'repl-ping-replica-period': 1 } })
const proxy = await CutProxy.start(master.port)
const replica = await startReplica(proxy.port, { flags: { loglevel: 'debug', ...QUICK } })
await fill(master, 'first', 2000)
test.after(async () => {
  await proxy.close()
  await stopAll(replica, master)
})

async function assertOneItem(): Promise<void> {
  const info = await infoOf(master)
  assert.is(info.get('connected_slaves'), '1')
  assert.is(info.get('offline_slave0'), undefined)
}

/** Writes until it is told to stop. */
function writing(client: WireClient): () => Promise<void> {
  let isOver = false
  const writer = async () => {
    for (let i = 0; !isOver; i++) await client.pipeline(Array.from({ length: 20 }, (_, j) => ['SET', `w${(i * 20 + j) % 1000}`, `${i}`]))
  }
  const done = writer()
  return async () => {
    isOver = true
    await done
    await client.close()
  }
}

/** How long it takes a replica to follow again, ms. */
async function timeToLink(): Promise<number> {
  const started = performance.now()
  await linked(replica)
  return performance.now() - started
}

test('a new replica full-syncs once, and holds the same bytes', async () => {
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), 1)
  await assertOneItem()
})

test(`SLAVEOF NO ONE and SLAVEOF again, ${TOGGLES} times under writes: up within a second each time, incrementally`, async () => {
  await inStep(master, replica)
  const [full, from] = [await fullSyncs(master), master.logLines.length]
  const stop = writing(await master.connect())
  const client = await replica.connect()
  let slowest = 0
  for (let i = 0; i < TOGGLES; i++) {
    const replies = await client.pipeline([['SLAVEOF', 'NO', 'ONE'], ['SLAVEOF', '127.0.0.1', proxy.port]]) // biome-ignore format: one line
    assert.equal(replies, ['OK', 'OK'])
    slowest = Math.max(slowest, await timeToLink())
  }
  await client.close()
  await stop()
  assert.ok(slowest < WITHIN_MS, `the slowest took ${slowest} ms`)
  assert.is(await fullSyncs(master), full, 'no full sync')
  await assertEqual(master, replica)
  await assertOneItem()
  assertQuiet(master, from)
})

test('a reset link is up again at once, incrementally', async () => {
  const full = await fullSyncs(master)
  for (let i = 0; i < 10; i++) {
    await inStep(master, replica)
    proxy.cut()
    await until('the replica to see it', async () => (await fieldOf(replica, 'master_link_status')) !== 'up' || proxy.links.size > 0)
    assert.ok((await timeToLink()) < WITHIN_MS)
  }
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), full)
})

for (const direction of ['up', 'down', 'both'] as const) {
  test(`a link that falls silent (${direction}) without a sign is replaced after the replica's repl-timeout, not the master's`, async () => {
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
      await until('another link', () => proxy.linkCount > before, 8000)
      link.silence()
    }
    await assertEqual(master, replica)
    await assertOneItem()
    link.cut() // late: it is nobody's any more
    await assertEqual(master, replica)
    await assertOneItem()
    assert.is(await fullSyncs(master), full)
    assertQuiet(master, from)
  })
}

test('a replica that dies behind a half-open link is served at once when it is back', async () => {
  await inStep(master, replica)
  const full = await fullSyncs(master)
  const { link } = proxy
  link.silence()
  await replica.kill9()
  await master.call('SET', 'half', 'open')
  await replica.launch()
  assert.ok((await timeToLink()) < WITHIN_MS)
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), full)
  await assertOneItem()
  link.cut()
  await assertEqual(master, replica)
  await assertOneItem()
})

for (const word of ['METASYNC', 'TRYSYNC', 'DBSYNC', 'BINLOGSYNC', 'REPLCONF']) {
  test(`a cut before ${word} arrives, and one before its answer does, end in step`, async () => {
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
      await assertOneItem()
    }
  })
}

for (const word of ['METASYNC', 'TRYSYNC', 'DBSYNC', 'BINLOGSYNC']) {
  test(`a restart of the replica, and one of the master, after ${word} end in step`, async () => {
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
      await assertOneItem()
    }
  })
}

test('restarts under writes end in step, incrementally where the shutdown was clean', async () => {
  await inStep(master, replica)
  const stop = writing(await master.connect())
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

test('a master that was killed and lost nothing is gone on from, though its history has another id', async () => {
  await inStep(master, replica)
  const id = await fieldOf(master, 'master_replid')
  await master.restart('SIGKILL')
  await master.call('SET', 'after', 'kill')
  await assertEqual(master, replica)
  assert.is.not(await fieldOf(master, 'master_replid'), id)
  assert.is(await fieldOf(replica, 'master_replid'), await fieldOf(master, 'master_replid'))
  assert.is(await fullSyncs(master), 0)
})

test('a master that cannot be reached is tried again and again: one line in the log for each reason', async () => {
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
  await assertOneItem()
})

test('a slow network changes nothing but the time', async () => {
  proxy.delayMs = 20
  proxy.cut()
  await fill(master, 'slow', 1000)
  await assertEqual(master, replica)
  proxy.delayMs = 0
})

test('of two servers that announce one address the newcomer is refused by name, until the other one goes', async () => {
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
