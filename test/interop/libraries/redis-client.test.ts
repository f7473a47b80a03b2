/**
 * Uses of the `redis` client beyond single commands: both protocols, caching, transactions,
 * messages, streams.
 */
import { BasicClientSideCache, createClient, createClientPool, ErrorReply, WatchError } from 'redis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { closeOpened, open, opened } from './opened.ts'

let server: RunningServer
test.before(async () => {
  server = await RunningServer.start()
})
test.after(() => server.stop())
test.after.each(closeOpened)
test.before.each(async () => {
  await server.call('FLUSHALL')
})

const url = () => `redis://127.0.0.1:${server.port}`
const range = (count: number) => Array.from({ length: count }, (_, i) => i)

const connect = (RESP: 2 | 3 = 3) => open(createClient({ url: url(), RESP, socket: { reconnectStrategy: 20 } }))

for (const RESP of [2, 3] as const) {
  const named = (name: string) => `RESP${RESP}: ${name}`

  test(named('replies have the same shapes in both protocols'), async () => {
    const client = await connect(RESP)
    await client.hSet('hash', { a: '1', b: '2' })
    await client.zAdd('zset', [
      { value: 'x', score: 1.5 },
      { value: 'y', score: Number.POSITIVE_INFINITY },
    ])
    await client.geoAdd('geo', { longitude: 13.361389, latitude: 38.115556, member: 'Palermo' })
    assert.equal({ ...(await client.hGetAll('hash')) }, { a: '1', b: '2' })
    assert.equal(await client.zRangeWithScores('zset', 0, -1), [
      { value: 'x', score: 1.5 },
      { value: 'y', score: Number.POSITIVE_INFINITY },
    ])
    assert.is(await client.zIncrBy('zset', 0.25, 'x'), 1.75)
    assert.equal(await client.zmScore('zset', ['x', 'none']), [1.75, null])
    assert.equal(await client.zPopMin('zset'), { value: 'x', score: 1.75 })
    assert.ok(Math.abs(Number((await client.geoPos('geo', 'Palermo'))[0]?.longitude) - 13.361389) < 1e-4)
    assert.is(await client.sAdd('set', ['a', 'b']), 2)
    assert.equal([...(await client.sMembers('set'))].sort(), ['a', 'b'])
    assert.equal(await client.smIsMember('set', ['a', 'c']), [1, 0])
    assert.is((await client.commandCount()) > 200, true)
    assert.is((await client.clientInfo()).resp, RESP)
    assert.is((await client.xInfoStream('none').catch((error) => error)).message, 'ERR no such key')
  })

  test(named('a transaction returns typed replies and its errors'), async () => {
    const client = await connect(RESP)
    const replies = await client
      .multi()
      .set('a', '1')
      .incrBy('a', 4)
      .hSet('h', { f: 'v' })
      .hGetAll('h')
      .zAdd('z', { value: 'm', score: 2.5 })
      .zScore('z', 'm')
      .exec()
    assert.equal(replies.slice(0, 3), ['OK', 5, 1])
    assert.equal({ ...(replies[3] as object) }, { f: 'v' })
    assert.equal(replies.slice(4), [1, 2.5])
    const failure = await client
      .multi()
      .set('a', 'text')
      .incr('a')
      .set('b', '1')
      .exec()
      .catch((error) => error)
    assert.equal(
      failure.replies.map((reply: unknown) => (reply instanceof ErrorReply ? reply.message : reply)),
      ['OK', 'ERR value is not an integer or out of range', 'OK'],
    )
    assert.is(await client.get('b'), '1')
    const refused = await client
      .multi()
      .set('c', '1')
      .addCommand(['SET', 'c'])
      .exec()
      .catch((error) => error)
    assert.ok(refused instanceof Error)
    assert.is(await client.get('c'), null)
  })

  test(named('concurrent changes with WATCH in a pool lose no update'), async () => {
    const pool = opened(createClientPool({ url: url(), RESP }, { minimum: 1, maximum: 6 }), (it) => it.destroy())
    await pool.connect()
    let retries = 0
    const add = (amount: number): Promise<void> =>
      pool.execute(async (client) => {
        for (;;) {
          await client.watch('account')
          const balance = Number((await client.get('account')) ?? 0)
          try {
            await client
              .multi()
              .set('account', String(balance + amount))
              .exec()
            return
          } catch (error) {
            assert.instance(error, WatchError)
            retries++
          }
        }
      })
    await Promise.all(range(60).map((amount) => add(amount)))
    assert.is(await pool.get('account'), String((60 * 59) / 2))
    assert.ok(retries > 0)
  })

  test(named('messages of channels, patterns and shards arrive'), async () => {
    const [publisher, subscriber] = [await connect(RESP), await connect(RESP)]
    const got: string[] = []
    const listener = (message: string, channel: string) => void got.push(`${channel}: ${message}`)
    await subscriber.subscribe(['news', 'sport'], listener)
    await subscriber.pSubscribe('n*', (message, channel) => void got.push(`n* ${channel}: ${message}`))
    await subscriber.sSubscribe('shard', (message) => void got.push(`shard: ${message}`))
    if (RESP === 3) assert.is(await subscriber.ping(), 'PONG')
    if (RESP === 3) assert.is(await subscriber.set('while', 'subscribed'), 'OK')
    assert.equal((await publisher.pubSubChannels()).sort(), ['news', 'sport'])
    assert.equal({ ...(await publisher.pubSubShardNumSub(['shard'])) }, { shard: 1 })
    assert.is(await publisher.publish('news', 'grün'), 2)
    assert.is(await publisher.sPublish('shard', 'one'), 1)
    await subscriber.unsubscribe('sport', listener)
    assert.is(await publisher.publish('sport', 'lost'), 0)
    await until('all', () => got.length === 3)
    assert.equal(got, ['news: grün', 'n* news: grün', 'shard: one'])
    const bytes = Buffer.from([0, 255, 13, 10])
    const arrived = new Promise<Buffer>((resolve) => void subscriber.subscribe('bytes', resolve, true))
    await until('someone to hear', async () => (await publisher.publish('bytes', bytes)) === 1)
    assert.ok(bytes.equals(await arrived))
    await server.restart()
    await until('the subscriptions to be back', async () => (await publisher.publish('news', 'again').catch(() => 0)) === 2)
    await until('the message', () => got.includes('news: again') && got.includes('n* news: again'))
  })

  test(named('streams support fields, groups, blocking reads and claims'), async () => {
    const [client, reader] = [await connect(RESP), await connect(RESP)]
    await client.xGroupCreate('stream', 'group', '0', { MKSTREAM: true })
    await Promise.all(range(20).map((i) => client.xAdd('stream', '*', { number: String(i), twice: String(2 * i) })))
    const read = (await reader.xReadGroup('group', 'ann', { key: 'stream', id: '>' }, { COUNT: 15 })) as unknown as [
      { name: string; messages: { id: string; message: { number: string; twice: string } }[] },
    ]
    assert.is(read[0].name, 'stream')
    assert.equal(
      read[0].messages.map(({ message }) => Number(message.twice)),
      range(15).map((i) => 2 * i),
    )
    assert.is(
      await client.xAck(
        'stream',
        'group',
        read[0].messages.slice(0, 5).map(({ id }) => id),
      ),
      5,
    )
    const pending = await client.xPending('stream', 'group')
    assert.is(pending.pending, 10)
    const claimed = await client.xAutoClaim('stream', 'group', 'bob', 0, '0')
    assert.equal(
      claimed.messages.map((entry) => Number((entry?.message as { number?: string } | undefined)?.number)),
      range(10).map((i) => i + 5),
    )
    const [group] = await client.xInfoGroups('stream')
    assert.equal([group?.consumers, group?.pending, group?.lag, group?.['entries-read']], [2, 10, 5, 15])
    const waiting = reader.xRead({ key: 'stream', id: '$' }, { BLOCK: 5000 })
    await until('the client to block', async () => String(await server.call('CLIENT', 'LIST')).includes('cmd=xread'))
    const id = await client.xAdd('stream', '*', { last: 'one' })
    assert.equal(
      ((await waiting) as unknown as typeof read)[0].messages.map((entry) => entry.id),
      [id],
    )
  })
}

