/** Measures memory, speed and start-up time with many keys. */
import { loadKeys, startProbe } from './load.ts'
import { endProgram, type Program, type ProgramName, peakResidentBytes, residentBytes, startProgram } from './programs.ts'
import { redisBenchmark } from './redis-benchmark.ts'

const VALUE_BYTES = 64

export interface BigResult {
  readonly name: ProgramName
  readonly keys: number
  readonly loadPerSecond: number
  readonly residentBytes: number | null
  readonly peakBytes: number | null
  /** The longest PING during the load, and during random reads and writes, in milliseconds. */
  readonly longestLoadMs: number
  readonly longestRunMs: number
  readonly getPerSecond: number
  readonly setPerSecond: number
}

/** Measures memory, speed and the longest pause with many keys in memory. */
export async function big(name: ProgramName, keys: number): Promise<BigResult> {
  const program = await startProgram(name, name === 'haypile' ? ['--cache-memory', '2gb'] : [])
  try {
    const loadProbe = await startProbe(program.port)
    const startedAtMs = performance.now()
    await loadKeys(program.port, keys, VALUE_BYTES)
    const loadPerSecond = keys / ((performance.now() - startedAtMs) / 1000)
    const longestLoadMs = await loadProbe.stop()
    const runProbe = await startProbe(program.port)
    const load = { requests: 500_000, pipeline: 16, clients: 50, valueBytes: VALUE_BYTES, keys }
    const [set] = await redisBenchmark(program.port, { ...load, tests: ['set'] })
    const [get] = await redisBenchmark(program.port, { ...load, tests: ['get'] })
    const longestRunMs = await runProbe.stop()
    const memory = { residentBytes: residentBytes(program), peakBytes: peakResidentBytes(program) }
    const rates = { setPerSecond: set?.requestsPerSecond ?? 0, getPerSecond: get?.requestsPerSecond ?? 0 }
    return { name, keys, loadPerSecond, ...memory, longestLoadMs, longestRunMs, ...rates }
  } finally {
    await endProgram(program)
  }
}

export interface StartupResult {
  readonly name: ProgramName
  readonly keys: number
  readonly afterKillMs: number
  readonly afterShutdownMs: number
}

/**
 * Measures the time from the start of the process to its first answer, with keys on disk: after
 * kill -9 and after a clean shutdown.
 */
export async function startup(name: ProgramName, keys: number): Promise<StartupResult> {
  let program: Program = await startProgram(name)
  try {
    await loadKeys(program.port, keys, VALUE_BYTES)
    const { directory } = program
    await endProgram(program, 'SIGKILL', 'keep')
    program = await startProgram(name, [], directory)
    const afterKillMs = program.startMs
    await endProgram(program, 'SIGTERM', 'keep')
    program = await startProgram(name, [], directory)
    return { name, keys, afterKillMs, afterShutdownMs: program.startMs }
  } finally {
    await endProgram(program)
  }
}

export interface SmallCacheResult {
  readonly keys: number
  readonly loadPerSecond: number
  readonly residentBytes: number | null
  readonly peakBytes: number | null
  readonly getPerSecond: number
}

/** Measures far more keys than the cache holds. */
export async function smallCache(keys: number): Promise<SmallCacheResult> {
  const program = await startProgram('haypile', ['--cache-memory', '64mb'])
  try {
    const startedAtMs = performance.now()
    await loadKeys(program.port, keys, VALUE_BYTES)
    const loadPerSecond = keys / ((performance.now() - startedAtMs) / 1000)
    const load = { requests: 200_000, pipeline: 16, clients: 50, valueBytes: VALUE_BYTES, keys }
    const [get] = await redisBenchmark(program.port, { ...load, tests: ['get'] })
    const memory = { residentBytes: residentBytes(program), peakBytes: peakResidentBytes(program) }
    return { keys, loadPerSecond, ...memory, getPerSecond: get?.requestsPerSecond ?? 0 }
  } finally {
    await endProgram(program)
  }
}
