/** Measures what requests to data in memory cost, on several servers in turn. */
import { batchesOf, Connection, encode } from '../support/connection.ts'
import { ask, type Build, endProgram, type Program, startBuild } from '../support/programs.ts'
import type { Protocol } from '../support/redis-benchmark.ts'
import { CpuMeter } from './cpu.ts'
import { type Drain, HOT_TESTS, type HotTest, type Sizes } from './hot-tests.ts'
import { benchmarkWindow, type Comparison, compare, type Subject } from './windows.ts'

export interface HotOptions extends Sizes {
  readonly rounds: number
  /** Requests of a window, without pipelining and with 16 requests at a time. */
  readonly window: number
  readonly pipelinedWindow: number
  readonly clients: number
  readonly protocols: readonly Protocol[]
  readonly pipelines: readonly number[]
  /** Names of tests; null stands for all. */
  readonly only: readonly string[] | null
  readonly note: (text: string) => void
}

export interface CostRow extends Comparison {
  readonly test: string
  readonly title: string
  readonly pipeline: number
  readonly protocol: Protocol
  /** Requests of a window. */
  readonly requests: number
}

const COMMANDS_PER_WRITE = 10
const MAX_UNANSWERED = 200
const ELEMENTS_PER_COMMAND = 100
/** Windows at the beginning of a test that are not measured: they warm up compilers and caches. */
const WARM_UP_WINDOWS = 3

/** The first build is what the others are compared with. */
export async function hotCosts(builds: readonly Build[], options: HotOptions): Promise<{ rows: CostRow[]; versions: string[] }> {
  const programs: Program[] = []
  try {
    for (const build of builds) programs.push(await startBuild(build))
    const subjects = programs.map((program) => ({ program, meter: new CpuMeter(program) }))
    const rows: CostRow[] = []
    for (const test of HOT_TESTS.filter(({ name }) => options.only === null || options.only.includes(name))) {
      for (const program of programs) await load(program, test.load?.(options) ?? [])
      for (const pipeline of options.pipelines) {
        for (const protocol of options.protocols) rows.push(await measure(subjects, test, pipeline, protocol, options))
      }
    }
    return { rows, versions: programs.map(({ version }) => version) }
  } finally {
    for (const program of programs) await endProgram(program)
  }
}

async function measure(
  subjects: readonly Subject[],
  test: HotTest,
  pipeline: number,
  protocol: Protocol,
  options: HotOptions,
): Promise<CostRow> {
  const { clients, valueBytes, keys, elements, rounds, note } = options
  const window = pipeline === 1 ? options.window : options.pipelinedWindow
  const requests = Math.ceil(window * (test.share ?? 1))
  const command = { title: test.title, words: test.words(options) }
  const range = test.range === 'elements' ? elements : keys
  const benchmark = benchmarkWindow({ tests: [], command, requests, pipeline, clients, valueBytes, keys: range, protocol })
  const { drain } = test
  const prepare =
    // Adds a margin: redis-benchmark sends whole pipelines, so it may send a few more requests.
    drain === undefined ? undefined : (program: Program) => fill(program, drain, requests + clients * pipeline, options)
  for (const { program } of subjects) {
    for (let count = 0; count < WARM_UP_WINDOWS; count++) {
      await prepare?.(program)
      await benchmark(program)
    }
  }
  const comparison = await compare(subjects, benchmark, prepare === undefined ? { rounds } : { rounds, prepare })
  note(noteOf(test, pipeline, protocol, comparison))
  return { test: test.name, title: test.title, pipeline, protocol, requests, ...comparison }
}

async function load(program: Program, requests: Iterable<string>): Promise<void> {
  const connection = await Connection.open(program.port)
  try {
    await connection.pipeline(batchesOf(requests, COMMANDS_PER_WRITE), MAX_UNANSWERED)
  } finally {
    connection.close()
  }
}

/** Numbers of elements that `fill` has added, over all servers and tests: no number comes twice. */
let filled = 0

/** Adds elements until a window can remove `window` of them. haypile then writes a checkpoint. */
async function fill(program: Program, drain: Drain, window: number, sizes: Sizes): Promise<void> {
  const connection = await Connection.open(program.port)
  try {
    const missing = drain.left(sizes) + window - Number(await connection.request(encode([drain.count, drain.key])))
    const requests = function* () {
      for (let at = 0; at < missing; at += ELEMENTS_PER_COMMAND) {
        const count = Math.min(ELEMENTS_PER_COMMAND, missing - at)
        yield drain.add(filled, filled + count, sizes)
        filled += count
      }
    }
    await connection.pipeline(batchesOf(requests(), COMMANDS_PER_WRITE), MAX_UNANSWERED)
  } finally {
    connection.close()
  }
  if (program.name === 'haypile') await ask(program.port, 'SAVE')
}

function noteOf(test: HotTest, pipeline: number, protocol: Protocol, { servers, ratios }: Comparison): string {
  const figures = servers.map(({ label, processMicros }) => `${label} ${processMicros?.median.toFixed(2) ?? '?'} µs`)
  const ratio = ratios.map(({ processMicros }) => processMicros?.median.toFixed(2) ?? '?')
  return `${test.title} -P ${pipeline} RESP${protocol}: ${figures.join(', ')}, ratio ${ratio.join(', ')}`
}
