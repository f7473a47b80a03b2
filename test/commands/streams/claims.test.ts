/** XCLAIM, XAUTOCLAIM and XPENDING: owners of entries, and logged effects. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { streamClaims } from '../../../commands/streams/claims.ts'
import { streamGroups } from '../../../commands/streams/groups.ts'
import { streamInfo } from '../../../commands/streams/info.ts'
import { streamReads } from '../../../commands/streams/reads.ts'
import { streams } from '../../../commands/streams/streams.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { type Harness, harness, START_MS } from '../../support/harness/harness.ts'

const NO_GROUP = "NOGROUP No such key 's' or consumer group 'none'"
const families = [streams, streamReads, streamGroups, streamClaims, streamInfo, strings, keys]

/**
 * Returns a server with a stream s of `count` entries 1-0 and so on. Consumer c of group g has read
 * the first ones.
 */
function withPending(count: number, delivered: number): Harness {
  const h = harness(families, { config: { 'stream-node-max-entries': 100 } })
  for (let ms = 1; ms <= count; ms++) h.run('XADD', 's', String(ms), 'f', String(ms))
  h.run('XGROUP', 'CREATE', 's', 'g', '0')
  if (delivered > 0) h.run('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', String(delivered), 'STREAMS', 's', '>')
  h.logged()
  return h
}

const pending = (h: Harness, ...rest: Bytes[]) => h.plain('XPENDING', 's', 'g', '-', '+', '100', ...rest)
const consumers = (h: Harness) => (h.plain('XINFO', 'CONSUMERS', 's', 'g') as unknown[][]).map((flat) => flat[1])
const at = (ms: number) => String(START_MS + ms)

test('XCLAIM takes over entries that have been idle long enough', () => {
  const h = withPending(3, 2)
  h.keyspace.setClock(START_MS + 100)
  assert.equal(h.plain('XCLAIM', 's', 'g', 'd', '101', '1', '2'), [])
  assert.equal(h.logged(), [['XGROUP', 'CREATECONSUMER', 's', 'g', 'd']])
  assert.equal(h.plain('XCLAIM', 's', 'g', 'd', '100', '1', '3', '9'), [['1-0', ['f', '1']]])
  assert.equal(h.logged(), [['XCLAIM', 's', 'g', 'd', '0', '1-0', 'TIME', at(100), 'RETRYCOUNT', '2', 'FORCE', 'JUSTID', 'LASTID', '2-0']])
  assert.equal(pending(h), [
    ['1-0', 'd', 0, 2],
    ['2-0', 'c', 100, 1],
  ])
  assert.equal(h.plain('XCLAIM', 's', 'g', 'd', '100', '1'), [])
  assert.equal(h.logged(), [], 'the entry is no longer idle')
})

test('JUSTID returns ids and does not count a delivery', () => {
  const h = withPending(2, 2)
  assert.equal(h.plain('XCLAIM', 's', 'g', 'd', '0', '1-0', '2-0', 'justid'), ['1-0', '2-0'])
  assert.equal(h.logged(), [
    ['XCLAIM', 's', 'g', 'd', '0', '1-0', '2-0', 'TIME', at(0), 'RETRYCOUNT', '1', 'FORCE', 'JUSTID', 'LASTID', '2-0'],
  ])
  assert.equal(pending(h, 'd'), [
    ['1-0', 'd', 0, 1],
    ['2-0', 'd', 0, 1],
  ])
  assert.equal(pending(h, 'c'), [])
})

test('IDLE, TIME and RETRYCOUNT set the delivery data, and impossible times become now', () => {
  const h = withPending(1, 1)
  const claim = (...options: Bytes[]) => {
    h.run('XCLAIM', 's', 'g', 'd', '0', '1', ...options)
    return (pending(h) as unknown[][])[0]!.slice(2)
  }
  h.keyspace.setClock(START_MS + 1000)
  assert.equal(claim('IDLE', '300'), [300, 2])
  assert.equal(claim('TIME', at(400)), [600, 3])
  assert.equal(claim('TIME', at(2000)), [0, 4])
  assert.equal(claim('IDLE', '99999999999999'), [0, 5])
  assert.equal(claim('RETRYCOUNT', '9223372036854775807'), [0, 9223372036854775807n])
  assert.equal(claim(), [0, 9223372036854775807n], 'no larger count exists')
  assert.equal(claim('RETRYCOUNT', '0', 'JUSTID'), [0, 0])
  assert.equal(claim('RETRYCOUNT', '-5'), [0, 1])
})

