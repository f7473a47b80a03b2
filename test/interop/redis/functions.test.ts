/**
 * Functions of Redis 7: requests get answers with the same bytes, and each server restores the
 * dumps of the other.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { RawClient } from '../../support/servers/raw-client.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { RunningServer } from '../../support/servers/running-server.ts'
import { WireClient, type WireReply } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

interface Servers {
  readonly redisPort: number
  readonly ours: RunningServer
}

async function withServers(run: (servers: Servers) => Promise<void>): Promise<void> {
  const redis = await RedisServer.start()
  try {
    const ours = await RunningServer.start()
    try {
      await run({ redisPort: redis.port, ours })
      await ours.stop()
    } finally {
      await ours.kill9()
    }
  } finally {
    await redis.stop()
  }
}

const SIMPLE = "#!lua name=lib\nredis.register_function('f', function(keys, args) return 1 end)"
const load = (body: string, name = 'lib') => ['FUNCTION', 'LOAD', `#!lua name=${name}\n${body}`]
const register = (words: string) => load(`redis.register_function${words}`)

const HEADERS = [
  '',
  'x',
  '#!',
  '#!lua',
  '#!lua\n',
  '#!lua name=\n',
  '#!lua name=a b\n',
  '#!lua name=a name=b\n',
  '#!lua foo=b\n',
  '#!lua foo=b name=x\n',
  '#!lua "name=x\n',
  '#!lua name=a-b\n',
  '#!foo name=ab\n',
  '#! name=ab\n',
  '#!LUA NAME=ab\n',
  '#!lua name="a"\n',
  "#!lua 'name=a'\n",
  '#!lua  name=a \n',
].map((code) => ['FUNCTION', 'LOAD', code])

const REGISTRATIONS = [
  '()',
  '(1)',
  "('f', 1)",
  "('f', 1, 2)",
  '({}, function() end)',
  "('f-', function() end)",
  '(1, function() end)',
  '{}',
  "{function_name='f'}",
  '{callback=function() end}',
  '{function_name={}, callback=1}',
  "{function_name='f', callback=1}",
  '{[{}]=1}',
  '{1}',
  '{foo=1}',
  "{function_name='f', callback=function() end, flags=1}",
  "{function_name='f', callback=function() end, flags={'x'}}",
  "{function_name='f', callback=function() end, flags={1}}",
  "{function_name='f', callback=function() end, description=function() end}",
  "('f', function() end) redis.register_function('F', function() end)",
  "('f', function() end) x = 1",
  "('f', function() end) redis.x = 1",
].map(register)

const AT_LOAD = [
  'pairs(1)',
  'error(1)',
  'return _G',
  "redis.call('ping')",
  'redis.log(1)',
  "redis.log(redis.LOG_DEBUG, 'x')",
  'x x',
  'return 1',
  'local x = redis.REPL_ALL',
  'local a = nil + 1',
].map((body) => load(body))

const MANAGEMENT = [
  ['FUNCTION', 'FLUSH'],
  ['FUNCTION', 'LOAD', SIMPLE],
  ['FUNCTION', 'LOAD', SIMPLE],
  ['FUNCTION', 'LOAD', 'REPLACE', SIMPLE],
  ['FUNCTION', 'LOAD', 'rePlace', SIMPLE],
  ['FUNCTION', 'LOAD', 'REPLACE'],
  ['FUNCTION', 'LOAD', 'foo', SIMPLE],
  ['FUNCTION', 'LOAD', 'REPLACE', 'foo', SIMPLE],
  ['FUNCTION', 'LOAD'],
  ['FUNCTION', 'LOAD', SIMPLE.replace('name=lib', 'name=other')],
  ['FUNCTION', 'LIST'],
  ['FUNCTION', 'LIST', 'WITHCODE'],
  ['FUNCTION', 'LIST', 'LIBRARYNAME'],
  ['FUNCTION', 'LIST', 'LIBRARYNAME', 'LI*'],
  ['FUNCTION', 'LIST', 'LIBRARYNAME', 'x*'],
  ['FUNCTION', 'LIST', 'LIBRARYNAME', 'a', 'LIBRARYNAME', 'b'],
  ['FUNCTION', 'LIST', 'WITHCODE', 'WITHCODE'],
  ['FUNCTION', 'LIST', 'foo'],
  ['FUNCTION', 'STATS'],
  ['FUNCTION', 'DELETE', 'nope'],
  ['FUNCTION', 'DELETE', 'LIB'],
  ['FUNCTION', 'DELETE'],
  ['FUNCTION', 'KILL'],
  ['FUNCTION', 'FLUSH', 'foo'],
  ['FUNCTION', 'FLUSH', 'ASYNC', 'x'],
  ['FUNCTION', 'RESTORE', 'x'],
  ['FUNCTION', 'RESTORE', 'x', 'foo'],
  ['FUNCTION', 'RESTORE', 'x', 'flush', 'y'],
  ['FUNCTION', 'RESTORE', ''],
  ['FUNCTION', 'HELP'],
  ['FUNCTION', 'NOPE'],
  ['FUNCTION'],
  ['FUNCTION', 'DELETE', 'lib'],
  ['FUNCTION', 'FLUSH', 'sync'],
  ['FUNCTION', 'FLUSH', 'async'],
  ['FUNCTION', 'STATS'],
  ['FUNCTION', 'DUMP'],
  load(
    "redis.register_function{function_name='f', callback=function() end, description='what it does', flags={'no-cluster', 'NO-writes', 'allow-oom', 'allow-stale', 'allow-cross-slot-keys'}}",
  ),
  ['FUNCTION', 'LIST', 'WITHCODE'],
]

const CALLS = [
  ['FUNCTION', 'FLUSH'],
  ['FUNCTION', 'LOAD', SIMPLE],
  ['FCALL', 'f'],
  ['FCALL', 'nope', '0'],
  ['FCALL', 'f', 'x'],
  ['FCALL', 'f', '-1'],
  ['FCALL', 'f', '1'],
  ['FCALL', 'f', '0'],
  ['FCALL', 'F', '0'],
  ['FCALL', 'nope', 'x'],
  ['FCALL_RO', 'f', '0'],
  ['FCALL', 'f', '2', 'a'],
  ['FCALL', 'f', '99999999999999999999'],
]

/** Bodies of functions, which are called with two keys and two arguments. */
const BODIES = [
  'return {KEYS, ARGV}',
  'return {#KEYS, #ARGV}',
  'return redis.call("get", KEYS[1])',
  'return redis.call("set", KEYS[1], ARGV[1])',
  'return redis.pcall("nope")',
  'return redis.call("nope")',
  'error("x")',
  'error({err="FOO x"})',
  'return {err="FOO x"}',
  'return {ok="fine"}',
  'a = 1',
  '_G.a = 1',
  'redis.a = 1',
  'redis = 1',
  'string.a = 1',
  'return redis.register_function("g", function() end)',
  'return redis.error_reply("x")',
  'return foo',
  'setmetatable(_G, {})',
  'setmetatable(redis, {})',
  'rawset(_G, "a", 1)',
  'return {math.random(1000000), math.random(1000000)}',
  'return loadstring("return 5")()',
  'return pcall(error, "x")',
  'return redis.sha1hex("")',
  'return {1, 2, nil, 4}',
  'return 3.99',
  'return -3.99',
  'redis.setresp(3) return redis.call("hgetall", KEYS[2])',
  'redis.setresp(3) return {double=3.5}',
  'return {map={a=1}}',
  'return {set={a=true}}',
  'return true',
  'return false',
  'return nil',
  'return redis.call("function", "list")',
  'return redis.call("fcall", "f", 0)',
  'return redis.call("eval", "return 1", 0)',
  'return redis.status_reply("x")',
  'return tostring(redis.call("ping").ok)',
  'redis.call("lpush", KEYS[1], 1)',
  'return redis.call("get")',
  'return redis.call()',
  'return redis.call({})',
  'local x = nil + 1',
  'return redis.acl_check_cmd("get", "x")',
  'return redis.breakpoint',
  'return tostring(KEYS == nil)',
  'return cjson.encode({1, "a"})',
  'return select("#", ...)',
  'return bit.tohex(255)',
]