test('a client-side cache answers alone until a value that it has read changes', async () => {
  const cache = new BasicClientSideCache({ maxEntries: 100 })
  const client = await open(createClient({ url: url(), clientSideCache: cache }))
  const writer = await connect()
  await writer.mSet({ a: '1', b: '2' })
  const calls = async () => Number(/cmdstat_get:calls=(\d+)/.exec(await writer.info('commandstats'))?.[1] ?? 0)
  const before = await calls()
  for (const _ of range(50)) assert.is(await client.get('a'), '1')
  assert.is(await calls(), before + 1)
  assert.is(cache.stats().hitCount, 49)
  await writer.set('a', 'changed')
  await until('the change to be seen', async () => (await client.get('a')) === 'changed')
  await writer.set('b', 'other')
  assert.is(await client.get('a'), 'changed')
  const hits = cache.stats().hitCount
  await client.get('a')
  assert.is(cache.stats().hitCount, hits + 1, 'changes of other keys do not matter')
  await writer.pExpire('a', 30)
  await until('the expiry to be seen', async () => (await client.get('a')) === null)
  assert.equal({ ...(await client.hGetAll('hash')) }, {})
  await writer.hSet('hash', { f: '1' })
  await until('a new key to be seen', async () => (await client.hGet('hash', 'f')) === '1')
  assert.is(await client.get('b'), 'other')
  await writer.flushAll()
  await until('the cache to be empty', async () => (await client.get('b')) === null && (await client.hGet('hash', 'f')) === null)
  await client.set('own', '1')
  assert.is(await client.get('own'), '1')
  await client.set('own', '2')
  await until('its own change to be seen', async () => (await client.get('own')) === '2')
})

