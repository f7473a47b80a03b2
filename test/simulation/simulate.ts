/**
 * Runs simulated clusters:
 *
 *   npm run simulate -- --seed 7 --steps 300       one; prints its history if it fails
 *                                                  (always with --verbose)
 *   npm run simulate -- --seeds 1000 --steps 100   many, from --seed on, or from a random one
 *   npm run simulate -- --redis ...                nodes that follow a simulated Redis
 */
import { randomInt } from 'node:crypto'
import { Command } from 'commander'
import { runRedisSeed, runSeed } from './run-seed.ts'

const options = new Command('simulate')
  .option('--seed <number>', 'the first cluster', Number)
  .option('--seeds <count>', 'how many clusters', Number, 1)
  .option('--steps <count>', 'how many things happen in each', Number, 150)
  .option('--verbose', 'print the history though nothing fails')
  .option('--redis', 'nodes that follow a Redis, in place of a cluster')
  .option('--go-on', 'do not stop at the first failure')
  .parse()
  .opts<{ seed?: number; seeds: number; steps: number; verbose?: boolean; goOn?: boolean; redis?: boolean }>()

const first = options.seed ?? randomInt(2 ** 31)
const runOne = options.redis === true ? runRedisSeed : runSeed
const again = options.redis === true ? '--redis ' : ''
let failures = 0
for (let seed = first; seed < first + options.seeds; seed++) {
  const { failure, history, events, simulatedMs, historyDigest } = await runOne(seed, options.steps)
  if (options.verbose === true || (failure !== null && options.seeds === 1)) for (const line of history) console.log(line)
  if (failure === null) {
    if (options.seeds === 1)
      console.log(`seed ${seed}: well, ${events} events in ${Math.round(simulatedMs)} simulated ms, history ${historyDigest}`)
    continue
  }
  failures++
  console.log(`seed ${seed} FAILED after ${Math.round(simulatedMs)} simulated ms: ${failure.stack}`)
  console.log(`again: npm run simulate -- ${again}--seed ${seed} --steps ${options.steps}`)
  if (options.goOn !== true) break
}
console.log(`${options.seeds} clusters from seed ${first}, ${options.steps} steps each: ${failures} failed`)
process.exitCode = failures > 0 ? 1 : 0
