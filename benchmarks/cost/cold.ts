/**
 * Measures requests to keys that are not in memory: there are ten times as many as the cache holds.
 * Redis has all of them in memory and is the reference only.
 *
 *   load SET | GET, SET, absent GET, SCAN | load the small kinds | their tests | kill -9, restart
 *
 * The column of disk reads shows how cold a test was: 1 means that each request read a key from
 * LevelDB.
 */
import { Connection } from '../support/connection.ts'
import { anonymousBytes, type Build, endProgram, type Program, startBuild } from '../support/programs.ts'
import { type ColdKind, type ColdTest, SMALL_KINDS, SMALL_TESTS, STRING_TESTS, STRINGS } from './cold-data.ts'
import { CpuMeter } from './cpu.ts'
import { type Restart, restart } from './restart.ts'
import { benchmarkWindow, type Comparison, compare, type Subject, type Window } from './windows.ts'

export interface ColdOptions {
  /** Strings. There are half as many keys of each other kind. */
  readonly keys: number
  readonly rounds: number
  readonly window: number
  readonly pipelinedWindow: number
  readonly note: (text: string) => void
}

interface ColdRow extends Comparison {
  readonly title: string
  readonly pipeline: number
  readonly requests: number
}

export interface ColdResult {
  readonly keys: number
  readonly cacheBytes: number
  readonly rows: readonly ColdRow[]
  /** haypile's anonymous memory after the strings and at the end; null without /proc. */
  readonly memory: readonly { readonly label: string; readonly at: string; readonly anonymousBytes: number | null }[]
  readonly restarts: readonly Restart[]
}

const MEBIBYTE = 2 ** 20
const DEFAULT_CACHE_BYTES = 128 * MEBIBYTE
const DEFAULT_KEYS = 3_000_000
/** The least that the configuration accepts. */
const MIN_CACHE_BYTES = 16 * MEBIBYTE
const CLIENTS = 50
const PIPELINE = 16
const SCAN_COUNT = 1000

/** Returns cache-memory for a number of keys: 128 MiB for 3 million. */
export function cacheBytesOf(keys: number): number {
  return Math.max(MIN_CACHE_BYTES, Math.round((DEFAULT_CACHE_BYTES * keys) / DEFAULT_KEYS))
}

/** The first build is what the others are compared with. */
export async function coldCosts(builds: readonly Build[], options: ColdOptions): Promise<ColdResult> {
  const cacheBytes = cacheBytesOf(options.keys)
  const flags = ['--cache-memory', String(cacheBytes)]
  const programs: Program[] = []
  try {
    for (const build of builds) programs.push(await startBuild(build, build.name === 'haypile' ? flags : []))
    const subjects = programs.map((program) => ({ program, meter: new CpuMeter(program) }))
    const memoryAt = (at: string) => programs.map((program) => ({ label: program.label, at, anonymousBytes: anonymousBytes(program) }))
    const rows = [await row(subjects, 'SET, load', PIPELINE, Math.ceil(options.keys / options.rounds), loader(STRINGS, options), options)]
    for (const test of STRING_TESTS) rows.push(...(await measure(subjects, test, options)))
    rows.push(await row(subjects, 'SCAN, for each key', 1, options.pipelinedWindow, scanner(options.pipelinedWindow), options))
    const memory = memoryAt('after the strings')
    for (const kind of SMALL_KINDS) for (const program of programs) await loadAll(program, kind, options)
    for (const test of SMALL_TESTS) rows.push(...(await measure(subjects, test, options)))
    memory.push(...memoryAt('at the end'))
    const restarts: Restart[] = []
    for (const [index, build] of builds.entries()) {
      const again = await restart(programs[index] as Program, build, build.name === 'haypile' ? flags : [], options.keys)
      programs[index] = again.program
      restarts.push(again.result)
      options.note(`${build.label}: restart after kill -9 in ${again.result.startMs.toFixed(0)} ms`)
    }
    return { keys: options.keys, cacheBytes, rows, memory, restarts }
  } finally {
    for (const program of programs) await endProgram(program)
  }
}

async function measure(subjects: readonly Subject[], { title, kind, words }: ColdTest, options: ColdOptions): Promise<ColdRow[]> {
  const share = [STRINGS, ...SMALL_KINDS].find(({ name }) => name === kind)?.share ?? 1
  const keys = Math.ceil(options.keys * share)
  const rows: ColdRow[] = []
  for (const pipeline of [PIPELINE, 1]) {
    const requests = pipeline === 1 ? options.window : options.pipelinedWindow
    const load = { tests: [], command: { title, words }, requests, pipeline, clients: CLIENTS, valueBytes: 1, keys, protocol: 3 as const }
    rows.push(await row(subjects, title, pipeline, requests, benchmarkWindow(load), options))
  }
  return rows
}

async function row(
  subjects: readonly Subject[],
  title: string,
  pipeline: number,
  requests: number,
  window: Window,
  { rounds, note }: ColdOptions,
): Promise<ColdRow> {
  const comparison = await compare(subjects, window, { rounds })
  const figures = comparison.servers.map(({ label, processMicros }) => `${label} ${processMicros?.median.toFixed(2) ?? '?'} µs`)
  note(`cold ${title} -P ${pipeline}: ${figures.join(', ')}`)
  return { title, pipeline, requests, ...comparison }
}

/** Returns windows that load the next keys of a kind into each server: one slice for each round. */
function loader(kind: ColdKind, { keys, rounds }: ColdOptions): Window {
  const loaded = new Map<Program, number>()
  return async (program) => {
    const from = loaded.get(program) ?? 0
    const to = Math.min(keys, from + Math.ceil(keys / rounds))
    loaded.set(program, to)
    const startedAtMs = performance.now()
    await loadSlice(program, kind, from, to)
    return { requests: Math.max(1, to - from), requestsPerSecond: (to - from) / ((performance.now() - startedAtMs) / 1000) }
  }
}

function loadAll(program: Program, kind: ColdKind, { keys }: ColdOptions): Promise<void> {
  return loadSlice(program, kind, 0, Math.ceil(keys * kind.share))
}

/** Loads the keys `from` to `to` - 1: each of many clients sends 16 requests at a time. */
async function loadSlice(program: Program, kind: ColdKind, from: number, to: number): Promise<void> {
  let next = from
  const client = async () => {
    const connection = await Connection.open(program.port)
    while (next < to) {
      const first = next
      next = Math.min(to, first + PIPELINE)
      let text = ''
      for (let key = first; key < next; key++) text += kind.request(key)
      await connection.pipeline([{ text, requests: next - first }], 0)
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
}

/** Returns windows of SCAN. Each goes on where the server's last one ended, and counts keys. */
function scanner(keysOfWindow: number): Window {
  const cursors = new Map<Program, string>()
  return async (program) => {
    const connection = await Connection.open(program.port)
    const startedAtMs = performance.now()
    let cursor = cursors.get(program) ?? '0'
    let keys = 0
    while (keys < keysOfWindow) {
      const [next, found] = (await connection.ask('SCAN', cursor, 'COUNT', SCAN_COUNT)) as unknown as [Buffer, Buffer[]]
      cursor = next.latin1Slice()
      keys += found.length
    }
    cursors.set(program, cursor)
    connection.close()
    return { requests: keys, requestsPerSecond: keys / ((performance.now() - startedAtMs) / 1000) }
  }
}
