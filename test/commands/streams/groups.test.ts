/** XGROUP, XREADGROUP, XACK and XINFO: groups, consumers and what is logged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { MapReply, NULL_ARRAY } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { streamClaims } from '../../../commands/streams/claims.ts'
import { streamGroups } from '../../../commands/streams/groups.ts'
import { streamInfo } from '../../../commands/streams/info.ts'
import { streamReads } from '../../../commands/streams/reads.ts'
import { streams } from '../../../commands/streams/streams.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { type Harness, harness, START_MS } from '../../support/harness/harness.ts'

const INVALID_ID = 'ERR Invalid stream ID specified as stream command argument'
const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const NO_GROUP = "NOGROUP No such key 's' or consumer group 'none'"

const families = [streams, streamReads, streamGroups, streamClaims, streamInfo, strings, keys]
const made = () => harness(families, { config: { 'stream-node-max-entries': 100 } })

/** Returns a server with a stream s of entries 1-0 and so on, and a group g that has read none. */
function withGroup(count: number): Harness {
  const h = made()
  for (let ms = 1; ms <= count; ms++) h.run('XADD', 's', String(ms), 'f', String(ms))
  h.run('XGROUP', 'CREATE', 's', 'g', '0', 'MKSTREAM')
  h.logged()
  return h
}

/** Reads new entries for a consumer and returns their ids. */
function read(h: Harness, consumer: Bytes, ...options: Bytes[]): Bytes[] {
  const reply = h.plain('XREADGROUP', 'GROUP', 'g', consumer, ...options, 'STREAMS', 's', '>')
  return Array.isArray(reply) ? (reply as [Bytes, [Bytes, unknown][]][])[0]![1].map(([id]) => id) : []
}

/** Returns maps of XINFO GROUPS and its relatives as objects. */
function maps(h: Harness, ...words: Bytes[]): Record<string, unknown>[] {
  return (h.plain(...words) as unknown[][]).map((flat) => {
    const pairs: [string, unknown][] = []
    for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1]])
    return Object.fromEntries(pairs)
  })
}

const pending = (h: Harness, ...rest: Bytes[]) => h.plain('XPENDING', 's', 'g', '-', '+', '100', ...rest)

test('XGROUP CREATE needs an existing stream or MKSTREAM, and a new group name', () => {
  const h = made()
  const missing =
    'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.'
  assert.is(h.error('XGROUP', 'CREATE', 's', 'g', '$'), missing)
  assert.is(h.error('XGROUP', 'CREATE', 's', 'g', 'x', 'MKSTREAM'), INVALID_ID)
  assert.is(h.plain('EXISTS', 's'), 0)
  assert.is(h.plain('XGROUP', 'CREATE', 's', 'g', '$', 'mkstream'), 'OK')
  assert.is(h.error('XGROUP', 'CREATE', 's', 'g', '$', 'MKSTREAM'), 'BUSYGROUP Consumer Group name already exists')
  assert.equal(h.logged(), [['XGROUP', 'CREATE', 's', 'g', '$', 'mkstream']])
  assert.is(h.error('XGROUP', 'CREATE', 's', 'h', '0', 'ENTRIESREAD', '-2'), 'ERR value for ENTRIESREAD must be positive or -1')
  const wrong = "ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP."
  assert.is(h.error('XGROUP', 'CREATE', 's', 'h', '0', 'other'), wrong)
  assert.is(h.error('XGROUP', 'CREATE', 's', 'h', '0', 'MKSTREAM', 'MKSTREAM', 'ENTRIESREAD', '1'), wrong)
  assert.is(h.error('XGROUP', 'CREATE', 's', 'h', '+'), INVALID_ID)
  h.run('SET', 'string', 'x')
  assert.is(h.error('XGROUP', 'CREATE', 'string', 'g', '0', 'MKSTREAM'), WRONGTYPE)
})

