/** A connection to a server that an import or export reads from or writes to. */
import { once } from 'node:events'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { must, rethrowAssertion } from '../../../base/assert.ts'
import { type Bytes, bytesOfText } from '../../../base/bytes.ts'
import { errorText } from '../../../base/error-text.ts'
import { encodedLength, writeCommand } from '../../../storage/binlog/command-codec.ts'
import { ExchangeRefusal } from '../refusal.ts'

const DEFAULT_PORT = 6379
const CONNECT_TIMEOUT_MS = 10_000
/** A server that sends nothing for this long is taken for dead. */
const SILENCE_TIMEOUT_MS = 120_000
const MAX_LINE_BYTES = 64 * 1024
const LINE_END = Buffer.from('\r\n')

/** A server as `redis://[user:password@]host[:port][/database]` names it. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
  readonly credentials: readonly string[]
  /** Undefined where the URL names none. */
  readonly database: number | undefined
  /** The URL without user and password. */
  readonly name: string
}

/** True if a text is a URL of a server. */
export function isServerUrl(text: string): boolean {
  return /^rediss?:\/\//.test(text)
}

/** Returns the server that a URL names. Throws ExchangeRefusal. */
export function addressOf(text: string): ServerAddress {
  const url = URL.canParse(text) ? new URL(text) : null
  const path = /^\/?(\d{0,9})$/.exec(url?.pathname ?? '-')
  if (url === null || path === null || url.hostname === '' || !isServerUrl(text)) {
    throw ExchangeRefusal.ofUsage('a server is named as redis://[user:password@]host[:port][/database], or rediss:// for TLS')
  }
  const { hostname, protocol, username, password } = url
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port,
    isTls: protocol === 'rediss:',
    credentials: [username, password].filter((word) => word !== '').map(decodeURIComponent),
    database: path[1] === '' ? undefined : Number(path[1]),
    name: `${protocol}//${hostname}:${port}${path[1] === '' ? '' : `/${path[1]}`}`,
  }
}

/** Returns a command in RESP. */
export function commandOf(words: readonly Bytes[]): Buffer {
  const buffer = Buffer.allocUnsafe(encodedLength(words))
  writeCommand(words, buffer, 0)
  return buffer
}

/** A connection that is read as bytes, lines or replies, in the order in which they arrive. */
export class ServerConnection {
  private readonly address: ServerAddress
  private readonly socket: net.Socket
  private readonly received: AsyncIterator<Buffer>
  /** The bytes that arrived and are not read yet. */
  private pending: Buffer = Buffer.alloc(0)

  private constructor(address: ServerAddress, socket: net.Socket) {
    this.address = address
    this.socket = socket
    this.received = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** Connects and authenticates. Throws ExchangeRefusal. */
  static async open(address: ServerAddress): Promise<ServerConnection> {
    const { host, port, credentials } = address
    const socket = address.isTls
      ? tls.connect({ host, port, ...(net.isIP(host) === 0 ? { servername: host } : {}) })
      : net.connect({ host, port })
    socket.setNoDelay(true)
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('the server does not answer')))
    try {
      await once(socket, address.isTls ? 'secureConnect' : 'connect')
    } catch (error) {
      rethrowAssertion(error)
      throw ExchangeRefusal.ofUsage(`${address.name} cannot be reached: ${errorText(error)}`)
    }
    socket.setTimeout(SILENCE_TIMEOUT_MS)
    const connection = new ServerConnection(address, socket)
    if (credentials.length > 0) await connection.mustSucceed('AUTH', ...credentials.map(bytesOfText))
    return connection
  }

  /** Sends a command and returns the first line of its reply. */
  async ask(...words: readonly Bytes[]): Promise<Bytes> {
    await this.send(commandOf(words))
    return this.readReply()
  }

  /** Sends a command. Throws ExchangeRefusal for an error. */
  async mustSucceed(...words: readonly Bytes[]): Promise<Bytes> {
    const reply = await this.ask(...words)
    if (reply.startsWith('-')) {
      this.close()
      throw ExchangeRefusal.ofUsage(`${this.address.name} refuses ${words[0]}: ${reply.slice(1)}`)
    }
    return reply
  }

  /** Resolves when more may be sent. */
  async send(bytes: Buffer): Promise<void> {
    if (this.socket.destroyed) throw this.lost(null)
    if (this.socket.write(bytes)) return
    await new Promise<void>((resolve) => {
      const end = () => {
        this.socket.off('drain', end).off('close', end)
        resolve()
      }
      this.socket.on('drain', end).on('close', end)
    })
  }

  /** Returns the next line without its end. */
  async readLine(): Promise<Bytes> {
    for (;;) {
      const end = this.pending.indexOf(LINE_END)
      if (end >= 0) {
        const line = this.pending.latin1Slice(0, end)
        this.pending = this.pending.subarray(end + LINE_END.length)
        return line
      }
      if (this.pending.length > MAX_LINE_BYTES) throw this.lost('it sends no reply')
      await this.receive()
    }
  }

  /** Returns the first line of the next reply; the content of a string or an array is skipped. */
  async readReply(): Promise<Bytes> {
    const line = await this.readLine()
    if (line.startsWith('*')) for (let left = Number(line.slice(1)); left > 0; left--) await this.readReply()
    if (!line.startsWith('$') || line === '$-1') return line
    let left = Number(line.slice(1)) + LINE_END.length
    while (left > this.pending.length) {
      left -= this.pending.length
      this.pending = Buffer.alloc(0)
      await this.receive()
    }
    this.pending = this.pending.subarray(left)
    return line
  }

  /** Returns the first of the bytes that arrive. */
  async readByte(): Promise<number> {
    while (this.pending.length === 0) await this.receive()
    return must(this.pending[0])
  }

  /** Removes the bytes that were looked at. */
  skip(count: number): void {
    this.pending = this.pending.subarray(count)
  }

  /**
   * Yields all bytes from now on, or as many as wanted. The connection is closed when no more are
   * wanted.
   */
  async *rest(wantedBytes = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
    try {
      for (let left = wantedBytes; left > 0; ) {
        if (this.pending.length === 0) await this.receive()
        const chunk = this.pending.subarray(0, left)
        this.pending = this.pending.subarray(chunk.length)
        left -= chunk.length
        yield chunk
      }
    } finally {
      this.close()
    }
  }

  close(): void {
    this.socket.destroy()
  }

  private async receive(): Promise<void> {
    let next: IteratorResult<Buffer>
    try {
      next = await this.received.next()
    } catch (error) {
      rethrowAssertion(error)
      throw this.lost(errorText(error))
    }
    if (next.done === true) throw this.lost(null)
    this.pending = this.pending.length === 0 ? next.value : Buffer.concat([this.pending, next.value])
  }

  private lost(why: string | null): Error {
    return new Error(`the connection to ${this.address.name} was lost${why === null ? '' : `: ${why}`}`)
  }
}
