/**
 * Nodes that follow a simulated Redis (redis-world.ts): some short worlds from a seed of the day.
 * `npm run simulate -- --redis --seed N --steps N` repeats one that failed.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seeded } from '../../support/generators/seed.ts'
import { type Outcome, runRedisSeed } from '../run-seed.ts'

const STEPS = 80
/** The number of worlds, and the time limit for all: a slower machine runs fewer. */
const WORLDS = 100
const BUDGET_MS = 20_000
const HISTORY_LINES = 120

function mustBeWell({ seed, failure, history }: Outcome): void {
  if (failure === null) return
  const lines = history.slice(-HISTORY_LINES).join('\n')
  throw new Error(`${lines}\nworld ${seed} failed: ${failure.stack}\nagain: npm run simulate -- --redis --seed ${seed} --steps ${STEPS}`)
}

test('one seed always gives the same history of a Redis and its replicas', async () => {
  const { seed } = seeded('the same Redis')
  const [first, second] = [await runRedisSeed(seed, STEPS), await runRedisSeed(seed, STEPS)]
  mustBeWell(first)
  const at = first.history.findIndex((line, index) => line !== second.history[index])
  assert.is(first.historyDigest, second.historyDigest, `world ${seed} went another way: ${first.history[at]} / ${second.history[at]}`)
})

test(`nodes that follow a Redis have its data at each moment, exactly once, in ${WORLDS} worlds`, async () => {
  const { seed } = seeded('simulated Redis')
  const started = process.hrtime.bigint()
  const elapsedMs = () => Number((process.hrtime.bigint() - started) / 1_000_000n)
  let worlds = 0
  for (; worlds < WORLDS && elapsedMs() < BUDGET_MS; worlds++) mustBeWell(await runRedisSeed(seed + worlds, STEPS))
  console.log(`${worlds} worlds from seed ${seed}`)
})

test.run()
