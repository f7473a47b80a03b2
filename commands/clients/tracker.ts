/** The CLIENT TRACKING state of a client that caches what it reads. */
import type { Bytes } from '../../base/bytes.ts'
import type { Session } from '../contract/session.ts'
import type { SessionTracker, TrackingOptions } from '../contract/tracking.ts'

/** The CLIENT TRACKING state of one client. */
export class Tracker implements SessionTracker {
  readonly session: Session
  options: TrackingOptions
  /** The prefixes of a broadcast tracker. */
  readonly prefixes = new Set<Bytes>()
  /** CLIENT CACHING was called for the next request, or for the transaction that follows. */
  hasCachingAnswer = false
  /** The redirection target has disconnected. */
  isRedirectBroken = false
  /** Tracking was turned off, or the client has disconnected. */
  hasEnded = false
  /** The number of keys remembered for the client. */
  itemCount = 0
  /** Notifications to send after the reply of its own request: keys, or null for all keys. */
  pending: (Bytes | null)[] = []

  constructor(session: Session, options: TrackingOptions) {
    this.session = session
    this.options = options
  }

  /** True if the table must remember the keys that the current request reads. */
  get mayRemember(): boolean {
    const { isBroadcast, choice } = this.options
    if (isBroadcast) return false
    return choice === 'all' || (choice === 'optin') === this.hasCachingAnswer
  }
}
