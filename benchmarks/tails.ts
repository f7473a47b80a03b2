/**
 * Measures the tails of latencies beside redis-server (AOF everysec), at half of the load that
 * haypile can take. Prints tables.
 *
 *   npm run bench:tails -- [--quick] [--json] [--rounds N] [--seconds N] [--rate N]
 *                          [--scenarios WORD,WORD] [--tests WORD,WORD] [--keys N] [--many-keys N]
 *                          [--expiring-keys N]
 *
 * Requests have fixed times, and a latency counts from the time at which its request was due.
 * Scenarios are `plain`, `checkpoint`, `sync`, `expiry` and `many`. benchmarks/README.md describes
 * them. A tail is longer where other work shares the machine: compare the servers of one run.
 */
import { parseArgs } from 'node:util'
import { loadKeys } from './support/load.ts'
import { type Build, buildOf, endProgram, isInstalled, type Program, startBuild } from './support/programs.ts'
import { redisBenchmark } from './support/redis-benchmark.ts'
import { environment, environmentText, median, milliseconds, perSecond, table } from './support/tables.ts'
import { measureTail, type Tail } from './tails/probe.ts'
import { SCENARIOS, type Scenario, type ScenarioSizes } from './tails/scenarios.ts'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    rate: { type: 'string' },
    scenarios: { type: 'string' },
    tests: { type: 'string' },
    keys: { type: 'string' },
    'many-keys': { type: 'string' },
    'expiring-keys': { type: 'string' },
  },
})

const KEY = 'key:__rand_int__'
const VALUE = 'x'.repeat(64)
const TESTS = [
  { name: 'set', title: 'SET', words: ['SET', KEY, VALUE] },
  { name: 'get', title: 'GET', words: ['GET', KEY] },
  { name: 'incr', title: 'INCR', words: ['INCR', 'counter:__rand_int__'] },
  { name: 'hset', title: 'HSET', words: ['HSET', 'hash:__rand_int__', 'field', VALUE] },
  { name: 'zadd', title: 'ZADD', words: ['ZADD', 'zset', '__rand_int__', 'member:__rand_int__'] },
  { name: 'lpush', title: 'LPUSH', words: ['LPUSH', 'list', VALUE] },
]
const CLIENTS = 50
const CALIBRATION_REQUESTS = 20_000
/** Requests a second of the PING that is sent beside the others, from outside. */
const PING_RATE = 200

interface TailRow {
  readonly scenario: string
  readonly test: string
  readonly rate: number
  readonly servers: readonly { readonly label: string; readonly requests: Tail; readonly ping: Tail }[]
}

const sizes: ScenarioSizes = {
  keys: Number(flags.keys ?? 100_000),
  manyKeys: Number(flags['many-keys'] ?? (flags.quick ? 500_000 : 5_000_000)),
  expiringKeys: Number(flags['expiring-keys'] ?? (flags.quick ? 100_000 : 1_000_000)),
  seconds: Number(flags.seconds ?? (flags.quick ? 3 : 15)),
}
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 3))
const scenarios = SCENARIOS.filter(({ name }) => flags.scenarios?.split(',').includes(name) ?? true)
const tests = TESTS.filter(({ name }) => flags.tests?.split(',').includes(name) ?? true)
const note = (text: string) => void process.stderr.write(`${text}\n`)

if (!isInstalled('redis-benchmark')) {
  note('redis-benchmark is not installed (Debian: redis-tools)')
  process.exit(1)
}
const builds: readonly Build[] = isInstalled('redis-server') ? [buildOf('redis'), buildOf('haypile')] : [buildOf('haypile')]
const before = environment()
const rows: TailRow[] = []
for (const scenario of scenarios) rows.push(...(await measureScenario(scenario)))
const document = { format: 'haypile-tails-1', environment: before, tails: rows }
process.stdout.write(flags.json ? `${JSON.stringify(document, null, 2)}\n` : `${environmentText(before)}\n\n${tailTable(rows)}\n`)

