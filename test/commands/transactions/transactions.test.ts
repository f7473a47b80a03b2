/**
 * MULTI, EXEC, DISCARD, WATCH and UNWATCH: queued and refused requests, their log, and the changes
 * that abort a watching transaction.
 */

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { ErrorReply, NULL_ARRAY, type Reply, SimpleString } from '../../../commands/contract/reply.ts'
import { OPEN_GATES } from '../../../commands/execution/gating.ts'
import { hashExpiry } from '../../../commands/hashes/expiry.ts'
import { hashes } from '../../../commands/hashes/hashes.ts'
import { databases } from '../../../commands/keys/databases.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { blockingLists } from '../../../commands/lists/blocking.ts'
import { lists } from '../../../commands/lists/lists.ts'
import { setRandoms } from '../../../commands/sets/random.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { stringNumbers } from '../../../commands/strings/numbers.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { transactions } from '../../../commands/transactions/transactions.ts'
import { type Harness, harness, type TestClient } from '../../support/harness/harness.ts'

const FAMILIES = [
  transactions,
  connection,
  strings,
  stringNumbers,
  lists,
  blockingLists,
  hashes,
  hashExpiry,
  sets,
  setRandoms,
  keys,
  expiry,
  databases,
]

const start = () => harness(FAMILIES)

/** Returns the replies to requests, each a line of words. */
function say(client: TestClient, ...lines: string[]): unknown[] {
  client.replies.length = 0
  for (const line of lines) client.send(...line.split(' '))
  return client.replies.map(shown)
}

function shown(reply: Reply | ClientError): unknown {
  if (reply instanceof ClientError) return `-${reply.message}`
  if (reply instanceof ErrorReply) return `-${reply.text}`
  if (reply instanceof SimpleString) return `+${reply.text}`
  if (reply === NULL_ARRAY) return 'null array'
  return Array.isArray(reply) ? reply.map(shown) : reply
}

test('queued requests are run by EXEC, each with its own reply', () => {
  const { client, run } = start()
  const one = client()
  assert.equal(say(one, 'MULTI', 'SET a 1', 'INCR a', 'GET a', 'GET x'), ['+OK', '+QUEUED', '+QUEUED', '+QUEUED', '+QUEUED'])
  assert.is(run('GET', 'a'), null)
  assert.equal(say(one, 'EXEC'), [['+OK', 2, '2', null]])
  assert.is(run('GET', 'a'), '2')
  assert.equal(say(one, 'GET a', 'EXEC'), ['2', '-ERR EXEC without MULTI'])
})

test('a request that fails in EXEC fails alone', () => {
  const one = start().client()
  assert.equal(say(one, 'MULTI', 'SET a 1', 'LPUSH a x', 'INCR a', 'EXEC').at(-1), [
    '+OK',
    '-WRONGTYPE Operation against a key holding the wrong kind of value',
    2,
  ])
})

test('a request refused while queueing discards the transaction', () => {
  const { client, run, logged } = start()
  for (const wrong of ['FOO', 'GET', 'OBJECT', 'INCR a b']) {
    const one = client()
    const replies = say(one, 'MULTI', 'SET a 1', wrong, 'SET b 1', 'EXEC', 'PING')
    assert.match(replies[2] as string, /^-ERR (unknown command|wrong number)/)
    assert.equal(replies.slice(3), ['+QUEUED', '-EXECABORT Transaction discarded because of previous errors.', '+PONG'])
  }
  assert.is(run('EXISTS', 'a', 'b'), 0)
  assert.equal(logged(), [])
})

test('a refused EXEC ends the transaction and says why', () => {
  const { client, server } = start()
  const one = client()
  assert.equal(say(one, 'MULTI', 'SET a 1', 'EXEC 1', 'EXEC').slice(2), [
    "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
    '-ERR EXEC without MULTI',
  ])
  say(one, 'MULTI')
  server.acl.setUser('default', ['resetpass'], null)
  one.isAuthenticated = false
  assert.equal(say(one, 'EXEC'), ['-EXECABORT Transaction discarded because of: NOAUTH Authentication required.'])
  assert.is(one.transaction, null)
})

