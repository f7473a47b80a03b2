/**
 * The link of a replica to its master: owns the connection and performs the actions of machine.ts.
 *
 *   bytes -> redis-parser -> replies -> machine          until BINLOGSYNC has been sent
 *   bytes -> stream receiver -> binlog and memory        from that moment on
 *   machine -> actions: dial, send, full-sync target, storage
 *
 * Events of earlier connections are ignored. The connection is not read while groups cannot be
 * applied or a full sync waits for the disk. Groups cannot be applied while too much is dirty,
 * memory is being loaded or LevelDB is being reopened. Data that has arrived by then is kept. While
 * clients are paused nothing is applied either, and up to 1 MiB more is read.
 */
import RedisParser from 'redis-parser'
import { rethrowAssertion } from '../../base/assert.ts'
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'
import { errorText } from '../../base/error-text.ts'
import { encodedLength, writeCommand } from '../../storage/binlog/command-codec.ts'
import type { MasterAddress } from '../../storage/directory/identity.ts'
import { Arrivals } from '../protocol/arrivals.ts'
import { ackWords } from '../protocol/messages.ts'
import type { Wire, WireEvents } from '../protocol/wire.ts'
import type { RedisLink } from '../redis-master/redis-link.ts'
import { FullSyncTarget } from './full-sync-target.ts'
import { linkFacts, type ReplicaLinkOptions, redisLinkOf } from './link-options.ts'
import { type LinkView, linkView } from './link-view.ts'
import { ReplicaMachine } from './machine.ts'
import type { LinkAction, LinkEvent, LinkState, SyncAction } from './machine-types.ts'
import { StreamReceiver } from './stream-receiver.ts'

export type { LinkReplayer } from './applier.ts'

/** The limit of one reply: a chunk with the largest possible record. */
const MAX_REPLY_BYTES = MAX_BYTES_LENGTH + 1024 * 1024

/** The limit of stream bytes read while clients are paused. */
const MAX_HELD_BYTES = 1024 * 1024

/** The actions that the disk, the network or the master can make fail. */
const MAY_FAIL: ReadonlySet<LinkAction['type']> = new Set(['dial', 'adopt-history', 'failover-done', 'chunk'] as const)

/** The link of a replica to its master. */
export class ReplicaLink {
  private readonly options: ReplicaLinkOptions
  private readonly machine: ReplicaMachine
  private readonly target: FullSyncTarget
  private readonly receiver: StreamReceiver
  private readonly redis: RedisLink | null
  private readonly arrivals: Arrivals
  private wire: Wire | null = null
  /** The present connection; events of others are ignored. */
  private source: WireEvents | null = null
  private parser: RedisParser | null = null
  /** Bytes received since the last reply. */
  private unparsedBytes = 0
  private isPaused = false
  private isSuspended = false
  private hasCopied = false
  /** Why this node needs a full sync, also if that could not be stored; null if it needs none. */
  private unfit: string | null = null
  private isClosed = false
  private readonly events: { readonly event: LinkEvent; readonly source: WireEvents | null }[] = []
  private isHandling = false

  constructor(options: ReplicaLinkOptions) {
    this.options = options
    const { storage, clock } = options
    this.arrivals = new Arrivals(clock.monotonicMs())
    const calls = {
      onCopied: () => this.copied(),
      onInstalled: () => {
        this.unfit = null
        this.handle({ type: 'installed' })
      },
      onCopyFailed: (reason: string) => this.handle({ type: 'copy-failed', reason }),
      onRoom: () => this.regulate(),
    }
    this.target = new FullSyncTarget({ storage, clock, ...calls, onFailed: calls.onCopyFailed })
    this.redis = redisLinkOf(options, calls, { send: (bytes) => this.wire?.send(bytes), handle: (event) => this.handle(event) })
    this.receiver = new StreamReceiver(options, (reason) => {
      this.unfit = reason
    })
    this.machine = new ReplicaMachine(linkFacts(options, this.target, { isPaused: () => this.isPaused, unfit: () => this.unfit }))
  }

  get state(): LinkState {
    return this.machine.state
  }

  /** True once the master was asked to take over: it may have done so. */
  get hasAskedToTakeOver(): boolean {
    return this.machine.hasAskedToTakeOver
  }

  /** True if the link is in step with the master, or about to be. */
  get isJoined(): boolean {
    return this.state === 'binlog_sync' || (this.state === 'redis' && this.redis?.isStreaming === true)
  }

  /** True if the link is in step and the master has begun to stream. */
  get isUp(): boolean {
    return this.machine.isStreaming
  }

