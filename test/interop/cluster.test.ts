/** Two nodes of a cluster answer requests as two nodes of redis-server do, byte by byte. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RedisServer } from '../support/servers/redis-server.ts'
import { RunningServer, until } from '../support/servers/running-server.ts'
import { type WireClient, WireError, type WireReply } from '../support/servers/wire-client.ts'
import { haveTools } from './tools.ts'

/** The first node owns slots 0 to 8191: `bar` is in slot 5061, `foo` in 12182, `zap` in 10325. */
const HALF = 8191
const LAST = 16_383

interface Pair {
  readonly ports: readonly [number, number]
  readonly clients: readonly [WireClient, WireClient]
  readonly ids: readonly [string, string]
}

/** Returns a reply as text, with the ports and ids of the two nodes replaced. */
function shown(reply: WireReply, { ports, ids }: Pair): string {
  let text = reply instanceof WireError ? `-${reply.text}` : JSON.stringify(reply)
  for (const [index, port] of ports.entries()) text = text.replaceAll(String(port), `PORT${index}`)
  for (const [index, id] of ids.entries()) text = text.replaceAll(id, `ID${index}`)
  return text
}

async function redisPair(servers: readonly [RedisServer, RedisServer]): Promise<Pair> {
  const [first, second] = [await servers[0].connect(), await servers[1].connect()]
  await first.call('CLUSTER', 'ADDSLOTSRANGE', 0, HALF)
  await second.call('CLUSTER', 'ADDSLOTSRANGE', HALF + 1, LAST)
  await first.call('CLUSTER', 'MEET', '127.0.0.1', servers[1].port)
  for (const client of [first, second])
    await until('the cluster of redis-server', async () => String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok'))
  const ids = [String(await first.call('CLUSTER', 'MYID')), String(await second.call('CLUSTER', 'MYID'))] as const
  return { ports: [servers[0].port, servers[1].port], clients: [first, second], ids }
}

async function haypilePair(servers: readonly [RunningServer, RunningServer]): Promise<Pair> {
  const [first, second] = [await servers[0].connect(), await servers[1].connect()]
  const ids = [String(await first.call('CLUSTER', 'MYID')), String(await second.call('CLUSTER', 'MYID'))] as const
  const map = `${ids[0]} 127.0.0.1 ${servers[0].port} master - 0-${HALF}\n${ids[1]} 127.0.0.1 ${servers[1].port} master - ${HALF + 1}-${LAST}`
  for (const client of [first, second]) assert.is(await client.call('CLUSTERX', 'SETNODES', map, 1), 'OK')
  return { ports: [servers[0].port, servers[1].port], clients: [first, second], ids }
}

/** Requests of one connection to the first node, in their order. */
const REQUESTS: readonly string[] = [
  ...[
    'GET foo',
    'GET bar',
    'SET bar 1',
    'SET foo 1',
    'MGET bar foo',
    'MGET foo bar',
    'MGET bar {bar}1',
    'MSET foo 1 {foo}1 2',
    'DEL foo bar',
  ],
  ...['GET', 'NOSUCH foo', 'PING', 'ECHO foo', 'DBSIZE', 'KEYS *', 'SORT bar BY x* GET y*', 'SORT bar GET #', 'SORT foo BY x*'],
  ...['MULTI', 'SET bar 2', 'EXEC', 'MULTI', 'SET foo 2', 'EXEC', 'MULTI', 'SET bar 3', 'GET {bar}1', 'EXEC', 'EXEC', 'DISCARD'],
  ...['WATCH foo', 'WATCH bar foo', 'UNWATCH', 'OBJECT ENCODING foo', 'XREAD STREAMS foo 0', 'XREAD COUNT 1 STREAMS bar foo 0 0'],
  ...[
    'SINTERSTORE bar foo zap',
    'ZUNION 2 bar foo',
    'ZUNION 2 foo bar',
    'RENAME bar foo',
    'RENAME bar {bar}2',
    'RENAME {bar}2 bar',
    'COPY bar foo',
    'LMPOP 2 foo bar LEFT',
  ],
  ...['SPUBLISH foo x', 'SPUBLISH bar x', 'SSUBSCRIBE foo', 'PUBLISH foo x', 'SUNSUBSCRIBE foo', 'PUBSUB SHARDCHANNELS'],
  ...[
    'BLPOP foo 1',
    'BLPOP bar foo 1',
    'BLPOP {bar}l 0.01',
    'READONLY',
    'GET foo',
    'SET foo 1',
    'READWRITE',
    'ASKING',
    'GET foo',
    'ASKING',
    'GET bar',
  ],
  ...[
    'CLUSTER KEYSLOT foo',
    'CLUSTER COUNTKEYSINSLOT 5061',
    'CLUSTER GETKEYSINSLOT 5061 9',
    'CLUSTER COUNTKEYSINSLOT x',
    'CLUSTER GETKEYSINSLOT 1 -1',
  ],
  ...[
    'CLUSTER SLOTS',
    'CLUSTER REPLICAS x',
    'CLUSTER REPLICAS ID1',
    'CLUSTER COUNT-FAILURE-REPORTS ID1',
    'CLUSTER RESET',
    'CLUSTER RESET x',
  ],
  ...[
    'CLUSTER SETSLOT 1',
    'CLUSTER SETSLOT 16384 STABLE',
    'CLUSTER SETSLOT x STABLE',
    'CLUSTER SETSLOT 12182 MIGRATING ID1',
    'CLUSTER SETSLOT 5061 IMPORTING ID1',
  ],
  ...[
    'CLUSTER SETSLOT 5061 MIGRATING x',
    'CLUSTER SETSLOT 12182 IMPORTING x',
    'CLUSTER SETSLOT 5061 FOO',
    'REPLICAOF NO ONE',
    'REPLICAOF h 1',
  ],
  // A slot that moves away: keys that are here are served, others are asked for elsewhere.
  ...[
    'CLUSTER SETSLOT 5061 MIGRATING ID1',
    'GET bar',
    'GET {bar}none',
    'MGET bar {bar}none',
    'MGET {bar}none {bar}no',
    'SET {bar}new 1',
    'EXISTS bar bar',
  ],
  ...[
    'MULTI',
    'GET bar',
    'GET {bar}none',
    'EXEC',
    'MULTI',
    'GET bar',
    'EXEC',
    'SPUBLISH bar x',
    'CLUSTER SETSLOT 5061 STABLE',
    'GET {bar}none',
  ],
  // A slot that moves here: only after ASKING.
  ...[
    'CLUSTER SETSLOT 12182 IMPORTING ID1',
    'GET foo',
    'ASKING',
    'GET foo',
    'GET foo',
    'ASKING',
    'SET foo 1',
    'ASKING',
    'MGET foo {foo}none',
    'ASKING',
    'PING',
    'GET foo',
  ],
  ...['ASKING', 'MULTI', 'GET foo', 'GET foo', 'EXEC', 'GET foo', 'ASKING', 'DEL foo', 'CLUSTER SETSLOT 12182 STABLE'],
]

/** Scripts with their keys. */
const SCRIPTS: readonly (readonly string[])[] = [
  ['EVAL', 'return redis.call("GET", KEYS[1])', '1', 'foo'],
  ['EVAL', 'return redis.call("GET", KEYS[1])', '1', 'bar'],
  ['EVAL', 'return redis.call("GET", KEYS[1])', '2', 'bar', 'foo'],
  ['EVAL', 'return redis.call("GET", "foo")', '0'],
  ['EVAL', 'return redis.pcall("GET", "foo")', '0'],
  ['EVAL', 'return redis.call("GET", "foo")', '1', 'bar'],
  ['EVAL', 'return {redis.call("GET", "bar"), redis.call("GET", "b")}', '0'],
  ['EVAL', '#!lua\nreturn {redis.call("GET", "bar"), redis.call("GET", "b")}', '1', 'bar'],
  ['EVAL', '#!lua\nreturn {redis.call("GET", "bar"), redis.call("GET", "b")}', '0'],
  ['EVAL', '#!lua flags=allow-cross-slot-keys\nreturn {redis.call("GET", "bar"), redis.call("GET", "b")}', '1', 'bar'],
  ['EVAL', '#!lua\nreturn redis.call("PING")', '0'],
  ['EVAL', '#!lua flags=no-cluster\nreturn 1', '0'],
  ['EVAL_RO', 'return redis.call("GET", "foo")', '0'],
  ['EVALSHA', 'ffffffffffffffffffffffffffffffffffffffff', '1', 'foo'],
  ['FUNCTION', 'LOAD', '#!lua name=l\nredis.register_function("f", function(keys) return redis.call("GET", keys[1] or "foo") end)'],
  ['FCALL', 'f', '1', 'foo'],
  ['FCALL', 'f', '1', 'bar'],
  ['FCALL', 'f', '0'],
]

async function answersOf(pair: Pair): Promise<string[]> {
  const [client] = pair.clients
  const answers: string[] = []
  const requests = [...REQUESTS.map((text) => text.split(' ')), ...SCRIPTS]
  for (const words of requests) {
    const named = words.map((word) => word.replace('ID1', pair.ids[1]))
    answers.push(`${words.join(' ')} => ${shown(await client.call(...named), pair)}`)
  }
  return answers
}

/** The answers in which haypile differs on purpose. */
const DIFFERENT = /^CLUSTER SETSLOT 5061 FOO /

if (haveTools('a cluster beside redis-server', 'redis-server')) {
  test('requests of a client are answered as by redis-server', async () => {
    const redis = await Promise.all([0, 1].map(() => RedisServer.start(['--cluster-enabled', 'yes'])))
    const haypile = await Promise.all([0, 1].map(() => RunningServer.start({ flags: { 'cluster-enabled': 'yes' } })))
    const expected = await redisPair(redis as [RedisServer, RedisServer])
    const found = await haypilePair(haypile as [RunningServer, RunningServer])
    const [wanted, got] = [await answersOf(expected), await answersOf(found)]
    for (const pair of [expected, found]) for (const client of pair.clients) await client.close()
    await Promise.all([...redis.map((server) => server.stop()), ...haypile.map((server) => server.stop())])
    assert.equal(
      got.filter((line) => !DIFFERENT.test(line)),
      wanted.filter((line) => !DIFFERENT.test(line)),
    )
  })
}

test.run()
