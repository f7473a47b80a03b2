/**
 * Dates the moment in which a replica was last known to be alive. An ACK is sent before it is read:
 * while this node did not run, or the network was cut, the ACK waited in a socket. Its replica may
 * follow another master by now.
 *
 * So a gap between ACKs longer than min-replicas-max-lag raises a doubt: the replica is asked. Its
 * ACKs count as recent again once one of them answers that question in time.
 */

import type { ReplicationSettings } from '../protocol/settings.ts'
import type { Feed } from './feed.ts'
import type { SlaveItem } from './slave-items.ts'

/**
 * Dates an ACK. `asked`: the number of questions that it answers, or null if the replica does not
 * count them. Returns true, and sets `feed.mustAsk`, if the replica has to be asked.
 */
export function dateAck(item: SlaveItem, feed: Feed, asked: number | null, settings: ReplicationSettings, nowMs: number): boolean {
  const { doubt } = item
  const limitMs = settings.minReplicasMaxLagMs === 0 ? settings.timeoutMs : settings.minReplicasMaxLagMs
  if (doubt !== null) {
    if (asked === null) {
      if (nowMs - doubt.sinceMs < limitMs) return false
      item.ackedMs = nowMs // all that was in the socket has been read long ago
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

/**
 * Returns the monotonic time until which min-replicas-to-write of these ACK dates are recent
 * enough; Infinity if they never become too old.
 */
export function writableUntilMs(ackedMs: readonly number[], { minReplicas, minReplicasMaxLagMs }: ReplicationSettings): number {
  if (minReplicas === 0) return Number.POSITIVE_INFINITY
  const deciding = [...ackedMs].sort((a, b) => b - a)[minReplicas - 1]
  if (deciding === undefined) return Number.NEGATIVE_INFINITY
  return minReplicasMaxLagMs === 0 ? Number.POSITIVE_INFINITY : deciding + minReplicasMaxLagMs
}
