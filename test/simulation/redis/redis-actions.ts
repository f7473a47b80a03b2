/** The actions in the world of a simulated Redis. One that does not fit the moment returns null. */
import type { Bytes } from '../../../base/bytes.ts'
import { breakConnection } from '../network/connection-faults.ts'
import { DATABASES, PORT } from '../settings.ts'
import type { HaypileNode } from './haypile-node.ts'
import type { RedisWorld } from './redis-world.ts'

type Act = (world: RedisWorld) => string | null

const KEYS = 6
const REFUSALS = [
  'LOADING Redis is loading the dataset in memory',
  "NOMASTERLINK Can't SYNC while not connected with my master",
  "NOPERM User default has no permissions to run the 'psync' command",
]

function randomWrite({ chance, schedule }: RedisWorld): Bytes[] {
  const n = chance.integer(KEYS)
  const text = String.fromCharCode(97 + chance.integer(26)).repeat(1 + chance.integer(chance.random() < 0.1 ? 3000 : 30))
  const at = String(1_700_000_000_000 + Math.floor(schedule.nowMs) + chance.integer(20_000))
  return chance.pick<() => Bytes[]>([
    () => ['SET', `s${n}`, text],
    () => ['SET', `s${n}`, text, 'PXAT', at],
    () => ['APPEND', `s${n}`, text],
    () => ['APPEND', `s${n}`, text],
    () => ['INCR', `n${n}`],
    () => ['INCR', `n${n}`],
    () => ['INCRBY', `n${n}`, String(chance.integer(100) - 50)],
    () => ['RPUSH', `l${n}`, text, String(n)],
    () => ['RPUSH', `l${n}`, text],
    () => ['LPOP', `l${n}`],
    () => ['HSET', `h${n}`, `f${chance.integer(20)}`, text],
    () => ['HINCRBY', `c${n}`, `f${chance.integer(20)}`, '1'],
    () => ['DEL', `${chance.pick(['s', 'n', 'l', 'h', 'c'])}${n}`],
    () => ['PEXPIREAT', `${chance.pick(['s', 'n', 'l', 'h', 'c'])}${n}`, at],
    () => ['MOVE', `${chance.pick(['s', 'n', 'l', 'h', 'c'])}${n}`, String(chance.integer(DATABASES))],
    () => (chance.random() < 0.1 ? chance.pick([['FLUSHDB'], ['SWAPDB', '0', '1']]) : ['INCR', `n${n}`]),
  ])()
}

const write: Act = (world) => {
  const { chance, redis } = world
  const count = chance.random() < 0.05 ? 100 : 1 + chance.integer(5)
  if (chance.random() < 0.2)
    redis.write(
      chance.integer(DATABASES),
      Array.from({ length: 1 + chance.integer(5) }, () => randomWrite(world)),
    )
  else for (let i = 0; i < count; i++) redis.write(chance.integer(DATABASES), [randomWrite(world)])
  return `writes, up to ${redis.offset}`
}

function pickNode({ chance, nodes }: RedisWorld): HaypileNode | null {
  const up = nodes.filter(({ isUp, process }) => isUp && process?.isReloading === false)
  return up.length === 0 ? null : chance.pick(up)
}

const crash =
  (how: 'kill' | 'power loss'): Act =>
  (world) => {
    const node = pickNode(world)
    if (node === null) return null
    if (world.chance.random() < 0.4) node.crash(how)
    else node.crashAt(how, world.chance.integer(world.chance.random() < 0.5 ? 6 : 60))
    return `${node.name}: ${how}, now or during an operation`
  }

const stop: Act = (world) => {
  const node = pickNode(world)
  if (node === null) return null
  node.stop(world.chance.random() < 0.7 ? 'save' : 'nosave').catch((error: unknown) => world.fail(error))
  return `${node.name}: SHUTDOWN`
}

const restart =
  (how: 'kept' | 'lost'): Act =>
  ({ redis, chance }) => {
    redis.restart(how, chance.random() * 2000)
    return `the Redis restarts, ${how}`
  }

const askForAcks: Act = ({ redis }) => {
  redis.askForAcks()
  return 'the Redis asks for acknowledgements'
}

const dropBacklog: Act = ({ redis }) => {
  redis.dropBacklog()
  return 'the Redis drops its backlog'
}

