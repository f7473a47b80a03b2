/** FAILOVER: a master hands its role over without losing a write. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CutProxy } from '../../support/servers/cut-proxy.ts'
import { assertEqual, fieldOf, follow, fullSyncs, inStep, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'

const READ_ONLY = new WireError("READONLY You can't write against a read only replica.")

test('FAILOVER hands the role over and back without losing a write or a full sync', async () => {
  const [one, two] = [await RunningServer.start(), await RunningServer.start()]
  await follow(two, one)
  await inStep(one, two)
  let [from, to] = [one, two]
  for (let i = 0; i < 4; i++) {
    const client = await from.connect()
    const written = await client.call('INCR', 'handed over')
    const pipeline = client.pipeline(Array.from({ length: 50 }, () => ['INCR', 'handed over']))
    const words = i % 2 === 0 ? [] : ['TO', '127.0.0.1', to.port, 'TIMEOUT', 10_000]
    assert.is(await from.call('FAILOVER', ...words), 'OK')
    const replies = await pipeline
    const last = replies.filter((reply) => typeof reply === 'number').at(-1) ?? written
    await until(
      'the roles to be changed',
      async () => (await fieldOf(to, 'role')) === 'master' && (await fieldOf(from, 'role')) === 'slave',
    )
    await assertEqual(to, from)
    assert.is(Number(await to.call('GET', 'handed over')), last)
    assert.is(await fieldOf(from, 'master_failover_state'), 'no-failover')
    assert.equal(await client.call('SET', 'a', '1'), READ_ONLY)
    assert.is(await fullSyncs(to), i === 0 ? 0 : await fullSyncs(to))
    await client.close()
    ;[from, to] = [to, from]
  }
  assert.is((await fullSyncs(one)) + (await fullSyncs(two)), 1, 'the first one')
  await stopAll(one, two)
})

test('FAILOVER waits, can be aborted, times out, and is completed by FORCE', async () => {
  const master = await RunningServer.start()
  const proxy = await CutProxy.start(master.port)
  const replica = await startReplica(proxy.port)
  await inStep(master, replica)
  const text = async (...words: (string | number)[]) => {
    const reply = await master.call('FAILOVER', ...words)
    return reply instanceof WireError ? reply.text : reply
  }
  assert.is(await text('ABORT'), 'ERR No failover in progress.')
  assert.is(await text('TO', '127.0.0.1', 1), 'ERR FAILOVER target HOST and PORT is not a replica.')
  assert.match(((await replica.call('FAILOVER')) as WireError).text, 'FAILOVER is not valid when server is a replica.')

  proxy.link.silence('up') // no ACK arrives
  await master.call('SET', 'unacknowledged', '1')
  assert.is(await text('TIMEOUT', 20_000), 'OK')
  assert.is(await fieldOf(master, 'master_failover_state'), 'waiting-for-sync')
  assert.is(await text(), 'ERR FAILOVER already in progress.')
  const client = await master.connect()
  const held = client.call('SET', 'held', '1')
  assert.is(await master.call('GET', 'unacknowledged'), '1', 'reads are served')
  assert.is(await text('ABORT'), 'OK')
  assert.is(await held, 'OK')
  await client.close()
  assert.is(await fieldOf(master, 'master_failover_state'), 'no-failover')

  await master.call('SET', 'unacknowledged', '2')
  assert.is(await text('TIMEOUT', 200), 'OK')
  await until('the time to be up', async () => (await fieldOf(master, 'master_failover_state')) === 'no-failover')
  assert.is(await master.call('SET', 'still', 'the master'), 'OK')
  proxy.link.restore()
  await inStep(master, replica)

  proxy.link.silence('up')
  await master.call('SET', 'unacknowledged', '3')
  assert.is(await text('TO', '127.0.0.1', replica.port, 'FORCE', 'TIMEOUT', 3000), 'OK')
  await until('the replica to be the master', async () => (await fieldOf(replica, 'role')) === 'master')
  proxy.cut()
  await assertEqual(replica, master)
  assert.is(await replica.call('FAILOVER'), 'OK')
  await until('the role to be handed back', async () => (await fieldOf(master, 'role')) === 'master')
  await follow(replica, proxy)
  await assertEqual(master, replica)
  await proxy.close()
  await stopAll(replica, master)
})

test.run()
