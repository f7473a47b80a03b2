/** Clients of a real server that wait for lists: blocked, served and disconnected ones. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { encodeCommand, type WireClient, WireError, type WireReply } from '../../support/servers/wire-client.ts'

async function withServer(run: (server: RunningServer) => Promise<void>, flags: Record<string, string | number> = {}): Promise<void> {
  const server = await RunningServer.start({ flags })
  await run(server)
  await server.stop()
}

async function infoField(server: RunningServer, section: string, field: string): Promise<string> {
  const info = (await server.call('INFO', section)) as string
  return new RegExp(`^${field}:(.*)\r$`, 'm').exec(info)?.[1] ?? ''
}

const blockedCount = async (server: RunningServer) => Number(await infoField(server, 'clients', 'blocked_clients'))

/** Returns a client that waits in a blocking command, and the promise of its reply. */
async function waiting(server: RunningServer, ...words: (string | number)[]): Promise<{ client: WireClient; reply: Promise<WireReply> }> {
  const before = await blockedCount(server)
  const client = await server.connect()
  const reply = client.call(...words)
  reply.catch(() => {}) // it may be sent away
  await until('the client to be blocked', async () => (await blockedCount(server)) === before + 1)
  return { client, reply }
}

function isError(reply: WireReply, text: string): void {
  assert.instance(reply, WireError)
  assert.is((reply as WireError).text, text)
}

test('a blocked client is shown as blocked, and its timeout ends the wait', () =>
  withServer(async (server) => {
    const { client, reply } = await waiting(server, 'BLPOP', 'a', 'b', '0.3')
    assert.match((await server.call('CLIENT', 'LIST')) as string, /flags=b .*cmd=blpop /)
    assert.is(await infoField(server, 'clients', 'clients_in_timeout_table'), '1')
    assert.is(await infoField(server, 'clients', 'total_blocking_keys'), '2')
    assert.is(await reply, null)
    assert.is(await blockedCount(server), 0)
    assert.is(await client.call('PING'), 'PONG')
    assert.not.match((await server.call('CLIENT', 'LIST')) as string, /flags=b/)
    await client.close()
  }))

test('blocked clients are served in order, and a pipelined request runs after the served one', () =>
  withServer(async (server) => {
    const first = await waiting(server, 'BLPOP', 'a', '0')
    const second = await waiting(server, 'BRPOP', 'a', '0')
    first.client.raw(encodeCommand('SET', 'after', '1'))
    assert.is(await server.call('RPUSH', 'a', '1', '2', '3'), 3)
    assert.equal(await first.reply, ['a', '1'])
    assert.equal(await second.reply, ['a', '3'])
    assert.is(await first.client.reply(), 'OK')
    assert.equal(await server.call('LRANGE', 'a', '0', '-1'), ['2'])
    await first.client.close()
    await second.client.close()
    await server.restart('SIGKILL')
    assert.equal(await server.call('LRANGE', 'a', '0', '-1'), ['2'])
    assert.is(await server.call('GET', 'after'), '1')
  }))

test('with appendfsync always served clients get their replies too', () =>
  withServer(
    async (server) => {
      const { client, reply } = await waiting(server, 'BLMOVE', 'a', 'b', 'LEFT', 'RIGHT', '0')
      await server.call('RPUSH', 'a', '1')
      assert.is(await reply, '1')
      assert.equal(await server.call('LRANGE', 'b', '0', '-1'), ['1'])
      await client.close()
    },
    { appendfsync: 'always' },
  ))

test('a client that disconnects in any way takes no element with it', () =>
  withServer(async (server) => {
    const destroyed = await waiting(server, 'BLPOP', 'a', '0')
    const ended = await waiting(server, 'BLPOP', 'a', '0')
    const killed = await waiting(server, 'BLPOP', 'a', '0')
    const id = /id=(\d+) .*cmd=blpop /.exec(
      ((await server.call('CLIENT', 'LIST')) as string).split('\n').findLast((line) => line.includes('blpop'))!,
    )
    await destroyed.client.close()
    ended.client.socket.end()
    await until('two clients to be disconnected', async () => (await blockedCount(server)) === 1)
    const pusher = await server.connect()
    const replies = await pusher.pipeline([
      ['CLIENT', 'KILL', 'ID', id![1]!],
      ['RPUSH', 'a', '1'],
    ])
    assert.equal(replies, [1, 1])
    await killed.client.closed
    await ended.client.closed
    assert.equal(await server.call('LRANGE', 'a', '0', '-1'), ['1'])
    await pusher.close()
  }))

