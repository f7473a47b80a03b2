/**
 * Measures an operation in collections of a thousand to ten million elements: its time must grow
 * like log n.
 */
import type { ParsedReply } from 'redis-parser'
import { type Batch, batchesOf, Connection, encode } from '../support/connection.ts'
import { endProgram, residentBytes, startProgram } from '../support/programs.ts'
import { median } from '../support/tables.ts'
import { load } from './huge.ts'
import { takeBack } from './latency.ts'
import type { Kind, Operation } from './operations.ts'

/**
 * Operations that show the cost of the tree. PING shows the cost of a request that does nothing.
 */
const OPERATIONS = [
  'HGET',
  'HSET, field new',
  'HRANDFIELD',
  'LINDEX, any',
  'RPUSH',
  'SISMEMBER',
  'SADD, new',
  'SPOP',
  'ZADD, new',
  'ZRANK',
  'ZRANGE, 10 by rank',
]
const SMALLEST = 1000
const CACHE_MEMORY = '8gb'
const REQUESTS_PER_WRITE = 50
const WINDOW = 200
const ROUNDS = 3

export interface GrowthOptions {
  readonly kinds: readonly Kind[]
  readonly elements: number
  /** Requests behind each figure. */
  readonly requests: number
  readonly note: (text: string) => void
}

export interface GrowthResult {
  readonly sizes: readonly number[]
  /** Microseconds for each size. */
  readonly rows: readonly { readonly operation: string; readonly microseconds: readonly number[] }[]
  /** Memory with the largest collection of each type. */
  readonly residentBytes: readonly { readonly kind: string; readonly bytes: number | null }[]
}

export async function growth(options: GrowthOptions): Promise<GrowthResult> {
  const sizes: number[] = []
  for (let size = SMALLEST; size <= options.elements; size *= 10) sizes.push(size)
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
          const microseconds = await cost(connection, operation, size, options.requests)
          found.get(operation.name)?.push(microseconds)
          options.note(`${operation.name} of ${size}: ${microseconds.toFixed(2)} µs`)
        }
      }
      resident.push({ kind: kind.name, bytes: residentBytes(program) })
      connection.close()
    } finally {
      await endProgram(program)
    }
  }
  return { sizes, rows: [...found].map(([operation, microseconds]) => ({ operation, microseconds })), residentBytes: resident }
}

const PING: Operation = { name: 'PING', request: () => encode(['PING']) }

/**
 * Returns microseconds for one of many pipelined requests: the median over rounds after one that
 * warms up. Additions and removals are undone after half of the elements at the latest, so the size
 * stays near the nominal one.
 */
async function cost(connection: Connection, operation: Operation, size: number, requests: number): Promise<number> {
  const atOnce = operation.takeBack === undefined ? requests : Math.min(requests, size / 2)
  const rounds: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    let milliseconds = 0
    for (let done = 0; done < requests; done += atOnce)
      milliseconds += await timeOf(connection, operation, size, done, Math.min(requests, done + atOnce))
    if (round > 0) rounds.push((milliseconds * 1000) / requests)
  }
  return median(rounds)
}

/**
 * Returns the milliseconds that the requests `from` to before `to` take. They are encoded before
 * and undone afterwards.
 */
async function timeOf(connection: Connection, operation: Operation, size: number, from: number, to: number): Promise<number> {
  const requests = function* () {
    for (let k = from; k < to; k++) yield operation.request(k, size)
  }
  const batches: Batch[] = [...batchesOf(requests(), REQUESTS_PER_WRITE)]
  const replies: ParsedReply[] | null = operation.takeBack === undefined ? null : []
  const startedAt = performance.now()
  await connection.pipeline(batches, WINDOW, replies)
  const milliseconds = performance.now() - startedAt
  await takeBack(connection, operation, size, replies ?? [], from)
  return milliseconds
}
