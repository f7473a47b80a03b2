/**
 * Sends requests at a fixed rate, whether or not the earlier ones are answered, from a worker
 * thread. A latency counts from the time at which the request was due: a server that stalls delays
 * all requests that were due meanwhile, and all of them are counted.
 *
 *   due       |  |  |  |  |  |  |  |     one request every 1/rate seconds
 *   answered      |  |              ||||||  a stall shows in many latencies, not in one
 *
 * The probe wakes every millisecond and sends what is due. Its own delays are part of the
 * latencies, so it reports them: a tail below them says nothing about the server.
 */
import * as net from 'node:net'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import RedisParser from 'redis-parser'
import { encode } from '../support/connection.ts'
import { percentile } from '../support/tables.ts'

export interface ProbeOptions {
  readonly port: number
  /** Requests a second. */
  readonly rate: number
  readonly seconds: number
  readonly connections: number
  /** In the words __rand_int__ is a random number below `keys`. */
  readonly words: readonly string[]
  readonly keys: number
}

export interface Tail {
  readonly samples: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
  /** Delays of the probe itself: the 99.9th percentile of the time from due to sent. */
  readonly ownP999Ms: number
}

const TICK_MS = 1
const DRAIN_TIMEOUT_MS = 30_000

/** Resolves when all requests are answered. Rejects if the server refuses one. */
export async function measureTail(options: ProbeOptions): Promise<Tail> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: options })
  try {
    return await new Promise<Tail>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  } finally {
    await worker.terminate()
  }
}

/** A connection that knows when each of its unanswered requests was due. */
class Lane {
  private readonly due: number[] = []
  private readonly socket: net.Socket

  private constructor(socket: net.Socket, latenciesMs: number[], onError: (error: Error) => void) {
    this.socket = socket
    socket.setNoDelay(true)
    const parser = new RedisParser({
      returnReply: () => void latenciesMs.push(performance.now() - (this.due.shift() ?? 0)),
      returnError: onError,
      returnFatalError: onError,
      returnBuffers: true,
    })
    socket.on('data', (data) => parser.execute(data))
    socket.on('error', onError)
  }

  static open(port: number, latenciesMs: number[], onError: (error: Error) => void): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(new Lane(socket, latenciesMs, onError)))
      socket.once('error', reject)
    })
  }

  send(text: string, dueMs: number): void {
    this.due.push(dueMs)
    this.socket.write(text, 'latin1')
  }
}

async function probe({ port, rate, seconds, connections, words, keys }: ProbeOptions): Promise<Tail> {
  const latenciesMs: number[] = []
  const delaysMs: number[] = []
  const total = Math.max(1, Math.round(rate * seconds))
  return new Promise((resolve, reject) => {
    const run = async () => {
      const lanes: Lane[] = []
      for (let index = 0; index < connections; index++) lanes.push(await Lane.open(port, latenciesMs, reject))
      const startMs = performance.now()
      let sent = 0
      const tick = () => {
        const nowMs = performance.now()
        for (; sent < total; sent++) {
          const dueMs = startMs + (sent * 1000) / rate
          if (dueMs > nowMs) break
          delaysMs.push(nowMs - dueMs)
          ;(lanes[sent % lanes.length] as Lane).send(requestOf(words, keys), dueMs)
        }
        if (sent === total && latenciesMs.length === total) resolve(tailOf(latenciesMs, delaysMs))
        else if (nowMs > startMs + seconds * 1000 + DRAIN_TIMEOUT_MS) reject(new Error(`${total - latenciesMs.length} requests unanswered`))
        else setTimeout(tick, TICK_MS)
      }
      tick()
    }
    run().catch(reject)
  })
}

function requestOf(words: readonly string[], keys: number): string {
  return encode(words.map((word) => word.replaceAll('__rand_int__', () => String(Math.floor(Math.random() * keys)).padStart(12, '0'))))
}

export function tailOf(latenciesMs: readonly number[], delaysMs: readonly number[]): Tail {
  const sorted = latenciesMs.toSorted((a, b) => a - b)
  return {
    samples: sorted.length,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    p999Ms: percentile(sorted, 0.999),
    maxMs: percentile(sorted, 1),
    ownP999Ms: percentile(
      delaysMs.toSorted((a, b) => a - b),
      0.999,
    ),
  }
}

if (!isMainThread) parentPort?.postMessage(await probe(workerData as ProbeOptions))
