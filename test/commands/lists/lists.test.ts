/** List commands: replies, refusals and what is logged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { NULL_ARRAY, OK } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { objects } from '../../../commands/keys/object.ts'
import { lists } from '../../../commands/lists/lists.ts'
import { listMoves } from '../../../commands/lists/moves.ts'
import { listSearches } from '../../../commands/lists/searches.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const NOT_AN_INTEGER = 'ERR value is not an integer or out of range'

const start = () => harness([lists, listSearches, listMoves, keys, objects, strings])

/** Returns a server with a list `l` of these elements and an empty log. */
function withList(...elements: Bytes[]): Harness {
  const server = start()
  server.run('RPUSH', 'l', ...elements)
  server.logged()
  return server
}

const all = ({ run }: Harness, key = 'l') => run('LRANGE', key, '0', '-1')

/** Asserts that a command answers this error, changes nothing and logs nothing. */
function refuses(server: Harness, text: string, ...words: Bytes[]): void {
  const { changes } = server.keyspace
  assert.throws(
    () => server.run(...words),
    (error: Error) => error.message === text,
    words.join(' '),
  )
  assert.is(server.keyspace.changes, changes)
  assert.equal(server.logged(), [])
}

test('LPUSH and RPUSH add one element after the other, and are logged as sent', () => {
  const server = start()
  assert.is(server.run('LPUSH', 'l', 'a', 'b', 'c'), 3)
  assert.is(server.run('RPUSH', 'l', 'd', 'e'), 5)
  assert.equal(all(server), ['c', 'b', 'a', 'd', 'e'])
  assert.is(server.run('LLEN', 'l'), 5)
  assert.equal(server.logged(), [
    ['LPUSH', 'l', 'a', 'b', 'c'],
    ['RPUSH', 'l', 'd', 'e'],
  ])
})

test('LPUSHX and RPUSHX add to an existing list and do not create one', () => {
  const server = withList('a')
  assert.is(server.run('LPUSHX', 'l', 'b', 'c'), 3)
  assert.is(server.run('RPUSHX', 'l', 'd'), 4)
  assert.is(server.run('LPUSHX', 'none', 'b'), 0)
  assert.is(server.run('RPUSHX', 'none', 'b'), 0)
  assert.equal(all(server), ['c', 'b', 'a', 'd'])
  assert.is(server.run('EXISTS', 'none'), 0)
  assert.is(server.logged().length, 2)
})

test('LPOP and RPOP take one or up to a number of elements, and the last one deletes the key', () => {
  const server = withList('a', 'b', 'c', 'd', 'e')
  assert.is(server.run('LPOP', 'l'), 'a')
  assert.is(server.run('RPOP', 'l'), 'e')
  assert.equal(server.run('RPOP', 'l', '2'), ['d', 'c'])
  assert.equal(server.run('LPOP', 'l', '0'), [])
  assert.equal(server.run('LPOP', 'l', '100'), ['b'])
  assert.is(server.run('EXISTS', 'l'), 0)
  assert.equal(server.logged(), [
    ['LPOP', 'l'],
    ['RPOP', 'l'],
    ['RPOP', 'l', '2'],
    ['LPOP', 'l', '100'],
  ])
  assert.is(server.run('LPOP', 'l'), null)
  assert.is(server.run('LPOP', 'l', '1'), NULL_ARRAY)
  assert.is(server.run('RPOP', 'l', '0'), NULL_ARRAY)
})

test('LPOP refuses invalid counts', () => {
  const server = withList('a')
  for (const count of ['-1', 'x', '99999999999999999999'])
    refuses(server, 'ERR value is out of range, must be positive', 'LPOP', 'l', count)
  refuses(server, "ERR wrong number of arguments for 'rpop' command", 'RPOP', 'l', '1', '2')
})

test('LRANGE counts from either end and cuts off what is outside', () => {
  const { run } = withList('a', 'b', 'c', 'd')
  for (const [start, stop, expected] of [
    ['0', '-1', 'abcd'],
    ['1', '2', 'bc'],
    ['-2', '100', 'cd'],
    ['-100', '-3', 'ab'],
    ['2', '1', ''],
    ['4', '10', ''],
    ['0', '-5', ''],
    ['-9223372036854775808', '9223372036854775807', 'abcd'],
  ] as const)
    assert.equal(run('LRANGE', 'l', start, stop), [...expected], `${start} ${stop}`)
  assert.equal(run('LRANGE', 'none', '0', '-1'), [])
})

