/**
 * Logs the effects of consumer group commands, as Redis commands:
 * - XCLAIM and XACK: the new state of pending entries
 * - XGROUP SETID: the position of a group
 * - XGROUP CREATECONSUMER: a new consumer
 *
 * Redis logs one XCLAIM for each entry. Here entries of equal state share one.
 */
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_STREAM } from '../../storage/keyspace/key-events.ts'
import type { Consumer } from '../../storage/values/streams/consumers.ts'
import type { ConsumerGroup } from '../../storage/values/streams/groups.ts'
import { idText, type Uint64 } from '../../storage/values/streams/id.ts'
import type { Context } from '../contract/context.ts'

/** The largest number of ids in one logged command. */
const MAX_LOGGED_IDS = 1000

/** Creates a consumer and notifies of it, for every command that creates one. */
export function createConsumer(context: Context, key: Bytes, group: ConsumerGroup, name: Bytes): Consumer {
  const consumer = group.createConsumer(name, context.nowMs)
  context.notify(EVENT_STREAM, 'xgroup-createconsumer', key)
  return consumer
}

/** Logs the position of a group. */
export function logGroup(context: Context, key: Bytes, group: ConsumerGroup): void {
  context.effectList(['XGROUP', 'SETID', key, group.name, idText(group.lastId), 'ENTRIESREAD', String(group.entriesRead)])
}

export function logConsumer(context: Context, key: Bytes, consumer: Consumer): void {
  context.effectList(['XGROUP', 'CREATECONSUMER', key, consumer.group.name, consumer.name])
}

/** Gathers and logs the pending entries that one command has changed. */
export class PendingLog {
  private readonly context: Context
  private readonly key: Bytes
  private readonly consumer: Consumer
  private readonly options: readonly Bytes[]
  private claimed: Bytes[] = []
  private dropped: Bytes[] = []
  private deliveredAtMs = 0
  private deliveries: Uint64 = 0

  /**
   * `lastId` is the group's new position; null for entries that are read again, which does not
   * count as the consumer's activity.
   */
  constructor(context: Context, key: Bytes, consumer: Consumer, lastId: Bytes | null) {
    this.context = context
    this.key = key
    this.consumer = consumer
    this.options = lastId === null ? ['FORCE', 'JUSTID'] : ['FORCE', 'JUSTID', 'LASTID', idText(lastId)]
  }

  /** The consumer now owns the entry. */
  claim(id: Bytes, deliveredAtMs: number, deliveries: Uint64): void {
    if (deliveries !== this.deliveries || deliveredAtMs !== this.deliveredAtMs || this.claimed.length === MAX_LOGGED_IDS) {
      this.flushClaimed()
      this.deliveries = deliveries
      this.deliveredAtMs = deliveredAtMs
    }
    this.claimed.push(idText(id))
  }

  /** The entry is no longer pending. */
  addDropped(id: Bytes): void {
    if (this.dropped.length === MAX_LOGGED_IDS) this.flushDropped()
    this.dropped.push(idText(id))
  }

  /** Logs the remaining entries. */
  finish(): void {
    this.flushClaimed()
    this.flushDropped()
  }

  private flushClaimed(): void {
    const { context, claimed, consumer } = this
    if (claimed.length === 0) return
    const words = ['XCLAIM', this.key, consumer.group.name, consumer.name, '0']
    for (const id of claimed) words.push(id)
    words.push('TIME', String(this.deliveredAtMs), 'RETRYCOUNT', String(this.deliveries))
    for (const option of this.options) words.push(option)
    context.effectList(words)
    this.claimed = []
  }

  private flushDropped(): void {
    const { context, dropped } = this
    if (dropped.length === 0) return
    const words = ['XACK', this.key, this.consumer.group.name]
    for (const id of dropped) words.push(id)
    context.effectList(words)
    this.dropped = []
  }
}
