/**
 * Subscriptions and the delivery of messages. A session receives a message once for each of its
 * matching subscriptions: first for the channel, then for each matching pattern. Shard channels are
 * a separate namespace without patterns.
 */
import type { Bytes } from '../../base/bytes.ts'
import { Message } from '../contract/reply.ts'
import type { Session } from '../contract/session.ts'
import type { ChannelKind, PubSubPort, SessionSubscriptions } from '../contract/subscriptions.ts'
import { type Glob, globOf } from '../parsing/glob.ts'

/** The subscriptions of one session, in the order of subscription. */
class Subscriptions implements SessionSubscriptions {
  readonly channel = new Set<Bytes>()
  readonly pattern = new Set<Bytes>()
  readonly shard = new Set<Bytes>()

  /** Returns the count that (un)subscribing reports: shard channels are counted apart. */
  countOf(kind: ChannelKind): number {
    return kind === 'shard' ? this.shard.size : this.channel.size + this.pattern.size
  }

  get isEmpty(): boolean {
    return this.channel.size + this.pattern.size + this.shard.size === 0
  }
}

interface Pattern {
  readonly matches: Glob
  readonly sessions: Set<Session>
}

/** The subscriptions of all sessions, and the delivery of messages. */
export class PubSub implements PubSubPort {
  /** True while messages are not delivered: a replayed log was delivered before. */
  isMuted: boolean
  /** Sessions with a subscription of any kind. */
  readonly subscribers = new Set<Session>()
  private readonly channels = new Map<Bytes, Set<Session>>()
  private readonly shards = new Map<Bytes, Set<Session>>()
  private readonly patterns = new Map<Bytes, Pattern>()

  constructor(state: 'muted' | 'delivering' = 'delivering') {
    this.isMuted = state === 'muted'
  }

  get channelCount(): number {
    return this.channels.size
  }

  get shardCount(): number {
    return this.shards.size
  }

  get patternCount(): number {
    return this.patterns.size
  }

  /** True if any message could have a receiver. */
  get hasListeners(): boolean {
    return this.channels.size + this.patterns.size > 0
  }

  subscribe(session: Session, kind: ChannelKind, name: Bytes): void {
    session.subscriptions ??= new Subscriptions()
    session.subscriptions[kind].add(name)
    this.subscribers.add(session)
    if (kind !== 'pattern') {
      const channels = this.channelsOf(kind)
      const sessions = channels.get(name)
      if (sessions === undefined) channels.set(name, new Set([session]))
      else sessions.add(session)
      return
    }
    const pattern = this.patterns.get(name)
    if (pattern === undefined) this.patterns.set(name, { matches: globOf(name), sessions: new Set([session]) })
    else pattern.sessions.add(session)
  }

  unsubscribe(session: Session, kind: ChannelKind, name: Bytes): void {
    const { subscriptions } = session
    if (subscriptions === null || !subscriptions[kind].delete(name)) return
    const sessions = kind === 'pattern' ? this.patterns.get(name)?.sessions : this.channelsOf(kind).get(name)
    sessions?.delete(session)
    if (sessions?.size === 0) (kind === 'pattern' ? this.patterns : this.channelsOf(kind)).delete(name)
    if (!subscriptions.isEmpty) return
    session.subscriptions = null
    this.subscribers.delete(session)
  }

  /** Ends all subscriptions of a session that disconnects or resets, without replies. */
  forget(session: Session): void {
    for (const kind of ['channel', 'pattern', 'shard'] as const) {
      for (const name of [...(session.subscriptions?.[kind] ?? [])]) this.unsubscribe(session, kind, name)
    }
  }

  /** Ends the subscriptions to the chosen shard channels, and tells the subscribers. */
  leaveShards(isChosen: (channel: Bytes) => boolean): void {
    for (const [channel, sessions] of [...this.shards]) {
      if (!isChosen(channel)) continue
      for (const session of [...sessions]) {
        const left = (session.subscriptions?.shard.size ?? 1) - 1
        this.unsubscribe(session, 'shard', channel)
        session.push(new Message(['sunsubscribe', channel, left]))
      }
    }
  }

  /** Delivers a message to all subscribers; returns the number of deliveries. */
  publish(channel: Bytes, payload: Bytes): number {
    if (this.isMuted) return 0
    let count = this.tell(this.channels.get(channel), ['message', channel, payload])
    if (this.patterns.size === 0) return count
    for (const [name, { matches, sessions }] of this.patterns) {
      if (matches(channel)) count += this.tell(sessions, ['pmessage', name, channel, payload])
    }
    return count
  }

  publishToShard(channel: Bytes, payload: Bytes): number {
    return this.isMuted ? 0 : this.tell(this.shards.get(channel), ['smessage', channel, payload])
  }

  /** Channels with subscribers, in the order of their first subscription. */
  *active(kind: 'channel' | 'shard', pattern: Bytes | null): Iterable<Bytes> {
    const matches = pattern === null ? () => true : globOf(pattern)
    for (const name of this.channelsOf(kind).keys()) if (matches(name)) yield name
  }

  subscriberCount(kind: 'channel' | 'shard', name: Bytes): number {
    return this.channelsOf(kind).get(name)?.size ?? 0
  }

  private tell(sessions: Set<Session> | undefined, items: readonly Bytes[]): number {
    if (sessions === undefined) return 0
    const message = new Message(items)
    for (const session of sessions) session.push(message)
    return sessions.size
  }

  private channelsOf(kind: 'channel' | 'shard'): Map<Bytes, Set<Session>> {
    return kind === 'channel' ? this.channels : this.shards
  }
}
