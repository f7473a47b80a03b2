/**
 * Connections to the servers that MIGRATE sends keys to. One for each address and its AUTH stays
 * open for ten seconds after its use; a transfer that finds it in use opens another one.
 *
 *   first   [AUTH words] [SELECT database], the latter if another database is selected
 *   then    (RESTORE key ttl payload [REPLACE])*
 *   reply   a line for each
 *
 * AUTH is sent on a kept connection too, as by Redis: the password may have changed.
 * The keys are sent only after AUTH and SELECT have succeeded. Otherwise they would come into the
 * wrong database, where REPLACE overwrites others.
 *
 * A kept connection may have been closed by the other side. A transfer that fails before its first
 * reply is therefore tried again, once, and not after a time-out.
 */
import type * as net from 'node:net'
import { type Bytes, textOf } from '../../base/bytes.ts'
import type {
  MigrationOutcome,
  MigrationPort,
  MigrationTarget,
  PayloadTurn,
  TransferredKey,
  TransferSettings,
} from '../../commands/contract/ports.ts'
import { PayloadRoom } from './payload-room.ts'

/** Transfers wait while the payloads of others have this many bytes. */
const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
const KEPT_MS = 10_000
const MAX_KEPT = 64
/** A reply of the other server has at most this many bytes before its line ends. */
const MAX_LINE_BYTES = 64 * 1024

const CONNECTING = 'IOERR error or timeout connecting to the client'
const READING = 'IOERR error or timeout reading to target instance'
const WRITING = 'IOERR error or timeout writing to target instance'

/** The outcome of one attempt. */
interface TransferAttempt {
  /** The lines for AUTH and SELECT come first. */
  readonly headCount: number
  /** The lines that arrived, without their ends. */
  readonly lines: readonly Bytes[]
  /** Null where all lines arrived. */
  readonly failure: Bytes | null
  readonly isTimeout: boolean
}

/** A connection to another server. */
class TargetConnection {
  readonly socket: net.Socket
  readonly address: string
  /** The database that is selected there; null where it is not known. */
  database: Bytes | null = null
  isOpen = true
  private expiry: NodeJS.Timeout | undefined

  constructor(socket: net.Socket, address: string) {
    this.socket = socket
    this.address = address
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isOpen = false
    })
  }

  /** Sends requests and gathers `count` lines. The time-out is for each step forward. */
  exchange(requests: readonly Buffer[], count: number, timeoutMs: number): Promise<Omit<TransferAttempt, 'headCount'>> {
    const { socket } = this
    return new Promise((resolve) => {
      const lines: Bytes[] = []
      let rest = ''
      let isWritten = false
      const end = (failure: Bytes | null, isTimeout: boolean) => {
        socket.setTimeout(0)
        socket.off('data', receive).off('timeout', late).off('close', cut).off('end', cut)
        resolve({ lines, failure, isTimeout })
      }
      const late = () => end(isWritten ? READING : WRITING, true)
      const cut = () => end(isWritten ? READING : WRITING, false)
      const receive = (data: Buffer) => {
        const parts = (rest + data.latin1Slice()).split('\r\n')
        rest = parts.pop() ?? ''
        lines.push(...parts.slice(0, count - lines.length))
        if (lines.length === count) end(null, false)
        else if (rest.length > MAX_LINE_BYTES) end(READING, false)
      }
      socket.on('data', receive).on('timeout', late).on('close', cut).on('end', cut)
      socket.setTimeout(timeoutMs)
      socket.cork()
      for (const request of requests) socket.write(request)
      socket.write('', () => {
        isWritten = true
      })
      socket.uncork()
    })
  }

  /** Closes the connection unless it is used again in time. */
  expire(expired: () => void): void {
    this.socket.unref()
    this.expiry = setTimeout(expired, KEPT_MS)
    this.expiry.unref()
  }

  use(): void {
    clearTimeout(this.expiry)
    this.socket.ref()
  }

  close(): void {
    clearTimeout(this.expiry)
    this.isOpen = false
    this.socket.destroy()
  }
}

/** Opens a connection: with `tls-cluster` by TLS. */
type Connect = (target: { readonly host: string; readonly port: number }, events: { connected(): void; failed(): void }) => net.Socket

/** The transfers of MIGRATE and the connections that they leave open. */
export class Migrations implements MigrationPort {
  /** Connections that are not in use, by address, the one used last at the end. */
  private readonly kept = new Map<string, TargetConnection>()
  private readonly used = new Set<TargetConnection>()
  private readonly room: PayloadRoom
  private isClosed = false
  private readonly connect: Connect

  constructor(connect: Connect) {
    this.connect = connect
    this.room = new PayloadRoom(MAX_PAYLOAD_BYTES)
  }

  /** The number of open connections that are not in use. */
  get keptCount(): number {
    return this.kept.size
  }

  get hasRoom(): boolean {
    return this.room.isOpen
  }

  waitForRoom(ready: () => void): PayloadTurn {
    return this.room.wait(ready)
  }

  async transfer(
    target: MigrationTarget,
    keys: readonly TransferredKey[],
    settings: TransferSettings,
    abandoned: AbortSignal,
  ): Promise<MigrationOutcome> {
    const payloadBytes = keys.reduce((sum, { payload }) => sum + lengthOf(payload), 0)
    this.room.add(payloadBytes)
    const outcome = await this.tryTwice(target, keys, settings, abandoned)
    this.room.remove(payloadBytes)
    // A server that is closing deletes no keys any more.
    return this.isClosed ? new Promise<never>(() => {}) : outcome
  }

