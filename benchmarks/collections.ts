/**
 * Measures collections beside redis-server (AOF everysec) where Redis can do the same. Prints
 * Markdown.
 *
 *   npm run bench:collections -- [--rounds N] [--quick] [--json] [--throughput] [--huge] [--growth]
 *                                [--middle] [--all] [--elements N] [--cache-memory MIB]
 *                                [--value-bytes N] [--only WORD,WORD] [--order random]
 *
 * Without the name of a part only throughput is measured. `--elements` is the size of the large
 * collections. Its default is a million for --middle, which needs at least 1,600, and ten million
 * otherwise; --growth uses sizes from a thousand up to that. `--only` names throughput tests and
 * types, such as `lpush,hset` or `hash,list`. --huge adds elements in ascending order by default.
 * In random order each element changes another page, which takes far longer where the cache holds
 * few of them. Figures are comparable only on a machine that does nothing else.
 */
import { parseArgs } from 'node:util'
import { type GrowthResult, growth } from './collections/growth.ts'
import { type HugeResult, huge } from './collections/huge.ts'
import { type MiddleRow, middle, minElementsOf } from './collections/middle.ts'
import { KINDS } from './collections/operations.ts'
import { growthTables, hugeTables, middleTable } from './collections/tables.ts'
import { collectionsThroughput } from './collections/throughput.ts'
import { isInstalled, type ProgramName } from './support/programs.ts'
import { machine } from './support/tables.ts'
import { type ThroughputRow, throughputTable } from './throughput.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    throughput: { type: 'boolean', default: false },
    huge: { type: 'boolean', default: false },
    growth: { type: 'boolean', default: false },
    middle: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    elements: { type: 'string' },
    'cache-memory': { type: 'string', default: '256' },
    'value-bytes': { type: 'string', default: '64' },
    only: { type: 'string' },
    order: { type: 'string', default: 'ascending' },
  },
})

const MILLION = 1_000_000
const MEBIBYTE = 2 ** 20
const MIDDLE_SAMPLES = 200

if (!isInstalled('redis-benchmark')) {
  process.stderr.write('redis-benchmark is not installed (Debian: redis-tools)\n')
  process.exit(1)
}
const names: readonly ProgramName[] = isInstalled('redis-server') ? ['haypile', 'redis'] : ['haypile']
const note = (text: string) => void process.stderr.write(`${text}\n`)
const scale = flags.quick ? 0.1 : 1
const elementsOrDefault = (defaultElements: number) => (flags.elements === undefined ? defaultElements * scale : Number(flags.elements))
const only = flags.only?.split(',') ?? null
const order = flags.order === 'random' ? 'random' : 'ascending'
const kinds = KINDS.filter(({ name }) => only === null || only.includes(name))
const hasOtherParts = flags.huge || flags.growth || flags.middle
const middleElements = flags.all || flags.middle ? elementsOrDefault(MILLION) : null
if (middleElements !== null && !(middleElements >= minElementsOf(MIDDLE_SAMPLES))) {
  process.stderr.write(`--middle needs --elements of at least ${minElementsOf(MIDDLE_SAMPLES)}\n`)
  process.exit(1)
}

interface Results {
  machine: string
  throughput?: ThroughputRow[]
  huge?: HugeResult
  growth?: GrowthResult
  middle?: MiddleRow[]
}

const results: Results = { machine: machine() }
if (flags.all || flags.throughput || !hasOtherParts) {
  const sizes = { requests: 100_000 * scale, pipelinedRequests: 500_000 * scale, keys: 100_000, clients: 50 }
  results.throughput = await collectionsThroughput({
    only,
    rounds: Number(flags.rounds),
    ...sizes,
    valueBytes: Number(flags['value-bytes']),
    names,
    note,
  })
}
if (flags.all || flags.huge) {
  const cacheBytes = Number(flags['cache-memory']) * MEBIBYTE
  results.huge = await huge({
    kinds,
    order,
    elements: elementsOrDefault(10 * MILLION),
    cacheBytes,
    samples: flags.quick ? 300 : 2000,
    watchMs: flags.quick ? 3000 : 60_000,
    note,
  })
}
if (flags.all || flags.growth) results.growth = await growth({ elements: elementsOrDefault(10 * MILLION), kinds, requests: 20_000, note })
if (middleElements !== null) results.middle = await middle({ elements: middleElements, samples: MIDDLE_SAMPLES, names, note })

process.stdout.write(flags.json ? `${JSON.stringify(results, null, 2)}\n` : `${markdown(results).join('\n\n')}\n`)

function markdown(all: Results): string[] {
  const parts = [all.machine]
  if (all.throughput !== undefined) parts.push(throughputTable(all.throughput))
  if (all.huge !== undefined) parts.push(...hugeTables(all.huge))
  if (all.growth !== undefined) parts.push(...growthTables(all.growth))
  if (all.middle !== undefined) parts.push(middleTable(all.middle))
  return parts
}
