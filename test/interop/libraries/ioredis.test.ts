/** Uses of ioredis beyond single commands, in both protocols. */
import { Redis, type RedisOptions } from 'ioredis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { closeOpened, opened } from './opened.ts'

let server: RunningServer
test.before(async () => {
  server = await RunningServer.start()
})
test.after(() => server.stop())
test.after.each(closeOpened)
test.before.each(async () => {
  await server.call('FLUSHALL')
})

function connect(options: Omit<RedisOptions, 'replyMapping'> = {}): Redis {
  const client: Redis = new Redis({ port: server.port, host: '127.0.0.1', retryStrategy: () => 20, ...options })
  client.on('error', () => {})
  return opened(client, () => client.disconnect())
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

for (const protocol of [2, 3] as const) {
  const named = (name: string) => `RESP${protocol}: ${name}`

  test(named('a pipeline returns each error in its place'), async () => {
    const replies = await connect({ protocol })
      .pipeline()
      .set('a', 'text')
      .incr('a')
      .lpush('list', 1, 2, 3)
      .get('list')
      .call('nosuch', 'a')
      .lrange('list', 0, -1)
      .exec()
    const shown = replies?.map(([error, value]) => error?.message ?? value)
    assert.equal(shown, [
      'OK',
      'ERR value is not an integer or out of range',
      3,
      'WRONGTYPE Operation against a key holding the wrong kind of value',
      "ERR unknown command 'nosuch', with args beginning with: 'a' ",
      ['3', '2', '1'],
    ])
  })

  test(named('a transaction is atomic, in a pipeline and command by command'), async () => {
    const client = connect({ protocol })
    assert.equal(await client.multi().set('a', 1).incr('a').get('a').exec(), [
      [null, 'OK'],
      [null, 2],
      [null, '2'],
    ])
    const mixed = await client.multi().set('a', 'x').incr('a').set('b', 1).exec()
    assert.equal(
      mixed?.map(([error]) => error?.message),
      [undefined, 'ERR value is not an integer or out of range', undefined],
    )
    const refused = await client
      .multi()
      .set('c', 1)
      .call('set', 'c')
      .exec()
      .catch((error: Error) => error.message)
    assert.is(refused, 'EXECABORT Transaction discarded because of previous errors.')
    assert.is(await client.exists('c'), 0)
    await client.multi({ pipeline: false })
    assert.is(await client.set('d', 1), 'QUEUED')
    assert.is(await client.get('d'), 'QUEUED')
    assert.equal(await client.exec(), [
      [null, 'OK'],
      [null, '1'],
    ])
    await client.multi({ pipeline: false })
    await client.set('d', 2)
    assert.is(await client.discard(), 'OK')
    assert.is(await client.get('d'), '1')
  })

  test(named('concurrent changes with WATCH lose no update'), async () => {
    let retries = 0
    const add = async (client: Redis, amount: number) => {
      for (;;) {
        await client.watch('account')
        const balance = Number((await client.get('account')) ?? 0)
        const done = await client
          .multi()
          .set('account', balance + amount)
          .rpush('journal', amount)
          .exec()
        if (done !== null) return
        retries++
      }
    }
    await Promise.all(
      range(8).map(async (of) => {
        const client = connect({ protocol })
        for (const i of range(10)) await add(client, of * 10 + i)
      }),
    )
    const client = connect({ protocol })
    const sum = range(80).reduce((total, amount) => total + amount, 0)
    assert.is(await client.get('account'), String(sum))
    assert.equal(
      (await client.lrange('journal', 0, -1)).map(Number).sort((a, b) => a - b),
      range(80),
    )
    assert.ok(retries > 0, 'they got in each other’s way')
  })

  test(named('messages of channels, patterns and shards reach every subscriber'), async () => {
    const [publisher, subscriber] = [connect({ protocol }), connect({ protocol })]
    const got: unknown[] = []
    subscriber.on('message', (channel, message) => got.push([channel, message]))
    subscriber.on('pmessage', (pattern, channel, message) => got.push([pattern, channel, message]))
    subscriber.on('smessage', (channel, message) => got.push(['shard', channel, message]))
    assert.is(await subscriber.subscribe('news', 'sport'), 2)
    assert.is(await subscriber.psubscribe('n*', 'x?'), 4)
    assert.is(await subscriber.ssubscribe('shard'), 1)
    assert.equal(await publisher.pubsub('NUMSUB', 'news', 'none'), ['news', 1, 'none', 0])
    assert.is(await publisher.publish('news', 'grün'), 2)
    assert.is(await publisher.publish('other', 'lost'), 0)
    assert.is(await publisher.spublish('shard', 'one'), 1)
    await publisher.multi().publish('sport', 'in a transaction').exec()
    await subscriber.unsubscribe('news')
    assert.is(await publisher.publish('news', 'again'), 1)
    await until('all messages', () => got.length === 5)
    assert.equal(got, [
      ['news', 'grün'],
      ['n*', 'news', 'grün'],
      ['shard', 'shard', 'one'],
      ['sport', 'in a transaction'],
      ['n*', 'news', 'again'],
    ])
    const bytes = Buffer.from([0, 255, 13, 10])
    const arrived = new Promise<Buffer>((resolve) => subscriber.once('messageBuffer', (_, message) => resolve(message)))
    await publisher.publish('sport', bytes)
    assert.ok(bytes.equals(await arrived))
  })

  test(named('changes of keys arrive as messages'), async () => {
    const client = connect({ protocol, db: 2 })
    await client.config('SET', 'notify-keyspace-events', 'KEA')
    const subscriber = connect({ protocol })
    const got: string[][] = []
    subscriber.on('pmessage', (_, channel: string, message: string) => got.push([channel, message]))
    await subscriber.psubscribe('__key*@2__:*')
    await client.set('a', 1, 'PX', 30)
    await client.lpush('list', 1)
    await client.rename('list', 'other')
    await until('the end of the key', () => got.some(([, what]) => what === 'expired'))
    const events = got
      .filter(([channel]) => channel?.startsWith('__keyspace'))
      .map(([channel, what]) => `${what} ${channel?.split(':')[1]}`)
    assert.equal(events.slice(0, 5), ['set a', 'expire a', 'lpush list', 'rename_from list', 'rename_to other'])
    assert.is(events[5], 'expired a')
    await client.config('SET', 'notify-keyspace-events', '')
  })

  test(named('subscriptions, databases and blocked commands survive a reconnect'), async () => {
    const [client, subscriber, waiting] = [
      connect({ protocol, db: 5 }),
      connect({ protocol }),
      connect({ protocol, maxRetriesPerRequest: null }),
    ]
    const got: string[] = []
    subscriber.on('message', (_, message) => got.push(message))
    await subscriber.subscribe('news')
    await client.set('a', 'kept')
    const popped = waiting.blpop('queue', 0)
    await until('the client to block', async () => String(await server.call('CLIENT', 'LIST')).includes('cmd=blpop'))
    await server.restart('SIGKILL')
    assert.is(await client.get('a'), 'kept')
    await until('the client to block again', async () => String(await server.call('CLIENT', 'LIST')).includes('cmd=blpop'))
    await server.call('RPUSH', 'queue', 'job')
    assert.equal(await popped, ['queue', 'job'])
    await until('a message', async () => {
      await client.publish('news', 'hello')
      return got.includes('hello')
    })
  })

  test(named('several workers take each job of a queue once'), async () => {
    const taken: string[] = []
    const workers = range(4).map(async () => {
      const client = connect({ protocol })
      for (;;) {
        const job = await client.blmove('queue', 'work', 'LEFT', 'RIGHT', 10)
        if (job === null || job === 'end') return
        taken.push(job)
        await client.lrem('work', 1, job)
      }
    })
    const producer = connect({ protocol, enableAutoPipelining: true })
    await Promise.all(range(200).map((i) => producer.rpush('queue', `job ${i}`)))
    await producer.rpush('queue', 'end', 'end', 'end', 'end')
    await Promise.all(workers)
    assert.equal(
      taken.map((job) => Number(job.slice(4))).sort((a, b) => a - b),
      range(200),
    )
    assert.equal(await producer.lrange('work', 0, -1), ['end', 'end', 'end', 'end'])
  })

  test(named('a consumer group shares a stream and claims abandoned entries'), async () => {
    const client = connect({ protocol })
    await client.xgroup('CREATE', 'stream', 'group', '$', 'MKSTREAM')
    const pipeline = client.pipeline()
    for (const i of range(30)) pipeline.xadd('stream', '*', 'number', i)
    await pipeline.exec()
    type Read = [string, [string, string[]][]][]
    const seen: string[] = []
    for (const consumer of ['ann', 'bob', 'ann']) {
      const [[, entries]] = (await client.xreadgroup('GROUP', 'group', consumer, 'COUNT', 10, 'STREAMS', 'stream', '>')) as [Read[number]]
      seen.push(...entries.map(([, [, number]]) => number as string))
      if (consumer === 'bob') await client.xack('stream', 'group', ...entries.map(([id]) => id))
    }
    assert.equal(seen.map(Number), range(30))
    const [, claimed] = (await client.xautoclaim('stream', 'group', 'bob', 0, '0', 'COUNT', 100)) as [string, [string, string[]][]]
    assert.equal(
      claimed.map(([, [, number]]) => Number(number)),
      [...range(10), ...range(10).map((i) => i + 20)],
    )
    const waiting = connect({ protocol }).xread('BLOCK', 5000, 'STREAMS', 'stream', '$')
    await until('the client to block', async () => String(await server.call('CLIENT', 'LIST')).includes('cmd=xread'))
    await client.xadd('stream', '*', 'number', 'last')
    assert.equal(
      ((await waiting) as Read)[0]?.[1].map(([, fields]) => fields),
      [['number', 'last']],
    )
  })

  test(named('keyPrefix applies to all keys, including those of unions and sorts'), async () => {
    const client = connect({ protocol, keyPrefix: 'app:' })
    await client.multi().zadd('a', 1, 'x').zadd('b', 2, 'x', 3, 'y').zunionstore('sum', 2, 'a', 'b').exec()
    assert.equal(await client.zrange('sum', '0', '-1', 'WITHSCORES'), ['x', '3', 'y', '3'])
    await client.mset('weight_1', 2, 'weight_2', 1)
    await client.rpush('ids', 1, 2)
    assert.equal(await client.sort('ids', 'BY', 'weight_*'), ['2', '1'])
    const keys = (await connect({ protocol }).keys('*')).sort()
    assert.equal(
      keys,
      ['a', 'b', 'ids', 'sum', 'weight_1', 'weight_2'].map((key) => `app:${key}`),
    )
  })

  test(named('scan streams return complete collections'), async () => {
    const client = connect({ protocol })
    await client.hset('hash', Object.fromEntries(range(2000).map((i) => [`field${i}`, i])))
    await client.sadd('set', range(2000))
    await client.zadd('zset', ...range(2000).flatMap((i) => [i, `member${i}`]))
    const gather = async (stream: AsyncIterable<unknown>) => {
      const found: string[] = []
      for await (const part of stream) found.push(...(part as string[]))
      return found
    }
    const pairs = async (stream: AsyncIterable<unknown>) => {
      const flat = await gather(stream)
      return new Map(range(flat.length / 2).map((i) => [flat[2 * i], Number(flat[2 * i + 1])]))
    }
    assert.equal(await pairs(client.hscanStream('hash', { count: 100 })), new Map(range(2000).map((i) => [`field${i}`, i])))
    assert.equal(await pairs(client.zscanStream('zset', { count: 100 })), new Map(range(2000).map((i) => [`member${i}`, i])))
    const members = await gather(client.sscanStream('set', { match: '1*', count: 100 }))
    assert.is(new Set(members).size, range(2000).filter((i) => String(i).startsWith('1')).length)
  })
}

test('a monitor sees the commands of other clients', async () => {
  const monitor = await connect().monitor()
  opened(monitor, () => monitor.disconnect())
  const seen: string[][] = []
  monitor.on('monitor', (_time, args) => seen.push(args))
  await connect().multi().set('a', 'b').exec()
  await until('the end', () => seen.some(([name]) => name?.toLowerCase() === 'exec'))
  const names = seen.map((args) => args.map((word) => word.toLowerCase()))
  assert.equal(
    names.filter(([name]) => name === 'set'),
    [['set', 'a', 'b']],
  )
})

test.run()
