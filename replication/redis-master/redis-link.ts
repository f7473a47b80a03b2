/**
 * The part of a link that speaks with a Redis master, on a connection that the link has opened:
 *
 *   lines -> conversation -> RDB -> rdb-target -> the link installs it -> the stream -> applier
 *
 * The link keeps the connection, the retries and the states that every master has. It calls the
 * methods here while its master is a Redis.
 */
import { must, rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Clock, Random } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import type { Log } from '../../base/log.ts'
import { encodedLength, writeCommand } from '../../storage/binlog/command-codec.ts'
import type { ValueLimits } from '../../storage/exchange/incoming.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ReplicationSettings } from '../protocol/settings.ts'
import { Conversation, type ConversationAction, type ConversationState } from './conversation.ts'
import { RdbTarget } from './rdb-target.ts'
import { UpstreamApplier, type UpstreamRunner } from './upstream-applier.ts'

/** The longest line before the stream. */
const MAX_LINE_BYTES = 64 * 1024
const LF = 10
const ACK_PERIOD_MS = 1000
/** The stream waits unread above this. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024
const EMPTY_LINE = Buffer.from('\n')

/** The parts of the server that a link to a Redis needs. */
export interface RedisMasterPorts {
  readonly runner: UpstreamRunner
  readonly limits: ValueLimits
  /** Returns the name of a library of functions. Throws for code that is not accepted. */
  libraryName(code: Bytes): Bytes
}

export interface RedisLinkOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: ReplicationSettings
  readonly databases: number
  readonly ports: RedisMasterPorts
  port(): number
  /** Requests a turn of the event loop. */
  requestTurn(): void
  syncAlways(): boolean
  send(bytes: Buffer): void
  /** Called when the stream has begun. */
  onStreaming(): void
  onFailed(reason: string): void
  /** Called when the RDB is loaded and may be installed. */
  onCopied(): void
  onInstalled(): void
  onCopyFailed(reason: string): void
  /** Called when `isFull` may have changed. */
  onRoom(): void
}

/** The state of the link to a Redis, for INFO. */
export interface RedisLinkView {
  readonly phase: 'handshake' | 'sync' | 'stream'
  readonly replicationId: string | null
  /** The offsets in the stream of the master that are applied and received. */
  readonly applied: number
  readonly read: number
  readonly failures: number
}

/** The part of a link that speaks with a Redis master. */
export class RedisLink {
  private readonly options: RedisLinkOptions
  private readonly target: RdbTarget
  private readonly applier: UpstreamApplier
  private conversation: Conversation | null = null
  private line: Buffer = Buffer.alloc(0)
  /** Bytes of the stream that came before the RDB was installed. */
  private early: Buffer[] = []
  private ackedMs = 0
  /** The master waits until the stream is durable up to this offset; Infinity: it does not. */
  private awaitedSync = Number.POSITIVE_INFINITY
  /** True from the master's choice of a full sync until its stream begins, also after a cut. */
  isFullSyncNeeded = false

  constructor(options: RedisLinkOptions) {
    this.options = options
    const { onCopied, onInstalled, onCopyFailed, onRoom, ports } = options
    this.target = new RdbTarget({
      ...options,
      limits: ports.limits,
      libraryName: ports.libraryName,
      onLoaded: (rest) => {
        this.early = [rest]
        this.conversation?.transferred()
        onCopied()
      },
      onInstalled,
      onFailed: onCopyFailed,
      onRoom,
    })
    this.applier = new UpstreamApplier({ ...options, runner: ports.runner })
  }

  get isOpen(): boolean {
    return this.conversation !== null
  }

  /** True while a command of the master runs. */
  get isApplying(): boolean {
    return this.applier.isApplying
  }

  /** True if the connection should not be read. */
  get isFull(): boolean {
    return this.target.isFull || this.applier.waitingBytes > MAX_WAITING_BYTES
  }

  get isStreaming(): boolean {
    return this.state === 'stream' && this.early.length === 0
  }

  /** Progress of a full sync under way; null without one. */
  get progress(): RdbTarget['progress'] {
    return this.target.progress
  }

  /** Null if the master is no Redis. While the link is down, the position in the log is shown. */
  get view(): RedisLinkView | null {
    const { applier, state, options } = this
    const { resumable } = applier
    // A log that a haypile master wrote may have a position, too: that of the master.
    if (state === null && (resumable === null || options.storage.identity.ownFrom === null)) return null
    const applied = (state === 'stream' ? applier.appliedOffset : resumable?.offset) ?? 0
    const isSyncing = state === 'preamble' || state === 'transfer'
    const phase = state === 'stream' ? 'stream' : isSyncing ? 'sync' : 'handshake'
    return { phase, replicationId: applier.replicationId, applied, read: applied + applier.waitingBytes, failures: applier.failures }
  }

