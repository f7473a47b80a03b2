/** Chains of redis-servers and haypiles, and nodes that follow one kind after the other. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Kind, type Member, memberField, membersInStep, startMember } from '../../support/servers/mixed-group.ts'
import { until } from '../../support/servers/running-server.ts'
import type { WireClient, WireReply } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const MESSAGES = 200

/** Starts servers of which each follows the one before. */
async function startChain(kinds: readonly Kind[]): Promise<Member[]> {
  const chain: Member[] = []
  for (const kind of kinds) chain.push(await startMember(kind))
  for (let i = 1; i < chain.length; i++) {
    const [above, below] = chain.slice(i - 1) as [Member, Member]
    await below.call('REPLICAOF', '127.0.0.1', above.port)
    await until(`the ${below.kind} to be linked`, async () => (await memberField(below, 'master_link_status')) === 'up')
  }
  return chain
}

async function stopAll(members: readonly Member[]): Promise<void> {
  for (const member of members) await member.stop()
}

/** Waits until a member has a value of a key. */
async function has(member: Member, key: string, value: WireReply): Promise<void> {
  await until(`${key} on the ${member.kind}`, async () => (await member.call('GET', key)) === value)
}

async function subscribed(member: Member): Promise<WireClient> {
  const client = await member.connect()
  assert.equal(await client.call('SUBSCRIBE', 'news'), ['subscribe', 'news', 1])
  return client
}

async function follow(replica: Member, master: Member): Promise<void> {
  assert.is(await replica.call('REPLICAOF', '127.0.0.1', master.port), 'OK')
  await membersInStep(master, replica)
}

if (haveTools('chains of both kinds', 'redis-server')) {
  for (const kinds of [
    ['redis', 'haypile', 'redis'],
    ['haypile', 'redis', 'haypile'],
    ['redis', 'haypile', 'haypile', 'redis'],
  ] as const) {
    test(`a message that is published on the first of ${kinds.join(', ')} reaches subscribers of each once`, async () => {
      const chain = await startChain(kinds)
      const [first] = chain as [Member]
      const clients = await Promise.all(chain.map(subscribed))
      const publisher = await first.connect()
      for (let i = 0; i < MESSAGES; i++) {
        // Messages come alone, in a transaction, and from a script.
        if (i % 3 === 0) await publisher.call('PUBLISH', 'news', i)
        else if (i % 3 === 1) await publisher.pipeline([['MULTI'], ['SET', 'key', i], ['PUBLISH', 'news', i], ['EXEC']])
        else await publisher.call('EVAL', "redis.call('set', 'key', ARGV[1]) return redis.call('publish', 'news', ARGV[1])", 0, i)
      }
      await publisher.call('PUBLISH', 'news', 'end')
      const expected = [...Array.from({ length: MESSAGES }, (_, i) => String(i)), 'end']
      for (const [index, client] of clients.entries()) {
        const heard: WireReply[] = []
        while (heard.at(-1) !== 'end') {
          const [kind, , text] = (await client.reply()) as readonly WireReply[]
          assert.is(kind, 'message')
          heard.push(text as WireReply)
        }
        assert.equal(heard, expected, `server ${index} of the chain`)
      }
      for (const client of [publisher, ...clients]) await client.close()
      await stopAll(chain)
    })
  }

  test('a haypile changes from a Redis to a haypile, to itself, and back to the Redis', async () => {
    const [redis, other, node] = [await startMember('redis'), await startMember('haypile'), await startMember('haypile')]
    await redis.call('SET', 'from', 'redis')
    await other.call('SET', 'from', 'other')
    for (let round = 0; round < 2; round++) {
      await follow(node, redis)
      assert.is(await node.call('GET', 'from'), 'redis')
      await redis.call('SET', 'round', round)
      await has(node, 'round', String(round))

      await follow(node, other)
      assert.equal([await node.call('GET', 'from'), await node.call('EXISTS', 'round')], ['other', 0])
      await other.call('SET', 'count', round)
      await has(node, 'count', String(round))

      assert.is(await node.call('REPLICAOF', 'NO', 'ONE'), 'OK')
      assert.is(await node.call('SET', 'from', 'node'), 'OK')
      await follow(redis, node)
      assert.equal([await redis.call('GET', 'from'), await redis.call('EXISTS', 'round')], ['node', 0])
      assert.is(await redis.call('REPLICAOF', 'NO', 'ONE'), 'OK')
      await redis.call('SET', 'from', 'redis')
    }
    await stopAll([redis, other, node])
  })

  test('a write that WAIT on a Redis has confirmed survives kill -9 of the Redis and of its haypile', async () => {
    const [redis, haypile] = (await startChain(['redis', 'haypile'])) as [Member, Member]
    const client = await redis.connect()
    for (let i = 0; i < 50; i++) assert.equal(await client.pipeline([['SET', `key:${i}`, i], ['WAIT', 1, 60_000]]), ['OK', 1]) // biome-ignore format: one line
    await Promise.all([redis.kill9(), haypile.kill9()])
    await haypile.launch()
    assert.is(await haypile.call('REPLICAOF', 'NO', 'ONE'), 'OK')
    for (let i = 0; i < 50; i++) assert.is(await haypile.call('GET', `key:${i}`), String(i))
    await client.close()
    await redis.launch()
    await stopAll([redis, haypile])
  })

  test('WAIT on a haypile counts a Redis and a haypile, and not one that is stopped', async () => {
    const master = await startMember('haypile')
    const [redis, haypile] = [await startMember('redis'), await startMember('haypile')]
    for (const replica of [redis, haypile]) await follow(replica, master)
    const client = await master.connect()
    const written = (timeoutMs: number, replicas = 2) => client.pipeline([['INCR', 'n'], ['WAIT', replicas, timeoutMs]]) // biome-ignore format: one line
    for (let i = 1; i <= 20; i++) assert.equal(await written(60_000), [i, 2])
    process.kill(redis.pid, 'SIGSTOP')
    assert.equal(await written(500), [21, 1])
    process.kill(redis.pid, 'SIGCONT')
    assert.equal(await written(60_000), [22, 2])
    process.kill(haypile.pid, 'SIGSTOP')
    assert.equal(await written(500), [23, 1])
    process.kill(haypile.pid, 'SIGCONT')
    assert.equal(await written(60_000), [24, 2])
    await client.close()
    await stopAll([redis, haypile, master])
  })
}

test.run()
