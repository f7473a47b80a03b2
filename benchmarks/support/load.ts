/**
 * Loads numbered keys into a server at the full speed of one connection. A probe measures how long
 * other clients wait during the load.
 */
import * as net from 'node:net'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const COMMANDS_PER_WRITE = 1000
const MAX_UNANSWERED = 10_000
const OK_BYTES = 5
const PROBE_INTERVAL_MS = 5

/**
 * Sends `SET key:000000000000 <value>` for each number below `count`. Resolves to the bytes of keys
 * and values.
 */
export function loadKeys(port: number, count: number, valueBytes: number): Promise<number> {
  const value = 'x'.repeat(valueBytes)
  return new Promise((resolve, reject) => {
    let sent = 0
    let received = 0
    let userBytes = 0
    const socket = net.connect(port, '127.0.0.1', send)
    socket.setNoDelay(true)
    function send(): void {
      while (sent < count && sent - received / OK_BYTES < MAX_UNANSWERED) {
        let text = ''
        for (const end = Math.min(count, sent + COMMANDS_PER_WRITE); sent < end; sent++) {
          const key = `key:${String(sent).padStart(12, '0')}`
          text += `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${valueBytes}\r\n${value}\r\n`
          userBytes += key.length + valueBytes
        }
        socket.write(text, 'latin1')
      }
    }
    socket.on('data', (data) => {
      if (data.includes('-')) return socket.destroy(new Error(`the server refused: ${data.subarray(0, 200).latin1Slice()}`))
      received += data.length
      if (received < count * OK_BYTES) return send()
      socket.off('close', onEarlyClose)
      socket.destroy()
      resolve(userBytes)
    })
    const onEarlyClose = () => reject(new Error(`connection closed after ${received / OK_BYTES} of ${count} keys`))
    socket.on('error', reject)
    socket.on('close', onEarlyClose)
  })
}

export interface Probe {
  /** Ends the probe. Resolves to the longest time of a PING, in milliseconds. */
  stop(): Promise<number>
}

/** Sends a PING every few milliseconds from a worker thread. */
export async function startProbe(port: number): Promise<Probe> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { port } })
  await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  return {
    async stop() {
      const answer = new Promise<number>((resolve) => worker.once('message', resolve))
      worker.postMessage('stop')
      const longestMs = await answer
      await worker.terminate()
      return longestMs
    },
  }
}

function probe(port: number): void {
  let longestMs = 0
  let askedAtMs = 0
  const socket = net.connect(port, '127.0.0.1', () => {
    parentPort?.postMessage('ready')
    ask()
  })
  const ask = () => {
    askedAtMs = performance.now()
    socket.write('PING\r\n')
  }
  socket.setNoDelay(true)
  socket.on('data', () => {
    longestMs = Math.max(longestMs, performance.now() - askedAtMs)
    setTimeout(ask, PROBE_INTERVAL_MS)
  })
  parentPort?.once('message', () => parentPort?.postMessage(longestMs))
}

if (!isMainThread) probe((workerData as { port: number }).port)
