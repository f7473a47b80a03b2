/**
 * When a replica was last known to be alive. An ACK was sent before it is read: where this node did not run for a while, or the network let
 * nothing through, it lay in a socket, and its replica may follow another master by now.
 *
 * So an ACK that comes longer after the one before it than min-replicas-max-lag raises a doubt: the replica is asked, and its ACKs date from now
 * again when one of them answers that question in time.
 */
import type { Feed } from '../master/feed.ts'
import type { SlaveItem } from '../master/slave-items.ts'
import type { ReplicationSettings } from '../settings.ts'

/** What a replica has been asked because its ACK may be an old one. */
export interface Question {
  /** Of its "?" among those of the stream. */
  readonly number: number
  /** Monotonic; it was sent then or later. */
  readonly sinceMs: number
}

/** Takes the date of an ACK. `asked`: how many questions it answers; null where the replica does not say. Returns whether the replica is to be
 *  asked: `feed.mustAsk` is set then. */
export function dateAck(item: SlaveItem, feed: Feed, asked: number | null, settings: ReplicationSettings, nowMs: number): boolean {
  const { doubt } = item
  const limitMs = settings.minReplicasMaxLagMs === 0 ? settings.timeoutMs : settings.minReplicasMaxLagMs
  if (doubt !== null) {
    if (asked === null) {
      if (nowMs - doubt.sinceMs < limitMs) return false
      item.ackedMs = nowMs // what lay in the socket has long been read
    } else if (asked < doubt.number) return false
    else item.ackedMs = doubt.sinceMs
    item.doubt = null
  }
  if (nowMs - item.ackedMs <= limitMs) {
    item.ackedMs = nowMs
    return false
  }
  item.doubt = { number: feed.asked + 1, sinceMs: nowMs }
  feed.mustAsk = true
  return true
}

/** Monotonic time up to which min-replicas-to-write of these dates of ACKs are young enough; infinite where none grows too old. */
export function writableUntilMs(ackedMs: readonly number[], { minReplicas, minReplicasMaxLagMs }: ReplicationSettings): number {
  if (minReplicas === 0) return Number.POSITIVE_INFINITY
  const deciding = [...ackedMs].sort((a, b) => b - a)[minReplicas - 1]
  if (deciding === undefined) return Number.NEGATIVE_INFINITY
  return minReplicasMaxLagMs === 0 ? Number.POSITIVE_INFINITY : deciding + minReplicasMaxLagMs
}
