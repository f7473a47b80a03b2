/** Transactions as they are seen from outside: what stands in their way, and how a client in one is shown. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../support/running-server.ts'
import { type WireClient, WireError, type WireReply } from '../support/wire-client.ts'

async function withServer(run: (server: RunningServer, client: WireClient) => Promise<void>): Promise<void> {
  const server = await RunningServer.start()
  const client = await server.connect()
  await run(server, client)
  await client.close()
  await server.stop()
}

const READONLY = "READONLY You can't write against a read only replica."
const aborted = (why: string) => new WireError(`EXECABORT Transaction discarded because of: ${why}`)

async function heldCount(server: RunningServer): Promise<number> {
  return Number(/^held_clients:(\d+)/m.exec((await server.call('INFO', 'clients')) as string)?.[1])
}

test('a replica queues no write, and EXEC of writes queued before is refused as a whole', () =>
  withServer(async (server, client) => {
    await client.call('MULTI')
    assert.is(await client.call('SET', 'a', '1'), 'QUEUED')
    await server.call('REPLICAOF', '127.0.0.1', '0')
    assert.equal(await client.call('EXEC'), aborted(READONLY))
    await client.call('MULTI')
    assert.equal(await client.call('SET', 'a', '1'), new WireError(READONLY))
    assert.equal(await client.call('EXEC'), new WireError('EXECABORT Transaction discarded because of previous errors.'))
    await client.call('MULTI')
    await client.call('GET', 'a')
    assert.equal(await client.call('EXEC'), [null])
    await server.call('REPLICAOF', 'NO', 'ONE')
  }))

test('CLIENT PAUSE WRITE holds an EXEC that writes and lets one that reads pass', () =>
  withServer(async (server, client) => {
    await client.call('MULTI')
    await client.call('SET', 'a', '1')
    const reader = await server.connect()
    await reader.call('MULTI')
    await reader.call('GET', 'a')
    await server.call('CLIENT', 'PAUSE', '100000', 'WRITE')
    let reply: WireReply | undefined
    const answered = client.call('EXEC').then((value) => {
      reply = value
    })
    await until('the EXEC to be held', async () => (await heldCount(server)) === 1)
    assert.equal(await reader.call('EXEC'), [null])
    assert.is(reply, undefined)
    await server.call('CLIENT', 'UNPAUSE')
    await answered
    assert.equal(reply, ['OK'])
    await reader.close()
  }))

test('min-replicas-to-write refuses to queue', () =>
  withServer(async (server, client) => {
    await server.call('CONFIG', 'SET', 'min-replicas-to-write', '1')
    await client.call('MULTI')
    assert.equal(await client.call('SET', 'a', '1'), new WireError('NOREPLICAS Not enough good replicas to write.'))
    assert.equal(await client.call('EXEC'), new WireError('EXECABORT Transaction discarded because of previous errors.'))
  }))

test('a client in a transaction is shown with what it has queued, and with a watch that is broken', () =>
  withServer(async (server, client) => {
    const id = String(await client.call('CLIENT', 'ID'))
    const line = async () => (await server.call('CLIENT', 'LIST', 'ID', id)) as string
    assert.match(await line(), / flags=N .* multi=-1 .* multi-mem=0 /)
    await client.call('WATCH', 'a')
    await client.call('MULTI')
    await client.call('SET', 'a', '1234567')
    assert.match(await line(), / flags=x .* multi=1 .* multi-mem=11 /)
    await server.call('SET', 'a', '2')
    assert.match(await line(), / flags=xd /)
    assert.is(await client.call('EXEC'), null)
    assert.match(await line(), / flags=N .* multi=-1 /)
  }))

test('what is queued counts for client-query-buffer-limit', () =>
  withServer(async (server, client) => {
    await server.call('CONFIG', 'SET', 'client-query-buffer-limit', '1mb')
    await client.call('MULTI')
    const value = 'x'.repeat(100_000)
    const ended = client.closed
    for (let i = 0; i < 20; i++) void client.call('SET', `k${i}`, value).catch(() => {})
    await ended
    assert.is(await server.call('DBSIZE'), 0)
  }))

test('a transaction is logged once, and replayed and replicated as a whole', async () => {
  const master = await RunningServer.start()
  const replica = await RunningServer.start({ flags: { replicaof: `127.0.0.1 ${master.port}` } })
  const client = await master.connect()
  await client.pipeline([['MULTI'], ['SET', 'a', '1'], ['SELECT', '3'], ['RPUSH', 'l', 'x', 'y'], ['SPOP', 'none'], ['EXEC']])
  await until('the replica to have it', async () => {
    await replica.call('SELECT', '0')
    return (await replica.call('GET', 'a')) === '1'
  })
  const reader = await replica.connect()
  await reader.call('SELECT', '3')
  assert.equal(await reader.call('LRANGE', 'l', '0', '-1'), ['x', 'y'])
  await reader.close()
  await client.close()
  await master.restart('SIGKILL')
  const again = await master.connect()
  await again.call('SELECT', '3')
  assert.equal(await again.call('LRANGE', 'l', '0', '-1'), ['x', 'y'])
  await again.close()
  await replica.stop()
  await master.stop()
})

test.run()
