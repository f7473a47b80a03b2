/** CLIENT PAUSE: requests that wait, requests that do not, and no expiry while it lasts. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { follow, infoOf, inStep, offsetOf, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import type { WireReply } from '../../support/servers/wire-client.ts'

const held = async (server: RunningServer) => Number((await infoOf(server, 'clients')).get('held_clients'))
const expired = async (server: RunningServer) => Number((await infoOf(server, 'stats')).get('expired_keys'))

test('expired keys are hidden during a pause and deleted after it', async () => {
  const [server, replica] = [await RunningServer.start(), await RunningServer.start()]
  await follow(replica, server)
  await inStep(server, replica)
  const client = await server.connect()
  await client.call('HSET', 'hash', 'kept', '1', 'short', '2')
  await client.call('MULTI')
  for (const key of ['a', 'b']) await client.call('SET', key, '1', 'PX', '30')
  await client.call('HPEXPIRE', 'hash', '30', 'FIELDS', '1', 'short')
  await client.call('CLIENT', 'PAUSE', '100000', 'WRITE')
  await client.call('SET', 'after', '1')
  await client.call('EXEC')
  await inStep(server, replica)
  const offset = await offsetOf(server)
  await until('the keys to end', async () => (await client.call('GET', 'a')) === null && (await client.call('GET', 'b')) === null)
  assert.equal(await client.call('HGETALL', 'hash'), ['kept', '1'])
  assert.is(await client.call('EXISTS', 'a', 'b', 'after'), 1)
  assert.is(await client.call('DBSIZE'), 4)
  assert.is(await expired(server), 0)
  assert.is(await offsetOf(server), offset, 'nothing is written in a pause')
  await client.call('CLIENT', 'UNPAUSE')
  await until('the expired keys to be deleted', async () => (await client.call('DBSIZE')) === 2)
  assert.is(await expired(server), 2)
  await inStep(server, replica)
  assert.is(await replica.call('DBSIZE'), 2)
  await stopAll(replica, server)
})

test('a pause of writes does not hold scripts and functions that declare no-writes', async () => {
  const server = await RunningServer.start()
  const client = await server.connect()
  const admin = await server.connect()
  const [reading, writing] = ["#!lua flags=no-writes\nreturn redis.call('get', KEYS[1])", "#!lua\nreturn redis.call('get', KEYS[1])"]
  await client.call('SET', 'a', '1')
  const digest = (await client.call('SCRIPT', 'LOAD', reading)) as string
  await client.call(
    'FUNCTION',
    'LOAD',
    "#!lua name=lib\nredis.register_function{function_name='reads', flags={'no-writes'}, callback=function() return 'read' end}\nredis.register_function('may', function() return 'may' end)",
  )
  await admin.call('CLIENT', 'PAUSE', '100000', 'WRITE')
  assert.is(await client.call('EVAL', reading, '1', 'a'), '1')
  assert.is(await client.call('EVALSHA', digest.toUpperCase(), '1', 'a'), '1')
  assert.is(await client.call('EVAL_RO', "return redis.call('get', KEYS[1])", '1', 'a'), '1')
  assert.is(await client.call('FCALL', 'READS', '0'), 'read')
  await client.call('MULTI')
  await client.call('EVAL', reading, '1', 'a')
  assert.equal(await client.call('EXEC'), ['1'])
  const requests = [
    ['EVAL', writing, '1', 'a'],
    ['EVAL', 'return 1', '0'],
    ['EVAL', '#!lua flags=none\nreturn 1', '0'],
    ['FCALL', 'may', '0'],
  ]
  const replies = await Promise.all(
    requests
      .map(async (request) => (await server.connect()).call(...request))
      .concat(until('all to be held', async () => (await held(server)) === requests.length).then(() => admin.call('CLIENT', 'UNPAUSE'))),
  )
  assert.equal(replies.slice(0, 2), ['1', 1])
  assert.match(JSON.stringify(replies[2]), /Unexpected flag in script shebang: none/)
  assert.equal(replies.slice(3), ['may', 'OK'])
  await server.stop()
})

test('when a pause ends by itself, held clients run and expired keys are deleted', async () => {
  const server = await RunningServer.start()
  const client = await server.connect()
  await client.call('SET', 'a', '1', 'PX', '20')
  await server.call('CLIENT', 'PAUSE', '150', 'ALL')
  const started = Date.now()
  assert.is(await client.call('EXISTS', 'a'), 0)
  assert.ok(Date.now() - started >= 100)
  await until('the key to go', async () => (await expired(server)) === 1)
  await server.stop()
})

test('a pause of everything holds reads and administration, even CLIENT UNPAUSE; a pause of writes does not', async () => {
  const server = await RunningServer.start()
  const [reader, writer, admin] = [await server.connect(), await server.connect(), await server.connect()]
  await admin.call('CLIENT', 'PAUSE', '100000', 'WRITE')
  const replies: WireReply[] = []
  const write = writer.call('SET', 'a', '1').then((reply) => replies.push(reply))
  const publish = reader.call('PUBLISH', 'ch', 'x').then((reply) => replies.push(reply))
  await until('both to be held', async () => (await held(server)) === 2)
  assert.is(await admin.call('GET', 'a'), null)
  await admin.call('CLIENT', 'UNPAUSE')
  await Promise.all([write, publish])
  assert.equal(replies.length, 2)
  assert.is(await admin.call('CLIENT', 'PAUSE', '60', 'ALL'), 'OK')
  const started = Date.now()
  await Promise.all([admin.call('CLIENT', 'UNPAUSE'), reader.call('PING')])
  assert.ok(Date.now() - started >= 40)
  await server.stop()
})

test("a paused replica applies its master's writes after the pause", async () => {
  const [master, replica] = [await RunningServer.start(), await RunningServer.start()]
  await follow(replica, master)
  const writer = await master.connect()
  await writer.call('SET', 'a', '1')
  await inStep(master, replica)
  for (const what of ['WRITE', 'ALL']) {
    const before = await offsetOf(replica)
    const [client, ended] = [await replica.connect(), await replica.connect()]
    await client.call('CLIENT', 'PAUSE', what === 'ALL' ? '400' : '100000', what)
    const size = what === 'ALL' ? 2_000_000 : 1000 // more than is read in a pause
    await writer.call('SET', 'b', what.padEnd(size, 'x'))
    if (what === 'WRITE') {
      const read = async () => Number((await infoOf(replica)).get('slave_read_repl_offset'))
      await until('the replica to receive the write', async () => (await read()) === (await offsetOf(master)))
      assert.is(await offsetOf(replica), before)
      assert.is(await client.call('GET', 'b'), null)
      assert.is(await writer.call('WAIT', '1', '50'), 0)
      await client.call('CLIENT', 'UNPAUSE')
    }
    await inStep(master, replica)
    assert.is(((await ended.call('GET', 'b')) as string).length, size)
    assert.is(await writer.call('WAIT', '1', '0'), 1)
  }
  await stopAll(replica, master)
})

test('a write that is allowed in a pause replaces a hidden expired key', async () => {
  const server = await RunningServer.start({ flags: { 'enable-debug-command': 'yes' } })
  const client = await server.connect()
  await client.call('MULTI')
  await client.call('SET', 'key:0', 'old', 'PX', '1000')
  await client.call('CLIENT', 'PAUSE', '100000', 'WRITE')
  await client.call('EXEC')
  await until('the key to end', async () => (await client.call('GET', 'key:0')) === null)
  assert.is(await client.call('DBSIZE'), 1)
  await client.call('DEBUG', 'POPULATE', '2')
  assert.equal([await client.call('DBSIZE'), await client.call('GET', 'key:0'), await client.call('TTL', 'key:0')], [2, 'value:0', -1])
  await client.call('CLIENT', 'UNPAUSE')
  await server.restart('SIGKILL')
  const again = await server.connect()
  assert.equal([await again.call('DBSIZE'), await again.call('GET', 'key:0')], [2, 'value:0'])
  await server.stop()
})

test.run()
