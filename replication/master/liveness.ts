/**
 * Dates ACKs: when was a replica last known to be alive? An ACK may be older than the moment in
 * which it is read. While this node was stopped, or the network was cut, it waited in a socket. Its
 * replica may follow another master by now.
 *
 * So after a gap longer than min-replicas-max-lag the master asks the replica with a numbered
 * question. ACKs count as recent again once one of them answers that question.
 */

import type { ReplicationSettings } from '../protocol/settings.ts'
import type { Feed } from './feed.ts'
import type { SlaveItem } from './slave-items.ts'

/**
 * Dates an ACK. `asked`: the number of questions that it answers, or null if the replica does not
 * count them. Returns true, and sets `feed.mustAsk`, if the replica has to be asked.
 */
export function dateAck(item: SlaveItem, feed: Feed, asked: number | null, settings: ReplicationSettings, monotonicMs: number): boolean {
  const { openQuestion } = item
  const limitMs = settings.minReplicasMaxLagMs === 0 ? settings.timeoutMs : settings.minReplicasMaxLagMs
  if (openQuestion !== null) {
    if (asked === null) {
      if (monotonicMs - openQuestion.sinceMs < limitMs) return false
      item.ackedMs = monotonicMs // ACKs that had waited in the socket have all been read by now
    } else if (asked < openQuestion.number) return false
    else item.ackedMs = openQuestion.sinceMs
    item.openQuestion = null
  }
  if (monotonicMs - item.ackedMs <= limitMs) {
    item.ackedMs = monotonicMs
    return false
  }
  item.openQuestion = { number: feed.asked + 1, sinceMs: monotonicMs }
  feed.mustAsk = true
  return true
}

/**
 * Returns the monotonic time until which at least min-replicas-to-write of these ACKs are recent
 * enough. Infinity: none becomes too old. -Infinity: there are too few.
 */
export function writableUntilMs(ackedMs: readonly number[], { minReplicas, minReplicasMaxLagMs }: ReplicationSettings): number {
  if (minReplicas === 0) return Number.POSITIVE_INFINITY
  const deciding = [...ackedMs].sort((a, b) => b - a)[minReplicas - 1]
  if (deciding === undefined) return Number.NEGATIVE_INFINITY
  return minReplicasMaxLagMs === 0 ? Number.POSITIVE_INFINITY : deciding + minReplicasMaxLagMs
}
