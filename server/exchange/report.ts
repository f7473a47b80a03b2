/** The reports at the end of an import or export. */
import type { LoadSummary } from '../../storage/exchange/loader.ts'
import type { ExportSummary } from './items.ts'

/** The frame of a report. */
interface ReportContent<T> {
  readonly source: string
  readonly target: string
  /** Bytes that were read or written. */
  readonly bytes: number
  readonly seconds: number
  readonly summary: T
}

/** The numbers of an import. Only a server refuses single keys, counted by its text. */
export interface ImportSummary extends LoadSummary {
  readonly refusals?: ReadonlyMap<string, number>
  /** Commands that were run, of a log. */
  readonly commands?: number
}

/** Returns the report of an import as lines for people. */
export function importLines(outcome: ReportContent<ImportSummary>, done: 'imported' | 'would import'): string {
  const { summary } = outcome
  const lines = [headline(done, outcome), ...libraryLine(summary.libraries), ...leftOutLines(summary)]
  if (summary.commands !== undefined && summary.commands > 0) lines.push(`commands: ${summary.commands}`)
  for (const [text, count] of summary.refusals ?? []) lines.push(`refused ${count} times: ${text}`)
  return `${lines.join('\n')}\n`
}

/** Returns the report of an export as lines for people. */
export function exportLines(outcome: ReportContent<ExportSummary>): string {
  const { summary } = outcome
  const lines = [headline('exported', outcome), ...libraryLine(summary.libraries), ...leftOutLines(summary)]
  if (summary.lostDeadlines > 0) {
    lines.push(`deadlines of fields left out, since only --rdb-version 12 (Redis 7.4) holds them: ${summary.lostDeadlines}`)
  }
  return `${lines.join('\n')}\n`
}

/** Returns the report as an object for programs. */
export function reportObject({
  source,
  target,
  bytes,
  seconds,
  summary,
}: ReportContent<{ readonly keys: number; readonly refusals?: ReadonlyMap<string, number> }>): object {
  const { refusals } = summary
  return { source, target, bytes, seconds, ...summary, ...(refusals === undefined ? {} : { refusals: Object.fromEntries(refusals) }) }
}

function headline(done: string, { source, target, bytes, seconds, summary }: ReportContent<{ readonly keys: number }>): string {
  const rate = Math.round(summary.keys / Math.max(seconds, 0.001))
  return `${done} ${source} into ${target}: ${summary.keys} keys, ${bytes} bytes, ${seconds.toFixed(1)} s, ${rate} keys/s`
}

function libraryLine(count: number): string[] {
  return count === 0 ? [] : [`libraries of functions: ${count}`]
}

function leftOutLines({ expired, filtered, empty, skipped }: Pick<LoadSummary, 'expired' | 'filtered' | 'empty' | 'skipped'>): string[] {
  const reasons = [[expired, 'expired'] as const, [filtered, 'not selected'] as const, [empty, 'empty'] as const]
  const found = reasons.filter(([count]) => count > 0).map(([count, reason]) => `${count} ${reason}`)
  const skippedLines = [...new Set(skipped)].map((what) => `skipped: ${what}`)
  return found.length === 0 ? skippedLines : [`keys left out: ${found.join(', ')}`, ...skippedLines]
}
