/** Import and export beside redis-server: data goes there and back unchanged. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { DATABASES, dataset } from '../../support/generators/dataset.ts'
import { fill } from '../../support/generators/every-type.ts'
import { seeded } from '../../support/generators/seed.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { checkClean, exportFile, importFile } from '../../support/servers/imports.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import type { WireClient } from '../../support/servers/wire-client.ts'
import { haveTools, run } from '../tools.ts'

const DEBUG = ['--enable-debug-command', 'yes']

async function digestOf(client: WireClient): Promise<unknown> {
  return client.call('DEBUG', 'DIGEST')
}

const urlOf = ({ port }: { readonly port: number }) => `redis://127.0.0.1:${port}`

if (haveTools('import and export beside redis-server', 'redis-server', 'redis-check-rdb')) {
  const scratch = mkdtempSync(join(tmpdir(), 'haypile-exchange-'))
  test.after(() => rmSync(scratch, { recursive: true }))

  test("redis-server's file comes in, and redis-server loads what goes out", async () => {
    const redis = await RedisServer.start(DEBUG)
    const client = await redis.connect()
    await fill(client, seeded('exchange'))
    const [, directory] = (await client.call('CONFIG', 'GET', 'dir')) as Bytes[]
    assert.is(await client.call('SAVE'), 'OK')
    const data = join(scratch, 'data')
    const imported = await importFile(join(directory!, 'dump.rdb'), data)
    assert.is(imported.status, 0, imported.error)
    await checkClean(data)
    const [digest, expected] = [await digestOf(client), await dataset(client, 'redis 7.0')]
    await client.close()
    await redis.stop()
    await withNode({ dir: data }, async ({ node, client }) => {
      assert.equal(await dataset(client, 'redis 7.0'), expected)
      await node.close()
    })
    for (const rdbVersion of [10, 11] as const) {
      const file = join(scratch, `out-${rdbVersion}.rdb`)
      const exported = await exportFile(file, data, { rdbVersion })
      assert.is(exported.status, 0, exported.error)
      assert.match(exported.out, /: \d+ keys, \d+ bytes, .*\nlibraries of functions: 1\n$/)
      const { status, out } = await run('redis-check-rdb', [file])
      if (rdbVersion === 10) assert.is(status, 0, out)
    }
    await checkClean(data)
    const again = await RedisServer.start([...DEBUG, '--dir', scratch, '--dbfilename', 'out-10.rdb'])
    const other = await again.connect()
    try {
      await until('the file to be loaded', async () => String(await other.call('INFO', 'persistence')).includes('\nloading:0'))
      assert.equal(await dataset(other, 'redis 7.0'), expected)
      assert.is(await digestOf(other), digest)
      assert.is(await other.call('FCALL', 'f', 0), 1)
    } finally {
      await other.close()
      await again.stop()
    }
  })

  test('the data of running servers goes from Redis to haypile and back to Redis', async () => {
    const [redis, other, haypile] = await Promise.all([RedisServer.start(DEBUG), RedisServer.start(DEBUG), RunningServer.start()])
    const [client, target] = [await redis.connect(), await other.connect()]
    try {
      await fill(client, seeded('exchange of servers'))
      const digest = await digestOf(client)
      const first = await importFile(urlOf(redis), '', { target: { server: urlOf(haypile) } })
      assert.is(first.status, 0, first.error + first.out)
      const second = await importFile(urlOf(haypile), '', { target: { server: urlOf(other) } })
      assert.is(second.status, 0, second.error + second.out)
      assert.equal(await dataset(target, 'redis 7.0'), await dataset(client, 'redis 7.0'))
      assert.is(await digestOf(target), digest)
      assert.is(await target.call('FCALL', 'f', 0), 1)

      const refused = await importFile(urlOf(haypile), '', { target: { server: urlOf(other) }, selection: { pattern: 'large *' } })
      assert.is(refused.status, 1)
      assert.match(refused.out, /: 0 keys, [\s\S]*refused 5 times: BUSYKEY Target key name already exists\.\n/)
      await target.call('SELECT', DATABASES - 1)
      await target.call('SET', 'large list', 'changed')
      await target.call('FUNCTION', 'FLUSH')
      const replaced = await importFile(urlOf(redis), '', { target: { server: urlOf(other) }, mustReplace: true })
      assert.is(replaced.status, 0, replaced.error + replaced.out)
      assert.is(await digestOf(target), digest)

      const directory = join(scratch, 'from redis')
      assert.is((await importFile(`${urlOf(redis)}/1`, directory)).status, 0)
      await checkClean(directory)
      await client.call('SELECT', 1)
      const count = await client.call('DBSIZE')
      const { keys, filtered } = JSON.parse((await exportFile(join(scratch, 'x.rdb'), directory, { isJson: true })).out) as {
        keys: number
        filtered: number
      }
      assert.equal([keys, filtered], [count, 0])
      const file = join(scratch, 'from-haypile.rdb')
      assert.is((await exportFile(file, '', { source: { server: urlOf(haypile) } })).status, 0)
      const { status, out } = await run('redis-check-rdb', [file])
      assert.is(status, 0, out)
    } finally {
      await Promise.all([client.close(), target.close()])
      await Promise.all([redis.stop(), other.stop(), haypile.stop()])
    }
  })
}

test.run()
