/**
 * Runs redis-benchmark against both servers alternately, so that other work on the machine slows
 * both down.
 */
import { loadKeys } from './support/load.ts'
import { ask, diskBytesWritten, endProgram, type Program, type ProgramName, residentBytes, startProgram } from './support/programs.ts'
import { type Load, type Measurement, redisBenchmark } from './support/redis-benchmark.ts'
import { median, milliseconds, perSecond, table } from './support/tables.ts'

const TESTS = ['ping_mbulk', 'set', 'get', 'incr', 'mset'] as const

interface Figures {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface ThroughputRow {
  readonly test: string
  readonly pipeline: number
  readonly haypile: Figures
  readonly redis: Figures | null
}

export interface Footprint {
  readonly name: ProgramName
  readonly version: string
  readonly residentBytes: number | null
  /** Bytes written to disk for each byte of keys and values. */
  readonly writtenPerByte: number | null
}

export interface ThroughputOptions {
  readonly rounds: number
  readonly requests: number
  readonly pipelinedRequests: number
  readonly keys: number
  readonly valueBytes: number
  readonly clients: number
  readonly names: readonly ProgramName[]
  readonly note: (text: string) => void
}

export async function throughput(options: ThroughputOptions): Promise<{ rows: ThroughputRow[]; footprints: Footprint[] }> {
  const programs: Program[] = []
  try {
    for (const name of options.names) programs.push(await startProgram(name))
    const rows: ThroughputRow[] = []
    for (const pipeline of [1, 16]) {
      for (const test of TESTS) rows.push(await measure(programs, test, pipeline, options))
    }
    const footprints: Footprint[] = []
    for (const program of programs) footprints.push(await footprint(program, options))
    return { rows, footprints }
  } finally {
    for (const program of programs) await endProgram(program)
  }
}

async function measure(programs: readonly Program[], test: string, pipeline: number, options: ThroughputOptions): Promise<ThroughputRow> {
  const requests = pipeline === 1 ? options.requests : options.pipelinedRequests
  const { clients, valueBytes, keys } = options
  const load = { tests: [test], requests: test === 'mset' ? Math.ceil(requests / 5) : requests, pipeline, clients, valueBytes, keys }
  return alternately(programs, load, options)
}

/**
 * Measures each server once a round and returns the medians. A first round, which warms up
 * compilers, caches and key tables, is not counted. `prepare` runs before each measurement.
 */
export async function alternately(
  programs: readonly Program[],
  load: Load,
  { rounds, note }: { readonly rounds: number; readonly note: (text: string) => void },
  prepare?: (program: Program) => Promise<void>,
): Promise<ThroughputRow> {
  const found = new Map<ProgramName, Measurement[]>()
  for (let round = 0; round <= rounds; round++) {
    for (const program of programs) {
      await prepare?.(program)
      // Takes the last row: for LRANGE redis-benchmark first reports how it filled the list.
      const measurement = (await redisBenchmark(program.port, round === 0 ? { ...load, requests: Math.ceil(load.requests / 2) } : load)).at(
        -1,
      )
      if (round > 0 && measurement !== undefined) found.set(program.name, [...(found.get(program.name) ?? []), measurement])
    }
  }
  const haypile = medians(found.get('haypile') ?? [])
  const redis = found.has('redis') ? medians(found.get('redis') ?? []) : null
  const test = found.get('haypile')?.[0]?.test ?? load.tests.join()
  const rates = [haypile, redis].flatMap((figures) => (figures === null ? [] : [Math.round(figures.requestsPerSecond)]))
  note(`${test} -P ${load.pipeline}: ${rates.join(' / ')}`)
  return { test, pipeline: load.pipeline, haypile, redis }
}

function medians(measurements: readonly Measurement[]): Figures {
  const medianOf = (field: (measurement: Measurement) => number) => median(measurements.map(field))
  return {
    requestsPerSecond: medianOf((measurement) => measurement.requestsPerSecond),
    p50Ms: medianOf((measurement) => measurement.p50Ms),
    p99Ms: medianOf((measurement) => measurement.p99Ms),
    maxMs: Math.max(...measurements.map((measurement) => measurement.maxMs)),
  }
}

/** Measures memory after the runs, and the bytes written to disk by SETs and a checkpoint. */
async function footprint(program: Program, options: ThroughputOptions): Promise<Footprint> {
  const resident = residentBytes(program)
  const bytesBefore = diskBytesWritten(program)
  let userBytes = 0
  for (let pass = 0; pass < 3; pass++) userBytes += await loadKeys(program.port, options.keys, options.valueBytes)
  if (program.name === 'haypile') await ask(program.port, 'SAVE')
  else await new Promise((resolve) => setTimeout(resolve, 2000)) // Redis syncs its AOF every second
  const bytesAfter = diskBytesWritten(program)
  const writtenPerByte =
    bytesBefore === null || bytesAfter === null || bytesAfter === bytesBefore ? null : (bytesAfter - bytesBefore) / userBytes
  return { name: program.name, version: program.version, residentBytes: resident, writtenPerByte }
}

function latencies({ p50Ms, p99Ms, maxMs }: Figures): string {
  return [p50Ms, p99Ms, maxMs].map(milliseconds).join(' / ')
}

export function throughputTable(rows: readonly ThroughputRow[]): string {
  const head = ['test', 'haypile /s', 'redis /s', 'ratio', 'haypile p50 / p99 / max ms', 'redis p50 / p99 / max ms']
  return table(
    head,
    rows.map(({ test, pipeline, haypile, redis }) => [
      pipeline === 1 ? test : `${test} -P ${pipeline}`,
      perSecond(haypile.requestsPerSecond),
      redis === null ? '' : perSecond(redis.requestsPerSecond),
      redis === null ? '' : (haypile.requestsPerSecond / redis.requestsPerSecond).toFixed(2),
      latencies(haypile),
      redis === null ? '' : latencies(redis),
    ]),
  )
}