test('LINDEX and LSET count from either end', () => {
  const server = withList('a', 'b', 'c')
  assert.is(server.run('LINDEX', 'l', '0'), 'a')
  assert.is(server.run('LINDEX', 'l', '-1'), 'c')
  assert.is(server.run('LINDEX', 'l', '3'), null)
  assert.is(server.run('LINDEX', 'l', '-4'), null)
  assert.is(server.run('LINDEX', 'none', 'x'), null)
  assert.is(server.run('LSET', 'l', '-2', 'B'), OK)
  assert.equal(all(server), ['a', 'B', 'c'])
  assert.equal(server.logged(), [['LSET', 'l', '-2', 'B']])
  refuses(server, 'ERR index out of range', 'LSET', 'l', '3', 'x')
  refuses(server, 'ERR index out of range', 'LSET', 'l', '-4', 'x')
  refuses(server, 'ERR no such key', 'LSET', 'none', 'x', 'x')
  refuses(server, NOT_AN_INTEGER, 'LSET', 'l', 'x', 'x')
})

test('LTRIM keeps a range, and an empty one deletes the key', () => {
  const server = withList('a', 'b', 'c', 'd', 'e')
  server.run('LTRIM', 'l', '0', '-1')
  server.run('LTRIM', 'none', '0', '0')
  assert.equal(server.logged(), [])
  server.run('LTRIM', 'l', '1', '-2')
  assert.equal(all(server), ['b', 'c', 'd'])
  server.run('LTRIM', 'l', '-2', '100')
  assert.equal(all(server), ['c', 'd'])
  server.run('LTRIM', 'l', '5', '10')
  assert.is(server.run('EXISTS', 'l'), 0)
  assert.is(server.logged().length, 3)
})

test('LINSERT inserts beside the first element that equals the pivot', () => {
  const server = withList('a', 'b', 'a')
  assert.is(server.run('LINSERT', 'l', 'before', 'a', '1'), 4)
  assert.is(server.run('LINSERT', 'l', 'AFTER', 'a', '2'), 5)
  assert.equal(all(server), ['1', 'a', '2', 'b', 'a'])
  assert.is(server.logged().length, 2)
  assert.is(server.run('LINSERT', 'l', 'AFTER', 'none', 'x'), -1)
  assert.is(server.run('LINSERT', 'none', 'AFTER', 'a', 'x'), 0)
  assert.equal(server.logged(), [])
  refuses(server, 'ERR syntax error', 'LINSERT', 'l', 'BESIDE', 'a', 'x')
})

test('LREM removes a number of elements from the head, from the tail, or all', () => {
  const server = withList(...'abababa')
  assert.is(server.run('LREM', 'l', '2', 'a'), 2)
  assert.equal(all(server), [...'bbaba'])
  assert.is(server.run('LREM', 'l', '-1', 'a'), 1)
  assert.equal(all(server), [...'bbab'])
  assert.is(server.run('LREM', 'l', '0', 'b'), 3)
  assert.is(server.logged().length, 3)
  assert.is(server.run('LREM', 'l', '0', 'none'), 0)
  assert.equal(server.logged(), [])
  assert.is(server.run('LREM', 'l', '100', 'a'), 1)
  assert.is(server.run('EXISTS', 'l'), 0)
})

test('LPOS finds by rank, count and maximum length, from either end', () => {
  const { run } = withList('a', 'b', 'c', '1', '2', '3', 'c', 'c')
  const find = (...options: Bytes[]) => run('LPOS', 'l', 'c', ...options)
  assert.is(find(), 2)
  assert.is(find('RANK', '2'), 6)
  assert.is(find('rank', '-1'), 7)
  assert.is(find('RANK', '4'), null)
  assert.equal(find('COUNT', '2'), [2, 6])
  assert.equal(find('COUNT', '0'), [2, 6, 7])
  assert.equal(find('COUNT', '0', 'RANK', '-2'), [6, 2])
  assert.equal(find('COUNT', '0', 'MAXLEN', '3'), [2])
  assert.equal(find('COUNT', '0', 'MAXLEN', '2'), [])
  assert.equal(find('COUNT', '0', 'MAXLEN', '7', 'RANK', '2'), [6])
  assert.equal(find('COUNT', '0', 'MAXLEN', '2', 'RANK', '-1'), [7, 6])
  assert.is(run('LPOS', 'none', 'c'), null)
  assert.equal(run('LPOS', 'none', 'c', 'COUNT', '1'), [])
})

test("LPOS has Redis's errors", () => {
  const server = withList('a')
  const zero =
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"
  refuses(server, zero, 'LPOS', 'l', 'a', 'RANK', '0')
  refuses(
    server,
    'ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807',
    'LPOS',
    'l',
    'a',
    'RANK',
    '-9223372036854775808',
  )
  for (const [text, ...options] of [
    ["ERR COUNT can't be negative", 'COUNT', '-1'],
    ["ERR COUNT can't be negative", 'COUNT', 'x'],
    ["ERR MAXLEN can't be negative", 'MAXLEN', '-1'],
    [NOT_AN_INTEGER, 'RANK', 'x'],
    ['ERR syntax error', 'RANK'],
    ['ERR syntax error', 'FIRST', '1'],
  ] as const)
    refuses(server, text, 'LPOS', 'l', 'a', ...options)
})