test('MULTI and WATCH inside MULTI are refused without discarding the transaction', () => {
  const one = start().client()
  assert.equal(say(one, 'MULTI', 'MULTI', 'WATCH a', 'SET a 1', 'EXEC'), [
    '+OK',
    '-ERR MULTI calls can not be nested',
    '-ERR WATCH inside MULTI is not allowed',
    '+QUEUED',
    ['+OK'],
  ])
})

test('DISCARD drops queued requests and watches', () => {
  const { client, run } = start()
  const one = client()
  assert.equal(say(one, 'DISCARD', 'WATCH a', 'MULTI', 'SET a 1', 'DISCARD'), [
    '-ERR DISCARD without MULTI',
    '+OK',
    '+OK',
    '+QUEUED',
    '+OK',
  ])
  run('SET', 'a', '2')
  assert.equal(say(one, 'MULTI', 'GET a', 'EXEC').at(-1), ['2'])
})

test('RESET ends a transaction and its watches', () => {
  const { client, run } = start()
  const one = client()
  say(one, 'WATCH a', 'MULTI', 'SET a 1', 'RESET')
  run('SET', 'a', '2')
  assert.equal(say(one, 'EXEC', 'MULTI', 'GET a', 'EXEC'), ['-ERR EXEC without MULTI', '+OK', '+QUEUED', ['2']])
})

test('a transaction is logged as a whole, and a single effect alone', () => {
  const { client, logged } = start()
  const one = client()
  say(one, 'MULTI', 'SET a 1', 'GET a', 'SELECT 2', 'SET b 1', 'EXEC')
  assert.equal(logged(), [['MULTI'], ['SET', 'a', '1'], ['SELECT', '2'], ['SET', 'b', '1'], ['EXEC'], ['SELECT', '0']])
  say(one, 'SELECT 0', 'MULTI', 'GET a', 'INCR a', 'EXEC')
  assert.equal(logged(), [['INCR', 'a']])
  say(one, 'MULTI', 'GET a', 'EXEC', 'MULTI', 'EXEC')
  assert.equal(logged(), [])
})

test("the log holds effects, and a key's expiry before its next use", () => {
  const { client, run, logged, advance } = start()
  run('SADD', 's', 'x')
  run('PSETEX', 'a', '10', '1')
  logged()
  advance(20)
  say(client(), 'MULTI', 'SPOP s', 'INCR a', 'EXEC')
  assert.equal(logged(), [['MULTI'], ['SREM', 's', 'x'], ['DEL', 'a'], ['INCR', 'a'], ['EXEC']])
})

test('replaying a logged transaction has the same effects', () => {
  const { client, logged, run } = start()
  say(client(), 'MULTI', 'SET a 1', 'SELECT 1', 'RPUSH l 1 2', 'EXEC')
  const log = logged()
  const other = start()
  const replayer = other.client()
  for (const args of log) other.executor.replay(replayer, args)
  assert.is(other.run('GET', 'a'), run('GET', 'a'))
  other.run('SELECT', '1')
  assert.equal(other.run('LRANGE', 'l', '0', '-1'), ['1', '2'])
  assert.equal(other.logged(), [])
})

test('blocking commands do not block in a transaction, and blocked clients are served after it', () => {
  const { client, blocked } = start()
  const waiting = client()
  waiting.send('BLPOP', 'l', '0')
  const one = client()
  const replies = say(one, 'MULTI', 'RPUSH l 1', 'RPUSH l 2', 'BLPOP l 0', 'BLPOP x 0', 'LLEN l', 'EXEC')
  assert.equal(replies.at(-1), [1, 2, ['l', '1'], 'null array', 1])
  assert.equal(waiting.replies, [['l', '2']])
  assert.is(blocked.count, 0)
})

interface Case {
  readonly name: string
  readonly before?: readonly string[]
  readonly watched?: string
  readonly change: (harness: Harness) => void
  readonly breaks: boolean
}

