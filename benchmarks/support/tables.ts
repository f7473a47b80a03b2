/** Markdown tables, and the formats of their cells. */
import { cpus, loadavg, totalmem } from 'node:os'

/** Returns a table with aligned columns: the first to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, 3, ...rows.map((row) => (row[column] ?? '').length)))
  const cell = (text: string, column: number) => (column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

export const perSecond = (value: number) => Math.round(value).toLocaleString('en-US')
export const milliseconds = (value: number) => value.toFixed(value < 10 ? 2 : 0)
export const mebibytes = (bytes: number | null) => (bytes === null ? '?' : `${Math.round(bytes / 2 ** 20)} MiB`)

/** Returns the middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** Returns the value below which a share of the sorted values lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** Describes the machine that the figures were measured on. */
export const machine = () => `${cpus().length} x ${cpus()[0]?.model ?? '?'}, ${mebibytes(totalmem())}, Node ${process.version}`

/** When and where figures were measured. The load average is that of the last minute. */
export interface Environment {
  readonly date: string
  readonly machine: string
  readonly loadAverage: number
}

export function environment(): Environment {
  return { date: new Date().toISOString(), machine: machine(), loadAverage: loadavg()[0] ?? 0 }
}

export function environmentText(each: Environment): string {
  return `${each.date.slice(0, 10)}, ${each.machine}, load average ${each.loadAverage.toFixed(1)}`
}
