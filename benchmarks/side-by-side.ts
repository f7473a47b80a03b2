/**
 * Measures haypile beside redis-server (AOF everysec). Prints Markdown.
 *
 *   npm run bench -- [--rounds N] [--quick] [--json] [--throughput] [--cpu] [--memory] [--cold]
 *                    [--cold-keys N] [--cold-window N] [--memory-keys N] [--big] [--startup]
 *                    [--first-second] [--small-cache] [--all]
 *
 * Without the name of a part, throughput, CPU, memory and cold keys are measured. Throughput is
 * comparable only on a machine that does nothing else; ratios of CPU time are on any machine.
 */
import { parseArgs } from 'node:util'
import { type ColdResult, coldCosts } from './cost/cold.ts'
import { coldTables } from './cost/cold-tables.ts'
import { costTables } from './cost/cost-table.ts'
import { type CostRow, hotCosts } from './cost/hot.ts'
import { type MemoryRow, memoryOfKeys, memoryTable } from './cost/memory.ts'
import { type FirstSecond, firstSecond, firstSecondTable } from './first-second.ts'
import { buildOf, isInstalled, type ProgramName } from './support/programs.ts'
import { type BigResult, big, type SmallCacheResult, type StartupResult, smallCache, startup } from './support/sizes.ts'
import { machine, mebibytes, milliseconds, perSecond, table } from './support/tables.ts'
import { type Footprint, type ThroughputRow, throughput, throughputTable } from './throughput.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    throughput: { type: 'boolean', default: false },
    cpu: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
    cold: { type: 'boolean', default: false },
    'cold-keys': { type: 'string' },
    'cold-window': { type: 'string' },
    'memory-keys': { type: 'string' },
    big: { type: 'boolean', default: false },
    startup: { type: 'boolean', default: false },
    'first-second': { type: 'boolean', default: false },
    'small-cache': { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
})

const MILLION = 1_000_000

if (!isInstalled('redis-benchmark')) {
  process.stderr.write('redis-benchmark is not installed (Debian: redis-tools)\n')
  process.exit(1)
}
const names: readonly ProgramName[] = isInstalled('redis-server') ? ['haypile', 'redis'] : ['haypile']
const note = (text: string) => void process.stderr.write(`${text}\n`)
const scale = flags.quick ? 0.2 : 1
const rounds = Number(flags.rounds ?? 3)
const DEFAULT_PARTS = ['throughput', 'cpu', 'memory', 'cold'] as const
const OTHER_PARTS = ['big', 'startup', 'first-second', 'small-cache'] as const
type Part = (typeof DEFAULT_PARTS)[number] | (typeof OTHER_PARTS)[number]
const hasParts = [...DEFAULT_PARTS, ...OTHER_PARTS].some((part) => flags[part])
const isWanted = (part: Part) => flags.all || flags[part] || (!hasParts && (DEFAULT_PARTS as readonly string[]).includes(part))
/** Redis is first: it is what haypile is compared with. */
const builds = [...names].reverse().map(buildOf)

interface Results {
  machine: string
  throughput?: ThroughputRow[]
  footprints?: Footprint[]
  cpu?: CostRow[]
  memory?: MemoryRow[]
  cold?: ColdResult
  big?: BigResult[]
  startup?: StartupResult[]
  firstSecond?: FirstSecond[]
  smallCache?: SmallCacheResult
}

