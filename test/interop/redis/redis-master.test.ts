/** A haypile as a replica of redis-server: full syncs, the stream, partial syncs, crashes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dataset, withoutShortDeadlines } from '../../support/generators/dataset.ts'
import { randomCommand } from '../../support/generators/random-commands.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { assertEqual, fieldOf, follow, linked, offsetOf, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import type { WireClient, WireReply } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const COUNTERS = 50
const LIBRARY = "#!lua name=lib\nredis.register_function('one', function() return 1 end)"

/** A field of INFO of a redis-server. */
async function redisField(client: WireClient, name: string, section = 'replication'): Promise<string> {
  const text = (await client.call('INFO', section)) as string
  return new RegExp(`^${name}:(.*)\r$`, 'm').exec(text)?.[1] ?? ''
}

const partials = async (client: WireClient) => Number(await redisField(client, 'sync_partial_ok', 'stats'))
const fulls = async (client: WireClient) => Number(await redisField(client, 'sync_full', 'stats'))

/** Waits until the replica has applied what the Redis has written. */
async function inStep(redis: WireClient, replica: RunningServer): Promise<void> {
  await linked(replica)
  await until('the replica to be in step', async () => {
    const written = Number(await redisField(redis, 'master_repl_offset'))
    return Number(await fieldOf(replica, 'slave_repl_offset')) >= written
  })
}

/** Leaves out what Redis 7.0 does not replicate: how many entries of a stream a group has read. */
function withoutReads(value: readonly WireReply[]): WireReply[] {
  const kept: WireReply[] = []
  for (let i = 0; i < value.length; i++) {
    const item = value[i] as WireReply
    if (item === 'entries-read' || item === 'lag') i++
    else kept.push(Array.isArray(item) ? withoutReads(item) : item)
  }
  return kept
}

/** Asserts that the replica holds the data of the Redis. REQUIRES: no writer is at work. */
async function assertSame(redis: WireClient, replica: RunningServer): Promise<void> {
  await withoutShortDeadlines(redis)
  await inStep(redis, replica)
  const client = await replica.connect()
  const expected = await dataset(redis, 'redis 7.0')
  const found = await dataset(client, 'redis 7.0')
  assert.equal([...found.keys()], [...expected.keys()])
  for (const [key, value] of expected) assert.equal(withoutReads(found.get(key) ?? []), withoutReads(value), key)
  await redis.call('SELECT', 0)
  await client.close()
  assert.is(await fieldOf(replica, 'repl_apply_errors'), '0')
}

/**
 * Returns a random command that leaves the counters alone and has the same result here to the last
 * bit. Distances of GEOSEARCHSTORE differ in their last digit, merged sketches in their encoding.
 */
function replicatedCommand(chance: Seeded): ReturnType<typeof randomCommand> {
  for (;;) {
    const words = randomCommand(chance, 'redis 7.0')
    if (!/^(FLUSH|SWAPDB|PFMERGE|GEOSEARCHSTORE|GEORADIUS)/i.test(String(words[0]))) return words
  }
}

/** Writes random commands and counters until it is ended. */
class Writer {
  rounds = 0
  private isOver = false
  private readonly done: Promise<void>

  constructor(redis: RedisServer, chance: Seeded) {
    this.done = this.run(redis, chance)
  }

  async end(): Promise<void> {
    this.isOver = true
    await this.done
  }

  private async run(redis: RedisServer, chance: Seeded): Promise<void> {
    const client = await redis.connect()
    while (!this.isOver) {
      const words = Array.from({ length: 20 }, (_, index) =>
        index % 2 === 0 ? ['INCR', `counter:${chance.integer(COUNTERS)}`] : replicatedCommand(chance),
      )
      await client.pipeline([...words, ['MULTI'], ['INCR', 'pair:a'], ['SELECT', 1], ['INCR', 'pair:b'], ['SELECT', 0], ['EXEC']])
      this.rounds++
    }
    await client.close()
  }
}

