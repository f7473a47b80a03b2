/** Effects of one client on the server and on other clients. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pause, RunningServer, until } from '../../support/servers/running-server.ts'
import { encodeCommand, type WireClient, WireError } from '../../support/servers/wire-client.ts'

const MEBIBYTE = 1024 * 1024

async function withServer(flags: Record<string, string | number>, run: (server: RunningServer) => Promise<void>): Promise<void> {
  const server = await RunningServer.start({ flags })
  await run(server)
  await server.stop()
}

async function infoField(server: RunningServer, section: string, field: string): Promise<number> {
  const info = (await server.call('INFO', section)) as string
  return Number(new RegExp(`^${field}:(.*)\r$`, 'm').exec(info)?.[1])
}

/** Sends while the kernel accepts more, and reads nothing. */
async function flood(client: WireClient, command: Buffer, times: number): Promise<void> {
  client.socket.pause()
  for (let i = 0; i < times && !client.socket.destroyed; i++) {
    if (client.socket.write(command)) continue
    const drained = new Promise((resolve) => client.socket.once('drain', resolve))
    await Promise.race([drained, client.closed, pause(300)])
    if (client.socket.writableLength > MEBIBYTE) return
  }
}

test('replies come in the order of the requests, whatever they wait for', () =>
  withServer({ 'cache-memory': '16mb' }, async (server) => {
    const client = await server.connect()
    const commands = Array.from({ length: 5000 }, (_, i) => {
      if (i % 500 === 0) return ['SCAN', '0', 'COUNT', '1'] // one that waits for disk
      return i % 2 === 0 ? ['SET', `key${i % 50}`, String(i)] : ['GET', `key${(i - 1) % 50}`]
    })
    const replies = await client.pipeline(commands)
    for (const [i, reply] of replies.entries()) {
      if (i % 500 === 0) assert.ok(Array.isArray(reply), `reply ${i}`)
      else if (i % 2 === 0) assert.is(reply, 'OK')
      else if ((i - 1) % 500 !== 0) assert.is(reply, String(i - 1))
    }
    await client.close()
  }))

test('the replies of a pipeline are sent in few writes', () =>
  withServer({}, async (server) => {
    const client = await server.connect()
    await client.call('PING')
    const before = await infoField(server, 'stats', 'total_writes_processed')
    for (let round = 0; round < 10; round++) await client.pipeline(Array.from({ length: 100 }, () => ['PING']))
    const writes = (await infoField(server, 'stats', 'total_writes_processed')) - before
    assert.ok(writes < 40, `${writes} writes for 10 pipelines`)
    await client.close()
  }))

test("reading from a client that does not read its replies stops, and the server's memory stays bounded", () =>
  withServer({}, async (server) => {
    await server.call('SET', 'value', 'v'.repeat(100_000))
    const before = server.residentBytes
    const greedy = await server.connect()
    await flood(greedy, Buffer.concat(Array.from({ length: 100 }, () => encodeCommand('GET', 'value'))), 2000)
    assert.is(await server.call('PING'), 'PONG')
    const list = (await server.call('CLIENT', 'LIST')) as string
    const largest = Math.max(...[...list.matchAll(/ omem=(\d+)/g)].map((match) => Number(match[1])))
    assert.ok(largest < 32 * MEBIBYTE, `${largest} bytes of unread replies`)
    assert.ok(server.residentBytes - before < 150 * MEBIBYTE, `memory grew by ${server.residentBytes - before}`)
    await greedy.close()
  }))

test('a client that resumes reading gets every reply', () =>
  withServer({}, async (server) => {
    const value = 'v'.repeat(50_000)
    await server.call('SET', 'value', value)
    const client = await server.connect()
    client.socket.pause()
    const replies = client.pipeline(Array.from({ length: 1000 }, () => ['GET', 'value']))
    await pause(200)
    client.socket.resume()
    for (const reply of await replies) assert.ok(reply === value)
    await client.close()
  }))

test('a client beyond its output buffer limit is disconnected', () =>
  withServer({ 'client-output-buffer-limit': 'normal 2mb 0 0' }, async (server) => {
    await server.call('SET', 'value', 'v'.repeat(3_000_000))
    const client = await server.connect()
    await flood(client, encodeCommand('GET', 'value'), 50)
    client.socket.resume()
    await client.closed
    assert.is(await server.call('PING'), 'PONG')
  }))

test('a client beyond its soft limit for too long is disconnected', () =>
  withServer({}, async (server) => {
    await server.call('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 100mb 1mb 1')
    await server.call('SET', 'value', 'v'.repeat(2_000_000))
    const client = await server.connect()
    await client.call('CLIENT', 'SETNAME', 'slow')
    await flood(client, encodeCommand('GET', 'value'), 50)
    await until('the slow client to be closed', async () => !((await server.call('CLIENT', 'LIST')) as string).includes('name=slow'))
    await client.close()
  }))

