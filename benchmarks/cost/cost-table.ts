/** Tables of costs: microseconds of CPU for each request, and ratios to the first server. */
import { table } from '../support/tables.ts'
import type { CostRow } from './hot.ts'
import { micros, ratioText } from './spread.ts'

/** Returns a table for each version of RESP. */
export function costTables(rows: readonly CostRow[]): string[] {
  const protocols = [...new Set(rows.map(({ protocol }) => protocol))]
  return protocols.map((protocol) => costTable(rows.filter((row) => row.protocol === protocol)))
}

function costTable(rows: readonly CostRow[]): string {
  const [first] = rows
  const head = [
    `CPU, RESP${first?.protocol}`,
    ...(first?.servers ?? []).flatMap(({ label }) => [`${label} µs`, 'main', 'deferred']),
    ...(first?.ratios ?? []).flatMap(({ label, to }) => [`${label} to ${to}`, 'main']),
  ]
  return table(
    head,
    rows.map(({ title, pipeline, servers, ratios }) => [
      pipeline === 1 ? title : `${title} -P ${pipeline}`,
      ...servers.flatMap((each) => [micros(each.processMicros), micros(each.mainMicros), micros(each.deferredMicros)]),
      ...ratios.flatMap((each) => [ratioText(each.processMicros), ratioText(each.mainMicros)]),
    ]),
  )
}