test('a client-side cache never shows an older value after a newer one', async () => {
  const client = await open(createClient({ url: url(), clientSideCache: { maxEntries: 1000 } }))
  const writer = await connect()
  const keys = range(20).map((i) => `key:${i}`)
  let isWriting = true
  const writing = (async () => {
    for (const value of range(300)) await Promise.all(keys.map((key) => writer.set(key, String(value))))
    isWriting = false
  })()
  const seen = new Map<string, number>()
  while (isWriting) {
    for (const key of keys) {
      const value = Number((await client.get(key)) ?? 0)
      assert.ok(value >= (seen.get(key) ?? 0), `${key}: ${value} after ${seen.get(key)}`)
      seen.set(key, value)
    }
  }
  await writing
  await until('the last of all', async () => (await client.mGet(keys)).every((value) => value === '299'))
  for (const key of keys) await until(key, async () => (await client.get(key)) === '299')
})

test('a monitor sees the commands of other clients, and a script before its commands', async () => {
  const [monitor, client] = [await connect(), await connect()]
  const seen: string[] = []
  await monitor.monitor(
    (line) =>
      void seen.push(
        String(line)
          .replace(/^\S+ \[0 (lua|).*?\] /, '$1 ')
          .trim(),
      ),
  )
  await client.multi().set('a', 'grün').get('a').exec()
  await client.eval("return redis.call('GET', KEYS[1])", { keys: ['a'], arguments: [] })
  await until('the script', () => seen.some((line) => line.startsWith('lua')))
  const wanted = [
    '"MULTI"',
    '"SET" "a" "gr\\xc3\\xbcn"',
    '"GET" "a"',
    '"EXEC"',
    '"EVAL" "return redis.call(\'GET\', KEYS[1])" "1" "a"',
    'lua "GET" "a"',
  ]
  assert.equal(seen, wanted)
})

test('keyPrefix applies to keys, and the URL selects the database', async () => {
  const client = await open(createClient({ url: `${url()}/7`, keyPrefix: 'app:' }))
  await client.multi().set('a', '1').lPush('list', ['x', 'y']).exec()
  assert.is(await client.get('a'), '1')
  const other = await connect()
  assert.is(await other.dbSize(), 0)
  await other.select(7)
  assert.equal((await other.keys('*')).sort(), ['app:a', 'app:list'])
})

test.run()
