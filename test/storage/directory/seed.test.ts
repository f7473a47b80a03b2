/** The random generator of the tests against published numbers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fromSeed, xoshiro128 } from '../../support/generators/seed.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

test('the generator produces the numbers that rand_xoshiro publishes for the state 1, 2, 3, 4', () => {
  const next = xoshiro128([1, 2, 3, 4])
  const published = [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804]
  assert.equal(
    published.map(() => next()),
    published,
  )
})

test('one seed gives one sequence, another seed another', () => {
  const sequence = (seed: number) => Array.from({ length: 5 }, fromSeed(seed).random)
  assert.equal(sequence(7), sequence(7))
  assert.not.equal(sequence(7), sequence(8))
})

test('integer and pick cover their whole range and nothing else', () => {
  const { integer, pick } = fromSeed(1)
  const numbers = new Set(Array.from({ length: 300 }, () => integer(6)))
  assert.equal([...numbers].sort(), [0, 1, 2, 3, 4, 5])
  const picks = new Set(Array.from({ length: 100 }, () => pick(['a', 'b'])))
  assert.equal([...picks].sort(), ['a', 'b'])
  assert.throws(() => pick([]), /nothing to pick/)
})

test('a manual clock moves only when advanced, and its wall clock can be set back', () => {
  const clock = new ManualClock(1000)
  clock.advance(1.5)
  assert.is(clock.wallMs(), 1001)
  assert.is(clock.monotonicMs(), 1.5)
  clock.setWall(10)
  assert.is(clock.wallMs(), 10)
  assert.is(clock.monotonicMs(), 1.5)
  assert.throws(() => clock.advance(-1), /only passes forwards/)
})

test.run()
