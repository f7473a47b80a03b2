/**
 * One connection to a server under measurement. It sends single requests, or many with a limit on
 * the unanswered ones.
 */
import * as net from 'node:net'
import RedisParser, { type ParsedReply } from 'redis-parser'

/** Encoded requests that are sent in one write. */
export interface Batch {
  readonly text: string
  readonly requests: number
}

export function encode(words: readonly (string | number)[]): string {
  let text = `*${words.length}\r\n`
  for (const word of words) {
    const argument = String(word)
    text += `$${argument.length}\r\n${argument}\r\n`
  }
  return text
}

/**
 * Sends `count` pieces in a cycle that begins at index `start`. Each is sent once the one before is
 * answered. An answer has a known length, so it is counted, and examined only for errors.
 */
export function sendPieces(port: number, pieces: readonly Buffer[], start: number, count: number, answerBytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0
    let received = 0
    const send = () => socket.write(pieces[(start + sent++) % pieces.length] as Buffer)
    const socket = net.connect(port, '127.0.0.1', send)
    socket.setNoDelay(true)
    socket.on('data', (data) => {
      if (data.includes('-')) socket.destroy(new Error(`the server refused: ${data.subarray(0, 200).latin1Slice()}`))
      received += data.length
      if (received < sent * answerBytes) return
      if (sent < count) send()
      else {
        socket.destroy()
        resolve()
      }
    })
    socket.on('error', reject)
  })
}

export function* batchesOf(requests: Iterable<string>, perBatch: number): Generator<Batch> {
  let text = ''
  let count = 0
  for (const request of requests) {
    text += request
    if (++count < perBatch) continue
    yield { text, requests: count }
    text = ''
    count = 0
  }
  if (count > 0) yield { text, requests: count }
}

export class Connection {
  private readonly socket: net.Socket
  private unanswered = 0
  /** Sending continues when at most this many requests are unanswered. */
  private threshold = 0
  private waiting: { resolve: () => void; reject: (error: Error) => void } | null = null
  private failure: Error | null = null
  private lastReply: ParsedReply = null
  private collected: ParsedReply[] | null = null

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    const parser = new RedisParser({
      returnReply: (reply) => this.answered(reply),
      returnError: (error) => this.fail(error),
      returnFatalError: (error) => this.fail(error),
      returnBuffers: true,
    })
    socket.on('data', (data) => {
      parser.execute(data)
      if (this.unanswered <= this.threshold) this.wake()
    })
    socket.on('error', (error) => this.fail(error))
    socket.on('close', () => this.fail(new Error('connection closed')))
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(new Connection(socket)))
      socket.once('error', reject)
    })
  }

  /** Resolves to the reply. Rejects if it is an error. */
  async request(encoded: string): Promise<ParsedReply> {
    this.send(encoded, 1)
    await this.untilUnanswered(0)
    return this.lastReply
  }

  ask(...words: readonly (string | number)[]): Promise<ParsedReply> {
    return this.request(encode(words))
  }

  /** Resolves when all requests are answered. Appends the replies to `replies`, if it is given. */
  async pipeline(batches: Iterable<Batch>, maxUnanswered: number, replies: ParsedReply[] | null = null): Promise<void> {
    this.collected = replies
    for (const batch of batches) {
      this.send(batch.text, batch.requests)
      if (this.unanswered > maxUnanswered) await this.untilUnanswered(maxUnanswered)
    }
    await this.untilUnanswered(0)
    this.collected = null
  }

  close(): void {
    this.socket.destroy()
  }

  private send(text: string, requests: number): void {
    if (this.failure !== null) throw this.failure
    this.unanswered += requests
    this.socket.write(text, 'latin1')
  }

  private untilUnanswered(threshold: number): Promise<void> {
    if (this.unanswered <= threshold) return Promise.resolve()
    this.threshold = threshold
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
    })
  }

  private answered(reply: ParsedReply): void {
    this.unanswered--
    this.lastReply = reply
    this.collected?.push(reply)
  }

  private wake(): void {
    const { waiting } = this
    this.waiting = null
    waiting?.resolve()
  }

  private fail(error: Error): void {
    this.failure ??= error
    const { waiting } = this
    this.waiting = null
    waiting?.reject(this.failure)
  }
}