  /** Begins the conversation on a new connection. */
  startConversation(fullSync: string | null): void {
    const { settings, port, storage } = this.options
    this.close()
    if (storage.stalled !== null) {
      this.options.onFailed('the last writes are not in the binlog yet')
      return
    }
    this.conversation = new Conversation({
      port: settings.announcePort === 0 ? port() : settings.announcePort,
      address: settings.announceIp,
      position: fullSync === null ? this.applier.resumable : null,
    })
    this.perform(this.conversation.greeting())
  }

  /** Ends the conversation: the connection is closed. */
  close(): void {
    this.conversation = null
    this.line = Buffer.alloc(0)
    this.early = []
    this.awaitedSync = Number.POSITIVE_INFINITY
    this.applier.end()
    this.target.cut()
  }

  /** Drops a full sync, which is no longer wanted. */
  abandon(): void {
    this.isFullSyncNeeded = false
    this.target.abandon()
  }

  install(): void {
    this.target.install()
  }

  /** Begins the stream after a full sync was installed. */
  installed(): void {
    const early = this.early.splice(0)
    if (this.conversation === null) return
    this.stream(must(this.options.storage.followed.position, 'a full sync is installed with its position'))
    for (const bytes of early) this.applier.push(bytes)
  }

  /** Takes bytes of the master, and owns the buffer. */
  received(bytes: Buffer): void {
    let rest = bytes
    while (rest.length > 0) {
      const { state } = this
      if (state === null) return
      if (state === 'transfer') {
        this.target.push(rest)
        return
      }
      if (state === 'stream') {
        if (this.early.length > 0) this.early.push(rest)
        else this.applier.push(rest)
        return
      }
      rest = this.takeLine(rest)
    }
  }

  /** Applies a batch of the stream. Returns true if more waits. */
  applyBatch(): boolean {
    if (!this.isStreaming) return false
    const outcome = this.applier.applyBatch()
    if (typeof outcome === 'object') this.options.onFailed(outcome.reason)
    return outcome === 'more'
  }

  /**
   * Sends an acknowledgement if one is due. During a full sync, an empty line shows that this node
   * is alive.
   */
  acknowledge(): void {
    const { state, options } = this
    if (state !== 'stream' && state !== 'transfer') return
    const { clock } = options
    const isDue = clock.monotonicMs() - this.ackedMs >= ACK_PERIOD_MS
    if (this.isStreaming) {
      if (!this.acknowledgeStream(isDue)) return
    } else if (isDue) options.send(EMPTY_LINE)
    else return
    this.ackedMs = clock.monotonicMs()
  }

  /**
   * Sends the offset up to which the stream is in memory and log, and the one up to which it is
   * durable. After a request of the master, the latter is sent again once it has caught up. Returns
   * false if nothing was due.
   */
  private acknowledgeStream(isDue: boolean): boolean {
    const { applier } = this
    const { applied, synced } = applier.acknowledged
    const isAsked = applier.takeAckWanted()
    if (!isAsked && !isDue && synced < this.awaitedSync) return false
    if (isAsked) this.awaitedSync = applied
    if (synced >= this.awaitedSync) this.awaitedSync = Number.POSITIVE_INFINITY
    this.send(['REPLCONF', 'ACK', String(applied), 'FACK', String(synced)])
    return true
  }

  private send(words: readonly Bytes[]): void {
    const bytes = Buffer.allocUnsafe(encodedLength(words))
    writeCommand(words, bytes, 0)
    this.options.send(bytes)
  }

  private get state(): ConversationState | null {
    return this.conversation?.state ?? null
  }

  /** Takes bytes up to the end of a line. Returns the bytes after it. */
  private takeLine(bytes: Buffer): Buffer {
    const end = bytes.indexOf(LF)
    const line = Buffer.concat([this.line, end < 0 ? bytes : bytes.subarray(0, end)])
    this.line = line
    if (line.length > MAX_LINE_BYTES) {
      this.options.onFailed('the master sent a line without an end')
      return Buffer.alloc(0)
    }
    if (end < 0) return Buffer.alloc(0)
    this.line = Buffer.alloc(0)
    this.perform(must(this.conversation).line(line.latin1Slice().replace(/\r$/, '')))
    if (this.state === 'preamble') this.isFullSyncNeeded = true
    return bytes.subarray(end + 1)
  }

  private perform(actions: readonly ConversationAction[]): void {
    for (const action of actions) {
      if (action.type === 'send') this.send(action.words)
      else if (action.type === 'fail') this.options.onFailed(action.reason)
      else if (action.type === 'continue') this.stream(action.position)
      else {
        const { replicationId, offset, end } = action
        this.options.log.info(
          { replicationId, offset, ...('length' in end ? { bytes: end.length } : {}) },
          'full sync from a Redis master begins',
        )
        this.target.receive(replicationId, offset, end)
      }
    }
  }

  private stream(position: Parameters<UpstreamApplier['followFrom']>[0]): void {
    try {
      this.applier.followFrom(position)
    } catch (error) {
      rethrowAssertion(error)
      this.options.onFailed(`the history of this node cannot be stored: ${errorText(error)}`)
      return
    }
    this.isFullSyncNeeded = false
    this.options.onStreaming()
  }
}
