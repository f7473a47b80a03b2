/** Client-side caching: which clients get a message for a change, in which form, and when. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { client as clientCommands } from '../../../commands/clients/client.ts'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { MapReply, Message, type Reply, SetReply, SimpleString } from '../../../commands/contract/reply.ts'
import { hashExpiry } from '../../../commands/hashes/expiry.ts'
import { hashes } from '../../../commands/hashes/hashes.ts'
import { databases } from '../../../commands/keys/databases.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { blockingLists } from '../../../commands/lists/blocking.ts'
import { lists } from '../../../commands/lists/lists.ts'
import { subscriptions } from '../../../commands/pubsub/subscribing.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { transactions } from '../../../commands/transactions/transactions.ts'
import { expire } from '../../../storage/keyspace/due.ts'
import { harness, type TestClient } from '../../support/harness/harness.ts'

const FAMILIES = [
  connection,
  clientCommands,
  strings,
  hashes,
  hashExpiry,
  lists,
  blockingLists,
  keys,
  expiry,
  databases,
  subscriptions,
  transactions,
]

function start() {
  const world = harness(FAMILIES)
  return {
    ...world,
    /** Returns a client whose messages arrive among its replies. `setting` is its first command. */
    client(...setting: string[]): TestClient {
      const made = world.client()
      world.server.clients.sessions.push(made)
      made.push = (message: Message) => void made.replies.push(message)
      for (const line of setting) made.send(...line.split(' '))
      made.replies.length = 0
      return made
    },
    endTurn: () => world.executor.tracking.endTurn(),
  }
}

function shown(reply: Reply | ClientError): unknown {
  if (reply instanceof ClientError) return `-${reply.message}`
  if (reply instanceof Message) return `> ${reply.items.map((item) => (Array.isArray(item) ? item.join(',') : item)).join(' ')}`
  if (reply instanceof SimpleString) return reply.text
  if (reply instanceof MapReply) return reply.flat.map(shown)
  if (reply instanceof SetReply) return reply.members.map(shown)
  return Array.isArray(reply) ? reply.map(shown) : reply
}

/** Returns the messages to a client since the last call. */
const heard = (client: TestClient) => client.replies.splice(0).map(shown)

/** Sends lines and returns the replies. */
function say(client: TestClient, ...lines: string[]): unknown[] {
  for (const line of lines) client.send(...line.split(' '))
  return heard(client)
}

test('a reader of a key gets one invalidation, and the next only after reading it again', () => {
  const { client, run } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON')
  say(reader, 'GET a', 'MGET b c')
  run('SET', 'a', '1')
  run('SET', 'a', '2')
  run('SET', 'other', '1')
  assert.equal(heard(reader), ['> invalidate a'])
  run('DEL', 'a')
  run('MSET', 'c', '1', 'b', '1')
  assert.equal(heard(reader), ['> invalidate c', '> invalidate b'])
  say(reader, 'GET a')
  run('SET', 'a', '3')
  assert.equal(heard(reader), ['> invalidate a'])
})

test('a key of any database invalidates that name', () => {
  const { client, run } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON', 'GET a')
  run('SELECT', '3')
  run('SET', 'a', '1')
  assert.equal(heard(reader), ['> invalidate a'])
})

test('a RESP2 client gets no invalidations on its own connection', () => {
  const { client, run } = start()
  const reader = client('CLIENT TRACKING ON', 'GET a')
  run('SET', 'a', '1')
  run('FLUSHALL')
  assert.equal(heard(reader), [])
})

test('only reading commands track their keys, whatever they return', () => {
  const { client, run } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON')
  run('RPUSH', 'l', 'a')
  assert.equal(say(reader, 'GET l'), ['-WRONGTYPE Operation against a key holding the wrong kind of value'])
  run('RPUSH', 'l', 'b')
  assert.equal(heard(reader), ['> invalidate l'])
  say(reader, 'SET a 1', 'INCR n', 'GETDEL a')
  run('SET', 'a', '1')
  run('SET', 'n', '1')
  assert.equal(heard(reader), [])
})

