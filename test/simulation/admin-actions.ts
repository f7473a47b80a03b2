/**
 * The actions of clients and operators. An action that does not fit the moment returns null.
 */
import { Refusal } from '../../replication/protocol/messages.ts'
import type { Cluster } from './cluster.ts'
import type { SimulatedNode } from './node.ts'
import type { SimulatedProcess } from './process.ts'
import { PORT } from './settings.ts'
import { writeSome } from './workload.ts'

/** Does something. Returns a description. */
export type Act = (cluster: Cluster) => string | null

/** A node that is up. */
export function pickNode(cluster: Cluster): SimulatedNode | null {
  const up = cluster.nodes.filter((node) => node.isUp && node.process?.isReloading === false)
  return up.length === 0 ? null : cluster.chance.pick(up)
}

/** Runs an operator's request on a node. Returns a description of the outcome. */
function ask(node: SimulatedNode, what: string, action: (process: SimulatedProcess) => unknown): string {
  const process = node.process as SimulatedProcess
  process.wake()
  try {
    const result = action(process)
    return `${node.name}: ${what}${typeof result === 'string' ? ` (${result})` : ''}`
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!(error instanceof Refusal) && code !== 'ENOSPC') throw error
    return `${node.name}: ${what}: refused, ${error instanceof Refusal ? message : `${code} ${message}`}`
  }
}

export const write: Act = (cluster) => {
  const { chance } = cluster
  const writable = cluster.nodes.filter((node) => cluster.takesWrites(node))
  if (writable.length === 0) return null
  const node = chance.pick(writable)
  const process = node.process as SimulatedProcess
  process.wake()
  return `${node.name}: ${writeSome(process, chance, node.clock.wallMs(), cluster.settings.writes)} writes`
}

/** A write, and WAIT or WAITAOF for it: every replica that is counted must have it. */
export const writeAndWait: Act = (cluster) => {
  const { chance, nodes } = cluster
  const writable = nodes.filter((node) => cluster.takesWrites(node))
  if (writable.length === 0) return null
  const node = chance.pick(writable)
  const process = node.process as SimulatedProcess
  process.endTurn()
  if (!cluster.takesWrites(node)) return null
  const after = process.storage.binlog.end.offset
  process.run(0, 'SET', 'await', String(100_000 + (after % 900_000)))
  const what = chance.pick(['applied', 'synced'] as const)
  const replicas = 1 + chance.integer(nodes.length - 1)
  const lives = livesOf(cluster)
  const waiting = process.replication?.wait({}, { after, mustBeDurableHere: false, replicas, what, timeoutMs: 1 + chance.integer(2000) })
  waiting?.then(
    (result) => {
      node.note(`WAIT of ${after}: ${result.replicas} of ${replicas}, ${what}`)
      if (livesOf(cluster) === lives) node.guard(() => checkWait(cluster, node, after, result.replicas))
    },
    (error: Error) => node.note(`WAIT of ${after}: ${error.message}`),
  )
  return `${node.name}: writes and waits for ${replicas}, ${what}`
}

/**
 * Changes when a process ends or a node's data is replaced: acknowledged writes from before may be
 * gone.
 */
const livesOf = ({ crashes, nodes }: Cluster) => [crashes, ...nodes.map(({ process }) => `${process?.runId} ${process?.epoch}`)].join()

function checkWait({ nodes }: Cluster, node: SimulatedNode, after: number, counted: number): void {
  const [group] = node.track.after(after)
  if (group === undefined) {
    if (counted > 0) throw new Error(`${node.name}: WAIT counts ${counted} for what is not in the binlog`)
    return
  }
  const others = nodes.filter(
    (other) => other !== node && (other.track.crcAt(group.offset) === group.crc || other.track.start.offset > group.offset),
  )
  if (counted > others.length)
    throw new Error(`${node.name}: WAIT of ${after} counts ${counted}, and ${others.map(({ name }) => name).join(' ')} have it`)
}

/** Sends PURGELOGSTO. */
export const purge: Act = (cluster) => {
  const node = pickNode(cluster)
  if (node === null) return null
  return ask(node, 'PURGELOGSTO', ({ storage }) => {
    const { startOffset, end } = storage.binlog
    return `${storage.purgeTo(startOffset + cluster.chance.integer(end.offset - startOffset + 1))} segments`
  })
}

