/**
 * Client-side caching over sockets: order among replies, deadlines, replicas, full syncs, and a
 * client library that caches.
 */
import { createClient } from 'redis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fullSyncs, infoOf, linked, startReplica } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import type { WireClient } from '../../support/servers/wire-client.ts'

async function withServer(run: (server: RunningServer) => Promise<void>, flags: Record<string, string | number> = {}): Promise<void> {
  const server = await RunningServer.start({ flags })
  await run(server)
  await server.stop()
}

/** Returns a RESP3 client that tracks. */
async function reader(server: RunningServer, ...options: string[]): Promise<WireClient> {
  const client = await server.connect()
  await client.call('HELLO', '3')
  await client.call('CLIENT', 'TRACKING', 'ON', ...options)
  return client
}

const invalidate = (...keys: string[]) => ['invalidate', keys]

for (const appendfsync of ['everysec', 'always']) {
  test(`invalidations come in the order of changes, and own ones after their replies: appendfsync ${appendfsync}`, () =>
    withServer(
      async (server) => {
        const client = await reader(server)
        client.raw('GET a\r\nSET a 1\r\nGET a\r\nGET b\r\nMULTI\r\nSET a 2\r\nSET b 2\r\nEXEC\r\nPING\r\n')
        const expected = [
          null,
          'OK',
          invalidate('a'),
          '1',
          null,
          'OK',
          'QUEUED',
          'QUEUED',
          ['OK', 'OK'],
          invalidate('a'),
          invalidate('b'),
          'PONG',
        ]
        for (const [i, reply] of expected.entries()) assert.equal(await client.reply(), reply, `reply ${i}`)
        await client.pipeline([
          ['GET', 'a'],
          ['GET', 'b'],
        ])
        await server.call('SET', 'a', '3')
        await server.call('SET', 'b', '3')
        assert.equal([await client.reply(), await client.reply()], [invalidate('a'), invalidate('b')])
        await client.close()
      },
      { appendfsync },
    ))
}

test("with BCAST a pipeline's changes come in one message", () =>
  withServer(async (server) => {
    const client = await reader(server, 'BCAST', 'PREFIX', 'key')
    const writer = await server.connect()
    await writer.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `key${99 - i}`, 'v']))
    const keys = Array.from({ length: 100 }, (_, i) => `key${i}`).sort()
    const told: string[] = []
    let messages = 0
    for (; told.length < 100; messages++) told.push(...((await client.reply()) as [string, string[]])[1])
    assert.equal(told.sort(), keys)
    assert.ok(messages < 10, `${messages} messages`)
    await writer.close()
    await client.close()
  }))

test('expiry of an unread key is reported in time, by prefix and to its readers', () =>
  withServer(async (server) => {
    const [client, listener] = [await reader(server, 'NOLOOP'), await reader(server, 'BCAST', 'NOLOOP')]
    // In a transaction the key cannot end before it is read.
    await client.pipeline([['MULTI'], ['SET', 'a', '1', 'PX', '50'], ['GET', 'a'], ['EXEC']])
    assert.equal(await listener.reply(), invalidate('a'))
    assert.equal(await client.reply(), invalidate('a'))
    assert.equal(await listener.reply(), invalidate('a'))
    await client.close()
    await listener.close()
  }))

test('CLIENT LIST and INFO show tracking clients', () =>
  withServer(async (server) => {
    const target = await server.connect()
    const id = Number(await target.call('CLIENT', 'ID'))
    const client = await reader(server, 'REDIRECT', String(id))
    await client.pipeline([
      ['CLIENT', 'SETNAME', 'one'],
      ['MGET', 'a', 'b'],
    ])
    const listener = await reader(server, 'BCAST', 'PREFIX', 'x')
    await listener.call('CLIENT', 'SETNAME', 'other')
    const lineOf = async (name: string) =>
      new RegExp(`^.* name=${name} .*$`, 'm').exec((await server.call('CLIENT', 'LIST')) as string)?.[0] ?? ''
    assert.match(await lineOf('one'), new RegExp(` flags=t .* redir=${id} `))
    assert.match(await lineOf('other'), / flags=tB .* redir=0 /)
    const clients = await infoOf(server, 'clients')
    assert.is(clients.get('tracking_clients'), '2')
    const stats = await infoOf(server, 'stats')
    assert.equal(
      ['keys', 'items', 'prefixes'].map((what) => stats.get(`tracking_total_${what}`)),
      ['2', '2', '1'],
    )
    await target.call('QUIT')
    await server.call('SET', 'a', '1')
    assert.equal(await client.reply(), ['tracking-redir-broken', id])
    assert.match(await lineOf('one'), / flags=tR /)
    await client.close()
    await listener.close()
    await until('no tracking client', async () => (await infoOf(server, 'clients')).get('tracking_clients') === '0')
  }))

