/** Invariants between nodes after every event. node.ts checks the invariants of a single node. */
import type { AckRequest, TrySyncReply, TrySyncRequest } from '../../replication/protocol/messages.ts'
import type { Cluster } from './cluster.ts'
import { keyOf } from './histories.ts'
import type { SimulatedNode } from './node.ts'
import { ServerEnd } from './server-end.ts'

/** The node that feeds a linked replica, if the stream has had no break since. */
function masterOf(cluster: Cluster, node: SimulatedNode): { readonly master: SimulatedNode; readonly peer: ServerEnd } | null {
  const accepted = node.process?.dialled?.peer
  if (node.process?.dialled?.isOpen !== true || accepted?.isOpen !== true || !(accepted.events instanceof ServerEnd)) return null
  const master = cluster.nodes.find(({ process }) => process === accepted.party)
  return master?.isUp === true && accepted.events.streamingEpoch === master.process?.epoch ? { master, peer: accepted.events } : null
}

/** Making the list takes time, so the items are checked only once in this number of events. */
const ITEMS_EVERY = 16

export function checkCluster(cluster: Cluster): void {
  for (const node of cluster.nodes) {
    if (!node.isUp) continue
    if (cluster.events % ITEMS_EVERY === 0) checkItems(node)
    const { process } = node
    if (process?.replication?.link.isUp !== true || process.storage.role !== 'replica') continue
    const found = masterOf(cluster, node)
    if (found !== null) checkPair(node, found.master, found.peer)
  }
}

/** Checks that a replica's binlog is a prefix of its master's. */
function checkPair(replica: SimulatedNode, master: SimulatedNode, peer: ServerEnd): void {
  const { end } = replica.track
  if (end.offset < master.track.start.offset) return
  const there = master.track.crcAt(end.offset)
  if (there !== end.crc) {
    throw new Error(
      `${replica.name} follows ${master.name} and is at ${keyOf(end)}, where its master has ${there ?? 'no group'} (its end: ${keyOf(master.track.end)})`,
    )
  }
  if (master.mustSyncAlways && end.offset > Math.max(master.syncedOnce, peer.streamingFrom) && master.process?.isReloading !== true) {
    throw new Error(`${replica.name} has been fed up to ${end.offset} of what ${master.name} has synced up to ${master.syncedOnce} only`)
  }
}

/** Checks that an address has one item. */
function checkItems({ name, process }: SimulatedNode): void {
  const replication = process?.replication
  if (replication === undefined || replication === null) return
  const { master, link } = replication
  if (master.replicas.pinned < 0 || link.view.masterPort < 0 || master.replicas.conflicts().some(({ ip }) => ip === ''))
    throw new Error(`${name} shows what cannot be`)
  const addresses = [...master.replicas.online(), ...master.replicas.absent()].map(({ ip, port }) => `${ip}:${port}`)
  if (new Set(addresses).size !== addresses.length) throw new Error(`${name} has an address twice: ${addresses.join(', ')}`)
}

/** Checks that an accepted ack is about the master's own history. */
export function checkAck(cluster: Cluster, master: SimulatedNode, peer: ServerEnd, { applied }: AckRequest): void {
  const { process, track } = master
  const party = peer.socket.peer?.party
  const replica = cluster.nodes.find((node) => node.process === party)
  if (replica === undefined || process === null || peer.streamingEpoch !== process.epoch || applied < track.start.offset) return
  const crc = track.crcAt(applied)
  if (crc === undefined) throw new Error(`${peer.remoteIp} acknowledges ${applied} to ${master.name}, where no group ends`)
  const there = replica.track.crcAt(applied)
  if (there !== undefined && there !== crc)
    throw new Error(`${replica.name} acknowledges ${applied} of another history than ${master.name}'s`)
}

/** Checks that a node gets no full sync if its change of roles has lost no client's write. */
export function checkFullSync(
  cluster: Cluster,
  master: SimulatedNode,
  peer: ServerEnd,
  { offset }: TrySyncRequest,
  reply: TrySyncReply,
): void {
  if (cluster.hasForgotten || reply.type !== 'full-sync' || reply.reason === 'new' || reply.reason === 'purged') return
  const party = peer.socket.peer?.party
  const replica = cluster.nodes.find((node) => node.process === party)
  if (replica === undefined || replica.track.end.offset !== offset) return
  const lost = replica.track.missingFrom(master.track)
  if (lost?.every((position) => cluster.unasked.has(keyOf(position))) === true)
    throw new Error(`${replica.name} is given a full sync by ${master.name} though no write is lost (${lost.length} groups): ${reply.text}`)
}