test('CLIENT UNBLOCK ends the wait', () =>
  withServer(async (server) => {
    const idOf = async () => /id=(\d+) .*flags=b /.exec((await server.call('CLIENT', 'LIST')) as string)![1]!
    const first = await waiting(server, 'BRPOPLPUSH', 'a', 'b', '0')
    assert.is(await server.call('CLIENT', 'UNBLOCK', await idOf()), 1)
    assert.is(await first.reply, null)
    const second = await waiting(server, 'BLMPOP', '0', '2', 'a', 'b', 'LEFT')
    const id = await idOf()
    assert.is(await server.call('CLIENT', 'UNBLOCK', id, 'ERROR'), 1)
    isError(await second.reply, 'UNBLOCKED client unblocked via CLIENT UNBLOCK')
    assert.is(await server.call('CLIENT', 'UNBLOCK', id), 0)
    const third = await waiting(server, 'WAIT', '1', '0')
    assert.is(await server.call('CLIENT', 'UNBLOCK', await idOf()), 1)
    assert.is(await third.reply, 0)
    for (const { client } of [first, second, third]) await client.close()
  }))

test('while clients are paused no element is taken, and timeouts still end', () =>
  withServer(async (server) => {
    const long = await waiting(server, 'BLPOP', 'a', '0')
    const short = await waiting(server, 'BLPOP', 'a', '0.4')
    const admin = await server.connect()
    await admin.call('CLIENT', 'PAUSE', '100000', 'WRITE')
    const pusher = await server.connect()
    const pushed = pusher.call('RPUSH', 'a', '1')
    assert.is(await short.reply, null)
    await admin.call('CLIENT', 'UNPAUSE')
    assert.is(await pushed, 1)
    assert.equal(await long.reply, ['a', '1'])
    for (const client of [long.client, short.client, admin, pusher]) await client.close()
  }))

test('when the node becomes a replica, blocked clients get an error and are disconnected', () =>
  withServer(async (server) => {
    const { client, reply } = await waiting(server, 'BLPOP', 'a', '0')
    const waiter = await waiting(server, 'WAIT', '1', '0')
    assert.is(await server.call('REPLICAOF', '127.0.0.1', '1'), 'OK')
    isError(await reply, 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)')
    await client.closed
    assert.instance(await waiter.reply, WireError)
    isError(await server.call('BLPOP', 'a', '0'), "READONLY You can't write against a read only replica.")
    await waiter.client.close()
    await server.call('REPLICAOF', 'NO', 'ONE')
  }))

test('a shutdown does not wait for blocked clients', () =>
  withServer(async (server) => {
    const { client } = await waiting(server, 'BLPOP', 'a', '0')
    await server.restart('SIGTERM')
    await client.closed
    assert.is(await server.call('EXISTS', 'a'), 0)
  }))

test('hundreds of blocked clients share the elements without losing or duplicating one', () =>
  withServer(async (server) => {
    const clients = await Promise.all(Array.from({ length: 200 }, () => server.connect()))
    const taken: WireReply[] = []
    const taking = clients.map(async (client, index) => {
      for (;;) {
        const reply = (await client.call('BLPOP', 'other', 'queue', index % 3 === 0 ? '0.01' : '5')) as [string, string] | null
        if (reply === null) continue
        if (reply[1] === 'end') return client.close()
        taken.push(reply[1])
      }
    })
    const pusher = await server.connect()
    for (let i = 0; i < 2000; i += 10) {
      const batch = Array.from({ length: 10 }, (_, offset) => ['RPUSH', (i + offset) % 2 === 0 ? 'queue' : 'other', String(i + offset)])
      await pusher.pipeline(batch)
    }
    for (let i = 0; i < clients.length; i++) await pusher.call('RPUSH', 'queue', 'end')
    await Promise.all(taking)
    assert.equal(
      taken.map(Number).sort((a, b) => a - b),
      Array.from({ length: 2000 }, (_, i) => i),
    )
    assert.is(await server.call('EXISTS', 'queue', 'other'), 0)
    await pusher.close()
  }))

test.run()
