/**
 * Keys that expire while roles change. No node adds to a history of its own because of them, so no
 * full sync is needed.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  assertEqual,
  fieldOf,
  follow,
  fullSyncs,
  inStep,
  linked,
  offsetOf,
  startReplica,
  stopAll,
} from '../../support/servers/replicated-servers.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'

const DEBUG = { 'enable-debug-command': 'yes' }

const over = async (server: RunningServer) =>
  (await server.call('EXISTS', 'short')) === 0 && (await server.call('HEXISTS', 'hash', 'field')) === 0

test('an old master that returns with expired keys continues incrementally', async () => {
  const old = await RunningServer.start({ flags: DEBUG })
  const replica = await startReplica(old.port, { flags: DEBUG })
  await old.call('SET', 'short', '1', 'PX', '5000')
  await old.call('HSET', 'hash', 'field', '1', 'stays', '1')
  await old.call('HPEXPIRE', 'hash', '5000', 'FIELDS', '1', 'field')
  await inStep(old, replica)
  const end = await offsetOf(old)
  await old.kill9()
  assert.is(await replica.call('REPLICAOF', 'NO', 'ONE'), 'OK')
  await replica.call('SET', 'written', '1')
  await until('the keys to be over', () => over(replica))
  await old.launch()
  // Before SLAVEOF it hides expired keys, and requests of sentinels write nothing.
  assert.equal([await old.call('GET', 'short'), await old.call('HGET', 'hash', 'field')], [null, null])
  await old.call('PUBLISH', '__sentinel__:hello', 'I am here')
  const turns = Number(await fieldOf(old, 'eventloop_cycles', 'stats'))
  await until('turns to pass', async () => Number(await fieldOf(old, 'eventloop_cycles', 'stats')) > turns + 10)
  assert.is(await offsetOf(old), end)
  const before = await fullSyncs(replica)
  await follow(old, replica)
  await assertEqual(replica, old)
  assert.is(await fullSyncs(replica), before)
  await stopAll(old, replica)
})

test('a write of any kind settles the role before it runs', async () => {
  const server = await RunningServer.start()
  const nobody = { port: await freePort() }
  for (const [name, write] of [
    ['command', (key: string) => server.call('APPEND', key, 'new')],
    ['script', (key: string) => server.call('EVAL', "return redis.call('APPEND', KEYS[1], 'new')", 1, key)],
    ['script that is told', (key: string) => server.call('EVAL', "#!lua\nreturn redis.call('APPEND', KEYS[1], 'new')", 1, key)],
    [
      'transaction',
      async (key: string) => {
        const client = await server.connect()
        const replies = await client.pipeline([['MULTI'], ['GET', key], ['APPEND', key, 'new'], ['EXEC']])
        await client.close()
        return (replies.at(-1) as readonly unknown[])[1]
      },
    ],
  ] as const) {
    assert.is(await server.call('SET', name, 'old', 'PX', '200'), 'OK')
    await follow(server, nobody)
    await until('the key to be over', async () => (await server.call('EXISTS', name)) === 0)
    await server.call('REPLICAOF', 'NO', 'ONE')
    assert.is(await server.call('GET', name), null)
    assert.is(await write(name), 3, name)
    assert.is(await server.call('GET', name), 'new')
  }
  await stopAll(server)
})

test('an old master that accepted more writes gets a full sync with the reason', async () => {
  const old = await RunningServer.start()
  const replica = await startReplica(old.port)
  await old.call('SET', 'a', '1')
  await inStep(old, replica)
  const left = await offsetOf(old)
  const id = await fieldOf(old, 'master_replid')
  await replica.call('REPLICAOF', 'NO', 'ONE')
  await old.kill9()
  await old.launch()
  await old.call('SET', 'lost', '1')
  const end = await offsetOf(old)
  await follow(old, replica)
  await linked(old)
  assert.ok(old.log.includes(`the replica left history ${id} at offset ${left} and continues to ${end} under another id`), old.log)
  assert.is(await old.call('GET', 'lost'), null)
  await stopAll(old, replica)
})

test.run()
