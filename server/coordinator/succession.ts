/**
 * The choice of a new master among the replicas of one that has lost its lease. The one with the
 * greatest offset in the master's history has every write that any replica has confirmed.
 *
 * A master that was promoted a moment ago may have died before any replica followed it. Then no
 * replica has its history, WAIT has confirmed nothing in it, and the history before it counts.
 */
import type { NodeReport } from '../cluster-map/node-report.ts'

/** A replica that has answered. */
export interface Candidate {
  readonly id: string
  readonly history: string
  readonly offset: number
  /** True if its data set is being replaced by a full sync. */
  readonly isSyncing: boolean
}

export type Succession = { readonly successor: Candidate } | { readonly failure: string }

/** Chooses the successor of a master, whose last report is known. */
export function choose(master: Pick<NodeReport, 'history' | 'previousHistory'>, candidates: readonly Candidate[]): Succession {
  const able = candidates.filter(({ isSyncing }) => !isSyncing)
  if (able.length === 0) return { failure: candidates.length === 0 ? 'no replica answers' : 'every replica is in a full sync' }
  for (const history of [master.history, master.previousHistory]) {
    const [best] = able.filter((one) => one.history === history && history !== '').sort((a, b) => b.offset - a.offset)
    if (best !== undefined) return { successor: best }
  }
  return { failure: 'no replica has the history of the master' }
}
