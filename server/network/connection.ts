/**
 * One client's socket: requests run in the poll phase, replies leave in one write at the end of the
 * turn. A held connection runs no requests: its input waits in the decoder and in the kernel.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { SessionUser } from '../../commands/contract/access.ts'
import type { Message, Reply } from '../../commands/contract/reply.ts'
import { Request } from '../../commands/contract/request.ts'
import { type Client, SessionState } from '../../commands/contract/session.ts'
import type { TurnClient } from '../loop/turn.ts'
import { PrefetchQueue } from '../protocol/prefetch-queue.ts'
import { type Chunks, MAX_TURN_OUTPUT_BYTES, ReplyBuffer, writeChunks } from '../protocol/reply-buffer.ts'
import { encodeError } from '../protocol/reply-encoder.ts'
import { ProtocolError, RequestDecoder } from '../protocol/request-decoder.ts'
import { SealedReplies } from '../protocol/sealed-replies.ts'
import type { ClientSocket } from './client-socket.ts'
import { type ConnectionHost, OutputLimit } from './connection-host.ts'
import { CLOSE_TIMEOUT_MS, MAX_HELD_INPUT_BYTES, MAX_SEALED_TURNS, MAX_UNSENT_BYTES } from './connection-limits.ts'
import type { HoldReason } from './hold-reason.ts'
import { ReplicaSocket } from './replica-socket.ts'

/** One client's socket, with its session. */
export class Connection extends SessionState implements Client, TurnClient {
  readonly id: number
  replica: ReplicaSocket | null = null
  readonly address: string
  readonly localAddress: string
  readonly createdAtMs: number
  user: SessionUser
  lastActiveMs: number
  private readonly socket: ClientSocket
  private readonly mayReuseWritten: boolean
  private readonly host: ConnectionHost
  private readonly decoder: RequestDecoder
  private readonly holds = new Set<HoldReason>()
  isHeld = false
  private readonly request: Request = new Request(this)
  /** A gate holds the request. */
  private isRequestKept = false
  private readonly cold = new PrefetchQueue()
  private readonly replies = new ReplyBuffer()
  private readonly sealed = new SealedReplies()
  private isTouched = false
  private closing: 'no' | 'after-reply' | 'closed' = 'no'
  private hasInputEnded = false
  private isReadingPaused = false
  private readonly outputLimit: OutputLimit
  /** True while a request of this client runs; pushes to it then follow the reply. */
  private isRunning = false
  private readonly pushes: Message[] = []
  mayShowOpenUnit = false

  constructor(socket: ClientSocket, id: number, host: ConnectionHost, address: { remote: string; local: string }) {
    super()
    this.socket = socket
    this.mayReuseWritten = socket.mayReuseWritten === true
    this.id = id
    this.host = host
    this.user = host.acl.defaultUser
    this.outputLimit = new OutputLimit(host)
    this.address = address.remote
    this.localAddress = address.local
    this.createdAtMs = host.monotonicMs()
    this.lastActiveMs = this.createdAtMs
    this.decoder = new RequestDecoder(host.limits)
    this.isAuthenticated = host.acl.isOpen
    socket.on('drain', () => this.drained())
    socket.on('error', () => this.close('now'))
    socket.on('end', () => this.inputEnded())
    socket.on('close', () => this.gone())
  }

  get isAuthenticated(): boolean {
    return this.decoder.isAuthenticated
  }

  set isAuthenticated(value: boolean) {
    this.decoder.isAuthenticated = value
  }

  get remoteRole(): 'client' | 'replica' {
    return this.replica === null ? 'client' : 'replica'
  }

  /** The connection as replication sees it, which sets `replica` once it accepts the replica. */
  asReplica(): ReplicaSocket {
    return this.replica ?? new ReplicaSocket(this.socket, this.id, this.address, this.host)
  }

  queryBufferBytes(): number {
    return this.decoder.bufferedBytes
  }

  outputBufferBytes(): number {
    return this.replies.bytes + this.sealed.bytes + this.socket.writableLength
  }

  /** Takes bytes [0, length) of a buffer that the next read overwrites. */
  receive(buffer: Buffer, length: number): void {
    if (this.closing !== 'no') return
    const { host } = this
    host.onReceived(length)
    host.turn.begin()
    this.decoder.feed(buffer, length)
    if (this.enforceQueryLimit()) return
    if (this.isHeld) this.keepInput()
    else this.pump()
    this.enforceQueryLimit()
  }

  reply(reply: Reply): void {
    if (this.replyMode === 'on') {
      if (!this.isTouched) this.joinTurn()
      this.replies.reply(reply, this.resp)
      if (this.replies.isSuspended) this.holdFor('rest')
    } else this.skipReply()
  }

  replyError(text: Bytes): void {
    if (this.replyMode === 'on') this.appendText(encodeError(text))
    else this.skipReply()
  }

