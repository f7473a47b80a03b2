/** PFADD, PFCOUNT and PFMERGE: the bytes of redis-server, and what is logged. */
import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ConfigPort } from '../../../commands/contract/ports.ts'
import { hyperLogLogs } from '../../../commands/hyperloglogs/hyperloglog.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { objects } from '../../../commands/keys/object.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { seeded } from '../../support/generators/seed.ts'
import { type Harness, type HarnessOptions, harness } from '../../support/harness/harness.ts'

const INVALID = 'WRONGTYPE Key is not a valid HyperLogLog string value.'
const CORRUPT = 'INVALIDOBJ Corrupted HLL object detected'

function made(options: HarnessOptions = {}) {
  return harness([strings, keys, expiry, objects, hyperLogLogs], {
    ...options,
    config: { 'hll-sparse-max-bytes': 3000, ...options.config },
  })
}

const elements = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `element ${from + i}`)
const bytesOf = ({ plain }: Harness, key: string) => Buffer.from(plain('GET', key) as string, 'latin1')
const sha1 = (h: Harness, key: string) => createHash('sha1').update(bytesOf(h, key)).digest('hex')
const sparse = (runs: string) => `HYLL\x01${'\0'.repeat(11)}${runs}`

test('values have the same bytes as in redis-server 7.0.15', () => {
  const h = made()
  h.run('PFADD', 'h', 'a', 'b', 'c', '', 'longer than eight bytes', '\x00\xff\x80')
  const runs = '57318447e18041dd8050b1844bfb8041d984407f'
  assert.is(bytesOf(h, 'h').toString('hex'), `48594c4c010000000000000000000080${runs}`)
  assert.is(h.run('PFCOUNT', 'h'), 6)
  assert.is(bytesOf(h, 'h').toString('hex'), `48594c4c010000000600000000000000${runs}`)
  const described = 'Z:5938 v:2,1 Z:2018 v:1,1 Z:478 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:474 v:2,1 Z:128'
  assert.is(h.run('PFDEBUG', 'DECODE', 'h'), described)
  for (const [count, encoding, cardinality, length, hash] of [
    [100, 'sparse', 100, 287, '6c9853afffcb456870c71130e945b44890c2340a'],
    [1000, 'sparse', 1003, 1910, '3c398e64d427d5d70bcfbb202410ee4c22948dd2'],
    [1300, 'sparse', 1300, 2399, '96140276b9776dbfd8aaed2688b913f2e801b89b'],
    [5000, 'dense', 4980, 12_304, '5dbfd82af2424c1a973755a8e1de153b11626aaf'],
  ] as const) {
    h.run('DEL', 'k')
    h.run('PFADD', 'k', ...elements(count))
    assert.is(h.plain('PFDEBUG', 'ENCODING', 'k'), encoding)
    assert.is(h.run('PFCOUNT', 'k'), cardinality)
    assert.is(bytesOf(h, 'k').length, length)
    assert.is(sha1(h, 'k'), hash)
  }
  h.run('PFADD', 'm1', ...elements(300))
  h.run('PFADD', 'm2', ...elements(300, 200))
  h.run('PFMERGE', 'm3', 'm1', 'm2')
  assert.is(sha1(h, 'm3'), '56bf5dcd13720c6de648acb568e91a13b6328a24')
  assert.is(h.run('PFCOUNT', 'm1', 'm2', 'none'), 499)
})

test('PFADD says whether the estimate may have changed, which creating a key counts as', () => {
  const { run, logged } = made()
  assert.is(run('PFADD', 'h'), 1)
  assert.is(run('PFADD', 'h'), 0)
  assert.is(run('PFADD', 'h', 'a'), 1)
  assert.is(run('PFADD', 'h', 'a', 'a'), 0)
  assert.equal(logged(), [
    ['PFADD', 'h'],
    ['PFADD', 'h', 'a'],
  ])
  assert.is(run('OBJECT', 'ENCODING', 'h'), 'raw')
})

test("PFADD and PFMERGE keep the key's deadline", () => {
  const { run } = made()
  run('PFADD', 'h', 'a')
  run('PEXPIREAT', 'h', '1800000000000')
  run('PFADD', 'h', 'b')
  run('PFMERGE', 'h')
  assert.is(run('PEXPIRETIME', 'h'), 1_800_000_000_000)
})

test('PFCOUNT caches its result and logs that, and a second PFCOUNT changes nothing', () => {
  const { run, logged } = made()
  run('PFADD', 'h', 'a', 'b', 'c')
  logged()
  assert.is(run('PFCOUNT', 'h'), 3)
  assert.equal(logged(), [['PFCOUNT', 'h']])
  assert.is(run('PFCOUNT', 'h'), 3)
  assert.is(run('PFCOUNT', 'h', 'h'), 3)
  assert.is(run('PFCOUNT', 'none'), 0)
  assert.equal(logged(), [])
  run('PFADD', 'h', 'd')
  assert.is(run('PFCOUNT', 'h'), 4)
})

