/**
 * Publish and subscribe over sockets: order among replies, slow subscribers, replicas, restarts.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import type { WireClient, WireReply } from '../../support/servers/wire-client.ts'

async function withServer(run: (server: RunningServer) => Promise<void>, flags: Record<string, string | number> = {}): Promise<void> {
  const server = await RunningServer.start({ flags })
  await run(server)
  await server.stop()
}

async function subscriber(server: RunningServer, ...words: string[]): Promise<WireClient> {
  const client = await server.connect()
  await client.call(...words)
  return client
}

/** Returns the next `count` replies. */
async function next(client: WireClient, count: number): Promise<WireReply[]> {
  const replies: WireReply[] = []
  while (replies.length < count) replies.push(await client.reply())
  return replies
}

test('messages arrive in the order of publishing, from pipelines and transactions too', () =>
  withServer(async (server) => {
    const listener = await subscriber(server, 'SUBSCRIBE', 'a')
    const client = await server.connect()
    await client.pipeline(Array.from({ length: 100 }, (_, number) => ['PUBLISH', 'a', String(number)]))
    await client.pipeline([['MULTI'], ['PUBLISH', 'a', '100'], ['SET', 'k', 'v'], ['PUBLISH', 'a', '101'], ['EXEC']])
    const messages = await next(listener, 102)
    assert.equal(
      messages,
      Array.from({ length: 102 }, (_, number) => ['message', 'a', String(number)]),
    )
    await listener.close()
    await client.close()
  }))

test("messages caused by a client's own command come after its reply", () =>
  withServer(
    async (server) => {
      const client = await server.connect()
      await client.call('HELLO', '3')
      await client.call('PSUBSCRIBE', '__keyevent*')
      client.strays.length = 0
      client.raw('MULTI\r\nSET a 1\r\nPUBLISH none x\r\nEXEC\r\n')
      const [multi, first, second, exec] = await next(client, 4)
      assert.equal([multi, first, second, exec], ['OK', 'QUEUED', 'QUEUED', ['OK', 0]])
      await until('the event', () => client.strays.length > 0)
      assert.equal(client.strays, [['pmessage', '__keyevent*', '__keyevent@0__:set', 'a']])
      await client.close()
    },
    { 'notify-keyspace-events': 'E$' },
  ))

test('expiry is published as an event, and the classes follow CONFIG SET', () =>
  withServer(async (server) => {
    const listener = await subscriber(server, 'SUBSCRIBE', '__keyevent@0__:expired')
    await server.call('SET', 'a', '1', 'PX', '1')
    await until('the expiry', async () => (await server.call('DBSIZE')) === 0)
    await server.call('CONFIG', 'SET', 'notify-keyspace-events', 'Ex')
    await server.call('SET', 'b', '1', 'PX', '1')
    assert.equal(await listener.reply(), ['message', '__keyevent@0__:expired', 'b'])
    await listener.close()
  }))

test('a subscriber that does not read is disconnected, and the others still receive messages', () =>
  withServer(
    async (server) => {
      const slow = await subscriber(server, 'SUBSCRIBE', 'a')
      slow.socket.pause()
      const fast = await subscriber(server, 'SUBSCRIBE', 'a')
      const payload = 'x'.repeat(100_000)
      let published = 0
      const receivers = new Set<WireReply>()
      while (!receivers.has(1)) {
        receivers.add(await server.call('PUBLISH', 'a', payload))
        published++
        assert.ok(published < 1000, 'the slow subscriber is still connected')
      }
      for (const [, , message] of (await next(fast, published)) as string[][]) assert.is(message?.length, payload.length)
      const info = (await server.call('INFO', 'stats')) as string
      assert.match(info, /client_output_buffer_limit_disconnections:1\r/)
      slow.socket.resume()
      await slow.closed
      await fast.close()
    },
    { 'client-output-buffer-limit': 'pubsub 1mb 0 0' },
  ))

test('a subscriber is listed as one and can be killed as one', () =>
  withServer(async (server) => {
    const client = await server.connect()
    await client.call('SUBSCRIBE', 'a', 'b')
    await client.call('PSUBSCRIBE', 'p*')
    const list = (await server.call('CLIENT', 'LIST', 'TYPE', 'pubsub')) as string
    assert.match(list, /^id=\d+ .* flags=P .* sub=2 psub=1 ssub=0 .*cmd=psubscribe .*\n$/)
    assert.match((await server.call('INFO', 'stats')) as string, /pubsub_channels:2\r\npubsub_patterns:1\r/)
    assert.is(await server.call('CLIENT', 'KILL', 'TYPE', 'pubsub'), 1)
    await client.closed
    assert.is(await server.call('PUBLISH', 'a', 'x'), 0)
  }))

test("a replica's subscribers receive the master's messages, and a restart does not repeat them", async () => {
  const master = await RunningServer.start()
  const replica = await RunningServer.start({ flags: { replicaof: `127.0.0.1 ${master.port}` } })
  const listener = await subscriber(replica, 'SUBSCRIBE', 'a')
  await until('the replica to be online', async () => /state=online/.test((await master.call('INFO', 'replication')) as string))
  assert.is(await master.call('PUBLISH', 'a', 'from the master'), 0)
  assert.equal(await listener.reply(), ['message', 'a', 'from the master'])
  assert.is(await replica.call('PUBLISH', 'a', 'from here'), 1)
  assert.equal(await listener.reply(), ['message', 'a', 'from here'])
  const shard = await subscriber(replica, 'SSUBSCRIBE', 's')
  await master.call('SPUBLISH', 's', 'x')
  assert.equal(await shard.reply(), ['smessage', 's', 'x'])
  await shard.close()
  await listener.close()
  const offset = async (server: RunningServer) => /master_repl_offset:(\d+)/.exec((await server.call('INFO', 'replication')) as string)?.[1]
  assert.is(await offset(replica), await offset(master), 'a replica does not log its own messages')
  await master.restart('SIGKILL')
  const end = await offset(master)
  assert.is(await master.call('PUBLISH', '__sentinel__:hello', 'x'), 0)
  assert.is(await offset(master), end, 'messages of sentinels are not replicated')
  await replica.stop()
  await master.stop()
})

test.run()
