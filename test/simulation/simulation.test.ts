/**
 * Simulated clusters (cluster.ts): a few hundred short ones from a seed of the day, and those in
 * which a bug was once found. `npm run simulate -- --seed N --steps N` repeats a cluster that
 * failed.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seeded } from '../support/generators/seed.ts'
import { type Outcome, runSeed } from './run-seed.ts'

const STEPS = 80
/** The number of clusters, and the time limit for all: a slower machine runs fewer. */
const CLUSTERS = 300
const BUDGET_MS = 75_000
const HISTORY_LINES = 120

/** Clusters in which a bug was found, with a description. */
const FOUND: readonly (readonly [seed: number, steps: number, what: string])[] = []

function mustBeWell({ seed, failure, history }: Outcome, steps: number): void {
  if (failure === null) return
  const lines = history.slice(-HISTORY_LINES).join('\n')
  throw new Error(`${lines}\ncluster ${seed} failed: ${failure.stack}\nagain: npm run simulate -- --seed ${seed} --steps ${steps}`)
}

test('one seed always gives the same cluster history', async () => {
  const { seed } = seeded('the same cluster')
  const [first, second] = [await runSeed(seed, STEPS), await runSeed(seed, STEPS)]
  mustBeWell(first, STEPS)
  const at = first.history.findIndex((line, index) => line !== second.history[index])
  assert.is(first.historyDigest, second.historyDigest, `cluster ${seed} went another way: ${first.history[at]} / ${second.history[at]}`)
})

for (const [seed, steps, what] of FOUND) {
  test(what, async () => mustBeWell(await runSeed(seed, steps), steps))
}

test(`all nodes of a cluster hold the same data after random faults, in ${CLUSTERS} clusters`, async () => {
  const { seed } = seeded('simulation')
  const started = process.hrtime.bigint()
  const elapsedMs = () => Number((process.hrtime.bigint() - started) / 1_000_000n)
  let clusters = 0
  for (; clusters < CLUSTERS && elapsedMs() < BUDGET_MS; clusters++) mustBeWell(await runSeed(seed + clusters, STEPS), STEPS)
  console.log(`${clusters} clusters from seed ${seed}`)
})

test.run()