test('XGROUP SETID moves a group, and DESTROY removes it with its pending entries', () => {
  const h = withGroup(5)
  assert.is(h.error('XGROUP', 'SETID', 's', 'none', '0'), "NOGROUP No such consumer group 'none' for key name 's'")
  assert.equal(read(h, 'c'), ['1-0', '2-0', '3-0', '4-0', '5-0'])
  assert.is(h.plain('XGROUP', 'SETID', 's', 'g', '3', 'ENTRIESREAD', '3'), 'OK')
  assert.equal(read(h, 'd'), ['4-0', '5-0'])
  assert.equal(maps(h, 'XINFO', 'GROUPS', 's'), [
    { name: 'g', consumers: 2, pending: 5, 'last-delivered-id': '5-0', 'entries-read': 5, lag: 0 },
  ])
  h.run('XGROUP', 'CREATE', 's', 'g2', '$')
  h.logged()
  assert.is(h.plain('XGROUP', 'DESTROY', 's', 'none'), 0)
  assert.equal(h.logged(), [])
  assert.is(h.plain('XGROUP', 'DESTROY', 's', 'g'), 1)
  assert.equal(h.logged(), [['XGROUP', 'DESTROY', 's', 'g']])
  assert.equal(
    maps(h, 'XINFO', 'GROUPS', 's').map(({ name }) => name),
    ['g2'],
  )
  h.run('XGROUP', 'CREATE', 's', 'g', '0')
  assert.equal(pending(h), [])
  assert.equal(h.plain('XINFO', 'CONSUMERS', 's', 'g'), [])
})

test('consumers are created, and deleted with their pending entries', () => {
  const h = withGroup(4)
  assert.is(h.plain('XGROUP', 'CREATECONSUMER', 's', 'g', 'c'), 1)
  assert.is(h.plain('XGROUP', 'CREATECONSUMER', 's', 'g', 'c'), 0)
  assert.equal(h.logged(), [['XGROUP', 'CREATECONSUMER', 's', 'g', 'c']])
  read(h, 'c', 'COUNT', '1')
  read(h, 'd')
  h.logged()
  assert.is(h.plain('XGROUP', 'DELCONSUMER', 's', 'g', 'd'), 3)
  assert.is(h.plain('XGROUP', 'DELCONSUMER', 's', 'g', 'd'), 0)
  assert.equal(h.logged(), [['XGROUP', 'DELCONSUMER', 's', 'g', 'd']])
  assert.equal(pending(h), [['1-0', 'c', 0, 1]])
  assert.equal(h.plain('XPENDING', 's', 'g'), [1, '1-0', '1-0', [['c', '1']]])
})

