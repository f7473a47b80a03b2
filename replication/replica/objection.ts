/** The checks of a replica on the master that it has reached. */
import { FORMAT_VERSION, type MetaSyncReply } from '../protocol/messages.ts'
import type { LinkFacts } from './machine-types.ts'

/** Returns why this node does not follow a master, or null if it does. */
export function objectionTo({ version, runId, databases, chain }: MetaSyncReply, facts: LinkFacts, isFailover: boolean): string | null {
  if (version !== FORMAT_VERSION) return `the master speaks format ${version}, this node format ${FORMAT_VERSION}`
  if (runId === facts.runId) return 'the master is this node itself'
  if (chain.includes(facts.runId) && !isFailover) return 'a cycle: the master follows this node'
  if (databases > facts.databases) return `the master has ${databases} databases, this node ${facts.databases}`
  return null
}

/** Returns the run ids upstream, cut before `runId`: a replica that takes over drops this node. */
export function chainAbove({ chain }: MetaSyncReply, runId: string): readonly string[] {
  const own = chain.indexOf(runId)
  return own < 0 ? chain : chain.slice(0, own)
}
