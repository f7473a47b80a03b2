/** XADD, XRANGE, XREAD, XDEL and XTRIM: ids, trimming and what is logged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { MapReply, NULL_ARRAY } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { objects } from '../../../commands/keys/object.ts'
import { streamInfo } from '../../../commands/streams/info.ts'
import { streamReads } from '../../../commands/streams/reads.ts'
import { streams } from '../../../commands/streams/streams.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { type Harness, harness, START_MS } from '../../support/harness/harness.ts'

const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const INVALID_ID = 'ERR Invalid stream ID specified as stream command argument'
const NOT_AN_INTEGER = 'ERR value is not an integer or out of range'
const TOO_SMALL = 'ERR The ID specified in XADD is equal or smaller than the target stream top item'
const LAST = '18446744073709551615'

const made = (nodeEntries = 100, isReplaying = false) =>
  harness([streams, streamReads, streamInfo, strings, keys, objects], { config: { 'stream-node-max-entries': nodeEntries }, isReplaying })

/** Adds entries 1-0, 2-0 and so on to the stream s. */
function fill({ run, logged }: Harness, count: number): void {
  for (let ms = 1; ms <= count; ms++) run('XADD', 's', String(ms), 'f', String(ms))
  logged()
}

const ids = ({ plain }: Harness, ...words: Bytes[]) => (plain(...words) as [Bytes, unknown][]).map(([id]) => id)

function info({ plain }: Harness, key: Bytes): Record<string, unknown> {
  const flat = plain('XINFO', 'STREAM', key) as unknown[]
  const pairs: [string, unknown][] = []
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1]])
  return Object.fromEntries(pairs)
}

test('XADD with * uses the time and a sequence number within it', () => {
  const h = made()
  assert.is(h.plain('XADD', 's', '*', 'f', 'v'), `${START_MS}-0`)
  assert.is(h.plain('XADD', 's', '*', 'f', 'v'), `${START_MS}-1`)
  h.keyspace.setClock(START_MS - 10)
  assert.is(h.plain('XADD', 's', '*', 'f', 'v', 'g', 'w'), `${START_MS}-2`)
  h.keyspace.setClock(START_MS + 1)
  assert.is(h.plain('XADD', 's', '*', 'f', 'v'), `${START_MS + 1}-0`)
  assert.equal(h.logged(), [
    ['XADD', 's', `${START_MS}-0`, 'f', 'v'],
    ['XADD', 's', `${START_MS}-1`, 'f', 'v'],
    ['XADD', 's', `${START_MS}-2`, 'f', 'v', 'g', 'w'],
    ['XADD', 's', `${START_MS + 1}-0`, 'f', 'v'],
  ])
  assert.equal(h.plain('XRANGE', 's', `${START_MS}-2`, `${START_MS}-2`), [[`${START_MS}-2`, ['f', 'v', 'g', 'w']]])
})

test('XADD with an explicit id is logged as sent', () => {
  const h = made()
  assert.is(h.plain('XADD', 's', '5', 'f', ''), '5-0')
  assert.is(h.plain('XADD', 's', '5-3', '', '\xff\0\r\n'), '5-3')
  assert.equal(h.logged(), [
    ['XADD', 's', '5', 'f', ''],
    ['XADD', 's', '5-3', '', '\xff\0\r\n'],
  ])
  assert.equal(h.plain('XRANGE', 's', '-', '+'), [
    ['5-0', ['f', '']],
    ['5-3', ['', '\xff\0\r\n']],
  ])
})

