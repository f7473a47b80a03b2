/**
 * The map of a cluster: its shards, their nodes and slots. It is one value of etcd, as JSON:
 *
 *   {"format":1,"version":7,"shards":[
 *     {"master":NODE,"replicas":[NODE ...],"slots":[[0,8191] ...],"handover":ID or null} ...]}
 *   NODE: {"id":"40 hexadecimal digits","host":"10.0.0.1","port":6379}
 *
 * `format` never changes its meaning; another layout gets another number. `version` grows with
 * each change that nodes must know. `handover` names the replica that is to take over from a
 * master that is alive. The text may come from anyone who can write to etcd: `mapOf` checks it all.
 */
import { SLOTS } from '../../base/hash-slots.ts'

const FORMAT = 1
const MAX_NODES = 1000
const MAX_TEXT_LENGTH = 1024 * 1024
const MAX_HOST_LENGTH = 255

export interface MapNode {
  readonly id: string
  readonly host: string
  readonly port: number
}

/** The first and the last slot. */
export type SlotRange = readonly [number, number]

export interface MapShard {
  readonly master: MapNode
  readonly replicas: readonly MapNode[]
  /** In ascending order, without overlap. */
  readonly slots: readonly SlotRange[]
  /** The id of the replica that is to take over; null for none. */
  readonly handover: string | null
}

export interface ClusterMap {
  readonly version: number
  readonly shards: readonly MapShard[]
}

/** A text is no map, or a change is not possible. */
export class MapError extends Error {
  override readonly name = 'MapError'
}

export const isNodeId = (text: string) => /^[0-9a-f]{40}$/.test(text)

export function textOfMap({ version, shards }: ClusterMap): string {
  return JSON.stringify({
    format: FORMAT,
    version,
    shards: shards.map(({ master, replicas, slots, handover }) => ({
      master: plainNode(master),
      replicas: replicas.map(plainNode),
      slots,
      handover,
    })),
  })
}

const plainNode = ({ id, host, port }: MapNode): MapNode => ({ id, host, port })

/** Reads a map. Throws MapError. */
export function mapOf(text: string): ClusterMap {
  if (text.length > MAX_TEXT_LENGTH) throw new MapError('the map is too long')
  const { format, version, shards } = fieldsOf(parsedJson(text, 'the map'), 'the map')
  if (format !== FORMAT) throw new MapError(`the map has format ${String(format)}, and this version reads ${FORMAT}`)
  const map = { version: integerIn(version, 1, Number.MAX_SAFE_INTEGER, 'version'), shards: itemsOf(shards, 'shards').map(shardOf) }
  requireConsistent(map)
  return map
}

/** Parses JSON. Throws MapError. */
export function parsedJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new MapError(`${what} is no JSON`)
  }
}

/** Throws MapError if two entries of a map contradict each other. */
export function requireConsistent({ shards }: ClusterMap): void {
  const nodes = shards.flatMap((shard) => nodesOf(shard))
  if (nodes.length > MAX_NODES) throw new MapError(`a map has at most ${MAX_NODES} nodes`)
  requireDistinct(
    nodes.map(({ id }) => id),
    'node id',
  )
  requireDistinct(
    nodes.map(({ host, port }) => `${host}:${port}`),
    'address',
  )
  let next = 0
  for (const [first, last] of shards.flatMap(({ slots }) => slots).sort(([a], [b]) => a - b)) {
    if (first < next) throw new MapError(`slot ${first} has two owners`)
    next = last + 1
  }
}

function requireDistinct(words: readonly string[], what: string): void {
  const seen = new Set<string>()
  for (const word of words) {
    if (seen.has(word)) throw new MapError(`the ${what} ${word} occurs twice`)
    seen.add(word)
  }
}

export const nodesOf = ({ master, replicas }: MapShard): readonly MapNode[] => [master, ...replicas]

/** The place of a node in the map. */
export interface NodePlace {
  readonly shard: MapShard
  readonly node: MapNode
  readonly role: 'master' | 'replica'
}

/** Returns the place of the node with an id; null if the map does not have it. */
export function placeOf({ shards }: ClusterMap, id: string): NodePlace | null {
  for (const shard of shards) {
    const node = nodesOf(shard).find((one) => one.id === id)
    if (node !== undefined) return { shard, node, role: node === shard.master ? 'master' : 'replica' }
  }
  return null
}

/** Returns the map as CLUSTERX SETNODES takes it: a line for each node. */
export function setNodesText({ shards }: ClusterMap): string {
  const lines = shards.flatMap(({ master, replicas, slots }) => [
    [master.id, master.host, master.port, 'master', '-', ...slots.map(rangeText)].join(' '),
    ...replicas.map(({ id, host, port }) => [id, host, port, 'slave', master.id].join(' ')),
  ])
  return lines.join('\n')
}

export const rangeText = ([first, last]: SlotRange): string => (first === last ? String(first) : `${first}-${last}`)

function shardOf(value: unknown): MapShard {
  const { master, replicas, slots, handover } = fieldsOf(value, 'a shard')
  const shard = {
    master: nodeOf(master),
    replicas: itemsOf(replicas, 'replicas').map(nodeOf),
    slots: itemsOf(slots, 'slots')
      .map(rangeOf)
      .sort(([a], [b]) => a - b),
    handover: handover ?? null,
  }
  const target = shard.handover
  if (target === null) return { ...shard, handover: null }
  if (typeof target !== 'string' || !shard.replicas.some(({ id }) => id === target))
    throw new MapError('handover names no replica of the shard')
  return { ...shard, handover: target }
}

function nodeOf(value: unknown): MapNode {
  const { id, host, port } = fieldsOf(value, 'a node')
  if (typeof id !== 'string' || !isNodeId(id)) throw new MapError('a node id is not 40 hexadecimal digits')
  return { id, host: requireHost(host), port: integerIn(port, 1, 65_535, 'port') }
}

/** Returns a host name or address. Throws MapError. */
export function requireHost(host: unknown): string {
  if (typeof host !== 'string' || host.length > MAX_HOST_LENGTH || !/^[A-Za-z0-9:._%-]+$/.test(host))
    throw new MapError('a host is no name or address')
  return host
}

function rangeOf(value: unknown): SlotRange {
  const ends = itemsOf(value, 'a range of slots')
  if (ends.length !== 2) throw new MapError('a range of slots has two ends')
  const first = integerIn(ends[0], 0, SLOTS - 1, 'slot')
  return [first, integerIn(ends[1], first, SLOTS - 1, 'slot')]
}

function fieldsOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new MapError(`${what} is no object`)
  return value as Readonly<Record<string, unknown>>
}

function itemsOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new MapError(`${what} is no list`)
  return value
}

function integerIn(value: unknown, min: number, max: number, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw new MapError(`${what} is no integer of ${min} to ${max}`)
  return value
}
