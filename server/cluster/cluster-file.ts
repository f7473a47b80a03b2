/**
 * The file cluster.json in the data directory: this node's id and its map of the cluster. It is
 * replaced as a whole, with fsync and rename, before a command that changes it is answered.
 *
 * On disk: an object with `format` 1 and `crc`, the CRC-32 of the JSON of its field `cluster`.
 */
import { join } from 'node:path'
import { type Bytes, bufferOf, bytesOf } from '../../base/bytes.ts'
import { ClientError } from '../../base/client-error.ts'
import { contentOf, type Files, replaceFileSync } from '../../base/files.ts'
import { NodesMap, parseRange, rangesWhere, rangeText, requireNodeId } from '../../commands/cluster/cluster-map.ts'
import { crc32Of } from '../../storage/records/checksums.ts'
import { DamageError } from '../../storage/records/records.ts'

const ADVICE = 'remove it to start without a map, or restore it; CLUSTERX SETNODEID and SETNODES set id and map again'

/** A slot that moves to or from another master. */
export interface OpenSlot {
  readonly how: 'migrating' | 'importing'
  /** The id of the other master. */
  readonly peer: Bytes
}

/** The state of a node of a cluster that outlives the process. */
export interface ClusterState {
  readonly nodeId: Bytes
  readonly map: NodesMap
  /** Slots that this node has owned, whose keys have not all been swept. */
  readonly left: ReadonlySet<number>
  readonly open: ReadonlyMap<number, OpenSlot>
}

/** The field `cluster` of the file. */
interface StoredCluster {
  readonly id: string
  readonly version: number
  readonly nodes: string
  /** Ranges, separated by spaces. */
  readonly left: string
  readonly open: readonly (readonly [slot: number, how: OpenSlot['how'], peer: string])[]
}

export function clusterFilePath(directory: string): string {
  return join(directory, 'cluster.json')
}

/** Returns the stored state; null if there is none. Throws DamageError. */
export function loadCluster(files: Files, directory: string): ClusterState | null {
  const path = clusterFilePath(directory)
  if (!files.existsSync(path)) return null
  try {
    return decode(bytesOf(contentOf(files, path)))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ClientError || error instanceof DamageError)
      throw new DamageError(`${path} is damaged (${error.message}); ${ADVICE}`)
    throw error
  }
}

/** Stores the state durably. Throws the file system's error. */
export function saveCluster(files: Files, directory: string, state: ClusterState): void {
  replaceFileSync(files, clusterFilePath(directory), bufferOf(encode(state)))
}

function encode({ nodeId, map, left, open }: ClusterState): Bytes {
  const cluster: StoredCluster = {
    id: nodeId,
    version: map.version,
    nodes: map.toText(),
    left: rangesWhere((slot) => left.has(slot))
      .map(rangeText)
      .join(' '),
    open: Array.from(open, ([slot, { how, peer }]) => [slot, how, peer] as const),
  }
  return `${JSON.stringify({ format: 1, cluster, crc: crcOf(cluster) }, null, 2)}\n`
}

function decode(text: Bytes): ClusterState {
  const file = JSON.parse(text) as { readonly format?: unknown; readonly cluster?: Partial<StoredCluster>; readonly crc?: unknown }
  const { cluster } = file
  if (file.format !== 1 || typeof cluster !== 'object' || file.crc !== crcOf(cluster)) throw new DamageError('wrong format or checksum')
  const { id = '', version = -1, nodes = '', left = '', open = [] } = cluster
  const slots = new Set<number>()
  for (const { first, last } of left.split(' ').filter(Boolean).map(parseRange))
    for (let slot = first; slot <= last; slot++) slots.add(slot)
  return {
    nodeId: requireNodeId(id),
    map: version < 0 ? NodesMap.none : NodesMap.parse(nodes, version),
    left: slots,
    open: new Map(open.map(([slot, how, peer]) => [slot, { how, peer }])),
  }
}

function crcOf(cluster: object): number {
  const bytes = bufferOf(JSON.stringify(cluster))
  return crc32Of(bytes, 0, bytes.length)
}
