/**
 * Slow scripts as other clients see them: the replies meanwhile, the ways to end a script, and the
 * effects that remain.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BUSY, FOREVER, isBusy, takes } from '../../support/cases/long-scripts.ts'
import {
  assertQuiet,
  binlogOf,
  fieldOf,
  fullSyncs,
  inStep,
  partialSyncs,
  startReplica,
  stopAll,
} from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { encodeCommand, type WireClient, WireError } from '../../support/servers/wire-client.ts'

const FLAGS = { 'busy-reply-threshold': 50, appendfsync: 'always' }

async function withServer(run: (server: RunningServer, client: WireClient) => Promise<void>, flags: object = {}): Promise<void> {
  const server = await RunningServer.start({ flags: { ...FLAGS, ...flags } })
  const client = await server.connect()
  await run(server, client)
  await client.close()
  if (server.isRunning) await server.stop()
  else server.remove()
}

/** Asserts the error of a killed script, without its digest and place. */
function assertKilled(reply: unknown): void {
  assert.ok(reply instanceof WireError)
  assert.match(reply.text, /^ERR Script killed by user with SCRIPT KILL\.\.\. script: /)
}

const UNKILLABLE = 'UNKILLABLE Sorry the script already executed write commands against the dataset.'

test('an endless script makes other clients get BUSY, and SCRIPT KILL ends it, whatever it catches', () =>
  withServer(async (server, client) => {
    const other = await server.connect()
    for (const script of [FOREVER, `while true do pcall(function() ${FOREVER} end) end`, `coroutine.wrap(function() ${FOREVER} end)()`]) {
      const reply = client.call('EVAL', script, '0')
      await isBusy(server)
      assert.equal(await other.call('GET', 'a'), BUSY)
      assert.equal(await other.call('SCRIPT', 'FLUSH'), BUSY)
      assert.equal(await other.call('FUNCTION', 'KILL'), BUSY)
      assert.equal(await other.call('SHUTDOWN'), BUSY)
      assert.equal(await other.call('SHUTDOWN', 'SAVE'), BUSY)
      assert.equal(await other.call('EVAL', 'return 1', '0'), BUSY)
      assert.is(await other.call('MULTI'), 'OK')
      assert.equal(await other.call('SET', 'a', '1'), BUSY)
      assert.equal(await other.call('EXEC'), new WireError(`EXECABORT Transaction discarded because of: ${BUSY.text}`))
      const started = await server.connect()
      assert.ok(Array.isArray(await started.call('HELLO', '2')))
      assert.is(await started.call('RESET'), 'RESET')
      await started.close()
      assert.is(await other.call('SCRIPT', 'KILL'), 'OK')
      assertKilled(await reply)
      assert.is(await other.call('SET', 'a', '1'), 'OK')
      assert.is(await client.call('EVAL', "return redis.call('GET', 'a')", '0'), '1')
    }
    assert.equal(await other.call('SCRIPT', 'KILL'), new WireError('NOTBUSY No scripts in execution right now.'))
    await other.close()
  }))

test('an endless function is ended by FUNCTION KILL only', () =>
  withServer(async (server, client) => {
    await client.call('FUNCTION', 'LOAD', `#!lua name=l\nredis.register_function('f', function() ${FOREVER} end)`)
    const reply = client.call('FCALL', 'f', '0')
    await isBusy(server)
    const refusal = await server.call('SCRIPT', 'KILL')
    assert.ok(
      refusal instanceof WireError && refusal.text.startsWith('BUSY Redis is busy running a script. You can only call FUNCTION KILL'),
    )
    assert.is(await server.call('FUNCTION', 'KILL'), 'OK')
    assertKilled(await reply)
    assert.is(await server.call('PING'), 'PONG')
  }))