test('XADD with ms-* chooses the sequence number', () => {
  const h = made()
  assert.is(h.plain('XADD', 's', '0-*', 'f', 'v'), '0-1')
  assert.is(h.plain('XADD', 's', '7-*', 'f', 'v'), '7-0')
  assert.is(h.plain('XADD', 's', '7-*', 'f', 'v'), '7-1')
  assert.is(h.error('XADD', 's', '6-*', 'f', 'v'), TOO_SMALL)
  h.run('XADD', 's', `7-${LAST}`, 'f', 'v')
  assert.is(h.error('XADD', 's', '7-*', 'f', 'v'), TOO_SMALL)
  assert.is(h.plain('XADD', 's', '8-*', 'f', 'v'), '8-0')
  assert.equal(h.logged().slice(0, 2), [
    ['XADD', 's', '0-1', 'f', 'v'],
    ['XADD', 's', '7-0', 'f', 'v'],
  ])
})

test('64-bit ids are exact, and no id follows the last one', () => {
  const h = made()
  assert.is(h.plain('XADD', 's', '9007199254740993-18446744073709551614', 'f', 'v'), '9007199254740993-18446744073709551614')
  assert.is(h.error('XADD', 's', '9007199254740993-18446744073709551613', 'f', 'v'), TOO_SMALL)
  assert.is(h.plain('XADD', 's', '*', 'f', 'v'), `9007199254740993-${LAST}`)
  assert.is(h.plain('XADD', 's', '*', 'f', 'v'), '9007199254740994-0')
  h.run('XADD', 's', `${LAST}-${LAST}`, 'f', 'v')
  assert.is(h.error('XADD', 's', '*', 'f', 'v'), 'ERR The stream has exhausted the last possible ID, unable to add more items')
  assert.is(h.error('XADD', 's', '18446744073709551616-1', 'f', 'v'), INVALID_ID)
})

test('a refused XADD creates no stream', () => {
  const h = made()
  assert.is(h.error('XADD', 's', '0-0', 'f', 'v'), 'ERR The ID specified in XADD must be greater than 0-0')
  for (const id of ['-', '+', '$', '>', '', '1-', '-1', '1-1-1', '1-x', 'x-*', '-*', '1.5', '0x1'])
    assert.is(h.error('XADD', 's', id, 'f', 'v'), INVALID_ID, id)
  for (const words of [
    ['*', 'f', 'v', 'g'],
    ['NOMKSTREAM', '*', 'f'],
    ['MAXLEN', '1', '*', 'f'],
  ])
    assert.is(h.error('XADD', 's', ...words), "ERR wrong number of arguments for 'xadd' command")
  assert.is(h.plain('EXISTS', 's'), 0)
  assert.equal(h.logged(), [])
  h.run('SET', 'string', 'x')
  assert.is(h.error('XADD', 'string', '*', 'f', 'v'), WRONGTYPE)
  assert.is(h.error('XADD', 'string', 'NOMKSTREAM', '*', 'f', 'v'), WRONGTYPE)
})

test('ids are parsed like C numbers', () => {
  const h = made()
  assert.is(h.plain('XADD', 's', '007', 'f', 'v'), '7-0')
  assert.is(h.plain('XADD', 's', ' +8-+9', 'f', 'v'), '8-9')
  assert.is(h.plain('XADD', 's', '10\0x', 'f', 'v'), '10-0')
})

test('NOMKSTREAM adds to existing streams only', () => {
  const h = made()
  assert.is(h.plain('XADD', 's', 'NOMKSTREAM', '*', 'f', 'v'), null)
  assert.equal(h.logged(), [])
  h.run('XADD', 's', '1', 'f', 'v')
  assert.is(h.plain('XADD', 's', 'nomkstream', '2', 'f', 'v'), '2-0')
})