  push(message: Message): void {
    if (this.isRunning) {
      this.pushes.push(message)
      return
    }
    if (!this.isTouched) this.joinTurn()
    if (this.host.executor.units.current !== null) this.mayShowOpenUnit = true
    this.replies.message(message, this.resp)
    if (this.replies.bytes > MAX_TURN_OUTPUT_BYTES) this.checkLimits()
  }

  /** Adds encoded text: replies, pushes, monitor lines. */
  appendText(part: Bytes): void {
    if (!this.isTouched) this.joinTurn()
    this.replies.appendLate(part)
  }

  flush(): void {
    this.isTouched = false
    this.mayShowOpenUnit = false
    if (this.sealed.count > 0) this.seal(0)
    else if (this.write(this.replies.drain(), 'arena')) this.afterWrite()
  }

  seal(offset: number): void {
    this.isTouched = false
    this.mayShowOpenUnit = false
    this.sealed.add(offset, this.replies.takeToKeep())
    if (this.closing !== 'after-reply' && this.sealed.count > MAX_SEALED_TURNS) this.holdFor('output')
  }

  unseal(offset: number): void {
    for (let chunks = this.sealed.removeDurable(offset); chunks !== undefined; chunks = this.sealed.removeDurable(offset))
      if (this.write(chunks, 'kept')) this.afterWrite()
    if (this.holds.has('output') && this.sealed.count === 0 && !this.socket.writableNeedDrain) this.unhold('output')
  }

  hold(): void {
    this.holdFor('stall')
  }

  release(): void {
    this.unhold('stall')
  }

  /** Runs the request that a gate holds, once the command that may have opened it has ended. */
  retryGate(): void {
    queueMicrotask(() => this.unhold('gate'))
  }

  /** Ends an asynchronous command, which may have seen changes of an open unit. */
  asyncDone(mayShowUnit = false): void {
    if (mayShowUnit) this.mayShowOpenUnit = true
    this.host.turn.begin()
    this.unhold('async')
  }

  close(how: 'now' | 'after-reply'): void {
    if (this.closing === 'closed') return
    this.host.onLeaving(this)
    if (how === 'after-reply') {
      this.closing = 'after-reply'
      if (!this.isTouched) this.joinTurn()
      return
    }
    this.closing = 'closed'
    this.socket.destroy()
  }

  /** Sends the remaining replies and closes. Resolves when the socket is closed. */
  closeWhenSent(): Promise<void> {
    if (this.socket.destroyed) return Promise.resolve()
    return new Promise((resolve) => {
      this.socket.once('close', () => resolve())
      // A client must not see what is not logged.
      if (!this.holds.has('stall') && !this.mayShowOpenUnit) this.flush()
      if (this.closing === 'closed') return
      this.closing = 'closed'
      this.socket.end(() => this.socket.destroy())
      setTimeout(() => this.socket.destroy(), CLOSE_TIMEOUT_MS).unref()
    })
  }

  /** Returns false if the connection is closed. Releases the arena before the next encoding. */
  private write(chunks: Chunks, origin: 'arena' | 'kept'): boolean {
    if (this.closing === 'closed') return false
    if (this.enforceOutputLimit(chunks.reduce((sum, chunk) => sum + chunk.length, this.socket.writableLength))) return false
    if (chunks.length > 0) writeChunks(this.socket, chunks, this.host)
    if (origin === 'arena') this.replies.releasePieces(this.mayReuseWritten ? 0 : this.socket.writableLength)
    return true
  }

  /** Continues after replies were written: ends the connection, holds or releases the client. */
  private afterWrite(): void {
    const { socket } = this
    if (this.closing === 'after-reply' && this.sealed.count === 0 && !this.replies.isSuspended) {
      this.closing = 'closed'
      socket.end(() => socket.destroySoon())
      return
    }
    if (socket.writableLength > MAX_UNSENT_BYTES) {
      this.holds.delete('turn')
      this.holdFor('output')
    } else if (this.holds.has('turn')) this.unhold('turn')
    if (!this.replies.isSuspended || this.sealed.count > 0) return
    if (socket.writableLength === 0 || !socket.writableNeedDrain) this.encodeMore()
  }

  /** Encodes the next part of a long reply, which leaves with the turn. */
  private encodeMore(): void {
    if (!this.replies.isSuspended || this.closing === 'closed') return
    this.replies.resume()
    if (!this.isTouched) this.joinTurn()
    if (!this.replies.isSuspended) this.unhold('rest')
  }

  /** Closes the client if its unsent replies exceed a limit. Returns true if so. */
  private enforceOutputLimit(encodedBytes: number): boolean {
    const unsent = this.outputLimit.unsentBytesPastLimit(this.subscriptions === null ? 'normal' : 'pubsub', encodedBytes, this.replies)
    if (unsent > 0) this.cutOff(unsent, 'output')
    return unsent > 0
  }

