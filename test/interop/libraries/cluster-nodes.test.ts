/** Clients of a Redis Cluster on three nodes, unmodified, before and after a map moves slots. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer } from '../../support/servers/running-server.ts'
import { haveTools } from '../tools.ts'
import { closeOpened, opened } from './opened.ts'

const run = promisify(execFile)
const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`)
const THIRDS = ['0-5460', '5461-10922', '10923-16383']
/** The slots of the first node and the second one are exchanged. */
const TURNED = ['5461-10922', '0-5460', '10923-16383']

let servers: RunningServer[]
let version = 0

async function tell(slots: readonly string[]): Promise<void> {
  version++
  const lines = servers.map(({ port }, index) => `${String(index).repeat(40)} 127.0.0.1 ${port} master - ${slots[index]}`)
  for (const server of servers) assert.is(await server.call('CLUSTERX', 'SETNODES', lines.join('\n'), version), 'OK')
}

test.before(async () => {
  const flags = { 'cluster-enabled': 'yes', 'warm-up': 'no' }
  servers = await Promise.all(THIRDS.map(() => RunningServer.start({ flags })))
  for (const [index, server] of servers.entries()) await server.call('CLUSTERX', 'SETNODEID', String(index).repeat(40))
})
test.before.each(() => tell(THIRDS))
test.after.each(closeOpened)
test.after(async () => {
  await Promise.all(servers.map((server) => server.stop()))
})

const portOf = (index: number) => servers[index]?.port ?? 0

test('an ioredis Cluster writes to all nodes, and follows a map that moves slots', async () => {
  const cluster = new Cluster([{ host: '127.0.0.1', port: portOf(0) }])
  opened(cluster, () => cluster.disconnect())
  for (const key of KEYS) await cluster.set(key, key)
  assert.is(cluster.nodes('master').length, 3)
  for (const server of servers) assert.ok(Number(await server.call('DBSIZE')) > 5)
  await tell(TURNED)
  for (const key of KEYS) assert.is(await cluster.set(key, 'new'), 'OK')
  for (const key of KEYS) assert.is(await cluster.get(key), 'new')
  assert.equal(await cluster.multi().incr('{n}').incr('{n}').exec(), [
    [null, 1],
    [null, 2],
  ])
})

test('a cluster of node-redis does the same in both protocols', async () => {
  for (const RESP of [2, 3] as const) {
    await tell(THIRDS)
    const cluster = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${portOf(1)}` }], RESP })
    await cluster.connect()
    opened(cluster, () => cluster.destroy())
    for (const key of KEYS) await cluster.set(key, key)
    await tell(TURNED)
    for (const key of KEYS) await cluster.set(key, 'new')
    for (const key of KEYS) assert.is(await cluster.get(key), 'new')
  }
})

if (haveTools('redis-cli and redis-benchmark on a cluster', 'redis-cli', 'redis-benchmark')) {
  test('redis-cli -c follows redirections, and --cluster check, info and call work', async () => {
    const port = String(portOf(2))
    for (const key of KEYS.slice(0, 6)) assert.is((await run('redis-cli', ['-c', '-p', port, 'SET', key, '1'])).stdout.trim(), 'OK')
    const first = `127.0.0.1:${portOf(0)}`
    assert.match((await run('redis-cli', ['--cluster', 'check', first])).stdout, /All 16384 slots covered/)
    assert.match((await run('redis-cli', ['--cluster', 'info', first])).stdout, /keys in 3 masters/)
    assert.is((await run('redis-cli', ['--cluster', 'call', first, 'PING'])).stdout.match(/PONG/g)?.length, 3)
  })

  test('redis-benchmark --cluster finds three masters and loads them', async () => {
    const words = ['--cluster', '-p', String(portOf(0)), '-n', '3000', '-c', '6', '-P', '4', '-r', '1000', '-t', 'set,get', '-q']
    const { stdout } = await run('redis-benchmark', words)
    assert.match(stdout, /3 master nodes|Cluster has 3 master/)
    assert.is(stdout.match(/requests per second/g)?.length, 2)
  })
}

test.run()
