/**
 * Rules for every blocking command: databases, timeouts, the ways to stop waiting, and the states
 * of the server that prevent serving.
 */

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { NULL_ARRAY } from '../../../commands/contract/reply.ts'
import { OPEN_GATES } from '../../../commands/execution/gating.ts'
import { databases } from '../../../commands/keys/databases.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { blockingLists } from '../../../commands/lists/blocking.ts'
import { lists } from '../../../commands/lists/lists.ts'
import { listMoves } from '../../../commands/lists/moves.ts'
import { requireTimeout } from '../../../commands/parsing/timeouts.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { harness, type TestClient } from '../../support/harness/harness.ts'

const start = () => harness([connection, lists, listMoves, blockingLists, strings, keys, expiry, databases])

function isRefused({ replies }: TestClient, text: Bytes): void {
  const reply = replies.at(-1)
  assert.instance(reply, ClientError)
  assert.is((reply as ClientError).message, text)
}

test('clients wait in databases by index', () => {
  const { client, run, logged } = start()
  const waiting = client()
  waiting.send('SELECT', '2')
  waiting.send('BLPOP', 'a', '0')
  run('RPUSH', 'a', 'of database 0')
  assert.is(waiting.replies.length, 1)
  run('SELECT', '2')
  run('RPUSH', 'a', '1')
  assert.equal(waiting.replies.at(-1), ['a', '1'])
  assert.equal(logged(), [
    ['RPUSH', 'a', 'of database 0'],
    ['SELECT', '2'],
    ['RPUSH', 'a', '1'],
    ['LPOP', 'a'],
    ['SELECT', '0'],
  ])
})

test('an expired list serves no client', () => {
  const { client, run, advance, blocked, logged } = start()
  const waiting = client()
  waiting.send('BLPOP', 'a', '0')
  run('SELECT', '1')
  run('RPUSH', 'a', '1')
  run('PEXPIRE', 'a', '50')
  advance(60)
  logged()
  run('SWAPDB', '0', '1')
  assert.is(blocked.count, 1)
  assert.equal(logged(), [
    ['SELECT', '1'],
    ['SWAPDB', '0', '1'],
    ['SELECT', '0'],
    ['DEL', 'a'],
  ])
})

test('timeouts end to the millisecond, in any order of requests', () => {
  const { client, advance, blocked } = start()
  const clients = [0.5, 0.1, 0.3, 0.2, 0.4].map((seconds) => {
    const one = client()
    one.send('BLPOP', 'a', String(seconds))
    return { seconds, one }
  })
  const forever = client()
  forever.send('BLPOP', 'a', '0')
  assert.is(blocked.timedCount, 5)
  for (let passed = 50; passed <= 550; passed += 100) {
    for (const { seconds, one } of clients) assert.is(one.replies.length, seconds * 1000 <= passed - 50 ? 1 : 0)
    advance(100)
  }
  for (const { one } of clients) assert.equal(one.replies, [NULL_ARRAY])
  assert.is(blocked.count, 1)
  assert.is(blocked.nextDeadlineMs, Number.POSITIVE_INFINITY)
})

test('an element that arrives before an expired timeout is noticed is not lost', () => {
  const { client, run, advance } = start()
  const [waiting, next] = [client(), client()]
  waiting.send('BLPOP', 'a', '0.1')
  next.send('BLPOP', 'a', '10')
  run('RPUSH', 'a', '1')
  advance(200)
  assert.equal([waiting.replies, next.replies], [[['a', '1']], []])
  run('RPUSH', 'a', '2')
  assert.equal(next.replies, [['a', '2']])
})

test("a client's pipelined request runs after the unit that served it", async () => {
  const { client, run, logged } = start()
  const waiting = client()
  waiting.send('BLPOP', 'a', '0')
  waiting.send('SET', 'b', 'after')
  run('RPUSH', 'a', '1')
  run('SET', 'c', 'meanwhile')
  await Promise.resolve()
  assert.equal(logged(), [
    ['RPUSH', 'a', '1'],
    ['LPOP', 'a'],
    ['SET', 'c', 'meanwhile'],
    ['SET', 'b', 'after'],
  ])
  assert.is(waiting.replies.length, 2)
})

test('CLIENT UNBLOCK ends a wait like a timeout, or with an error', () => {
  const { client, run, blocked } = start()
  const [one, other, free] = [client(), client(), client()]
  one.send('BLPOP', 'a', '0')
  other.send('BLMPOP', '0', '1', 'a', 'LEFT')
  assert.is(blocked.unblock(one, 'timeout'), true)
  assert.is(blocked.unblock(other, 'error'), true)
  assert.is(blocked.unblock(free, 'timeout'), false)
  assert.equal(one.replies, [NULL_ARRAY])
  isRefused(other, 'UNBLOCKED client unblocked via CLIENT UNBLOCK')
  run('RPUSH', 'a', '1')
  assert.is(run('LLEN', 'a'), 1)
})

