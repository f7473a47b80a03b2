/**
 * Measures the first second after a start. A burst of MSETs from many clients meets a server that
 * has run nothing yet, and one client sends PINGs.
 */
import * as net from 'node:net'
import { encode } from './support/connection.ts'
import { endProgram, type ProgramName, startProgram } from './support/programs.ts'
import { milliseconds, perSecond, table } from './support/tables.ts'

const CLIENTS = 50
const PIPELINED = 16
const KEYS_PER_MSET = 10
const KEYS = 100_000
const VALUE = 'x'.repeat(64)
const SECOND_MS = 1000
const OK_BYTES = '+OK\r\n'.length

export interface FirstSecond {
  readonly name: ProgramName
  readonly startMs: number
  /** Time from the begin of the burst to the first reply of the client that waited longest. */
  readonly slowestFirstReplyMs: number
  readonly longestPingMs: number
  readonly requests: number
}

export async function firstSecond(name: ProgramName): Promise<FirstSecond> {
  const program = await startProgram(name)
  try {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect(program.port)))
    const pinger = await connect(program.port)
    const from = performance.now()
    const [longestPingMs, ...all] = await Promise.all([
      pingUntil(pinger, from + SECOND_MS),
      ...clients.map((socket, index) => burst(socket, piecesOf(index), from)),
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
    for (let request = 0; request < PIPELINED; request++) {
      const first = ((client * 4 + piece) * PIPELINED + request) * KEYS_PER_MSET
      text += encode(['MSET', ...Array.from({ length: KEYS_PER_MSET }, (_, key) => [`key:${(first + key) % KEYS}`, VALUE]).flat()])
    }
    return Buffer.from(text)
  })
}

function burst(socket: net.Socket, pieces: readonly Buffer[], from: number): Promise<{ firstMs: number; requests: number }> {
  return new Promise((resolve) => {
    let firstMs = 0
    let received = 0
    let sent = 1
    socket.on('data', (data) => {
      firstMs ||= performance.now() - from
      received += data.length
      if (received < sent * PIPELINED * OK_BYTES) return
      if (performance.now() - from < SECOND_MS) socket.write(pieces[sent++ % pieces.length] as Buffer)
      else resolve({ firstMs, requests: sent * PIPELINED })
    })
    socket.write(pieces[0] as Buffer)
  })
}

/** Resolves to the longest time that a PING waited, in milliseconds. */
function pingUntil(socket: net.Socket, untilMs: number): Promise<number> {
  return new Promise((resolve) => {
    let longest = 0
    let sentAt = performance.now()
    socket.on('data', () => {
      const now = performance.now()
      longest = Math.max(longest, now - sentAt)
      if (now > untilMs) return resolve(longest)
      sentAt = now
      socket.write('PING\r\n')
    })
    socket.write('PING\r\n')
  })
}
