/**
 * Commands that wait for lists: which client gets which element.
 * test/commands/blocking/blocking.test.ts has the rules for every blocking command.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { databases } from '../../../commands/keys/databases.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { blockingLists } from '../../../commands/lists/blocking.ts'
import { lists } from '../../../commands/lists/lists.ts'
import { listMoves } from '../../../commands/lists/moves.ts'
import { writableAs } from '../../../commands/parsing/typed-access.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { List } from '../../../storage/values/list.ts'
import { harness, type TestClient } from '../../support/harness/harness.ts'

const start = () => harness([connection, lists, listMoves, blockingLists, strings, keys, expiry, databases])

const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'

function isRefused({ replies }: TestClient, text: Bytes): void {
  const reply = replies.at(-1)
  assert.instance(reply, ClientError)
  assert.is((reply as ClientError).message, text)
}

test('a blocking command that finds a list is answered at once like its plain form', () => {
  const { client, run, logged, blocked } = start()
  run('RPUSH', 'a', '1', '2', '3', '4')
  const waiting = client()
  waiting.send('BLPOP', 'none', 'a', '0')
  waiting.send('BRPOP', 'a', 'none', '0')
  waiting.send('BLMOVE', 'a', 'b', 'LEFT', 'RIGHT', '0')
  waiting.send('BRPOPLPUSH', 'a', 'b', '0')
  assert.equal(waiting.replies, [['a', '1'], ['a', '4'], '2', '3'])
  assert.equal(run('LRANGE', 'b', '0', '-1'), ['3', '2'])
  assert.is(blocked.count, 0)
  assert.equal(logged(), [
    ['RPUSH', 'a', '1', '2', '3', '4'],
    ['LPOP', 'a'],
    ['RPOP', 'a'],
    ['LMOVE', 'a', 'b', 'LEFT', 'RIGHT'],
    ['RPOPLPUSH', 'a', 'b'],
  ])
})

test('clients are served in order of arrival, one element each, and their pops are logged after the push', () => {
  const { client, run, logged, blocked, keyspace } = start()
  const [first, second, third] = [client(), client(), client()]
  first.send('BLPOP', 'a', '0')
  second.send('BRPOP', 'a', '0')
  third.send('BLPOP', 'a', '0')
  assert.is(blocked.count, 3)
  assert.is(run('RPUSH', 'a', '1', '2'), 2)
  assert.equal([first.replies, second.replies, third.replies], [[['a', '1']], [['a', '2']], []])
  assert.is(blocked.count, 1)
  assert.is(first.lastWriteOffset, 7)
  assert.is(run('EXISTS', 'a'), 0)
  assert.equal(logged(), [
    ['RPUSH', 'a', '1', '2'],
    ['LPOP', 'a'],
    ['RPOP', 'a'],
  ])
  run('LPUSH', 'a', '3', '4', '5')
  assert.equal(third.replies, [['a', '5']])
  assert.equal(run('LRANGE', 'a', '0', '-1'), ['4', '3'])
  assert.is(keyspace.keyWaiters, null)
})

test('a client keeps its place while others block and leave', () => {
  const { client, run } = start()
  const [first, second] = [client(), client()]
  first.send('BLPOP', 'a', 'b', '0')
  second.send('BLPOP', 'b', '0')
  run('SET', 'b', 'no list')
  run('DEL', 'b')
  run('RPUSH', 'b', '1')
  assert.equal([first.replies, second.replies], [[['b', '1']], []])
})

test('a client that waits for several keys gets the first in its own order, whatever the order of pushes', async () => {
  const { client, run } = start()
  const waiting = client()
  waiting.send('BLPOP', 'a', 'b', 'c', '0')
  run('RPUSH', 'c', '3')
  assert.equal(waiting.replies, [['c', '3']])
  await Promise.resolve()
  waiting.send('BLPOP', 'a', 'a', 'b', 'a', '0')
  run('RPUSH', 'a', '1', '2')
  assert.equal(waiting.replies.at(-1), ['a', '1'])
  assert.equal(run('LRANGE', 'a', '0', '-1'), ['2'])
})

test('a moved element serves the clients that wait for its destination', () => {
  const { client, run, logged } = start()
  const [last, middle, first] = [client(), client(), client()]
  last.send('BLPOP', 'c', '0')
  middle.send('BRPOPLPUSH', 'b', 'c', '0')
  first.send('BLMOVE', 'a', 'b', 'RIGHT', 'LEFT', '0')
  run('RPUSH', 'a', 'x')
  assert.equal([first.replies, middle.replies, last.replies], [['x'], ['x'], [['c', 'x']]])
  assert.is(run('EXISTS', 'a', 'b', 'c'), 0)
  assert.equal(logged(), [
    ['RPUSH', 'a', 'x'],
    ['LMOVE', 'a', 'b', 'RIGHT', 'LEFT'],
    ['RPOPLPUSH', 'b', 'c'],
    ['LPOP', 'c'],
  ])
})

test('clients that move elements in a circle are served once each', () => {
  const { client, run } = start()
  const [there, back] = [client(), client()]
  there.send('BRPOPLPUSH', 'a', 'b', '0')
  back.send('BRPOPLPUSH', 'b', 'a', '0')
  run('RPUSH', 'a', 'x')
  assert.equal([there.replies, back.replies], [['x'], ['x']])
  assert.equal(run('LRANGE', 'a', '0', '-1'), ['x'])
  const self = client()
  self.send('BRPOPLPUSH', 'c', 'c', '0')
  run('RPUSH', 'c', 'y')
  assert.equal([self.replies, run('LRANGE', 'c', '0', '-1')], [['y'], ['y']])
})

test('a key of another type does not wake waiting clients, and is an error for new ones', () => {
  const { client, run, blocked } = start()
  const waiting = client()
  waiting.send('BLPOP', 'a', '0')
  run('SET', 'a', 'text')
  assert.is(blocked.count, 1)
  const late = client()
  late.send('BLPOP', 'a', '0')
  isRefused(late, WRONGTYPE)
  run('DEL', 'a')
  run('RPUSH', 'a', '1')
  assert.equal(waiting.replies, [['a', '1']])
})

test('an element that cannot be moved stays, and the client gets the error', () => {
  const { client, run, counters, logged } = start()
  const [mover, popper] = [client(), client()]
  mover.send('BLMOVE', 'a', 'text', 'LEFT', 'LEFT', '0')
  popper.send('BLPOP', 'a', '0')
  run('SET', 'text', 'x')
  run('RPUSH', 'a', '1')
  isRefused(mover, WRONGTYPE)
  assert.equal(popper.replies, [['a', '1']])
  assert.is(counters.get('blmove')?.failed, 1)
  assert.equal(logged().slice(1), [
    ['RPUSH', 'a', '1'],
    ['LPOP', 'a'],
  ])
})

test('an element that is gone at the end of its unit serves no client', () => {
  const { client, executor, blocked, keyspace } = start()
  const waiting = client()
  waiting.send('BLPOP', 'a', '0')
  const db = keyspace.database(0)
  writableAs(db, 'a', List).push('left', '1', { number: () => -2 })
  assert.is(blocked.hasReady, true)
  db.delete('a')
  executor.serveBlocked()
  assert.is(blocked.count, 1)
})

for (const [how, commands] of [
  [
    'renamed',
    [
      ['RPUSH', 'b', '1'],
      ['RENAME', 'b', 'a'],
    ],
  ],
  [
    'copied',
    [
      ['RPUSH', 'b', '1'],
      ['COPY', 'b', 'a'],
    ],
  ],
  [
    'moved from another database',
    [
      ['SELECT', '1'],
      ['RPUSH', 'a', '1'],
      ['MOVE', 'a', '0'],
    ],
  ],
  [
    'in a database that is swapped in',
    [
      ['SELECT', '1'],
      ['RPUSH', 'a', '1'],
      ['SWAPDB', '0', '1'],
    ],
  ],
  [
    'put in place of a string',
    [
      ['SET', 'a', 'x'],
      ['RPUSH', 'b', '1'],
      ['RENAME', 'b', 'a'],
    ],
  ],
] as const) {
  test(`a list serves its waiting client when it is ${how}`, () => {
    const { client, run } = start()
    const waiting = client()
    waiting.send('BLPOP', 'a', '0')
    for (const words of commands) run(...words)
    assert.equal(waiting.replies, [['a', '1']])
  })
}

test('BLMPOP checks keys and options before its timeout, as in Redis', () => {
  const { client } = start()
  const asking = client()
  asking.send('BLMPOP', 'soon', 'none', 'a', 'LEFT')
  isRefused(asking, 'ERR numkeys should be greater than 0')
  asking.send('BLMPOP', 'soon', '1', 'a', 'LEFT')
  isRefused(asking, 'ERR timeout is not a float or out of range')
})

test.run()
