/** Replication between haypile and redis-server by TLS, both ways, with a user of its own. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeCertificates, tlsFlags, wordsOf } from '../../support/servers/certificates.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { fieldOf, infoOf, linked } from '../../support/servers/replicated-servers.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'
import type { WireClient } from '../../support/servers/wire-client.ts'
import { haveTlsOfRedis } from '../tools.ts'

const KEYS = 3000
const VALUE = 'v'.repeat(500)
const USER = ['on', '>pw', '+psync', '+replconf', '+ping']
const FOLLOWER = { masteruser: 'follower', masterauth: 'pw' }

async function fill(client: WireClient): Promise<void> {
  await client.pipeline(Array.from({ length: KEYS }, (_, index) => ['SET', `key ${index}`, VALUE]))
}

const certificates = makeCertificates('ours', 'theirs')
test.after(() => certificates?.remove())

if (certificates !== null && (await haveTlsOfRedis('replication with redis-server by TLS'))) {
  const [ours, theirs] = [tlsFlags(certificates.of('ours')), tlsFlags(certificates.of('theirs'))]

  test('haypile follows redis-server by TLS as a user of its own, and after a cut by a partial sync', async () => {
    const tlsPort = await freePort()
    const redis = await RedisServer.start(wordsOf({ ...ours, 'tls-port': tlsPort }))
    const client = await redis.connect()
    await fill(client)
    await client.call('ACL', 'SETUSER', 'follower', ...USER)
    await client.call('ACL', 'SETUSER', 'default', 'resetpass', '>secret')
    const flags = { replicaof: `127.0.0.1 ${tlsPort}`, 'tls-replication': 'yes', ...ours, ...FOLLOWER }
    const replica = await RunningServer.start({ flags: { ...flags, masterauth: 'wrong' } })
    const distrustful = await RunningServer.start({ flags: { ...flags, ...theirs } })
    try {
      const reason = async (server: RunningServer) => (await infoOf(server)).get('repl_last_error') ?? ''
      await until('the wrong password to be refused', async () => (await reason(replica)).includes('WRONGPASS'))
      await replica.call('CONFIG', 'SET', 'masterauth', 'pw')
      await linked(replica)
      assert.is(await replica.call('DBSIZE'), KEYS)
      assert.match(String(await client.call('CLIENT', 'LIST', 'TYPE', 'REPLICA')), / user=follower /)
      await client.call('SET', 'live', '1')
      await until('the write to arrive', async () => (await replica.call('GET', 'live')) === '1')

      assert.is(await client.call('CLIENT', 'KILL', 'TYPE', 'REPLICA'), 1)
      await client.call('SET', 'live', '2')
      await until('the next write to arrive', async () => (await replica.call('GET', 'live')) === '2')
      assert.match(String(await client.call('INFO', 'stats')), /sync_full:1\r\nsync_partial_ok:1\r\n/)
      await until('the other authority to be refused', async () => (await reason(distrustful)).includes('certificate'))
      assert.is(await fieldOf(distrustful, 'master_link_status'), 'down')
      assert.is(await distrustful.call('DBSIZE'), 0)
    } finally {
      await client.close()
      await distrustful.stop()
      await replica.stop()
      await redis.stop()
    }
  })

  test('redis-server follows haypile by TLS as a user of its own, and after a cut by a partial sync', async () => {
    const tlsPort = await freePort()
    const master = await RunningServer.start({ flags: { ...ours, 'tls-port': tlsPort } })
    const client = await master.connect()
    await fill(client)
    await client.call('ACL', 'SETUSER', 'follower', ...USER)
    const words = wordsOf({ ...ours, 'tls-replication': 'yes', ...FOLLOWER })
    const redis = await RedisServer.start([...words, '--replicaof', '127.0.0.1', String(tlsPort)])
    try {
      const isUp = async () => String(await redis.call('INFO', 'replication')).includes('master_link_status:up')
      await until('the link to be up', isUp)
      assert.is(await redis.call('DBSIZE'), KEYS)
      assert.match(String(await client.call('CLIENT', 'LIST', 'TYPE', 'REPLICA')), / user=follower /)
      await client.call('SET', 'live', '1')
      await until('the write to arrive', async () => (await redis.call('GET', 'live')) === '1')

      const [full, partial] = [await fieldOf(master, 'sync_full', 'stats'), await fieldOf(master, 'sync_partial_ok', 'stats')]
      await client.call('CLIENT', 'KILL', 'TYPE', 'REPLICA')
      await client.call('SET', 'live', '2')
      await until('the next write to arrive', async () => (await redis.call('GET', 'live')) === '2')
      assert.is(await fieldOf(master, 'sync_full', 'stats'), full)
      assert.ok(Number(await fieldOf(master, 'sync_partial_ok', 'stats')) > Number(partial))
    } finally {
      await client.close()
      await redis.stop()
      await master.stop()
    }
  })
}

test.run()
