/**
 * Measures the time from a master's acknowledgement until the write is visible on a replica. A
 * worker thread takes the samples while other clients load the master.
 */
import * as net from 'node:net'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { percentile } from './support/tables.ts'

const SAMPLE_INTERVAL_MS = 5

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

/** A connection that sends one request at a time. */
class SerialConnection {
  private readonly socket: net.Socket
  private onAnswer: (text: string) => void = () => {}

  constructor(port: number, onConnect: () => void) {
    this.socket = net.connect(port, '127.0.0.1', onConnect)
    this.socket.setNoDelay(true)
    this.socket.on('data', (data) => this.onAnswer(data.latin1Slice()))
  }

  ask(line: string): Promise<string> {
    return new Promise((resolve) => {
      this.onAnswer = resolve
      this.socket.write(`${line}\r\n`)
    })
  }
}

async function probe(masterPort: number, replicaPort: number): Promise<void> {
  const lagsMs: number[] = []
  let isStopped = false
  let master!: SerialConnection
  let replica!: SerialConnection
  await new Promise<void>((resolve) => {
    master = new SerialConnection(masterPort, resolve)
  })
  await new Promise<void>((resolve) => {
    replica = new SerialConnection(replicaPort, resolve)
  })
  parentPort?.once('message', () => {
    isStopped = true
  })
  parentPort?.postMessage('ready')
  for (let number = 1; !isStopped; number++) {
    await master.ask(`SET lag-probe ${number}`)
    const acknowledgedAtMs = performance.now()
    while (!(await replica.ask('GET lag-probe')).includes(`\r\n${number}\r\n`));
    lagsMs.push(performance.now() - acknowledgedAtMs)
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_INTERVAL_MS))
  }
  lagsMs.sort((a, b) => a - b)
  const [p50Ms, p99Ms, maxMs] = [percentile(lagsMs, 0.5), percentile(lagsMs, 0.99), percentile(lagsMs, 1)]
  const result: LagResult = { samples: lagsMs.length, p50Ms, p99Ms, maxMs }
  parentPort?.postMessage(result)
}

if (!isMainThread) {
  const { masterPort, replicaPort } = workerData as { masterPort: number; replicaPort: number }
  await probe(masterPort, replicaPort)
}
