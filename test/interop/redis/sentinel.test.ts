/**
 * Unmodified Redis Sentinel: three sentinels watch a master and two replicas, and clients find the
 * master through them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertKept, confirmMore, ioredisWriter, redisWriter } from '../../support/servers/confirmed-writers.ts'
import { assertEqual, fieldOf, fullSyncs, inStep, partialSyncs } from '../../support/servers/replicated-servers.ts'
import { type RunningServer, until } from '../../support/servers/running-server.ts'
import { GROUP, Sentinels } from '../../support/servers/sentinels.ts'
import { startWatched, type WatchedServers } from '../../support/servers/watched-servers.ts'
import { WireError, type WireReply } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const HELLO = '__sentinel__:hello'

const portsOf = (servers: readonly RunningServer[]) => servers.map(({ port }) => port)

/**
 * Asserts that all servers follow this master: by INFO, by their configuration files, and by their
 * data.
 */
async function assertFollowed(servers: WatchedServers, master: RunningServer): Promise<void> {
  const replicas = servers.besides(master)
  await assertEqual(master, ...replicas)
  const ofMaster = servers.configOf(master).filter((line) => line.startsWith('replicaof'))
  assert.ok(ofMaster.length === 0 || ofMaster[0] === 'replicaof ""', ofMaster[0])
  for (const replica of replicas) {
    assert.is(await fieldOf(replica, 'master_port'), String(master.port))
    const config = servers.configOf(replica)
    assert.ok(config.includes('# written by hand'))
    assert.ok(config.includes(`replicaof 127.0.0.1 ${master.port}`), config.join('\n'))
  }
}

/** Waits until every sentinel has announced itself through a server. */
async function hellos(server: RunningServer, sentinels: Sentinels): Promise<void> {
  const client = await server.connect()
  assert.equal(await client.call('SUBSCRIBE', HELLO), ['subscribe', HELLO, 1])
  const heard = new Set<number>()
  while (sentinels.all.some(({ port }) => !heard.has(port))) {
    const [kind, channel, text] = (await client.reply()) as readonly WireReply[]
    assert.equal([kind, channel], ['message', HELLO])
    const words = String(text).split(',')
    assert.is(words[4], GROUP)
    heard.add(Number(words[1]))
  }
  await client.close()
}

