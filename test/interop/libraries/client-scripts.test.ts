/**
 * Scripts and functions as the clients `ioredis` and `redis` wrap them: as commands, by their hash,
 * and sent again when the server has lost them.
 */
import { Redis, type RedisOptions } from 'ioredis'
import { type CommandParser, createClient, defineScript, RESP_TYPES } from 'redis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer } from '../../support/servers/running-server.ts'
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

function connect(options: Omit<RedisOptions, 'replyMapping'>): Redis {
  const client: Redis = new Redis({ port: server.port, host: '127.0.0.1', ...options })
  return opened(client, () => client.disconnect())
}

type Run<Result> = (...args: readonly (string | number | Buffer)[]) => Result

/** Commands that a test defines on a client or a pipeline. */
interface Defined<Result = Promise<unknown>> {
  readonly move: Run<Result>
  readonly echo: Run<Result>
  readonly echoBuffer: Run<Result>
  readonly fail: Run<Result>
}

for (const protocol of [2, 3] as const) {
  test(`ioredis, RESP${protocol}: script commands take keys, numbers, bytes and pipelines, and are sent again after a flush`, async () => {
    const client = connect({ protocol, keyPrefix: 'app:' })
    client.defineCommand('move', {
      numberOfKeys: 2,
      lua: `local n = redis.call('LLEN', KEYS[1])
            for i = 1, math.min(n, ARGV[1]) do redis.call('RPUSH', KEYS[2], (redis.call('LPOP', KEYS[1]))) end
            return {n, redis.call('LRANGE', KEYS[2], 0, -1), ARGV[2]}`,
    })
    client.defineCommand('echo', { lua: 'return {#KEYS, KEYS, ARGV}', readOnly: true })
    client.defineCommand('fail', { numberOfKeys: 0, lua: "return redis.error_reply('MINE ' .. ARGV[1])" })
    const defined = client as unknown as Defined
    await client.rpush('from', 'a', 'b', 'c')
    assert.equal(await defined.move('from', 'to', 2, 'end'), [3, ['a', 'b'], 'end'])
    assert.equal(await defined.echo(1, 'key', 'x', 2.5), [1, ['app:key'], ['x', '2.5']])
    const bytes = Buffer.from([0, 255, 13, 10])
    const [, [key], [argument]] = (await defined.echoBuffer(1, bytes, bytes)) as [number, Buffer[], Buffer[]]
    assert.equal([key, argument], [Buffer.concat([Buffer.from('app:'), bytes]), bytes])
    assert.is(await defined.fail('reason').catch((error) => (error as Error).message), 'MINE reason')
    await client.script('FLUSH')
    assert.equal(await defined.move('from', 'to', 1, ''), [1, ['a', 'b', 'c'], ''])
    const transaction = client.multi()
    assert.equal(await (transaction as unknown as Defined<typeof transaction>).move('to', 'from', 10, '').llen('from').exec(), [
      [null, [3, ['a', 'b', 'c'], '']],
      [null, 3],
    ])
    await client.script('FLUSH')
    const pipeline = client.pipeline().set('x', 1)
    assert.equal(await (pipeline as unknown as Defined<typeof pipeline>).echo(1, 'x').get('x').exec(), [
      [null, 'OK'],
      [null, [1, ['app:x'], []]],
      [null, '1'],
    ])
  })
}

const SCRIPTS = {
  addAll: defineScript({
    NUMBER_OF_KEYS: 1,
    SCRIPT:
      "local sum = redis.call('INCRBY', KEYS[1], 0) for _, n in ipairs(ARGV) do sum = redis.call('INCRBY', KEYS[1], n) end return sum",
    parseCommand(parser: CommandParser, key: string, ...numbers: number[]) {
      parser.pushKey(key)
      for (const number of numbers) parser.push(String(number))
    },
    transformReply: (reply: unknown) => Number(reply),
  }),
}

const LIBRARY = `#!lua name=shop
redis.register_function('sell', function(keys, args)
  local left = redis.call('DECRBY', keys[1], args[1])
  if left < 0 then
    redis.call('INCRBY', keys[1], args[1])
    return redis.error_reply('SOLDOUT ' .. keys[1])
  end
  return left
end)
redis.register_function{function_name='stock', flags={'no-writes'}, callback=function(keys) return redis.call('GET', keys[1]) end}`

const FUNCTIONS = {
  shop: {
    sell: {
      NUMBER_OF_KEYS: 1,
      parseCommand(parser: CommandParser, key: string, count: number) {
        parser.pushKey(key)
        parser.push(String(count))
      },
      transformReply: (reply: unknown) => Number(reply),
    },
    stock: {
      NUMBER_OF_KEYS: 1,
      IS_READ_ONLY: true,
      parseCommand: (parser: CommandParser, key: string) => parser.pushKey(key),
      transformReply: (reply: unknown) => Number(reply),
    },
  },
}

for (const RESP of [2, 3] as const) {
  test(`redis, RESP${RESP}: scripts are sent once, then by hash, and again after a flush`, async () => {
    const client = await open(createClient({ url: url(), RESP, scripts: SCRIPTS }))
    assert.is(await client.addAll('sum', 1, 2, 3), 6)
    assert.is(await client.addAll('sum', 4), 10)
    await client.scriptFlush()
    assert.is(await client.addAll('sum', 5), 15)
    assert.equal(await client.multi().addAll('sum', 5).get('sum').exec(), [20, '20'])
    assert.is(
      await client.eval("return {KEYS[1], ARGV[1], 3.7, false, {ok='FINE'}}", { keys: ['k'], arguments: ['a'] }).then(String),
      'k,a,3,,FINE',
    )
    const failure = await client.eval("return redis.call('HGET', KEYS[1], 'f')", { keys: ['sum'], arguments: [] }).catch((error) => error)
    assert.match(failure.message, 'WRONGTYPE Operation against a key holding the wrong kind of value')
    const sha = await client.scriptLoad('return ARGV[1]')
    assert.equal(await client.scriptExists([sha, 'f'.repeat(40)]), [1, 0])
    assert.is(await client.evalSha(sha, { arguments: ['grün'] }), 'grün')
  })

  test(`redis, RESP${RESP}: functions are called from libraries that survive a restart`, async () => {
    const client = await open(createClient({ url: url(), RESP, functions: FUNCTIONS, socket: { reconnectStrategy: 20 } }))
    assert.is(await client.functionLoad(LIBRARY, { REPLACE: true }), 'shop')
    await client.set('apples', '10')
    assert.is(await client.shop.sell('apples', 4), 6)
    const failure = await client.shop.sell('apples', 7).catch((error) => error)
    assert.is(failure.message, 'SOLDOUT apples')
    assert.is(await client.shop.stock('apples'), 6)
    const sold = await Promise.allSettled(range(20).map(() => client.shop.sell('apples', 1)))
    assert.is(sold.filter(({ status }) => status === 'fulfilled').length, 6)
    const [library] = await client.functionListWithCode()
    assert.is(library?.library_name, 'shop')
    assert.is(library?.library_code, LIBRARY)
    assert.equal(library?.functions.map(({ name }) => name).sort(), ['sell', 'stock'])
    await server.restart('SIGKILL')
    assert.is(await client.shop.stock('apples'), 0)
    const dump = await client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).functionDump()
    assert.is(await client.functionDelete('shop'), 'OK')
    await client.functionRestore(dump as unknown as Buffer)
    assert.is(await client.shop.stock('apples'), 0)
    await client.functionFlush()
    assert.equal(await client.functionList(), [])
  })
}

test.run()
