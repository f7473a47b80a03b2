/**
 * The link of a replica to its master: owns the connection and does what the state machine (replica.ts) says.
 *
 *   bytes -> redis-parser -> replies -> machine          until BINLOGSYNC has been sent
 *   bytes -> group stream -> batches -> applier          from that moment on
 *   machine -> actions: dial, send, full-sync target, storage
 *
 * What comes of a connection that is not the present one is not heard. The connection is not read from while groups cannot be applied (too
 * much is dirty, memory is being loaded, LevelDB is being opened again) or a full sync waits for the disk; what has come by then is kept. While
 * clients are paused nothing is applied either, and a little more is read.
 */
import RedisParser from 'redis-parser'
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'
import { encodedLength, writeCommand } from '../../storage/binlog/command-codec.ts'
import type { MasterAddress } from '../../storage/directory/identity.ts'
import { ackWords } from '../protocol/messages.ts'
import { AckClock } from './ack-clock.ts'
import { applyBatch } from './applier.ts'
import { Arrivals } from './arrivals.ts'
import { FullSyncTarget } from './full-sync-target.ts'
import { type GroupBatch, GroupStream, type StreamItem } from './group-stream.ts'
import { linkFacts, type ReplicaLinkOptions, type Wire, type WireEvents } from './link-options.ts'
import { type LinkView, linkView } from './link-view.ts'
import { ReplicaMachine } from './machine.ts'
import type { LinkAction, LinkEvent, LinkState } from './machine-types.ts'

export type { LinkReplayer } from './applier.ts'
export type { Dial, Wire, WireEvents } from './link-options.ts'

/** Of one reply: a chunk with the largest record that there can be. */
const MAX_REPLY_BYTES = MAX_BYTES_LENGTH + 1024 * 1024

/** Of the stream, read while clients are paused. */
const MAX_HELD_BYTES = 1024 * 1024

/** What the disk, the network or the master can make fail. */
const MAY_FAIL: ReadonlySet<LinkAction['type']> = new Set(['dial', 'adopt history', 'failover done', 'chunk'] as const)

export class ReplicaLink {
  private readonly options: ReplicaLinkOptions
  private readonly machine: ReplicaMachine
  private readonly target: FullSyncTarget
  private readonly acks = new AckClock()
  private readonly arrivals: Arrivals
  private wire: Wire | null = null
  /** Whose events count. */
  private source: WireEvents | null = null
  private parser: RedisParser | null = null
  private stream: GroupStream | null = null
  /** What has come of the stream and is not dealt with yet. */
  private items: StreamItem[] = []
  /** Bytes since the last reply. */
  private unparsedBytes = 0
  private isPaused = false
  private isSuspended = false
  private hasCopied = false
  /** Why what is here must not be continued from, be that stored or not. */
  private unfit: string | null = null
  private isClosed = false
  private isApplying = false
  private readonly events: { readonly event: LinkEvent; readonly source: WireEvents | null }[] = []
  private isHandling = false

  constructor(options: ReplicaLinkOptions) {
    this.options = options
    const { storage, clock } = options
    this.arrivals = new Arrivals(clock.monotonicMs())
    this.target = new FullSyncTarget({
      storage,
      clock,
      onCopied: () => this.copied(),
      onSwapped: () => {
        this.unfit = null
        this.handle({ type: 'swapped' })
      },
      onFailed: (reason) => this.handle({ type: 'copy failed', reason }),
      onRoom: () => this.regulate(),
    })
    this.machine = new ReplicaMachine(linkFacts(options, this.target, { isPaused: () => this.isPaused, unfit: () => this.unfit }))
  }

  get state(): LinkState {
    return this.machine.state
  }

  /** The node that is followed has been asked to take over, and may have done so. */
  get hasAskedToTakeOver(): boolean {
    return this.machine.hasAskedToTakeOver
  }

  /** In step with the master, or about to be. */
  get isJoined(): boolean {
    return this.state === 'binlog_sync'
  }

