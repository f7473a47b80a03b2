/**
 * Lists against JavaScript's arrays, on tiny pages that are evicted and read again: every command,
 * by position and by value.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../base/bytes.ts'
import { keys } from '../../commands/keys/keys.ts'
import { lists } from '../../commands/lists/lists.ts'
import { listMoves } from '../../commands/lists/moves.ts'
import { listSearches } from '../../commands/lists/searches.ts'
import { List } from '../../storage/values/list.ts'
import { type Seeded, seeded } from '../support/generators/seed.ts'
import { type Harness, harness } from '../support/harness/harness.ts'
import { checkTree } from '../support/harness/tree-check.ts'

const start = () => harness([lists, listSearches, listMoves, keys])

/** A list and its twin, with one random step on both. */
class Twins {
  readonly twin: Bytes[] = []
  private readonly server: Harness
  private readonly seed: Seeded
  private readonly values: number

  constructor(server: Harness, seed: Seeded, values: number) {
    this.server = server
    this.seed = seed
    this.values = values
  }

  step(grows: 'mostly' | 'seldom'): void {
    const { twin, seed } = this
    const kind = seed.integer(10)
    if (kind < (grows === 'mostly' ? 5 : 2)) this.push()
    else if (kind < 6) this.pop()
    else if (kind === 6) this.search()
    else if (kind === 7 && twin.length > 0) this.insert()
    else if (kind === 8 && twin.length > 0) this.set()
    else this.remove()
  }

  private value(): Bytes {
    const { seed } = this
    return seed.integer(20) === 0 ? `long${'x'.repeat(seed.integer(120))}` : `v${seed.integer(this.values)}`
  }

  private push(): void {
    const { twin, seed, server } = this
    const values = Array.from({ length: 1 + seed.integer(4) }, () => this.value())
    if (seed.integer(2) === 0) {
      twin.push(...values)
      assert.is(server.run('RPUSH', 'l', ...values), twin.length)
    } else {
      twin.unshift(...values.toReversed())
      assert.is(server.run('LPUSH', 'l', ...values), twin.length)
    }
  }

  private pop(): void {
    const { twin, seed, server } = this
    if (twin.length === 0) return
    if (seed.integer(3) === 0) assert.equal(server.run('RPOP', 'l', '3'), twin.splice(-3).reverse())
    else if (seed.integer(2) === 0) assert.is(server.run('LPOP', 'l'), twin.shift())
    else {
      twin.unshift(twin.pop() as Bytes)
      assert.is(server.run('RPOPLPUSH', 'l', 'l'), twin[0])
    }
  }

  private search(): void {
    const { twin, seed, server } = this
    const value = this.value()
    const places = twin.flatMap((found, index) => (found === value ? [index] : []))
    assert.equal(server.run('LPOS', 'l', value, 'COUNT', '0'), places)
    assert.equal(server.run('LPOS', 'l', value, 'COUNT', '2', 'RANK', '-1'), places.slice(-2).reverse())
    const length = seed.integer(twin.length + 2) + 1
    const before = places.filter((place) => place < length)
    assert.equal(server.run('LPOS', 'l', value, 'COUNT', '0', 'MAXLEN', String(length)), before)
    const start = seed.integer(twin.length + 1)
    const stop = start + seed.integer(40)
    assert.equal(server.run('LRANGE', 'l', String(start), String(stop)), twin.slice(start, stop + 1))
  }

  private insert(): void {
    const { twin, seed, server } = this
    const pivot = seed.pick(twin)
    const value = this.value()
    const place = twin.indexOf(pivot)
    const isBefore = seed.integer(2) === 0
    twin.splice(isBefore ? place : place + 1, 0, value)
    assert.is(server.run('LINSERT', 'l', isBefore ? 'BEFORE' : 'AFTER', pivot, value), twin.length)
  }

  private set(): void {
    const { twin, seed, server } = this
    const index = seed.integer(twin.length)
    const value = this.value()
    twin[index] = value
    server.run('LSET', 'l', String(index - (seed.integer(2) === 0 ? twin.length : 0)), value)
  }

  private remove(): void {
    const { twin, seed, server } = this
    if (seed.integer(3) === 0 && twin.length > 0) {
      const from = seed.integer(4)
      const last = twin.length - seed.integer(4) - 1
      server.run('LTRIM', 'l', String(from), String(last))
      // A negative index counts from the end.
      const end = last < 0 ? twin.length + last + 1 : last + 1
      const kept = twin.slice(from, Math.max(from, end))
      twin.splice(0, twin.length, ...kept)
      return
    }
    const value = this.value()
    const count = seed.integer(5) - 2
    const places = twin.flatMap((found, index) => (found === value ? [index] : []))
    const removed = count === 0 ? places : count > 0 ? places.slice(0, count) : places.slice(count)
    for (const place of removed.toReversed()) twin.splice(place, 1)
    assert.is(server.run('LREM', 'l', String(count), value), removed.length)
  }
}

function check(server: Harness, twin: readonly Bytes[]): void {
  assert.equal(server.run('LRANGE', 'l', '0', '-1'), twin)
  assert.is(server.run('LLEN', 'l'), twin.length)
  const value = server.keyspace.database(0).find('l')?.value
  if (value instanceof List) checkTree(value.elements)
  else assert.is(twin.length, 0)
}

for (const [name, limits] of [
  ['tiny pages', { inlineBytes: 64, pageBytes: 96, pageElements: 8 }],
  ['pages that are large enough for filters', { inlineBytes: 128, pageBytes: 512, pageElements: 64 }],
] as const) {
  test(`lists and their log equal arrays on ${name}, in memory and on disk`, async () => {
    const seed = seeded(name)
    const server = start()
    const copy = start()
    server.keyspace.pageLimits = limits
    const twins = new Twins(server, seed, 60)
    for (let round = 0; round < 12; round++) {
      for (let step = 0; step < 150; step++) twins.step(round % 4 === 3 ? 'seldom' : 'mostly')
      check(server, twins.twin)
      if (round % 3 === 1) await server.toDisk()
      copy.replay(server.logged())
    }
    assert.equal(copy.run('LRANGE', 'l', '0', '-1'), twins.twin)
    assert.equal(copy.logged(), [])
  })
}

test('LPOS finds elements that changed or were added since earlier searches', () => {
  const server = start()
  const { run } = server
  const twin = Array.from({ length: 5000 }, (_, index) => `element:${index}`)
  run('RPUSH', 'l', ...twin)
  for (let i = 0; i < 3; i++) run('LPOS', 'l', 'none')
  run('LSET', 'l', '2500', 'changed')
  run('LINSERT', 'l', 'AFTER', 'changed', 'inserted')
  run('LPUSH', 'l', 'first')
  run('RPUSH', 'l', 'last')
  for (const [value, place] of [
    ['first', 0],
    ['changed', 2501],
    ['inserted', 2502],
    ['element:2500', null],
    ['element:4999', 5001],
    ['last', 5002],
  ] as const)
    assert.is(run('LPOS', 'l', value), place, value)
  const list = server.keyspace.database(0).find('l')?.value as List
  checkTree(list.elements)
})

test.run()
