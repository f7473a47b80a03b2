/** The CLIENT TRACKING state of a client that caches what it reads. */
import type { Bytes } from '../../base/bytes.ts'
import type { Session } from '../core/session.ts'

export interface TrackingOptions {
  /** The id of the client that gets the notifications instead; 0 for none. */
  readonly redirect: number
  /** True if notifications follow key prefixes instead of the keys that the client has read. */
  readonly isBroadcast: boolean
  /**
   * Which of the keys it reads are remembered. 'optin': only if CLIENT CACHING says yes. 'optout':
   * unless it says no.
   */
  readonly choice: 'all' | 'optin' | 'optout'
  /** The client gets no notifications of its own changes. */
  readonly noLoop: boolean
}

/** The CLIENT TRACKING state of one client. */
export class Tracker {
  readonly session: Session
  options: TrackingOptions
  /** The prefixes of a broadcast tracker. */
  readonly prefixes = new Set<Bytes>()
  /** CLIENT CACHING was called for the next request, or for the transaction that follows. */
  isCachingSaid = false
  /** The redirection target has disconnected. */
  isRedirectBroken = false
  /** Tracking was turned off, or the client has disconnected. */
  isOver = false
  /** The number of keys remembered for the client. */
  itemCount = 0
  /** Notifications to send after the reply of its own request: keys, or null for all keys. */
  pending: (Bytes | null)[] = []

  constructor(session: Session, options: TrackingOptions) {
    this.session = session
    this.options = options
  }

  /** True if the keys read by the current request are to be remembered. */
  get remembers(): boolean {
    const { isBroadcast, choice } = this.options
    if (isBroadcast) return false
    return choice === 'all' || (choice === 'optin') === this.isCachingSaid
  }
}