  /** True while a command of a Redis master runs. */
  get isApplyingRedis(): boolean {
    return this.redis?.isApplying === true
  }

  /** The known run ids upstream, the master first. */
  get chain(): readonly string[] {
    return this.machine.chain
  }

  get view(): LinkView {
    const applied = this.options.storage.binlog.end.offset
    return linkView(this.machine, this.target.progress, { applied, read: this.receiver.readOffset ?? applied }, this.redis)
  }

  /** Follows a master at once, from any state. REQUIRES: the identity has the master already. */
  follow(master: MasterAddress): void {
    this.handle({ type: 'follow', master })
  }

  /**
   * Follows a master at the start of a process, and resumes the full sync of an earlier process.
   */
  followAtStart(master: MasterAddress): void {
    this.follow(master)
    if (!this.target.adopt()) return
    const { bytes = 0, records = 0 } = this.target.progress ?? {}
    this.options.log.info({ records, bytes }, 'resuming a full sync that an earlier process began')
  }

  /** Stops following. Abandons an unfinished full sync. */
  leave(): void {
    this.handle({ type: 'leave' })
  }

  /** Drops the connection and opens another one at once. */
  reconnect(reason: string): void {
    this.handle({ type: 'reconnect', reason })
  }

  /** Applies nothing until `resume`. */
  suspend(): void {
    this.isSuspended = true
    this.regulate()
  }

  resume(): void {
    this.isSuspended = false
    if (this.hasCopied) this.copied()
    this.processItems()
  }

  /**
   * Called at the end of a turn. Does nothing while a batch is applied: it is in the log and not
   * yet in memory, and must not be acknowledged.
   */
  flush(): void {
    if (this.isClosed || this.receiver.isApplying || this.isApplyingRedis) return
    this.processItems()
    this.acknowledge()
  }

  /** Called ten times a second. */
  tick(): void {
    if (this.isClosed) return
    this.arrivals.tick(this.options.clock.monotonicMs())
    this.handle({ type: 'tick' })
    this.flush()
  }

  close(): void {
    this.target.close()
    this.leave()
    this.isClosed = true
  }

  /** Handles events one after the other: an event raised by an action waits in a queue. */
  private handle(event: LinkEvent, source: WireEvents | null = null): void {
    if (this.isClosed) return
    this.events.push({ event, source })
    if (this.isHandling) return
    this.isHandling = true
    for (let next = this.events.shift(); next !== undefined; next = this.events.shift()) {
      if (next.source === null || next.source === this.source) this.performAll(this.machine.handle(next.event))
    }
    this.isHandling = false
    this.regulate()
  }

  /** Performs actions. A failure cancels those after it. */
  private performAll(actions: readonly LinkAction[]): void {
    for (const action of actions) {
      try {
        this.perform(action)
      } catch (error) {
        rethrowAssertion(error)
        if (!MAY_FAIL.has(action.type)) throw error
        const reason = `${action.type.replaceAll('-', ' ')}: ${errorText(error)}`
        this.events.push({ event: { type: 'failed', reason }, source: this.source })
        return
      }
    }
  }

  private perform(action: LinkAction): void {
    const { storage, log, onChanged } = this.options
    switch (action.type) {
      case 'dial':
        this.dial(action.host, action.port)
        break
      case 'send':
        this.send(action.words)
        break
      case 'hang-up':
        this.hangUp()
        break
      case 'adopt-history':
        storage.adoptHistory(action.replicationId, action.past)
        break
      case 'failover-done':
        storage.saveIdentity({ master: this.machine.master })
        break
      case 'require-full-sync':
        this.requireFullSync(action.reason)
        break
      case 'stream':
        this.beginStream(action.offset)
        break
      case 'log':
        log[action.level](action.fields, action.text)
        break
      case 'changed':
        onChanged()
        break
      default:
        this.performSync(action)
    }
  }

  private performSync(action: SyncAction): void {
    const { target, redis } = this
    switch (action.type) {
      case 'copy':
        target.beginTransfer(action.head)
        break
      case 'chunk':
        target.add(action.chunk)
        break
      case 'abandon-copy':
        this.hasCopied = false
        target.abandon()
        redis?.abandon()
        break
      case 'install':
        target.install()
        redis?.install()
        break
      case 'redis':
        this.parser = null
        target.abandon()
        redis?.startConversation(this.options.storage.identity.fullSync ?? this.unfit)
        break
      case 'redis-installed':
        redis?.installed()
        break
    }
  }

  private requireFullSync(reason: string): void {
    this.unfit = reason
    try {
      this.options.storage.saveIdentity({ fullSync: reason })
    } catch (error) {
      rethrowAssertion(error)
      this.options.log.warn(
        { error: String(error) },
        'cannot persist the full-sync requirement; this process still does the full sync, a restart before it may skip it',
      )
    }
  }