test('new entries are delivered once, and logged as claims', () => {
  const h = withGroup(3)
  const reply = h.plain('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '2', 'STREAMS', 's', '>')
  assert.equal(reply, [
    [
      's',
      [
        ['1-0', ['f', '1']],
        ['2-0', ['f', '2']],
      ],
    ],
  ])
  const time = String(START_MS)
  assert.equal(h.logged(), [
    ['XCLAIM', 's', 'g', 'c', '0', '1-0', '2-0', 'TIME', time, 'RETRYCOUNT', '1', 'FORCE', 'JUSTID', 'LASTID', '2-0'],
    ['XGROUP', 'SETID', 's', 'g', '2-0', 'ENTRIESREAD', '2'],
  ])
  assert.equal(read(h, 'd'), ['3-0'])
  h.logged()
  assert.equal(h.run('XREADGROUP', 'GROUP', 'g', 'd', 'STREAMS', 's', '>'), NULL_ARRAY)
  assert.equal(h.logged(), [], 'an empty read changes nothing')
  h.executor.context.mayBlock = false
  assert.equal(h.run('XREADGROUP', 'GROUP', 'g', 'e', 'BLOCK', '10', 'STREAMS', 's', '>'), NULL_ARRAY)
  assert.equal(h.logged(), [['XGROUP', 'CREATECONSUMER', 's', 'g', 'e']])
})

test('NOACK leaves no entry pending', () => {
  const h = withGroup(2)
  assert.equal(read(h, 'c', 'NOACK'), ['1-0', '2-0'])
  assert.equal(h.logged(), [
    ['XGROUP', 'CREATECONSUMER', 's', 'g', 'c'],
    ['XGROUP', 'SETID', 's', 'g', '2-0', 'ENTRIESREAD', '2'],
  ])
  assert.equal(pending(h), [])
})

test('an entry delivered again belongs to its new consumer', () => {
  const h = withGroup(3)
  read(h, 'c')
  h.run('XGROUP', 'SETID', 's', 'g', '1')
  assert.equal(read(h, 'd'), ['2-0', '3-0'])
  assert.equal(h.plain('XPENDING', 's', 'g'), [
    3,
    '1-0',
    '3-0',
    [
      ['c', '1'],
      ['d', '2'],
    ],
  ])
})

test("a consumer's history has its own entries, counts deliveries, and shows deleted ones", () => {
  const h = withGroup(4)
  read(h, 'c', 'COUNT', '3')
  read(h, 'd')
  h.run('XDEL', 's', '2')
  h.logged()
  h.keyspace.setClock(START_MS + 50)
  assert.equal(h.plain('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '0'), [
    [
      's',
      [
        ['1-0', ['f', '1']],
        ['2-0', NULL_ARRAY],
        ['3-0', ['f', '3']],
      ],
    ],
  ])
  assert.equal(h.logged(), [
    ['XCLAIM', 's', 'g', 'c', '0', '1-0', '3-0', 'TIME', String(START_MS + 50), 'RETRYCOUNT', '2', 'FORCE', 'JUSTID'],
  ])
  assert.equal(pending(h, 'c'), [
    ['1-0', 'c', 0, 2],
    ['2-0', 'c', 50, 1],
    ['3-0', 'c', 0, 2],
  ])
  const again = h.plain('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '1', 'STREAMS', 's', '1')
  assert.equal(again, [['s', [['2-0', NULL_ARRAY]]]])
  assert.equal(h.plain('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '3'), [['s', []]])
  assert.equal(h.plain('XREADGROUP', 'GROUP', 'g', 'new', 'STREAMS', 's', '0'), [['s', []]])
})

test('XREADGROUP is a map in RESP3', () => {
  const h = withGroup(1)
  h.session.resp = 3
  const reply = h.run('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')
  assert.instance(reply, MapReply)
  assert.equal((reply as MapReply).flat, ['s', [['1-0', ['f', '1']]]])
})

test('a refused XREADGROUP changes nothing', () => {
  const h = withGroup(1)
  h.run('SET', 'string', 'x')
  h.logged()
  const group = ['XREADGROUP', 'GROUP', 'g', 'c']
  assert.is(h.error('XREADGROUP', 'COUNT', '1', 'BLOCK', '1', 'STREAMS', 's', '>'), 'ERR Missing GROUP option for XREADGROUP')
  assert.is(
    h.error(...group, 'STREAMS', 's', 't', '>'),
    "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.",
  )
  const missing = "NOGROUP No such key 'none' or consumer group 'g' in XREADGROUP with GROUP option"
  assert.is(h.error(...group, 'STREAMS', 's', 'none', '>', '>'), missing)
  assert.is(h.error(...group, 'STREAMS', 's', 'string', '>', '>'), WRONGTYPE)
  assert.is(h.error(...group, 'STREAMS', 's', 's', '>', 'x'), INVALID_ID)
  assert.match(h.error(...group, 'STREAMS', 's', '$'), /^ERR The \$ ID is meaningless in the context of XREADGROUP: /)
  assert.equal(h.logged(), [])
  assert.equal(h.plain('XINFO', 'CONSUMERS', 's', 'g'), [])
})

test('XACK removes a pending entry once', () => {
  const h = withGroup(3)
  read(h, 'c')
  h.logged()
  assert.is(h.error('XACK', 's', 'g', '1', 'x'), INVALID_ID)
  assert.is(h.plain('XACK', 's', 'none', 'x'), 0)
  assert.is(h.plain('XACK', 'none', 'g', 'x'), 0)
  assert.is(h.plain('XACK', 's', 'g', '9', '8-1'), 0)
  assert.equal(h.logged(), [])
  assert.is(h.plain('XACK', 's', 'g', '1', '1', '3-0'), 2)
  assert.equal(h.logged(), [['XACK', 's', 'g', '1', '1', '3-0']])
  assert.equal(pending(h), [['2-0', 'c', 0, 1]])
})

test('XPENDING shows a summary, intervals, idle times and consumers', () => {
  const h = withGroup(6)
  assert.equal(h.plain('XPENDING', 's', 'g'), [0, null, null, NULL_ARRAY])
  read(h, 'b', 'COUNT', '2')
  h.keyspace.setClock(START_MS + 100)
  read(h, 'a', 'COUNT', '3')
  h.run('XGROUP', 'CREATECONSUMER', 's', 'g', 'idle')
  assert.equal(h.plain('XPENDING', 's', 'g'), [
    5,
    '1-0',
    '5-0',
    [
      ['a', '3'],
      ['b', '2'],
    ],
  ])
  const idsOf = (...words: Bytes[]) => (h.plain('XPENDING', 's', 'g', ...words) as unknown[][]).map(([id]) => id)
  assert.equal(idsOf('(1', '4', '10'), ['2-0', '3-0', '4-0'])
  assert.equal(idsOf('-', '(5', '3'), ['1-0', '2-0', '3-0'])
  assert.equal(idsOf('IDLE', '100', '-', '+', '10'), ['1-0', '2-0'])
  assert.equal(idsOf('idle', '101', '-', '+', '10', 'b'), [])
  assert.equal(idsOf('-', '+', '10', 'a'), ['3-0', '4-0', '5-0'])
  assert.equal(idsOf('4', '+', '1', 'a'), ['4-0'])
  assert.equal(idsOf('-', '+', '10', 'nobody'), [])
  assert.equal(idsOf('-', '+', '0'), [])
  assert.equal(idsOf('-', '+', '-3'), [])
  assert.is(h.error('XPENDING', 's', 'none'), NO_GROUP)
  assert.is(h.error('XPENDING', 's', 'g', '-', '+'), 'ERR syntax error')
  assert.is(h.error('XPENDING', 's', 'g', 'IDLE', '1', '-', '+'), 'ERR syntax error')
  assert.is(h.error('XPENDING', 's', 'g', '-', '+', 'x'), 'ERR value is not an integer or out of range')
  assert.is(h.error('XPENDING', 's', 'g', '-', '(0-0', '1'), 'ERR invalid end ID for the interval')
})

test('XINFO shows when consumers were seen and when they were active', () => {
  const h = withGroup(1)
  read(h, 'c')
  h.keyspace.setClock(START_MS + 10)
  h.run('XGROUP', 'CREATECONSUMER', 's', 'g', 'd')
  h.keyspace.setClock(START_MS + 30)
  read(h, 'c')
  h.logged()
  assert.equal(maps(h, 'XINFO', 'CONSUMERS', 's', 'g'), [
    { name: 'c', pending: 1, idle: 0, inactive: 30 },
    { name: 'd', pending: 0, idle: 20, inactive: -1 },
  ])
  const [, , , , , , , , , , , , , , , entries, , groups] = h.plain('XINFO', 'STREAM', 's', 'FULL') as unknown[]
  assert.equal(entries, [['1-0', ['f', '1']]])
  assert.equal(groups, [
    [
      ...['name', 'g', 'last-delivered-id', '1-0', 'entries-read', 1, 'lag', 0, 'pel-count', 1],
      ...['pending', [['1-0', 'c', START_MS, 1]], 'consumers'],
      [
        [...['name', 'c', 'seen-time', START_MS + 30, 'active-time', START_MS], ...['pel-count', 1, 'pending', [['1-0', START_MS, 1]]]],
        ['name', 'd', 'seen-time', START_MS + 10, 'active-time', -1, 'pel-count', 0, 'pending', []],
      ],
    ],
  ])
  assert.is(h.error('XINFO', 'CONSUMERS', 's', 'none'), "NOGROUP No such consumer group 'none' for key name 's'")
  assert.is(h.error('XINFO', 'GROUPS', 'none'), 'ERR no such key')
})

test('the lag is known unless entries in between were deleted', () => {
  const h = withGroup(5)
  const lag = () => maps(h, 'XINFO', 'GROUPS', 's').map(({ 'entries-read': read, lag }) => [read, lag])[0]
  assert.equal(lag(), [null, 5])
  read(h, 'c', 'COUNT', '2')
  assert.equal(lag(), [2, 3])
  h.run('XDEL', 's', '4')
  assert.equal(lag(), [2, null], 'an unread entry was deleted')
  read(h, 'c')
  assert.equal(lag(), [5, 0])
  h.run('XGROUP', 'SETID', 's', 'g', '0')
  assert.equal(lag(), [null, null])
  h.run('XTRIM', 's', 'MAXLEN', '1')
  assert.equal(lag(), [null, 1], 'all deleted entries are before the first one')
  h.run('XTRIM', 's', 'MAXLEN', '0')
  assert.equal(lag(), [null, 0])
})

test('the count of read entries stops at the largest 64-bit integer', () => {
  const h = withGroup(0)
  const most = '9223372036854775807'
  h.run('XSETID', 's', '0-1', 'ENTRIESADDED', most)
  h.run('XGROUP', 'SETID', 's', 'g', '0', 'ENTRIESREAD', most)
  h.run('XADD', 's', '1', 'f', 'v')
  h.logged()
  read(h, 'c')
  assert.equal(h.logged().at(-1), ['XGROUP', 'SETID', 's', 'g', '1-0', 'ENTRIESREAD', most])
})

test('HELP lists the subcommands', () => {
  const h = made()
  assert.match((h.plain('XGROUP', 'HELP') as string[])[1]!, /^CREATE /)
  assert.match((h.plain('XINFO', 'HELP') as string[])[1]!, /^CONSUMERS /)
  assert.is(h.error('XGROUP', 'nosuch'), "ERR unknown subcommand 'nosuch'. Try XGROUP HELP.")
})

test.run()
