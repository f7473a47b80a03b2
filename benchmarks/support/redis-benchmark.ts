/** Runs redis-benchmark and reads its CSV. */
import { spawn } from 'node:child_process'

export interface Measurement {
  /** The test's name in redis-benchmark, such as `MSET (10 keys)`. */
  readonly test: string
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/**
 * The requests that redis-benchmark sends: some of its tests, or one command. In a command,
 * __rand_int__ stands for a random key number.
 */
export interface Load {
  readonly tests: readonly string[]
  readonly command?: { readonly title: string; readonly words: readonly string[] }
  readonly requests: number
  readonly pipeline: number
  readonly clients: number
  readonly valueBytes: number
  readonly keys: number
  /** The version of RESP; 2 unless given. */
  readonly protocol?: Protocol
}

export type Protocol = 2 | 3

const TIMEOUT_MS = 300_000

/** Runs redis-benchmark. Rejects if it fails or reports nothing. */
export async function redisBenchmark(port: number, load: Load): Promise<Measurement[]> {
  const words = ['-p', port, '-n', load.requests, '-P', load.pipeline, '-c', load.clients, '-d', load.valueBytes, '-r', load.keys, '--csv']
  if (load.protocol === 3) words.push('-3')
  const selection = load.command?.words ?? ['-t', load.tests.join(',')]
  const output = await run('redis-benchmark', [...words, ...selection].map(String))
  const measurements: Measurement[] = []
  for (const line of output.split('\n')) {
    const fields = line.split('","').map((field) => field.replace(/"/g, ''))
    const [rps, , , p50, , p99, max] = fields.slice(-7)
    const [test] = fields
    if (test === undefined || fields.length < 8 || test === 'test') continue
    measurements.push({
      test: load.command?.title ?? test,
      requestsPerSecond: Number(rps),
      p50Ms: Number(p50),
      p99Ms: Number(p99),
      maxMs: Number(max),
    })
  }
  if (measurements.length === 0) throw new Error(`redis-benchmark printed no figures:\n${output}`)
  return measurements
}

function run(program: string, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
    let output = ''
    let errors = ''
    child.stdout.on('data', (data: Buffer) => {
      output += data
    })
    child.stderr.on('data', (data: Buffer) => {
      errors += data
    })
    child.on('error', reject)
    child.on('close', (status) => {
      clearTimeout(timer)
      if (status === 0) resolve(output)
      else reject(new Error(`${program} exited with status ${status}:\n${errors}${output}`))
    })
  })
}
