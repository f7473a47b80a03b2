/** Three nodes of a cluster that are told maps: roles, clients of slots that leave, sweeping. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../support/servers/running-server.ts'
import { WireError } from '../support/servers/wire-client.ts'

const ids = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string]
const [A, , C] = ids
/** Slots: `bar` 5061, `foo` 12182. */
const LAST = 16_383

let servers: [RunningServer, RunningServer, RunningServer]
let version = 0

const line = (index: number, slots: string) => `${ids[index]} 127.0.0.1 ${servers[index]?.port} master - ${slots}`
const replicaLine = (index: number, master: string) => `${ids[index]} 127.0.0.1 ${servers[index]?.port} slave ${master}`

/** Tells all nodes a map. */
async function tell(...lines: string[]): Promise<void> {
  version++
  for (const server of servers) assert.is(await server.call('CLUSTERX', 'SETNODES', lines.join('\n'), version), 'OK')
}

async function textOf(reply: Promise<unknown>): Promise<string> {
  const answer = await reply
  return answer instanceof WireError ? answer.text : JSON.stringify(answer)
}

const moved = (slot: number, index: number) => `MOVED ${slot} 127.0.0.1:${servers[index]?.port}`

test.before(async () => {
  const flags = { 'cluster-enabled': 'yes', 'warm-up': 'no', 'shutdown-timeout': 0 }
  servers = (await Promise.all(ids.map(() => RunningServer.start({ flags })))) as typeof servers
  for (const [index, server] of servers.entries()) assert.is(await server.call('CLUSTERX', 'SETNODEID', must(ids[index])), 'OK')
})
test.after(async () => {
  await Promise.all(servers.map((server) => server.stop()))
})

function must(word: string | undefined): string {
  if (word === undefined) throw new Error('no such node')
  return word
}

test('clients of a slot that leaves are redirected, unsubscribed and notified', async () => {
  const [first] = servers
  await tell(line(0, '0-8191'), line(1, `8192-${LAST}`))
  const [blocked, subscriber, cache] = [await first.connect(), await first.connect(), await first.connect()]
  const waiting = textOf(blocked.call('BLPOP', '{bar}list', 0))
  await subscriber.call('SSUBSCRIBE', 'bar')
  await cache.call('HELLO', 3)
  await cache.call('CLIENT', 'TRACKING', 'ON')
  await cache.call('GET', 'bar')
  await until('a blocked client', async () => /blocked_clients:1/.test(String(await first.call('INFO', 'clients'))))
  await tell(line(1, `0-${LAST}`))
  assert.is(await waiting, moved(5061, 1))
  await until('the notifications', () => subscriber.strays.length > 0 && cache.strays.length > 0)
  assert.is(JSON.stringify(subscriber.strays), JSON.stringify([['sunsubscribe', 'bar', 0]]))
  assert.match(JSON.stringify(cache.strays), /invalidate.*bar/)
  for (const client of [blocked, subscriber, cache]) await client.close()
})

test('a replica follows the master of the map, serves reads after READONLY, and takes over', async () => {
  const [first, , third] = servers
  await tell(line(0, '0-8191'), line(1, `8192-${LAST}`), replicaLine(2, A))
  await first.call('SET', 'bar', '1')
  const reader = await third.connect()
  assert.is(await textOf(reader.call('GET', 'bar')), moved(5061, 0))
  await reader.call('READONLY')
  await until('the replica to have the key', async () => (await textOf(reader.call('GET', 'bar'))) === '"1"')
  assert.is(await textOf(reader.call('SET', 'bar', '2')), moved(5061, 0))
  assert.is(await textOf(reader.call('GET', 'foo')), moved(12_182, 1))
  assert.is(await reader.call('DBSIZE'), 1)
  await tell(line(2, '0-8191'), line(1, `8192-${LAST}`), replicaLine(0, C))
  assert.is(await reader.call('SET', 'bar', '3'), 'OK')
  await until('the old master to follow', async () => /"slave".*"connected"/.test(JSON.stringify(await first.call('ROLE'))))
  assert.is(await textOf(first.call('GET', 'bar')), moved(5061, 2))
  assert.match(String(await first.call('CLUSTER', 'NODES')), new RegExp(`^${A} .* myself,slave ${C} `))
  await third.restart('SIGKILL')
  assert.is(await third.call('GET', 'bar'), '3')
  assert.is(await third.call('CLUSTERX', 'VERSION'), String(version))
  await reader.close()
})

test('keys of slots that leave are hidden at once and swept, on the replica and after kill -9, too', async () => {
  const [first, , third] = servers
  await tell(line(0, `0-${LAST}`), replicaLine(2, A))
  await first.call('FLUSHALL')
  const client = await first.connect()
  const keys = Array.from({ length: 4000 }, (_, i) => ['SET', `k${i}`, 'v'])
  await client.pipeline(keys)
  await client.call('SELECT', 1)
  await client.call('SET', 'other', '1')
  await client.call('CLIENT', 'PAUSE', 60_000, 'WRITE') // nothing is swept meanwhile
  await client.close()
  await until('the replica', async () => (await third.call('DBSIZE')) === 4000)
  await tell(line(0, '0-8191'), line(1, `8192-${LAST}`), replicaLine(2, A))
  const shown = Number(await first.call('DBSIZE'))
  assert.ok(shown > 1500 && shown < 2500, `${shown} keys are shown`)
  const found = (await first.call('KEYS', '*')) as string[]
  assert.is(found.length, shown)
  assert.equal(await first.call('SCAN', 0, 'COUNT', 10_000), ['0', found])
  assert.ok(found.includes(String(await first.call('RANDOMKEY'))))
  assert.is(await third.call('DBSIZE'), shown)
  await first.restart('SIGKILL')
  assert.is(await first.call('DBSIZE'), shown)
  const all = async (server: RunningServer) => Number(/db0:keys=(\d+)/.exec(String(await server.call('INFO', 'keyspace')))?.[1])
  for (const server of [first, third]) await until('all keys to be swept', async () => (await all(server)) === shown)
  await tell(line(0, `0-${LAST}`), replicaLine(2, A))
  await until('the slots to open again', async () => (await textOf(first.call('GET', 'foo'))) === 'null')
  assert.is(await first.call('DBSIZE'), shown)
})

test.run()