test("a client's own changes invalidate after its reply, and after all replies of a transaction", () => {
  const { client } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON')
  assert.equal(say(reader, 'SET a 1', 'GET a', 'SET a 2', 'PING'), ['OK', '1', 'OK', '> invalidate a', 'PONG'])
  assert.equal(say(reader, 'GET a', 'MULTI', 'SET a 3', 'GET b', 'SET b 1', 'EXEC'), [
    '2',
    'OK',
    'QUEUED',
    'QUEUED',
    'QUEUED',
    ['OK', null, 'OK'],
    '> invalidate a',
    '> invalidate b',
  ])
})

test('a blocked client gets the invalidation of its own command after its reply', () => {
  const { client, run } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON', 'LRANGE to 0 -1', 'BLMOVE from to LEFT LEFT 0')
  run('RPUSH', 'from', 'a')
  assert.equal(heard(reader), ['a', '> invalidate to'])
})

test("with NOLOOP a client's own change sends it nothing, and ends the tracking of the key", () => {
  const { client, run } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON NOLOOP')
  assert.equal(say(reader, 'GET a', 'SET a 1'), [null, 'OK'])
  run('SET', 'a', '2')
  assert.equal(heard(reader), [])
  assert.equal(say(reader, 'GET a'), ['2'])
  run('SET', 'a', '3')
  assert.equal(heard(reader), ['> invalidate a'])
})

test('with OPTIN, CLIENT CACHING YES applies to the next request or transaction', () => {
  const { client, run } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON OPTIN')
  const told = (...lines: string[]) => {
    say(reader, ...lines)
    run('MSET', 'a', '1', 'b', '1')
    return heard(reader)
  }
  assert.equal(told('GET a'), [])
  assert.equal(told('CLIENT CACHING YES', 'GET a', 'GET b'), ['> invalidate a'])
  assert.equal(told('CLIENT CACHING YES', 'MULTI', 'GET a', 'EXEC', 'GET b'), ['> invalidate a'])
  assert.equal(told('MULTI', 'GET a', 'CLIENT CACHING YES', 'GET b', 'EXEC'), ['> invalidate b'])
  assert.equal(told('CLIENT CACHING YES', 'NOSUCH', 'GET a'), [])
  assert.equal(told('CLIENT CACHING YES', 'GET', 'GET a'), [])
  assert.equal(told('CLIENT CACHING YES', 'CLIENT ID', 'GET a'), ['> invalidate a'])
})

test('with OPTOUT, CLIENT CACHING NO applies to the next request', () => {
  const { client, run } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON OPTOUT')
  say(reader, 'CLIENT CACHING NO', 'GET a', 'GET b')
  run('MSET', 'a', '1', 'b', '1')
  assert.equal(heard(reader), ['> invalidate b'])
})

test('with BCAST, changed keys are sent once per turn and prefix, in byte order', () => {
  const { client, run, endTurn } = start()
  const listener = client('HELLO 3', 'CLIENT TRACKING ON BCAST PREFIX u: PREFIX v:')
  const other = client('HELLO 3', 'CLIENT TRACKING ON BCAST')
  for (const key of ['v:2', 'u:2', 'w:1', 'u:1', 'u:2']) run('SET', key, '1')
  say(listener, 'GET u:1', 'SET u:3 1')
  assert.equal(heard(listener), [])
  endTurn()
  assert.equal(heard(listener), ['> invalidate u:1,u:2,u:3', '> invalidate v:2'])
  assert.equal(heard(other), ['> invalidate u:1,u:2,u:3,v:2,w:1'])
  endTurn()
  assert.equal(heard(listener), [])
})