test('exact trimming works by length and by id, with and without =', () => {
  const h = made()
  fill(h, 10)
  assert.is(h.plain('XTRIM', 's', 'MAXLEN', '8'), 2)
  assert.is(h.plain('XTRIM', 's', 'MAXLEN', '=', '8'), 0)
  assert.is(h.plain('XTRIM', 's', 'minid', '=', '5'), 2)
  h.run('XADD', 's', 'MAXLEN', '3', '11', 'f', 'v')
  assert.equal(ids(h, 'XRANGE', 's', '-', '+'), ['9-0', '10-0', '11-0'])
  h.run('XADD', 's', 'MINID', '11-0', '12', 'f', 'v')
  assert.equal(ids(h, 'XRANGE', 's', '-', '+'), ['11-0', '12-0'])
  assert.is(h.plain('XADD', 's', 'MAXLEN', '0', '13', 'f', 'v'), '13-0')
  assert.is(h.plain('XLEN', 's'), 0)
  assert.is(h.plain('EXISTS', 's'), 1)
  assert.equal(h.logged(), [
    ['XTRIM', 's', 'MAXLEN', '8'],
    ['XTRIM', 's', 'minid', '=', '5'],
    ['XADD', 's', 'MAXLEN', '3', '11', 'f', 'v'],
    ['XADD', 's', 'MINID', '11-0', '12', 'f', 'v'],
    ['XADD', 's', 'MAXLEN', '0', '13', 'f', 'v'],
  ])
})

test('approximate trimming removes whole nodes and is logged as its result', () => {
  const h = made(10)
  fill(h, 35)
  assert.is(h.plain('XTRIM', 's', 'MAXLEN', '~', '30'), 0)
  assert.equal(h.logged(), [])
  assert.is(h.plain('XTRIM', 's', 'MAXLEN', '~', '20'), 10)
  assert.is(h.plain('XTRIM', 's', 'MINID', '~', '25'), 10)
  h.run('XADD', 's', 'MAXLEN', '~', '8', '*', 'f', 'v')
  assert.is(h.plain('XLEN', 's'), 16)
  h.run('XADD', 's', 'MINID', '~', '31', `${START_MS + 1}-*`, 'f', 'v')
  assert.equal(h.logged(), [
    ['XTRIM', 's', 'MAXLEN', '=', '25'],
    ['XTRIM', 's', 'MINID', '=', '21-0'],
    ['XADD', 's', 'MAXLEN', '=', '16', `${START_MS}-0`, 'f', 'v'],
    ['XADD', 's', 'MINID', '=', '31-0', `${START_MS + 1}-0`, 'f', 'v'],
  ])
  assert.is(h.plain('XTRIM', 's', 'MAXLEN', '~', '0'), 7)
  assert.equal(h.logged(), [['XTRIM', 's', 'MAXLEN', '=', '0']])
})

test('approximate trimming of everything by id is logged with that id', () => {
  const h = made(10)
  fill(h, 3)
  assert.is(h.plain('XTRIM', 's', 'MINID', '~', '9'), 3)
  assert.equal(h.logged(), [['XTRIM', 's', 'MINID', '=', '9']])
})

test('approximate trimming stays within its limit', () => {
  const h = made(10)
  fill(h, 35)
  assert.is(h.plain('XTRIM', 's', 'MAXLEN', '~', '0', 'LIMIT', '9'), 0)
  assert.is(h.plain('XTRIM', 's', 'MAXLEN', '~', '0', 'LIMIT', '25'), 20)
  assert.is(h.plain('XTRIM', 's', 'MAXLEN', '~', '0', 'LIMIT', '0'), 15)
  const small = made(1)
  fill(small, 102)
  assert.is(small.plain('XTRIM', 's', 'MAXLEN', '~', '1'), 100, 'a hundred nodes, where no limit is given')
})

test('replay has no trimming limit under any configuration', () => {
  const h = made(1, true)
  fill(h, 102)
  assert.is(h.plain('XTRIM', 's', 'MAXLEN', '=', '1', 'LIMIT', '5'), 101)
})

