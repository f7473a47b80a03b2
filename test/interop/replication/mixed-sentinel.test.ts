/**
 * Unmodified Redis Sentinel over groups of redis-servers and haypiles: either kind takes over from
 * the other, and no write that WAIT has confirmed is lost.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertKept, type ConfirmedWriter, confirmMore, ioredisWriter, redisWriter } from '../../support/servers/confirmed-writers.ts'
import { type Kind, type Member, type MixedGroup, memberField, membersInStep, startMixed } from '../../support/servers/mixed-group.ts'
import { until } from '../../support/servers/running-server.ts'
import { GROUP, Sentinels } from '../../support/servers/sentinels.ts'
import type { WireError } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const portsOf = (members: readonly Member[]) => members.map(({ port }) => port)

/** A group, the sentinels that watch it, and clients that write to it. */
interface Watched {
  readonly group: MixedGroup
  readonly sentinels: Sentinels
  readonly writers: readonly ConfirmedWriter[]
}

async function watch(kinds: readonly Kind[], redisWords: readonly string[] = []): Promise<Watched> {
  const group = await startMixed(kinds, redisWords)
  const [master] = group.all as [Member]
  const sentinels = await Sentinels.start({ port: master.port, hurry: 'fast' })
  await sentinels.seeAllWell(master.port, portsOf(group.besides(master)))
  const writers = [ioredisWriter(sentinels.addresses), await redisWriter(sentinels.addresses)]
  await confirmMore(writers)
  return { group, sentinels, writers }
}

/** Waits until another member is the master. Asserts that it has every confirmed write. */
async function takenOver({ group, sentinels, writers }: Watched, old: Member): Promise<Member> {
  await sentinels.agreeOn(...portsOf(group.besides(old)))
  const promoted = group.on(await sentinels.masterPort())
  await until('the new master', async () => (await memberField(promoted, 'role')) === 'master')
  await assertKept(promoted, writers)
  return promoted
}

/** Waits until all others follow the master and more writes are confirmed. */
async function settled({ group, sentinels, writers }: Watched, master: Member): Promise<void> {
  const others = group.besides(master)
  await sentinels.seeAllWell(master.port, portsOf(others))
  await confirmMore(writers)
  for (const other of others) assert.ok(other.config().includes(`replicaof 127.0.0.1 ${master.port}`), 'CONFIG REWRITE keeps the role')
  assert.ok(!master.config().some((line) => /^replicaof [^"]/.test(line)))
}

/** Kills the master, and starts it again once another member has taken over. */
async function failOver(watched: Watched, master: Member): Promise<Member> {
  await master.kill9()
  const promoted = await takenOver(watched, master)
  await master.launch() // takes itself for a master until a sentinel says otherwise
  await settled(watched, promoted)
  return promoted
}

async function finish({ group, sentinels, writers }: Watched): Promise<void> {
  for (const writer of writers) await writer.stop()
  for (const member of group.all) {
    await until('all members to be in step', async () => {
      const keys = await Promise.all(group.all.map(({ call }) => call('DBSIZE')))
      return keys.every((count) => count === keys[0])
    })
    await assertKept(member, writers)
  }
  await sentinels.stop()
  await group.stop()
}

if (haveTools('Sentinel with groups of both kinds', 'redis-sentinel', 'redis-server')) {
  test('a haypile takes over from a Redis that dies, and the Redis from the haypile', async () => {
    const watched = await watch(['redis', 'haypile'])
    const [redis, haypile] = watched.group.all as [Member, Member]
    assert.is(await failOver(watched, redis), haypile)
    assert.is(await failOver(watched, haypile), redis)
    await finish(watched)
  })

  test('replica-priority decides which of a Redis and two haypiles takes over', async () => {
    const watched = await watch(['redis', 'haypile', 'haypile'], ['--replica-priority', '10'])
    const [redis] = watched.group.all as [Member]
    const haypile = await failOver(watched, redis)
    assert.is(haypile.kind, 'haypile')
    assert.is(await failOver(watched, haypile), redis)
    await finish(watched)
  })

  test('the newer of two haypiles behind a Redis takes over, not the one with the longer binlog', async () => {
    const group = await startMixed(['redis', 'haypile', 'haypile'])
    const [redis, older, newer] = group.all as [Member, Member, Member]
    await older.call('REPLICAOF', 'NO', 'ONE')
    await older.call('SET', 'own', 'x'.repeat(1_000_000))
    await redis.call('ACL', 'SETUSER', 'older', 'on', '>secret', '+psync', '+replconf', '+ping')
    await older.call('CONFIG', 'SET', 'masteruser', 'older', 'masterauth', 'secret')
    await older.call('REPLICAOF', '127.0.0.1', redis.port)
    await membersInStep(redis, older, newer)
    const sentinels = await Sentinels.start({ port: redis.port, hurry: 'fast' })
    await sentinels.seeAllWell(redis.port, portsOf([older, newer]))
    assert.is(await redis.call('ACL', 'DELUSER', 'older'), 1)
    await until('the link to be down', async () => (await memberField(older, 'master_link_status')) === 'down')
    const client = await redis.connect()
    assert.equal(await client.pipeline([['SET', 'last', '1'], ['WAIT', 1, 60_000]]), ['OK', 1]) // biome-ignore format: one line
    await client.close()
    await redis.kill9()
    await sentinels.agreeOn(...portsOf([older, newer]))
    assert.is(await sentinels.masterPort(), newer.port)
    assert.is(await newer.call('GET', 'last'), '1')
    await sentinels.stop()
    await group.stop()
  })

  test('SENTINEL FAILOVER works in both directions, and a Redis that was cut off loses its writes meanwhile', async () => {
    const watched = await watch(['haypile', 'redis'])
    const { sentinels, group } = watched
    const [haypile, redis] = group.all as [Member, Member]
    for (const [from, to] of [
      [haypile, redis],
      [redis, haypile],
      [haypile, redis],
    ] as const) {
      assert.is(await sentinels.first.call('SENTINEL', 'FAILOVER', GROUP), 'OK')
      assert.is(await takenOver(watched, from), to)
      await settled(watched, to)
    }
    const client = await redis.connect()
    process.kill(redis.pid, 'SIGSTOP')
    const late = client.pipeline([['SET', 'late', '1'], ['WAIT', 1, 300]]) // biome-ignore format: one line
    assert.is(await takenOver(watched, redis), haypile)
    process.kill(redis.pid, 'SIGCONT')
    assert.equal(await late, ['OK', 0])
    await settled(watched, haypile)
    assert.is(await redis.call('EXISTS', 'late'), 0)
    assert.match(((await redis.call('SET', 'late', '2')) as WireError).text, /^READONLY/)
    await finish(watched)
  })
}

test.run()
