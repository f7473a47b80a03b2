/** `npm run bench:compare`, with very few requests. The tests check the shape of its output. */
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spreadOf } from '../../../benchmarks/cost/spread.ts'
import { type Sample, summarize } from '../../../benchmarks/cost/windows.ts'
import { haveTools, run } from '../tools.ts'

const PROGRAM = fileURLToPath(new URL('../../../benchmarks/compare.js', import.meta.url))
const BUILD = fileURLToPath(new URL('../../../..', import.meta.url))
const TINY = ['--rounds', 1, '--window', 100, '--pipelined-window', 320, '--keys', 200, '--elements', 200]

test('a spread has the median and the quartiles, and is null where a figure is missing', () => {
  assert.equal(spreadOf([5, 1, 3, 2, 4]), { median: 3, mean: 3, q1: 2, q3: 4 })
  assert.equal(spreadOf([1, 2]), { median: 1.5, mean: 1.5, q1: 1.25, q3: 1.75 })
  assert.is(spreadOf([1, null]), null)
  assert.is(spreadOf([]), null)
})

test('a ratio is the median of the ratios of the rounds, to the first server', () => {
  const sample = (processMicros: number | null): Sample => ({
    processMicros,
    mainMicros: 1,
    compactionMicros: 0,
    deferredMicros: 0,
    diskReads: null,
    requestsPerSecond: 10,
  })
  const { servers, ratios } = summarize(
    ['a', 'b'],
    [
      [sample(1), sample(10), sample(100)],
      [sample(2), sample(10), sample(150)],
    ],
  )
  assert.equal(
    servers.map(({ processMicros }) => processMicros?.median),
    [10, 10],
  )
  assert.equal(
    ratios.map(({ label, to, processMicros }) => [label, to, processMicros?.median]),
    [['b', 'a', 1.5]],
  )
  assert.is(summarize(['a', 'b'], [[sample(null)], [sample(2)]]).ratios[0]?.processMicros, null)
})

test('words that name no server, test or size are refused', async () => {
  for (const [words, text] of [
    [['redis'], /two servers are needed/],
    [['redis', '/nowhere'], /main\.js is missing/],
    [['redis', BUILD, '--rounds', '0'], /--rounds must be/],
  ] as const) {
    const { status, out, error } = await run(process.execPath, [PROGRAM, ...words])
    assert.is(status, 1)
    assert.is(out, '')
    assert.match(error, text)
  }
})

if (haveTools('bench:compare', 'redis-server', 'redis-benchmark')) {
  test('every test is measured on both servers, and printed as one JSON document', async () => {
    const { status, out, error } = await run(process.execPath, [PROGRAM, 'redis', BUILD, ...TINY, '--pipeline', 16, '--json'])
    assert.is(status, 0, error)
    const { format, environment, servers, hot } = JSON.parse(out)
    assert.is(format, 'haypile-compare-1')
    assert.type(environment.loadAverage, 'number')
    assert.equal(servers.length, 2)
    assert.is(hot.length, 21)
    for (const row of hot) {
      assert.equal(
        row.servers.map(({ label }: { label: string }) => label),
        servers.map(({ label }: { label: string }) => label),
      )
      assert.is(row.ratios.length, 1)
      assert.type(row.servers[1].requestsPerSecond.median, 'number')
      if (process.platform === 'linux') assert.type(row.ratios[0].processMicros.median, 'number', row.test)
    }
  })

  test('two servers with one name have different labels in the table', async () => {
    const { status, out, error } = await run(process.execPath, [PROGRAM, BUILD, BUILD, ...TINY, '--tests', 'get', '--protocol', 'both'])
    assert.is(status, 0, error)
    assert.is(out.match(/^\| GET -P 16/gm)?.length, 2)
    assert.match(out, /^\| CPU, RESP2 .*\(1\) µs .*\(2\) µs/m)
  })
}

test.run()