test('incompatible trimming options are refused', () => {
  const h = made()
  fill(h, 3)
  const both = 'ERR syntax error, MAXLEN and MINID options at the same time are not compatible'
  assert.is(h.error('XADD', 's', 'MAXLEN', '1', 'MINID', '1', '*', 'f', 'v'), both)
  assert.is(h.error('XTRIM', 's', 'MAXLEN', '1', 'MAXLEN', '1'), both)
  assert.is(h.error('XTRIM', 's', 'LIMIT', '1'), 'ERR syntax error, LIMIT cannot be used without specifying a trimming strategy')
  assert.is(h.error('XTRIM', 's', 'LIMIT', '0'), 'ERR syntax error, XTRIM must be called with a trimming strategy')
  assert.is(
    h.error('XADD', 's', 'LIMIT', '1', '*', 'f', 'v'),
    'ERR syntax error, LIMIT cannot be used without specifying a trimming strategy',
  )
  assert.is(h.error('XTRIM', 's', 'MAXLEN', '1', 'LIMIT', '1'), 'ERR syntax error, LIMIT cannot be used without the special ~ option')
  assert.is(h.error('XTRIM', 's', 'MAXLEN', '-1'), 'ERR The MAXLEN argument must be >= 0.')
  assert.is(h.error('XTRIM', 's', 'MAXLEN', '~', '1', 'LIMIT', '-1'), 'ERR The LIMIT argument must be >= 0.')
  assert.is(h.error('XTRIM', 's', 'MAXLEN', 'x'), NOT_AN_INTEGER)
  assert.is(h.error('XTRIM', 's', 'MINID', 'x'), INVALID_ID)
  assert.is(h.error('XTRIM', 's', 'other', '1'), 'ERR syntax error')
  assert.is(h.error('XTRIM', 's', 'MAXLEN', '1', 'x'), 'ERR syntax error')
  assert.is(h.plain('XTRIM', 'none', 'MAXLEN', '0'), 0)
  assert.is(h.plain('XLEN', 's'), 3)
})

test('XRANGE and XREVRANGE take intervals, open ends and counts', () => {
  const h = made()
  for (const id of ['1-1', '1-2', '2-0', '3-5', '4-0']) h.run('XADD', 's', id, 'f', 'v')
  assert.equal(ids(h, 'XRANGE', 's', '-', '+'), ['1-1', '1-2', '2-0', '3-5', '4-0'])
  assert.equal(ids(h, 'XREVRANGE', 's', '+', '-'), ['4-0', '3-5', '2-0', '1-2', '1-1'])
  assert.equal(ids(h, 'XRANGE', 's', '1', '1'), ['1-1', '1-2'])
  assert.equal(ids(h, 'XREVRANGE', 's', '3', '1-2'), ['3-5', '2-0', '1-2'])
  assert.equal(ids(h, 'XRANGE', 's', '(1-1', '(3-5'), ['1-2', '2-0'])
  assert.equal(ids(h, 'XRANGE', 's', '(1', '(3'), ['1-1', '1-2', '2-0', '3-5'])
  assert.equal(ids(h, 'XRANGE', 's', '-', '+', 'COUNT', '2'), ['1-1', '1-2'])
  assert.equal(ids(h, 'XREVRANGE', 's', '+', '-', 'COUNT', '1'), ['4-0'])
  assert.equal(ids(h, 'XRANGE', 's', '+', '-'), [])
  assert.equal(ids(h, 'XRANGE', 's', '5', '9'), [])
  assert.equal(h.run('XRANGE', 's', '-', '+', 'COUNT', '0'), NULL_ARRAY)
  assert.equal(h.run('XRANGE', 's', '-', '+', 'COUNT', '-5'), NULL_ARRAY)
  assert.equal(h.plain('XRANGE', 'none', '-', '+', 'COUNT', '0'), [])
  assert.is(h.error('XRANGE', 's', `(${LAST}-${LAST}`, '+'), 'ERR invalid start ID for the interval')
  assert.is(h.error('XRANGE', 's', '-', '(0-0'), 'ERR invalid end ID for the interval')
  assert.is(h.error('XRANGE', 's', '(-', '+'), INVALID_ID)
  assert.is(h.error('XRANGE', 's', '-', '+', 'COUNT'), 'ERR syntax error')
  assert.is(h.error('XRANGE', 's', '-', '+', 'COUNT', 'x'), NOT_AN_INTEGER)
  h.run('SET', 'string', 'x')
  assert.is(h.error('XRANGE', 'string', '-', '+'), WRONGTYPE)
})

