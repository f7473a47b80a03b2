/**
 * Measures how long after a master's acknowledgement a write is visible on a replica. A thread of
 * its own takes the samples while others load the master.
 */
import * as net from 'node:net'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { percentile } from './support/tables.ts'

const SAMPLE_EVERY_MS = 5

export interface LagResult {
  readonly samples: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface LagProbe {
  stop(): Promise<LagResult>
}

export async function measureLag(masterPort: number, replicaPort: number): Promise<LagProbe> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { masterPort, replicaPort } })
  await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  return {
    async stop() {
      const answer = new Promise<LagResult>((resolve) => worker.once('message', resolve))
      worker.postMessage('stop')
      const result = await answer
      await worker.terminate()
      return result
    },
  }
}

/** A connection with one request at a time. */
class Line {
  private readonly socket: net.Socket
  private answered: (text: string) => void = () => {}

  constructor(port: number, connected: () => void) {
    this.socket = net.connect(port, '127.0.0.1', connected)
    this.socket.setNoDelay(true)
    this.socket.on('data', (data) => this.answered(data.latin1Slice()))
  }

  ask(line: string): Promise<string> {
    return new Promise((resolve) => {
      this.answered = resolve
      this.socket.write(`${line}\r\n`)
    })
  }
}

async function probe(masterPort: number, replicaPort: number): Promise<void> {
  const lags: number[] = []
  let stopped = false
  let master!: Line
  let replica!: Line
  await new Promise<void>((resolve) => {
    master = new Line(masterPort, resolve)
  })
  await new Promise<void>((resolve) => {
    replica = new Line(replicaPort, resolve)
  })
  parentPort?.once('message', () => {
    stopped = true
  })
  parentPort?.postMessage('ready')
  for (let number = 1; !stopped; number++) {
    await master.ask(`SET lag-probe ${number}`)
    const acknowledgedAt = performance.now()
    while (!(await replica.ask('GET lag-probe')).includes(`\r\n${number}\r\n`));
    lags.push(performance.now() - acknowledgedAt)
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_EVERY_MS))
  }
  lags.sort((a, b) => a - b)
  const [p50Ms, p99Ms, maxMs] = [percentile(lags, 0.5), percentile(lags, 0.99), percentile(lags, 1)]
  const result: LagResult = { samples: lags.length, p50Ms, p99Ms, maxMs }
  parentPort?.postMessage(result)
}

if (!isMainThread) {
  const { masterPort, replicaPort } = workerData as { masterPort: number; replicaPort: number }
  await probe(masterPort, replicaPort)
}
