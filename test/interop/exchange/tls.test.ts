/** MIGRATE between haypile and redis-server by TLS, and import and export over rediss://. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeCertificates, tlsFlags, wordsOf } from '../../support/servers/certificates.ts'
import { checkClean, exportFile, importFile } from '../../support/servers/imports.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { freePort, RunningServer } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'
import { haveTlsOfRedis, run } from '../tools.ts'

const CONNECTING = new WireError('IOERR error or timeout connecting to the client')

const certificates = makeCertificates('ours', 'theirs')
test.after(() => certificates?.remove())

if (certificates !== null && (await haveTlsOfRedis('MIGRATE, import and export by TLS'))) {
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

  const scratch = mkdtempSync(join(tmpdir(), 'haypile-tls-'))
  test.after(() => rmSync(scratch, { recursive: true }))
  const files = { cacert: ours.authority, cert: ours.certificate, key: ours.key }

  test('import and export reach servers over rediss:// with --cacert, --cert and --key', async () => {
    const { haypile, redis, haypileTls, redisTls, stop } = await startBoth()
    const url = (port: number) => `rediss://:secret@127.0.0.1:${port}`
    try {
      const client = await redis.connect()
      const large = 'x'.repeat(1_000_000)
      await client.call('MSET', 'a', '1', 'b', large)
      assert.is(await client.call('CONFIG', 'SET', 'requirepass', 'secret'), 'OK')
      assert.is(await haypile.call('CONFIG', 'SET', 'requirepass', 'secret'), 'OK')
      const across = await importFile(url(redisTls), '', { target: { server: url(haypileTls) }, tls: files })
      assert.is(across.status, 0, across.error)
      assert.match(across.out, /^imported rediss:\/\/127\.0\.0\.1:\d+ into rediss:\/\/127\.0\.0\.1:\d+: 2 keys/)
      const directory = join(scratch, 'data')
      assert.is((await importFile(url(redisTls), directory, { tls: files })).status, 0)
      await checkClean(directory)
      await client.call('DEL', 'a')
      const back = await importFile(url(haypileTls), '', { target: { server: url(redisTls) }, mustReplace: true, tls: files })
      assert.is(back.status, 0, back.error)
      assert.equal(await client.call('MGET', 'a', 'b'), ['1', large])
      for (const port of [haypileTls, redisTls]) {
        const file = join(scratch, `${port}.rdb`)
        const exported = await exportFile(file, '', { source: { server: url(port) }, tls: files })
        assert.is(exported.status, 0, exported.error)
        const { status, out } = await run('redis-check-rdb', [file])
        assert.is(status, 0, out)
      }
      await client.close()
    } finally {
      await stop()
    }
  })

  test('a connection by TLS that fails says why, and what to do', async () => {
    const { haypile, redis, haypileTls, redisTls, stop } = await startBoth()
    const text = join(scratch, 'text')
    writeFileSync(text, 'no certificate')
    const url = (scheme: string, port: number) => `${scheme}://127.0.0.1:${port}`
    const said = async (source: string, tls: object) => {
      const { status, error } = await importFile(source, join(scratch, 'none'), { tls })
      assert.is(status, 2, error)
      assert.match(error, /; nothing was imported\n$/)
      return error
    }
    try {
      const refused = async (plain: number, secure: number) => {
        assert.match(await said(url('rediss', plain), files), /speaks? plain text(, not TLS:|,) use redis:\/\//)
        assert.match(await said(url('redis', secure), {}), /speaks TLS: use rediss:\/\//)
        assert.match(await said(url('rediss', secure), {}), /: name its authority with --cacert;/)
        assert.match(await said(url('rediss', secure), { ...files, cacert: theirs.authority }), /: name its authority with --cacert;/)
        assert.match(await said(url('rediss', secure), { cacert: ours.authority }), /certificate required|may want --cert and --key/)
      }
      await Promise.all([refused(haypile.port, haypileTls), refused(redis.port, redisTls)])
      const server = url('rediss', haypileTls)
      assert.match(await said(server, { cert: ours.certificate }), /--cert and --key go together/)
      assert.match(await said(server, { cacert: join(scratch, 'gone') }), /--cacert \S+ cannot be read: ENOENT/)
      assert.match(await said(server, { cacert: text }), /--cacert \S+ is no certificate in PEM/)
      assert.match(await said(server, { ...files, key: theirs.key }), /--key \S+ does not belong to --cert \S+: /)
      assert.match(await said(url('redis', haypile.port), files), /are for servers that are named as rediss:\/\//)
    } finally {
      await stop()
    }
  })
}

test.run()
