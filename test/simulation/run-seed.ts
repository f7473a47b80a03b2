/** Runs one world from beginning to end. */
import { end } from './ending.ts'
import { World } from './world.ts'

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
  const world = new World(seed)
  const catchAll = (error: unknown) => world.fail(error)
  process.on('uncaughtException', catchAll)
  process.on('unhandledRejection', catchAll)
  let failure: Error | null = null
  try {
    await world.begin()
    await world.run(steps)
    await end(world)
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  } finally {
    for (const node of world.nodes) if (node.process !== null) world.network.kill(node.process)
    process.off('uncaughtException', catchAll)
    process.off('unhandledRejection', catchAll)
  }
  const { history, historyDigest, events, schedule } = world
  return { seed, history, historyDigest, events, simulatedMs: schedule.nowMs, failure }
}
