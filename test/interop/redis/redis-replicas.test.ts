/** redis-cli and redis-server as replicas of a haypile: full syncs, the stream, partial syncs. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dataset, withoutShortDeadlines } from '../../support/generators/dataset.ts'
import { randomCommand } from '../../support/generators/random-commands.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { assertEqual, fieldOf, infoOf, itemsOf, linked, offsetOf, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { WireClient } from '../../support/servers/wire-client.ts'
import { haveTools, run } from '../tools.ts'

/** The group that an idle master writes: a head, and one PING. */
const PULSE_BYTES = 138
const LIBRARY = "#!lua name=lib\nredis.register_function('set', function(keys, args) return redis.call('set', keys[1], args[1]) end)"

/** Random writes of all types, and some that are large. */
async function writeRandomly(client: WireClient, chance: Seeded, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 100) await client.pipeline(Array.from({ length: 100 }, () => randomCommand(chance, 'redis 7.0')))
}

/** Collections in many pages, and a stream with a group. */
async function writeLarge(client: WireClient): Promise<void> {
  const batches = Array.from({ length: 60 }, (_, batch) => Array.from({ length: 500 }, (_, i) => batch * 500 + i))
  for (const numbers of batches) {
    await client.pipeline([
      ['RPUSH', 'large list', ...numbers.map((n) => `element ${n}`)],
      ['SADD', 'large set', ...numbers.map((n) => `member ${n}`)],
      ['SADD', 'large intset', ...numbers],
      ['ZADD', 'large zset', ...numbers.flatMap((n) => [(n * 7919) % 30_011, `member ${n}`])],
      ['HSET', 'large hash', ...numbers.flatMap((n) => [`field ${n}`, 'v'.repeat(n % 50)])],
      ...numbers.slice(0, 50).map((n) => ['XADD', 'large stream', `${n + 1}-1`, 'field', `value ${n}`]),
    ])
  }
  await client.call('XGROUP', 'CREATE', 'large stream', 'group', '0')
  await client.call('XREADGROUP', 'GROUP', 'group', 'consumer', 'COUNT', 500, 'STREAMS', 'large stream', '>')
  await client.call('SET', 'large string', 'x'.repeat(3_000_000))
}

type Server = Pick<RunningServer, 'call' | 'connect'>

/** A field of INFO of a redis-server. */
async function redisField(client: WireClient, name: string): Promise<string> {
  const text = (await client.call('INFO', 'replication')) as string
  return new RegExp(`^${name}:(.*)\r$`, 'm').exec(text)?.[1] ?? ''
}

/** Waits until a redis-server has everything that its master has logged. */
async function inStepWith(master: RunningServer, redis: WireClient): Promise<void> {
  await until('the Redis to be in step', async () => {
    if ((await redisField(redis, 'master_link_status')) !== 'up') return false
    return Number(await redisField(redis, 'slave_repl_offset')) >= (await offsetOf(master))
  })
}

/** Asserts that a redis-server holds the data of its master. */
async function assertSame(master: RunningServer, redis: WireClient): Promise<void> {
  const client = await master.connect()
  await withoutShortDeadlines(client)
  await inStepWith(master, redis)
  const expected = await dataset(client, 'redis 7.0')
  const found = await dataset(redis, 'redis 7.0')
  assert.equal([...found.keys()], [...expected.keys()])
  for (const [key, value] of expected) assert.equal(found.get(key), value, key)
  await client.close()
}

const counts = async (server: Server) => {
  const text = (await server.call('INFO', 'stats')) as string
  return [/sync_full:(\d+)/, /sync_partial_ok:(\d+)/].map((pattern) => Number(pattern.exec(text)?.[1]))
}

const attach = async (redis: RedisServer, master: { readonly port: number }): Promise<WireClient> => {
  const client = await redis.connect()
  assert.is(await client.call('REPLICAOF', '127.0.0.1', master.port), 'OK')
  return client
}

