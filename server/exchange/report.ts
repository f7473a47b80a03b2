/** The report at the end of an import. */
import type { LoadSummary } from '../../storage/exchange/loader.ts'

export interface ImportOutcome {
  readonly source: string
  readonly target: string
  /** Bytes that were read. */
  readonly bytes: number
  readonly seconds: number
  readonly summary: LoadSummary
}

/** Returns the report as lines for people. */
export function importLines({ source, target, bytes, seconds, summary }: ImportOutcome): string {
  const rate = Math.round(summary.keys / Math.max(seconds, 0.001))
  const lines = [`imported ${source} into ${target}: ${summary.keys} keys, ${bytes} bytes, ${seconds.toFixed(1)} s, ${rate} keys/s`]
  if (summary.libraries > 0) lines.push(`libraries of functions: ${summary.libraries}`)
  const reasons = [
    [summary.expired, 'expired'],
    [summary.filtered, 'not selected'],
    [summary.empty, 'empty'],
  ] as const
  const skipped = reasons.filter(([count]) => count > 0).map(([count, reason]) => `${count} ${reason}`)
  if (skipped.length > 0) lines.push(`keys left out: ${skipped.join(', ')}`)
  for (const what of new Set(summary.skipped)) lines.push(`skipped: ${what}`)
  return `${lines.join('\n')}\n`
}

/** Returns the report as an object for programs. */
export function importObject({ source, target, bytes, seconds, summary }: ImportOutcome): object {
  return { source, target, bytes, seconds, ...summary }
}