export const slaveOf: Act = (cluster) => {
  const { chance, settings } = cluster
  const node = pickNode(cluster)
  if (node === null || settings.roles === 'failover' || (settings.roles === 'fixed' && node === cluster.nodes[0])) return null
  const master = chance.pick(cluster.nodes)
  if (settings.roles === 'fixed' && master === node) return null
  const how = chance.random() < 0.08 ? 'full' : 'partial'
  return ask(node, `SLAVEOF ${master.name}, ${how}`, ({ replication }) => replication?.follow(master.ip, PORT, how))
}

/** Leaves the master and returns with nothing between, which Pika's replicas did not survive. */
export const leaveAndReturn: Act = (cluster) => {
  const node = pickNode(cluster)
  const master = node?.process?.storage.identity.master
  if (node === null || master === null || master === undefined || cluster.settings.roles === 'failover') return null
  return ask(node, `SLAVEOF NO ONE and back to ${master.host}`, ({ replication }) => {
    replication?.leave()
    return replication?.follow(master.host, master.port, 'partial')
  })
}

export const leave: Act = (cluster) => {
  const node = pickNode(cluster)
  return node === null ? null : ask(node, 'SLAVEOF NO ONE', ({ replication }) => replication?.leave())
}

export const failover: Act = (cluster) => {
  const { chance } = cluster
  const masters = cluster.nodes.filter((node) => node.isUp && node.process?.replication?.isReplica === false)
  if (masters.length === 0) return null
  const node = chance.pick(masters)
  const target = chance.random() < 0.5 ? null : chance.pick(cluster.nodes)
  const to = target === null ? null : { host: target.ip, port: PORT }
  const isForced = cluster.settings.roles === 'free' && to !== null && chance.random() < 0.2
  const timeoutMs = isForced || chance.random() < 0.7 ? 50 + chance.integer(3000) : 0
  if (chance.random() < Math.min(0.5, cluster.settings.trouble.crashes)) {
    const other = chance.pick(cluster.nodes)
    other.crashAt(chance.pick(['kill', 'power loss'] as const), chance.integer(12))
  }
  return ask(node, `FAILOVER to ${target?.name ?? 'any'}${isForced ? ' FORCE' : ''} TIMEOUT ${timeoutMs}`, ({ replication }) =>
    replication?.startFailover({ to, isForced, timeoutMs }),
  )
}

export const abort: Act = (cluster) => {
  // A node that reloads its data refuses commands.
  const node = cluster.nodes.find(
    ({ isUp, process }) => isUp && process?.isReloading === false && process.replication?.failover.state !== 'no-failover',
  )
  return node === undefined ? null : ask(node, 'FAILOVER ABORT', ({ replication }) => replication?.abortFailover())
}

export const clearId: Act = (cluster) => {
  const node = pickNode(cluster)
  cluster.hasForgotten = true
  return node === null ? null : ask(node, 'CLEARREPLICATIONID', ({ replication }) => replication?.clearReplicationId())
}

export const checkpoint: Act = (cluster) => {
  const node = pickNode(cluster)
  if (node === null) return null
  return ask(node, 'SAVE', ({ storage }) => void storage.checkpointer.request().catch(() => {}))
}

export const reconnect: Act = (cluster) => {
  const node = pickNode(cluster)
  if (node?.process?.replication?.isReplica !== true) return null
  return ask(node, 'CLIENT KILL TYPE master', ({ replication }) => replication?.link.reconnect('killed by CLIENT KILL'))
}

export const reload: Act = (cluster) => {
  const node = pickNode(cluster)
  const storage = node?.process?.storage
  if (node === null || storage === undefined || storage.stalled !== null || storage.isReloading || storage.checkpointer.isReopening)
    return null
  const process = node.process as SimulatedProcess
  process.endTurn()
  if (storage.stalled !== null) return null
  node.observe()
  cluster.supervise(node, process.reload())
  return `${node.name}: DEBUG RELOAD`
}