test('with BCAST and NOLOOP, keys that the client changed last are left out', () => {
  const { client, run, endTurn } = start()
  const listener = client('HELLO 3', 'CLIENT TRACKING ON BCAST NOLOOP')
  const other = client('HELLO 3', 'CLIENT TRACKING ON BCAST')
  run('SET', 'a', '1')
  say(listener, 'SET a 1', 'SET b 1', 'SET c 1')
  run('SET', 'b', '1')
  endTurn()
  assert.equal(heard(listener), ['> invalidate b'])
  assert.equal(heard(other), ['> invalidate a,b,c'])
  say(listener, 'SET a 1')
  endTurn()
  assert.equal(heard(listener), [])
})

test('with REDIRECT, another client gets the invalidations, as a subscriber in RESP2', () => {
  const { client, run } = start()
  const target = client()
  const reader = client(`CLIENT TRACKING ON REDIRECT ${target.id}`)
  const told = () => {
    say(reader, 'GET a')
    run('SET', 'a', '1')
    return heard(target)
  }
  assert.equal(told(), [])
  say(target, 'SUBSCRIBE __redis__:invalidate')
  assert.equal(told(), ['> message __redis__:invalidate a'])
  run('FLUSHALL')
  assert.equal(heard(target), ['> message __redis__:invalidate '])
  say(target, 'RESET', 'HELLO 3')
  assert.equal(told(), ['> invalidate a'])
  assert.equal(heard(reader), [])
})

test('a client whose redirect target disconnected is told so in RESP3, and shows it', () => {
  const { client, run, executor } = start()
  const target = client('HELLO 3')
  const reader = client('HELLO 3', `CLIENT TRACKING ON REDIRECT ${target.id}`, 'GET a')
  executor.forget(target)
  run('SET', 'a', '1')
  assert.equal(heard(reader), [`> tracking-redir-broken ${target.id}`])
  assert.equal(say(reader, 'CLIENT TRACKINGINFO'), [['flags', ['on', 'broken_redirect'], 'redirect', target.id, 'prefixes', []]])
  say(reader, 'CLIENT TRACKING ON')
  assert.equal(say(reader, 'CLIENT TRACKINGINFO'), [['flags', ['on'], 'redirect', 0, 'prefixes', []]])
})

test('FLUSHALL, FLUSHDB and SWAPDB send every tracking client one invalidation of all keys', () => {
  const { client, run } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON NOLOOP', 'GET a')
  const listener = client('HELLO 3', 'CLIENT TRACKING ON BCAST PREFIX x')
  for (const words of [['FLUSHALL'], ['FLUSHDB'], ['SWAPDB', '0', '1']]) {
    run(...words)
    assert.equal(heard(reader), ['> invalidate '], words.join(' '))
    assert.equal(heard(listener), ['> invalidate '], words.join(' '))
  }
  run('SET', 'a', '1')
  assert.equal(heard(reader), [], 'the table is empty')
  assert.equal(say(reader, 'MULTI', 'FLUSHALL', 'GET a', 'EXEC'), ['OK', 'QUEUED', 'QUEUED', ['OK', null], '> invalidate '])
  run('SET', 'a', '1')
  assert.equal(heard(reader), ['> invalidate a'])
})

test('expiry of a key invalidates it, however it is noticed', () => {
  const { client, run, advance, keyspace } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON')
  for (const key of ['a', 'b']) run('SET', key, '1', 'PX', '100')
  say(reader, 'GET a', 'GET b')
  advance(200)
  assert.equal(say(reader, 'GET a'), [null, '> invalidate a'])
  const { 0: db } = keyspace.databases
  const entry = db?.resident('b')
  if (db === undefined || entry === undefined) throw new Error('the key does not exist')
  expire(entry)
  assert.equal(heard(reader), ['> invalidate b'])
})

