/** Libraries of functions survive and are copied in every case in which data is. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertEqual, follow, fullSyncs, inStep, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { WireError, type WireReply } from '../../support/servers/wire-client.ts'

const codeOf = (library: string, name: string, value: string) =>
  `#!lua name=${library}\nredis.register_function('${name}', function() return '${value}' end)`

/** Returns names and code of all libraries. */
async function librariesOf(server: RunningServer): Promise<WireReply> {
  const listed = (await server.call('FUNCTION', 'LIST', 'WITHCODE')) as readonly (readonly WireReply[])[]
  return listed.map((library) => [library[1] as string, library[7] as string]).sort()
}

async function load(server: RunningServer, ...words: readonly string[]): Promise<void> {
  const reply = await server.call('FUNCTION', 'LOAD', ...words)
  assert.type(reply, 'string', `not loaded: ${JSON.stringify(reply)}`)
}

test('libraries survive a restart and a kill, from the log and from a checkpoint', async () => {
  const server = await RunningServer.start({ flags: { appendfsync: 'always' } })
  await load(server, codeOf('a', 'f', '1'))
  await load(server, codeOf('b', 'g', '2'))
  await server.restart('SIGKILL')
  assert.equal(await librariesOf(server), [
    ['a', codeOf('a', 'f', '1')],
    ['b', codeOf('b', 'g', '2')],
  ])
  await server.call('SAVE')
  await load(server, 'REPLACE', codeOf('a', 'f', 'later'))
  await server.call('FUNCTION', 'DELETE', 'b')
  await server.restart('SIGKILL')
  assert.equal(await librariesOf(server), [['a', codeOf('a', 'f', 'later')]])
  await server.restart()
  const payload = (await server.call('FUNCTION', 'DUMP')) as string
  await server.call('FUNCTION', 'FLUSH')
  await server.restart('SIGKILL')
  assert.equal(await librariesOf(server), [])
  assert.is(await server.call('FUNCTION', 'RESTORE', payload), 'OK')
  await server.call('DEBUG', 'RELOAD')
  await server.restart('SIGKILL')
  assert.equal(await librariesOf(server), [['a', codeOf('a', 'f', 'later')]])
  assert.match(String(await server.call('INFO', 'memory')), /number_of_functions:1\r\nnumber_of_libraries:1\r\n/)
  await server.stop()
})

test("replicas get their master's libraries, by full sync and stream, and refuse to load their own", async () => {
  const master = await RunningServer.start()
  await load(master, codeOf('a', 'f', '1'))
  await master.call('SAVE')
  const early = await startReplica(master.port)
  await inStep(master, early)
  const late = await RunningServer.start()
  await load(late, codeOf('own', 'f', 'of before'))
  assert.is(((await librariesOf(late)) as readonly WireReply[]).length, 1)
  await follow(late, master)
  await inStep(master, late)
  assert.ok((await fullSyncs(master)) > 0)
  for (const replica of [early, late]) assert.equal(await librariesOf(replica), [['a', codeOf('a', 'f', '1')]])
  await load(master, codeOf('b', 'g', '2'))
  await load(master, 'REPLACE', codeOf('a', 'h', '3'))
  await inStep(master, early, late)
  for (const replica of [early, late]) assert.equal(await librariesOf(replica), await librariesOf(master))
  const refusal = new WireError("READONLY You can't write against a read only replica.")
  assert.equal(await early.call('FUNCTION', 'LOAD', codeOf('c', 'i', '4')), refusal)
  assert.equal(await early.call('FUNCTION', 'FLUSH'), refusal)
  await master.call('FUNCTION', 'DELETE', 'a')
  await inStep(master, early, late)
  await early.restart('SIGKILL')
  await inStep(master, early)
  for (const replica of [early, late]) assert.equal(await librariesOf(replica), [['b', codeOf('b', 'g', '2')]])
  await stopAll(early, late, master)
})

const ENDLESS =
  "#!lua name=lib\nredis.register_function('f', function(keys) if keys[1] then redis.call('set', keys[1], '1') end while true do end end)"
const BUSY = new WireError('BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.')

async function withEndless(run: (server: RunningServer) => Promise<void>): Promise<RunningServer> {
  const server = await RunningServer.start({ flags: { 'busy-reply-threshold': 20 } })
  await load(server, ENDLESS)
  await run(server)
  return server
}

const isBusy = (server: RunningServer) => async () => (await server.call('PING')) instanceof WireError

test('an endless function makes other clients get BUSY, is shown by FUNCTION STATS and ended by FUNCTION KILL', async () => {
  const server = await withEndless(async (server) => {
    const client = await server.connect()
    const answered = client.call('FCALL', 'f', '0', 'an argument')
    await until('the function to take long', isBusy(server))
    assert.equal(await server.call('GET', 'a'), BUSY)
    assert.equal(await server.call('FUNCTION', 'LOAD', 'REPLACE', codeOf('lib', 'f', '1')), BUSY)
    const [, running] = (await server.call('FUNCTION', 'STATS')) as readonly WireReply[]
    const [, name, , request, , duration] = running as readonly WireReply[]
    assert.equal([name, request], ['f', ['FCALL', 'f', '0', 'an argument']])
    assert.ok(Number(duration) >= 20)
    assert.equal(await server.call('SCRIPT', 'KILL'), BUSY)
    assert.is(await server.call('FUNCTION', 'KILL'), 'OK')
    const reply = await answered
    assert.match(
      reply instanceof WireError ? reply.text : 'the function has ended',
      /Script killed by user with SCRIPT KILL\.\.\. script: f/,
    )
    assert.equal(await server.call('FUNCTION', 'KILL'), new WireError('NOTBUSY No scripts in execution right now.'))
    const [, ended] = (await server.call('FUNCTION', 'STATS')) as readonly WireReply[]
    assert.is(ended, null)
    await load(server, 'REPLACE', codeOf('lib', 'f', 'well'))
    assert.is(await client.call('FCALL', 'f', '0'), 'well')
    await client.close()
  })
  await server.stop()
})