  /** Checks output limits: called by cron for the soft limit, and while much is pushed. */
  checkLimits(): void {
    // A replica's buffer is limited by its feed.
    if (this.replica === null && this.closing !== 'closed') this.enforceOutputLimit(this.outputBufferBytes())
  }

  private drained(): void {
    if (!this.replies.isSuspended) this.outputLimit.reset()
    if (this.replica !== null) this.host.onDrained(this.replica)
    if (this.sealed.count > 0) return
    this.unhold('output')
    this.encodeMore()
  }

  private pump(): void {
    const { host, decoder, request } = this
    host.beginRequests()
    if (this.replyMode === 'on' && host.prefetcher.isCold(this.database)) {
      this.pumpCold()
      return
    }
    const batch = host.preloader.newBatch()
    try {
      while (!this.isHeld && this.closing === 'no') {
        if (!batch.fill(decoder)) return
        host.preloader.preload(this.database, batch)
        while (!this.isHeld && this.closing === 'no' && batch.nextInto(request)) this.run()
      }
      this.cold.keep(batch.rest())
    } catch (error) {
      this.protocolError(error)
      return
    } finally {
      batch.end()
      host.executor.releaseReadBuffer() // before the next read overwrites the buffer
      if (!this.isHeld) request.clear()
    }
    this.keepInput()
  }

  /** Decodes received requests, reads the keys they need from disk in one batch, then runs them. */
  private pumpCold(): void {
    const { host, decoder, cold } = this
    try {
      cold.fill(decoder, host.prefetcher.maxRequests)
    } catch (error) {
      this.runCold()
      this.protocolError(error)
      return
    }
    const reading = host.prefetcher.start(this.database, cold.requests)
    if (reading === null) {
      this.runCold()
      return
    }
    this.holdFor('async')
    void reading.then(() => this.asyncDone())
  }

  private runCold(): void {
    const mayRun = () => !this.isHeld && this.closing === 'no'
    if (!this.cold.run(this.request, mayRun, () => this.run())) return
    this.holdFor('async') // continues without growing the stack
    setImmediate(() => this.asyncDone())
  }

  private run(): void {
    const { host, request } = this
    this.isRunning = true
    const outcome = host.executor.execute(request)
    this.isRunning = false
    if (this.pushes.length > 0) for (const message of this.pushes.splice(0)) this.push(message)
    if (outcome === 'waiting') this.holdFor('async')
    else if (outcome === 'held') {
      this.isRequestKept = true
      this.holdFor('gate')
    } else if (this.replies.bytes > MAX_TURN_OUTPUT_BYTES) this.holdFor('turn')
  }

  private holdFor(reason: HoldReason): void {
    this.holds.add(reason)
    this.isHeld = true
    if (this.hasInputEnded) this.host.onInputEnded(this)
  }

  private unhold(reason: HoldReason): void {
    if (!this.holds.delete(reason) || this.holds.size > 0) return
    this.isHeld = false
    if (this.closing !== 'no') return
    this.host.turn.begin()
    this.host.beginRequests()
    const wasKept = this.isRequestKept
    this.isRequestKept = false
    if (wasKept) this.run()
    if (this.cold.requests.length > 0 && !this.isHeld) this.runCold()
    if (this.isHeld) return
    if (this.isReadingPaused) {
      this.isReadingPaused = false
      this.socket.resume()
    }
    this.pump()
    if (this.hasInputEnded && !this.isHeld) this.close('after-reply')
  }

  /** Called at the end of input. Requests already received are still run and answered. */
  private inputEnded(): void {
    this.hasInputEnded = true
    if (this.isHeld) this.host.onInputEnded(this)
    else this.close('after-reply')
  }

  private keepInput(): void {
    this.decoder.retain()
    if (this.decoder.bufferedBytes > MAX_HELD_INPUT_BYTES && !this.isReadingPaused) {
      this.isReadingPaused = true
      this.socket.pause()
    }
  }

  /** Closes the client if its input and queued requests exceed the limit. Returns true if so. */
  private enforceQueryLimit(): boolean {
    const buffered = this.decoder.limitedBytes + (this.transaction?.bytes ?? 0)
    const isPast = buffered > this.host.queryLimitBytes
    if (isPast) this.cutOff(buffered, 'query')
    return isPast
  }

  private cutOff(bytes: number, limit: 'output' | 'query'): void {
    this.host.onCutOff(limit)
    this.host.log({ client: this.id, address: this.address, bytes, limit }, 'closing a client that exceeded a buffer limit')
    this.close('now')
  }

  private protocolError(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error
    this.host.log({ client: this.id, address: this.address, error: error.message }, 'protocol error, closing the client')
    this.appendText(encodeError(`ERR ${error.message}`))
    this.close('after-reply')
  }

  private joinTurn(): void {
    this.isTouched = true
    this.host.turn.begin()
    this.host.turn.addReplied(this)
  }

  private gone(): void {
    this.closing = 'closed'
    this.sealed.clear()
    this.host.turn.forget(this)
    this.host.onClosed(this)
  }
}
