/**
 * A handover: a master that is alive gives its role to a replica that the map names, with FAILOVER,
 * which loses no write. Each call does the next step; the replica may write once the map names it
 * as the master.
 */
import { addressText } from '../../base/address-text.ts'
import type { MapShard } from '../cluster-map/map.ts'
import { type AskNode, infoFields, NodeFailure, NodeRefusal } from './node-requests.ts'

/** The limit for FAILOVER on the master. */
const TIMEOUT_MS = 5000

export interface HandoverHost {
  readonly ask: AskNode
  warn(text: string): void
}

/** Resolves to `done` once the roles have changed, to `refused` if the master does not begin. */
export async function handOver(shard: MapShard, { ask, warn }: HandoverHost): Promise<'running' | 'done' | 'refused'> {
  const target = shard.replicas.find(({ id }) => id === shard.handover)
  if (target === undefined) return 'refused'
  try {
    const [masterInfo] = await ask(shard.master, [['INFO', 'replication']])
    const [targetInfo] = await ask(target, [['INFO', 'replication']])
    const [master, replica] = [infoFields(masterInfo), infoFields(targetInfo)]
    if (master.get('role') === 'slave' && replica.get('role') === 'master') return 'done'
    if (master.get('role') !== 'master' || master.get('master_failover_state') !== 'no-failover') return 'running'
    const [reply] = await ask(shard.master, [['FAILOVER', 'TO', target.host, String(target.port), 'TIMEOUT', String(TIMEOUT_MS)]])
    if (!(reply instanceof NodeRefusal)) return 'running'
    warn(`${addressText(shard.master)} refuses FAILOVER: ${reply.message}`)
    return 'refused'
  } catch (error) {
    if (!(error instanceof NodeFailure)) throw error
    warn(`the handover waits: ${error.message}`)
    return 'running'
  }
}