  private async tryTwice(
    target: MigrationTarget,
    keys: readonly TransferredKey[],
    settings: TransferSettings,
    abandoned: AbortSignal,
  ): Promise<MigrationOutcome> {
    const first = await this.attempt(target, keys, settings, abandoned)
    if (first.lines.length > 0 || first.failure === null || first.failure === CONNECTING || first.isTimeout || abandoned.aborted) {
      return outcomeOf(first, keys.length)
    }
    return outcomeOf(await this.attempt(target, keys, settings, abandoned), keys.length)
  }

  /** Closes all connections; transfers under way never end. */
  close(): void {
    this.isClosed = true
    for (const peer of [...this.kept.values(), ...this.used]) peer.close()
    this.kept.clear()
  }

  private async attempt(
    target: MigrationTarget,
    keys: readonly TransferredKey[],
    settings: TransferSettings,
    abandoned: AbortSignal,
  ): Promise<TransferAttempt> {
    const peer = await this.peerOf(target, settings.timeoutMs)
    if (peer === null) return { lines: [], failure: CONNECTING, isTimeout: false, headCount: 0 }
    this.used.add(peer)
    const close = () => peer.close()
    if (abandoned.aborted) close()
    else abandoned.addEventListener('abort', close)
    const attempt = await this.send(peer, target, keys, settings)
    abandoned.removeEventListener('abort', close)
    this.used.delete(peer)
    if (attempt.failure !== null || this.isClosed) peer.close()
    else this.keep(peer)
    return attempt
  }

  private async send(
    peer: TargetConnection,
    target: MigrationTarget,
    keys: readonly TransferredKey[],
    { mayReplace, timeoutMs }: TransferSettings,
  ): Promise<TransferAttempt> {
    const heads: Buffer[] = []
    if (target.credentials !== null) heads.push(requestOf(['AUTH', ...target.credentials]))
    if (peer.database !== target.database) heads.push(requestOf(['SELECT', target.database]))
    const headCount = heads.length
    const head = headCount === 0 ? null : await peer.exchange(heads, headCount, timeoutMs)
    if (head !== null && (head.failure !== null || head.lines.some(isError))) {
      peer.database = null
      return { ...head, headCount }
    }
    peer.database = target.database
    const requests = keys.flatMap((key) => restoreOf(key, mayReplace))
    const attempt = await peer.exchange(requests, keys.length, timeoutMs)
    if (attempt.lines.some(isError)) peer.database = null
    return { ...attempt, lines: [...(head?.lines ?? []), ...attempt.lines], headCount }
  }

  /** Returns a connection; null where there is none within the time-out. */
  private peerOf(target: MigrationTarget, timeoutMs: number): Promise<TargetConnection | null> {
    const address = [target.host, target.port, ...(target.credentials ?? [])].map(bulk).join('')
    const kept = this.kept.get(address)
    this.kept.delete(address)
    kept?.use()
    if (kept?.isOpen === true) return Promise.resolve(kept)
    const port = Number(target.port)
    if (target.host === '' || !Number.isInteger(port) || port < 1 || port > 65_535 || this.isClosed) return Promise.resolve(null)
    return new Promise((resolve) => {
      const failed = () => {
        socket.destroy()
        resolve(null)
      }
      const connected = () => {
        socket.off('timeout', failed).off('error', failed)
        resolve(new TargetConnection(socket, address))
      }
      const socket = this.connect({ host: textOf(target.host), port }, { connected, failed })
      socket.setTimeout(timeoutMs, failed)
      socket.once('error', failed)
    })
  }

  private keep(peer: TargetConnection): void {
    if (this.kept.has(peer.address) || !peer.isOpen) {
      peer.close()
      return
    }
    if (this.kept.size === MAX_KEPT) {
      const [oldest] = this.kept.values()
      if (oldest !== undefined) this.drop(oldest)
    }
    this.kept.set(peer.address, peer)
    peer.expire(() => this.drop(peer))
  }

  private drop(peer: TargetConnection): void {
    if (this.kept.get(peer.address) === peer) this.kept.delete(peer.address)
    peer.close()
  }
}

const isError = (line: Bytes): boolean => line.startsWith('-')

/** Returns which keys are stored there. */
function outcomeOf({ lines, failure, headCount }: TransferAttempt, count: number): MigrationOutcome {
  const refused = lines.find(isError)
  const isStored = Array.from({ length: count }, (_, index) => {
    const line = lines[headCount + index]
    return line !== undefined && !isError(line)
  })
  return { isStored, refusal: refused === undefined ? null : `ERR Target instance replied with error: ${refused.slice(1)}`, failure }
}

const lengthOf = (payload: readonly Buffer[]): number => payload.reduce((sum, chunk) => sum + chunk.length, 0)

const bulk = (word: Bytes): Bytes => `$${word.length}\r\n${word}\r\n`

function requestOf(words: readonly Bytes[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map(bulk).join('')}`, 'latin1')
}

function restoreOf({ key, ttlMs, payload }: TransferredKey, mayReplace: boolean): readonly Buffer[] {
  const head = `*${mayReplace ? 5 : 4}\r\n${bulk('RESTORE')}${bulk(key)}${bulk(String(ttlMs))}$${lengthOf(payload)}\r\n`
  return [Buffer.from(head, 'latin1'), ...payload, Buffer.from(mayReplace ? `\r\n${bulk('REPLACE')}` : '\r\n', 'latin1')]
}
