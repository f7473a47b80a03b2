/** The data that V8's heap can hold, and settings that want more. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../../base/log.ts'
import { Config } from '../../../server/config/config.ts'
import { collectGarbage, fitCacheToHeap, releaseHeap } from '../../../server/process/heap.ts'
import { cacheBytesIn, heapMebibytesFor } from '../../../server/process/machine.ts'
import { heapUsage } from '../../../server/process/memory.ts'

const MEBIBYTE = 2 ** 20

/** Returns a configuration fitted to a heap, and the warnings. */
function fitted(settings: Readonly<Record<string, string>>, heapMebibytes: number) {
  const config = new Config({ machine: { memoryBytes: 8 * 2 ** 30 } })
  config.load(Object.entries(settings))
  const warnings: string[] = []
  fitCacheToHeap(config, { ...silentLog, warn: (_, text) => warnings.push(text) }, heapMebibytes * MEBIBYTE)
  return { config, warnings }
}

test('the heap size computed for a cache holds that cache', () => {
  for (const mebibytes of [512, 1024, 6026, 20_000])
    assert.ok(cacheBytesIn(heapMebibytesFor(mebibytes * MEBIBYTE) * MEBIBYTE) >= mebibytes * MEBIBYTE, String(mebibytes))
})

test('a cache and a dirty limit beyond the heap are lowered, each with a warning', () => {
  const { config, warnings } = fitted({ 'cache-memory': '512mb', 'dirty-limit': '300mb' }, 256)
  assert.is(config.number('cache-memory'), cacheBytesIn(256 * MEBIBYTE))
  assert.is(config.number('dirty-limit'), cacheBytesIn(256 * MEBIBYTE))
  assert.match(
    warnings[0] as string,
    /^cache-memory is lowered to \d+: the heap of this process holds no more; for more, start node with --max-old-space-size/,
  )
  assert.match(warnings[1] as string, /^dirty-limit is lowered to \d+: the heap/)
})

test('a cache that fits the heap is kept without a warning', () => {
  const { config, warnings } = fitted({ 'cache-memory': '512mb' }, 4096)
  assert.is(config.number('cache-memory'), 512 * MEBIBYTE)
  assert.equal(warnings, [])
})

test('CONFIG SET refuses more than the heap holds, and changes nothing', () => {
  const { config } = fitted({ 'cache-memory': '64mb' }, 256)
  config.set([['cache-memory', '70mb']])
  for (const name of ['cache-memory', 'dirty-limit'] as const) {
    const before = config.number(name)
    assert.throws(
      () => config.set([[name, '512mb']]),
      /^ERR CONFIG SET failed \(possibly related to argument '.*'\) - the heap of this process holds/,
    )
    assert.is(config.number(name), before)
  }
})

test('the default cache is a quarter of the memory if the heap holds that', () => {
  const cacheOf = (heapCacheBytes?: number) =>
    new Config({ machine: { memoryBytes: 8 * 2 ** 30, ...(heapCacheBytes === undefined ? {} : { heapCacheBytes }) } }).number(
      'cache-memory',
    )
  assert.is(cacheOf(), 2 ** 31)
  assert.is(cacheOf(2 ** 40), 2 ** 31)
  assert.is(cacheOf(100 * MEBIBYTE), 100 * MEBIBYTE)
  assert.is(cacheOf(MEBIBYTE), 16 * MEBIBYTE)
})

test('garbage does not count as memory in use once it is collected', () => {
  let garbage: string[][] | null = Array.from({ length: 100_000 }, (_, i) => [String(i)])
  collectGarbage()
  const before = heapUsage().usedBytes
  assert.is(garbage.length, 100_000)
  garbage = null
  releaseHeap()
  const freed = before - heapUsage().usedBytes
  assert.ok(freed > 5_000_000, `${freed} bytes`)
})

test.run()
