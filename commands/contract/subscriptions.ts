/** Publish and subscribe, as sessions and other families see it. */
import type { Bytes } from '../../base/bytes.ts'
import type { Session } from './session.ts'

export type ChannelKind = 'channel' | 'pattern' | 'shard'

/** The subscriptions of one session, in the order of subscription. */
export interface SessionSubscriptions {
  readonly channel: Set<Bytes>
  readonly pattern: Set<Bytes>
  readonly shard: Set<Bytes>
  readonly isEmpty: boolean
  /** Returns the count that (un)subscribing reports: shard channels are counted apart. */
  countOf(kind: ChannelKind): number
}

/** The subscriptions of all sessions, and the delivery of messages. */
export interface PubSubPort {
  readonly patternCount: number
  subscribe(session: Session, kind: ChannelKind, name: Bytes): void
  unsubscribe(session: Session, kind: ChannelKind, name: Bytes): void
  /** Ends all subscriptions of a session that disconnects or resets, without replies. */
  forget(session: Session): void
  /** Delivers a message to all subscribers; returns the number of deliveries. */
  publish(channel: Bytes, payload: Bytes): number
  publishToShard(channel: Bytes, payload: Bytes): number
  /** Channels with subscribers, in the order of their first subscription. */
  active(kind: 'channel' | 'shard', pattern: Bytes | null): Iterable<Bytes>
  subscriberCount(kind: 'channel' | 'shard', name: Bytes): number
}