test('PFCOUNT does not cache its result while writes are gated', () => {
  const { run, executor, logged, plain } = made()
  run('PFADD', 'h', 'a')
  const before = plain('GET', 'h')
  logged()
  executor.gating.gated = 'writes'
  assert.is(run('PFCOUNT', 'h'), 1)
  assert.equal(logged(), [])
  assert.is(plain('GET', 'h'), before)
})

test('a cached cardinality written by hand is returned, as in Redis', () => {
  const { run } = made()
  run('SET', 'h', `HYLL\x01\0\0\0${'\xff'.repeat(7)}\x7f\x7f\xff`)
  assert.is(run('PFCOUNT', 'h'), 2n ** 63n - 1n)
  run('SET', 'h', `HYLL\x01\0\0\0${'\x01'.repeat(5)}\0\0\0\x7f\xff`)
  assert.is(run('PFCOUNT', 'h'), 0x0101010101)
})

test('estimates are right within a few standard errors, sparse and dense, up to a million', () => {
  const { run } = made()
  let from = 0
  for (const count of [10, 100, 1000, 10_000, 100_000, 1_000_000]) {
    for (; from < count; from += 500) run('PFADD', 'h', ...elements(Math.min(500, count - from), from))
    from = count
    const error = Math.abs((run('PFCOUNT', 'h') as number) - count) / count
    assert.ok(error < 0.025, `${count}: error ${error}`)
  }
})

test('the order of additions does not change registers', () => {
  const h = made()
  const { random } = seeded('hyperloglog order')
  const all = elements(2000)
  const shuffled = all.map((element) => ({ element, at: random() })).sort((a, b) => a.at - b.at)
  h.run('PFADD', 'a', ...all)
  for (const { element } of shuffled) h.run('PFADD', 'b', element)
  for (let i = 0; i < 2000; i += 100) h.run('PFADD', `part${i}`, ...all.slice(i, i + 100))
  h.run('PFMERGE', 'c', ...Array.from({ length: 20 }, (_, i) => `part${i * 100}`))
  const registers = h.plain('PFDEBUG', 'GETREG', 'a')
  assert.equal(h.plain('PFDEBUG', 'GETREG', 'b'), registers)
  assert.equal(h.plain('PFDEBUG', 'GETREG', 'c'), registers)
})

test('a HyperLogLog that outgrows hll-sparse-max-bytes becomes dense, and that is logged', () => {
  const { run, plain, logged } = made({ config: { 'hll-sparse-max-bytes': 30 } })
  run('PFADD', 'h', 'a', 'b', 'c')
  assert.is(plain('PFDEBUG', 'ENCODING', 'h'), 'sparse')
  logged()
  run('PFADD', 'h', ...elements(20))
  assert.is(plain('PFDEBUG', 'ENCODING', 'h'), 'dense')
  assert.equal(logged(), [
    ['PFADD', 'h', ...elements(20)],
    ['PFDEBUG', 'TODENSE', 'h'],
  ])
  run('PFADD', 'h', 'one more')
  assert.equal(logged(), [['PFADD', 'h', 'one more']])
})

test('the log makes the same bytes under any configuration', () => {
  const { integer, random, pick } = seeded('hyperloglog log')
  let limit = 0
  const from = made({ server: { config: { number: () => limit } as unknown as ConfigPort } })
  const to = made({ config: { 'hll-sparse-max-bytes': 0 }, isReplaying: true })
  for (let step = 0; step < 400; step++) {
    const key = `k${integer(4)}`
    const some = elements(integer(random() < 0.2 ? 200 : 8), integer(100_000))
    limit = pick([0, 50, 200, 3000])
    const words = pick([
      ['PFADD', key, ...some],
      ['PFADD', key, ...some],
      ['PFCOUNT', key],
      ['PFMERGE', key, `k${integer(4)}`],
      ['DEL', key],
    ])
    from.run(...words)
    for (const logged of from.logged()) to.run(...logged)
    assert.is(to.plain('GET', key), from.plain('GET', key), `step ${step}: ${words[0]}`)
  }
})

test('PFMERGE gives a dense result if any source is dense, and an empty one without sources', () => {
  const { run, plain, logged } = made()
  run('PFMERGE', 'new')
  assert.is(plain('GET', 'new'), `HYLL\x01${'\0'.repeat(10)}\x80\x7f\xff`)
  run('PFADD', 'd', 'a')
  assert.is(run('PFDEBUG', 'TODENSE', 'd'), 1)
  assert.is(run('PFDEBUG', 'TODENSE', 'd'), 0)
  run('PFADD', 's', 'b')
  logged()
  run('PFMERGE', 's', 'd', 'none')
  assert.is(plain('PFDEBUG', 'ENCODING', 's'), 'dense')
  assert.is(run('PFCOUNT', 's'), 2)
  assert.equal(logged()[0], ['PFMERGE', 's', 'd', 'none'])
})

