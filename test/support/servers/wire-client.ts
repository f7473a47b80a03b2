/**
 * A transparent client: it sends exactly the test's words, and returns replies as received, RESP2
 * or RESP3.
 */
import * as net from 'node:net'
import * as tls from 'node:tls'
import { type Bytes, bufferOf } from '../../../base/bytes.ts'
import { encodedLength, writeCommand } from '../../../storage/binlog/command-codec.ts'
import { ReplyParser, type WireReply } from './reply-parser.ts'

export { WireError, type WireReply } from './reply-parser.ts'

export interface WireOptions {
  readonly port?: number
  readonly path?: string
  readonly tls?: tls.ConnectionOptions
}

/** Longer than any reply takes, also on a busy machine. */
const REPLY_MS = 300_000

interface Waiter {
  readonly sinceMs: number
  readonly resolve: (reply: WireReply) => void
  readonly reject: (error: Error) => void
}

/** A command in RESP. Words are bytes: one char each. */
export function encodeCommand(...words: readonly (Bytes | number)[]): Buffer {
  return encodeWords(words)
}

/** As `encodeCommand`, for a list too long to pass as arguments. */
export function encodeWords(words: readonly (Bytes | number)[]): Buffer {
  const args = words.map(String)
  const buffer = Buffer.allocUnsafe(encodedLength(args))
  writeCommand(args, buffer, 0)
  return buffer
}

/** A connection that sends words and returns decoded replies. */
export class WireClient {
  readonly socket: net.Socket
  /** Unrequested replies: push messages, and errors before the connection is closed. */
  readonly strays: WireReply[] = []
  /** Resolves when the server has closed the connection, or it broke. */
  readonly closed: Promise<void>
  private readonly parser = new ReplyParser()
  private readonly waiters: Waiter[] = []
  private timer: NodeJS.Timeout | null = null
  private endReason = 'connection closed'

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (data) => this.take(data))
    socket.on('error', () => {})
    this.closed = new Promise((resolve) =>
      socket.on('close', () => {
        for (const waiter of this.waiters.splice(0)) waiter.reject(new Error(this.endReason))
        if (this.timer !== null) clearTimeout(this.timer)
        resolve()
      }),
    )
  }

  static connect(options: WireOptions): Promise<WireClient> {
    const target = options.path === undefined ? { host: '127.0.0.1', port: options.port ?? 0 } : { path: options.path }
    return new Promise((resolve, reject) => {
      const ready = () => {
        socket.off('error', reject)
        resolve(new WireClient(socket))
      }
      const socket = options.tls === undefined ? net.connect(target, ready) : tls.connect({ ...target, ...options.tls }, ready)
      socket.setNoDelay(true)
      socket.once('error', reject)
    })
  }

  /** Writes bytes unchanged. */
  raw(bytes: Bytes | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? bufferOf(bytes) : bytes)
  }

  /** The next reply without a waiting caller. */
  reply(): Promise<WireReply> {
    const stray = this.strays.shift()
    if (stray !== undefined) return Promise.resolve(stray)
    if (this.socket.destroyed) return Promise.reject(new Error('connection closed'))
    if (this.timer === null) this.checkAfter(REPLY_MS)
    return new Promise((resolve, reject) => this.waiters.push({ resolve, reject, sinceMs: performance.now() }))
  }

  private checkAfter(milliseconds: number): void {
    this.timer = setTimeout(() => {
      this.timer = null
      const [oldest] = this.waiters
      if (oldest === undefined) return
      const leftMs = oldest.sinceMs + REPLY_MS - performance.now()
      if (leftMs > 0) return this.checkAfter(leftMs)
      this.endReason = `no reply within ${REPLY_MS} ms`
      this.socket.destroy()
    }, milliseconds).unref()
  }

  /** Sends a command; resolves to its reply, errors included. */
  call(...words: readonly (Bytes | number)[]): Promise<WireReply> {
    this.raw(encodeWords(words))
    return this.reply()
  }

  /** Sends commands in one write; resolves to their replies. */
  pipeline(commands: readonly (readonly (Bytes | number)[])[]): Promise<WireReply[]> {
    this.raw(Buffer.concat(commands.map((words) => encodeWords(words))))
    return Promise.all(commands.map(() => this.reply()))
  }

  close(): Promise<void> {
    this.socket.destroy()
    return this.closed
  }

  private take(data: Buffer): void {
    for (const reply of this.parser.take(data)) {
      const waiter = this.waiters.shift()
      if (waiter === undefined) this.strays.push(reply)
      else waiter.resolve(reply)
    }
  }
}