const results: Results = { machine: machine() }
if (isWanted('throughput')) {
  const sizes = { requests: 100_000 * scale, pipelinedRequests: 500_000 * scale, keys: 100_000, valueBytes: 64, clients: 50 }
  const { rows, footprints } = await throughput({ rounds, ...sizes, names, note })
  results.throughput = rows
  results.footprints = footprints
}
if (isWanted('cpu')) {
  const sizes = {
    keys: 100_000,
    elements: 100_000,
    valueBytes: 64,
    clients: 50,
    protocols: [2, 3] as const,
    pipelines: [1, 16],
    only: null,
  }
  const windows = { window: 20_000 * scale, pipelinedWindow: 100_000 * scale, rounds: Number(flags.rounds ?? (flags.quick ? 3 : 9)) }
  results.cpu = (await hotCosts(builds, { ...sizes, ...windows, note })).rows
}
if (isWanted('memory')) results.memory = await memoryOfKeys(builds, Number(flags['memory-keys'] ?? 200_000 * scale), note)
if (isWanted('cold')) {
  const keys = Number(flags['cold-keys'] ?? (flags.quick ? 400_000 : 3 * MILLION))
  const pipelinedWindow = Number(flags['cold-window'] ?? 50_000 * scale)
  results.cold = await coldCosts(builds, {
    keys,
    rounds: Number(flags.rounds ?? (flags.quick ? 3 : 7)),
    window: pipelinedWindow / 5,
    pipelinedWindow,
    note,
  })
}
if (isWanted('big')) {
  results.big = []
  for (const name of names) results.big.push(await big(name, 2 * MILLION * scale))
}
if (isWanted('startup')) {
  results.startup = []
  for (const name of names) results.startup.push(await startup(name, MILLION * scale))
}
if (isWanted('first-second')) {
  results.firstSecond = []
  for (const name of names) results.firstSecond.push(await firstSecond(name))
}
if (isWanted('small-cache')) results.smallCache = await smallCache(5 * MILLION * scale)

process.stdout.write(flags.json ? `${JSON.stringify(results, null, 2)}\n` : `${markdown(results).join('\n\n')}\n`)

function markdown(all: Results): string[] {
  const parts = [all.machine]
  if (all.throughput !== undefined) parts.push(throughputTable(all.throughput))
  if (all.footprints !== undefined) parts.push(footprintTable(all.footprints))
  if (all.cpu !== undefined) parts.push(...costTables(all.cpu))
  if (all.memory !== undefined) parts.push(memoryTable(all.memory))
  if (all.cold !== undefined) parts.push(...coldTables(all.cold))
  if (all.big !== undefined) parts.push(bigTable(all.big))
  if (all.startup !== undefined) parts.push(startupTable(all.startup))
  if (all.firstSecond !== undefined) parts.push(firstSecondTable(all.firstSecond))
  if (all.smallCache !== undefined) parts.push(smallCacheTable(all.smallCache))
  return parts
}

function footprintTable(footprints: readonly Footprint[]): string {
  const rows = footprints.map((each) => [
    `${each.name} ${each.version}`,
    mebibytes(each.residentBytes),
    each.writtenPerByte === null ? '?' : each.writtenPerByte.toFixed(2),
  ])
  return table(['server', 'RSS after the runs', 'bytes to disk per user byte'], rows)
}

function bigTable(all: readonly BigResult[]): string {
  const head = [
    'server',
    'keys',
    'load /s',
    'SET -P 16 /s',
    'GET -P 16 /s',
    'RSS',
    'peak RSS',
    'longest PING during load, ms',
    'longest PING during requests, ms',
  ]
  return table(
    head,
    all.map((each) => [
      each.name,
      perSecond(each.keys),
      perSecond(each.loadPerSecond),
      perSecond(each.setPerSecond),
      perSecond(each.getPerSecond),
      mebibytes(each.residentBytes),
      mebibytes(each.peakBytes),
      milliseconds(each.longestLoadMs),
      milliseconds(each.longestRunMs),
    ]),
  )
}

function startupTable(all: readonly StartupResult[]): string {
  const rows = all.map((each) => [each.name, perSecond(each.keys), milliseconds(each.afterKillMs), milliseconds(each.afterShutdownMs)])
  return table(['server', 'keys', 'start after kill -9, ms', 'start after shutdown, ms'], rows)
}

function smallCacheTable({ keys, loadPerSecond, residentBytes, peakBytes, getPerSecond }: SmallCacheResult): string {
  const row = [
    'haypile',
    perSecond(keys),
    perSecond(loadPerSecond),
    perSecond(getPerSecond),
    mebibytes(residentBytes),
    mebibytes(peakBytes),
  ]
  return table(['cache-memory 64mb', 'keys', 'load /s', 'GET -P 16 /s', 'RSS', 'peak RSS'], [row])
}