const cases: readonly Case[] = [
  { name: 'a SET of another client', change: ({ run }) => run('SET', 'a', '2'), breaks: true },
  { name: 'a key that comes', watched: 'new', change: ({ run }) => run('SET', 'new', '1'), breaks: true },
  { name: 'a DEL', change: ({ run }) => run('DEL', 'a'), breaks: true },
  { name: 'a DEL of nothing', watched: 'x', change: ({ run }) => run('DEL', 'x'), breaks: false },
  { name: 'a read', change: ({ run }) => run('GET', 'a'), breaks: false },
  { name: 'another key', change: ({ run }) => run('SET', 'b', '2'), breaks: false },
  { name: 'a deadline', change: ({ run }) => run('EXPIRE', 'a', '100'), breaks: true },
  {
    name: 'an element in the middle of a hash',
    before: ['HSET h f 1'],
    watched: 'h',
    change: ({ run }) => run('HSET', 'h', 'g', '1'),
    breaks: true,
  },
  { name: 'RENAME onto it', before: ['SET b 1'], change: ({ run }) => run('RENAME', 'b', 'a'), breaks: true },
  { name: 'RENAME away', change: ({ run }) => run('RENAME', 'a', 'z'), breaks: true },
  { name: 'FLUSHDB', change: ({ run }) => run('FLUSHDB'), breaks: true },
  { name: 'FLUSHALL of a key that is not there', watched: 'x', change: ({ run }) => run('FLUSHALL'), breaks: false },
  { name: 'SWAPDB', change: ({ run }) => run('SWAPDB', '0', '1'), breaks: true },
  { name: 'SWAPDB of other databases', change: ({ run }) => run('SWAPDB', '2', '1'), breaks: false },
  {
    name: 'the same key of another database',
    change: ({ run }) => [run('SELECT', '1'), run('SET', 'a', '9'), run('SELECT', '0')],
    breaks: false,
  },
  { name: 'a full sync', change: ({ keyspace }) => keyspace.reset(), breaks: true },
  { name: 'its end', before: ['PEXPIRE a 10'], change: ({ advance }) => advance(20), breaks: true },
  {
    name: 'its end, met by a read',
    before: ['PEXPIRE a 10'],
    change: ({ advance, run }) => [advance(20), run('GET', 'a')],
    breaks: true,
  },
  {
    name: 'the end of a hash with its last field',
    before: ['HSET h f 1', 'HPEXPIRE h 10 FIELDS 1 f'],
    watched: 'h',
    change: ({ advance }) => advance(20),
    breaks: true,
  },
]

for (const { name, before, watched, change, breaks } of cases) {
  test(`${name} ${breaks ? 'breaks' : 'does not break'} a watch`, () => {
    const harness = start()
    const { client, run, keyspace } = harness
    const one = client()
    run('SET', 'a', '1')
    say(one, ...(before ?? []))
    say(one, `WATCH k1 ${watched ?? 'a'} k2`)
    change(harness)
    assert.equal(say(one, 'MULTI', 'SET done 1', 'EXEC').at(-1), breaks ? 'null array' : ['+OK'])
    assert.is(run('EXISTS', 'done'), breaks ? 0 : 1)
    assert.is(keyspace.observers, null, 'EXEC ends watching')
    assert.equal(say(one, 'MULTI', 'SET done 1', 'EXEC').at(-1), ['+OK'])
  })
}

test('SWAPDB breaks a watch of a key that only the other database has', () => {
  const { client, run } = start()
  const one = client()
  run('SELECT', '1')
  run('SET', 'a', '1')
  say(one, 'WATCH a')
  run('SWAPDB', '0', '1')
  assert.equal(say(one, 'MULTI', 'GET a', 'EXEC').at(-1), 'null array')
})

test('SWAPDB does not break a watch of a key that is expired in either database', () => {
  const { client, run, advance, keyspace } = start()
  const one = client()
  run('PSETEX', 'a', '10', '1')
  run('PSETEX', 'b', '10', '1')
  run('SELECT', '1')
  run('PSETEX', 'b', '10', '1')
  advance(20)
  keyspace.expiryMode = 'hide' // expired keys are not deleted
  say(one, 'SELECT 1', 'WATCH a b')
  run('SWAPDB', '0', '1')
  keyspace.expiryMode = 'delete'
  run('GET', 'a')
  assert.equal(say(one, 'MULTI', 'PING', 'EXEC').at(-1), ['+PONG'])
})

