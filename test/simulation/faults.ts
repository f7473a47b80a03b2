/**
 * Faults of machines, disks, clocks and the network. An action that does not fit the moment returns
 * null.
 */

import { type Act, pickNode } from './admin-actions.ts'
import type { Crash } from './machine.ts'
import { breakConnection } from './network/connection-faults.ts'
import { PORT } from './settings.ts'

export const crash = (how: Crash): Act => {
  return (cluster) => {
    const { chance } = cluster
    const node = chance.pick(cluster.nodes)
    if (node.process === null || cluster.isStopping(node)) return null
    if (chance.random() < 0.4) node.crash(how)
    else node.crashAt(how, chance.integer(chance.random() < 0.5 ? 6 : 60))
    return `${node.name}: ${how}, now or during an operation`
  }
}

export const stop: Act = (cluster) => {
  const node = pickNode(cluster)
  if (node === null || cluster.isStopping(node)) return null
  cluster.stop(node, cluster.chance.random() < 0.7 ? 'save' : 'nosave')
  return `${node.name}: SHUTDOWN`
}

export const breakLink: Act = (cluster) => breakConnection(cluster.network)

export const partition: Act = (cluster) => {
  const [a, b] = [cluster.chance.pick(cluster.nodes), cluster.chance.pick(cluster.nodes)]
  if (a === b) return null
  const lengthMs = cluster.chance.random() * 4000
  cluster.network.partition(a.ip, b.ip)
  cluster.schedule.after(lengthMs, () => cluster.network.rejoin(a.ip, b.ip))
  return `partition between ${a.name} and ${b.name} for ${Math.round(lengthMs)} ms`
}

export const refuseConnections: Act = (cluster) => {
  const node = cluster.chance.pick(cluster.nodes)
  const address = `${node.ip}:${PORT}`
  cluster.network.refusing.add(address)
  cluster.schedule.after(cluster.chance.random() * 3000, () => cluster.network.refusing.delete(address))
  return `${node.name} refuses connections for a while`
}

export const slowNetwork: Act = (cluster) => {
  cluster.network.slowMs = cluster.chance.pick([0, 0, 20, 200])
  return `the network is sometimes slow by ${cluster.network.slowMs} ms`
}

export const diskFull: Act = (cluster) => {
  const node = pickNode(cluster)
  if (node === null) return null
  const { files } = node.disk
  files.capacityBytes = files.usedBytes + cluster.chance.integer(30_000)
  cluster.schedule.after(cluster.chance.random() * 4000, () => {
    node.disk.files.capacityBytes = 2 ** 40
  })
  return `${node.name}: its disk has little room`
}

export const writeFails: Act = (cluster) => {
  const node = pickNode(cluster)
  if (node === null) return null
  const { chance } = cluster
  const rule = { operation: 'write', code: 'ENOSPC', times: 1 + chance.integer(4), after: chance.integer(4), isShortWrite: true } as const
  cluster.faults.push(node.disk.files.fail({ ...rule, path: /binlog/ }))
  return `${node.name}: some writes to its binlog fail`
}

export const levelFails: Act = (cluster) => {
  const node = pickNode(cluster)
  if (node === null) return null
  const { chance } = cluster
  node.records?.failWrites({ after: chance.integer(3), landsAtReopen: chance.random() < 0.5 })
  return `${node.name}: LevelDB fails`
}

export const slowDisk: Act = (cluster) => {
  const node = pickNode(cluster)
  if (node === null) return null
  const { disk, records } = node
  disk.files.holdSyncs()
  records?.holdWrites()
  cluster.schedule.after(cluster.chance.random() * 1500, () => {
    disk.files.releaseSyncs()
    records?.releaseWrites()
  })
  return `${node.name}: its disk is slow`
}

/** A replica receives commands that it does not know, or one that breaks. */
export const applyFails: Act = (cluster) => {
  const process = pickNode(cluster)?.process
  if (process?.replication?.isReplica !== true) return null
  if (cluster.chance.random() < 0.5) process.mustBreakNextCommand = true
  else process.unknownCommands = 1 + cluster.chance.integer(5)
  return `${process.ip}: ${process.mustBreakNextCommand ? 'a command will break' : 'some commands will be unknown'}`
}

export const clockJump: Act = (cluster) => {
  const node = cluster.chance.pick(cluster.nodes)
  const jumpMs = Math.round((cluster.chance.random() - 0.5) * cluster.chance.pick([100, 5000, 1_000_000]))
  node.wallOffsetMs += jumpMs
  return `${node.name}: its wall clock jumps by ${jumpMs} ms`
}

/** Repeats the recorded words of a connection, or lets a second process claim an address. */
export const addStray: Act = (cluster) => {
  const { chance, nodes, strays } = cluster
  if (chance.random() < 0.7) return strays.repeat(chance.pick(nodes).ip)
  return strays.claimAddress(chance.pick(nodes).ip, chance.pick(nodes).ip, 1 + chance.integer(8))
}
