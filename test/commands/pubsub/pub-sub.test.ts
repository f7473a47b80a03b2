/**
 * Messages and their order: subscribing, publishing and PUBSUB, and keyspace events as messages.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { Message, type Reply, Sequence, SimpleString } from '../../../commands/contract/reply.ts'
import { KeyEventPublisher } from '../../../commands/pubsub/key-event-publisher.ts'
import { PubSub } from '../../../commands/pubsub/pub-sub.ts'
import { publishing } from '../../../commands/pubsub/publishing.ts'
import { subscriptions } from '../../../commands/pubsub/subscribing.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { transactions } from '../../../commands/transactions/transactions.ts'
import { EVENT_EXPIRED, EVENT_KEY_MISS, EVENT_NEW, EVENT_STRING } from '../../../storage/keyspace/key-events.ts'
import { FakeSession } from '../../support/harness/fake-session.ts'
import { harness, type TestClient } from '../../support/harness/harness.ts'

const start = () => harness([connection, strings, subscriptions, publishing, transactions])

function shown(reply: Reply | ClientError): unknown {
  if (reply instanceof ClientError) return `-${reply.message}`
  if (reply instanceof Message) return reply.items
  if (reply instanceof Sequence) return reply.parts.map(shown)
  if (reply instanceof SimpleString) return `+${reply.text}`
  return Array.isArray(reply) ? reply.map(shown) : reply
}

function say(client: TestClient, ...lines: string[]): unknown[] {
  client.replies.length = 0
  for (const line of lines) client.send(...line.split(' '))
  return client.replies.map(shown)
}

const told = (session: FakeSession) => session.pushed.splice(0).map(({ items }) => items.join(' '))

test('a message reaches the subscribers of its channel first, then those of each matching pattern', () => {
  const pubsub = new PubSub()
  const order: string[] = []
  const session = (name: string) => {
    const made = new FakeSession()
    made.push = (message: Message) => void order.push(`${name}: ${message.items.join(' ')}`)
    return made
  }
  const [a, b] = [session('a'), session('b')]
  pubsub.subscribe(a, 'pattern', 'n*')
  pubsub.subscribe(b, 'channel', 'news')
  pubsub.subscribe(a, 'channel', 'news')
  pubsub.subscribe(b, 'pattern', 'x*')
  pubsub.subscribe(b, 'pattern', '*s')
  assert.is(pubsub.publish('news', 'hi'), 4)
  assert.equal(order, ['b: message news hi', 'a: message news hi', 'a: pmessage n* news hi', 'b: pmessage *s news hi'])
  assert.is(pubsub.publish('nobody', 'hi'), 1)
  assert.is(pubsub.publishToShard('news', 'hi'), 0)
})

test('subscriptions count channels and patterns together, and shard channels separately', () => {
  const one = start().client()
  assert.equal(
    say(one, 'SUBSCRIBE a a b', 'PSUBSCRIBE p*', 'SSUBSCRIBE s t', 'UNSUBSCRIBE a none', 'SUNSUBSCRIBE', 'PUNSUBSCRIBE', 'UNSUBSCRIBE'),
    [
      [
        ['subscribe', 'a', 1],
        ['subscribe', 'a', 1],
        ['subscribe', 'b', 2],
      ],
      ['psubscribe', 'p*', 3],
      [
        ['ssubscribe', 's', 1],
        ['ssubscribe', 't', 2],
      ],
      [
        ['unsubscribe', 'a', 2],
        ['unsubscribe', 'none', 2],
      ],
      [
        ['sunsubscribe', 's', 1],
        ['sunsubscribe', 't', 0],
      ],
      ['punsubscribe', 'p*', 1],
      ['unsubscribe', 'b', 0],
    ],
  )
  assert.equal(say(one, 'UNSUBSCRIBE', 'PUNSUBSCRIBE', 'SUNSUBSCRIBE'), [
    ['unsubscribe', null, 0],
    ['punsubscribe', null, 0],
    ['sunsubscribe', null, 0],
  ])
  assert.is(one.subscriptions, null)
})

test('a RESP2 subscriber may run few commands, and a RESP3 subscriber any', () => {
  const one = start().client()
  say(one, 'SSUBSCRIBE s')
  const text = (name: string) =>
    `-ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`
  assert.equal(say(one, 'GET a', 'MULTI', 'PUBSUB NUMPAT', 'PING', 'PING x'), [
    text('get'),
    text('multi'),
    text('pubsub|numpat'),
    ['pong', ''],
    ['pong', 'x'],
  ])
  assert.equal(say(one, 'SUNSUBSCRIBE', 'GET a', 'PING'), [['sunsubscribe', 's', 0], null, '+PONG'])
  one.resp = 3
  assert.equal(say(one, 'SUBSCRIBE a', 'GET a', 'PING').slice(1), [null, '+PONG'])
})

test('subscriptions are confirmed even with replies turned off', () => {
  const one = start().client()
  one.replyMode = 'off'
  say(one, 'SUBSCRIBE a b', 'UNSUBSCRIBE a')
  assert.equal(told(one), ['subscribe a 1', 'subscribe b 2', 'unsubscribe a 1'])
})

test("RESET and disconnecting end a client's subscriptions", () => {
  const { client, run, executor } = start()
  const [one, two] = [client(), client()]
  say(one, 'SUBSCRIBE a', 'PSUBSCRIBE *', 'RESET')
  say(two, 'SUBSCRIBE a', 'SSUBSCRIBE s', 'PSUBSCRIBE *')
  assert.is(run('PUBLISH', 'a', 'x'), 2)
  executor.forget(two)
  assert.is(run('PUBLISH', 'a', 'x'), 0)
  assert.is(run('SPUBLISH', 's', 'x'), 0)
  assert.is(run('PUBSUB', 'NUMPAT'), 0)
  assert.equal(told(one), [])
})

test('PUBSUB lists channels and counts subscribers, patterns and shard channels', () => {
  const { client, run, error } = start()
  say(client(), 'SUBSCRIBE news sport', 'PSUBSCRIBE a* b*', 'SSUBSCRIBE s')
  say(client(), 'SUBSCRIBE news', 'PSUBSCRIBE a*')
  assert.equal(run('PUBSUB', 'CHANNELS'), ['news', 'sport'])
  assert.equal(run('PUBSUB', 'CHANNELS', 'n*'), ['news'])
  assert.equal(run('PUBSUB', 'NUMSUB', 'news', 'none'), ['news', 2, 'none', 0])
  assert.is(run('PUBSUB', 'NUMPAT'), 2)
  assert.equal(run('PUBSUB', 'SHARDCHANNELS'), ['s'])
  assert.equal(run('PUBSUB', 'SHARDNUMSUB', 's', 'news'), ['s', 1, 'news', 0])
  assert.is(error('PUBSUB', 'CHANNELS', 'a', 'b'), "ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.")
})

test('messages are logged while there are replicas, in a transaction as part of it', () => {
  const { client, run, logged, server } = start()
  run('PUBLISH', 'a', 'x')
  assert.equal(logged(), [])
  server.replication.mustLogMessages = true
  run('PUBLISH', 'a', 'x')
  run('SPUBLISH', 'a', 'x')
  run('PUBSUB', 'NUMPAT')
  assert.equal(logged(), [
    ['PUBLISH', 'a', 'x'],
    ['SPUBLISH', 'a', 'x'],
  ])
  say(client(), 'MULTI', 'SET a 1', 'PUBLISH a x', 'EXEC')
  assert.equal(logged(), [['MULTI'], ['SET', 'a', '1'], ['PUBLISH', 'a', 'x'], ['EXEC']])
})

test('a replayed PUBLISH reaches subscribers, unless muted', () => {
  const { client, executor, server } = start()
  const one = client()
  say(one, 'SUBSCRIBE a')
  executor.replay(client(), ['PUBLISH', 'a', 'x'])
  assert.equal(told(one), ['message a x'])
  server.pubsub.isMuted = true
  executor.replay(client(), ['PUBLISH', 'a', 'x'])
  assert.equal(told(one), [])
})

test('keyspace events are published to the configured channels, in the configured classes', () => {
  const pubsub = new PubSub()
  const events = new KeyEventPublisher(pubsub)
  const session = new FakeSession()
  pubsub.subscribe(session, 'pattern', '__key*')
  events.configure('KE$')
  events.onEvent(3, 'set', 'a')
  assert.equal(told(session), ['pmessage __key* __keyspace@3__:a set', 'pmessage __key* __keyevent@3__:set a'])
  events.configure('E$')
  events.onEvent(0, 'set', 'a')
  assert.equal(told(session), ['pmessage __key* __keyevent@0__:set a'])
  const wants = (letters: string, eventClass: number) => {
    events.configure(letters)
    return (events.wanted & eventClass) !== 0
  }
  assert.ok(wants('K$', EVENT_STRING))
  assert.not(wants('$', EVENT_STRING), 'without K or E no event is published')
  assert.ok(wants('KA', EVENT_EXPIRED))
  assert.not(wants('KA', EVENT_KEY_MISS))
  assert.not(wants('KA', EVENT_NEW))
  assert.ok(wants('KAmn', EVENT_KEY_MISS) && wants('KAmn', EVENT_NEW))
  assert.not(wants('', EVENT_STRING))
})

test.run()