if (haveTools('Redis as a replica', 'redis-server', 'redis-cli', 'redis-check-rdb')) {
  test('redis-cli --rdb receives an RDB that redis-check-rdb passes, by its mark and by its length', async () => {
    const chance = seeded('rdb')
    const directory = mkdtempSync(join(tmpdir(), 'haypile-rdb-'))
    const master = await RunningServer.start()
    const client = await master.connect()
    await writeRandomly(client, chance, 2000)
    await client.call('SET', 'large', 'x'.repeat(5_000_000))
    await client.call('FUNCTION', 'LOAD', LIBRARY)
    for (const isDiskless of ['yes', 'no']) {
      await client.call('CONFIG', 'SET', 'repl-diskless-sync', isDiskless)
      const path = join(directory, `${isDiskless}.rdb`)
      const cli = await run('redis-cli', ['-p', master.port, '--rdb', path])
      assert.is(cli.status, 0, cli.error)
      assert.match(cli.error, isDiskless === 'yes' ? 'until EOF marker' : /bytes of bulk transfer|bytes to/)
      const check = await run('redis-check-rdb', [path])
      assert.is(check.status, 0, check.out)
      assert.match(check.out, /RDB looks OK/)
      assert.ok(readFileSync(path).includes('REDIS0010'))
    }
    const functions = join(directory, 'functions.rdb')
    assert.is((await run('redis-cli', ['-p', master.port, '--functions-rdb', functions])).status, 0)
    assert.match((await run('redis-check-rdb', [functions])).out, /0 keys read/)
    assert.ok(readFileSync(functions).includes('name=lib'))
    await client.close()
    rmSync(directory, { recursive: true })
    await master.stop()
  })

  test('redis-cli --replica shows the stream', async () => {
    const master = await RunningServer.start()
    const shown = run('redis-cli', ['-p', master.port, '--replica'], { untilOutput: (out) => out.includes('"a key"') })
    await until('the replica', async () => (await fieldOf(master, 'slave0')).includes('state=online'))
    await master.call('SET', 'a key', '1')
    assert.match((await shown).out, '"SET","a key","1"')
    await until('the end of the replica', async () => (await fieldOf(master, 'connected_slaves')) === '0')
    await master.stop()
  })

  test('a redis-server that attaches while clients write comes to hold the same data', async () => {
    const chance = seeded('redis replica')
    const master = await RunningServer.start({ flags: { 'binlog-file-size': '1mb' } })
    const client = await master.connect()
    await writeRandomly(client, chance, 3000)
    await writeLarge(client)
    await client.call('FUNCTION', 'LOAD', LIBRARY)
    const redis = await RedisServer.start()
    const writing = writeRandomly(client, chance, 6000)
    const replica = await attach(redis, master)
    await writing
    await assertSame(master, replica)
    assert.equal(await counts(master), [1, 0])
    assert.match(JSON.stringify(await replica.call('FUNCTION', 'LIST')), /"lib"/)
    const item = itemsOf((await infoOf(master)).get('slave0'))
    assert.equal([item.get('ip'), item.get('port'), item.get('state')], ['127.0.0.1', String(redis.port), 'online'])
    const [role, , replicas] = (await master.call('ROLE')) as [string, number, string[][]]
    assert.equal([role, replicas[0]?.slice(0, 2)], ['master', ['127.0.0.1', String(redis.port)]])
    assert.match(String(await master.call('CLIENT', 'LIST', 'TYPE', 'replica')), / flags=S /)
    await client.close()
    await redis.stop()
    await master.stop()
  })

  test('a redis-server continues after CLIENT KILL and after kill -9 of its master', async () => {
    const chance = seeded('redis continues')
    const master = await RunningServer.start()
    const redis = await RedisServer.start()
    const replica = await attach(redis, master)
    const write = async () => {
      const client = await master.connect()
      await writeRandomly(client, chance, 500)
      await client.close()
    }
    await write()
    await inStepWith(master, replica)
    assert.is(await master.call('CLIENT', 'KILL', 'TYPE', 'replica'), 1)
    await write()
    await assertSame(master, replica)
    assert.equal(await counts(master), [1, 1])
    const before = await fieldOf(master, 'master_replid')
    await master.kill9()
    await master.launch()
    await write()
    await assertSame(master, replica)
    assert.equal(await counts(master), [0, 1])
    assert.is.not(await fieldOf(master, 'master_replid'), before)
    assert.is(await redisField(replica, 'master_replid'), await fieldOf(master, 'master_replid'))
    await redis.stop()
    await master.stop()
  })

  test('a redis-server continues behind a haypile replica that is promoted', async () => {
    const chance = seeded('redis failover')
    const master = await RunningServer.start()
    const other = await startReplica(master.port)
    await linked(other)
    const redis = await RedisServer.start()
    const replica = await attach(redis, master)
    const client = await master.connect()
    await writeRandomly(client, chance, 500)
    await client.close()
    await inStepWith(master, replica)
    await until('the other replica to be in step', async () => (await offsetOf(other)) === (await offsetOf(master)))
    assert.is(await master.call('FAILOVER', 'TO', '127.0.0.1', other.port), 'OK')
    await until('the failover', async () => (await fieldOf(other, 'role')) === 'master')
    await replica.call('REPLICAOF', '127.0.0.1', other.port)
    const writer = await other.connect()
    await writeRandomly(writer, chance, 500)
    await writer.close()
    await assertSame(other, replica)
    assert.equal(await counts(other), [0, 2])
    // The old master knows the history that has ended, and serves the new one.
    const offset = await offsetOf(other)
    await replica.call('REPLICAOF', '127.0.0.1', master.port)
    await assertSame(master, replica)
    await other.call('SET', 'after', 'the failover')
    await until('the write', async () => (await offsetOf(master)) > offset)
    await assertSame(master, replica)
    assert.equal(await counts(master), [2, 2], 'one of each for each replica')
    await redis.stop()
    await stopAll(master, other)
  })

  test('a redis-server behind a haypile replica serves the history of the master', async () => {
    const chance = seeded('redis chain')
    const master = await RunningServer.start()
    const middle = await startReplica(master.port, { flags: { 'repl-ping-replica-period': 1 } })
    await linked(middle)
    const redis = await RedisServer.start()
    const replica = await attach(redis, middle)
    const client = await master.connect()
    await writeRandomly(client, chance, 1000)
    await client.close()
    await assertSame(master, replica)
    assert.is(await redisField(replica, 'master_replid'), await fieldOf(master, 'master_replid'))
    // After a longer silence than one period the offsets still agree.
    const offset = await redisField(replica, 'slave_repl_offset')
    await until('a heartbeat', async () => Number(await redisField(replica, 'master_last_io_seconds_ago')) >= 1)
    await until('another one', async () => Number(await redisField(replica, 'master_last_io_seconds_ago')) === 0)
    assert.is(await redisField(replica, 'slave_repl_offset'), offset)
    await master.call('SET', 'after', 'a pause')
    await assertSame(master, replica)
    await master.kill9()
    await until('the link to be down', async () => (await fieldOf(middle, 'master_link_status')) === 'down')
    const refused = (await middle.call('PSYNC', '?', '-1')) as { text: string }
    assert.is(refused.text, "NOMASTERLINK Can't SYNC while not connected with my master")
    await redis.stop()
    await middle.stop()
    master.remove()
  })

  test('a redis-server that followed another one continues on the haypile itself', async () => {
    const chance = seeded('redis behind redis')
    const master = await RunningServer.start()
    const [first, second] = [await RedisServer.start(), await RedisServer.start()]
    const near = await attach(first, master)
    const far = await attach(second, first)
    const client = await master.connect()
    await writeRandomly(client, chance, 500)
    await client.call('HSET', 'h', 'a', '1')
    await client.call('HPEXPIRE', 'h', 600_000, 'FIELDS', 1, 'a')
    await writeRandomly(client, chance, 500)
    await client.close()
    await assertSame(master, near)
    await inStepWith(master, far)
    assert.equal(await counts(master), [1, 0])
    await far.call('REPLICAOF', '127.0.0.1', master.port)
    await assertSame(master, far)
    assert.equal(await counts(master), [1, 1])
    await second.stop()
    await first.stop()
    await master.stop()
  })

  for (const appendfsync of ['everysec', 'always']) {
    test(`WAIT counts a redis-server, and an idle master sends heartbeats, with appendfsync ${appendfsync}`, async () => {
      const master = await RunningServer.start({ flags: { 'repl-ping-replica-period': 1, appendfsync } })
      const redis = await RedisServer.start()
      const replica = await attach(redis, master)
      const client = await master.connect()
      await client.call('SET', 'a', '1')
      await inStepWith(master, replica)
      for (let i = 0; i < 20; i++) {
        await client.call('SET', 'a', i)
        assert.is(await client.call('WAIT', 1, 10_000), 1)
      }
      const before = await offsetOf(master)
      for (let i = 0; i < 20; i++) {
        const [, reached] = await client.pipeline([
          ['SET', 'b', i],
          ['WAIT', 1, 10_000],
        ])
        assert.is(reached, 1)
      }
      assert.ok((await offsetOf(master)) >= before + 20 * PULSE_BYTES, 'the master has requested acknowledgements')
      const idle = await offsetOf(master)
      await until('heartbeats', async () => (await offsetOf(master)) >= idle + 3 * PULSE_BYTES)
      await inStepWith(master, replica)
      assert.is(await client.call('WAIT', 2, 50), 1)
      await client.close()
      // Pulses are replicated and recovered as any other group.
      const other = await startReplica(master.port)
      const end = await offsetOf(master)
      await until('more heartbeats', async () => (await offsetOf(master)) >= end + 2 * PULSE_BYTES)
      await redis.stop()
      await assertEqual(master, other)
      const offset = await offsetOf(master)
      await master.kill9()
      await master.launch()
      assert.equal([await offsetOf(master), await master.call('GET', 'b')], [offset, '19'])
      await other.stop()
      await master.stop()
    })
  }

  test('a redis-server needs the password, or a user that may replicate', async () => {
    const master = await RunningServer.start({ flags: { requirepass: 'secret' }, auth: ['secret'] })
    await master.call('ACL', 'SETUSER', 'replica', 'on', '>other', '+psync', '+replconf', '+ping')
    await master.call('SET', 'a', '1')
    for (const words of [
      ['--masterauth', 'secret'],
      ['--masteruser', 'replica', '--masterauth', 'other'],
    ]) {
      const redis = await RedisServer.start([...words, '--replicaof', '127.0.0.1', String(master.port)])
      const replica = await redis.connect()
      await until('the data', async () => (await replica.call('GET', 'a')) === '1')
      await redis.stop()
    }
    const stranger = await WireClient.connect({ port: master.port })
    assert.match(JSON.stringify(await stranger.call('PSYNC', '?', '-1')), /NOAUTH/)
    await stranger.close()
    await master.stop()
  })

  test('fields with deadlines end on a redis-server when the master deletes them', async () => {
    const master = await RunningServer.start()
    await master.call('HSET', 'h', 'a', '1', 'b', '2', 'c', '3')
    await master.call('HPEXPIRE', 'h', 1500, 'FIELDS', 1, 'a')
    const redis = await RedisServer.start()
    const replica = await attach(redis, master)
    await until('the hash', async () => (await replica.call('HLEN', 'h')) !== 0)
    await master.call('HPEXPIRE', 'h', 500, 'FIELDS', 1, 'b')
    await until('the fields to end', async () => (await replica.call('HLEN', 'h')) === 1)
    assert.equal(await replica.call('HGETALL', 'h'), ['c', '3'])
    assert.match(master.log, /"deadlines":[12],"msg":"a Redis replica has no deadlines of fields of hashes, so they were left out/)
    // Redis 7.0 does not read the payload of a hash whose fields have deadlines.
    await master.call('HPEXPIRE', 'h', 600_000, 'FIELDS', 1, 'c')
    const payload = (await master.call('DUMP', 'h')) as string
    assert.is(await master.call('RESTORE', 'restored', 0, payload), 'OK')
    await until('the restored hash', async () => (await replica.call('HGET', 'restored', 'c')) === '3')
    assert.is(await master.call('CONFIG', 'SET', 'psync-compatibility', 'refuse'), 'OK')
    await master.call('HPEXPIRE', 'h', 600_000, 'FIELDS', 1, 'c')
    await until('the replica to be refused', () => /its full sync failed: .*a hash whose fields have deadlines/.test(master.log))
    assert.is(await master.call('CONFIG', 'SET', 'psync-compatibility', 'translate'), 'OK')
    await master.call('SET', 'after', '1')
    await until('the replica to follow again', async () => (await replica.call('GET', 'after')) === '1')
    await redis.stop()
    await master.stop()
  })

  test('a replica that does not read leaves its master serving', async () => {
    const master = await RunningServer.start({ flags: { 'replica-lag-limit': '64mb', 'repl-timeout': 2, 'repl-ping-replica-period': 1 } })
    const client = await master.connect()
    const value = () => randomBytes(20_000).toString('base64')
    await client.pipeline(Array.from({ length: 1000 }, (_, i) => ['SET', `k${i}`, value()]))
    const slow = await master.connect()
    slow.socket.pause()
    slow.raw('SYNC\r\n')
    const before = master.residentBytes
    for (let i = 0; i < 50; i++) {
      await client.pipeline(Array.from({ length: 20 }, () => ['SET', 'w', value()]))
      assert.is(await client.call('PING'), 'PONG')
    }
    assert.ok(master.residentBytes - before < 300e6, `${master.residentBytes - before}`)
    await until('the silent replica to be closed', async () => (await fieldOf(master, 'connected_slaves')) === '0')
    await client.close()
    await master.stop()
  })
}

test.run()
