/** The parts of a turn in LATENCY. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TurnTimes } from '../../../server/metrics/turn-times.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

function made(enabled: boolean) {
  const clock = new ManualClock()
  const added: [string, number][] = []
  let readings = 0
  const counted = {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => {
      readings++
      return clock.monotonicMs()
    },
  }
  const latency = { enabled, add: (event: string, ms: number) => added.push([event, ms]) }
  return { clock, added, latency, times: new TurnTimes(latency, counted), readings: () => readings }
}

test('a part begins where the one before ended', () => {
  const { clock, added, times } = made(true)
  times.start()
  clock.advance(3)
  times.end('binlog-append')
  clock.advance(40)
  times.end('checkpoint-slice')
  clock.advance(1000)
  times.start()
  clock.advance(5)
  times.end('eviction-cycle')
  assert.equal(added, [
    ['binlog-append', 3],
    ['checkpoint-slice', 40],
    ['eviction-cycle', 5],
  ])
})

test('no clock is read while no event is recorded, and a turn in which that changes records nothing', () => {
  const { added, latency, times, readings } = made(false)
  times.start()
  latency.enabled = true
  times.end('binlog-append')
  assert.equal([added, readings()], [[], 0])
})

test.run()
