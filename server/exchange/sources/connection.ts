/** A connection to a server that an import or export reads from or writes to. */
import { once } from 'node:events'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { must, rethrowAssertion } from '../../../base/assert.ts'
import { type Bytes, bytesOfText } from '../../../base/bytes.ts'
import { errorText } from '../../../base/error-text.ts'
import { encodedLength, writeCommand } from '../../../storage/binlog/command-codec.ts'
import { ExchangeRefusal } from '../refusal.ts'
import { hasFiles, type TlsFiles, tlsOptionsOf } from './tls-files.ts'

const DEFAULT_PORT = 6379
const CONNECT_TIMEOUT_MS = 10_000
/** A server that sends nothing for this long is taken for dead. */
const SILENCE_TIMEOUT_MS = 120_000
const MAX_LINE_BYTES = 64 * 1024
/** The first byte of a TLS alert. */
const TLS_ALERT = 0x15
const SPEAKS_TLS = 'speaks TLS: use rediss://'
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
  /** Only where files were named. */
  readonly tls?: tls.ConnectionOptions
}

/** True if a text is a URL of a server. */
export function isServerUrl(text: string): boolean {
  return /^rediss?:\/\//.test(text)
}

/** Returns the server that a URL names. Throws ExchangeRefusal. */
export function addressOf(text: string, files: TlsFiles = {}): ServerAddress {
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
    credentials: [username, password].filter((word) => word !== '').map(decoded),
    database: path[1] === '' ? undefined : Number(path[1]),
    name: `${protocol}//${hostname}:${port}${path[1] === '' ? '' : `/${path[1]}`}`,
    ...(protocol === 'rediss:' && hasFiles(files) ? { tls: tlsOptionsOf(files) } : {}),
  }
}

/** Returns a word of a URL. Throws ExchangeRefusal. */
function decoded(word: string): string {
  try {
    return decodeURIComponent(word)
  } catch (error) {
    rethrowAssertion(error)
    throw ExchangeRefusal.ofUsage("the user or password of a URL has a '%' that begins no byte: write it as %25")
  }
}

/** Returns a command in RESP. */
export function commandOf(words: readonly Bytes[]): Buffer {
  const buffer = Buffer.allocUnsafe(encodedLength(words))
  writeCommand(words, buffer, 0)
  return buffer
}

/** Returns a connected socket. Throws ExchangeRefusal. */
async function connected({ host, port, isTls, name, tls: options }: ServerAddress): Promise<net.Socket> {
  let socket: net.Socket
  try {
    socket = isTls
      ? tls.connect({ host, port, ...(net.isIP(host) === 0 ? { servername: host } : {}), ...options })
      : net.connect({ host, port })
    socket.setNoDelay(true)
    const silence = isTls ? 'no TLS handshake: if it speaks plain text, use redis://' : 'the server does not answer'
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error(silence)))
    await once(socket, isTls ? 'secureConnect' : 'connect')
    return socket
  } catch (error) {
    rethrowAssertion(error)
    throw ExchangeRefusal.ofUsage(`${name} cannot be reached: ${connectError(error as NodeJS.ErrnoException)}`)
  }
}

/** Errors of certificates for which `--cacert` is the remedy. */
const UNTRUSTED: ReadonlySet<string | undefined> = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

function connectError(error: NodeJS.ErrnoException): string {
  if (error.code === 'ERR_SSL_WRONG_VERSION_NUMBER' || error.code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return 'it speaks plain text, not TLS: use redis://'
  }
  return UNTRUSTED.has(error.code) ? `${errorText(error)}: name its authority with --cacert` : errorText(error)
}

/** A connection that is read as bytes, lines or replies, in the order in which they arrive. */
export class ServerConnection {
  private readonly address: ServerAddress
  private readonly socket: net.Socket
  private readonly received: AsyncIterator<Buffer>
  private hasHeard = false
  /** The bytes that arrived and are not read yet. */
  private pending: Buffer = Buffer.alloc(0)

  private constructor(address: ServerAddress, socket: net.Socket) {
    this.address = address
    this.socket = socket
    this.received = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** Connects and authenticates. Throws ExchangeRefusal. */
  static async open(address: ServerAddress): Promise<ServerConnection> {
    const { credentials } = address
    const socket = await connected(address)
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
    if (!this.hasHeard && !this.address.isTls && next.value[0] === TLS_ALERT) {
      throw ExchangeRefusal.ofUsage(`${this.address.name} ${SPEAKS_TLS}`)
    }
    this.hasHeard = true
    this.pending = this.pending.length === 0 ? next.value : Buffer.concat([this.pending, next.value])
  }

  private lost(why: string | null): Error {
    if (!this.hasHeard) {
      const reason = this.address.isTls
        ? 'closes the connection: it may want --cert and --key'
        : `closes the connection: it may be one that ${SPEAKS_TLS}`
      return ExchangeRefusal.ofUsage(`${this.address.name} ${reason}`)
    }
    return new Error(`the connection to ${this.address.name} was lost${why === null ? '' : `: ${why}`}`)
  }
}
