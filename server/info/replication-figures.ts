/** Gathers the figures of INFO replication from the master's and the replica's side. */
import type { ReplicaView } from '../../replication/master/replica-view.ts'
import type { Replication } from '../../replication/replication.ts'
import { previousOf } from '../../storage/directory/identity.ts'
import type { Storage } from '../../storage/storage.ts'
import type { LinkFigures, LinkState, ReplicaFigures, ReplicationFigures } from './figures.ts'
import type { InfoSource } from './source.ts'

/** INFO's word for each state of the link. */
const STATES: Readonly<Record<Replication['link']['state'], LinkState>> = {
  none: 'CONNECT',
  connect: 'CONNECT',
  connecting: 'CONNECT',
  auth: 'AUTH',
  meta_sync: 'META_SYNC',
  try_sync: 'TRY_SYNC',
  db_sync: 'DB_SYNC',
  swapping: 'DB_SYNC',
  binlog_sync: 'BINLOG_SYNC',
}

export function replicationFigures({ storage, config, replication, clock }: InfoSource): ReplicationFigures {
  const { identity } = storage
  const previous = previousOf(identity)
  const attached = replication?.master.attached() ?? []
  const link = replication?.isReplica === true ? linkFigures(replication, storage, clock.monotonicMs()) : null
  return {
    role: storage.role,
    replicationId: identity.replicationId,
    previousId: previous.id,
    switchOffset: previous.offset,
    link,
    replicas: attached.map(replicaFigures),
    absent: (replication?.master.absent() ?? []).map((view) => ({
      ip: view.ip,
      port: view.port,
      appliedOffset: view.applied,
      syncedOffset: view.synced,
      goneMs: view.goneMs ?? 0,
    })),
    conflicts: (replication?.master.conflicts() ?? []).map((conflict) => ({
      ip: conflict.ip,
      port: conflict.port,
      runId: conflict.holderRunId,
      address: conflict.holderAddress,
      refusedRunId: conflict.refusedRunId,
      refusedAddress: conflict.refusedAddress,
      refusedMs: conflict.refusedMs,
    })),
    given: attached.flatMap(({ ip, port, fullSync }) => (fullSync === null ? [] : [{ ip, port, ...fullSync }])),
    pin: replication?.master.pin ?? null,
    priority: config.number('replica-priority'),
    announced: config.flag('replica-announced'),
    goodReplicas: replication !== null && replication.minReplicas > 0 ? replication.master.goodReplicas() : null,
    failover: replication?.failover.state ?? 'no-failover',
    purgeableTo: purgeableTo(storage, replication),
    isElectable: identity.fullSync === null && link?.state !== 'DB_SYNC',
  }
}

function replicaFigures({ ip, port, state, applied, synced, lagSeconds }: ReplicaView): ReplicaFigures {
  return {
    ip,
    port,
    state: state === 'handshake' ? 'wait_bgsave' : state,
    appliedOffset: applied,
    syncedOffset: synced,
    silentMs: lagSeconds * 1000,
  }
}

function linkFigures({ link }: Replication, storage: Storage, now: number): LinkFigures {
  const { view } = link
  const since = (thenMs: number | null) => (thenMs === null ? null : Math.max(0, now - thenMs))
  const end = storage.isReady ? storage.binlog.end.offset : 0
  return {
    host: view.masterHost,
    port: view.masterPort,
    state: STATES[view.state],
    silentMs: since(view.lastIoMs),
    downMs: since(view.downSinceMs),
    receivedOffset: Math.max(end, view.readOffset),
    appliedOffset: end,
    fullSync: view.fullSync === null ? null : { ...view.fullSync, silentMs: since(view.lastIoMs) ?? 0 },
    fullSyncs: view.fullSyncs,
    partialSyncs: view.partialSyncs,
    lastError: view.reason,
    lastErrorMs: since(view.reasonSinceMs),
    nextTryMs: view.nextTryMs === null ? null : view.nextTryMs - now,
  }
}

/**
 * Returns the start of the newest segment before which neither recovery nor a replica needs
 * anything.
 */
function purgeableTo(storage: Storage, replication: Replication | null): number | null {
  if (!storage.isReady) return null
  const needed = Math.min(storage.checkpointer.landedOffset, replication?.master.pinned ?? Number.POSITIVE_INFINITY)
  const { segments } = storage.binlog
  const last = segments.filter(({ start }) => start <= needed).at(-1)
  return last === undefined || last === segments[0] ? null : last.start
}
