/** Fields with deadlines, by the clock of a real server, on its replica and through kills. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertEqual, fieldOf, inStep, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import type { WireReply } from '../../support/servers/wire-client.ts'

const FIELDS = Array.from({ length: 500 }, (_, i) => `field${i}`)

/** Fills a hash of 1000 fields, half of which expire after `milliseconds`. */
async function fill(server: RunningServer, key: string, milliseconds: number): Promise<void> {
  await server.call('HSET', key, ...FIELDS.flatMap((field) => [field, 'value', `kept-${field}`, 'value']))
  await server.call('HPEXPIRE', key, milliseconds, 'FIELDS', FIELDS.length, ...FIELDS)
}

const sizeOf = async (server: RunningServer, key: string): Promise<WireReply> => await server.call('HLEN', key)

test('hash fields expire without being read, on the master and its replica', async () => {
  const master = await RunningServer.start()
  const replica = await startReplica(master.port)
  await inStep(master, replica)
  await fill(master, 'soon', 100)
  await fill(master, 'late', 1_000_000)
  await until('the expired fields to be deleted', async () => (await fieldOf(master, 'expired_subkeys', 'stats')) === '500')
  assert.equal([await sizeOf(master, 'soon'), await sizeOf(master, 'late')], [500, 1000])
  await assertEqual(master, replica)
  assert.is(await sizeOf(replica, 'soon'), 500)
  await stopAll(replica, master)
})

test('a promoted replica deletes the expired fields that its master did not', async () => {
  const master = await RunningServer.start()
  const replica = await startReplica(master.port)
  await inStep(master, replica)
  await master.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
  await fill(master, 'h', 50)
  await inStep(master, replica)
  await until('the fields to be hidden', async () => (await sizeOf(replica, 'h')) === 500)
  assert.is(await fieldOf(replica, 'expired_subkeys', 'stats'), '0')
  await master.kill9()
  await replica.call('SLAVEOF', 'NO', 'ONE')
  await replica.call('SET', 'settles', 'the role')
  await until('the expired fields to be deleted', async () => (await fieldOf(replica, 'expired_subkeys', 'stats')) === '500')
  await stopAll(replica)
})

test('field deadlines survive a kill and a clean restart', async () => {
  const server = await RunningServer.start()
  await fill(server, 'soon', 2000)
  await fill(server, 'late', 1_000_000)
  await server.kill9()
  await server.launch()
  const [left] = (await server.call('HPTTL', 'late', 'FIELDS', '1', 'field7')) as number[]
  assert.ok((left as number) > 900_000)
  process.kill(server.pid, 'SIGTERM')
  await server.stopped(0)
  await server.launch()
  await until('the fields to end', async () => (await sizeOf(server, 'soon')) === 500)
  assert.is(await sizeOf(server, 'late'), 1000)
  await stopAll(server)
})

test.run()