test('a register too high for the sparse form makes a HyperLogLog dense at any length', () => {
  const { run, plain } = made()
  run('PFADD', 'h', 'a')
  run('SET', 'x', plain('GET', 'h') as string)
  run('PFDEBUG', 'TODENSE', 'x')
  const dense = Buffer.from(plain('GET', 'x') as string, 'latin1')
  dense[16] = 40
  run('SET', 'x', dense.latin1Slice())
  assert.is((plain('PFDEBUG', 'GETREG', 'x') as number[])[0], 40)
  run('PFMERGE', 'h', 'x')
  assert.is(plain('PFDEBUG', 'ENCODING', 'h'), 'dense')
})

test('other strings and other types are refused and stay unchanged', () => {
  const { run, error, plain, logged } = made()
  for (const value of ['', 'x', '12', 'HYLL', `HYLL\x02${'\0'.repeat(30)}`, `HYLL\x00${'\0'.repeat(30)}`, `hyll\x01${'\0'.repeat(30)}`]) {
    run('SET', 's', value)
    run('PFADD', 'h', 'a')
    logged()
    for (const words of [
      ['PFADD', 's'],
      ['PFADD', 's', 'a'],
      ['PFCOUNT', 's'],
      ['PFCOUNT', 'h', 's'],
      ['PFMERGE', 's'],
      ['PFMERGE', 'new', 'h', 's'],
      ['PFDEBUG', 'GETREG', 's'],
    ]) {
      assert.is(error(...words), INVALID)
    }
    assert.is(plain('GET', 's'), value)
    assert.equal(logged(), [])
  }
})

test('sparse runs that do not cover all registers are refused and stay unchanged', () => {
  const { run, error, plain } = made()
  for (const runs of ['', '\x7f\xfe', '\x7f\xff\x80', '\x7f\xff\x00', '\x80', '\x83'.repeat(5000)]) {
    run('SET', 's', `${sparse(runs).slice(0, 15)}\x80${runs}`)
    const before = plain('GET', 's')
    for (const words of [
      ['PFCOUNT', 's'],
      ['PFCOUNT', 's', 's'],
      ['PFMERGE', 's'],
      ['PFMERGE', 'new', 's'],
      ['PFDEBUG', 'GETREG', 's'],
      ['PFDEBUG', 'TODENSE', 's'],
    ]) {
      assert.is(error(...words), CORRUPT, `${words} of ${JSON.stringify(runs.slice(0, 10))}`)
    }
    assert.is(plain('GET', 's'), before)
  }
  run('SET', 's', sparse('\x80'))
  assert.is(error('PFADD', 's', ...elements(100)), CORRUPT)
  assert.is(plain('GET', 's'), sparse('\x80'))
})

test('an overlong value is corrupt and is not read', () => {
  const { run, error } = made()
  for (const length of [32_785, 70_000, 1_000_000]) {
    run('SET', 's', sparse('\x7f\xff').padEnd(length, '\x80'))
    for (const words of [
      ['PFADD', 's', 'a'],
      ['PFCOUNT', 's'],
      ['PFMERGE', 's'],
      ['PFDEBUG', 'DECODE', 's'],
    ])
      assert.is(error(...words), CORRUPT)
    run('SET', 's', 'x'.repeat(length))
    assert.is(error('PFADD', 's', 'a'), INVALID)
  }
})

test('random bytes in a value break nothing', () => {
  const { run, plain } = made()
  const { integer, random } = seeded('hyperloglog damage')
  for (let round = 0; round < 300; round++) {
    run('DEL', 'h')
    run('PFADD', 'h', ...elements(integer(200), integer(1000)))
    if (random() < 0.2) run('PFDEBUG', 'TODENSE', 'h')
    const bytes = Buffer.from(plain('GET', 'h') as string, 'latin1')
    for (let i = 0; i < 3; i++) bytes[8 + integer(bytes.length - 8)] = integer(256)
    run('SET', 'h', bytes.latin1Slice(0, random() < 0.2 && bytes.length < 12_000 ? 16 + integer(bytes.length - 16) : bytes.length))
    for (const words of [
      ['PFADD', 'h', ...elements(20)],
      ['PFCOUNT', 'h'],
      ['PFMERGE', 'g', 'h'],
      ['PFDEBUG', 'DECODE', 'h'],
      ['PFDEBUG', 'GETREG', 'h'],
    ]) {
      try {
        run(...words)
      } catch (error) {
        assert.match((error as Error).message, /^(INVALIDOBJ|ERR HLL encoding is not sparse)/)
      }
    }
  }
})

test('PFDEBUG refuses unknown subcommands and keys', () => {
  const { run, error } = made()
  assert.is(error('PFDEBUG', 'GETREG', 'none'), 'ERR The specified key does not exist')
  run('PFADD', 'h', 'a')
  assert.is(error('PFDEBUG', 'nope', 'h'), "ERR Unknown PFDEBUG subcommand 'nope'")
  run('PFDEBUG', 'todense', 'h')
  assert.is(error('PFDEBUG', 'decode', 'h'), 'ERR HLL encoding is not sparse')
})

test('PFSELFTEST succeeds', () => {
  const { random } = seeded('pfselftest')
  assert.is(made({ server: { random } }).plain('PFSELFTEST'), 'OK')
})

test.run()
