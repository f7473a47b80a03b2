/**
 * The actions in a cluster and their frequencies. An action that does not fit the moment gives way
 * to another one.
 */

import type { Act } from './admin-actions.ts'
import * as admin from './admin-actions.ts'
import type { Cluster } from './cluster.ts'
import * as fault from './faults.ts'

interface Action {
  readonly weight: (cluster: Cluster) => number
  readonly act: Act
}

const always = () => 1
const free = ({ settings }: Cluster) => (settings.roles === 'free' ? 1 : 0)
const network = ({ settings }: Cluster) => settings.trouble.network
const crashes = ({ settings }: Cluster) => settings.trouble.crashes
const disks = ({ settings }: Cluster) => settings.trouble.disk
const clocks = ({ settings }: Cluster) => settings.trouble.clocks
const times =
  (factor: number, weight: Action['weight']): Action['weight'] =>
  (cluster) =>
    factor * weight(cluster)

const ACTIONS: readonly Action[] = [
  { weight: times(12, always), act: admin.write },
  { weight: times(1, always), act: admin.writeAndWait },
  { weight: times(0.15, always), act: admin.purge },
  { weight: times(0.8, always), act: admin.slaveOf },
  { weight: times(0.5, always), act: admin.leaveAndReturn },
  { weight: times(0.6, free), act: admin.leave },
  { weight: ({ settings }) => ({ fixed: 0, failover: 1, free: 0.3 })[settings.roles], act: admin.failover },
  { weight: times(0.2, always), act: admin.abort },
  { weight: times(0.05, free), act: admin.clearId },
  { weight: times(0.3, always), act: admin.checkpoint },
  { weight: times(0.2, always), act: admin.reconnect },
  { weight: times(0.1, always), act: admin.reload },
  { weight: times(1, crashes), act: fault.crash('kill') },
  { weight: times(1, crashes), act: fault.crash('power loss') },
  { weight: times(0.5, crashes), act: fault.stop },
  { weight: times(5, network), act: fault.breakLink },
  { weight: times(0.6, network), act: fault.partition },
  { weight: times(0.3, network), act: fault.refuseConnections },
  { weight: times(0.5, network), act: fault.slowNetwork },
  { weight: times(1, disks), act: fault.diskFull },
  { weight: times(2, disks), act: fault.writeFails },
  { weight: times(0.5, disks), act: fault.levelFails },
  { weight: times(2, disks), act: fault.slowDisk },
  { weight: times(0.5, disks), act: fault.applyFails },
  { weight: times(1, network), act: fault.addStray },
  { weight: clocks, act: fault.clockJump },
]

/** Does one action. Returns a description. */
export function actOnce(cluster: Cluster): string {
  const weights = ACTIONS.map(({ weight }) => weight(cluster))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  for (let tries = 0; tries < 20; tries++) {
    let at = cluster.chance.random() * total
    const index = weights.findIndex((weight) => {
      at -= weight
      return at < 0
    })
    const done = ACTIONS[index]?.act(cluster) ?? null
    if (done !== null) return done
  }
  return 'nothing'
}
