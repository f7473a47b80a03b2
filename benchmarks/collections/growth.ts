/**
 * Measures operations in collections of a thousand to ten million elements. Their time must grow
 * like log n.
 */
import type { ParsedReply } from 'redis-parser'
import { type Batch, batchesOf, Connection, encode } from '../support/connection.ts'
import { endProgram, residentBytes, startProgram } from '../support/programs.ts'
import { median } from '../support/tables.ts'
import { load } from './huge.ts'
import { undoAll } from './latency.ts'
import type { Kind, Operation } from './operations.ts'

/**
 * Operations that show the cost of the tree. PING shows the cost of a request that does nothing.
 */
const OPERATIONS = [
  'HGET',
  'HSET, new field',
  'HRANDFIELD',
  'LINDEX, random',
  'RPUSH',
  'SISMEMBER',
  'SADD, new',
  'SPOP',
  'ZADD, new',
  'ZRANK',
  'ZRANGE, 10 by rank',
]
const MIN_ELEMENTS = 1000
const CACHE_MEMORY = '8gb'
const REQUESTS_PER_WRITE = 50
const MAX_UNANSWERED = 200
const ROUNDS = 3

export interface GrowthOptions {
  readonly kinds: readonly Kind[]
  readonly elements: number
  /** Requests that each figure is measured with. */
  readonly requests: number
  readonly note: (text: string) => void
}

export interface GrowthResult {
  readonly sizes: readonly number[]
  /** One time for each size. */
  readonly rows: readonly { readonly operation: string; readonly timesUs: readonly number[] }[]
  /** Memory with the largest collection of each type. */
  readonly residentBytes: readonly { readonly kind: string; readonly bytes: number | null }[]
}

export async function growth(options: GrowthOptions): Promise<GrowthResult> {
  const sizes: number[] = []
  for (let size = MIN_ELEMENTS; size <= options.elements; size *= 10) sizes.push(size)
  const found = new Map<string, number[]>()
  const resident: { kind: string; bytes: number | null }[] = []
  for (const kind of options.kinds) {
    const operations = kind.operations.filter(({ name }) => OPERATIONS.includes(name))
    if (kind === options.kinds[0]) operations.unshift(PING)
    for (const { name } of operations) found.set(name, [])
    const program = await startProgram('haypile', ['--cache-memory', CACHE_MEMORY])
    try {
      const connection = await Connection.open(program.port)
      for (const [index, size] of sizes.entries()) {
        await load(connection, kind, sizes[index - 1] ?? 0, size, 'random')
        // Warms up: the compilers of a server that has just started are busy.
        if (index === 0) for (const operation of operations) await cost(connection, operation, size, options.requests)
        for (const operation of operations) {
          const timeUs = await cost(connection, operation, size, options.requests)
          found.get(operation.name)?.push(timeUs)
          options.note(`${operation.name} of ${size}: ${timeUs.toFixed(2)} µs`)
        }
      }
      resident.push({ kind: kind.name, bytes: residentBytes(program) })
      connection.close()
    } finally {
      await endProgram(program)
    }
  }
  return { sizes, rows: [...found].map(([operation, timesUs]) => ({ operation, timesUs })), residentBytes: resident }
}

const PING: Operation = { name: 'PING', request: () => encode(['PING']) }

/**
 * Returns the microseconds of one of many pipelined requests. The result is the median of the
 * rounds after a warm-up round. Additions and removals are undone after at most half of the
 * elements, so the size stays near the nominal one.
 */
async function cost(connection: Connection, operation: Operation, size: number, requests: number): Promise<number> {
  const requestsPerRun = operation.undo === undefined ? requests : Math.min(requests, size / 2)
  const rounds: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    let elapsedMs = 0
    for (let done = 0; done < requests; done += requestsPerRun)
      elapsedMs += await timeOf(connection, operation, size, done, Math.min(requests, done + requestsPerRun))
    if (round > 0) rounds.push((elapsedMs * 1000) / requests)
  }
  return median(rounds)
}

/**
 * Returns the milliseconds that requests `from` to `to` - 1 take. The time includes neither their
 * encoding nor their undoing.
 */
async function timeOf(connection: Connection, operation: Operation, size: number, from: number, to: number): Promise<number> {
  const requests = function* () {
    for (let k = from; k < to; k++) yield operation.request(k, size)
  }
  const batches: Batch[] = [...batchesOf(requests(), REQUESTS_PER_WRITE)]
  const replies: ParsedReply[] | null = operation.undo === undefined ? null : []
  const startedAtMs = performance.now()
  await connection.pipeline(batches, MAX_UNANSWERED, replies)
  const elapsedMs = performance.now() - startedAtMs
  await undoAll(connection, operation, size, replies ?? [], from)
  return elapsedMs
}
