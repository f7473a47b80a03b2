/** Keeps the working set within its limit: the clock hand goes round in whichever database holds the most. */
import type { Clock } from './clock.ts'
import type { Keyspace } from './keyspace.ts'
import { reap } from './tree/pages.ts'

const EVICT_STEPS = 256
/** Nodes of dropped objects that leave memory in one go: well below a millisecond. */
const REAP_STEPS = 1000

/** Forgets what is clean and was not used lately until no more than `cacheBytes` are resident, or the time is up. */
export function evict(keyspace: Keyspace, cacheBytes: number, clock: Clock, budgetMs: number): void {
  if (keyspace.dropped.length > 0) reap(keyspace.dropped, REAP_STEPS)
  let excess = keyspace.residentBytes - cacheBytes
  if (excess <= 0) return
  const untilMs = clock.monotonicMs() + budgetMs
  for (let visits = keyspace.databases.length * 2; visits > 0 && excess > 0; visits--) {
    const db = keyspace.databases.reduce((a, b) => (b.residents.bytes > a.residents.bytes ? b : a))
    const freed = db.residents.sweep(EVICT_STEPS, keyspace.landedGeneration, excess)
    excess -= freed
    if (clock.monotonicMs() >= untilMs) return
  }
}
