/** What people, clients and misfortune do to the world. An action that does not fit the moment returns null, and another one is drawn. */
import { Refusal } from '../../replication/messages.ts'
import { breakConnection } from './connection-faults.ts'
import type { Crash, SimulatedNode } from './node.ts'
import type { SimulatedProcess } from './process.ts'
import { PORT } from './settings.ts'
import { writeSome } from './workload.ts'
import type { World } from './world.ts'

type Act = (world: World) => string | null

interface Action {
  readonly weight: (world: World) => number
  readonly act: Act
}

const always = () => 1
const free = ({ settings }: World) => (settings.roles === 'free' ? 1 : 0)
const network = ({ settings }: World) => settings.trouble.network
const crashes = ({ settings }: World) => settings.trouble.crashes
const disks = ({ settings }: World) => settings.trouble.disk
const clocks = ({ settings }: World) => settings.trouble.clocks
const times =
  (factor: number, weight: Action['weight']): Action['weight'] =>
  (world) =>
    factor * weight(world)

/** Someone who is up. */
function anyone(world: World): SimulatedNode | null {
  const up = world.nodes.filter((node) => node.isUp && node.process?.isReloading === false)
  return up.length === 0 ? null : world.chance.pick(up)
}

/** Something that an operator asks of a node: what came of it, in words. */
function ask(node: SimulatedNode, what: string, action: (process: SimulatedProcess) => unknown): string {
  const process = node.process as SimulatedProcess
  process.wake()
  try {
    const result = action(process)
    return `${node.name}: ${what}${typeof result === 'string' ? ` (${result})` : ''}`
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!(error instanceof Refusal) && code !== 'ENOSPC') throw error
    return `${node.name}: ${what}: refused, ${code} ${message}`
  }
}

const write: Act = (world) => {
  const { chance } = world
  const writable = world.nodes.filter((node) => world.takesWrites(node))
  if (writable.length === 0) return null
  const node = chance.pick(writable)
  const process = node.process as SimulatedProcess
  process.wake()
  return `${node.name}: ${writeSome(process, chance, node.clock.wallMs())} writes`
}

const slaveOf: Act = (world) => {
  const { chance, settings } = world
  const node = anyone(world)
  if (node === null || settings.roles === 'failover' || (settings.roles === 'fixed' && node === world.nodes[0])) return null
  const master = chance.pick(world.nodes)
  if (settings.roles === 'fixed' && master === node) return null
  const how = chance.random() < 0.08 ? 'full sync' : 'from where we are'
  return ask(node, `SLAVEOF ${master.name}, ${how}`, ({ replication }) => replication?.follow(master.ip, PORT, how))
}

/** With nothing between: what Pika's replicas did not survive. */
const leaveAndReturn: Act = (world) => {
  const node = anyone(world)
  const master = node?.process?.storage.identity.master
  if (node === null || master === null || master === undefined || world.settings.roles === 'failover') return null
  return ask(node, `SLAVEOF NO ONE and back to ${master.host}`, ({ replication }) => {
    replication?.leave()
    return replication?.follow(master.host, master.port, 'from where we are')
  })
}

const leave: Act = (world) => {
  const node = anyone(world)
  return node === null ? null : ask(node, 'SLAVEOF NO ONE', ({ replication }) => replication?.leave())
}

const failover: Act = (world) => {
  const { chance } = world
  const masters = world.nodes.filter((node) => node.isUp && node.process?.replication?.isReplica === false)
  if (masters.length === 0) return null
  const node = chance.pick(masters)
  const target = chance.random() < 0.5 ? null : chance.pick(world.nodes)
  const to = target === null ? null : { host: target.ip, port: PORT }
  const force = world.settings.roles === 'free' && to !== null && chance.random() < 0.2
  const timeoutMs = force || chance.random() < 0.7 ? 50 + chance.integer(3000) : 0
  return ask(node, `FAILOVER to ${target?.name ?? 'any'}${force ? ' FORCE' : ''} TIMEOUT ${timeoutMs}`, ({ replication }) =>
    replication?.startFailover({ to, force, timeoutMs }),
  )
}

const abort: Act = (world) => {
  const mayAbort = world.settings.roles === 'free' ? ['waiting-for-sync', 'failover-in-progress'] : ['waiting-for-sync']
  const node = world.nodes.find(({ isUp, process }) => isUp && mayAbort.includes(process?.replication?.failover.state ?? ''))
  return node === undefined ? null : ask(node, 'FAILOVER ABORT', ({ replication }) => void replication?.failover.abort('told to'))
}

const clearId: Act = (world) => {
  const node = anyone(world)
  return node === null ? null : ask(node, 'CLEARREPLICATIONID', ({ replication }) => replication?.clearReplicationId())
}

const checkpoint: Act = (world) => {
  const node = anyone(world)
  if (node === null) return null
  return ask(node, 'SAVE', ({ storage }) => void storage.checkpointer.request().catch(() => {}))
}

const reconnect: Act = (world) => {
  const node = anyone(world)
  if (node?.process?.replication?.isReplica !== true) return null
  return ask(node, 'CLIENT KILL TYPE master', ({ replication }) => replication?.link.reconnect('killed by CLIENT KILL'))
}

