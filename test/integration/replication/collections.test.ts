/**
 * Collections of all types on a master and its replicas. Large ones are synced while clients write
 * and links break. The data is equal at the end.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dataset } from '../../support/generators/dataset.ts'
import { randomCommand, type Words } from '../../support/generators/random-commands.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { assertEqual, fieldOf, follow, fullSyncs, inStep, linked, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'

const ELEMENTS = 40_000
const BATCH = 500

/** Fills collections that are larger than the cache of each node. */
async function fillCollections(server: RunningServer): Promise<void> {
  const client = await server.connect()
  for (let from = 0; from < ELEMENTS; from += BATCH) {
    const numbers = Array.from({ length: BATCH }, (_, i) => from + i)
    await client.pipeline([
      ['HSET', 'large hash', ...numbers.flatMap((number) => [`field ${number}`, `value ${number}`])],
      ['RPUSH', 'large list', ...numbers.map((number) => `element ${number}`)],
      ['SADD', 'large set', ...numbers.map((number) => `member ${number}`)],
      ['ZADD', 'large zset', ...numbers.flatMap((number) => [number, `member ${(number * 7919) % ELEMENTS}`])],
      ...numbers.map((number) => ['XADD', 'large stream', `${number}-1`, 'number', number]),
    ])
  }
  await client.pipeline([
    ['XGROUP', 'CREATE', 'large stream', 'group', '0'],
    ['XREADGROUP', 'GROUP', 'group', 'consumer', 'COUNT', 2000, 'STREAMS', 'large stream', '>'],
    ['HEXPIRE', 'large hash', 5000, 'FIELDS', 2, 'field 5', 'field 20000'],
  ])
  await client.close()
}

/** Sends random commands until the returned function stops it. */
function writing(server: RunningServer, chance: Seeded): () => Promise<void> {
  let isOver = false
  const large = (): Words =>
    chance.pick<Words>([
      ['HDEL', 'large hash', `field ${chance.integer(ELEMENTS)}`],
      ['LINSERT', 'large list', 'BEFORE', `element ${chance.integer(100)}`, 'inserted'],
      ['SPOP', 'large set', 3],
      ['ZREMRANGEBYRANK', 'large zset', chance.integer(1000), chance.integer(1000) + 5],
      ['XDEL', 'large stream', `${chance.integer(ELEMENTS)}-1`],
      ['XREADGROUP', 'GROUP', 'group', 'other', 'COUNT', 5, 'STREAMS', 'large stream', '>'],
      ['LTRIM', 'large list', 1, -2],
    ])
  const next = () => (chance.random() < 0.3 ? large() : randomCommand(chance))
  const done = (async () => {
    const client = await server.connect()
    while (!isOver) await client.pipeline(Array.from({ length: 20 }, next).filter(([name]) => name !== 'FLUSHDB' && name !== 'SWAPDB'))
    await client.close()
  })()
  return async () => {
    isOver = true
    await done
  }
}

test('both sides have equal large collections after a full sync under writes and restarts', async () => {
  const chance = seeded('replicated collections')
  const flags = { 'cache-memory': '16mb', 'binlog-file-size': '1mb', 'checkpoint-binlog-bytes': '1mb' }
  const master = await RunningServer.start({ flags })
  await fillCollections(master)
  const stop = writing(master, chance)
  const replica = await startReplica(master.port, { flags: { ...flags, 'hash-max-listpack-entries': 3, 'hll-sparse-max-bytes': 100 } })
  await until('the full sync', async () => (await fieldOf(replica, 'master_link_status')) === 'up')
  assert.is(await fullSyncs(master), 1)
  await stop()
  await assertEqual(master, replica)

  await replica.kill9()
  await replica.launch()
  const again = writing(master, chance)
  await linked(replica)
  await again()
  await assertEqual(master, replica)
  const [one, other] = [await master.connect(), await replica.connect()]
  assert.equal(await dataset(other), await dataset(one))
  await one.close()
  await other.close()
  await stopAll(replica, master)
})

test("a promoted replica continues with its master's collections", async () => {
  const chance = seeded('replicated collections that change hands')
  const master = await RunningServer.start()
  const replica = await startReplica(master.port)
  const stop = writing(master, chance)
  await until('some data', async () => Number(await fieldOf(replica, 'master_repl_offset')) > 50_000)
  await stop()
  await assertEqual(master, replica)
  assert.is(await replica.call('SLAVEOF', 'NO', 'ONE'), 'OK')
  await follow(master, replica)
  const onward = writing(replica, chance)
  const before = Number(await fieldOf(replica, 'master_repl_offset'))
  await until('more data', async () => Number(await fieldOf(replica, 'master_repl_offset')) > before + 50_000)
  await onward()
  await assertEqual(replica, master)
  await stopAll(master, replica)
})

test('PFCOUNT on a replica returns the count without changing the key', async () => {
  const master = await RunningServer.start()
  const replica = await startReplica(master.port)
  await linked(replica)
  await master.call('PFADD', 'sketch', 'a', 'b', 'c')
  await inStep(master, replica)
  const before = await replica.call('GET', 'sketch')
  assert.is(await replica.call('PFCOUNT', 'sketch'), 3)
  assert.is(await replica.call('GET', 'sketch'), before)
  await assertEqual(master, replica)
  assert.is(await master.call('PFCOUNT', 'sketch'), 3)
  await inStep(master, replica)
  assert.is.not(await replica.call('GET', 'sketch'), before)
  await assertEqual(master, replica)
  await stopAll(replica, master)
})

test.run()
