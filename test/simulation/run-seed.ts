/** Runs one cluster from beginning to end. */

import { Cluster } from './cluster.ts'
import { end } from './ending.ts'

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
  const catchAll = (error: unknown) => cluster.fail(error)
  process.on('uncaughtException', catchAll)
  process.on('unhandledRejection', catchAll)
  let failure: Error | null = null
  try {
    await cluster.begin()
    await cluster.run(steps)
    await end(cluster)
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  } finally {
    for (const node of cluster.nodes) if (node.process !== null) cluster.network.kill(node.process)
    process.off('uncaughtException', catchAll)
    process.off('unhandledRejection', catchAll)
  }
  const { history, historyDigest, events, schedule } = cluster
  return { seed, history, historyDigest, events, simulatedMs: schedule.nowMs, failure }
}