test('XDEL removes existing entries, after checking all ids', () => {
  const h = made()
  fill(h, 4)
  assert.is(h.error('XDEL', 's', '1', 'x'), INVALID_ID)
  assert.is(h.plain('XDEL', 's', '9', '8-1'), 0)
  assert.equal(h.logged(), [])
  assert.is(h.plain('XDEL', 's', '2', '2-0', '3'), 2)
  assert.equal(h.logged(), [['XDEL', 's', '2', '2-0', '3']])
  assert.equal(ids(h, 'XRANGE', 's', '-', '+'), ['1-0', '4-0'])
  assert.is(h.plain('XDEL', 'none', 'x'), 0)
  h.run('XDEL', 's', '1', '4')
  assert.is(h.plain('EXISTS', 's'), 1)
  assert.is(h.error('XADD', 's', '4', 'f', 'v'), TOO_SMALL)
  const { 'max-deleted-entry-id': maxDeleted, 'entries-added': added, 'recorded-first-entry-id': first, length } = info(h, 's')
  assert.equal([maxDeleted, added, first, length], ['4-0', 4, '0-0', 0])
})

test('XSETID sets the last id that new entries must follow', () => {
  const h = made()
  assert.is(h.error('XSETID', 's', '5'), 'ERR no such key')
  fill(h, 3)
  assert.is(h.error('XSETID', 's', '2'), 'ERR The ID specified in XSETID is smaller than the target stream top item')
  assert.is(
    h.error('XSETID', 's', '9', 'ENTRIESADDED', '2'),
    'ERR The entries_added specified in XSETID is smaller than the target stream length',
  )
  assert.is(h.error('XSETID', 's', '9', 'ENTRIESADDED', '-1'), 'ERR entries_added must be positive')
  assert.is(
    h.error('XSETID', 's', '9', 'MAXDELETEDID', '10'),
    'ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id',
  )
  assert.is(h.error('XSETID', 's', '9', 'MAXDELETEDID'), 'ERR syntax error')
  assert.equal(h.logged(), [])
  assert.is(h.plain('XSETID', 's', '9-1', 'ENTRIESADDED', '9223372036854775807', 'maxdeletedid', '8'), 'OK')
  assert.equal(h.logged(), [['XSETID', 's', '9-1', 'ENTRIESADDED', '9223372036854775807', 'maxdeletedid', '8']])
  const { 'last-generated-id': last, 'max-deleted-entry-id': maxDeleted, 'entries-added': added } = info(h, 's')
  assert.equal([last, maxDeleted, added], ['9-1', '8-0', 9223372036854775807n])
  assert.is(h.error('XSETID', 's', '7'), 'ERR The ID specified in XSETID is smaller than current max_deleted_entry_id')
  assert.is(h.plain('XSETID', 's', '10'), 'OK')
})

test('XREAD returns the entries after each id, by stream', () => {
  const h = made()
  fill(h, 3)
  h.run('XADD', 't', '7', 'a', 'b')
  assert.equal(h.plain('XREAD', 'STREAMS', 's', 't', 'none', '2', '0', '0'), [
    ['s', [['3-0', ['f', '3']]]],
    ['t', [['7-0', ['a', 'b']]]],
  ])
  assert.equal(h.plain('XREAD', 'COUNT', '1', 'STREAMS', 's', '0'), [['s', [['1-0', ['f', '1']]]]])
  assert.equal(h.plain('XREAD', 'COUNT', '0', 'STREAMS', 't', '0'), [['t', [['7-0', ['a', 'b']]]]])
  assert.equal(h.run('XREAD', 'STREAMS', 's', 't', '$', '7'), NULL_ARRAY)
  h.executor.context.mayBlock = false
  assert.equal(h.run('XREAD', 'BLOCK', '0', 'STREAMS', 's', '3'), NULL_ARRAY, 'nothing blocks here')
  h.run('XDEL', 's', '3')
  assert.equal(h.run('XREAD', 'STREAMS', 's', '2'), NULL_ARRAY, 'the newer entries were deleted')
})