  /** In step with the master, which has begun to stream. */
  get isUp(): boolean {
    return this.machine.isStreaming
  }

  /** Run ids upstream as far as known: the master's first. */
  get chain(): readonly string[] {
    return this.machine.chain
  }

  get view(): LinkView {
    const readOffset = this.stream?.readOffset ?? this.options.storage.binlog.end.offset
    return linkView(this.machine, this.target.progress, readOffset)
  }

  /** The identity says so already. Begins at once, whatever was before. */
  follow(master: MasterAddress): void {
    this.handle({ type: 'follow', master })
  }

  /** `follow` at the start of a process: what the one before has received of a full sync counts. */
  followOn(master: MasterAddress): void {
    this.follow(master)
    if (!this.target.takeUp()) return
    const { bytes = 0, records = 0 } = this.target.progress ?? {}
    this.options.log.info({ records, bytes }, 'a part of a full sync is here already')
  }

  /** There is no master any more; an unfinished full sync is abandoned. */
  leave(): void {
    this.handle({ type: 'leave' })
  }

  /** Drops the connection and makes another at once. */
  reconnect(reason: string): void {
    this.handle({ type: 'reconnect', reason })
  }

  /** Nothing is applied until `resume`. */
  suspend(): void {
    this.isSuspended = true
    this.regulate()
  }

  resume(): void {
    this.isSuspended = false
    if (this.hasCopied) this.copied()
    this.goOn()
  }

  /** At the end of a turn. In the middle of a batch, which is in the log and not in memory yet, it does nothing: that batch has a turn of its own. */
  flush(): void {
    if (this.isClosed || this.isApplying) return
    this.goOn()
    this.acknowledge()
  }

  /** Ten times a second. */
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

  /** One event after the other: what an action brings about waits until the one before it is done. */
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

  /** Where one of them cannot be done, the rest is void. */
  private performAll(actions: readonly LinkAction[]): void {
    for (const action of actions) {
      try {
        this.perform(action)
      } catch (error) {
        if (!MAY_FAIL.has(action.type)) throw error
        const reason = `${action.type}: ${error instanceof Error ? error.message : String(error)}`
        this.events.push({ event: { type: 'failed', reason }, source: this.source })
        return
      }
    }
  }

  private perform(action: LinkAction): void {
    const { storage, log, changed } = this.options
    switch (action.type) {
      case 'dial':
        this.dial(action.host, action.port)
        break
      case 'send':
        this.send(action.words)
        break
      case 'hang up':
        this.hangUp()
        break
      case 'adopt history':
        storage.adoptHistory(action.replicationId, action.past)
        break
      case 'failover done':
        storage.saveIdentity({ master: this.machine.master })
        break
      case 'require full sync':
        this.requireFullSync(action.reason)
        break
      case 'stream':
        this.parser = null
        this.stream = new GroupStream(action.offset)
        this.acks.reset()
        break
      case 'copy':
        this.target.begin(action.head)
        break
      case 'chunk':
        this.target.add(action.chunk)
        break
      case 'abandon copy':
        this.hasCopied = false
        this.target.abandon()
        break
      case 'swap':
        this.target.swap()
        break
      case 'log':
        log[action.level](action.fields, action.text)
        break
      case 'changed':
        changed()
        break
    }
  }

  private requireFullSync(reason: string): void {
    this.unfit = reason
    try {
      this.options.storage.saveIdentity({ fullSync: reason })
    } catch (error) {
      this.options.log.warn({ error: String(error) }, 'that a full sync is needed could not be stored; this process knows it')
    }
  }

