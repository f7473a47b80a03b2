/** CLIENT TRACKING, as sessions and other families see it. */
import type { Bytes } from '../../base/bytes.ts'
import type { Session } from './session.ts'

export interface TrackingOptions {
  /** The id of the client that gets the notifications instead; 0 for none. */
  readonly redirect: number
  /** True if notifications follow key prefixes instead of the keys that the client has read. */
  readonly isBroadcast: boolean
  /**
   * The keys that are remembered, of those the client reads. 'optin': only after CLIENT CACHING
   * YES. 'optout': except after CLIENT CACHING NO.
   */
  readonly choice: 'all' | 'optin' | 'optout'
  /** The client gets no notifications of its own changes. */
  readonly mustSkipOwn: boolean
}

/** The CLIENT TRACKING state of one client. */
export interface SessionTracker {
  readonly session: Session
  options: TrackingOptions
  /** The prefixes of a broadcast tracker. */
  readonly prefixes: Set<Bytes>
  /** CLIENT CACHING was called for the next request, or for the transaction that follows. */
  hasCachingAnswer: boolean
  /** The redirection target has disconnected. */
  isRedirectBroken: boolean
  /** Tracking was turned off, or the client has disconnected. */
  hasEnded: boolean
  /** The number of keys remembered for the client. */
  itemCount: number
  /** Notifications to send after the reply of its own request: keys, or null for all keys. */
  pending: (Bytes | null)[]
  /** True if the table must remember the keys that the current request reads. */
  readonly mayRemember: boolean
}

/** Client-side caching of the node. */
export interface TrackingPort {
  /** Starts tracking or changes its options. Prefixes are added to the existing ones. */
  enable(session: Session, options: TrackingOptions, prefixes: readonly Bytes[]): void
  disable(session: Session): void
}
