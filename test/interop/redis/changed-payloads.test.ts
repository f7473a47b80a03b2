/**
 * Changed payloads of redis-server: what haypile takes is the same on all nodes that follow it, and
 * no command fails on it.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { must } from '../../../base/assert.ts'
import type { Bytes } from '../../../base/bytes.ts'
import { dataset } from '../../support/generators/dataset.ts'
import { seeded } from '../../support/generators/seed.ts'
import { mutatedPayload } from '../../support/rdb/mutations.ts'
import { walkPayloads } from '../../support/rdb/payload-walk.ts'
import { payloadsOfRedis } from '../../support/rdb/redis-payloads.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { assertEqual, offsetOf, startReplica } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { type WireClient, WireError } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const { HAYPILE_ROUNDS = '2000' } = process.env
const ROUNDS = Number(HAYPILE_ROUNDS)
const BATCH = 100
/** Values of each type with each setting. */
const VALUES = 8

const LIBRARIES = [
  "#!lua name=first\nredis.register_function('one', function(keys, args) return redis.call('set', keys[1], args[1]) end)",
  "#!lua name=second\nlocal text = 'abcabcabcabcabcabcabc'\nredis.register_function{function_name='two', callback=function() return text end, flags={'no-writes'}}",
  '#!lua name=third\n-- a comment of some length, which may change without an effect\nredis.register_function("three", function() end)',
]

/** The servers of the running test, in the order in which they were started. */
const servers: { stop(): Promise<void> }[] = []

/** Starts a server that ends after the test. */
async function started<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const server = await starting
  servers.push(server)
  return server
}

test.after.each(async () => {
  for (let server = servers.pop(); server !== undefined; server = servers.pop()) await server.stop()
})

/** Returns the code of all libraries, in the order of their names. */
async function librariesOf(client: WireClient): Promise<Bytes[]> {
  const libraries = (await client.call('FUNCTION', 'LIST', 'WITHCODE')) as Bytes[][]
  return libraries.map((library) => must(library[library.indexOf('library_code') + 1])).sort()
}

/** Restores changed payloads, each into a key of its own. Returns the payloads taken by key. */
async function restoreChanged(client: WireClient, payload: () => Buffer): Promise<Map<Bytes, Buffer>> {
  const taken = new Map<Bytes, Buffer>()
  for (let round = 0; round < ROUNDS; round += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => [`k${round + i}`, payload()] as const)
    const replies = await client.pipeline(batch.map(([key, bytes]) => ['RESTORE', key, '0', bytes.latin1Slice()]))
    for (const [i, [key, bytes]] of batch.entries()) {
      const reply = replies[i]
      if (reply instanceof WireError) assert.is(reply.text, 'ERR Bad data format')
      else taken.set(key, bytes)
    }
  }
  return taken
}

/** Waits until a redis-server has applied what the master has logged. */
async function inStepWith(master: RunningServer, redis: WireClient): Promise<void> {
  await until('the Redis to be in step', async () => {
    const text = (await redis.call('INFO', 'replication')) as string
    const offset = /^slave_repl_offset:(\d+)\r$/m.exec(text)?.[1]
    return /^master_link_status:up\r$/m.test(text) && Number(offset) >= (await offsetOf(master))
  })
}

if (haveTools('changed payloads of redis-server', 'redis-server')) {
  test('values of changed payloads are the same on a Redis and a haypile that follow, and after a restart', async () => {
    const chance = seeded('changed payloads on replicas')
    const redis = await started(RedisServer.start())
    const replica = await redis.connect()
    const payloads = await payloadsOfRedis(replica, chance, VALUES)
    const master = await started(RunningServer.start())
    const follower = await started(startReplica(master.port))
    assert.is(await replica.call('REPLICAOF', '127.0.0.1', master.port), 'OK')
    await inStepWith(master, replica)
    const client = await master.connect()
    const taken = await restoreChanged(client, () => mutatedPayload(chance, chance.pick(payloads)))
    assert.ok(taken.size > ROUNDS / 20, `${taken.size} taken`)
    await inStepWith(master, replica)
    const expected = await dataset(client, 'redis 7.0')
    const found = await dataset(replica, 'redis 7.0')
    for (const [name, value] of expected) assert.equal(found.get(name), value, taken.get(name.slice(2))?.toString('hex'))
    assert.is(found.size, expected.size)
    await assertEqual(master, follower)
    await client.close()
    await master.restart('SIGKILL')
    const again = await master.connect()
    assert.equal(await dataset(again, 'redis 7.0'), expected)
    await Promise.all([again.close(), replica.close()])
  })

  test('changed payloads of functions leave all libraries or change none, as on a Redis that follows', async () => {
    const chance = seeded('changed payloads of functions')
    const redis = await started(RedisServer.start())
    const replica = await redis.connect()
    for (const code of LIBRARIES)
      assert.is(await replica.call('FUNCTION', 'LOAD', code), code.slice('#!lua name='.length, code.indexOf('\n')))
    const payloads: Buffer[] = []
    for (const compression of ['yes', 'no']) {
      assert.is(await replica.call('CONFIG', 'SET', 'rdbcompression', compression), 'OK')
      payloads.push(Buffer.from((await replica.call('FUNCTION', 'DUMP')) as Bytes, 'latin1'))
    }
    const master = await started(RunningServer.start())
    assert.is(await replica.call('REPLICAOF', '127.0.0.1', master.port), 'OK')
    await inStepWith(master, replica)
    const client = await master.connect()
    let taken = 0
    for (let round = 0; round < ROUNDS / 4; round++) {
      const before = await librariesOf(client)
      const changed = mutatedPayload(chance, chance.pick(payloads)).latin1Slice()
      const reply = await client.call('FUNCTION', 'RESTORE', changed, chance.pick(['APPEND', 'REPLACE', 'FLUSH']))
      if (reply === 'OK') taken++
      else {
        assert.match((reply as WireError).text, /^ERR /)
        assert.equal(await librariesOf(client), before)
      }
    }
    assert.ok(taken > ROUNDS / 200, `${taken} taken`)
    await inStepWith(master, replica)
    assert.equal(await librariesOf(replica), await librariesOf(client))
    assert.is(await replica.call('DBSIZE'), 0)
    await Promise.all([client.close(), replica.close()])
  })

  test('no command fails on the values that changed payloads make', async () => {
    const chance = seeded('changed payloads of redis-server')
    const redis = await started(RedisServer.start())
    const client = await redis.connect()
    const payloads = await payloadsOfRedis(client, chance, VALUES)
    await client.close()
    const taken = await walkPayloads(chance, payloads, ROUNDS)
    assert.ok(taken > ROUNDS / 20, `${taken} taken`)
  })
}

test.run()
