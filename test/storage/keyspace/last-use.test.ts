/** The counter of uses under an LFU policy: growth, decay, and other kinds of `lastUse`. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { idleSecondsOf, UseCounter } from '../../../storage/keyspace/last-use.ts'
import { fromSeed } from '../../support/generators/seed.ts'

const MINUTE = 60
/** A draw that raises every counter, and one that raises only those that surely rise. */
const lucky = () => 0
const unlucky = () => 1 - Number.EPSILON

test('a set counter is read as it is, and lets other counters be told from times', () => {
  const counter = new UseCounter(10, 1, lucky)
  for (const nowSeconds of [1, 59, 60, 100_000, 70_000 * MINUTE])
    for (const value of [0, 1, 5, 255]) assert.is(counter.counterOf(counter.withCounter(value, nowSeconds), nowSeconds), value)
  assert.is(idleSecondsOf(counter.withCounter(7, 100), 100_000), 0)
})

test('a key that has only a time has the counter of a new key', () => {
  const counter = new UseCounter(10, 1, lucky)
  for (const lastUse of [0, 60, 100]) assert.is(counter.counterOf(lastUse, 100), 5)
  assert.is(counter.counterOf(100, 100 + 3 * MINUTE), 2)
  assert.is(counter.counterOf(-1000 * MINUTE, 100), 0)
})

test('a counter falls by one for each decay time without a use, never below zero', () => {
  const counter = new UseCounter(10, 2, lucky)
  const lastUse = counter.withCounter(9, 600)
  const after = (minutes: number) => counter.counterOf(lastUse, 600 + minutes * MINUTE)
  assert.equal([0, 1, 2, 3, 4, 17, 18, 1000].map(after), [9, 9, 8, 8, 7, 1, 0, 0])
  const lasting = new UseCounter(10, 0, lucky)
  assert.is(lasting.counterOf(lastUse, 600 + 1000 * MINUTE), 9)
})

test('the minutes go round after 65,536', () => {
  const counter = new UseCounter(10, 1, lucky)
  const before = counter.withCounter(9, 65_534 * MINUTE)
  assert.is(counter.counterOf(before, 65_538 * MINUTE), 5)
})

test('a use raises a low counter surely, and a higher one seldom', () => {
  const sure = new UseCounter(10, 1, unlucky)
  assert.is(sure.counterOf(sure.used(1, 1), 1), 6)
  assert.is(sure.counterOf(sure.used(sure.withCounter(6, 1), 1), 1), 6)
  const always = new UseCounter(10, 1, lucky)
  assert.is(always.counterOf(always.used(always.withCounter(254, 1), 1), 1), 255)
  assert.is(always.counterOf(always.used(always.withCounter(255, 1), 1), 1), 255)
})

test('the counter grows with the logarithm of the uses, as the documentation of Redis says', () => {
  const counter = new UseCounter(10, 1, fromSeed(1).random)
  const reached = (uses: number) => {
    let lastUse = 1
    for (let i = 0; i < uses; i++) lastUse = counter.used(lastUse, 1)
    return counter.counterOf(lastUse, 1)
  }
  // With a factor of 10, Redis documents 10 after 100 uses, 18 after 1000 and 142 after 100,000.
  for (const [uses, expected] of [
    [100, 10],
    [1000, 18],
    [100_000, 142],
  ] as const) {
    const counted = reached(uses)
    assert.ok(Math.abs(counted - expected) <= Math.max(3, expected * 0.1), `${counted} after ${uses}`)
  }
})

test.run()
