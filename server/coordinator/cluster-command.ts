/**
 * `haypile cluster create | status | add-shard | add-replica | remove | failover`: the operator's
 * commands. They change the map in etcd; the coordinator and the nodes do the rest.
 */
import { addressText } from '../../base/address-text.ts'
import { rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import { type ClusterMap, MapError, type MapNode, mapOf, requireHost, textOfMap } from '../cluster-map/map.ts'
import type { Etcd } from '../etcd/etcd.ts'
import { EtcdError } from '../etcd/etcd-error.ts'
import type { CommandOutput } from './command-output.ts'
import { type ClusterPlace, openCluster } from './coordinator-command.ts'
import { isAt, newMap, withHandover, withoutNode, withReplica, withShard } from './map-changes.ts'
import { infoFields, type NodeAddress, NodeFailure, NodeRefusal } from './node-requests.ts'
import { isHealthy, readStatus, statusLines } from './status.ts'

const HANDOVER_TIMEOUT_MS = 30_000
const POLL_MS = 100

/** A request of an operator. */
export type ClusterRequest =
  | { readonly action: 'create'; readonly nodes: readonly string[]; readonly replicas: number }
  | { readonly action: 'status' }
  | { readonly action: 'add-shard'; readonly nodes: readonly string[] }
  | { readonly action: 'add-replica'; readonly node: string; readonly of: string }
  | { readonly action: 'remove'; readonly node: string }
  | { readonly action: 'failover'; readonly node: string }
  | { readonly action: 'move-slots' }

type OpenedCluster = ReturnType<typeof openCluster>

const NO_MOVES =
  'slots cannot be moved between shards in this version: CLUSTER MIGRATESLOTS is missing. Create the cluster with the shards that it needs, or export and import its data'

/** Resolves with the exit status: 0 done, 1 failed, or the cluster is not healthy. */
export async function runCluster(place: ClusterPlace, request: ClusterRequest, isJson: boolean, output: CommandOutput): Promise<number> {
  let opened: OpenedCluster | null = null
  try {
    if (request.action === 'move-slots') throw new MapError(NO_MOVES)
    opened = openCluster(place)
    if (request.action === 'status') return await showStatus(opened, isJson, output)
    const map = await change(opened, request)
    output.out(isJson ? `${textOfMap(map)}\n` : `done: the map of ${place.cluster} has version ${map.version}\n`)
    return 0
  } catch (error) {
    rethrowAssertion(error)
    if (!(error instanceof MapError || error instanceof EtcdError || error instanceof NodeFailure)) throw error
    output.error(`haypile: ${errorText(error)}\n`)
    return 1
  } finally {
    opened?.etcd.close()
  }
}

async function showStatus(opened: OpenedCluster, isJson: boolean, output: CommandOutput): Promise<number> {
  const status = await readStatus(opened, (await storedMap(opened)).map)
  output.out(isJson ? `${JSON.stringify(status)}\n` : statusLines(status))
  return isHealthy(status) ? 0 : 1
}

type MapRequest = Exclude<ClusterRequest, { readonly action: 'status' | 'move-slots' }>

/** Makes one change and resolves to the map that has it. */
async function change(opened: OpenedCluster, request: MapRequest): Promise<ClusterMap> {
  if (request.action === 'create') {
    const nodes = await newNodes(opened, request.nodes)
    return save(opened, newMap(nodes, request.replicas), 0)
  }
  const { map, modRevision } = await storedMap(opened)
  switch (request.action) {
    case 'add-shard': {
      const [master, ...replicas] = await newNodes(opened, request.nodes)
      if (master === undefined) throw new MapError('a shard has at least one node')
      return save(opened, withShard(map, master, replicas), modRevision)
    }
    case 'add-replica': {
      const [replica] = await newNodes(opened, [request.node])
      if (replica === undefined) throw new MapError('no node is named')
      return save(opened, withReplica(map, addressOfNode(request.of), replica), modRevision)
    }
    case 'remove':
      return save(opened, withoutNode(map, addressOfNode(request.node)), modRevision)
    case 'failover': {
      const address = addressOfNode(request.node)
      await save(opened, withHandover(map, address), modRevision)
      return await handedOver(opened, address)
    }
  }
}

/** Reads `host:port` or `[host]:port`. Throws MapError. */
function addressOfNode(text: string): NodeAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  if (match === null) throw new MapError(`a node is named as host:port, not '${text}'`)
  return { host: requireHost(match[1] ?? match[2]), port: Number(match[3]) }
}

async function storedMap({ etcd, keys }: Pick<OpenedCluster, 'keys'> & { readonly etcd: Pick<Etcd, 'find'> }) {
  const { value } = await etcd.find(keys.map)
  if (value === null) throw new MapError('there is no such cluster: create it with haypile cluster create')
  return { map: mapOf(value.value), modRevision: value.modRevision }
}

/** Asks nodes for their ids. They must be empty and have a lease in this cluster. */
async function newNodes({ ask, etcd, keys }: OpenedCluster, words: readonly string[]): Promise<MapNode[]> {
  const { values } = await etcd.findAll(keys.nodes)
  const nodes: MapNode[] = []
  for (const address of words.map(addressOfNode)) {
    const name = addressText(address)
    const [id, keyspace] = await ask(address, [
      ['CLUSTER', 'MYID'],
      ['INFO', 'keyspace'],
    ])
    if (id instanceof NodeRefusal) throw new MapError(`${name} is in no cluster: start it with cluster-enabled (${id.message})`)
    if (!values.some(({ key }) => key === `${keys.nodes}${String(id)}`))
      throw new MapError(`${name} has no lease in this cluster: start it with cluster-etcd and cluster-name`)
    if ([...infoFields(keyspace).keys()].some((field) => /^db\d/.test(field))) throw new MapError(`${name} is not empty`)
    nodes.push({ id: String(id), ...address })
  }
  return nodes
}

async function save({ etcd, keys }: OpenedCluster, map: ClusterMap, modRevision: number): Promise<ClusterMap> {
  const { isDone } = await etcd.transact({
    conditions: [{ key: keys.map, modRevision }],
    operations: [{ put: keys.map, value: textOfMap(map) }],
  })
  if (!isDone) throw new MapError(modRevision === 0 ? 'there is such a cluster already' : 'the map has changed meanwhile: try again')
  return map
}

/** Waits until the coordinator has made a node the master. */
async function handedOver(opened: OpenedCluster, address: NodeAddress): Promise<ClusterMap> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const { map } = await storedMap(opened)
    if (map.shards.some(({ master }) => isAt(master, address))) return map
    if (!map.shards.some(({ handover }) => handover !== null))
      throw new MapError('the master refuses the handover: the log of the coordinator has the reason')
    if (waitedMs >= HANDOVER_TIMEOUT_MS)
      throw new MapError(`no handover within ${HANDOVER_TIMEOUT_MS / 1000} s, and it is still wanted: does a coordinator run?`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