test("a replica's readers get invalidations for its master's changes, and for all keys after a full sync", async () => {
  const master = await RunningServer.start()
  await master.call('SET', 'a', '1')
  const replica = await RunningServer.start()
  await replica.call('SET', 'old', '1')
  const client = await reader(replica)
  assert.is(await client.call('GET', 'old'), '1')
  await replica.call('SLAVEOF', '127.0.0.1', master.port)
  await linked(replica)
  assert.is(await fullSyncs(master), 1)
  assert.equal(await client.reply(), ['invalidate', null])
  await until('the key', async () => (await replica.call('GET', 'a')) === '1')
  assert.is(await client.call('GET', 'a'), '1')
  const listener = await reader(replica, 'BCAST')
  await master.call('SET', 'a', '2')
  assert.equal(await client.reply(), invalidate('a'))
  assert.equal(await listener.reply(), invalidate('a'))
  await master.call('SET', 'b', '1', 'PX', '50')
  assert.equal(await listener.reply(), invalidate('b'))
  assert.equal(await listener.reply(), invalidate('b'))
  await master.call('FLUSHALL')
  assert.equal(await client.reply(), ['invalidate', null])
  assert.equal(await listener.reply(), ['invalidate', null])
  await client.close()
  await listener.close()
  const second = await startReplica(replica.port)
  await linked(second)
  for (const server of [second, replica, master]) await server.stop()
})

test('reads of a script are tracked, and its changes are sent after its reply, even if it was suspended', () =>
  withServer(
    async (server) => {
      const client = await reader(server)
      const script = "for i = 1, ARGV[1] do end redis.call('get', 'a') redis.call('set', 'b', '1') return redis.call('get', 'c')"
      for (const loops of [1, 30_000_000]) {
        await server.call('SET', 'c', 'value')
        await client.call('GET', 'b')
        const reply = client.call('EVAL', script, '0', loops)
        if (loops > 1) await until('the script to be suspended', async () => (await server.call('GET', 'x')) !== null)
        assert.is(await reply, 'value')
        assert.equal(await client.reply(), invalidate('b'))
        await until('the end', async () => (await server.call('SET', 'a', '1')) === 'OK')
        assert.equal(await client.reply(), invalidate('a'))
        await server.call('SET', 'c', '2')
        assert.equal(await client.reply(), invalidate('c'))
      }
      await client.close()
    },
    { 'busy-reply-threshold': 20 },
  ))

test('the client `redis` caches a value until its invalidation', () =>
  withServer(async (server) => {
    const url = `redis://127.0.0.1:${server.port}`
    const caching = await createClient({ url, RESP: 3, clientSideCache: { maxEntries: 100 } }).connect()
    const gets = async () => Number(/cmdstat_get:calls=(\d+)/.exec((await server.call('INFO', 'commandstats')) as string)?.[1] ?? 0)
    await server.call('SET', 'a', '1')
    for (let i = 0; i < 10; i++) assert.is(await caching.get('a'), '1')
    assert.is(await gets(), 1)
    await server.call('SET', 'a', '2')
    await until('the change to be seen', async () => (await caching.get('a')) === '2')
    await server.call('FLUSHALL')
    await until('the end to be seen', async () => (await caching.get('a')) === null)
    await caching.close()
  }))

test('a caching client has the final values after any reads and writes', () =>
  withServer(async (server) => {
    const writer = await server.connect()
    const client = await server.connect()
    await client.call('HELLO', '3')
    await client.call('CLIENT', 'TRACKING', 'ON')
    const cache = new Map<string, unknown>()
    const names = Array.from({ length: 20 }, (_, i) => `k${i}`)
    /**
     * Caches the reply to GET; an invalidation message drops it. The reply to a GET is the next one
     * that is no message.
     */
    const get = async (key: string) => {
      client.raw(`GET ${key}\r\n`)
      for (;;) {
        const reply = await client.reply()
        if (!Array.isArray(reply)) return void cache.set(key, reply)
        for (const changed of reply[1] as string[]) cache.delete(changed)
      }
    }
    for (let round = 0; round < 100; round++) {
      const writes = writer.pipeline(names.filter((_, i) => (i * 7 + round) % 3 === 0).map((name) => ['SET', name, String(round)]))
      for (const name of names) if (!cache.has(name)) await get(name)
      await writes
    }
    await client.call('CLIENT', 'ID').then(async function drop(reply): Promise<void> {
      if (!Array.isArray(reply)) return
      for (const changed of reply[1] as string[]) cache.delete(changed)
      await drop(await client.reply())
    })
    for (const [name, value] of cache) assert.is(value, await server.call('GET', name), name)
    await client.close()
    await writer.close()
  }))

test.run()