  private dial(host: string, port: number): void {
    const source: WireEvents = {
      connected: () => this.handle({ type: 'connected' }, source),
      data: (buffer) => this.received(buffer, source),
      closed: (reason) => this.handle({ type: 'closed', reason }, source),
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
      returnBuffers: true, // nothing must pass through UTF-8
      returnReply: reply,
      returnError: reply,
      returnFatalError: ({ message }) => this.handle({ type: 'failed', reason: `what the master sent is no reply: ${message}` }, source),
    })
  }

  private hangUp(): void {
    this.source = null
    this.wire?.close()
    this.wire = null
    this.parser = null
    this.stream = null
    this.items = []
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
    const { stream, parser } = this
    if (stream !== null) {
      this.items.push(...stream.push(buffer))
      if (stream.hasBegun && !this.machine.isStreaming) this.handle({ type: 'streaming' }, source)
      this.goOn()
    } else if (parser !== null) {
      this.unparsedBytes += buffer.length
      parser.execute(buffer)
      if (this.unparsedBytes <= MAX_REPLY_BYTES) return
      this.handle({ type: 'failed', reason: `the master sent a reply of more than ${MAX_REPLY_BYTES} bytes` }, source)
    }
  }

  /** Deals with what has come of the stream, as far as that is possible now. */
  private goOn(): void {
    while (this.items.length > 0 && !this.isBlocked && !this.options.isHeld()) this.take(this.items.shift() as StreamItem)
    this.regulate()
  }

  private take(item: StreamItem): void {
    const { source } = this
    if (item.type === 'groups') this.apply(item.batch)
    else if (item.type === 'ended') this.handle({ type: 'ended', text: item.text }, source)
    else if (item.type === 'bad') this.handle({ type: 'bad group', offset: item.offset, reason: item.reason }, source)
    else {
      this.acks.ask()
      const { clock, storage, wake } = this.options
      if (this.acks.maySync(clock.monotonicMs())) storage.binlog.sync() // whoever asks may wait for just that
      wake()
    }
  }

  private apply(batch: GroupBatch): void {
    const { storage, replayer, wake, syncAlways } = this.options
    const { source } = this
    wake()
    this.isApplying = true
    const result = applyBatch(storage, replayer, batch)
    this.isApplying = false
    if (result.type === 'bad') this.handle({ type: 'bad group', offset: result.offset, reason: result.reason }, source)
    else if (result.type !== 'applied') {
      if (result.type === 'broken') this.unfit = result.reason
      this.handle({ type: 'failed', reason: result.reason }, source)
    } else if (syncAlways()) storage.binlog.sync()
  }

  private copied(): void {
    this.hasCopied = this.isSuspended // nothing is put in place while memory is being loaded
    if (!this.hasCopied) this.handle({ type: 'copied' })
  }

  /** Groups cannot be applied now. */
  private get isBlocked(): boolean {
    const { storage } = this.options
    return this.isSuspended || storage.isReloading || storage.isOverloaded || storage.checkpointer.isReopening
  }

  /** So much waits for a pause of clients to end that no more is wanted. */
  private get isHeldUp(): boolean {
    const { storage, isHeld } = this.options
    return isHeld() && (this.stream?.readOffset ?? 0) - storage.binlog.end.offset > MAX_HELD_BYTES
  }

  /** Reads from the connection, or does not. */
  private regulate(): void {
    const { wire } = this
    if (wire === null) return
    const mayNot = (this.state === 'db_sync' && this.target.isFull) || (this.stream !== null && (this.isBlocked || this.isHeldUp))
    if (mayNot === this.isPaused) return
    this.isPaused = mayNot
    if (mayNot) wire.pause()
    else wire.resume()
  }

  private acknowledge(): void {
    if (this.wire === null) return
    const { clock, storage } = this.options
    const { state } = this
    const applied = storage.binlog.end.offset
    const ack = { applied, synced: Math.min(storage.binlog.synced, applied), asked: this.acks.asked }
    const now = clock.monotonicMs()
    const isDue =
      state === 'binlog_sync' ? this.acks.isDue(ack, now) : (state === 'db_sync' || state === 'swapping') && this.acks.isLifeDue(now)
    if (isDue) this.send(ackWords(ack))
  }
}