const reload: Act = (world) => {
  const node = anyone(world)
  const storage = node?.process?.storage
  if (node === null || storage === undefined || storage.stalled !== null || storage.isReloading || storage.checkpointer.isReopening)
    return null
  const process = node.process as SimulatedProcess
  process.endTurn()
  if (storage.stalled !== null) return null
  node.observe()
  world.own(node, process.reload())
  return `${node.name}: DEBUG RELOAD`
}

const crash = (how: Crash): Act => {
  return (world) => {
    const { chance } = world
    const node = chance.pick(world.nodes)
    if (node.process === null || world.isStopping(node)) return null
    if (chance.random() < 0.4) node.crash(how)
    else node.crashAt(how, chance.integer(chance.random() < 0.5 ? 6 : 60))
    return `${node.name}: ${how}, now or in the middle of something`
  }
}

const stop: Act = (world) => {
  const node = anyone(world)
  if (node === null || world.isStopping(node)) return null
  world.stop(node, world.chance.random() < 0.7 ? 'save' : 'nosave')
  return `${node.name}: SHUTDOWN`
}

const breakOne: Act = (world) => breakConnection(world.network)

const partition: Act = (world) => {
  const [a, b] = [world.chance.pick(world.nodes), world.chance.pick(world.nodes)]
  if (a === b) return null
  const lengthMs = world.chance.random() * 4000
  world.network.part(a.ip, b.ip)
  world.schedule.after(lengthMs, () => world.network.join(a.ip, b.ip))
  return `partition between ${a.name} and ${b.name} for ${Math.round(lengthMs)} ms`
}

const refuse: Act = (world) => {
  const node = world.chance.pick(world.nodes)
  const address = `${node.ip}:${PORT}`
  world.network.refusing.add(address)
  world.schedule.after(world.chance.random() * 3000, () => world.network.refusing.delete(address))
  return `${node.name} takes no connections for a while`
}

const slow: Act = (world) => {
  world.network.slowMs = world.chance.pick([0, 0, 20, 200])
  return `the network is slow by ${world.network.slowMs} ms now and then`
}

const diskFull: Act = (world) => {
  const node = anyone(world)
  if (node === null) return null
  const { files } = node.disk
  files.capacityBytes = files.usedBytes + world.chance.integer(30_000)
  world.schedule.after(world.chance.random() * 4000, () => {
    node.disk.files.capacityBytes = 2 ** 40
  })
  return `${node.name}: its disk is nearly full`
}

const writeFails: Act = (world) => {
  const node = anyone(world)
  if (node === null) return null
  const { chance } = world
  const rule = { operation: 'write', code: 'ENOSPC', times: 1 + chance.integer(4), after: chance.integer(4), shortWrite: true } as const
  world.faults.push(node.disk.files.fail({ ...rule, path: /binlog/ }))
  return `${node.name}: a write to its binlog fails, or some`
}

const levelFails: Act = (world) => {
  const node = anyone(world)
  if (node === null) return null
  const { chance } = world
  node.records?.failWrites({ after: chance.integer(3), landsAtReopen: chance.random() < 0.5 })
  return `${node.name}: LevelDB fails`
}

const slowDisk: Act = (world) => {
  const node = anyone(world)
  if (node === null) return null
  const { disk, records } = node
  disk.files.holdSyncs()
  records?.holdWrites()
  world.schedule.after(world.chance.random() * 1500, () => {
    disk.files.releaseSyncs()
    records?.releaseWrites()
  })
  return `${node.name}: its disk is slow`
}

const clockJump: Act = (world) => {
  const node = world.chance.pick(world.nodes)
  const jumpMs = Math.round((world.chance.random() - 0.5) * world.chance.pick([100, 5000, 1_000_000]))
  node.wallOffsetMs += jumpMs
  return `${node.name}: its wall clock jumps by ${jumpMs} ms`
}

const ACTIONS: readonly Action[] = [
  { weight: times(12, always), act: write },
  { weight: times(0.8, always), act: slaveOf },
  { weight: times(0.5, always), act: leaveAndReturn },
  { weight: times(0.6, free), act: leave },
  { weight: ({ settings }) => ({ fixed: 0, failover: 1, free: 0.3 })[settings.roles], act: failover },
  { weight: times(0.2, always), act: abort },
  { weight: times(0.05, free), act: clearId },
  { weight: times(0.3, always), act: checkpoint },
  { weight: times(0.2, always), act: reconnect },
  { weight: times(0.1, always), act: reload },
  { weight: times(1, crashes), act: crash('kill') },
  { weight: times(1, crashes), act: crash('power loss') },
  { weight: times(0.5, crashes), act: stop },
  { weight: times(5, network), act: breakOne },
  { weight: times(0.6, network), act: partition },
  { weight: times(0.3, network), act: refuse },
  { weight: times(0.5, network), act: slow },
  { weight: times(1, disks), act: diskFull },
  { weight: times(2, disks), act: writeFails },
  { weight: times(0.5, disks), act: levelFails },
  { weight: times(2, disks), act: slowDisk },
  { weight: clocks, act: clockJump },
]

/** Does one of them. Returns what it was. */
export function actOnce(world: World): string {
  const weights = ACTIONS.map(({ weight }) => weight(world))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  for (let tries = 0; tries < 20; tries++) {
    let at = world.chance.random() * total
    const index = weights.findIndex((weight) => {
      at -= weight
      return at < 0
    })
    const done = ACTIONS[index]?.act(world) ?? null
    if (done !== null) return done
  }
  return 'nothing'
}
