/** The replies that describe a cluster in which one node owns all slots. */
import type { Bytes } from '../../base/bytes.ts'
import { SLOTS } from '../../base/hash-slots.ts'
import type { ClusterEndpoint, ClusterPort } from '../contract/cluster.ts'
import { MapReply, type Reply } from '../contract/reply.ts'

const LAST_SLOT = SLOTS - 1

/** CLUSTER INFO. */
export function clusterInfo(): Bytes {
  const lines = [
    ...[
      'cluster_state:ok',
      `cluster_slots_assigned:${SLOTS}`,
      `cluster_slots_ok:${SLOTS}`,
      'cluster_slots_pfail:0',
      'cluster_slots_fail:0',
    ],
    ...['cluster_known_nodes:1', 'cluster_size:1', 'cluster_current_epoch:1', 'cluster_my_epoch:1'],
    ...['cluster_stats_messages_sent:0', 'cluster_stats_messages_received:0', 'total_cluster_links_buffer_limit_exceeded:0'],
  ]
  return lines.map((line) => `${line}\r\n`).join('')
}

/** CLUSTER NODES: the line of this node. */
export function nodesLine({ nodeId }: ClusterPort, { ip, port, busPort, hostname }: ClusterEndpoint): Bytes {
  const name = hostname === '' ? '' : `,${hostname}`
  return `${nodeId} ${ip}:${port}@${busPort}${name} myself,master - 0 0 1 connected 0-${LAST_SLOT}\n`
}

/** CLUSTER SLOTS: the only range. */
export function slotRanges({ nodeId }: ClusterPort, endpoint: ClusterEndpoint): Reply {
  return [[0, LAST_SLOT, [preferredAddress(endpoint), endpoint.port, nodeId, furtherAddresses(endpoint)]]]
}

/** CLUSTER SHARDS: the only shard. */
export function shards({ nodeId, offset }: ClusterPort, endpoint: ClusterEndpoint): Reply {
  const { ip, plainPort, tlsPort, hostname } = endpoint
  const ports = [...(plainPort === 0 ? [] : ['port', plainPort]), ...(tlsPort === 0 ? [] : ['tls-port', tlsPort])]
  const addresses = ['ip', ip, 'endpoint', preferredAddress(endpoint), ...(hostname === '' ? [] : ['hostname', hostname])]
  const node = ['id', nodeId, ...ports, ...addresses, 'role', 'master', 'replication-offset', offset, 'health', 'online']
  return [new MapReply(['slots', [0, LAST_SLOT], 'nodes', [new MapReply(node)]])]
}

/** Null tells clients to use the address that they have connected to. */
function preferredAddress({ preferred, ip, hostname }: ClusterEndpoint): Bytes | null {
  if (preferred === 'unknown-endpoint') return null
  if (preferred === 'ip') return ip
  return hostname === '' ? '?' : hostname
}

function furtherAddresses({ preferred, ip, hostname }: ClusterEndpoint): Reply[] {
  const addresses = preferred === 'ip' ? [] : ['ip', ip]
  return preferred === 'hostname' || hostname === '' ? addresses : [...addresses, 'hostname', hostname]
}