if (haveTools('Sentinel', 'redis-sentinel')) {
  test('when a master dies under load, a replica takes over, the other continues, and no confirmed write is lost', async () => {
    const servers = await startWatched()
    const [master, ...replicas] = servers.all
    const sentinels = await Sentinels.start({ port: master.port })
    await sentinels.seeAllWell(master.port, portsOf(replicas))
    const writers = [ioredisWriter(sentinels.addresses), await redisWriter(sentinels.addresses)]
    await confirmMore(writers)
    assert.is(await fullSyncs(master), 2)
    await master.kill9()
    await sentinels.agreeOn(...portsOf(replicas))
    const promoted = servers.on(await sentinels.masterPort())
    const [other] = servers.besides(promoted).filter((server) => server !== master) as [RunningServer]
    await confirmMore(writers)
    await inStep(promoted, other)
    assert.is(await fullSyncs(promoted), 0)
    assert.ok((await partialSyncs(promoted)) >= 1)
    await master.launch() // takes itself for a master until a sentinel says otherwise
    await sentinels.seeAllWell(promoted.port, portsOf(servers.besides(promoted)))
    await confirmMore(writers)
    for (const writer of writers) await writer.stop()
    await assertFollowed(servers, promoted)
    await assertKept(promoted, writers)
    assert.ok((await fullSyncs(promoted)) <= 1, 'at most the old master, where its log had more')
    await sentinels.stop()
    await servers.stop()
  })

  test('SENTINEL FAILOVER works with passwords and a separate user for sentinels', async () => {
    const servers = await startWatched({
      config: [
        'requirepass secret',
        'masterauth secret',
        'replica-priority 50',
        'busy-reply-threshold 200',
        'user sentinel on >watchful allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill',
      ],
      auth: ['secret'],
    })
    const [master, ...replicas] = servers.all
    await master.call('SET', 'a', '1')
    await inStep(...servers.all)
    const more = [['auth-user', 'sentinel'], ['auth-pass', 'watchful']] as const // biome-ignore format: a table
    const sentinels = await Sentinels.start({ port: master.port, more, hurry: 'fast' })
    await sentinels.seeAllWell(master.port, portsOf(replicas))
    for (const server of servers.all) await hellos(server, sentinels)
    const busy = (await (replicas[0] as RunningServer).call('EVAL', 'while true do end', 0)) as WireError
    assert.match(busy.text, /Script killed by user with SCRIPT KILL/, 'sentinels kill a script for which a node answers BUSY')
    await sentinels.seeAllWell(master.port, portsOf(replicas))
    for (const replica of (await sentinels.first.listed('REPLICAS')).values()) {
      assert.equal([replica.get('slave-priority'), replica.get('replica-announced')], ['50', '1'])
      assert.ok(Number(replica.get('slave-repl-offset')) > 0)
    }
    // The old master does not know at once, nor does its other replica, which would go on
    // confirming what the new master never gets.
    const options = { password: 'secret', replicas: 2 }
    const writers = [ioredisWriter(sentinels.addresses, options), await redisWriter(sentinels.addresses, options)]
    await confirmMore(writers)
    assert.is(await sentinels.first.call('SENTINEL', 'FAILOVER', GROUP), 'OK')
    await sentinels.agreeOn(...portsOf(replicas))
    const promoted = servers.on(await sentinels.masterPort())
    await confirmMore(writers)
    await sentinels.seeAllWell(promoted.port, portsOf(servers.besides(promoted)))
    for (const writer of writers) await writer.stop()
    await assertFollowed(servers, promoted)
    await assertKept(promoted, writers)

    // No client writes, so the old master's log is a prefix of the new one's.
    const before = await Promise.all(servers.all.map(fullSyncs))
    assert.is(await sentinels.first.call('SENTINEL', 'FAILOVER', GROUP), 'OK')
    await sentinels.agreeOn(...portsOf(servers.besides(promoted)))
    const last = servers.on(await sentinels.masterPort())
    await sentinels.seeAllWell(last.port, portsOf(servers.besides(last)))
    await assertFollowed(servers, last)
    assert.equal(await Promise.all(servers.all.map(fullSyncs)), before)
    await sentinels.stop()
    await servers.stop()
  })

  test('a master that was cut off returns as a replica, and its writes meanwhile are dropped', async () => {
    const servers = await startWatched({ config: ['min-replicas-to-write 1', 'min-replicas-max-lag 2'] })
    const [master, ...replicas] = servers.all
    const sentinels = await Sentinels.start({ port: master.port, hurry: 'fast' })
    await sentinels.seeAllWell(master.port, portsOf(replicas))
    const writers = [ioredisWriter(sentinels.addresses), await redisWriter(sentinels.addresses)]
    await confirmMore(writers)
    const client = await master.connect()
    process.kill(master.pid, 'SIGSTOP')
    const late = client.pipeline([['SET', 'late', '1'], ['WAIT', 1, 300]]) // biome-ignore format: one line
    await sentinels.agreeOn(...portsOf(replicas))
    const promoted = servers.on(await sentinels.masterPort())
    await confirmMore(writers)
    process.kill(master.pid, 'SIGCONT')
    const [written, replicasThatHaveIt] = await late
    if (written === 'OK') assert.is(replicasThatHaveIt, 0)
    else assert.match((written as WireError).text, /^NOREPLICAS/)
    await until('the old master to refuse writes', async () => {
      const reply = await master.call('SET', 'later', '1')
      return reply instanceof WireError && /^(NOREPLICAS|READONLY)/.test(reply.text)
    })
    await sentinels.seeAllWell(promoted.port, portsOf(servers.besides(promoted)))
    await confirmMore(writers)
    for (const writer of writers) await writer.stop()
    await assertFollowed(servers, promoted)
    await assertKept(promoted, writers)
    for (const server of servers.all) assert.is(await server.call('EXISTS', 'late'), 0)
    await sentinels.stop()
    await servers.stop()
  })
}

test.run()
