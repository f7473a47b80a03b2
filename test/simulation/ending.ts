/**
 * The end of a cluster: all faults are over, one node becomes the master, and all others follow it,
 * directly or in a chain. Then all nodes must become equal, and stay equal without warnings or
 * reconnects.
 */
import { checkDirectory } from '../../storage/check/check.ts'
import { checkMemory } from '../support/harness/engine-invariants.ts'
import type { Cluster } from './cluster.ts'
import { keyOf, readRange } from './histories.ts'
import type { SimulatedNode } from './node.ts'
import { PORT } from './settings.ts'
import { writeSome } from './workload.ts'

const START_MS = 10_000
const CONVERGE_MS = 60_000
const SILENCE_MS = 3000

export async function end(cluster: Cluster): Promise<void> {
  heal(cluster)
  await cluster.runUntil(
    () => cluster.nodes.every((node) => node.isUp && !cluster.isStopping(node) && !isBusy(node)),
    START_MS,
    'the start of all nodes',
    () => describeCluster(cluster),
  )
  // Reveals pending failures of LevelDB.
  for (const { process } of cluster.nodes) process?.storage.checkpointer.request().catch(() => {})
  await appointMaster(cluster)
  await converge(cluster)
  const master = masters(cluster)[0] as SimulatedNode
  for (let turns = 0; turns < 5; turns++) {
    master.process?.wake()
    if (cluster.takesWrites(master))
      writeSome(master.process as NonNullable<typeof master.process>, cluster.chance, master.clock.wallMs(), cluster.settings.writes)
    await cluster.runForMs(50)
  }
  await cluster.runForMs(cluster.settings.replication.timeoutMs + 1000) // detects one-way links
  await converge(cluster)
  await checkQuiet(cluster)
  await leaveAndReturn(cluster)
  checkSameData(cluster, master)
  await close(cluster)
}

function heal(cluster: Cluster): void {
  cluster.note('all faults are over')
  cluster.isHealed = true
  cluster.network.heal()
  cluster.strays.closeAll()
  for (const { process } of cluster.nodes) {
    if (process === null) continue
    process.mustBreakNextCommand = false
    process.unknownCommands = 0
  }
  for (const lift of cluster.faults.splice(0)) lift()
  for (const { disk, records } of cluster.nodes) {
    disk.files.onOperation = undefined
    records?.mend()
    disk.files.capacityBytes = 2 ** 40
    disk.files.releaseSyncs()
    records?.releaseWrites()
  }
}

const isBusy = ({ process }: SimulatedNode) =>
  process?.isReloading === true || process?.storage.isReloading === true || process?.storage.stalled !== null

const masters = (cluster: Cluster) => cluster.nodes.filter(({ process }) => process?.replication?.isReplica === false)

async function appointMaster(cluster: Cluster): Promise<void> {
  const { chance, nodes, settings } = cluster
  const wait = (condition: () => boolean, what: string) => cluster.runUntil(condition, CONVERGE_MS, what, () => describeCluster(cluster))
  if (settings.roles === 'failover') {
    await wait(() => masters(cluster).length === 1 && nodes.every(hasNoFailover), 'one master')
    return
  }
  if (settings.roles === 'fixed') {
    followInChains(cluster, nodes[0] as SimulatedNode)
    return
  }
  for (const { process } of nodes) {
    process?.wake()
    process?.replication?.failover.abort('all faults are over')
  }
  const master = chance.pick(nodes)
  master.process?.replication?.leave()
  followInChains(cluster, master)
}

const hasNoFailover = ({ process }: SimulatedNode) => process?.replication?.failover.state === 'no-failover'

/** All follow the master, or one of its followers, to a depth of three. */
function followInChains(cluster: Cluster, master: SimulatedNode): void {
  const placed: { readonly node: SimulatedNode; readonly depth: number }[] = [{ node: master, depth: 0 }]
  for (const node of cluster.nodes.filter((other) => other !== master)) {
    const { node: upstream, depth } = cluster.chance.pick(placed.filter((place) => place.depth < 3))
    node.process?.wake()
    const outcome = node.process?.replication?.follow(upstream.ip, PORT, 'partial')
    cluster.note(`${node.name} is to follow ${upstream.name}: ${outcome}`)
    placed.push({ node, depth: depth + 1 })
  }
}

