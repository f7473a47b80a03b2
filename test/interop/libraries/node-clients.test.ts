/** The npm clients `redis` and `ioredis`, as programs use them. */
import { Redis } from 'ioredis'
import { createClient, RESP_TYPES } from 'redis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'

const BINARY = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

let server: RunningServer
test.before(async () => {
  server = await RunningServer.start()
})
test.after(() => server.stop())
test.before.each(async () => {
  await server.call('FLUSHALL')
})

for (const RESP of [2, 3] as const) {
  const connect = async () => {
    const client = createClient({ url: `redis://127.0.0.1:${server.port}`, RESP })
    client.on('error', () => {})
    return await client.connect()
  }

  test(`redis, RESP${RESP}: strings, deadlines and errors work`, async () => {
    const client = await connect()
    assert.is(await client.set('a', '1', { expiration: { type: 'EX', value: 100 } }), 'OK')
    assert.is(await client.incrBy('a', 41), 42)
    assert.ok((await client.ttl('a')) > 90)
    assert.is(await client.get('none'), null)
    assert.equal(await client.mGet(['a', 'none']), ['42', null])
    assert.is(await client.exists(['a', 'none']), 1)
    await client.set('text', 'grün')
    assert.is(await client.get('text'), 'grün')
    const failure = await client.incr('text').catch((error: Error) => error.message)
    assert.is(failure, 'ERR value is not an integer or out of range')
    assert.equal({ ...(await client.configGet('maxclients')) }, { maxclients: '10000' })
    assert.match(await client.info('server'), /redis_version:7\.2/)
    assert.is(await client.clientSetName('mine'), 'OK')
    assert.is(await client.clientGetName(), 'mine')
    await client.close()
  })

  test(`redis, RESP${RESP}: values may contain any bytes`, async () => {
    const client = await connect()
    await client.set(BINARY, BINARY)
    const buffers = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    assert.ok(BINARY.equals((await buffers.get(BINARY)) as unknown as Buffer))
    const large = Buffer.alloc(3_000_000, BINARY)
    await client.set('large', large)
    assert.ok(large.equals((await buffers.get('large')) as unknown as Buffer))
    await client.close()
  })

  test(`redis, RESP${RESP}: thousands of commands in one tick and a scan of all keys work`, async () => {
    const client = await connect()
    await Promise.all(Array.from({ length: 3000 }, (_, i) => client.set(`key:${i}`, String(i))))
    const values = await Promise.all(Array.from({ length: 3000 }, (_, i) => client.get(`key:${i}`)))
    assert.equal(
      values,
      Array.from({ length: 3000 }, (_, i) => String(i)),
    )
    const found = new Set<string>()
    for await (const keys of client.scanIterator({ MATCH: 'key:*', COUNT: 100 })) for (const key of keys) found.add(key)
    assert.is(found.size, 3000)
    await client.close()
  })
}

test('redis: the client reconnects after a restart of the server', async () => {
  const client = createClient({ url: `redis://127.0.0.1:${server.port}`, socket: { reconnectStrategy: 20 } })
  client.on('error', () => {})
  await client.connect()
  await client.set('a', '1')
  await server.restart('SIGKILL')
  await until('the client to be back', async () => (await client.get('a').catch(() => null)) === '1')
  await client.close()
})

test('redis: a hundred clients work at once', async () => {
  const clients = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const client = createClient({ url: `redis://127.0.0.1:${server.port}` })
      client.on('error', () => {})
      return client.connect()
    }),
  )
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < 20; i++) await client.incr('counter')
    }),
  )
  assert.is(await clients[0]?.get('counter'), '2000')
  await Promise.all(clients.map((client) => client.close()))
})

test('ioredis: strings, buffers, errors and pipelines work', async () => {
  const client = new Redis({ port: server.port, host: '127.0.0.1' })
  assert.is(await client.set('a', '1', 'EX', 100, 'NX'), 'OK')
  assert.is(await client.set('a', '2', 'NX'), null)
  assert.is(await client.incr('a'), 2)
  await client.set('binary', BINARY)
  assert.ok(BINARY.equals((await client.getBuffer('binary')) as Buffer))
  const failure = await client.incr('binary').catch((error: Error) => error.message)
  assert.is(failure, 'ERR value is not an integer or out of range')
  const pipeline = client.pipeline()
  for (let i = 0; i < 1000; i++) pipeline.set(`key:${i}`, i).get(`key:${i}`)
  const replies = (await pipeline.exec()) ?? []
  assert.is(replies.length, 2000)
  for (const [i, [error, reply]] of replies.entries()) {
    assert.is(error, null)
    assert.is(reply, i % 2 === 0 ? 'OK' : String((i - 1) / 2))
  }
  client.disconnect()
})

test('ioredis: scan streams and other databases work', async () => {
  const client = new Redis({ port: server.port, host: '127.0.0.1', db: 3 })
  await client.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key:${i}`, 'v'])))
  const found = new Set<string>()
  for await (const keys of client.scanStream({ match: 'key:*', count: 50 })) for (const key of keys as string[]) found.add(key)
  assert.is(found.size, 500)
  const other = new Redis({ port: server.port, host: '127.0.0.1' })
  assert.is(await other.dbsize(), 0)
  client.disconnect()
  other.disconnect()
})

test('ioredis: automatic pipelines work and reconnect after a restart', async () => {
  const client = new Redis({ port: server.port, host: '127.0.0.1', enableAutoPipelining: true, retryStrategy: () => 20 })
  client.on('error', () => {})
  await Promise.all(Array.from({ length: 500 }, (_, i) => client.set(`key:${i}`, i)))
  await server.restart()
  assert.is(await client.get('key:499'), '499')
  client.disconnect()
})

test.run()
