/**
 * FAILOVER to a replica that cannot be reached at the address that it announces changes nothing.
 */
import { readFileSync } from 'node:fs'
import * as net from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fieldOf, infoOf, inStep, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'

const master = await RunningServer.start()
const stranger = await RunningServer.start()
test.after(() => stopAll(stranger, master))

/** Returns the stored identity, which names the master. */
const identity = () => readFileSync(join(master.directory, 'identity.json'), 'utf8')

async function isOver(): Promise<void> {
  await until('FAILOVER to be over', async () => (await fieldOf(master, 'master_failover_state')) === 'no-failover')
}

/**
 * Runs FAILOVER with these words while a replica announces a port. Asserts that nothing has
 * changed.
 */
async function changesNothing(announced: number, reason: RegExp, ...words: readonly (string | number)[]): Promise<void> {
  const replica = await startReplica(master.port, { flags: { 'replica-announce-port': String(announced) } })
  await inStep(master, replica)
  const before = identity()
  const client = await master.connect()
  assert.is(await client.call('FAILOVER', ...words), 'OK')
  assert.is(await client.call('SET', 'written', String(announced)), 'OK', 'the write waits, and is taken')
  await isOver()
  const info = await infoOf(master)
  assert.equal([info.get('role'), await fieldOf(replica, 'role')], ['master', 'slave'])
  assert.is(identity(), before)
  assert.match(master.log, reason)
  await inStep(master, replica)
  assert.is(await replica.call('GET', 'written'), String(announced))
  await client.close()
  await stopAll(replica)
  await until('the replica to be detached', async () => (await fieldOf(master, 'connected_slaves')) === '0')
}

test('FAILOVER to an address where nothing listens changes nothing', async () => {
  const port = await freePort()
  await changesNothing(port, /cannot be reached.*ECONNREFUSED/)
  const other = await freePort()
  await changesNothing(other, /cannot be reached.*ECONNREFUSED/, 'TO', '127.0.0.1', other, 'FORCE', 'TIMEOUT', 20_000)
})

test('FAILOVER to the address of another node changes nothing', async () => {
  await changesNothing(stranger.port, /cannot be reached.*is [0-9a-f]{40}, the replica is/)
  assert.is(await fieldOf(stranger, 'connected_slaves'), '0')
  assert.is(await fieldOf(stranger, 'offline_slave0'), '', 'the other node was only asked')
})

test('FAILOVER to an address that stays silent ends at its timeout', async () => {
  const server = net.createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as net.AddressInfo
  await changesNothing(port, /the timeout passed/, 'TIMEOUT', 300)
  await changesNothing(port, /the timeout passed before the replica had answered/, 'TO', '127.0.0.1', port, 'FORCE', 'TIMEOUT', 300)
  server.close()
})

test.run()
