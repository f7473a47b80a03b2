/** Whether what a collection's header says agrees with its trees. */
import { type Bytes, bufferOf } from './bytes.ts'
import type { Findings } from './check-report.ts'
import type { Collection } from './values/collection.ts'
import { DEADLINE_BYTES, Hash } from './values/hash.ts'

/** The first and the last key of a tree. */
export interface Edges {
  readonly first: Bytes
  readonly last: Bytes
}

/** `edgesOf` answers null for a tree in which nothing is. */
export function checkHeader(value: Collection, edgesOf: (index: number) => Edges | null, place: string, findings: Findings): void {
  if (value instanceof Hash) checkNextDeadline(value, edgesOf(1), place, findings)
}

function checkNextDeadline({ nextDeadline }: Hash, deadlines: Edges | null, place: string, findings: Findings): void {
  const first = deadlines === null ? 0 : Number(bufferOf(deadlines.first.slice(0, DEADLINE_BYTES)).readBigUInt64BE())
  if (nextDeadline !== first)
    findings.damage(place, `says that its next field ends at ${nextDeadline}; the first that does so ends at ${first}`)
}
