/** Keyspace events as subscribers receive them, from a server and from its replica. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EVENT_CASES } from '../../support/cases/event-cases.ts'
import { inStep, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { WatchedEvents } from '../../support/servers/watched-events.ts'

const flags = { 'notify-keyspace-events': 'EAmn' }

test('subscribers receive the events of every command family in order', async () => {
  const server = await RunningServer.start({ flags })
  const watched = await WatchedEvents.of(server.port)
  for (const [family, cases] of Object.entries(EVENT_CASES)) {
    await watched.client.call('FLUSHALL')
    const found = await watched.eventsOf(cases.map(([request]) => request.split(' ')))
    for (const [index, [request, ...expected]] of cases.entries()) assert.equal(found[index], expected, `${family}: ${request}`)
  }
  await watched.close()
  await server.stop()
})

test('K reports by key and E by event, K first', async () => {
  const server = await RunningServer.start({ flags: { 'notify-keyspace-events': 'KEA' } })
  const subscriber = await server.connect()
  await subscriber.call('PSUBSCRIBE', '__key*@1__:*')
  const client = await server.connect()
  await client.pipeline([
    ['SELECT', 1],
    ['SET', 'a', '1', 'EX', 100],
  ])
  const messages: unknown[] = []
  while (messages.length < 4) messages.push(((await subscriber.reply()) as unknown[]).slice(2))
  assert.equal(messages, [
    ['__keyspace@1__:a', 'set'],
    ['__keyevent@1__:set', 'a'],
    ['__keyspace@1__:a', 'expire'],
    ['__keyevent@1__:expire', 'a'],
  ])
  await subscriber.close()
  await client.close()
  await server.stop()
})

test('a replica reports events of the logged commands, and no misses', async () => {
  const master = await RunningServer.start()
  const replica = await startReplica(master.port, { flags })
  await inStep(master, replica)
  const watched = await WatchedEvents.of(master.port, replica.port)
  const cases: readonly (readonly [string, ...string[]])[] = [
    ['SET a 1 EX 100', 'new a', 'set a', 'expire a'],
    ['GETEX a PERSIST', 'persist a'],
    ['INCRBYFLOAT a 0.5', 'set a'],
    ['GET none'],
    ['GETDEL a', 'del a'],
    ['SADD s 1 2 3', 'new s', 'sadd s'],
    ['SPOP s', 'srem s'],
    ['SPOP s 5', 'del s'],
    ['RPUSH l 1 2', 'new l', 'rpush l'],
    ['BLPOP l 0', 'lpop l'],
    ['EXPIRE l 0', 'del l'],
    ['HSET h a 1 b 2', 'new h', 'hset h'],
    ['HEXPIRE h 100 FIELDS 1 a', 'hexpire h'],
    ['HEXPIRE h 0 FIELDS 1 a', 'hdel h'],
    ['XGROUP CREATE x g $ MKSTREAM', 'new x', 'xgroup-create x'],
    ['XADD x 1-1 f v', 'xadd x'],
    ['XREADGROUP GROUP g c STREAMS x >', 'xgroup-createconsumer x', 'xgroup-setid x'],
    ['SET b 1 PX 1', 'new b', 'set b', 'expire b'],
  ]
  const found = await watched.eventsOf(cases.map(([request]) => request.split(' ')))
  // The last key ends on its own: its deletion may already have come along with the request.
  assert.equal(
    found.map((events) => events.filter((event) => event !== 'del b')),
    cases.map(([, ...expected]) => expected),
  )
  const seen = found.flat()
  await until('the end of the last key to be reported', async () => {
    seen.push(...(await watched.eventsOf([['PING']])).flat())
    return seen.includes('del b')
  })
  await watched.close()
  await stopAll(replica, master)
})

test.run()