  private beginStream(offset: number): void {
    const { source } = this
    this.parser = null
    this.receiver.begin(offset, (event) => this.handle(event, source))
  }

  private dial(host: string, port: number): void {
    const source: WireEvents = {
      onConnected: () => this.handle({ type: 'connected' }, source),
      onData: (buffer) => this.received(buffer, source),
      onClosed: (reason) => this.handle({ type: 'closed', reason }, source),
    }
    this.source = source
    this.parser = this.newParser(source)
    this.unparsedBytes = 0
    this.isPaused = false
    this.wire = this.options.dial(host, port, source)
  }

  private newParser(source: WireEvents): RedisParser {
    const reply = (reply: Extract<LinkEvent, { type: 'reply' }>['reply']) => {
      this.unparsedBytes = 0
      this.handle({ type: 'reply', reply }, source)
    }
    return new RedisParser({
      returnBuffers: true, // bytes must not pass through UTF-8
      returnReply: reply,
      returnError: reply,
      returnFatalError: ({ message }) => this.handle({ type: 'failed', reason: `the master sent an invalid reply: ${message}` }, source),
    })
  }

  private hangUp(): void {
    this.source = null
    this.wire?.close()
    this.wire = null
    this.parser = null
    this.receiver.end()
    this.redis?.close()
    this.hasCopied = false
    this.target.cut()
  }

  private send(words: readonly Bytes[]): void {
    const data = Buffer.allocUnsafe(encodedLength(words))
    writeCommand(words, data, 0)
    this.wire?.send(data)
  }

  private received(buffer: Buffer, source: WireEvents): void {
    if (source !== this.source || this.isClosed) return
    this.handle({ type: 'received', atMs: this.arrivals.dateOf(this.options.clock.monotonicMs()) }, source)
    const { receiver, parser } = this
    if (this.redis?.isOpen === true) {
      this.redis.received(buffer)
      this.processItems()
    } else if (receiver.isOpen) {
      receiver.push(buffer)
      if (receiver.hasBegun && !this.machine.isStreaming) this.handle({ type: 'streaming' }, source)
      this.processItems()
    } else if (parser !== null) {
      this.unparsedBytes += buffer.length
      parser.execute(buffer)
      if (this.unparsedBytes <= MAX_REPLY_BYTES) return
      this.handle({ type: 'failed', reason: `the master sent a reply of more than ${MAX_REPLY_BYTES} bytes` }, source)
    }
  }

  /** Processes the received items of the stream as far as possible now. */
  private processItems(): void {
    while (this.receiver.hasItems && !this.isBlocked && !this.options.isHeld()) this.receiver.processNext()
    if (this.state === 'redis' && !this.isBlocked && !this.options.isHeld() && this.redis?.applyBatch() === true) this.options.wake()
    this.regulate()
  }

  private copied(): void {
    this.hasCopied = this.isSuspended // `resume` installs the copy once memory is loaded
    if (!this.hasCopied) this.handle({ type: 'copied' })
  }

  /** True while groups cannot be applied. */
  private get isBlocked(): boolean {
    const { storage } = this.options
    return this.isSuspended || storage.stalled !== null || storage.isReloading || storage.isOverloaded || storage.checkpointer.isReopening
  }

  /** True while clients are paused and MAX_HELD_BYTES of the stream wait. */
  private get isHeldUp(): boolean {
    const { storage, isHeld } = this.options
    return isHeld() && (this.receiver.readOffset ?? 0) - storage.binlog.end.offset > MAX_HELD_BYTES
  }

  /** Pauses or resumes reading from the connection. */
  private regulate(): void {
    const { wire } = this
    if (wire === null) return
    const isRedisFull = this.redis?.isOpen === true && (this.redis.isFull || this.state === 'installing')
    const mayNot =
      isRedisFull || (this.state === 'db_sync' && this.target.isFull) || (this.receiver.isOpen && (this.isBlocked || this.isHeldUp))
    if (mayNot === this.isPaused) return
    this.isPaused = mayNot
    if (mayNot) wire.pause()
    else wire.resume()
  }

  private acknowledge(): void {
    if (this.wire === null) return
    this.redis?.acknowledge()
    const { state, receiver } = this
    const isCopying = (state === 'db_sync' || state === 'installing') && this.redis?.isOpen !== true
    const ack = state === 'binlog_sync' ? receiver.nextAck('ack') : isCopying ? receiver.nextAck('heartbeat') : null
    if (ack !== null) this.send(ackWords(ack))
  }
}
