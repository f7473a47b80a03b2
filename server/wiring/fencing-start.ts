/** Starts the lease of a node with `cluster-etcd`, and connects it to replication and the gates. */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import type { Log } from '../../base/log.ts'
import type { Replication } from '../../replication/replication.ts'
import { previousOf } from '../../storage/directory/identity.ts'
import type { Storage } from '../../storage/storage.ts'
import { clusterKeys } from '../cluster-map/keys.ts'
import type { NodePlace } from '../cluster-map/map.ts'
import type { Config } from '../config/config.ts'
import { Etcd } from '../etcd/etcd.ts'
import { FollowedKeys } from '../etcd/followed-keys.ts'
import { endpointsOf } from '../etcd/gateway.ts'
import { RoleRefused, WriterLease } from '../fencing/writer-lease.ts'
import type { Gates } from '../loop/gates.ts'
import type { Turn } from '../loop/turn.ts'
import type { ClusterFacade } from './cluster-facade.ts'
import type { NodeState } from './node-state.ts'

/** The limit for an answer of etcd, as a part of the lease. */
const TIMEOUT_SHARE = 0.2
const RETRY_MS = 250

export interface FencingParts {
  readonly config: Config
  readonly log: Log
  readonly clock: Clock
  readonly storage: Storage
  readonly turn: Turn
  readonly gates: Gates
  readonly cluster: ClusterFacade
  readonly state: NodeState
}

/** To be called after replication has started, and before the first command. */
export function startFencing(parts: FencingParts): void {
  const { config, log, clock, storage, turn, gates, cluster, state } = parts
  const { replication } = state
  if (config.text('cluster-etcd') === '' || replication === null) return
  const leaseMs = config.number('cluster-lease-ms')
  const timeoutMs = leaseMs * TIMEOUT_SHARE
  const etcd = new Etcd({ endpoints: endpointsOf(config.text('cluster-etcd')), timeoutMs })
  const keys = clusterKeys(config.text('cluster-name'))
  const lease = new WriterLease({
    etcd,
    keys,
    clock,
    log,
    leaseMs,
    onEtcdLoss: () => config.text('cluster-on-etcd-loss'),
    node: {
      id: () => cluster.nodeId,
      report: () => ({
        runId: state.runId,
        role: storage.role,
        history: storage.identity.replicationId,
        previousHistory: previousOf(storage.identity).id,
        offset: storage.binlog.end.offset,
      }),
      history: () => storage.identity.replicationId,
      offset: () => storage.binlog.end.offset,
      hasUnsentWrites: () => turn.mustWaitForSync && storage.binlog.synced < storage.binlog.end.offset,
      assume: (place) => {
        turn.begin()
        assume(replication, place)
      },
      onFenced: (isFenced) => replication.fence(isFenced),
    },
  })
  const map = new FollowedKeys({
    etcd,
    prefix: keys.map,
    retryMs: RETRY_MS,
    checkMs: leaseMs,
    onChanged: () => lease.poke(),
    onFailure: ({ message }) => log.debug({ error: message }, 'cannot watch the map of the cluster, trying again'),
  })
  state.fencing = {
    lease,
    async close() {
      const closed = Promise.all([lease.close(), map.close()])
      etcd.close()
      await closed
    },
  }
  replication.fence(true)
  gates.refresh()
  map.start()
  lease.start()
}

/** Makes replication follow the map. Throws RoleRefused. */
function assume(replication: Replication, { role, shard }: NodePlace): void {
  try {
    if (role === 'replica') replication.follow(shard.master.host, shard.master.port, 'partial')
    else if (replication.isReplica) replication.leave()
  } catch (error) {
    rethrowAssertion(error)
    throw new RoleRefused(errorText(error))
  }
}
