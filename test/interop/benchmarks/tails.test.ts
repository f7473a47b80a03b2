/** `npm run bench:tails`, with very few requests. The tests check the shape of its output. */
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { tailOf } from '../../../benchmarks/tails/probe.ts'
import { haveTools, run } from '../tools.ts'

const PROGRAM = fileURLToPath(new URL('../../../benchmarks/tails.js', import.meta.url))
const TINY = ['--rounds', 1, '--seconds', 0.2, '--rate', 100, '--tests', 'set', '--keys', 200, '--many-keys', 300, '--expiring-keys', 100]

test('a tail has the percentiles of the latencies, and of the delays of the probe', () => {
  const latenciesMs = Array.from({ length: 1000 }, (_, index) => 1000 - index)
  assert.equal(tailOf(latenciesMs, [3, 1, 2]), { samples: 1000, p50Ms: 501, p99Ms: 991, p999Ms: 1000, maxMs: 1000, ownP999Ms: 3 })
})

if (haveTools('bench:tails', 'redis-server', 'redis-benchmark')) {
  test('each scenario is measured on both servers, and printed as one JSON document', async () => {
    const { status, out, error } = await run(process.execPath, [PROGRAM, ...TINY, '--json'])
    assert.is(status, 0, error)
    const { format, tails } = JSON.parse(out)
    assert.is(format, 'haypile-tails-1')
    assert.is(tails.length, 5)
    for (const { servers, scenario } of tails) {
      assert.equal(
        servers.map(({ label }: { label: string }) => label),
        ['redis', 'haypile'],
      )
      for (const { requests, ping } of servers) {
        assert.is(requests.samples, 20, scenario)
        assert.type(requests.p999Ms, 'number')
        assert.type(ping.maxMs, 'number')
      }
    }
  })
}

test.run()
