/** A client that caches what it reads and wants to be told when that changes: what CLIENT TRACKING has been told. */
import type { Bytes } from '../../base/bytes.ts'
import type { Session } from '../core/session.ts'

export interface TrackingOptions {
  /** The id of the client that is told in its place; 0 for none. */
  readonly redirect: number
  /** Whether it is told of all keys with certain prefixes, and not of those that it has read. */
  readonly isBroadcast: boolean
  /** Which of the keys that it reads are remembered: all, those for which CLIENT CACHING says so, all but those for which it does not. */
  readonly choice: 'all' | 'optin' | 'optout'
  /** Its own changes are not told to it. */
  readonly noLoop: boolean
}

export class Tracker {
  readonly session: Session
  options: TrackingOptions
  /** Where it is told by prefix. */
  readonly prefixes = new Set<Bytes>()
  /** CLIENT CACHING has spoken of the next request, or of the transaction that follows. */
  isCachingSaid = false
  /** The client that was to be told in its place has gone. */
  isRedirectBroken = false
  /** Tracking has been turned off, or the client has gone. */
  isOver = false
  /** How many keys are remembered for it. */
  itemCount = 0
  /** What it is to be told when its own request has been answered: a key, or null for all keys. */
  pending: (Bytes | null)[] = []

  constructor(session: Session, options: TrackingOptions) {
    this.session = session
    this.options = options
  }

  /** Whether what its present request reads is to be remembered. */
  get remembers(): boolean {
    const { isBroadcast, choice } = this.options
    if (isBroadcast) return false
    return choice === 'all' || (choice === 'optin') === this.isCachingSaid
  }
}
