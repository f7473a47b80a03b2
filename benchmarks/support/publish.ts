/**
 * Measures PUBLISH to a number of subscribers, on both servers alternately. The time ends when the
 * last subscriber has received the last message, so delayed work is included. Answers and messages
 * have known lengths, so they are counted and not parsed.
 */
import * as net from 'node:net'
import { encode, sendPieces } from './connection.ts'
import { endProgram, type Program, type ProgramName, startProgram } from './programs.ts'
import { median, perSecond, table } from './tables.ts'

const PUBLISHERS = 10
const CHANNEL = 'channel'
const READ_BYTES = 64 * 1024

export interface PublishRow {
  readonly subscribers: number
  /** Requests that a publisher sends before it waits for answers. */
  readonly pipeline: number
  /** Messages a second that were published and delivered to all subscribers. */
  readonly haypile: number
  readonly redis: number | null
}

interface Options {
  readonly rounds: number
  /** Limits of a run: messages delivered over all subscribers, and messages published. */
  readonly deliveries: number
  readonly messages: number
  readonly valueBytes: number
  readonly names: readonly ProgramName[]
  readonly note: (text: string) => void
}

export async function publishThroughput(options: Options): Promise<PublishRow[]> {
  const programs: Program[] = []
  try {
    for (const name of options.names) programs.push(await startProgram(name))
    const rows: PublishRow[] = []
    for (const pipeline of [1, 16]) {
      for (const subscribers of [1, 10, 100]) rows.push(await measure(programs, subscribers, pipeline, options))
    }
    return rows
  } finally {
    for (const program of programs) await endProgram(program)
  }
}

async function measure(programs: readonly Program[], subscribers: number, pipeline: number, options: Options): Promise<PublishRow> {
  const found: Record<ProgramName, number[]> = { haypile: [], redis: [] }
  const messages = Math.min(options.deliveries / subscribers, options.messages * (pipeline === 1 ? 1 : 3))
  for (let round = 0; round <= options.rounds; round++) {
    for (const program of programs) {
      const rate = await run(program.port, subscribers, pipeline, round === 0 ? messages / 2 : messages, 'x'.repeat(options.valueBytes))
      if (round > 0) found[program.name].push(rate)
    }
  }
  const row = { subscribers, pipeline, haypile: median(found.haypile), redis: found.redis.length === 0 ? null : median(found.redis) }
  options.note(`PUBLISH to ${subscribers}, ${pipeline} at a time: ${Math.round(row.haypile)} / ${Math.round(row.redis ?? 0)}`)
  return row
}

/** Resolves to messages a second. */
async function run(port: number, subscribers: number, pipeline: number, messages: number, value: string): Promise<number> {
  const piecesPerPublisher = Math.ceil(messages / PUBLISHERS / pipeline)
  const count = piecesPerPublisher * pipeline * PUBLISHERS
  const messageBytes = encode(['message', CHANNEL, value]).length
  const listeners = await Promise.all(Array.from({ length: subscribers }, () => subscribe(port, count * messageBytes)))
  const piece = Buffer.from(encode(['PUBLISH', CHANNEL, value]).repeat(pipeline), 'latin1')
  const answerBytes = `:${subscribers}\r\n`.length * pipeline
  const startedAtMs = performance.now()
  await Promise.all(Array.from({ length: PUBLISHERS }, () => sendPieces(port, [piece], 0, piecesPerPublisher, answerBytes)))
  await Promise.all(listeners.map(({ done }) => done))
  const seconds = (performance.now() - startedAtMs) / 1000
  for (const { socket } of listeners) socket.destroy()
  return count / seconds
}

/**
 * Resolves when the server has confirmed the subscription. `done` resolves when `bytes` more bytes
 * have arrived.
 */
function subscribe(port: number, bytes: number): Promise<{ readonly socket: net.Socket; readonly done: Promise<void> }> {
  const confirmation = `*3\r\n$9\r\nsubscribe\r\n$${CHANNEL.length}\r\n${CHANNEL}\r\n:1\r\n`.length
  return new Promise((resolve, reject) => {
    let remainingBytes = confirmation + bytes
    let isReady = false
    let finish: (() => void) | undefined
    const done = new Promise<void>((resolveDone) => {
      finish = resolveDone
    })
    const onRead = (length: number) => {
      remainingBytes -= length
      if (!isReady && remainingBytes <= bytes) {
        isReady = true
        resolve({ socket, done })
      }
      if (remainingBytes <= 0) finish?.()
      return true
    }
    const socket = net.connect({ port, host: '127.0.0.1', onread: { buffer: Buffer.allocUnsafe(READ_BYTES), callback: onRead } })
    socket.on('connect', () => socket.write(encode(['SUBSCRIBE', CHANNEL])))
    socket.on('error', reject)
    socket.on('close', () => {
      if (remainingBytes > 0) throw new Error(`a subscriber was cut off ${remainingBytes} bytes early`)
    })
  })
}

export function publishTable(rows: readonly PublishRow[]): string {
  return table(
    ['PUBLISH', 'haypile /s', 'redis /s', 'ratio'],
    rows.map(({ subscribers, pipeline, haypile, redis }) => [
      `to ${subscribers}, ${pipeline === 1 ? 'one at a time' : `${pipeline} at a time`}`,
      perSecond(haypile),
      redis === null ? '' : perSecond(redis),
      redis === null ? '' : (haypile / redis).toFixed(2),
    ]),
  )
}
