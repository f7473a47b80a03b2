/** Connects a node of a cluster to clients, replication and storage. */
import { realFiles } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'
import { blockedRefusal } from '../../commands/cluster/routing.ts'
import type { MappedNode } from '../../commands/contract/cluster.ts'
import { ClientError } from '../../commands/contract/errors.ts'
import type { ReplicationPort } from '../../commands/contract/ports.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import type { PubSub } from '../../commands/pubsub/pub-sub.ts'
import { ClusterNode } from '../cluster/cluster-node.ts'
import type { SlotSweeper } from '../cluster/slot-sweeper.ts'
import type { Config } from '../config/config.ts'
import type { Turn } from '../loop/turn.ts'
import type { Forward } from './forward.ts'
import type { NodeState } from './node-state.ts'

/** The parts that a node's map reaches. */
interface ClusterParts {
  readonly executor: Executor
  readonly pubsub: PubSub
  readonly turn: Turn
  readonly state: Pick<NodeState, 'replication'>
  readonly replicationPort: Pick<ReplicationPort, 'isReplica' | 'follow' | 'leave'>
  readonly slotSweeper: SlotSweeper | null
}

/** Returns the node of a cluster; null unless cluster-enabled is yes. Throws DamageError. */
export function clusterNode(config: Config, random: () => number, later: Forward<ClusterParts>): ClusterNode | null {
  if (config.text('cluster-enabled') !== 'yes') return null
  const node: ClusterNode = new ClusterNode({
    files: realFiles,
    directory: config.path('dir'),
    random,
    mustCoverAll: () => config.flag('cluster-require-full-coverage'),
    mustHideHost: () => config.text('cluster-preferred-endpoint-type') === 'unknown-endpoint',
    events: {
      onSlotsChanged: () => leaveSlots(node, later.value),
      takeRole: (master) => {
        // With etcd the lease of the node brings the role, from the map there.
        if (config.text('cluster-etcd') === '') takeRole(master, later.value)
      },
      onSlotsLeft: () => later.value.slotSweeper?.start(),
    },
  })
  config.onChange('cluster-require-full-coverage', () => node.refresh())
  return node
}

/** Takes the role that the stored map gives this node. Called once replication has started. */
export function startCluster(node: ClusterNode | null, log: Log): void {
  try {
    node?.takeRole()
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    log.warn({ error: error.message }, 'cannot take the role that the map of the cluster gives; the next map is tried')
  }
}

/** Ends what clients do here with slots that this node does not serve. */
function leaveSlots(node: ClusterNode, { executor, pubsub, turn }: ClusterParts): void {
  turn.begin()
  executor.blockedClients.failWhere(({ client, request }) => blockedRefusal(node, request, client))
  pubsub.leaveShards((channel) => node.hides(channel))
  executor.tracking.forgetKeys((key) => node.hides(key))
}

/** Makes this node follow a master, or lead. Before replication has started it changes nothing. */
function takeRole(master: MappedNode | null, { replicationPort, state }: ClusterParts): void {
  if (state.replication === null) return
  if (master === null) {
    if (replicationPort.isReplica) replicationPort.leave()
  } else replicationPort.follow(master.host, master.port, 'partial')
}
