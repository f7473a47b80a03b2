/** Runs one cluster from beginning to end, or one world of a simulated Redis. */
import { createHash } from 'node:crypto'
import { Cluster } from './cluster.ts'
import { end } from './ending.ts'
import { RedisWorld } from './redis/redis-world.ts'

export interface Outcome {
  readonly seed: number
  readonly history: readonly string[]
  readonly historyDigest: string
  readonly events: number
  readonly simulatedMs: number
  /** Null if all went well. */
  readonly failure: Error | null
}

export async function runSeed(seed: number, steps: number): Promise<Outcome> {
  const cluster = new Cluster(seed)
  const failure = await run(cluster, async () => {
    await cluster.begin()
    await cluster.run(steps)
    await end(cluster)
  })
  for (const node of cluster.nodes) if (node.process !== null) cluster.network.kill(node.process)
  const { history, historyDigest, events, schedule } = cluster
  return { seed, history, historyDigest, events, simulatedMs: schedule.nowMs, failure }
}

/** Runs a Redis and the nodes that follow it. */
export async function runRedisSeed(seed: number, steps: number): Promise<Outcome> {
  const world = new RedisWorld(seed)
  const failure = await run(world, async () => {
    await world.begin()
    await world.run(steps)
    await world.end()
  })
  world.close()
  const { history, events, schedule } = world
  const historyDigest = createHash('sha1').update(history.join('\n')).digest('hex')
  return { seed, history, historyDigest, events, simulatedMs: schedule.nowMs, failure }
}

/** Returns the error that ended the work; null if all went well. */
async function run(simulated: { fail(error: unknown): void }, work: () => Promise<void>): Promise<Error | null> {
  const catchAll = (error: unknown) => simulated.fail(error)
  process.on('uncaughtException', catchAll)
  process.on('unhandledRejection', catchAll)
  try {
    await work()
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  } finally {
    process.off('uncaughtException', catchAll)
    process.off('unhandledRejection', catchAll)
  }
}
