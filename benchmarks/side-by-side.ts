/**
 * Measures haypile beside redis-server (AOF everysec). Prints Markdown.
 *
 *   npm run bench -- [--rounds N] [--quick] [--json] [--big] [--startup] [--first-second]
 *                    [--small-cache] [--all]
 *
 * Without any of the last five flags only throughput is measured. Figures are comparable only on a
 * machine that does nothing else.
 */
import { parseArgs } from 'node:util'
import { type FirstSecond, firstSecond, firstSecondTable } from './first-second.ts'
import { isInstalled, type ProgramName } from './support/programs.ts'
import { type BigResult, big, type SmallCacheResult, type StartupResult, smallCache, startup } from './support/sizes.ts'
import { machine, mebibytes, milliseconds, perSecond, table } from './support/tables.ts'
import { type Footprint, type ThroughputRow, throughput, throughputTable } from './throughput.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
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
const rounds = Number(flags.rounds)
const hasOtherParts = flags.big || flags.startup || flags['first-second'] || flags['small-cache']

interface Results {
  machine: string
  throughput?: ThroughputRow[]
  footprints?: Footprint[]
  big?: BigResult[]
  startup?: StartupResult[]
  firstSecond?: FirstSecond[]
  smallCache?: SmallCacheResult
}

const results: Results = { machine: machine() }
if (flags.all || !hasOtherParts) {
  const sizes = { requests: 100_000 * scale, pipelinedRequests: 500_000 * scale, keys: 100_000, valueBytes: 64, clients: 50 }
  const { rows, footprints } = await throughput({ rounds, ...sizes, names, note })
  results.throughput = rows
  results.footprints = footprints
}
if (flags.all || flags.big) {
  results.big = []
  for (const name of names) results.big.push(await big(name, 2 * MILLION * scale))
}
if (flags.all || flags.startup) {
  results.startup = []
  for (const name of names) results.startup.push(await startup(name, MILLION * scale))
}
if (flags.all || flags['first-second']) {
  results.firstSecond = []
  for (const name of names) results.firstSecond.push(await firstSecond(name))
}
if (flags.all || flags['small-cache']) results.smallCache = await smallCache(5 * MILLION * scale)

process.stdout.write(flags.json ? `${JSON.stringify(results, null, 2)}\n` : `${markdown(results).join('\n\n')}\n`)

function markdown(all: Results): string[] {
  const parts = [all.machine]
  if (all.throughput !== undefined) parts.push(throughputTable(all.throughput))
  if (all.footprints !== undefined) parts.push(footprintTable(all.footprints))
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
