/** Changes of a map that an operator asks for. Each returns another map, or throws MapError. */
import { addressText } from '../../base/address-text.ts'
import { SLOTS } from '../../base/hash-slots.ts'
import { type ClusterMap, MapError, type MapNode, type MapShard, nodesOf, requireConsistent, type SlotRange } from '../cluster-map/map.ts'
import type { NodeAddress } from './node-requests.ts'

/**
 * Returns the map of a new cluster. The first nodes become masters, and each next node a replica of
 * the next of them: nodes that are listed machine by machine are spread over the machines.
 */
export function newMap(nodes: readonly MapNode[], replicas: number): ClusterMap {
  const count = nodes.length / (replicas + 1)
  if (!Number.isInteger(count) || count < 1) throw new MapError(`${nodes.length} nodes cannot be divided into shards of ${replicas + 1}`)
  const shards = nodes.slice(0, count).map((master, i) => ({
    master,
    replicas: nodes.slice(count).filter((_, j) => j % count === i),
    slots: [slotsOf(i, count)],
    handover: null,
  }))
  return checked({ version: 1, shards })
}

function slotsOf(index: number, count: number): SlotRange {
  const start = (shard: number) => Math.round((shard * SLOTS) / count)
  return [start(index), start(index + 1) - 1]
}

/** Adds a shard without slots. */
export function withShard(map: ClusterMap, master: MapNode, replicas: readonly MapNode[]): ClusterMap {
  return checked({ version: map.version + 1, shards: [...map.shards, { master, replicas, slots: [], handover: null }] })
}

export function withReplica(map: ClusterMap, of: NodeAddress, replica: MapNode): ClusterMap {
  const shard = shardAt(map, of)
  return changed(map, shard, { ...shard, replicas: [...shard.replicas, replica] })
}

/** Removes a replica, or the last node of a shard without slots. */
export function withoutNode(map: ClusterMap, address: NodeAddress): ClusterMap {
  const shard = shardAt(map, address)
  if (!isAt(shard.master, address)) {
    const replicas = shard.replicas.filter((one) => !isAt(one, address))
    return changed(map, shard, { ...shard, replicas, handover: replicas.some(({ id }) => id === shard.handover) ? shard.handover : null })
  }
  if (shard.replicas.length > 0)
    throw new MapError(`${addressText(address)} is a master with replicas: let one take over first (haypile cluster failover)`)
  if (shard.slots.length > 0) throw new MapError(`${addressText(address)} is a master with slots, which cannot be moved in this version`)
  return checked({ version: map.version + 1, shards: map.shards.filter((one) => one !== shard) })
}

/** Asks for a handover to a replica. Nodes need not know, so the version stays. */
export function withHandover(map: ClusterMap, to: NodeAddress): ClusterMap {
  const shard = shardAt(map, to)
  const target = shard.replicas.find((one) => isAt(one, to))
  if (target === undefined) throw new MapError(`${addressText(to)} is the master of its shard already`)
  const handover: MapShard = { ...shard, handover: target.id }
  return { ...map, shards: map.shards.map((one) => (one === shard ? handover : one)) }
}

export const isAt = (node: NodeAddress, { host, port }: NodeAddress) => node.host === host && node.port === port

function shardAt(map: ClusterMap, address: NodeAddress): MapShard {
  const shard = map.shards.find((one) => nodesOf(one).some((node) => isAt(node, address)))
  if (shard === undefined) throw new MapError(`${addressText(address)} is not in the map`)
  return shard
}

function changed(map: ClusterMap, from: MapShard, to: MapShard): ClusterMap {
  return checked({ version: map.version + 1, shards: map.shards.map((one) => (one === from ? to : one)) })
}

function checked(map: ClusterMap): ClusterMap {
  requireConsistent(map)
  return map
}