test('clients beyond maxclients are refused, and connected ones are still served', () =>
  withServer({ maxclients: 10 }, async (server) => {
    const first = await server.connect()
    await until('the first client to be alone', async () => /^connected_clients:1\r$/m.test(String(await first.call('INFO', 'clients'))))
    const clients = [first]
    for (let i = 1; i < 10; i++) clients.push(await server.connect())
    for (const client of clients) assert.is(await client.call('PING'), 'PONG')
    const refused = await server.connect()
    assert.equal(await refused.reply(), new WireError('ERR max number of clients reached'))
    await refused.closed
    await (clients.pop() as WireClient).close()
    await until('a place to be free', async () => {
      const client = await server.connect()
      const reply = await client.call('PING').catch(() => null)
      await client.close()
      return reply === 'PONG'
    })
    await Promise.all(clients.map((client) => client.close()))
  }))

test('idle clients are disconnected after the timeout, and busy ones are not', () =>
  withServer({ timeout: 1 }, async (server) => {
    const idle = await server.connect()
    const busy = await server.connect()
    await idle.call('PING')
    let isClosed = false
    void idle.closed.then(() => {
      isClosed = true
    })
    await until('the idle client to be closed', async () => {
      assert.is(await busy.call('PING'), 'PONG')
      return isClosed
    })
    await busy.close()
  }))

test('with a password, no command runs before AUTH or HELLO with AUTH', async () => {
  const server = await RunningServer.start({ flags: { requirepass: 'secret' }, password: 'secret' })
  const client = await server.connect()
  const noAuth = new WireError('NOAUTH Authentication required.')
  assert.equal(await client.call('GET', 'a'), noAuth)
  assert.equal(await client.call('PING'), noAuth)
  assert.equal(await client.call('AUTH', 'wrong'), new WireError('WRONGPASS invalid username-password pair or user is disabled.'))
  assert.is(await client.call('AUTH', 'secret'), 'OK')
  assert.is(await client.call('SET', 'a', '1'), 'OK')
  const other = await server.connect()
  assert.match(((await other.call('HELLO', '3')) as WireError).text, /^NOAUTH HELLO must be called with the client already authenticated/)
  assert.ok(Array.isArray(await other.call('HELLO', '3', 'AUTH', 'default', 'secret', 'SETNAME', 'me')))
  assert.is(await other.call('CLIENT', 'GETNAME'), 'me')
  await server.stop()
})

test('protected mode accepts clients of this host', () =>
  withServer({ 'protected-mode': 'yes' }, async (server) => {
    assert.is(await server.call('PING'), 'PONG')
    assert.equal(await server.call('CONFIG', 'GET', 'protected-mode'), ['protected-mode', 'yes'])
  }))

test('a slow command delays only its own client', () =>
  withServer({}, async (server) => {
    const loader = await server.connect()
    for (let batch = 0; batch < 5; batch++) {
      await loader.pipeline(Array.from({ length: 4000 }, (_, i) => ['SET', `key:${batch}:${i}`, 'v']))
    }
    const slow = await server.connect()
    const walk = slow.call('KEYS', '*')
    assert.is(await loader.call('PING'), 'PONG')
    assert.is(((await walk) as unknown[]).length, 20_000)
  }))

test('with appendfsync always, an answered write is durable', () =>
  withServer({ appendfsync: 'always' }, async (server) => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => server.connect()))
    await Promise.all(
      clients.map(async (client, index) => {
        for (let i = 0; i < 20; i++) {
          assert.is(await client.call('SET', `key${index}`, i), 'OK')
          const info = (await client.call('INFO', 'binlog')) as string
          const synced = Number(/^binlog_synced_offset:(\d+)\r$/m.exec(info)?.[1])
          assert.ok(synced > 0)
        }
      }),
    )
    const end = await infoField(server, 'binlog', 'binlog_end_offset')
    assert.is(await infoField(server, 'binlog', 'binlog_synced_offset'), end)
    await server.restart('SIGKILL')
    assert.is(await server.call('GET', 'key3'), '19')
  }))

test('appendfsync everysec syncs within about a second', () =>
  withServer({ appendfsync: 'everysec' }, async (server) => {
    await server.call('SET', 'a', '1')
    await until(
      'the log to be synced',
      async () => {
        return (await infoField(server, 'binlog', 'binlog_synced_offset')) === (await infoField(server, 'binlog', 'binlog_end_offset'))
      },
      3000,
    )
  }))

test.run()
