/**
 * Listening sockets: TCP on every bound address, TLS, a Unix socket. TCP and Unix clients are read
 * straight into one buffer that all connections share (Node's `onread`). Their requests are taken
 * out of it before the next read.
 */
import { chmodSync, closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import * as net from 'node:net'
import { devNull } from 'node:os'
import * as tls from 'node:tls'
import { errorText } from '../../base/error-text.ts'
import type { Log } from '../../base/log.ts'
import type { Handshakes } from './handshakes.ts'

/** Bytes read at most at a time; all plain connections share this buffer. */
const READ_BUFFER_BYTES = 64 * 1024
/** Interval of the check that connections can be accepted. */
const WATCH_EVERY_MS = 1000

export interface Accepted<S = net.Socket> {
  readonly socket: S
  readonly isUnix: boolean
  readonly isTls: boolean
}

/** Receives bytes that were read: `length` bytes of a buffer that the next read overwrites. */
export type OnData = (buffer: Buffer, length: number) => void

const IGNORE: OnData = () => {}

/** Decides which connections are admitted, and takes over those that are. */
export interface Admitter {
  readonly handshakes: Handshakes
  /**
   * Calls `begin` when the TLS handshake of a connection may begin. Destroys the socket, and counts
   * a rejected connection, if there is no room for another client.
   */
  admitToHandshake(socket: net.Socket, begin: () => void): void
  /** Returns the receiver of the connection's bytes, or null if it is refused. */
  accept(accepted: Accepted): OnData | null
}

export interface ListenSettings {
  readonly addresses: readonly string[]
  /** The TCP port; 0 lets the system choose one, null means none. */
  readonly port: number | null
  readonly backlog: number
  readonly unixSocket: string
  readonly unixPermissions: number
  readonly keepAliveSeconds: number
  /** True if other threads listen on the same ports. */
  readonly isShared: boolean
}

export interface TlsSettings {
  /** 0 means none. */
  readonly port: number
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
  readonly authClients: 'yes' | 'no' | 'optional'
}

const shared = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)

/** Socket options that Node accepts but its types lack: a handle that is already connected. */
type HandleOptions = net.SocketConstructorOpts & { handle: unknown }

/** The option of Node 22.12 that its types for Node 20 lack. */
type SharingOptions = net.ListenOptions & { readonly reusePort?: boolean }

/** Moves an accepted socket's handle into a new socket that reads into the shared buffer. */
function withSharedBuffer(socket: net.Socket, onData: (buffer: Buffer, length: number) => void): net.Socket {
  const { _handle: handle } = socket as unknown as { _handle: unknown }
  if (handle === null || handle === undefined) return socket
  const options: HandleOptions = {
    handle,
    allowHalfOpen: true,
    readable: true,
    writable: true,
    onread: {
      buffer: shared,
      callback: (length) => {
        onData(shared, length)
        return true
      },
    },
  }
  const taken = new net.Socket(options as net.SocketConstructorOpts)
  ;(socket as unknown as { _handle: unknown })._handle = null
  taken.resume()
  return taken
}

/** The listening sockets of a node. */
export class Listener {
  private readonly servers: { readonly server: net.Server; readonly options: net.ListenOptions }[] = []
  private readonly admitter: Admitter
  private readonly log: Pick<Log, 'warn' | 'info'>
  private watcher: NodeJS.Timeout | null = null
  private isPaused = false
  private unixPath = ''

  constructor(admitter: Admitter, log: Pick<Log, 'warn' | 'info'>) {
    this.admitter = admitter
    this.log = log
  }

