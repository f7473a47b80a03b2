/** Measures single requests over one connection that sends nothing else. */
import type { ParsedReply } from 'redis-parser'
import { batchesOf, type Connection } from '../support/connection.ts'
import { percentile } from '../support/tables.ts'
import type { Kind, Operation } from './operations.ts'

const REQUESTS_PER_WRITE = 50
const WINDOW = 100

export interface Latencies {
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

export interface LatencyRow {
  readonly kind: string
  readonly operation: string
  /** Latencies right after other parts of the data were used. */
  readonly cold: Latencies
  /** Latencies of the same requests, sent again. */
  readonly warm: Latencies
}

export async function measureLatency(connection: Connection, kind: Kind, operation: Operation, size: number, samples: number) {
  const pass = async (): Promise<Latencies> => {
    const requests = Array.from({ length: samples }, (_, k) => operation.request(k, size))
    const { latencies, replies } = await timeEach(connection, requests)
    await takeBack(connection, operation, size, replies)
    return latencies
  }
  const row: LatencyRow = { kind: kind.name, operation: operation.name, cold: await pass(), warm: await pass() }
  return row
}

export async function timeEach(connection: Connection, requests: readonly string[]) {
  const times: number[] = []
  const replies: ParsedReply[] = []
  for (const request of requests) {
    const startedAt = performance.now()
    replies.push(await connection.request(request))
    times.push((performance.now() - startedAt) * 1000)
  }
  times.sort((a, b) => a - b)
  const latencies: Latencies = { p50Us: percentile(times, 0.5), p99Us: percentile(times, 0.99), maxUs: percentile(times, 1) }
  return { latencies, replies }
}

/** Undoes an operation that got these replies. The first reply is that of request number `from`. */
export async function takeBack(
  connection: Connection,
  operation: Operation,
  size: number,
  replies: readonly ParsedReply[],
  from = 0,
): Promise<void> {
  const { takeBack } = operation
  if (takeBack === undefined) return
  // Backwards: a popped element returns to its place.
  const requests = replies.map((reply, k) => takeBack(from + k, size, reply)).reverse()
  await connection.pipeline(batchesOf(requests, REQUESTS_PER_WRITE), WINDOW)
}