test('an endless script is not subject to FUNCTION STATS and FUNCTION KILL', async () => {
  const server = await withEndless(async (server) => {
    const client = await server.connect()
    const answered = client.call('EVAL', 'while true do end', '0')
    await until('the script to take long', isBusy(server))
    const busy = new WireError('BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.')
    assert.equal(await server.call('FUNCTION', 'STATS'), busy)
    assert.equal(await server.call('FUNCTION', 'KILL'), busy)
    assert.is(await server.call('SCRIPT', 'KILL'), 'OK')
    await answered
    await client.close()
  })
  await server.stop()
})

test('a function that has written cannot be killed, and a killed server keeps none of its writes', async () => {
  const server = await withEndless(async (server) => {
    const client = await server.connect()
    client.call('FCALL', 'f', '1', 'a').catch(() => {})
    await until('the function to take long', isBusy(server))
    const refusal = (await server.call('FUNCTION', 'KILL')) as WireError
    assert.match(refusal.text, /^UNKILLABLE /)
    await server.call('SHUTDOWN', 'NOSAVE').catch(() => {})
    await server.stopped(0)
  })
  await server.launch()
  assert.is(await server.call('GET', 'a'), null)
  assert.is(((await librariesOf(server)) as readonly WireReply[]).length, 1)
  await server.stop()
})

test('functions that exceed limits return errors, and other functions keep working', async () => {
  const server = await RunningServer.start({ flags: { 'lua-memory-limit': '16mb' } })
  const far = [
    'local function deeper(n) return 1 + deeper(n + 1) end return deeper(1)',
    "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end",
    "return ('x'):rep(1e9)",
    "local s = 'x' while true do s = s .. s end",
    'local t = {} for i = 1, 5000 do t = {t} end return t',
    "local f = 'return 1' for i = 1, 300 do f = 'return (function() ' .. f .. ' end)()' end return loadstring(f)()",
    'local co = coroutine.wrap(function() error({}) end) return co()',
    "return ('a'):rep(16):find(('a?'):rep(16) .. ('a'):rep(16)) and setmetatable({}, {__index = function(t, k) return t[k] end}).x",
  ]
  await load(server, codeOf('other', 'well', 'well'))
  for (const body of far) {
    await load(server, 'REPLACE', `#!lua name=lib\nredis.register_function('f', function() ${body} end)`)
    await server.call('FCALL', 'f', '0')
    assert.is(await server.call('FCALL', 'well', '0'), 'well', body)
    assert.is(await server.call('PING'), 'PONG')
  }
  await server.stop()
})

test("a function's effects are one unit in the log, on replicas and in replay", async () => {
  const master = await RunningServer.start()
  const replica = await startReplica(master.port)
  const write =
    "redis.register_function('write', function(keys) for i = 1, 10 do redis.call('rpush', keys[1], math.random(1e6)) redis.call('set', keys[1] .. i, i) end return redis.call('llen', keys[1]) end)"
  await load(master, `#!lua name=lib\n${write}`)
  const client = await master.connect()
  assert.is(await client.call('FCALL', 'write', '1', 'a'), 10)
  await client.call('MULTI')
  await client.call('FCALL', 'write', '1', 'b')
  await client.call('SET', 'c', '1')
  assert.equal(await client.call('EXEC'), [10, 'OK'])
  await inStep(master, replica)
  await assertEqual(master, replica)
  const refusal = (await replica.call('FCALL', 'write', '1', 'a')) as WireError
  assert.is(refusal.text, "READONLY You can't write against a read only replica.")
  const digest = await master.call('DEBUG', 'DIGEST')
  await client.close()
  await master.restart('SIGKILL')
  assert.is(await master.call('DEBUG', 'DIGEST'), digest)
  await stopAll(replica, master)
})

test('users may call the functions and keys that their rules allow', async () => {
  const server = await RunningServer.start()
  await load(server, "#!lua name=lib\nredis.register_function('get', function(keys, args) return redis.call('get', args[1]) end)")
  await server.call('ACL', 'SETUSER', 'some', 'on', '>pw', '+fcall', '+get', '~a*')
  await server.call('SET', 'b', 'secret')
  const client = await server.connect()
  await client.call('AUTH', 'some', 'pw')
  assert.is(await client.call('FCALL', 'get', '1', 'a', 'a'), null)
  assert.match(((await client.call('FCALL', 'get', '1', 'b', 'b')) as WireError).text, /^NOPERM /)
  assert.match(((await client.call('FCALL', 'get', '1', 'a', 'b')) as WireError).text, /ACL failure in script/)
  assert.match(((await client.call('FUNCTION', 'LIST')) as WireError).text, /^NOPERM /)
  await client.close()
  await server.stop()
})

test.run()
