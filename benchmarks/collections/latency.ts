/** Measures single requests over one connection that sends nothing else. */
import type { ParsedReply } from 'redis-parser'
import { batchesOf, type Connection } from '../support/connection.ts'
import { percentile } from '../support/tables.ts'
import type { Kind, Operation } from './operations.ts'

const REQUESTS_PER_WRITE = 50
const MAX_UNANSWERED = 100

export interface Latencies {
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

export interface LatencyRow {
  readonly kind: string
  readonly operation: string
  /** Latencies after other data has evicted this collection. */
  readonly cold: Latencies
  /** Latencies of the same requests when they are sent again. */
  readonly warm: Latencies
}

export async function measureLatency(connection: Connection, kind: Kind, operation: Operation, size: number, samples: number) {
  const pass = async (): Promise<Latencies> => {
    const requests = Array.from({ length: samples }, (_, k) => operation.request(k, size))
    const { latencies, replies } = await timeEach(connection, requests)
    await undoAll(connection, operation, size, replies)
    return latencies
  }
  const row: LatencyRow = { kind: kind.name, operation: operation.name, cold: await pass(), warm: await pass() }
  return row
}

export async function timeEach(connection: Connection, requests: readonly string[]) {
  const timesUs: number[] = []
  const replies: ParsedReply[] = []
  for (const request of requests) {
    const startedAtMs = performance.now()
    replies.push(await connection.request(request))
    timesUs.push((performance.now() - startedAtMs) * 1000)
  }
  timesUs.sort((a, b) => a - b)
  const latencies: Latencies = { p50Us: percentile(timesUs, 0.5), p99Us: percentile(timesUs, 0.99), maxUs: percentile(timesUs, 1) }
  return { latencies, replies }
}

/**
 * Undoes requests from number `from` on, given their replies. Does nothing if no undo is needed.
 */
export async function undoAll(
  connection: Connection,
  operation: Operation,
  size: number,
  replies: readonly ParsedReply[],
  from = 0,
): Promise<void> {
  const { undo } = operation
  if (undo === undefined) return
  // In reverse order, so that a popped element returns to its place.
  const requests = replies.map((reply, k) => undo(from + k, size, reply)).reverse()
  await connection.pipeline(batchesOf(requests, REQUESTS_PER_WRITE), MAX_UNANSWERED)
}