test('FORCE makes existing entries pending that were not', () => {
  const h = withPending(3, 0)
  assert.equal(h.plain('XCLAIM', 's', 'g', 'd', '1000', '2', '7', 'FORCE'), [['2-0', ['f', '2']]])
  assert.equal(pending(h), [['2-0', 'd', 0, 2]])
  assert.equal(h.plain('XCLAIM', 's', 'g', 'd', '0', '3', 'FORCE', 'JUSTID'), ['3-0'])
  assert.equal(pending(h, 'd'), [
    ['2-0', 'd', 0, 2],
    ['3-0', 'd', 0, 1],
  ])
})

test('LASTID moves a group forwards only', () => {
  const h = withPending(3, 1)
  assert.equal(h.plain('XCLAIM', 's', 'g', 'c', '0', '9', 'LASTID', '2'), [])
  assert.equal(h.logged(), [['XGROUP', 'SETID', 's', 'g', '2-0', 'ENTRIESREAD', '1']])
  assert.equal(h.plain('XCLAIM', 's', 'g', 'c', '0', '9', 'LASTID', '1'), [])
  assert.equal(h.logged(), [])
  h.run('XCLAIM', 's', 'g', 'c', '0', '1', 'JUSTID', 'LASTID', '3')
  assert.equal(h.logged(), [['XCLAIM', 's', 'g', 'c', '0', '1-0', 'TIME', at(0), 'RETRYCOUNT', '1', 'FORCE', 'JUSTID', 'LASTID', '3-0']])
})

test('claiming a deleted entry removes it from the pending ones', () => {
  const h = withPending(4, 4)
  h.run('XDEL', 's', '2', '4')
  h.logged()
  assert.equal(h.plain('XCLAIM', 's', 'g', 'd', '0', '1', '2', 'JUSTID'), ['1-0'])
  assert.equal(h.logged(), [
    ['XCLAIM', 's', 'g', 'd', '0', '1-0', 'TIME', at(0), 'RETRYCOUNT', '1', 'FORCE', 'JUSTID', 'LASTID', '4-0'],
    ['XACK', 's', 'g', '2-0'],
  ])
  assert.equal(h.plain('XAUTOCLAIM', 's', 'g', 'd', '0', '3', 'JUSTID'), ['0-0', ['3-0'], ['4-0']])
  assert.equal(h.logged(), [
    ['XCLAIM', 's', 'g', 'd', '0', '3-0', 'TIME', at(0), 'RETRYCOUNT', '1', 'FORCE', 'JUSTID', 'LASTID', '4-0'],
    ['XACK', 's', 'g', '4-0'],
  ])
})

test('entries with different delivery data are logged one by one', () => {
  const h = withPending(3, 3)
  h.run('XCLAIM', 's', 'g', 'c', '0', '2')
  h.logged()
  h.run('XCLAIM', 's', 'g', 'd', '0', '1', '2', '3')
  assert.equal(
    h.logged().map((words) => words.slice(5, 10)),
    [
      ['1-0', 'TIME', at(0), 'RETRYCOUNT', '2'],
      ['2-0', 'TIME', at(0), 'RETRYCOUNT', '3'],
      ['3-0', 'TIME', at(0), 'RETRYCOUNT', '2'],
    ],
  )
})

test('many claimed entries are logged in commands of a thousand', () => {
  const h = withPending(2500, 0)
  h.run('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')
  assert.equal(
    h.logged().map((words) => [words[0], words.length]),
    [
      ['XCLAIM', 1013],
      ['XCLAIM', 1013],
      ['XCLAIM', 513],
      ['XGROUP', 7],
    ],
  )
  assert.equal((h.plain('XPENDING', 's', 'g') as unknown[])[0], 2500)
})

