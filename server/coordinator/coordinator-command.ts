/** `haypile coordinator`: runs a coordinator until a signal ends it. */
import { hostname } from 'node:os'
import { systemClock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { clusterKeys } from '../cluster-map/keys.ts'
import { Etcd } from '../etcd/etcd.ts'
import { endpointsOf } from '../etcd/gateway.ts'
import { Coordinator } from './coordinator.ts'
import { nodeRequests } from './node-requests.ts'

const ETCD_TIMEOUT_MS = 1000
const NODE_TIMEOUT_MS = 1000

/** The place of a cluster. */
export interface ClusterPlace {
  /** The endpoints of etcd. */
  readonly etcd: string
  /** The name of the cluster. */
  readonly cluster: string
  /** Words of AUTH for nodes; none without a password. */
  readonly credentials: readonly string[]
}

/** Returns the cluster's etcd, its keys and a way to ask nodes. Throws EtcdError. */
export function openCluster({ etcd, cluster, credentials }: ClusterPlace) {
  return {
    etcd: new Etcd({ endpoints: endpointsOf(etcd), timeoutMs: ETCD_TIMEOUT_MS }),
    keys: clusterKeys(cluster),
    ask: nodeRequests({ timeoutMs: NODE_TIMEOUT_MS, credentials }),
  }
}

/** Starts a coordinator. Returns what ends it. */
export function startCoordinator(place: ClusterPlace, log: Log): { close(): Promise<void> } {
  const { etcd, keys, ask } = openCluster(place)
  const coordinator = new Coordinator({ etcd, keys, ask, name: `${hostname()}:${process.pid}`, clock: systemClock, log })
  coordinator.start()
  log.info({ etcd: place.etcd, cluster: place.cluster }, 'haypile coordinator started')
  return {
    async close() {
      await coordinator.close()
      etcd.close()
    },
  }
}

/** Runs a coordinator until SIGTERM or SIGINT. Resolves with the exit status. */
export async function runCoordinator(place: ClusterPlace, log: Log): Promise<number> {
  const coordinator = startCoordinator(place, log)
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  })
  await coordinator.close()
  log.info({}, 'haypile coordinator closed')
  return 0
}
