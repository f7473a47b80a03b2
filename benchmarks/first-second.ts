/**
 * Measures the first second after a start. Many clients send MSETs to a server that has not run any
 * command yet, and one client sends PINGs.
 */
import * as net from 'node:net'
import { encode } from './support/connection.ts'
import { endProgram, type ProgramName, startProgram } from './support/programs.ts'
import { milliseconds, perSecond, table } from './support/tables.ts'

const CLIENTS = 50
const PIPELINE = 16
const KEYS_PER_MSET = 10
const KEYS = 100_000
const VALUE = 'x'.repeat(64)
const DURATION_MS = 1000
const OK_BYTES = '+OK\r\n'.length

export interface FirstSecond {
  readonly name: ProgramName
  readonly startMs: number
  /** Time from the start of the load to the last of the clients' first replies. */
  readonly slowestFirstReplyMs: number
  readonly longestPingMs: number
  readonly requests: number
}

export async function firstSecond(name: ProgramName): Promise<FirstSecond> {
  const program = await startProgram(name)
  try {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect(program.port)))
    const pinger = await connect(program.port)
    const fromMs = performance.now()
    const [longestPingMs, ...all] = await Promise.all([
      pingUntil(pinger, fromMs + DURATION_MS),
      ...clients.map((socket, index) => burst(socket, piecesOf(index), fromMs)),
    ])
    for (const socket of [...clients, pinger]) socket.destroy()
    return {
      name,
      startMs: program.startMs,
      slowestFirstReplyMs: Math.max(...all.map(({ firstMs }) => firstMs)),
      longestPingMs,
      requests: all.reduce((sum, { requests }) => sum + requests, 0),
    }
  } finally {
    await endProgram(program)
  }
}

export function firstSecondTable(all: readonly FirstSecond[]): string {
  const head = ['first second after a start', 'start, ms', 'slowest first reply, ms', 'longest PING, ms', 'MSETs answered']
  return table(
    head,
    all.map((each) => [
      each.name,
      milliseconds(each.startMs),
      milliseconds(each.slowestFirstReplyMs),
      milliseconds(each.longestPingMs),
      perSecond(each.requests),
    ]),
  )
}

function connect(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(socket))
    socket.setNoDelay(true)
    socket.on('error', reject)
  })
}

/** Returns the pipelines of one client. Its keys differ from those of other clients. */
function piecesOf(client: number): Buffer[] {
  return Array.from({ length: 4 }, (_, piece) => {
    let text = ''
    for (let request = 0; request < PIPELINE; request++) {
      const first = ((client * 4 + piece) * PIPELINE + request) * KEYS_PER_MSET
      text += encode(['MSET', ...Array.from({ length: KEYS_PER_MSET }, (_, key) => [`key:${(first + key) % KEYS}`, VALUE]).flat()])
    }
    return Buffer.from(text)
  })
}

function burst(socket: net.Socket, pieces: readonly Buffer[], fromMs: number): Promise<{ firstMs: number; requests: number }> {
  return new Promise((resolve) => {
    let firstMs = 0
    let received = 0
    let sent = 1
    socket.on('data', (data) => {
      firstMs ||= performance.now() - fromMs
      received += data.length
      if (received < sent * PIPELINE * OK_BYTES) return
      if (performance.now() - fromMs < DURATION_MS) socket.write(pieces[sent++ % pieces.length] as Buffer)
      else resolve({ firstMs, requests: sent * PIPELINE })
    })
    socket.write(pieces[0] as Buffer)
  })
}

/** Sends PINGs until a given time. Resolves to the longest wait for a reply, in milliseconds. */
function pingUntil(socket: net.Socket, untilMs: number): Promise<number> {
  return new Promise((resolve) => {
    let longestMs = 0
    let sentAtMs = performance.now()
    socket.on('data', () => {
      const nowMs = performance.now()
      longestMs = Math.max(longestMs, nowMs - sentAtMs)
      if (nowMs > untilMs) return resolve(longestMs)
      sentAtMs = nowMs
      socket.write('PING\r\n')
    })
    socket.write('PING\r\n')
  })
}
