/** Memory and cold keys in `npm run bench`, with very few keys: the shape of the output only. */
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cacheBytesOf } from '../../../benchmarks/cost/cold.ts'
import { haveTools, run } from '../tools.ts'

const PROGRAM = fileURLToPath(new URL('../../../benchmarks/side-by-side.js', import.meta.url))
const TINY = ['--quick', '--rounds', 1, '--memory', '--memory-keys', 200, '--cold', '--cold-keys', 300, '--cold-window', 160]

test('cache-memory is scaled with the keys, down to the least that is accepted', () => {
  assert.is(cacheBytesOf(3_000_000), 128 * 2 ** 20)
  assert.is(cacheBytesOf(1_500_000), 64 * 2 ** 20)
  assert.is(cacheBytesOf(1), 16 * 2 ** 20)
})

if (haveTools('bench', 'redis-server', 'redis-benchmark')) {
  test('memory and cold keys are measured on both servers, and printed as one JSON document', async () => {
    const { status, out, error } = await run(process.execPath, [PROGRAM, ...TINY, '--json'])
    assert.is(status, 0, error)
    const { memory, cold, throughput } = JSON.parse(out)
    assert.is(throughput, undefined)
    assert.is(memory.length, 10)
    for (const { servers } of memory)
      assert.equal(
        servers.map(({ label }: { label: string }) => label),
        ['redis', 'haypile'],
      )
    assert.is(cold.rows.length, 24)
    for (const row of cold.rows) {
      assert.is(row.servers.length, 2)
      assert.type(row.servers[1].diskReads.median, 'number', row.title)
      assert.is(row.servers[0].diskReads, null)
    }
    assert.is(cold.memory.length, 4)
    assert.equal(
      cold.restarts.map(({ label }: { label: string }) => label),
      ['redis', 'haypile'],
    )
    assert.type(cold.restarts[1].replayed.commands, 'number')
  })
}

test.run()
