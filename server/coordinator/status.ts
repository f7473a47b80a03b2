/** The state of a cluster, from its map and the answers of its nodes. */
import { addressText } from '../../base/address-text.ts'
import { type ClusterMap, type MapNode, nodesOf, rangeText, type SlotRange } from '../cluster-map/map.ts'
import { type AskNode, infoFields, NodeFailure } from './node-requests.ts'

interface NodeStatus {
  readonly id: string
  readonly address: string
  /** The role in the map. */
  readonly role: 'master' | 'replica'
  /** Null if it is well; otherwise the reason why it is not. */
  readonly problem: string | null
  /** The end of its log; null if it does not answer. */
  readonly offset: number | null
}

export interface ClusterStatus {
  readonly version: number
  readonly coordinator: string | null
  readonly shards: readonly {
    readonly slots: readonly SlotRange[]
    readonly handover: string | null
    readonly nodes: readonly NodeStatus[]
  }[]
}

interface StatusSource {
  readonly etcd: { find(key: string): Promise<{ readonly value: { readonly value: string } | null }> }
  readonly keys: { readonly coordinator: string }
  readonly ask: AskNode
}

export async function readStatus({ etcd, keys, ask }: StatusSource, { version, shards }: ClusterMap): Promise<ClusterStatus> {
  const coordinator = (await etcd.find(keys.coordinator)).value?.value ?? null
  const read = shards.map(async (shard) => ({
    slots: shard.slots,
    handover: shard.handover,
    nodes: await Promise.all(nodesOf(shard).map((node) => nodeStatus(ask, node, node === shard.master ? 'master' : 'replica'))),
  }))
  return { version, coordinator, shards: await Promise.all(read) }
}

async function nodeStatus(ask: AskNode, node: MapNode, role: 'master' | 'replica'): Promise<NodeStatus> {
  const known = { id: node.id, address: addressText(node), role }
  try {
    const [info] = await ask(node, [['INFO', 'replication', 'cluster']])
    const fields = infoFields(info)
    return {
      ...known,
      problem: problemOf(fields, role),
      offset: Number(fields.get('slave_repl_offset') ?? fields.get('master_repl_offset')),
    }
  } catch (error) {
    if (!(error instanceof NodeFailure)) throw error
    return { ...known, problem: error.message, offset: null }
  }
}

function problemOf(fields: ReadonlyMap<string, string>, role: 'master' | 'replica'): string | null {
  const actual = fields.get('role') === 'master' ? 'master' : 'replica'
  if (actual !== role) return `it is a ${actual}, not the ${role} that the map says`
  if (role === 'replica')
    return fields.get('master_link_status') === 'up' ? null : `no link to its master: ${fields.get('repl_last_error') ?? ''}`
  return fields.get('cluster_writes_refused') === '0' ? null : (fields.get('cluster_writes_refused_reason') ?? 'it has no lease')
}

/** True if a coordinator is elected and every node is well. */
export function isHealthy({ coordinator, shards }: ClusterStatus): boolean {
  return coordinator !== null && shards.every(({ nodes }) => nodes.every(({ problem }) => problem === null))
}

export function statusLines({ version, coordinator, shards }: ClusterStatus): string {
  const lines = [`map ${version}, coordinator ${coordinator ?? 'none'}`]
  for (const [i, { slots, nodes }] of shards.entries()) {
    lines.push(`shard ${i + 1}: slots ${slots.length === 0 ? 'none' : slots.map(rangeText).join(' ')}`)
    for (const { address, role, problem, offset } of nodes)
      lines.push(`  ${role.padEnd(7)} ${address}  ${problem === null ? `well, offset ${offset}` : problem}`)
  }
  return `${lines.join('\n')}\n`
}