async function converge(cluster: Cluster): Promise<void> {
  const isDone = () => {
    const [first] = cluster.nodes
    const replicas = cluster.nodes.filter(({ process }) => process?.replication?.isReplica === true)
    if (first === undefined || replicas.length !== cluster.nodes.length - 1) return false
    return (
      replicas.every(({ process }) => process?.replication?.link.isUp === true) &&
      cluster.nodes.every(({ track }) => keyOf(track.end) === keyOf(first.track.end))
    )
  }
  await cluster.runUntil(isDone, CONVERGE_MS, 'equal logs on all nodes', () => describeCluster(cluster))
}

/** No node reconnects, and none logs a warning. */
async function checkQuiet(cluster: Cluster): Promise<void> {
  const before = cluster.nodes.map(({ process }) => process?.dialled)
  cluster.isQuiet = true
  await cluster.runForMs(SILENCE_MS)
  cluster.isQuiet = false
  for (const [index, node] of cluster.nodes.entries()) {
    if (node.process?.dialled !== before[index]) throw new Error(`${node.name} has connected anew though all is well`)
  }
  await converge(cluster)
}

/**
 * SLAVEOF NO ONE and back with nothing between: in step again within a second, without a full sync.
 */
async function leaveAndReturn(cluster: Cluster): Promise<void> {
  const node = cluster.chance.pick(cluster.nodes.filter(({ process }) => process?.replication?.isReplica === true))
  const replication = node.process?.replication
  const master = node.process?.storage.identity.master
  if (replication === undefined || replication === null || master === undefined || master === null)
    throw new Error(`${node.name} is no replica`)
  const { fullSyncs } = replication.link.view
  node.process?.wake()
  replication.leave()
  replication.follow(master.host, master.port, 'partial')
  cluster.note(`${node.name} leaves and returns`)
  await cluster.runUntil(
    () => replication.link.isUp,
    1000,
    `the link of ${node.name} after its return`,
    () => describeCluster(cluster),
  )
  await converge(cluster)
  if (replication.link.view.fullSyncs !== fullSyncs) throw new Error(`${node.name} needed a full sync to come back`)
}

function checkSameData(cluster: Cluster, master: SimulatedNode): void {
  for (const node of cluster.nodes) {
    node.compareContent()
    checkMemory((node.process as NonNullable<typeof node.process>).storage.keyspace)
    compareBytes(node, master)
  }
  if (!cluster.isLossless) return
  const kept = cluster.histories.ancestors(master.track.end)
  const lost = cluster.acknowledged.filter((position) => !kept.has(position))
  if (lost.length > 0) throw new Error(`acknowledged and lost: ${lost.slice(0, 10).join(', ')} of ${cluster.acknowledged.length}`)
}

function compareBytes(node: SimulatedNode, master: SimulatedNode): void {
  const [a, b] = [node.process?.storage.binlog, master.process?.storage.binlog]
  if (a === undefined || b === undefined) throw new Error('a binlog is missing')
  const from = Math.max(a.startOffset, b.startOffset)
  const [left, right] = [
    readRange(node.disk.files, a.segments, from, a.end.offset),
    readRange(master.disk.files, b.segments, from, b.end.offset),
  ]
  if (!left.equals(right)) throw new Error(`the binlogs of ${node.name} and ${master.name} differ after ${from}`)
}

async function close(cluster: Cluster): Promise<void> {
  for (const node of cluster.nodes) {
    const { process, disk } = node
    if (process === null) continue
    await process.stop('save')
    cluster.network.kill(process)
    const left = disk.kill(cluster.chance.random)
    const report = await checkDirectory({ files: left.files, directory: '/data', openRecords: (path) => left.openRecords(path) })
    if (report.damages > 0) throw new Error(`${node.name}: ${JSON.stringify(report.findings)}`)
  }
}

function describeCluster(cluster: Cluster): string {
  return cluster.nodes
    .map(({ name, process, track }) => {
      if (process === null || process.replication === null) return `${name}: not up`
      const { storage, replication } = process
      const { link, master, failover } = replication
      const replicas = master.replicas.online().map(({ ip, state, applied }) => `${ip} ${state} ${applied}`)
      return [
        `${name}: ${storage.role} at ${keyOf(track.end)}, id ${storage.identity.replicationId.slice(0, 8)}, master ${JSON.stringify(storage.identity.master)}`,
        `  link ${JSON.stringify(link.view)}`,
        `  replicas: ${replicas.join('; ')}; ${failover.state}; stalled: ${storage.stalled}; writes paused: ${replication.isWritingPaused}`,
      ].join('\n')
    })
    .join('\n')
}