test("NOLOOP still reports keys that expire or are dropped from the table during a client's own request", () => {
  const { client, run, advance, executor, endTurn } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON NOLOOP')
  const listener = client('HELLO 3', 'CLIENT TRACKING ON BCAST NOLOOP')
  run('SET', 'a', '1', 'PX', '100')
  run('HSET', 'h', 'f', '1', 'g', '1')
  run('HPEXPIRE', 'h', '100', 'FIELDS', '1', 'f')
  say(reader, 'GET a', 'HGET h g')
  endTurn()
  heard(listener)
  advance(200)
  assert.equal(say(reader, 'EXISTS a', 'HGET h f'), [0, '> invalidate a', null, '> invalidate h'])
  endTurn()
  assert.equal(heard(listener), ['> invalidate a,h'])
  run('SET', 'b', '1', 'PX', '100')
  endTurn()
  heard(listener)
  advance(200)
  say(listener, 'EXISTS b')
  endTurn()
  assert.equal(heard(listener), ['> invalidate b'])
  executor.tracking.table.setLimit(1)
  assert.is(say(reader, 'GET x', 'GET y').length, 4, 'each key evicts another, and its reader is told')
})

test('changes by a master, a reload and a full sync invalidate too', () => {
  const { client, executor, keyspace } = start()
  const reader = client('HELLO 3', 'CLIENT TRACKING ON', 'GET a')
  const stream = client()
  executor.replay(stream, ['SET', 'a', '1'])
  assert.equal(heard(reader), ['> invalidate a'])
  executor.replay(stream, ['FLUSHALL'])
  assert.equal(heard(reader), ['> invalidate '])
  keyspace.reset()
  assert.equal(heard(reader), ['> invalidate '])
})

test('past the limit of tracked keys one is dropped, and its readers are told', () => {
  const { client, executor, endTurn } = start()
  const { table } = executor.tracking
  const reader = client('HELLO 3', 'CLIENT TRACKING ON')
  table.setLimit(2)
  assert.equal(say(reader, 'GET a', 'GET b').slice(2), [])
  const [reply, message] = say(reader, 'GET c')
  assert.is(reply, null)
  assert.match(String(message), /^> invalidate [abc]$/)
  assert.is(table.keyCount, 2)
  table.setLimit(0)
  for (let i = 0; i < 450; i++) say(reader, `GET key${i}`)
  table.setLimit(2)
  let turns = 1
  while (endTurn()) turns++
  assert.is(turns, 3, 'a hundred, two hundred more, and the rest')
  assert.is(table.keyCount, 2)
})

