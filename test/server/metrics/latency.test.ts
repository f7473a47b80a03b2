/** LATENCY: thresholds, samples, reset and report. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MapReply, Verbatim } from '../../../commands/contract/reply.ts'
import { latencyCommands } from '../../../commands/server/latency.ts'
import { latencyGraph } from '../../../commands/server/latency-report.ts'
import { harness } from '../../support/harness/harness.ts'

const SECOND = 1_700_000_000

function made(thresholdMs = 10) {
  const { server, run } = harness([latencyCommands])
  server.config.set([['latency-monitor-threshold', String(thresholdMs)]])
  return { server, latency: server.latency, run: (...args: string[]) => run('latency', ...args) }
}

test('events at or above the threshold are kept, the worst of each second', () => {
  const { server, latency, run } = made()
  latency.add('command', 9)
  assert.equal(run('latest'), [])
  latency.add('command', 10)
  latency.add('command', 50)
  latency.add('command', 20)
  server.clock.advance(1000)
  latency.add('command', 30)
  latency.add('expire-cycle', 12)
  assert.equal(run('history', 'command'), [
    [SECOND, 50],
    [SECOND + 1, 30],
  ])
  assert.equal(run('history', 'none'), [])
  assert.equal(run('latest'), [
    ['command', SECOND + 1, 30, 50],
    ['expire-cycle', SECOND + 1, 12, 12],
  ])
})

test('no event is kept while the threshold is 0', () => {
  const { latency } = made(0)
  latency.add('command', 1e6)
  assert.equal(latency.events(), [])
  assert.is(latency.enabled, false)
})

test('an event keeps the last 160 samples', () => {
  const { server, latency } = made()
  for (let i = 0; i < 200; i++) {
    latency.add('command', 100)
    server.clock.advance(1000)
  }
  const history = latency.history('command')
  assert.is(history.length, 160)
  assert.is(history[0]?.[0], SECOND + 40)
})

test('LATENCY RESET removes the named events, or all, and returns their number', () => {
  const { latency, run } = made()
  for (const event of ['a', 'b', 'c']) latency.add(event, 100)
  assert.is(run('reset', 'none'), 0)
  assert.is(run('reset', 'a', 'none'), 1)
  assert.is(run('reset'), 2)
  assert.equal(latency.events(), [])
})

test('LATENCY GRAPH draws the same picture as Redis', () => {
  const samples = [50, 70, 30, 30, 15, 60, 90].map((took, i): [number, number] => [i === 0 ? 1672 : 8 - i, took])
  const wanted = [
    'command - high 90 ms, low 15 ms (all time high 90 ms)',
    '-'.repeat(80),
    '      #',
    ' #   o|',
    '#|   ||',
    '||##_||',
    '       ',
    '2765432',
    '7ssssss',
    'm      ',
    '',
  ]
  assert.is(latencyGraph('command', samples, 90), wanted.join('\n'))
  const one = latencyGraph('command', [[0, 50]], 50)
  assert.is(one, `command - high 50 ms, low 50 ms (all time high 50 ms)\n${'-'.repeat(80)}\n \n \n \n_\n \n0\ns\n`)
})

test('LATENCY GRAPH requires an event with samples', () => {
  const { latency, run } = made()
  assert.throws(() => run('graph', 'x'), /^ERR No samples available for event 'x'$/)
  latency.add('x', 100)
  assert.instance(run('graph', 'x'), Verbatim)
})

test('LATENCY DOCTOR explains how to enable monitoring, that nothing happened, or what did', () => {
  const { server, latency, run } = made(0)
  const text = () => (run('doctor') as Verbatim).text
  assert.match(text(), /monitoring is off/)
  server.config.set([['latency-monitor-threshold', '10']])
  assert.match(text(), /No event took 10 ms/)
  latency.add('command', 20)
  server.clock.advance(4000)
  latency.add('command', 40)
  assert.match(text(), /1\. command: 2 latency spikes \(average 30 ms, mean deviation 10 ms, one every 4\.0 s\)\. Worst of all: 40 ms\./)
  assert.match(text(), /- SLOWLOG GET shows/)
})

test('LATENCY HISTOGRAM is cumulative, in the buckets of Redis', () => {
  const { latency, run } = made()
  for (const micros of [1, 3, 16000, 16908, 16909, 50_000]) latency.record('debug', micros)
  latency.record('client|id', 0.2)
  latency.record('client|list', 5)
  const [, calls, buckets] = latency.histograms(['DEBUG'])[0]!
  assert.is(calls, 6)
  assert.equal(buckets, [
    [1, 1],
    [4, 2],
    [16908, 4],
    [33816, 5],
    [67633, 6],
  ])
  assert.equal(
    latency.histograms(['client', 'nothing', 'client|id']).map(([name]) => name),
    ['client|id', 'client|list'],
  )
  assert.is(latency.histograms([]).length, 3)
  const reply = run('histogram', 'client|list') as MapReply
  assert.equal(reply, new MapReply(['client|list', new MapReply(['calls', 1, 'histogram_usec', new MapReply([8, 1])])]))
  latency.resetHistograms()
  assert.equal(latency.histograms([]), [])
})

test('any duration has a bucket, and many commands have their own histograms', () => {
  const { latency } = made()
  for (const micros of [0, Number.MIN_VALUE, 1e12, Number.POSITIVE_INFINITY]) latency.record('debug', micros)
  assert.is(latency.histograms(['debug'])[0]?.[1], 4)
  for (let i = 0; i < 1000; i++) latency.record(`command${i}`, i)
  for (let i = 0; i < 1000; i++) assert.is(latency.histograms([`command${i}`])[0]?.[1], 1)
  assert.is(latency.histograms(['debug'])[0]?.[1], 4)
})

test('durations are not counted while latency-tracking is off', () => {
  const { server, latency } = made()
  server.config.set([['latency-tracking', 'no']])
  latency.record('get', 1)
  assert.equal(latency.histograms([]), [])
})

test('a percentile lies in the bucket that holds it', () => {
  const { latency } = made()
  for (let i = 0; i < 99; i++) latency.record('get', 10)
  latency.record('get', 1000)
  const median = latency.percentile('get', 50)
  assert.ok(median > 8 && median <= 17, String(median))
  assert.ok(latency.percentile('get', 99.9) > 500)
  assert.is(latency.percentile('none', 50), 0)
})

test.run()
