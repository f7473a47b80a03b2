/** Pops of sorted sets, blocking ones included: order, replies and what is logged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ClientError } from '../../../commands/contract/errors.ts'
import { Double, NULL_ARRAY, type Reply } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { sortedSetAlgebra } from '../../../commands/sorted-sets/algebra.ts'
import { sortedSetRanges } from '../../../commands/sorted-sets/ranges.ts'
import { sortedSetRemoval } from '../../../commands/sorted-sets/removal.ts'
import { sortedSets } from '../../../commands/sorted-sets/sorted-sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { type HarnessOptions, harness, type TestClient } from '../../support/harness/harness.ts'

const CONFIG = { 'zset-max-listpack-entries': 4, 'zset-max-listpack-value': 8 }
const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const FAMILIES = [sortedSets, sortedSetRanges, sortedSetRemoval, sortedSetAlgebra, strings, keys]

const double = (value: number) => new Double(value)
const pair = (member: string, score: number): Reply => [member, double(score)]

function filled(options: HarnessOptions = {}) {
  const made = harness(FAMILIES, { config: CONFIG, ...options })
  const line = (text: string) => made.run(...text.split(' '))
  line('ZADD z 1 a 2 b 3 c 4 d 5 e 6 f')
  line('SET s x')
  made.logged()
  return { ...made, line, refusal: (text: string) => made.error(...text.split(' ')) }
}

test('ZPOPMIN and ZPOPMAX remove members from either end, the outermost first', () => {
  const { line, logged } = filled()
  assert.equal(line('ZPOPMIN z'), ['a', double(1)])
  assert.equal(line('ZPOPMAX z'), ['f', double(6)])
  assert.equal(line('ZPOPMIN z 2'), ['b', double(2), 'c', double(3)])
  assert.equal(line('ZPOPMIN z 0'), [])
  assert.equal(line('ZPOPMIN none'), [])
  assert.equal(line('ZPOPMAX z 9'), ['e', double(5), 'd', double(4)])
  assert.is(line('EXISTS z'), 0)
  assert.equal(logged(), [
    ['ZPOPMIN', 'z'],
    ['ZPOPMAX', 'z'],
    ['ZPOPMIN', 'z', '2'],
    ['ZPOPMAX', 'z', '9'],
  ])
})

test('members of one score are popped in byte order', () => {
  const { line } = filled()
  line('ZADD same 0 b 0 a 0 c')
  assert.equal(line('ZPOPMIN same'), ['a', double(0)])
  assert.equal(line('ZPOPMAX same'), ['c', double(0)])
  assert.equal(line('ZPOPMAX same'), ['b', double(0)])
  assert.is(line('EXISTS same'), 0)
})

test('in RESP3 a pop with a count returns pairs', () => {
  const { line } = filled({ session: { resp: 3 } })
  assert.equal(line('ZPOPMIN z'), ['a', double(1)])
  assert.equal(line('ZPOPMIN z 1'), [pair('b', 2)])
  assert.equal(line('ZPOPMAX z 2'), [pair('f', 6), pair('e', 5)])
})

test('ZMPOP pops from the first existing key, and is logged as the plain pop', () => {
  const { line, logged } = filled()
  assert.equal(line('ZMPOP 2 none z MIN'), ['z', [pair('a', 1)]])
  assert.equal(line('ZMPOP 1 z max COUNT 2'), ['z', [pair('f', 6), pair('e', 5)]])
  assert.is(line('ZMPOP 2 none none MIN'), NULL_ARRAY)
  assert.equal(line('ZMPOP 1 z MIN COUNT 100'), ['z', [pair('b', 2), pair('c', 3), pair('d', 4)]])
  assert.equal(logged(), [
    ['ZPOPMIN', 'z', '1'],
    ['ZPOPMAX', 'z', '2'],
    ['ZPOPMIN', 'z', '3'],
  ])
})

test('refused pops change nothing', () => {
  const { refusal, logged } = filled()
  const NUMKEYS = 'ERR numkeys should be greater than 0'
  const COUNT = 'ERR count should be greater than 0'
  const POSITIVE = 'ERR value is out of range, must be positive'
  for (const [request, text] of [
    ['ZPOPMIN z -1', POSITIVE],
    ['ZPOPMAX z x', POSITIVE],
    ['ZPOPMIN z 1 2', 'ERR syntax error'],
    ['ZPOPMIN s', WRONGTYPE],
    ['ZPOPMIN s 0', WRONGTYPE],
    ['ZMPOP 0 z MIN', NUMKEYS],
    ['ZMPOP x z MIN', NUMKEYS],
    ['ZMPOP 2 z MIN', 'ERR syntax error'],
    ['ZMPOP 1 z foo', 'ERR syntax error'],
    ['ZMPOP 1 z MIN COUNT 0', COUNT],
    ['ZMPOP 1 z MIN COUNT x', COUNT],
    ['ZMPOP 1 z MIN COUNT', 'ERR syntax error'],
    ['ZMPOP 1 z MIN COUNT 1 COUNT 1', 'ERR syntax error'],
    ['ZMPOP 2 s z MIN', WRONGTYPE],
    ['BZMPOP 0 0 z MIN', NUMKEYS],
    ['BZMPOP x 1 z foo', 'ERR syntax error'],
    ['BZMPOP x 1 z MIN', 'ERR timeout is not a float or out of range'],
    ['BZMPOP -1 1 z MIN', 'ERR timeout is negative'],
    ['BZPOPMIN z x', 'ERR timeout is not a float or out of range'],
    ['BZPOPMIN s z 0', WRONGTYPE],
  ] as const)
    assert.is(refusal(request), text, request)
  assert.equal(logged(), [])
})

function start() {
  const made = harness(FAMILIES)
  const line = (text: string) => made.run(...text.split(' '))
  const waiting = (text: string): TestClient => {
    const client = made.client()
    client.send(...text.split(' '))
    return client
  }
  return { ...made, line, waiting }
}

test('blocking pops are answered at once if there is a member', () => {
  const { line, waiting, blocked, logged } = start()
  line('ZADD z 1 a 2 b 3 c 4 d 5 e')
  assert.equal(waiting('BZPOPMIN none z 0').replies, [['z', 'a', double(1)]])
  assert.equal(waiting('BZPOPMAX z none 0').replies, [['z', 'e', double(5)]])
  assert.equal(waiting('BZMPOP 0 2 none z MIN COUNT 2').replies, [['z', [pair('b', 2), pair('c', 3)]]])
  assert.is(blocked.count, 0)
  assert.equal(logged().slice(1), [
    ['ZPOPMIN', 'z'],
    ['ZPOPMAX', 'z'],
    ['ZPOPMIN', 'z', '2'],
  ])
})

test('blocked clients are served in order, and their pops are logged after the write that served them', () => {
  const { line, waiting, blocked, logged } = start()
  const first = waiting('BZPOPMIN z other 0')
  const second = waiting('BZMPOP 0 1 z MAX COUNT 5')
  const third = waiting('BZPOPMAX z 0')
  assert.is(line('ZADD z 1 a 2 b'), 2)
  assert.equal(first.replies, [['z', 'a', double(1)]])
  assert.equal(second.replies, [['z', [pair('b', 2)]]])
  assert.equal(third.replies, [])
  assert.is(blocked.count, 1)
  assert.is(line('EXISTS z'), 0)
  line('ZUNIONSTORE z 1 none')
  line('ZADD from 7 x')
  line('RENAME from z')
  assert.equal(third.replies, [['z', 'x', double(7)]])
  assert.equal(logged(), [
    ['ZADD', 'z', '1', 'a', '2', 'b'],
    ['ZPOPMIN', 'z'],
    ['ZPOPMAX', 'z', '1'],
    ['ZADD', 'from', '7', 'x'],
    ['RENAME', 'from', 'z'],
    ['ZPOPMAX', 'z'],
  ])
})

test('stored results serve blocked clients, and values of other types do not', () => {
  const { line, waiting } = start()
  const client = waiting('BZPOPMIN z 0')
  line('SET z x')
  assert.equal(client.replies, [])
  line('DEL z')
  line('ZADD from 1 a')
  line('ZRANGESTORE z from 0 -1')
  assert.equal(client.replies, [['z', 'a', double(1)]])
})

test('a timeout is a nil array', () => {
  const { waiting, advance } = start()
  const clients = [waiting('BZPOPMIN z 0.5'), waiting('BZMPOP 0.5 1 z MIN')]
  advance(400)
  assert.ok(clients.every(({ replies }) => replies.length === 0))
  advance(200)
  assert.ok(clients.every(({ replies }) => replies[0] === NULL_ARRAY))
  assert.not(clients.some(({ replies }) => replies[0] instanceof ClientError))
})

test.run()