test('a disconnected client takes no element', () => {
  const { client, run, blocked } = start()
  const [gone, here] = [client(), client()]
  gone.send('BLPOP', 'a', 'b', '1')
  here.send('BLPOP', 'a', '0')
  gone.close('now')
  assert.is(blocked.timedCount, 0)
  assert.equal(blocked.keyCounts(), { all: 1, forDeletion: 0 })
  run('RPUSH', 'a', '1')
  assert.equal([gone.replies, here.replies], [[], [['a', '1']]])
})

test('when the node becomes a replica, all waiting clients get an error and are disconnected', () => {
  const { client, blocked } = start()
  const waiting = client()
  waiting.send('BLPOP', 'a', '0')
  blocked.endAll()
  isRefused(waiting, 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)')
  assert.is(waiting.closed, 'after-reply')
  assert.is(blocked.count, 0)
})

test('while a gate holds writes no client is served; then all are served in order', () => {
  const { client, run, executor, gates, blocked } = start()
  const [first, second] = [client(), client()]
  first.send('BLPOP', 'a', '0')
  second.send('BLPOP', 'a', '0')
  const isOpen = { now: true }
  executor.gating.gated = 'writes'
  gates.current = { ...OPEN_GATES, admit: () => isOpen.now }
  isOpen.now = false
  run('RPUSH', 'a', '1', '2') // the gate of the harness passes it
  assert.equal([first.replies, second.replies], [[], []])
  assert.is(run('LLEN', 'a'), 2)
  isOpen.now = true
  blocked.retryPostponed()
  executor.serveBlocked()
  assert.equal([first.replies, second.replies], [[['a', '1']], [['a', '2']]])
})

test('a client whose timeout ends while a gate holds writes takes no element', () => {
  const { client, run, executor, gates, advance, blocked } = start()
  const waiting = client()
  waiting.send('BLPOP', 'a', '0.1')
  executor.gating.gated = 'writes'
  gates.current = { ...OPEN_GATES, admit: () => false }
  run('RPUSH', 'a', '1')
  advance(100)
  assert.equal(waiting.replies, [NULL_ARRAY])
  executor.gating.gated = 'none'
  blocked.retryPostponed()
  executor.serveBlocked()
  assert.is(run('LLEN', 'a'), 1)
})

test('a blocking command is counted once, when it is done', () => {
  const { client, run, counters, advance } = start()
  const [one, other] = [client(), client()]
  one.send('BLPOP', 'a', '0')
  other.send('BLPOP', 'a', '1')
  assert.is(counters.get('blpop')?.calls, 0)
  run('RPUSH', 'a', '1')
  assert.is(counters.get('blpop')?.calls, 1)
  advance(1000)
  assert.is(counters.get('blpop')?.calls, 2)
})

test('replayed commands never block', () => {
  const { client, executor, blocked, keyspace } = start()
  keyspace.expiryMode = 'ignore'
  executor.replay(client(), ['BLPOP', 'a', '0'])
  keyspace.expiryMode = 'delete'
  assert.is(blocked.count, 0)
})

test("timeouts in seconds are parsed like Redis's", () => {
  for (const [word, milliseconds] of [
    ['0', 0],
    ['-0.0001', 0],
    ['0.0001', 1],
    ['1.5', 1500],
    ['0.1', 100],
    ['1e-400', 1],
    ['1e9', 1e12],
    ['0x10', 16_000],
  ] as const)
    assert.is(requireTimeout(word), milliseconds, word)
  for (const [word, text] of [
    ['', 'ERR timeout is not a float or out of range'],
    ['abc', 'ERR timeout is not a float or out of range'],
    [' 1', 'ERR timeout is not a float or out of range'],
    ['nan', 'ERR timeout is not a float or out of range'],
    ['-1', 'ERR timeout is negative'],
    ['-inf', 'ERR timeout is negative'],
    ['inf', 'ERR timeout is out of range'],
    ['1e300', 'ERR timeout is out of range'],
    ['1e4000', 'ERR timeout is out of range'],
    ['0x7FFFFFFFFFFFFF', 'ERR timeout is out of range'],
  ] as const) {
    assert.throws(
      () => requireTimeout(word),
      (error: Error) => error.message === text,
      word,
    )
  }
})

test.run()
