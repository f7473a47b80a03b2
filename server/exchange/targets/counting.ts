/** A trial run of an import: its source is read, checked and counted. */
import { systemClock } from '../../../base/clock.ts'
import { checkPart } from '../../../storage/exchange/incoming.ts'
import type { LoadSummary } from '../../../storage/exchange/loader.ts'
import { type KeySelection, type PartBatches, wantedBy } from '../parts.ts'

/** Counts what an import would do. Throws RdbError. */
export async function countParts(
  batches: PartBatches,
  selection: KeySelection,
  onProgress: (summary: LoadSummary) => void,
): Promise<LoadSummary> {
  const summary: LoadSummary = { keys: 0, expired: 0, empty: 0, filtered: 0, libraries: 0, skipped: [] }
  const isWanted = wantedBy(selection)
  const nowMs = systemClock.wallMs()
  let database = 0
  let fate: 'keys' | 'expired' | 'filtered' | 'empty' = 'empty'
  for await (const parts of batches) {
    for (const part of parts) {
      if (part.kind === 'database') database = part.index
      else if (part.kind === 'library') summary.libraries++
      else if (part.kind === 'skipped') summary.skipped.push(part.what)
      else if (part.kind === 'key') {
        const isExpired = part.expireAtMs !== null && part.expireAtMs <= nowMs
        fate = isExpired ? 'expired' : isWanted?.(database, part.key) === false ? 'filtered' : 'empty'
      } else if (part.kind === 'key-end') summary[fate]++
      else if (!NOT_OF_A_VALUE.has(part.kind)) {
        checkPart(part as Parameters<typeof checkPart>[0])
        if (fate === 'empty') fate = 'keys'
      }
    }
    onProgress(summary)
  }
  return summary
}

const NOT_OF_A_VALUE: ReadonlySet<string> = new Set(['start', 'aux', 'sizes', 'slot', 'end'])