test('LMOVE and RPOPLPUSH move between lists, and within one', () => {
  const server = withList('a', 'b', 'c')
  assert.is(server.run('LMOVE', 'l', 'm', 'LEFT', 'RIGHT'), 'a')
  assert.is(server.run('LMOVE', 'l', 'm', 'right', 'right'), 'c')
  assert.is(server.run('RPOPLPUSH', 'm', 'm'), 'c')
  assert.equal(all(server, 'm'), ['c', 'a'])
  assert.is(server.run('RPOPLPUSH', 'l', 'm'), 'b')
  assert.is(server.run('EXISTS', 'l'), 0)
  assert.equal(all(server, 'm'), ['b', 'c', 'a'])
  assert.is(server.logged().length, 4)
  assert.is(server.run('LMOVE', 'l', 'm', 'LEFT', 'LEFT'), null)
  assert.equal(server.logged(), [])
})

test("moving a list's only element to itself keeps the key and its deadline", () => {
  const server = withList('a')
  const entry = server.keyspace.database(0).find('l')
  server.run('RPOPLPUSH', 'l', 'l')
  assert.is(server.keyspace.database(0).find('l'), entry)
  assert.equal(all(server), ['a'])
})

test('LMPOP pops from the first existing list, and is logged as that pop', () => {
  const server = withList('a', 'b', 'c')
  assert.equal(server.run('LMPOP', '2', 'none', 'l', 'LEFT'), ['l', ['a']])
  assert.equal(server.run('LMPOP', '2', 'none', 'l', 'RIGHT', 'COUNT', '9223372036854775807'), ['l', ['c', 'b']])
  assert.is(server.run('LMPOP', '2', 'none', 'l', 'RIGHT'), NULL_ARRAY)
  assert.equal(server.logged(), [
    ['LPOP', 'l', '1'],
    ['RPOP', 'l', '2'],
  ])
  for (const [text, ...words] of [
    ['ERR numkeys should be greater than 0', '0', 'l', 'LEFT'],
    ['ERR numkeys should be greater than 0', 'x', 'l', 'LEFT'],
    ['ERR count should be greater than 0', '1', 'l', 'LEFT', 'COUNT', '0'],
    ['ERR syntax error', '1', 'l', 'LEFT', 'COUNT', '1', 'COUNT', '2'],
    ['ERR syntax error', '1', 'l', 'UP'],
    ['ERR syntax error', '2', 'l', 'LEFT'],
    ['ERR syntax error', '9999999999', 'l', 'LEFT'],
  ] as const)
    refuses(server, text, 'LMPOP', ...words)
})

test('every list command refuses a key of another type and leaves it unchanged', () => {
  const server = withList('a')
  server.run('SET', 's', 'x')
  server.logged()
  for (const line of [
    'LPUSH s a',
    'RPUSH s a',
    'LPUSHX s a',
    'RPUSHX s a',
    'LPOP s',
    'RPOP s 1',
    'LLEN s',
    'LRANGE s 0 1',
    'LINDEX s x',
    'LSET s 0 a',
    'LTRIM s 0 1',
    'LINSERT s BEFORE a b',
    'LREM s 0 a',
    'LPOS s a',
    'LMOVE s l LEFT LEFT',
    'LMOVE l s LEFT LEFT',
    'RPOPLPUSH l s',
    'LMPOP 2 none s LEFT',
  ])
    refuses(server, WRONGTYPE, ...line.split(' '))
  assert.equal(all(server), ['a'])
})

test('a list is called a listpack until it is too large, and again below half of that size', () => {
  const server = start()
  const { config } = server.server
  const encoding = () => server.run('OBJECT', 'ENCODING', 'l')
  config.set([['list-max-listpack-size', '4']])
  server.run('RPUSH', 'l', '1', '2', '3', '4')
  assert.is(encoding(), 'listpack')
  server.run('LPUSH', 'l', '0')
  assert.is(encoding(), 'quicklist')
  server.run('LPOP', 'l', '2')
  assert.is(encoding(), 'quicklist')
  server.run('LPOP', 'l')
  assert.is(encoding(), 'listpack')
  config.set([['list-max-listpack-size', '-1']])
  server.run('RPUSH', 'l', 'x'.repeat(3900))
  assert.is(encoding(), 'listpack')
  server.run('LSET', 'l', '0', 'y'.repeat(300))
  assert.is(encoding(), 'quicklist')
  server.run('LTRIM', 'l', '0', '0')
  assert.is(encoding(), 'listpack')
})

test.run()