test('incompatible options, and changes of the mode, are refused', () => {
  const { client } = start()
  const one = client()
  const refused = (line: string) => String(say(one, line)[0])
  assert.is(refused('CLIENT TRACKING MAYBE'), '-ERR syntax error')
  assert.is(refused('CLIENT TRACKING ON REDIRECT'), '-ERR syntax error')
  assert.is(refused('CLIENT TRACKING ON REDIRECT x'), '-ERR value is not an integer or out of range')
  assert.is(refused('CLIENT TRACKING ON REDIRECT 99'), '-ERR The client ID you want redirect to does not exist')
  assert.is(refused(`CLIENT TRACKING ON REDIRECT ${one.id} REDIRECT ${one.id}`), '-ERR A client can only redirect to a single other client')
  assert.is(refused('CLIENT TRACKING ON PREFIX a'), '-ERR PREFIX option requires BCAST mode to be enabled')
  assert.is(refused('CLIENT TRACKING ON BCAST OPTIN'), '-ERR OPTIN and OPTOUT are not compatible with BCAST')
  assert.is(refused('CLIENT TRACKING ON OPTIN OPTOUT'), "-ERR You can't specify both OPTIN mode and OPTOUT mode")
  assert.match(refused('CLIENT CACHING YES'), /^-ERR CLIENT CACHING can be called only when the client is in tracking mode/)
  assert.is(refused('CLIENT TRACKING ON OPTIN'), 'OK')
  assert.match(refused('CLIENT TRACKING ON OPTOUT'), /^-ERR You can't switch OPTIN\/OPTOUT mode before disabling tracking/)
  assert.match(refused('CLIENT TRACKING ON BCAST'), /^-ERR You can't switch BCAST mode on\/off before disabling tracking/)
  assert.is(refused('CLIENT CACHING NO'), '-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.')
  assert.is(refused('CLIENT CACHING MAYBE'), '-ERR syntax error')
  assert.is(refused('CLIENT TRACKING OFF'), 'OK')
  assert.is(
    refused('CLIENT TRACKING ON BCAST PREFIX foo PREFIX fo'),
    "-ERR Prefix 'foo' overlaps with another provided prefix 'fo'. Prefixes for a single client must not overlap.",
  )
  assert.is(refused('CLIENT TRACKING ON BCAST PREFIX foo PREFIX bar'), 'OK')
  assert.is(
    refused('CLIENT TRACKING ON BCAST PREFIX f'),
    "-ERR Prefix 'f' overlaps with an existing prefix 'foo'. Prefixes for a single client must not overlap.",
  )
})

test("CLIENT TRACKINGINFO and GETREDIR show a client's tracking state", () => {
  const { client } = start()
  const one = client()
  assert.equal(say(one, 'CLIENT TRACKINGINFO', 'CLIENT GETREDIR'), [['flags', ['off'], 'redirect', -1, 'prefixes', []], -1])
  say(one, 'CLIENT TRACKING ON OPTOUT NOLOOP', 'CLIENT CACHING NO')
  assert.equal(say(one, 'CLIENT TRACKINGINFO', 'CLIENT GETREDIR'), [
    ['flags', ['on', 'optout', 'caching-no', 'noloop'], 'redirect', 0, 'prefixes', []],
    0,
  ])
  say(one, 'PING', 'CLIENT TRACKING OFF', 'CLIENT TRACKING ON BCAST PREFIX b PREFIX a')
  assert.equal(say(one, 'CLIENT TRACKINGINFO'), [['flags', ['on', 'bcast'], 'redirect', 0, 'prefixes', ['a', 'b']]])
})

test('RESET, CLIENT TRACKING OFF and disconnecting end tracking, and the last one stops observing changes', () => {
  const { client, run, executor, keyspace, endTurn } = start()
  assert.is(keyspace.observers, null)
  const readers = Array.from({ length: 3 }, () => client('HELLO 3', 'CLIENT TRACKING ON', 'GET a'))
  const listener = client('HELLO 3', 'CLIENT TRACKING ON BCAST')
  assert.is(executor.tracking.clientCount, 4)
  say(readers[0] as TestClient, 'RESET', 'HELLO 3')
  say(readers[1] as TestClient, 'CLIENT TRACKING OFF')
  executor.forget(readers[2] as TestClient)
  run('SET', 'a', '1')
  for (const reader of readers) assert.equal(heard(reader), [])
  executor.forget(listener)
  endTurn()
  assert.equal(heard(listener), [])
  assert.is(executor.tracking.isActive, false)
  assert.is(executor.tracking.broadcasts.prefixCount, 0)
  assert.is(executor.tracking.table.keyCount, 0)
  assert.is(keyspace.observers, null)
})

test('disconnected readers are removed from the table in use, even if their keys never change', () => {
  const { client, executor } = start()
  const { table } = executor.tracking
  const stays = client('HELLO 3', 'CLIENT TRACKING ON', 'GET hot')
  for (let round = 0; round < 200; round++) {
    const goes = client('HELLO 3', 'CLIENT TRACKING ON', 'GET hot', 'GET warm')
    executor.forget(goes)
    say(stays, `GET key${round % 20}`)
  }
  assert.ok(table.itemCount < 60, `${table.itemCount} items`)
  const { keyCount } = table
  assert.ok(keyCount <= 22, `${keyCount} keys`)
})

test.run()
