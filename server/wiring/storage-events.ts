/**
 * The reactions of the server to reports of storage. Storage is opened before all other parts.
 */
import type { StorageEvents } from '../../storage/storage.ts'
import type { Gates } from '../loop/gates.ts'
import type { Turn } from '../loop/turn.ts'
import type { LatencyMonitor } from '../metrics/latency.ts'
import type { Forward } from './forward.ts'
import type { NodeState } from './node-state.ts'

/** The parts that events reach. */
interface EventParts {
  readonly gates: Gates
  readonly latency: LatencyMonitor
  readonly state: NodeState
  readonly turn: Turn
}

export function storageEvents(later: Forward<EventParts>): StorageEvents {
  const replication = () => later.value.state.replication?.storageEvents
  return {
    onAvailabilityChanged: () => later.value.gates.refresh(),
    onCheckpointMayBegin: () => later.value.turn.begin(),
    onExpired: (durationMs) => later.value.latency.add('expire-cycle', durationMs),
    onInstalled: () => replication()?.onInstalled(),
    onSynced: () => replication()?.onSynced(),
    pinned: () => replication()?.pinned() ?? Number.POSITIVE_INFINITY,
  }
}