test('a script that has written cannot be killed, and SHUTDOWN NOSAVE, SIGTERM and kill -9 leave none of its writes', () =>
  withServer(async (server, client) => {
    const script = `redis.call('SET', 'b', '2') redis.call('DEL', 'a') redis.call('RPUSH', 'l', 'x') ${FOREVER}`
    assert.is(await client.call('SET', 'a', '1'), 'OK')
    for (const end of ['SHUTDOWN', 'SIGTERM', 'SIGKILL'] as const) {
      const caller = await server.connect()
      caller.raw(encodeCommand('EVAL', script, '0'))
      await isBusy(server)
      const refusal = await server.call('SCRIPT', 'KILL')
      assert.ok(refusal instanceof WireError && refusal.text.startsWith(UNKILLABLE))
      if (end === 'SHUTDOWN') {
        const last = await server.connect()
        last.raw(encodeCommand('SHUTDOWN', 'NOSAVE'))
        await server.stopped(0)
        await last.close()
        await server.launch()
      } else await server.restart(end)
      await caller.close()
      assert.equal(await server.call('MGET', 'a', 'b'), ['1', null], end)
      assert.is(await server.call('EXISTS', 'l'), 0, end)
    }
  }))

test('a script runs to its end if its client disconnects', () =>
  withServer(async (server, client) => {
    const caller = await server.connect()
    caller.raw(encodeCommand('EVAL', `redis.call('SET', 'a', '1') ${takes(400)} redis.call('SET', 'b', '2')`, '0'))
    await isBusy(server)
    await caller.close()
    await until('the end of the script', async () => (await client.call('PING')) === 'PONG')
    assert.equal(await client.call('MGET', 'a', 'b'), ['1', '2'])
    const forever = await server.connect()
    forever.raw(encodeCommand('EVAL', FOREVER, '0'))
    await isBusy(server)
    await forever.close()
    assert.is(await client.call('SCRIPT', 'KILL'), 'OK')
    assert.is(await client.call('PING'), 'PONG')
  }))

test('EXEC with a long script is suspended and logged as a whole', () =>
  withServer(async (server, client) => {
    const replies = client.pipeline([
      ['MULTI'],
      ['SET', 'a', '1'],
      ['EVAL', `redis.call('INCR', 'a') ${takes(300)} return redis.call('INCR', 'a')`, '0'],
      ['EVAL', `redis.call('SELECT', '5') redis.call('SET', 'other', 'x') ${takes(300)} return redis.call('GET', 'a')`, '0'],
      ['EVAL', "return redis.call('NOSUCH')", '0'],
      ['APPEND', 'a', '4'],
      ['EXEC'],
    ])
    await isBusy(server)
    const exec = (await replies).at(-1) as unknown[]
    assert.equal(exec.slice(0, 3), ['OK', 3, null])
    assert.match((exec[3] as WireError).text, /^ERR Unknown Redis command called from script/)
    assert.is(exec[4], 2)
    assert.is(await client.call('GET', 'a'), '34') // SELECT in a script ends with the script
    const log = binlogOf(server).bytes.toString('latin1')
    assert.is(log.split('$5\r\nMULTI\r\n').length, 2, 'one MULTI')
    assert.is(log.split('$4\r\nEXEC\r\n').length, 2, 'one EXEC')
    assert.ok(log.indexOf('MULTI') < log.indexOf('other') && log.indexOf('other') < log.indexOf('EXEC'))
    await server.restart('SIGKILL')
    assert.is(await server.call('GET', 'a'), '34')
  }))

test('the clock stands still during a script, and no key expires', () =>
  withServer(async (_server, client) => {
    const script = `redis.call('SET', 'a', '1', 'PX', '100') redis.call('SET', 'b', '1', 'PX', '150')
      local before = {redis.call('PTTL', 'a'), redis.call('TIME')[1] .. redis.call('TIME')[2]}
      ${takes(400)}
      return {before, {redis.call('PTTL', 'a'), redis.call('TIME')[1] .. redis.call('TIME')[2]}, redis.call('EXISTS', 'a', 'b'), redis.call('DBSIZE')}`
    const [before, after, exists, size] = (await client.call('EVAL', script, '0')) as unknown[]
    assert.equal(after, before)
    assert.equal([exists, size], [2, 2])
    assert.is(await client.call('EXISTS', 'a', 'b'), 0)
  }))

