/** MEMORY USAGE, STATS and DOCTOR: figures and advice. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { MemoryFigure } from '../../../commands/contract/ports.ts'
import { Double, MapReply, OK, type Verbatim } from '../../../commands/contract/reply.ts'
import type { FunctionLibraries } from '../../../commands/functions/libraries.ts'
import type { Scripting } from '../../../commands/scripting/scripting.ts'
import { diagnose, memory } from '../../../commands/server/memory.ts'
import { FakeServer } from '../../support/harness/fake-server.ts'
import { harness as commandHarness } from '../../support/harness/harness.ts'

const MEBIBYTE = 1024 * 1024

function harness() {
  const { storage } = new FakeServer()
  const scripting = { memory: { machine: 0, scripts: 30 } } as Scripting
  const functions = { codeBytes: 40 } as FunctionLibraries
  const { keyspace, run, error } = commandHarness([memory], { server: { storage, scripting, functions } })
  return {
    storage,
    keyspace,
    db: keyspace.database(0),
    run: (...words: string[]) => run('MEMORY', ...words),
    refusal: (...words: string[]) => error('MEMORY', ...words),
  }
}

test('MEMORY USAGE grows with key and value, and is nil for no key', () => {
  const { db, run } = harness()
  db.set('a', 'x')
  db.set('b', 'x'.repeat(1001))
  assert.is(run('USAGE', 'none'), null)
  const small = run('USAGE', 'a') as number
  assert.ok(small > 2)
  assert.is(run('USAGE', 'b'), small + 1000)
  assert.is(run('USAGE', 'a', 'SAMPLES', '0'), small)
})

test('MEMORY USAGE of a large string counts its pages in memory', () => {
  const { db, run } = harness()
  const entry = db.set('large', 'x'.repeat(100_000))
  assert.ok((run('USAGE', 'large') as number) >= 100_000)
  assert.ok(entry.sizeBytes < 1000)
})

test('MEMORY USAGE does not count as a use of the key, and parses its options strictly', () => {
  const { db, keyspace, run, refusal } = harness()
  const entry = db.set('a', 'x')
  const { lastUse } = entry
  keyspace.monotonicSeconds += 90
  run('USAGE', 'a')
  assert.is(entry.lastUse, lastUse)
  for (const words of [['SAMPLES'], ['SAMPLES', '-1'], ['FOO', '1']]) assert.is(refusal('USAGE', 'a', ...words), 'ERR syntax error')
  assert.is(refusal('USAGE', 'a', 'SAMPLES', 'x'), 'ERR value is not an integer or out of range')
})

test("MEMORY STATS has Redis's names, with a map for each database in use", () => {
  const { storage, keyspace, run } = harness()
  for (const [name, bytes] of [
    ['used', 1000],
    ['peak', 2000],
    ['dataset', 250],
    ['rss', 3600],
    ['rss-anonymous', 3000],
    ['heap', 1500],
  ] as const)
    storage.figures.set(name, bytes)
  keyspace.database(3).set('a', '1')
  const { flat } = run('STATS') as MapReply
  const value = (name: string) => flat[flat.indexOf(name) + 1]
  assert.is(flat.length % 2, 0)
  assert.is(value('total.allocated'), 1000)
  assert.is(value('overhead.total'), 750)
  assert.is(value('keys.count'), 1)
  assert.equal(value('dataset.percentage'), new Double(25))
  assert.equal(value('peak.percentage'), new Double(50))
  assert.equal(value('fragmentation'), new Double(3.6))
  assert.equal(value('allocator-fragmentation.ratio'), new Double(1.5))
  assert.is(value('allocator-fragmentation.bytes'), 500)
  assert.equal(value('allocator-rss.ratio'), new Double(2))
  assert.equal([value('rss-overhead.ratio'), value('rss-overhead.bytes')], [new Double(1.2), 600])
  assert.equal([value('lua.caches'), value('functions.caches')], [30, 40])
  const names = flat.filter((_, at) => at % 2 === 0)
  assert.equal(
    names,
    `peak.allocated total.allocated startup.allocated replication.backlog clients.slaves clients.normal cluster.links aof.buffer lua.caches
    functions.caches db.3 overhead.total keys.count keys.bytes-per-key dataset.bytes dataset.percentage peak.percentage allocator.allocated
    allocator.active allocator.resident allocator-fragmentation.ratio allocator-fragmentation.bytes allocator-rss.ratio allocator-rss.bytes
    rss-overhead.ratio rss-overhead.bytes fragmentation fragmentation.bytes dirty.bytes`.split(/\s+/),
  )
  assert.instance(value('db.3'), MapReply)
  assert.is(flat.includes('db.0'), false)
})

test('MEMORY DOCTOR names each problem and otherwise none', () => {
  const figures = (given: Partial<Record<MemoryFigure, number>>) => diagnose((name) => given[name] ?? 0)
  assert.is(figures({ used: MEBIBYTE, peak: 100 * MEBIBYTE }).length, 0)
  assert.is(figures({ used: 50 * MEBIBYTE, peak: 60 * MEBIBYTE, rss: 90 * MEBIBYTE }).length, 0)
  assert.match(figures({ used: 50 * MEBIBYTE, peak: 100 * MEBIBYTE })[0] as string, /^Peak memory/)
  assert.match(figures({ used: 200 * MEBIBYTE, 'rss-anonymous': 500 * MEBIBYTE })[0] as string, /^Resident size/)
  assert.equal(figures({ used: 200 * MEBIBYTE, rss: 500 * MEBIBYTE, 'rss-anonymous': 250 * MEBIBYTE }), [])
  assert.match(figures({ used: 50 * MEBIBYTE, dirty: 6, 'dirty-limit': 10 })[0] as string, /^Unwritten changes/)
  assert.match(figures({ used: 50 * MEBIBYTE, dataset: 11, 'cache-limit': 10 })[0] as string, /^Working set/)
})

test('MEMORY DOCTOR, PURGE, MALLOC-STATS and HELP answer', () => {
  const { storage, run } = harness()
  storage.figures.set('used', 7)
  assert.match((run('DOCTOR') as Verbatim).text, /^Nothing is wrong/)
  assert.is(run('PURGE'), OK)
  assert.is(storage.releases, 1)
  assert.is((run('MALLOC-STATS') as Verbatim).text, 'used: 7\n')
  assert.ok(Array.isArray(run('HELP')))
})

test.run()
