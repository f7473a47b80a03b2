/**
 * Faults of machines, disks, clocks and the network. An action that does not fit the moment returns
 * null.
 */
import { breakConnection } from './connection-faults.ts'
import type { Crash } from './node.ts'
import { type Act, anyone } from './operators.ts'
import { PORT } from './settings.ts'

export const crash = (how: Crash): Act => {
  return (world) => {
    const { chance } = world
    const node = chance.pick(world.nodes)
    if (node.process === null || world.isStopping(node)) return null
    if (chance.random() < 0.4) node.crash(how)
    else node.crashAt(how, chance.integer(chance.random() < 0.5 ? 6 : 60))
    return `${node.name}: ${how}, now or in the middle of something`
  }
}

export const stop: Act = (world) => {
  const node = anyone(world)
  if (node === null || world.isStopping(node)) return null
  world.stop(node, world.chance.random() < 0.7 ? 'save' : 'nosave')
  return `${node.name}: SHUTDOWN`
}

export const breakOne: Act = (world) => breakConnection(world.network)

export const partition: Act = (world) => {
  const [a, b] = [world.chance.pick(world.nodes), world.chance.pick(world.nodes)]
  if (a === b) return null
  const lengthMs = world.chance.random() * 4000
  world.network.part(a.ip, b.ip)
  world.schedule.after(lengthMs, () => world.network.join(a.ip, b.ip))
  return `partition between ${a.name} and ${b.name} for ${Math.round(lengthMs)} ms`
}

export const refuse: Act = (world) => {
  const node = world.chance.pick(world.nodes)
  const address = `${node.ip}:${PORT}`
  world.network.refusing.add(address)
  world.schedule.after(world.chance.random() * 3000, () => world.network.refusing.delete(address))
  return `${node.name} takes no connections for a while`
}

export const slow: Act = (world) => {
  world.network.slowMs = world.chance.pick([0, 0, 20, 200])
  return `the network is slow by ${world.network.slowMs} ms now and then`
}

export const diskFull: Act = (world) => {
  const node = anyone(world)
  if (node === null) return null
  const { files } = node.disk
  files.capacityBytes = files.usedBytes + world.chance.integer(30_000)
  world.schedule.after(world.chance.random() * 4000, () => {
    node.disk.files.capacityBytes = 2 ** 40
  })
  return `${node.name}: its disk is nearly full`
}

export const writeFails: Act = (world) => {
  const node = anyone(world)
  if (node === null) return null
  const { chance } = world
  const rule = { operation: 'write', code: 'ENOSPC', times: 1 + chance.integer(4), after: chance.integer(4), shortWrite: true } as const
  world.faults.push(node.disk.files.fail({ ...rule, path: /binlog/ }))
  return `${node.name}: a write to its binlog fails, or some`
}

export const levelFails: Act = (world) => {
  const node = anyone(world)
  if (node === null) return null
  const { chance } = world
  node.records?.failWrites({ after: chance.integer(3), landsAtReopen: chance.random() < 0.5 })
  return `${node.name}: LevelDB fails`
}

export const slowDisk: Act = (world) => {
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

/** A replica receives commands that it does not know, or one that breaks. */
export const applyFails: Act = (world) => {
  const process = anyone(world)?.process
  if (process?.replication?.isReplica !== true) return null
  if (world.chance.random() < 0.5) process.isClumsy = true
  else process.unknownCommands = 1 + world.chance.integer(5)
  return `${process.ip}: ${process.isClumsy ? 'a command will break' : 'some commands will not be known'}`
}

export const clockJump: Act = (world) => {
  const node = world.chance.pick(world.nodes)
  const jumpMs = Math.round((world.chance.random() - 0.5) * world.chance.pick([100, 5000, 1_000_000]))
  node.wallOffsetMs += jumpMs
  return `${node.name}: its wall clock jumps by ${jumpMs} ms`
}

/** Repeats the recorded words of a connection, or lets a second process claim an address. */
export const haunt: Act = (world) => {
  const { chance, nodes, ghosts } = world
  if (chance.random() < 0.7) return ghosts.repeat(chance.pick(nodes).ip)
  return ghosts.twin(chance.pick(nodes).ip, chance.pick(nodes).ip, 1 + chance.integer(8))
}