test("a client's own change breaks its watch, except inside of EXEC", () => {
  const { client } = start()
  const one = client()
  assert.equal(say(one, 'WATCH a', 'SET a 1', 'MULTI', 'PING', 'EXEC').at(-1), 'null array')
  assert.equal(say(one, 'WATCH a', 'MULTI', 'SET a 1', 'SET a 2', 'EXEC').at(-1), ['+OK', '+OK'])
})

test('UNWATCH clears a broken watch, and a key watched twice is watched once', () => {
  const { client, run, executor } = start()
  const one = client()
  say(one, 'WATCH a a', 'WATCH a')
  assert.is(executor.units.watches.keyCount, 1)
  run('SET', 'a', '1')
  assert.equal(say(one, 'UNWATCH', 'MULTI', 'GET a', 'EXEC').at(-1), ['1'])
  assert.is(executor.units.watches.clientCount, 0)
})

test('UNWATCH inside of MULTI is queued and does not affect this EXEC', () => {
  const { client, run } = start()
  const one = client()
  say(one, 'WATCH a', 'MULTI', 'UNWATCH')
  run('SET', 'a', '1')
  assert.equal(say(one, 'EXEC'), ['null array'])
})

test('a discarded transaction is reported before its broken watch', () => {
  const { client, run } = start()
  const one = client()
  say(one, 'WATCH a', 'MULTI', 'FOO')
  run('SET', 'a', '1')
  assert.equal(say(one, 'EXEC'), ['-EXECABORT Transaction discarded because of previous errors.'])
})

test('deleting a key that had expired before WATCH does not break the watch, but setting the key does', () => {
  const { client, run, advance, keyspace } = start()
  const one = client()
  run('PSETEX', 'a', '10', '1')
  advance(20)
  keyspace.expiryMode = 'hide' // as on a replica
  say(one, 'WATCH a')
  keyspace.expiryMode = 'delete'
  run('GET', 'a')
  assert.equal(say(one, 'MULTI', 'PING', 'EXEC').at(-1), ['+PONG'])
  run('PSETEX', 'a', '10', '1')
  advance(20)
  say(one, 'WATCH a')
  run('SET', 'a', '2')
  assert.equal(say(one, 'MULTI', 'PING', 'EXEC').at(-1), 'null array')
})

test('a disconnected client watches nothing', () => {
  const { client, executor, keyspace } = start()
  const one = client()
  say(one, 'WATCH a b c')
  assert.is.not(keyspace.observers, null)
  executor.forget(one)
  assert.is(keyspace.observers, null)
})

test('commands that may not be queued are refused and discard the transaction', () => {
  const { client } = harness([transactions, [{ ...strings[0]!, name: 'nope', flags: ['no_multi'] }]])
  assert.equal(say(client(), 'MULTI', 'NOPE a', 'EXEC').slice(1), [
    '-ERR Command not allowed inside a transaction',
    '-EXECABORT Transaction discarded because of previous errors.',
  ])
})

test('a gate closed by an earlier command refuses the later writes of the transaction, and no reads', () => {
  const { client, executor, gates, run } = start()
  const one = client()
  say(one, 'MULTI', 'SET a 1', 'SELECT 1', 'SET b 2', 'GET b', 'SELECT 0', 'GET a')
  gates.current = { ...OPEN_GATES, refusal: ({ args, client: { database } }) => (database === 1 ? `READONLY no ${args[0]} here` : null) }
  executor.gating.gated = 'writes'
  assert.equal(say(one, 'EXEC'), [['+OK', '+OK', '-READONLY no SET here', null, '+OK', '1']])
  executor.gating.gated = 'none'
  assert.is(run('GET', 'a'), '1')
})

test('writes of a transaction beyond the size of one binlog group are refused', () => {
  const { client, executor, logged } = start()
  executor.units.maxLoggedBytes = 20
  const one = client()
  const tooMuch = '-ERR transaction or script exceeds the maximum size of one binlog group'
  assert.equal(say(one, 'MULTI', 'SET a 0123456789', 'SET b 0123456789', 'SET c 1', 'GET c', 'EXEC').at(-1), ['+OK', '+OK', tooMuch, null])
  assert.equal(logged(), [['MULTI'], ['SET', 'a', '0123456789'], ['SET', 'b', '0123456789'], ['EXEC']])
  assert.equal(say(one, 'MULTI', 'SET c 1', 'EXEC').at(-1), ['+OK'])
})

test.run()
