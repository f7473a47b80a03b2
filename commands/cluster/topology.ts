/**
 * The replies that describe a cluster: CLUSTER INFO, NODES, SLOTS, SHARDS, REPLICAS. Without a map
 * the cluster is this node alone. It owns all slots if the cluster is emulated, and none otherwise.
 */
import type { Bytes } from '../../base/bytes.ts'
import { SLOTS } from '../../base/hash-slots.ts'
import type { ClusterEndpoint, ClusterPort, MappedNode, SlotSpan } from '../contract/cluster.ts'
import { MapReply, type Reply } from '../contract/reply.ts'
import type { Session } from '../contract/session.ts'
import { rangeText } from './cluster-map.ts'

/** The distance of Redis's bus port from the port. No bus listens there. */
const BUS_PORT_OFFSET = 10_000
const MAX_PORT = 65_535
const ALL_SLOTS: readonly SlotSpan[] = [{ first: 0, last: SLOTS - 1 }]

/** A node as clients are told about it. */
interface ShownNode {
  readonly id: Bytes
  readonly isMyself: boolean
  readonly masterId: Bytes | null
  readonly ranges: readonly SlotSpan[]
  readonly endpoint: ClusterEndpoint
}

/** CLUSTER INFO. */
export function clusterInfo({ mode, node }: ClusterPort): Bytes {
  const isEmulated = mode === 'emulated'
  const assigned = isEmulated ? SLOTS : (node?.map.assignedSlots ?? 0)
  const isOk = isEmulated || (node !== null && node.map.version >= 0 && !node.isDown)
  const nodes = isEmulated ? [] : (node?.map.nodes ?? [])
  const epoch = isEmulated ? 1 : Math.max(0, node?.map.version ?? 0)
  const size = isEmulated ? 1 : nodes.filter(({ ranges }) => ranges.length > 0).length
  const lines = [
    `cluster_state:${isOk ? 'ok' : 'fail'}`,
    ...[`cluster_slots_assigned:${assigned}`, `cluster_slots_ok:${assigned}`, 'cluster_slots_pfail:0', 'cluster_slots_fail:0'],
    ...[`cluster_known_nodes:${Math.max(1, nodes.length)}`, `cluster_size:${size}`],
    ...[`cluster_current_epoch:${epoch}`, `cluster_my_epoch:${epoch}`],
    ...['cluster_stats_messages_sent:0', 'cluster_stats_messages_received:0', 'total_cluster_links_buffer_limit_exceeded:0'],
  ]
  return lines.map((line) => `${line}\r\n`).join('')
}

/** CLUSTER NODES: a line for each node. */
export function nodesLines(cluster: ClusterPort, session: Session): Bytes {
  return shownNodes(cluster, session)
    .map((node) => `${nodeLine(cluster, node)}\n`)
    .join('')
}

/** CLUSTER REPLICAS: the lines of the replicas of a master. */
export function replicaLines(cluster: ClusterPort, session: Session, masterId: Bytes): Bytes[] {
  const replicas = shownNodes(cluster, session).filter((node) => node.masterId === masterId)
  return replicas.map((node) => nodeLine(cluster, node))
}

/** CLUSTER SLOTS: each range with its master and the replicas of that. */
export function slotRanges(cluster: ClusterPort, session: Session): Reply {
  const nodes = shownNodes(cluster, session)
  const ranges = nodes.flatMap((master) => master.ranges.map((range) => ({ master, ...range })))
  ranges.sort((a, b) => a.first - b.first)
  return ranges.map(({ master, first, last }) => [first, last, ...shardOf(nodes, master).map(addressEntry)])
}

/** CLUSTER SHARDS: each master with its slots and replicas. */
export function shards(cluster: ClusterPort, session: Session): Reply {
  const nodes = shownNodes(cluster, session)
  const masters = nodes.filter(({ masterId }) => masterId === null)
  return masters.map((master) => {
    const slots = master.ranges.flatMap(({ first, last }) => [first, last])
    const members = shardOf(nodes, master).map((node) => shardEntry(node, node.isMyself ? cluster.offset : 0))
    return new MapReply(['slots', slots, 'nodes', members])
  })
}

function shardOf(nodes: readonly ShownNode[], master: ShownNode): readonly ShownNode[] {
  return [master, ...nodes.filter(({ masterId }) => masterId === master.id)]
}

function nodeLine({ mode, node: own }: ClusterPort, { id, isMyself, masterId, ranges, endpoint }: ShownNode): Bytes {
  const { ip, port, busPort, hostname } = endpoint
  const name = hostname === '' ? '' : `,${hostname}`
  const flags = `${isMyself ? 'myself,' : ''}${masterId === null ? 'master' : 'slave'}`
  const epoch = mode === 'emulated' ? 1 : Math.max(0, own?.map.version ?? 0)
  const words = [id, `${ip}:${port}@${busPort}${name}`, flags, masterId ?? '-', 0, 0, epoch, 'connected', ...ranges.map(rangeText)]
  return [...words, ...(isMyself ? openSlots(own) : [])].join(' ')
}

/** Returns the slots that are moving, as CLUSTER NODES shows them: `[7->-id]`, `[7-<-id]`. */
function openSlots(node: ClusterPort['node']): Bytes[] {
  return (node?.moves() ?? []).map(({ slot, how, peer }) => `[${slot}-${how === 'migrating' ? '>' : '<'}-${peer}]`)
}

function addressEntry({ id, endpoint }: ShownNode): Reply {
  return [preferredAddress(endpoint), endpoint.port, id, furtherAddresses(endpoint)]
}

function shardEntry({ id, masterId, endpoint }: ShownNode, offset: number): Reply {
  const { ip, plainPort, tlsPort, hostname } = endpoint
  const ports = [...(plainPort === 0 ? [] : ['port', plainPort]), ...(tlsPort === 0 ? [] : ['tls-port', tlsPort])]
  const addresses = ['ip', ip, 'endpoint', preferredAddress(endpoint), ...(hostname === '' ? [] : ['hostname', hostname])]
  const role = masterId === null ? 'master' : 'replica'
  return new MapReply(['id', id, ...ports, ...addresses, 'role', role, 'replication-offset', offset, 'health', 'online'])
}

/** Returns the nodes of the map, this one first; it stands alone if the map does not name it. */
function shownNodes(cluster: ClusterPort, session: Session): readonly ShownNode[] {
  const { nodeId, mode, node } = cluster
  const own = cluster.endpointFor(session)
  const mapped = mode === 'emulated' ? [] : (node?.map.nodes ?? [])
  const others = mapped.filter(({ id }) => id !== nodeId).map((other) => shown(other, own, false))
  const myself = mapped.find(({ id }) => id === nodeId)
  if (myself !== undefined) return [shown(myself, own, true), ...others]
  const ranges = mode === 'emulated' ? ALL_SLOTS : []
  return [{ id: nodeId, isMyself: true, masterId: null, ranges, endpoint: own }, ...others]
}

/** A map has one address for each node. */
function shown({ id, host, port, masterId, ranges }: MappedNode, own: ClusterEndpoint, isMyself: boolean): ShownNode {
  const busPort = Math.min(port + BUS_PORT_OFFSET, MAX_PORT)
  const isTls = own.port === own.tlsPort
  const ports = { port, plainPort: isTls ? 0 : port, tlsPort: isTls ? port : 0, busPort }
  const preferred = own.preferred === 'unknown-endpoint' ? own.preferred : 'ip'
  return { id, isMyself, masterId, ranges, endpoint: { ip: host, ...ports, hostname: '', preferred } }
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