  /**
   * Starts listening. Rejects with Node's error (EADDRINUSE, EACCES ...) if a required address
   * cannot be bound. An address with a leading `-` in the configuration may be missing. Returns the
   * ports, 0 for none.
   */
  async listen(settings: ListenSettings, tlsSettings: TlsSettings): Promise<{ port: number; tlsPort: number }> {
    let port = settings.port ?? 0
    let tlsPort = tlsSettings.port
    for (const address of settings.port === null ? [] : settings.addresses) {
      const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true, ...keepAlive(settings) }, (socket) =>
        this.plain(socket, false),
      )
      port = (await this.bind(server, address, port, settings)) ?? port
    }
    if (tlsPort > 0) {
      const secure = tls.createServer(tlsOptions(tlsSettings), (socket) => this.secure(socket))
      secure.on('tlsClientError', (_, socket) => socket.destroy())
      for (const address of settings.addresses) {
        const server = net.createServer({ noDelay: true, ...keepAlive(settings) }, (socket) => this.shakeHands(socket, secure))
        tlsPort = (await this.bind(server, address, tlsPort, settings)) ?? tlsPort
      }
    }
    if (settings.unixSocket !== '') await this.listenUnix(settings)
    return { port, tlsPort }
  }

  /** Stops accepting TCP connections, since other threads take the ports over. */
  releasePorts(): void {
    for (const { server, options } of this.servers.splice(0)) {
      if (options.path === undefined) server.close()
      else this.servers.push({ server, options })
    }
  }

  /** Stops accepting. Open connections continue: their owner ends them. */
  close(): void {
    if (this.watcher !== null) clearInterval(this.watcher)
    for (const { server } of this.servers) if (server.listening) server.close()
    this.servers.length = 0
    this.admitter.handshakes.close()
    if (this.unixPath !== '') rmSync(this.unixPath, { force: true })
    this.unixPath = ''
  }

  private async listenUnix(settings: ListenSettings): Promise<void> {
    this.unixPath = settings.unixSocket
    rmSync(settings.unixSocket, { force: true })
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => this.plain(socket, true))
    const options = { path: settings.unixSocket, backlog: settings.backlog }
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options, () => {
        server.off('error', reject)
        this.keepListening(server, options)
        resolve()
      })
    })
    if (settings.unixPermissions !== 0) chmodSync(settings.unixSocket, settings.unixPermissions)
  }

  private bind(server: net.Server, address: string, port: number, { backlog, isShared }: ListenSettings): Promise<number | undefined> {
    const optional = address.startsWith('-')
    const host = optional ? address.slice(1) : address
    const where = host === '*' ? { host: '0.0.0.0' } : host === '::*' ? { host: '::', ipv6Only: true } : { host, ipv6Only: true }
    const options: SharingOptions = { ...where, backlog, ...(isShared ? { reusePort: true } : {}) }
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException) => {
        const missing = error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT' || error.code === 'EINVAL'
        if (optional && missing) resolve(undefined)
        else reject(error)
      }
      server.once('error', failed)
      server.listen({ ...options, port }, () => {
        server.off('error', failed)
        const bound = server.address() as net.AddressInfo
        this.keepListening(server, { ...options, port: bound.port })
        resolve(bound.port)
      })
    })
  }

  /** Handles later errors of the server: those of accepting, and of listening again. */
  private keepListening(server: net.Server, options: net.ListenOptions): void {
    this.servers.push({ server, options })
    server.on('error', (error: NodeJS.ErrnoException) => this.pauseListening(error.message))
    server.on('listening', () => this.resumed())
    this.watcher ??= setInterval(() => this.watch(), WATCH_EVERY_MS).unref()
  }

  /**
   * Pauses listening while no descriptor is free, and resumes it afterwards. libuv keeps a spare
   * descriptor: with it, libuv accepts and closes a connection when no other is free. Once the
   * spare one is gone, the connection stays in the queue, and libuv retries it in every turn
   * without an error. Closing the listening socket empties the queue.
   */
  private watch(): void {
    const error = descriptorError()
    if (error !== null) this.pauseListening(error)
    else for (const { server, options } of this.servers) if (!server.listening) server.listen(options)
  }

  private pauseListening(reason: string): void {
    if (!this.isPaused) {
      this.log.warn({ error: reason }, 'cannot accept connections; refusing new ones, retrying every second (see ulimit -n)')
    }
    this.isPaused = true
    for (const { server } of this.servers) if (server.listening) server.close()
  }

  private resumed(): void {
    if (!this.isPaused || !this.servers.every(({ server }) => server.listening)) return
    this.isPaused = false
    this.log.info({}, 'accepting connections again')
  }

  private plain(socket: net.Socket, isUnix: boolean): void {
    let onData = IGNORE
    const reading = withSharedBuffer(socket, (buffer, length) => onData(buffer, length))
    onData = this.admitter.accept({ socket: reading, isUnix, isTls: false }) ?? IGNORE
  }

  /** As in Redis, a client beyond maxclients is closed before the handshake. */
  private shakeHands(socket: net.Socket, secure: tls.Server): void {
    this.admitter.admitToHandshake(socket, () => {
      this.admitter.handshakes.own(socket)
      secure.emit('connection', socket)
    })
  }

  private secure(socket: tls.TLSSocket): void {
    this.admitter.handshakes.disown(socket)
    let onData = IGNORE
    socket.on('data', (data: Buffer) => onData(data, data.length))
    onData = this.admitter.accept({ socket, isUnix: false, isTls: true }) ?? IGNORE
  }
}

/** Returns the error of opening a file, or null if files can be opened. */
function descriptorError(): string | null {
  try {
    closeSync(openSync(devNull, 'r'))
    return null
  } catch (error) {
    return errorText(error)
  }
}

function keepAlive({ keepAliveSeconds }: ListenSettings): { keepAlive?: true; keepAliveInitialDelay?: number } {
  return keepAliveSeconds > 0 ? { keepAlive: true, keepAliveInitialDelay: keepAliveSeconds * 1000 } : {}
}

function tlsOptions(settings: TlsSettings): tls.TlsOptions {
  return {
    cert: readFileSync(settings.certFile),
    key: readFileSync(settings.keyFile),
    ...(settings.caFile === '' ? {} : { ca: readFileSync(settings.caFile) }),
    requestCert: settings.authClients !== 'no',
    rejectUnauthorized: settings.authClients === 'yes',
  }
}
