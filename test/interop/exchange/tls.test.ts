/** MIGRATE between haypile and redis-server by TLS. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeCertificates, tlsFlags, wordsOf } from '../../support/servers/certificates.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { freePort, RunningServer } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'
import { haveTlsOfRedis } from '../tools.ts'

const CONNECTING = new WireError('IOERR error or timeout connecting to the client')

const certificates = makeCertificates('ours', 'theirs')
test.after(() => certificates?.remove())

if (certificates !== null && (await haveTlsOfRedis('MIGRATE by TLS'))) {
  const [ours, theirs] = [certificates.of('ours'), certificates.of('theirs')]

  /** Starts both servers with a port for TLS beside the plain one. */
  async function startBoth(flags: Readonly<Record<string, string>> = {}) {
    const [haypileTls, redisTls] = [await freePort(), await freePort()]
    const common = { ...tlsFlags(ours), ...flags }
    const haypile = await RunningServer.start({ flags: { ...common, 'tls-port': haypileTls } })
    const redis = await RedisServer.start(wordsOf({ ...common, 'tls-port': redisTls }))
    const stop = async () => {
      await redis.stop()
      await haypile.stop()
    }
    return { haypile, redis, haypileTls, redisTls, stop }
  }

  test('with tls-cluster, keys go to redis-server and come back by TLS', async () => {
    const { haypile, redis, haypileTls, redisTls, stop } = await startBoth({ 'tls-cluster': 'yes' })
    try {
      const large = 'x'.repeat(3_000_000)
      await haypile.call('MSET', 'a', '1', 'b', large)
      assert.is(await haypile.call('MIGRATE', '127.0.0.1', redisTls, '', 0, 5000, 'KEYS', 'a', 'b'), 'OK')
      assert.equal(await haypile.call('DBSIZE'), 0)
      assert.equal(await redis.call('MGET', 'a', 'b'), ['1', large])
      assert.is(await redis.call('MIGRATE', '127.0.0.1', haypileTls, '', 0, 5000, 'KEYS', 'a', 'b'), 'OK')
      assert.equal(await haypile.call('MGET', 'a', 'b'), ['1', large])
      // Neither port accepts the other kind of connection.
      for (const [from, port] of [
        [haypile, redis.port],
        [redis, haypile.port],
      ] as const) {
        await from.call('SET', 'c', '3')
        assert.equal(await from.call('MIGRATE', '127.0.0.1', port, 'c', 0, 300), CONNECTING)
        assert.is(await from.call('GET', 'c'), '3')
      }
      await haypile.call('CONFIG', 'SET', 'tls-cluster', 'no')
      assert.is(await haypile.call('MIGRATE', '127.0.0.1', redis.port, 'c', 0, 5000, 'REPLACE'), 'OK')
    } finally {
      await stop()
    }
  })

  test('MIGRATE by TLS sends no key to a server of another authority, nor without files that can be read', async () => {
    const { haypile, redisTls, stop } = await startBoth({ 'tls-cluster': 'yes' })
    const distrustful = await RunningServer.start({ flags: { ...tlsFlags(theirs), 'tls-cluster': 'yes' } })
    const withoutFiles = await RunningServer.start({ flags: { 'tls-cluster': 'yes', 'tls-ca-cert-file': '/nowhere/ca.crt' } })
    try {
      for (const server of [distrustful, withoutFiles]) {
        await server.call('SET', 'k', 'v')
        assert.equal(await server.call('MIGRATE', '127.0.0.1', redisTls, 'k', 0, 5000), CONNECTING)
        assert.is(await server.call('GET', 'k'), 'v')
      }
      assert.is(await haypile.call('PING'), 'PONG')
    } finally {
      await withoutFiles.stop()
      await distrustful.stop()
      await stop()
    }
  })
}

test.run()
