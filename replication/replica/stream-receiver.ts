/**
 * Receives the stream of the master's binlog on one connection after another: cuts it into groups,
 * applies them, and says which ACK is due.
 *
 * Received items wait here while the link must not apply them. The link decides when, and calls
 * `processNext` for each.
 */
import { assert, must } from '../../base/assert.ts'
import type { AckRequest } from '../protocol/messages.ts'
import { AckClock } from './ack-clock.ts'
import { applyBatch } from './applier.ts'
import { type GroupBatch, GroupStream, type StreamItem } from './group-stream.ts'
import type { ReplicaLinkOptions } from './link-options.ts'
import type { LinkEvent } from './machine-types.ts'

type StreamReceiverOptions = Pick<ReplicaLinkOptions, 'storage' | 'replayer' | 'clock' | 'wake' | 'syncAlways'>

/** The stream of the master's binlog: its groups, and the ACKs for them. */
export class StreamReceiver {
  private readonly options: StreamReceiverOptions
  private readonly onBroken: (reason: string) => void
  private readonly acks = new AckClock()
  private stream: GroupStream | null = null
  /** Takes the events of the present stream. */
  private onEvent: (event: LinkEvent) => void = () => {}
  /** Received items of the stream that are not processed yet. */
  private items: StreamItem[] = []
  /** True while a batch is applied: it is in the log and not yet in memory. */
  isApplying = false

  /** `onBroken` is called when memory no longer matches the log. */
  constructor(options: StreamReceiverOptions, onBroken: (reason: string) => void) {
    this.options = options
    this.onBroken = onBroken
  }

  /** Parses the data that follows as binlog from this offset on. */
  begin(offset: number, onEvent: (event: LinkEvent) => void): void {
    this.stream = new GroupStream(offset)
    this.onEvent = onEvent
    this.acks.reset()
  }

  /** Drops the stream and its items: the connection is closed. */
  end(): void {
    this.stream = null
    this.items = []
  }

  get isOpen(): boolean {
    return this.stream !== null
  }

  /** True once the master has begun to stream, and not with a refusal. */
  get hasBegun(): boolean {
    return this.stream?.hasBegun === true
  }

  /** The binlog offset received so far; null without a stream. */
  get readOffset(): number | null {
    return this.stream?.readOffset ?? null
  }

  get hasItems(): boolean {
    return this.items.length > 0
  }

  /** Takes ownership of the buffer. REQUIRES: open. */
  push(buffer: Buffer): void {
    this.items.push(...must(this.stream).push(buffer))
  }

  /** REQUIRES: there are items. */
  processNext(): void {
    const item = must(this.items.shift())
    const { onEvent } = this
    if (item.type === 'groups') this.apply(item.batch)
    else if (item.type === 'ended') onEvent({ type: 'ended', text: item.text })
    else if (item.type === 'bad') onEvent({ type: 'bad-group', offset: item.offset, reason: item.reason })
    else {
      this.acks.ask()
      const { clock, storage, wake } = this.options
      // A client of the master may be blocked in WAITAOF until this node has synced.
      if (this.acks.beginSyncIfDue(clock.monotonicMs())) storage.binlog.sync()
      wake()
    }
  }

  /**
   * Returns the ACK to send now, and counts it as sent; null if none is due. A heartbeat goes by
   * time alone.
   */
  nextAck(what: 'ack' | 'heartbeat'): AckRequest | null {
    const { clock, storage } = this.options
    const applied = storage.binlog.end.offset
    const ack = { applied, synced: Math.min(storage.binlog.synced, applied), asked: this.acks.asked }
    assert(ack.synced <= ack.applied && applied <= storage.binlog.end.offset, 'only what is in the binlog is acknowledged')
    const monotonicMs = clock.monotonicMs()
    const isDue = what === 'ack' ? this.acks.beginAckIfDue(ack, monotonicMs) : this.acks.beginHeartbeatIfDue(monotonicMs)
    return isDue ? ack : null
  }

  private apply(batch: GroupBatch): void {
    const { storage, replayer, wake, syncAlways } = this.options
    const { onEvent, onBroken } = this
    wake()
    this.isApplying = true
    const result = applyBatch(storage, replayer, batch)
    this.isApplying = false
    if (result.type === 'bad') onEvent({ type: 'bad-group', offset: result.offset, reason: result.reason })
    else if (result.type !== 'applied') {
      if (result.type === 'broken') onBroken(result.reason)
      onEvent({ type: 'failed', reason: result.reason })
    } else if (syncAlways()) storage.binlog.sync()
  }
}
