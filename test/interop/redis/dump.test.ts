/**
 * DUMP and RESTORE beside redis-server: equal bytes where the encoding is the same, payloads both
 * ways, and the same answer to damaged payloads.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { commandsOf, seenBy } from '../../support/rdb/client-view.ts'
import { type Content, sorted } from '../../support/rdb/contents.ts'
import { mutatedPayload } from '../../support/rdb/mutations.ts'
import { randomContent } from '../../support/rdb/random-contents.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { RunningServer } from '../../support/servers/running-server.ts'
import { type WireClient, WireError } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const { HAYPILE_ROUNDS = '300' } = process.env
const ROUNDS = Number(HAYPILE_ROUNDS)

/** A haypile and a redis-server, with a client of each. */
interface Pair {
  readonly haypile: WireClient
  readonly redis: WireClient
}

async function withBoth(body: (pair: Pair) => Promise<void>): Promise<void> {
  const server = await RunningServer.start({ flags: { rdbcompression: 'no' } })
  const other = await RedisServer.start(['--rdbcompression', 'no', '--sanitize-dump-payload', 'yes', '--enable-debug-command', 'yes'])
  const haypile = await server.connect()
  const redis = await other.connect()
  try {
    await body({ haypile, redis })
  } finally {
    await haypile.close()
    await redis.close()
    await other.stop()
    await server.stop()
  }
}

const buffer = (reply: unknown): Buffer => Buffer.from(reply as Bytes, 'latin1')
const hex = (reply: unknown): string => buffer(reply).toString('hex')

async function make(client: WireClient, key: Bytes, content: Content): Promise<void> {
  for (const reply of await client.pipeline(commandsOf(key, content))) assert.not.instance(reply, WireError)
}

/** Returns the content in the order in which haypile keeps it. */
function inOrder(content: Content): Content {
  return content.type === 'hash' || content.type === 'set' ? sorted(content) : content
}

/** True if Redis keeps the value in an order that haypile has, too. */
async function hasSameEncoding(redis: WireClient, content: Content): Promise<boolean> {
  const encoding = await redis.call('OBJECT', 'ENCODING', 'made')
  // In longer streams entries are deleted, and consumers are seen at the time of the request.
  if (content.type === 'stream') return content.entries.length <= 3 && content.groups.length === 0
  return encoding !== 'hashtable'
}

async function sameAfterRestore({ haypile, redis }: Pair, content: Content): Promise<void> {
  const payload = (await haypile.call('DUMP', 'made')) as Bytes
  assert.is(await redis.call('RESTORE', 'restored', '0', payload), 'OK', content.type)
  assert.equal(sorted(await seenBy(redis, 'restored', content)), sorted(await seenBy(haypile, 'made', content)))
  const back = (await redis.call('DUMP', 'restored')) as Bytes
  assert.is(await haypile.call('RESTORE', 'restored', '0', back), 'OK', content.type)
  assert.equal(sorted(await seenBy(haypile, 'restored', content)), sorted(await seenBy(haypile, 'made', content)))
}

/** Values whose payloads need more than the random ones have. */
function specialContents(chance: Seeded): Content[] {
  const elements = Array.from({ length: 3000 }, () => 'x'.repeat(chance.integer(300)))
  return [
    { type: 'list', elements },
    { type: 'list', elements: ['a', 'x'.repeat(20_000), 'b', 'y'.repeat(8_190), 'c'] },
    { type: 'string', value: 'z'.repeat(200_000) },
    { type: 'sorted-set', members: [0.1, 1e-5, 123456.789, 1e17, -1e20, 1e21, 1 / 3, 5e-324].map((score, index) => [`m${index}`, score]) },
    { type: 'sorted-set', members: elements.map((_, index) => [`member ${index}`, chance.integer(100)]) },
  ]
}

if (haveTools('DUMP beside redis-server', 'redis-server')) {
  test('a payload has the bytes of redis-server where the encoding is the same', async () => {
    await withBoth(async (pair) => {
      const chance = seeded('dump of both')
      let compared = 0
      const contents = [...specialContents(chance), ...Array.from({ length: ROUNDS }, () => randomContent(chance))]
      for (const content of contents.map(inOrder)) {
        await make(pair.redis, 'made', content)
        await make(pair.haypile, 'made', content)
        if (await hasSameEncoding(pair.redis, content)) {
          compared++
          assert.is(hex(await pair.haypile.call('DUMP', 'made')), hex(await pair.redis.call('DUMP', 'made')), content.type)
        }
        await sameAfterRestore(pair, content)
        await pair.redis.call('FLUSHALL')
        await pair.haypile.call('FLUSHALL')
      }
      assert.ok(compared > contents.length / 4, `${compared} compared`)
    })
  })

  test('a stream comes back from redis-server byte by byte', async () => {
    await withBoth(async ({ haypile, redis }) => {
      const chance = seeded('streams of both')
      for (let round = 0; round < 30; round++) {
        const commands = commandsOf('s', randomContent(chance, 'stream')).filter(([name]) => name !== 'XDEL')
        for (const reply of await redis.pipeline(commands)) assert.not.instance(reply, WireError)
        const payload = (await redis.call('DUMP', 's')) as Bytes
        assert.is(await haypile.call('RESTORE', 's', '0', payload), 'OK')
        assert.is(hex(await haypile.call('DUMP', 's')), hex(payload))
        await redis.call('DEL', 's')
        await haypile.call('DEL', 's')
      }
    })
  })

  test('redis-server takes every changed payload that haypile takes', async () => {
    await withBoth(async ({ haypile, redis }) => {
      const chance = seeded('changed payloads of both')
      const payloads: Buffer[] = []
      for (let i = 0; i < 40; i++) {
        await make(redis, `k${i}`, randomContent(chance))
        payloads.push(buffer(await redis.call('DUMP', `k${i}`)))
      }
      let taken = 0
      for (let round = 0; round < ROUNDS * 3; round++) {
        const payload = mutatedPayload(chance, chance.pick(payloads)).latin1Slice()
        const reply = await haypile.call('RESTORE', 'k', '0', payload, 'REPLACE')
        if (reply instanceof WireError) {
          assert.is(reply.text, 'ERR Bad data format')
          continue
        }
        taken++
        assert.is(await redis.call('RESTORE', 'k', '0', payload, 'REPLACE'), 'OK', `round ${round}: ${hex(payload)}`)
      }
      assert.ok(taken > ROUNDS / 20, `${taken} taken`)
    })
  })
}

test.run()
