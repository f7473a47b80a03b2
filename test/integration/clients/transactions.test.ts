/**
 * Transactions from outside: the states of the server that stand in their way, and how a client in
 * one is listed.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertEqual, fieldOf, follow, fullSyncs, inStep, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { type WireClient, WireError, type WireReply } from '../../support/servers/wire-client.ts'

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

test('a replica refuses to queue writes, and EXEC refuses writes queued before the change of role', () =>
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

test('CLIENT PAUSE WRITE holds an EXEC with writes and passes one without', () =>
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

test("CLIENT LIST shows a transaction's queue and a broken watch", () =>
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

test('queued commands count towards client-query-buffer-limit', () =>
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
  await until('the replica to have the transaction', async () => {
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

test('after SLAVEOF in a transaction its later writes are refused, and the binlogs agree', async () => {
  const one = await RunningServer.start()
  const two = await startReplica(one.port)
  await inStep(one, two)
  await one.call('SET', 'before', '0')
  const client = await one.connect()
  const replies = await client.pipeline([
    ['MULTI'],
    ['SET', 'a', '1'],
    ['INCR', 'a'],
    ['REPLICAOF', '127.0.0.1', '0'],
    ['SET', 'b', '2'],
    ['GET', 'a'],
    ['ROLE'],
    ['EXEC'],
  ])
  const exec = replies.at(-1) as readonly WireReply[]
  assert.equal(exec.slice(0, 5), ['OK', 2, 'OK', new WireError(READONLY), '2'])
  assert.equal((exec[5] as readonly WireReply[]).slice(0, 3), ['slave', '127.0.0.1', 0])
  await one.restart('SIGKILL') // the role was stored before the reply
  assert.is(await fieldOf(one, 'role'), 'slave')
  assert.equal(await one.call('MGET', 'before', 'a', 'b'), ['0', '2', null])
  await until('the replica to have the write', async () => (await two.call('GET', 'a')) === '2')
  const promotion = await two.connect()
  assert.equal((await promotion.pipeline([['MULTI'], ['REPLICAOF', 'NO', 'ONE'], ['GET', 'a'], ['EXEC']])).at(-1), ['OK', '2'])
  assert.is(await promotion.call('SET', 'c', '3'), 'OK')
  await follow(one, two)
  await assertEqual(two, one)
  assert.is(await fullSyncs(two), 0)
  assert.is(await one.call('GET', 'c'), '3')
  await client.close()
  await promotion.close()
  await stopAll(one, two)
})

test('SLAVEOF and SLAVEOF NO ONE in one transaction keep the writes under both master roles', () =>
  withServer(async (server, client) => {
    const replies = await client.pipeline([
      ['MULTI'],
      ['SET', 'a', '1'],
      ['SLAVEOF', '127.0.0.1', '0'],
      ['SET', 'a', '2'],
      ['SLAVEOF', 'NO', 'ONE'],
      ['APPEND', 'a', '3'],
      ['CLEARREPLICATIONID'],
      ['APPEND', 'a', '4'],
      ['EXEC'],
    ])
    assert.equal(replies.at(-1), ['OK', 'OK', new WireError(READONLY), 'OK', 2, 'OK', 3])
    await server.restart('SIGKILL')
    assert.is(await server.call('GET', 'a'), '134')
  }))

test('FAILOVER in a transaction hands over the writes before and after it', async () => {
  const one = await RunningServer.start()
  const two = await startReplica(one.port)
  await inStep(one, two)
  const client = await one.connect()
  const exec = (await client.pipeline([['MULTI'], ['SET', 'a', '1'], ['FAILOVER'], ['SET', 'b', '2'], ['EXEC']])).at(-1)
  assert.equal(exec, ['OK', 'OK', 'OK'])
  await until('the roles to be changed', async () => (await fieldOf(two, 'role')) === 'master' && (await fieldOf(one, 'role')) === 'slave')
  await assertEqual(two, one)
  assert.equal(await two.call('MGET', 'a', 'b'), ['1', '2'])
  assert.is(await fullSyncs(two), 0)
  await client.close()
  await stopAll(one, two)
})

test('CLIENT KILL in a transaction disconnects other clients at once, and its own after the reply', () =>
  withServer(async (server, client) => {
    const other = await server.connect()
    await until(
      'nobody else to be there',
      async () =>
        String(await client.call('CLIENT', 'LIST'))
          .trim()
          .split('\n').length === 2,
    )
    const spared = await client.pipeline([['MULTI'], ['CLIENT', 'KILL', 'TYPE', 'normal'], ['EXEC']])
    assert.equal(spared.at(-1), [1])
    await other.closed
    const last = client.pipeline([['MULTI'], ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no'], ['SET', 'a', '1'], ['EXEC']])
    assert.equal((await last).at(-1), [1, 'OK'])
    await client.closed
    assert.is(await server.call('GET', 'a'), '1')
  }))

test.run()