const DISKLESS = ['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0']
const ON_DISK = ['--repl-diskless-sync', 'no']

if (haveTools('replication from redis-server', 'redis-server')) {
  for (const [how, words] of [
    ['diskless', DISKLESS],
    ['on disk', ON_DISK],
  ] as const) {
    test(`a full sync under writes, ${how}, and the stream after it lead to the data of the Redis`, async () => {
      const chance = seeded(`redis master ${how}`)
      const redis = await RedisServer.start([...words])
      const client = await redis.connect()
      await client.pipeline(Array.from({ length: 3000 }, () => randomCommand(chance, 'redis 7.0')))
      for (let i = 0; i < 30; i++) await client.call('SET', `big${i}`, 'x'.repeat(300_000 + i))
      await client.pipeline(
        Array.from({ length: 200 }, (_, i) => ['ZADD', 'zset', ...Array.from({ length: 200 }, (_, j) => [i * j, `m${i}.${j}`]).flat()]),
      )
      await client.call('FUNCTION', 'LOAD', LIBRARY)
      const writer = new Writer(redis, chance)
      const replica = await startReplica(redis.port)
      await linked(replica)
      await until('some writes', () => writer.rounds > 100)
      await writer.end()
      await assertSame(client, replica)
      assert.is(await replica.call('FCALL_RO', 'one', 0).then(String), await client.call('FCALL_RO', 'one', 0).then(String))
      assert.is(await fulls(client), 1)
      await replica.stop()
      await client.close()
      await redis.stop()
    })
  }

  test('a cut link and a killed replica continue with a partial sync, and no write is lost or applied twice', async () => {
    const chance = seeded('redis master partial')
    const redis = await RedisServer.start([...DISKLESS, '--repl-backlog-size', '1gb'])
    const client = await redis.connect()
    const replica = await startReplica(redis.port, { flags: { 'checkpoint-seconds': 1 } })
    await linked(replica)
    const writer = new Writer(redis, chance)
    for (let round = 0; round < 4; round++) {
      const before = await partials(client)
      const written = writer.rounds
      await until('more writes', () => writer.rounds > written + 100)
      if (round % 2 === 0) await client.call('CLIENT', 'KILL', 'TYPE', 'replica')
      else await replica.restart('SIGKILL')
      await until('a partial sync', async () => (await partials(client)) > before)
    }
    await writer.end()
    await assertSame(client, replica)
    assert.is(await fulls(client), 1)
    await replica.restart()
    await assertSame(client, replica)
    assert.is(await fulls(client), 1)
    await replica.stop()
    await client.close()
    await redis.stop()
  })

  test('a Redis that was killed and has started again is followed with its data of then', async () => {
    const chance = seeded('redis master killed')
    const redis = await RedisServer.start([...DISKLESS, '--appendonly', 'yes', '--appendfsync', 'no'])
    const replica = await startReplica(redis.port)
    await linked(replica)
    const first = await redis.connect()
    await first.pipeline(Array.from({ length: 500 }, () => randomCommand(chance, 'redis 7.0')))
    await inStep(first, replica)
    await redis.restart()
    const second = await redis.connect()
    await until('the Redis to load its data', async () => (await second.call('SET', 'after', 'restart')) === 'OK')
    await until('the new data', async () => (await replica.call('GET', 'after')) === 'restart')
    await assertSame(second, replica)
    await replica.stop()
    await second.close()
    await redis.stop()
  })

  test('a replica of the replica gets the data, and a promotion and the way back work', async () => {
    const redis = await RedisServer.start(DISKLESS)
    const client = await redis.connect()
    await client.call('SET', 'key', 'value')
    const replica = await startReplica(redis.port)
    await linked(replica)
    const second = await startReplica(replica.port)
    await linked(second)
    await client.call('INCR', 'n')
    await inStep(client, replica)
    await assertEqual(replica, second)
    assert.is(await second.call('GET', 'n').then(String), '1')
    assert.match(String(await replica.call('SET', 'no', 'write').then((reply) => (reply as { text: string }).text)), /^READONLY/)

    assert.is(await replica.call('REPLICAOF', 'NO', 'ONE'), 'OK')
    assert.is(await replica.call('SET', 'own', 'write'), 'OK')
    await assertEqual(replica, second)
    await follow(replica, redis)
    await inStep(client, replica)
    assert.is(await replica.call('EXISTS', 'own').then(String), '0')
    assert.is(await fulls(client), 2)
    await until('the data of the Redis', async () => String(await second.call('EXISTS', 'own')) === '0')
    await client.call('INCR', 'n')
    await inStep(client, replica)
    await assertEqual(replica, second)

    // Without a write of its own, the node still has the data of its position.
    assert.is(await replica.call('REPLICAOF', 'NO', 'ONE'), 'OK')
    await client.call('INCR', 'n')
    await follow(replica, redis)
    await inStep(client, replica)
    assert.is(await replica.call('GET', 'n').then(String), '3')
    assert.is(await fulls(client), 2)
    await stopAll(second, replica)
    await client.close()
    await redis.stop()
  })

  test('the offset that a replica shows counts the stream of the Redis, also while the link is down', async () => {
    const redis = await RedisServer.start(DISKLESS)
    const client = await redis.connect()
    const replica = await startReplica(redis.port)
    await linked(replica)
    await client.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `key:${i}`, i]))
    await inStep(client, replica)
    const reached = Number(await redisField(client, 'master_repl_offset'))
    await client.close()
    await redis.kill9()
    await until('the link to be down', async () => (await fieldOf(replica, 'master_link_status')) === 'down')
    const shown = Number(await fieldOf(replica, 'slave_repl_offset'))
    assert.ok(shown >= reached && shown < reached + 1000, `${shown} of ${reached}`)
    assert.is.not(await offsetOf(replica), shown, 'the binlog of the replica has other offsets')
    assert.is(await fieldOf(replica, 'slave_read_repl_offset'), String(shown))
    await replica.restart('SIGKILL')
    const kept = Number(await fieldOf(replica, 'slave_repl_offset'))
    assert.ok(kept <= shown && kept > shown - 1000, `${kept} of ${shown}`)
    await redis.stop()
    await replica.stop()
  })

  test('a Redis that has taken over under another id is followed with a partial sync', async () => {
    const [first, second] = [await RedisServer.start(DISKLESS), await RedisServer.start(DISKLESS)]
    const [one, two] = [await first.connect(), await second.connect()]
    await two.call('REPLICAOF', '127.0.0.1', first.port)
    await until('the second Redis to follow', async () => (await redisField(two, 'master_link_status')) === 'up')
    const replica = await startReplica(first.port)
    await one.call('INCR', 'n')
    await inStep(one, replica)
    await until('the second Redis to be in step', async () => (await two.call('GET', 'n')) === '1')
    const written = Number(await redisField(one, 'master_repl_offset'))
    await until('its offset', async () => Number(await redisField(two, 'slave_repl_offset')) >= written)
    await two.call('REPLICAOF', 'NO', 'ONE')
    await two.call('INCR', 'n')
    await follow(replica, second)
    await inStep(two, replica)
    assert.is(await replica.call('GET', 'n'), '2')
    assert.is(await fulls(two), 0)
    await replica.restart('SIGKILL')
    await inStep(two, replica)
    assert.is(await fulls(two), 0)
    assert.is(await fieldOf(replica, 'repl_master_replid'), await redisField(two, 'master_replid'))
    await replica.stop()
    for (const client of [one, two]) await client.close()
    for (const redis of [first, second]) await redis.stop()
  })

  test('a Redis behind a haypile that follows a Redis gets the same data', async () => {
    const chance = seeded('redis master chain')
    const redis = await RedisServer.start(DISKLESS)
    const client = await redis.connect()
    await client.pipeline(Array.from({ length: 500 }, () => randomCommand(chance, 'redis 7.0')))
    const middle = await startReplica(redis.port)
    await linked(middle)
    const last = await RedisServer.start(['--replicaof', '127.0.0.1', String(middle.port)])
    const end = await last.connect()
    await client.pipeline(Array.from({ length: 500 }, () => replicatedCommand(chance)))
    await assertSame(client, middle)
    await client.call('SET', 'last', 'write')
    await until('the last write', async () => (await end.call('GET', 'last')) === 'write')
    assert.is(await fieldOf(middle, 'sync_full', 'stats'), '1', 'the stream reaches the last Redis, not only full syncs')
    await client.call('PUBLISH', 'channel', 'message')
    assert.is(String(await end.call('DBSIZE')), String(await client.call('DBSIZE')))
    await middle.stop()
    for (const each of [client, end]) await each.close()
    for (const each of [redis, last]) await each.stop()
  })

  test('a master that needs a password is followed once masterauth is set', async () => {
    const redis = await RedisServer.start([...DISKLESS])
    const client = await redis.connect()
    await client.call('SET', 'key', 'value')
    await client.call('CONFIG', 'SET', 'requirepass', 'secret')
    const replica = await startReplica(redis.port)
    await until('the reason', async () => /NOAUTH.*set masterauth/.test(await fieldOf(replica, 'repl_last_error')))
    assert.is(await fieldOf(replica, 'master_link_status'), 'down')
    await replica.call('CONFIG', 'SET', 'masterauth', 'secret')
    await linked(replica)
    assert.is(await replica.call('GET', 'key'), 'value')
    await replica.stop()
    await client.close()
    await redis.stop()
  })

  test('an RDB that is refused leaves the data as it is, and the reason is named', async () => {
    const redis = await RedisServer.start([...DISKLESS, '--databases', '32'])
    const client = await redis.connect()
    await client.call('SELECT', 20)
    await client.call('SET', 'key', 'value')
    const replica = await RunningServer.start()
    await replica.call('SET', 'own', 'data')
    await follow(replica, redis)
    await until('the reason', async () => /RDB refused.*database 20 does not exist/.test(await fieldOf(replica, 'repl_last_error')))
    assert.is(await replica.call('GET', 'own'), 'data')
    assert.is(await fieldOf(replica, 'master_link_status'), 'down')
    await client.call('FLUSHALL')
    await linked(replica)
    assert.is(await replica.call('GET', 'own'), null)
    await client.call('SET', 'key', 'value')
    await until('the reason', async () => /writes to database 20/.test(await fieldOf(replica, 'repl_last_error')))
    await replica.stop()
    await client.close()
    await redis.stop()
  })

  test('a full sync that is given up, by a change of role, a stop or a kill, starts over', async () => {
    const redis = await RedisServer.start([...DISKLESS, '--enable-debug-command', 'yes'])
    const client = await redis.connect()
    assert.is(await client.call('DEBUG', 'POPULATE', 200_000, 'key', 100), 'OK')
    const replica = await RunningServer.start()
    await replica.call('SET', 'own', 'data')
    const syncing = () => until('a full sync', async () => Number((await fieldOf(replica, 'master_sync_read_bytes')) || 0) > 0)
    await follow(replica, redis)
    await syncing()
    assert.is(await fieldOf(replica, 'slave_repl_offset'), '0')
    assert.is(await replica.call('GET', 'own'), 'data')
    assert.is(await replica.call('REPLICAOF', 'NO', 'ONE'), 'OK')
    assert.is(await replica.call('SET', 'own', 'more'), 'OK')
    await follow(replica, redis)
    await syncing()
    await replica.restart('SIGTERM')
    await syncing()
    await replica.restart('SIGKILL')
    await inStep(client, replica)
    assert.is(String(await replica.call('DBSIZE')), '200000')
    await replica.stop()
    await client.close()
    await redis.stop()
  })
}

test.run()