test('a refused XCLAIM changes nothing', () => {
  const h = withPending(1, 1)
  assert.is(h.error('XCLAIM', 's', 'none', 'c', '0', '1'), NO_GROUP)
  assert.is(h.error('XCLAIM', 's', 'g', 'd', 'x', '1'), 'ERR Invalid min-idle-time argument for XCLAIM')
  assert.is(h.error('XCLAIM', 's', 'g', 'd', '0', '1', 'other'), "ERR Unrecognized XCLAIM option 'other'")
  assert.is(h.error('XCLAIM', 's', 'g', 'd', '0', '1', 'IDLE'), "ERR Unrecognized XCLAIM option 'IDLE'")
  for (const option of ['IDLE', 'TIME', 'RETRYCOUNT'])
    assert.is(h.error('XCLAIM', 's', 'g', 'd', '0', '1', option, 'x'), `ERR Invalid ${option} option argument for XCLAIM`)
  assert.is(h.error('XCLAIM', 's', 'g', 'd', '0', '1', 'LASTID', 'x'), 'ERR Invalid stream ID specified as stream command argument')
  h.run('SET', 'string', 'x')
  assert.match(h.error('XCLAIM', 'string', 'g', 'd', '0', '1'), /^WRONGTYPE /)
  assert.equal(consumers(h), ['c'])
})

test('XAUTOCLAIM walks the pending entries with a cursor', () => {
  const h = withPending(25, 25)
  const [first, claimed, deleted] = h.plain('XAUTOCLAIM', 's', 'g', 'd', '0', '-', 'COUNT', '10') as [Bytes, unknown[][], unknown[]]
  assert.is(first, '11-0')
  assert.equal(claimed[9], ['10-0', ['f', '10']])
  assert.equal(deleted, [])
  assert.equal(h.plain('XAUTOCLAIM', 's', 'g', 'd', '0', first, 'COUNT', '2', 'JUSTID'), ['13-0', ['11-0', '12-0'], []])
  assert.equal(h.plain('XAUTOCLAIM', 's', 'g', 'd', '0', '(24', 'JUSTID'), ['0-0', ['25-0'], []])
  h.keyspace.setClock(START_MS + 5)
  h.logged()
  assert.equal(
    h.plain('XAUTOCLAIM', 's', 'g', 'd', '10', '0', 'COUNT', '1'),
    ['11-0', [], []],
    'ten entries are examined for each one wanted',
  )
  assert.equal(h.logged(), [])
  assert.equal(h.plain('XAUTOCLAIM', 's', 'g', 'new', '10', '0'), ['0-0', [], []])
  assert.equal(h.logged(), [['XGROUP', 'CREATECONSUMER', 's', 'g', 'new']])
})

test('XAUTOCLAIM counts deleted entries towards COUNT', () => {
  const h = withPending(3, 3)
  h.run('XDEL', 's', '1', '2')
  assert.equal(h.plain('XAUTOCLAIM', 's', 'g', 'd', '0', '-', 'COUNT', '1'), ['2-0', [], ['1-0']])
  assert.equal(h.plain('XAUTOCLAIM', 's', 'g', 'd', '0', '2-0', 'COUNT', '2', 'JUSTID'), ['0-0', ['3-0'], ['2-0']])
})

test('a refused XAUTOCLAIM changes nothing', () => {
  const h = withPending(1, 1)
  assert.is(h.error('XAUTOCLAIM', 's', 'none', 'c', '0', '0'), NO_GROUP)
  assert.is(h.error('XAUTOCLAIM', 's', 'g', 'd', 'x', '0'), 'ERR Invalid min-idle-time argument for XAUTOCLAIM')
  for (const count of ['0', '-1', 'x', '9223372036854775807'])
    assert.is(h.error('XAUTOCLAIM', 's', 'g', 'd', '0', '0', 'COUNT', count), 'ERR COUNT must be > 0')
  assert.is(h.error('XAUTOCLAIM', 's', 'g', 'd', '0', '0', 'COUNT'), 'ERR syntax error')
  assert.is(h.error('XAUTOCLAIM', 's', 'g', 'd', '0', 'x'), 'ERR Invalid stream ID specified as stream command argument')
  assert.equal(consumers(h), ['c'])
})

test.run()