const functionOf = (body: string, flags = '') =>
  `#!lua name=lib\nredis.register_function{function_name='f', callback=function(KEYS, ARGV) ${body} end${flags}}`

if (haveTools('functions beside redis-server', 'redis-server')) {
  for (const resp of ['2', '3']) {
    test(`requests about libraries and function calls have Redis's replies in RESP${resp}`, () =>
      withServers(async ({ redisPort, ours }) => {
        const [redis, own] = await Promise.all([RawClient.connect(redisPort), RawClient.connect(ours.port)])
        const differences: Bytes[] = []
        let last: Bytes = ''
        const same = async (...words: Bytes[]) => {
          const [expected, found] = await Promise.all([redis.ask(...words), own.ask(...words)])
          if (words[1] === 'LOAD') last = words.at(-1) as Bytes
          if (found !== expected)
            differences.push(`${words.join(' ')}\n  after ${last}\n  there ${JSON.stringify(expected)}\n  here  ${JSON.stringify(found)}`)
        }
        for (const client of [redis, own]) await client.ask('HELLO', resp)
        for (const words of [...HEADERS, ...REGISTRATIONS, ...AT_LOAD, ...MANAGEMENT, ...CALLS]) await same(...words)
        await same('HSET', 'h', 'field', 'value')
        for (const body of BODIES) {
          for (const flags of ['', ", flags={'no-writes'}"]) {
            await same('FUNCTION', 'LOAD', 'REPLACE', functionOf(body, flags))
            await same('FCALL', 'f', '2', 'k', 'h', 'v', '')
            await same('FCALL_RO', 'f', '2', 'k', 'h', 'v', '')
            await same('DEL', 'k')
          }
        }
        redis.close()
        own.close()
        assert.is(differences.join('\n'), '')
      }))
  }

  test('each server restores the dumps of the other', () =>
    withServers(async ({ redisPort, ours }) => {
      const [redis, own] = await Promise.all([WireClient.connect({ port: redisPort }), ours.connect()])
      const listed = async (client: WireClient) =>
        ((await client.call('FUNCTION', 'LIST', 'WITHCODE')) as readonly WireReply[]).map(String).sort()
      for (const [from, to] of [
        [redis, own],
        [own, redis],
      ] as const) {
        await from.call('FUNCTION', 'FLUSH')
        for (let i = 0; i < 20; i++) {
          const code = `#!lua name=lib${i}\n-- ${'\xff\x00 "\''.repeat(i ** 3)}\nredis.register_function('f${i}', function() return ${i} end)`
          assert.is(await from.call('FUNCTION', 'LOAD', code), `lib${i}`)
        }
        const payload = (await from.call('FUNCTION', 'DUMP')) as string
        assert.is(await to.call('FUNCTION', 'RESTORE', payload, 'FLUSH'), 'OK')
        assert.equal(await listed(to), await listed(from))
        assert.is(await to.call('FCALL', 'f7', '0'), 7)
        assert.is(await to.call('FUNCTION', 'RESTORE', payload, 'REPLACE'), 'OK')
      }
      await redis.close()
      await own.close()
    }))
}

test.run()
