/** Clients that speak only to a Redis Cluster, on one server with `cluster-enabled emulated`. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Queue, Worker } from 'bullmq'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { closeOpened, opened } from './opened.ts'

const run = promisify(execFile)

let server: RunningServer
test.before(async () => {
  server = await RunningServer.start({ flags: { 'cluster-enabled': 'emulated' } })
})
test.after(() => server.stop())
test.after.each(closeOpened)
test.before.each(async () => {
  await server.call('FLUSHALL')
})

function ioredisCluster(): Cluster {
  const cluster = new Cluster([{ host: '127.0.0.1', port: server.port }])
  return opened(cluster, () => cluster.disconnect())
}

test('an ioredis Cluster finds the one node, pipelines, subscribes and follows transactions', async () => {
  const cluster = ioredisCluster()
  await cluster.mset('{a}1', '1', '{a}2', '2')
  assert.equal(await cluster.mget('{a}1', '{a}2'), ['1', '2'])
  assert.equal(await cluster.pipeline().set('{a}x', '1').incr('{a}x').get('{a}x').exec(), [
    [null, 'OK'],
    [null, 2],
    [null, '2'],
  ])
  assert.equal(await cluster.multi().set('{a}y', '5').incr('{a}y').exec(), [
    [null, 'OK'],
    [null, 6],
  ])
  assert.is(cluster.nodes('master').length, 1)
  const subscriber = ioredisCluster()
  const messages: string[] = []
  subscriber.on('message', (channel, message) => messages.push(`${channel} ${message}`))
  await subscriber.subscribe('news')
  await cluster.publish('news', 'one')
  await until('the message', () => messages.includes('news one'))
})

test('a cluster of node-redis reads, writes and uses shard channels in both protocols', async () => {
  for (const RESP of [2, 3] as const) {
    const cluster = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${server.port}` }], RESP })
    await cluster.connect()
    opened(cluster, () => cluster.destroy())
    await cluster.set('key', 'value')
    assert.is(await cluster.get('key'), 'value')
    assert.equal(await cluster.multi().incr('{n}').incr('{n}').exec(), [1, 2])
    const messages: string[] = []
    await cluster.sSubscribe('shard', (message) => messages.push(message))
    await cluster.sPublish('shard', 'hello')
    await until('the message of the shard channel', () => messages.includes('hello'))
    await cluster.del('{n}')
  }
})

test('redis-cli -c works, and redis-cli --cluster check finds all slots', async () => {
  const port = String(server.port)
  const { stdout } = await run('redis-cli', ['-c', '-p', port, 'SET', 'a', '1'])
  assert.is(stdout.trim(), 'OK')
  const info = await run('redis-cli', ['-p', port, '--cluster', 'check', `127.0.0.1:${port}`])
  assert.match(info.stdout, /All 16384 slots covered/)
})

test('bullmq works on a cluster with a prefix in braces', async () => {
  const prefix = '{queue}'
  const queue = new Queue('jobs', { connection: ioredisCluster(), prefix })
  const done: number[] = []
  const worker = new Worker<{ n: number }>('jobs', async ({ data }) => void done.push(data.n), { connection: ioredisCluster(), prefix })
  try {
    await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ name: 'job', data: { n } })))
    await until('all jobs', () => done.length === 20)
    assert.equal(
      done.sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, n) => n),
    )
  } finally {
    await worker.close()
    await queue.close()
  }
})

test('keys in several slots are refused only if the configuration says so, and INFO and HELLO name a cluster', async () => {
  const client = await server.connect()
  assert.is(await client.call('MSET', 'a', 1, 'b', 2), 'OK')
  await client.call('CONFIG', 'SET', 'cluster-require-one-slot', 'yes')
  const { text } = (await client.call('MGET', 'a', 'b')) as { text: string }
  assert.is(text, "CROSSSLOT Keys in request don't hash to the same slot")
  await client.call('CONFIG', 'SET', 'cluster-require-one-slot', 'no')
  const info = String(await client.call('INFO', 'everything'))
  assert.match(info, /^cluster_enabled:1\r$/m)
  assert.match(info, /^redis_mode:cluster\r$/m)
  const slots = (await client.call('CLUSTER', 'SLOTS')) as [[number, number, [string, number, string, string[]]]]
  assert.equal([slots[0][0], slots[0][1], slots[0][2][0], slots[0][2][1]], [0, 16383, '127.0.0.1', server.port])
  await client.close()
})

test.run()