/** Measures all tests in one scenario. The servers run at once and are measured in turns. */
async function measureScenario(scenario: Scenario): Promise<TailRow[]> {
  const programs: Program[] = []
  try {
    for (const build of builds) programs.push(await startBuild(build))
    for (const program of programs) await loadKeys(program.port, scenario.keys(sizes), VALUE.length)
    const found: TailRow[] = []
    for (const { title, words } of tests) {
      const rate = await halfLoad(programs.at(-1) as Program, words, scenario)
      const tails = programs.map(() => ({ requests: [] as Tail[], ping: [] as Tail[] }))
      for (let round = 0; round < rounds; round++) {
        for (const [index, program] of programs.entries()) {
          const { requests, ping } = await measureOnce(program, builds[index] as Build, scenario, words, rate)
          tails[index]?.requests.push(requests)
          tails[index]?.ping.push(ping)
        }
      }
      const servers = tails.map(({ requests, ping }, index) => ({
        label: builds[index]?.label ?? '',
        requests: merged(requests),
        ping: merged(ping),
      }))
      found.push({ scenario: scenario.title, test: title, rate, servers })
      note(
        `${scenario.title}, ${title}: ${servers.map(({ label, requests }) => `${label} p99.9 ${milliseconds(requests.p999Ms)} ms`).join(', ')}`,
      )
    }
    return found
  } finally {
    for (const program of programs) await endProgram(program)
  }
}

/** Returns half of the requests a second that the server can take, or the rate that is given. */
async function halfLoad({ port }: Program, words: readonly string[], scenario: Scenario): Promise<number> {
  if (flags.rate !== undefined) return Number(flags.rate)
  const load = { tests: [], command: { title: 'calibration', words }, requests: CALIBRATION_REQUESTS, pipeline: 1, clients: CLIENTS }
  const [measured] = await redisBenchmark(port, { ...load, valueBytes: VALUE.length, keys: scenario.keys(sizes) })
  return Math.max(1, Math.round((measured?.requestsPerSecond ?? 0) / 2))
}

async function measureOnce(program: Program, build: Build, scenario: Scenario, words: readonly string[], rate: number) {
  const end = await scenario.begin?.(program, build, sizes)
  const shared = { port: program.port, seconds: sizes.seconds, keys: scenario.keys(sizes) }
  const [requests, ping] = await Promise.all([
    measureTail({ ...shared, rate, connections: CLIENTS, words }),
    measureTail({ ...shared, rate: Math.min(rate, PING_RATE), connections: 1, words: ['PING'] }),
  ])
  await end?.()
  return { requests, ping }
}

/** Returns the medians of the rounds' percentiles, and the maximum of all. */
function merged(tails: readonly Tail[]): Tail {
  const medianOf = (field: keyof Tail) => median(tails.map((tail) => tail[field]))
  return {
    samples: tails.reduce((sum, { samples }) => sum + samples, 0),
    p50Ms: medianOf('p50Ms'),
    p99Ms: medianOf('p99Ms'),
    p999Ms: medianOf('p999Ms'),
    maxMs: Math.max(...tails.map(({ maxMs }) => maxMs)),
    ownP999Ms: medianOf('ownP999Ms'),
  }
}

function tailTable(all: readonly TailRow[]): string {
  const labels = all[0]?.servers.map(({ label }) => label) ?? []
  const head = [
    'beside',
    'test',
    'requests /s',
    ...labels.flatMap((label) => [`${label} p50 / p99 / p99.9 / max ms`, 'PING p99.9 / max', 'probe']),
  ]
  const text = (...values: readonly number[]) => values.map(milliseconds).join(' / ')
  return table(
    head,
    all.map(({ scenario, test, rate, servers }) => [
      scenario,
      test,
      perSecond(rate),
      ...servers.flatMap(({ requests, ping }) => [
        text(requests.p50Ms, requests.p99Ms, requests.p999Ms, requests.maxMs),
        text(ping.p999Ms, ping.maxMs),
        text(requests.ownP999Ms),
      ]),
    ]),
  )
}