test('XREAD is a map in RESP3', () => {
  const h = made()
  fill(h, 1)
  h.session.resp = 3
  const reply = h.run('XREAD', 'STREAMS', 's', '0')
  assert.instance(reply, MapReply)
  assert.equal((reply as MapReply).flat, ['s', [['1-0', ['f', '1']]]])
})

test('invalid XREAD requests are refused', () => {
  const h = made()
  h.run('SET', 'string', 'x')
  assert.is(
    h.error('XREAD', 'STREAMS', 's', 't', '0'),
    "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.",
  )
  assert.is(h.error('XREAD', 'COUNT', '1', 's', '0'), 'ERR syntax error')
  assert.is(h.error('XREAD', 'COUNT', 'x', 'STREAMS', 's', '0'), NOT_AN_INTEGER)
  assert.is(h.error('XREAD', 'BLOCK', 'x', 'STREAMS', 's', '0'), 'ERR timeout is not an integer or out of range')
  assert.is(h.error('XREAD', 'BLOCK', '-1', 'STREAMS', 's', '0'), 'ERR timeout is negative')
  assert.is(h.error('XREAD', 'STREAMS', 's', 'x'), INVALID_ID)
  assert.is(h.error('XREAD', 'STREAMS', 'string', '0'), WRONGTYPE)
  assert.is(
    h.error('XREAD', 'STREAMS', 's', '>'),
    'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
  )
  assert.is(
    h.error('XREAD', 'GROUP', 'g', 'c', 'STREAMS', 's', '0'),
    'ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.',
  )
  assert.is(
    h.error('XREAD', 'NOACK', 'STREAMS', 's', '0'),
    'ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.',
  )
})

test("XINFO STREAM shows a stream's ends and counts", () => {
  const h = made()
  assert.is(h.error('XINFO', 'STREAM', 's'), 'ERR no such key')
  fill(h, 150)
  h.run('XDEL', 's', '1')
  const shown = info(h, 's')
  assert.equal(shown, {
    length: 149,
    'radix-tree-keys': 2,
    'radix-tree-nodes': 3,
    'last-generated-id': '150-0',
    'max-deleted-entry-id': '1-0',
    'entries-added': 150,
    'recorded-first-entry-id': '2-0',
    groups: 0,
    'first-entry': ['2-0', ['f', '2']],
    'last-entry': ['150-0', ['f', '150']],
  })
  assert.instance(h.run('XINFO', 'STREAM', 's'), MapReply)
  const wrong = "ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP."
  assert.is(h.error('XINFO', 'STREAM', 's', 'x'), wrong)
  assert.is(h.error('XINFO', 'STREAM', 's', 'FULL', 'COUNT'), wrong)
  assert.is(h.error('XINFO', 'STREAM', 's', 'FULL', 'COUNT', 'x'), NOT_AN_INTEGER)
  h.run('SET', 'string', 'x')
  assert.is(h.error('XINFO', 'STREAM', 'string'), WRONGTYPE)
})

test('general commands handle streams', () => {
  const h = made()
  fill(h, 1)
  assert.is(h.plain('TYPE', 's'), 'stream')
  assert.is(h.plain('OBJECT', 'ENCODING', 's'), 'stream')
  assert.is(h.error('GET', 's'), WRONGTYPE)
  assert.is(h.plain('XLEN', 's'), 1)
  h.run('SET', 'string', 'x')
  assert.is(h.error('XLEN', 'string'), WRONGTYPE)
  assert.is(h.plain('COPY', 's', 'copy'), 1)
  h.run('XADD', 'copy', '2', 'f', 'v')
  assert.is(h.plain('XLEN', 's'), 1)
  assert.is(info(h, 'copy')['entries-added'], 2)
})

test.run()