test('a blocked client is served after the script that pushed, and the script breaks watches', () =>
  withServer(async (server, client) => {
    const [popper, watcher, monitor] = await Promise.all([server.connect(), server.connect(), server.connect()])
    await watcher.call('WATCH', 'w')
    assert.is(await monitor.call('MONITOR'), 'OK')
    const popped = popper.call('BLPOP', 'list', '0')
    await until('the client to wait', async () => (await fieldOf(server, 'blocked_clients', 'clients')) === '1')
    const script = `redis.call('RPUSH', 'list', 'a', 'b') redis.call('SET', 'w', '1') ${takes(200)} return redis.call('LLEN', 'list')`
    assert.is(await client.call('EVAL', script, '0'), 2)
    assert.equal(await popped, ['list', 'a'])
    assert.equal((await watcher.pipeline([['MULTI'], ['GET', 'w'], ['EXEC']])).at(-1), null)
    await until('MONITOR to show it', () => monitor.strays.some((line) => /\[0 lua\] "SET" "w" "1"/.test(String(line))))
    await Promise.all([popper.close(), watcher.close(), monitor.close()])
  }))

test('CLIENT PAUSE WRITE holds only scripts that may write', () =>
  withServer(async (server, client) => {
    const reader = await server.connect()
    const sha = String(await client.call('SCRIPT', 'LOAD', '#!lua flags=no-writes\nreturn 2'))
    await server.call('CLIENT', 'PAUSE', '100000', 'WRITE')
    let isAnswered = false
    const held = client.call('EVAL', "return redis.call('SET', 'a', '1')", '0').then((reply) => {
      isAnswered = true
      return reply
    })
    await until('the script to be held', async () => (await fieldOf(server, 'held_clients', 'clients')) === '1')
    assert.is(await reader.call('EVAL_RO', "return 'read'", '0'), 'read')
    assert.is(await reader.call('EVAL', '#!lua flags=no-writes\nreturn 1', '0'), 1)
    assert.is(await reader.call('EVALSHA', sha, '0'), 2)
    assert.equal((await reader.pipeline([['MULTI'], ['EVALSHA', sha, '0'], ['EXEC']])).at(-1), [2])
    assert.is(isAnswered, false)
    await server.call('CLIENT', 'UNPAUSE')
    assert.is(await held, 'OK')
    await reader.close()
  }))

test("a replica applies its master's stream over the same link after a long script", async () => {
  const master = await RunningServer.start()
  const replica = await startReplica(master.port, { flags: FLAGS })
  await inStep(master, replica)
  const syncs = async () => [await fullSyncs(master), await partialSyncs(master)]
  const before = await syncs()
  const client = await replica.connect()
  const read = "redis.call('GET', 'a')"
  const reply = client.call('EVAL', `local before = ${read} ${takes(500)} return {before, ${read}}`, '0')
  await isBusy(replica)
  await master.call('SET', 'a', '1')
  assert.equal(await reply, [null, null])
  await inStep(master, replica)
  assert.is(await replica.call('GET', 'a'), '1')
  assert.equal(await syncs(), before)
  assertQuiet(replica)
  await client.close()
  await stopAll(replica, master)
})

const MUCH = { 'busy-reply-threshold': 5000, 'lua-memory-limit': '64mb' }

test('scripts may use up the memory, return large replies and take many keys', () =>
  withServer(async (_server, client) => {
    const full = /^ERR not enough memory/
    for (const bomb of [
      "local s = ('x'):rep(1e6) while true do s = s .. s end",
      'local t = {} while true do t[#t + 1] = coroutine.wrap(function() end) end',
    ]) {
      assert.match(((await client.call('EVAL', bomb, '0')) as WireError).text, full)
      assert.is(await client.call('EVAL', 'return 1', '0'), 1)
    }
    const giant = 'x'.repeat(4e7) // for which there is no room
    const refusal = await client.call('EVAL', 'return #ARGV[1]', '0', giant)
    assert.match((refusal as WireError).text, /^ERR .*not enough memory/)
    assert.is(await client.call('EVAL', "return #('x'):rep(1e7)", '0'), 1e7)
    assert.is(((await client.call('EVAL', "return ('x'):rep(5e6)", '0')) as string).length, 5e6)
    const many = (await client.call('EVAL', 'local t = {} for i = 1, 1e5 do t[i] = i end return t', '0')) as number[]
    assert.equal([many.length, many.at(-1)], [1e5, 1e5])
    const words = ['EVAL', 'return {#KEYS, KEYS[1e5], ARGV[1]}', '100000', ...Array.from({ length: 1e5 }, (_, i) => `key:${i}`), 'last']
    client.raw(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`)
    assert.equal(await client.reply(), [1e5, 'key:99999', 'last'])
  }, MUCH))

test.run()
