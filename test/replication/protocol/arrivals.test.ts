/** When bytes arrived, as far as the ticks of the event loop can tell. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Arrivals } from '../../../replication/protocol/arrivals.ts'

test('while ticks come regularly, bytes are dated at the time they are read', () => {
  const arrivals = new Arrivals(0)
  for (let now = 100; now <= 5000; now += 100) {
    assert.is(arrivals.dateOf(now + 50), now + 50)
    arrivals.tick(now)
  }
})

test('after a gap, bytes are dated at the last tick before it, in either order of tick and bytes', () => {
  const arrivals = new Arrivals(0)
  arrivals.tick(100)
  assert.is(arrivals.dateOf(30_000), 100)
  arrivals.tick(30_010)
  assert.is(arrivals.dateOf(30_020), 100)
  arrivals.tick(30_900)
  assert.is(arrivals.dateOf(31_000), 100)
  arrivals.tick(31_000)
  assert.is(arrivals.dateOf(31_010), 31_010)
})

test.run()
