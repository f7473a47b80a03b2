/**
 * Runs the round trip with a data set of any size, and prints the time of each part:
 *
 *   npm run round-trip -- [--keys N] [--seed N]
 */
import { parseArgs } from 'node:util'
import { roundTrip } from './round-trip.ts'

const { values: flags } = parseArgs({ options: { keys: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } } })
const options = { keys: Number(flags.keys), seed: Number(flags.seed) }
console.log(JSON.stringify(options))
const { redis, haypile } = await roundTrip({
  ...options,
  report: (part, ms) => console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${part}`),
})
console.log(`from Redis: ${JSON.stringify(redis)}\nwith deadlines of fields: ${JSON.stringify(haypile)}`)
