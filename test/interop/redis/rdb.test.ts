/**
 * RDB files and DUMP payloads beside redis-server: the reader sees what a client sees, Redis loads
 * what the writer writes, and payloads go both ways.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { readPayload } from '../../../rdb/payload.ts'
import { readRdb } from '../../../rdb/reader.ts'
import type { RdbItem } from '../../../rdb/values.ts'
import { writePayload, writeRdb } from '../../../rdb/writer.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { commandsOf, seenBy } from '../../support/rdb/client-view.ts'
import { type Content, contentOf, type FileContent, fileContent, rdbValueOf, sorted } from '../../support/rdb/contents.ts'
import { randomContent } from '../../support/rdb/random-contents.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { type WireClient, WireError } from '../../support/servers/wire-client.ts'
import { haveTools, run } from '../tools.ts'

const KEYS = 80
const PAYLOADS = 150
const LIBRARY = "#!lua name=lib\nredis.register_function('f', function() return 1 end)"
const FAR_MS = 4_000_000_000_000

/** Starts a redis-server with a file of its own. */
async function startRedis(): Promise<{ server: RedisServer; client: WireClient; path: string }> {
  const server = await RedisServer.start(['--enable-debug-command', 'yes', '--stream-node-max-entries', '10'])
  const client = await server.connect()
  const [, directory] = (await client.call('CONFIG', 'GET', 'dir')) as readonly Bytes[]
  return { server, client, path: join(directory!, 'dump.rdb') }
}

/** Fills two databases with values of each type. Returns what was written, by database and key. */
async function fill(client: WireClient, chance: Seeded): Promise<Map<string, Content>> {
  const contents = new Map<string, Content>()
  for (const database of [0, 5]) {
    await client.call('SELECT', database)
    for (let i = 0; i < KEYS; i++) {
      const key = i === 0 ? 'k\u00ff\u0000\r\n' : i === 1 ? '12345' : `key ${i}`
      const content = randomContent(chance)
      contents.set(`${database}:${key}`, content)
      for (const reply of await client.pipeline(commandsOf(key, content))) assert.not.instance(reply, WireError)
      if (i % 3 === 0) await client.call('PEXPIREAT', key, FAR_MS + i)
    }
  }
  assert.is(await client.call('FUNCTION', 'LOAD', LIBRARY), 'lib')
  return contents
}

/** Returns the items of a file with the content read from another. */
function itemsOf(file: FileContent): RdbItem[] {
  const items: RdbItem[] = [
    { kind: 'aux', name: 'redis-ver', value: '7.0.15' },
    ...file.libraries.map((code) => ({ kind: 'library', code }) as const),
  ]
  let database = -1
  for (const [place, { expireAtMs, content }] of file.keys) {
    const colon = place.indexOf(':')
    if (Number(place.slice(0, colon)) !== database) {
      database = Number(place.slice(0, colon))
      items.push({ kind: 'database', index: database }, { kind: 'sizes', keyCount: KEYS, deadlineCount: 1 })
    }
    items.push({ kind: 'key', key: place.slice(colon + 1), expireAtMs, value: rdbValueOf(content) })
  }
  return items
}

/** Returns the payload of a key as redis-server makes it without compression. */
async function uncompressed(client: WireClient, key: Bytes): Promise<Buffer> {
  await client.call('CONFIG', 'SET', 'rdbcompression', 'no')
  const payload = Buffer.from((await client.call('DUMP', key)) as Bytes, 'latin1')
  await client.call('CONFIG', 'SET', 'rdbcompression', 'yes')
  return payload
}

async function check(path: string): Promise<void> {
  const { status, out } = await run('redis-check-rdb', [path])
  assert.is(status, 0, out)
  assert.match(out, /RDB looks OK/)
}

if (haveTools('RDB files beside redis-server', 'redis-server', 'redis-check-rdb')) {
  test("our reader and a client see the same in redis-server's file, and redis-server loads our file", async () => {
    const chance = seeded('rdb of redis')
    const { server, client, path } = await startRedis()
    try {
      const contents = await fill(client, chance)
      const digest = await client.call('DEBUG', 'DIGEST')
      for (const compression of ['yes', 'no']) {
        await client.call('CONFIG', 'SET', 'rdbcompression', compression)
        assert.is(await client.call('SAVE'), 'OK')
        const bytes = readFileSync(path)
        const file = await fileContent(readRdb([bytes]))
        assert.is(file.isVerified, true)
        assert.is(file.version, 10)
        assert.equal(file.libraries, [LIBRARY])
        assert.is(file.keys.size, contents.size)
        for (const [place, { content, expireAtMs }] of file.keys) {
          const [database, key] = [place.slice(0, 1), place.slice(2)]
          await client.call('SELECT', database)
          assert.equal(sorted(content), sorted(await seenBy(client, key, content)), place)
          const deadline = await client.call('PEXPIRETIME', key)
          assert.is(expireAtMs ?? -1, deadline, place)
        }
        const written: Buffer[] = []
        for await (const chunk of writeRdb(itemsOf(file), { mayCompress: compression === 'yes' })) written.push(chunk)
        writeFileSync(path, Buffer.concat(written))
        await check(path)
        assert.is(await client.call('FLUSHALL'), 'OK')
        assert.is(await client.call('FUNCTION', 'FLUSH'), 'OK')
        assert.is(await client.call('DEBUG', 'RELOAD', 'NOSAVE'), 'OK')
        assert.is(await client.call('DEBUG', 'DIGEST'), digest)
        assert.is(await client.call('FCALL', 'f', '0'), 1)
      }
    } finally {
      await client.close()
      await server.stop()
    }
  })

  test("payloads of every type are restored in both directions, and pass redis-server's sanitizer", async () => {
    const chance = seeded('payloads of redis')
    const { server, client } = await startRedis()
    try {
      await client.call('CONFIG', 'SET', 'sanitize-dump-payload', 'yes')
      for (let i = 0; i < PAYLOADS; i++) {
        const content = randomContent(chance)
        for (const reply of await client.pipeline(commandsOf('made', content))) assert.not.instance(reply, WireError)
        const dumped = Buffer.from((await client.call('DUMP', 'made')) as Bytes, 'latin1')
        const { type, parts } = readPayload(dumped)
        const found = contentOf(type, parts)
        const { payload } = writePayload(rdbValueOf(found), { mayCompress: chance.integer(2) === 0 })
        assert.is(await client.call('RESTORE', 'restored', '0', payload.latin1Slice()), 'OK')
        const same = writePayload(rdbValueOf(found), { mayCompress: false }).payload
        if (type === 'string' || type === 'hash') assert.equal(same, await uncompressed(client, 'made'), type)
        const [a, b] = [await client.call('DEBUG', 'DIGEST-VALUE', 'made'), await client.call('DEBUG', 'DIGEST-VALUE', 'restored')]
        assert.equal(a, b, type)
        assert.equal(sorted(found), sorted(await seenBy(client, 'restored', found)))
        await client.call('FLUSHALL')
      }
    } finally {
      await client.close()
      await server.stop()
    }
  })
}

test.run()
