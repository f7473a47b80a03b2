/** Exports as commands and as an AOF: redis-server loads them with the same data. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dataset } from '../../support/generators/dataset.ts'
import { fill } from '../../support/generators/every-type.ts'
import { seeded } from '../../support/generators/seed.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { checkClean, exportFile, importFile } from '../../support/servers/imports.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { until } from '../../support/servers/running-server.ts'
import { type WireClient, WireError } from '../../support/servers/wire-client.ts'
import { haveTools, run } from '../tools.ts'

const FAR_MS = 4_000_000_000_000

/** Streams whose groups have pending entries that were deleted or trimmed, and one without any. */
const STREAMS = [
  ...Array.from({ length: 9 }, (_, index) => ['XADD', 'odd', `${index + 1}-1`, 'field', `${index}`]),
  ['XGROUP', 'CREATE', 'odd', 'g', '0'],
  ['XGROUP', 'CREATE', 'odd', 'h', '3-1', 'ENTRIESREAD', '2'],
  ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '8', 'STREAMS', 'odd', '>'],
  ['XREADGROUP', 'GROUP', 'h', 'd', 'COUNT', '3', 'STREAMS', 'odd', '>'],
  ['XGROUP', 'CREATECONSUMER', 'odd', 'h', 'idle'],
  ['XDEL', 'odd', '4-1', '5-1', '9-1'],
  ['XTRIM', 'odd', 'MAXLEN', '3'],
  ...Array.from({ length: 3 }, (_, index) => ['XADD', 'trimmed', `${index + 1}-0`, 'f', 'v']),
  ['XGROUP', 'CREATE', 'trimmed', 'g', '0'],
  ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'trimmed', '>'],
  ['XTRIM', 'trimmed', 'MAXLEN', '0'],
  ['XGROUP', 'CREATE', 'none', 'g', '$', 'MKSTREAM'],
] as const

async function digestOf(client: WireClient): Promise<unknown> {
  return client.call('DEBUG', 'DIGEST')
}

/** Starts redis-server on a directory, calls back when it has loaded its data, and stops it. */
async function withRedis(words: readonly string[], use: (client: WireClient, port: number) => Promise<void>): Promise<void> {
  const redis = await RedisServer.start(['--enable-debug-command', 'yes', ...words])
  const client = await redis.connect()
  try {
    await until('the data to be loaded', async () => String(await client.call('INFO', 'persistence')).includes('\nloading:0'))
    await use(client, redis.port)
  } finally {
    await client.close()
    await redis.stop()
  }
}

if (haveTools('exported commands in redis-server', 'redis-server', 'redis-cli', 'redis-check-aof')) {
  const scratch = mkdtempSync(join(tmpdir(), 'haypile-commands-'))
  const data = join(scratch, 'data')
  let original: unknown
  let digest: unknown
  test('data of every type is exported as an RDB, which redis-server loads', async () => {
    await withNode({ dir: data }, async ({ node, client }) => {
      await fill(client, seeded('exported commands'))
      for (const reply of await client.pipeline(STREAMS)) assert.not.instance(reply, WireError)
      await client.call('ZADD', 'scores', '-0', 'a', '1e300', 'b', '5e-324', 'c', '-inf', 'd', '0.1', 'e')
      await client.call('HSET', 'fields', ...Array.from({ length: 200 }, (_, index) => [`f${index}`, 'v']).flat())
      await client.call('HPEXPIREAT', 'fields', FAR_MS, 'FIELDS', 2, 'f0', 'f199')
      original = await dataset(client)
      await node.close()
    })
    assert.is((await exportFile(join(scratch, 'dump.rdb'), data)).status, 0)
    await withRedis(['--dir', scratch], async (client) => {
      digest = await digestOf(client)
      assert.ok(((await client.call('DBSIZE')) as number) >= 60)
    })
  })
  test.after(() => rmSync(scratch, { recursive: true }))

  test('redis-server loads an AOF and a directory of an AOF, and comes back with them', async () => {
    for (const name of ['appendonly.aof', 'appendonlydir']) {
      const directory = join(scratch, `of ${name}`)
      mkdirSync(directory)
      const { status, out, error } = await exportFile(join(directory, name), data)
      assert.is(status, 0, error)
      assert.match(out, /: \d+ keys, [\s\S]*\nlibraries of functions: 1\ndeadlines of fields left out, [^\n]*: 2\n$/)
      const file = join(directory, name, name === 'appendonlydir' ? 'appendonly.aof.manifest' : '')
      const checked = await run('redis-check-aof', [file.replace(/\/$/, '')])
      assert.is(checked.status, 0, checked.out)
      for (let start = 0; start < 2; start++) {
        await withRedis(['--dir', directory, '--appendonly', 'yes'], async (client) => {
          assert.is(await digestOf(client), digest, name)
          await assertStreams(client)
          assert.is(await client.call('FCALL', 'f', 0), 1)
        })
      }
    }
  })

  test('redis-cli --pipe brings a stream of commands into a server, twice with the same result', async () => {
    const path = join(scratch, 'all.resp')
    assert.is((await exportFile(path, data)).status, 0)
    const input = readFileSync(path)
    await withRedis([], async (client, port) => {
      for (let round = 0; round < 2; round++) {
        const { status, out } = await run('redis-cli', ['-p', port, '--pipe'], { input })
        assert.is(status, 0, out)
        assert.match(out, /errors: 0,/)
        assert.is(await digestOf(client), digest)
        await assertStreams(client)
      }
    })
  })

  /** DEBUG DIGEST does not look at groups. */
  async function assertStreams(client: WireClient): Promise<void> {
    const found = await dataset(client, 'redis 7.0')
    for (const [key, value] of original as Map<string, readonly unknown[]>) {
      if (value[0] === 'stream') assert.equal(found.get(key), value, key)
    }
  }

  test('everything comes back into a haypile, with deadlines of fields from version 12 on', async () => {
    for (const name of ['appendonly.aof', 'again.resp', 'appendonlydir']) {
      const path = join(scratch, name)
      const exported = await exportFile(path, data, { rdbVersion: 12 })
      assert.is(exported.status, 0, exported.error)
      assert.not.match(exported.out, /deadlines/)
      const directory = join(scratch, `from ${name}`)
      const { status, out, error } = await importFile(path, directory)
      assert.is(status, 0, out + error)
      await checkClean(directory)
      await withNode({ dir: directory }, async ({ node, client }) => {
        assert.equal(await dataset(client), original, name)
        await node.close()
      })
    }
    await checkClean(data)
  })

  test('a directory that has content is not replaced, and an empty one is', async () => {
    const path = join(scratch, 'other', 'appendonlydir')
    mkdirSync(join(path, 'kept'), { recursive: true })
    const { status, error } = await exportFile(path, data)
    assert.is(status, 2)
    assert.match(error, /appendonlydir exists and is not empty: name another directory, or remove it; .* was not written\n$/)
    renameSync(join(path, 'kept'), join(scratch, 'kept'))
    assert.is((await exportFile(path, data)).status, 0)
  })
}

test.run()