const cutReplicas: Act = ({ redis }) => {
  redis.closeAll()
  return 'the Redis cuts its replicas off'
}

const refuse: Act = ({ redis, chance, schedule }) => {
  redis.refusal = chance.pick(REFUSALS)
  schedule.after(chance.random() * 3000, () => {
    redis.refusal = null
  })
  return `the Redis answers ${redis.refusal} for a while`
}

const spoil: Act = ({ redis, chance }) => {
  redis.spoiled.push(chance.pick(['cut', 'short', 'bit', 'mark', 'module', 'silent'] as const))
  if (chance.random() < 0.5) redis.dropBacklog()
  redis.closeAll()
  return `the next RDB of the Redis is spoiled: ${redis.spoiled.at(-1)}`
}

const alien: Act = ({ redis, chance, schedule, faults }) => {
  let isOver = false
  const end = () => {
    if (!isOver) redis.restart('lost', 100)
    isOver = true
  }
  redis.appendAlien()
  faults.push(end)
  schedule.after(chance.random() * 3000, end)
  return 'the Redis sends a command of a module, and loses its data soon after'
}

const diskFull: Act = (world) => {
  const node = pickNode(world)
  if (node === null) return null
  const { files } = node.disk
  files.capacityBytes = files.usedBytes + world.chance.integer(10_000)
  world.schedule.after(world.chance.random() * 4000, () => {
    node.disk.files.capacityBytes = 2 ** 40
  })
  return `${node.name}: its disk has little room`
}

const writeFails: Act = (world) => {
  const node = pickNode(world)
  if (node === null) return null
  const { chance } = world
  const rule = { operation: 'write', code: 'ENOSPC', times: 1 + chance.integer(4), after: chance.integer(4), isShortWrite: true } as const
  world.faults.push(node.disk.files.fail({ ...rule, path: /binlog/ }))
  return `${node.name}: some writes to its binlog fail`
}

const slowDisk: Act = (world) => {
  const node = pickNode(world)
  if (node === null) return null
  const { disk } = node
  disk.files.holdSyncs()
  world.schedule.after(world.chance.random() * 1500, () => disk.files.releaseSyncs())
  return `${node.name}: its disk is slow`
}

const leaveAndReturn: Act = ({ nodes: [node] }) => {
  const { process } = node
  if (!node.isUp || process === null || process.storage.stalled !== null || process.isReloading) return null
  process.wake()
  try {
    process.replication?.leave()
    process.replication?.follow(node.masterIp, PORT, 'partial')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    return `${node.name}: REPLICAOF NO ONE and back: the disk is full`
  }
  return `${node.name}: REPLICAOF NO ONE and back`
}

const checkpoint: Act = (world) => {
  const node = pickNode(world)
  node?.process?.storage.checkpointer.request().catch(() => {})
  return node === null ? null : `${node.name}: SAVE`
}

const ACTIONS: readonly (readonly [weight: (world: RedisWorld) => number, act: Act])[] = [
  [() => 12, write],
  [() => 1, askForAcks],
  [() => 0.5, dropBacklog],
  [() => 0.5, cutReplicas],
  [() => 0.3, restart('kept')],
  [() => 0.1, restart('lost')],
  [() => 0.3, refuse],
  [() => 0.3, spoil],
  [() => 0.05, alien],
  [() => 0.3, leaveAndReturn],
  [() => 0.3, checkpoint],
  [({ settings }) => settings.trouble.crashes, crash('kill')],
  [({ settings }) => settings.trouble.crashes, crash('power loss')],
  [({ settings }) => 0.5 * settings.trouble.crashes, stop],
  [({ settings }) => 5 * settings.trouble.network, ({ network }) => breakConnection(network)],
  [({ settings }) => settings.trouble.disk, diskFull],
  [({ settings }) => 2 * settings.trouble.disk, writeFails],
  [({ settings }) => settings.trouble.disk, slowDisk],
]

/** Does one action, or a write. Returns a description. */
export function actOnce(world: RedisWorld, what: 'any' | 'write'): string {
  const weights = ACTIONS.map(([weight]) => (what === 'write' ? 0 : weight(world)))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let at = world.chance.random() * total
  const index = weights.findIndex((weight) => {
    at -= weight
    return at < 0
  })
  return ACTIONS[Math.max(0, index)]?.[1](world) ?? 'nothing'
}
