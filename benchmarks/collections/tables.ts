/** Formats the results of `collections.ts` as tables. */
import { mebibytes, milliseconds, perSecond, table } from '../support/tables.ts'
import type { GrowthResult } from './growth.ts'
import type { HugeResult } from './huge.ts'
import type { Latencies } from './latency.ts'
import type { MiddleRow } from './middle.ts'

const seconds = (ms: number | null) => (ms === null ? 'timed out' : (ms / 1000).toFixed(1))
const latencies = ({ p50Us, p99Us, maxUs }: Latencies) => [p50Us, p99Us, maxUs].map((us) => String(Math.round(us))).join(' / ')
const latenciesMs = ({ p50Us, p99Us, maxUs }: Latencies) => [p50Us, p99Us, maxUs].map((us) => milliseconds(us / 1000)).join(' / ')

export function hugeTables({ elements, order, cacheBytes, phases, latencies: rows, removals }: HugeResult): string[] {
  const title = `${perSecond(elements)} elements each, added in ${order} order, cache-memory ${mebibytes(cacheBytes)}`
  return [
    `${title}:`,
    table(
      ['phase', 'elements /s', 'RSS after it', 'peak RSS so far'],
      phases.map(({ name, elementsPerSecond, residentBytes, peakBytes }) => [
        name,
        elementsPerSecond === null ? '' : perSecond(elementsPerSecond),
        mebibytes(residentBytes),
        mebibytes(peakBytes),
      ]),
    ),
    table(
      ['single requests', 'cold p50 / p99 / max µs', 'warm p50 / p99 / max µs'],
      rows.map(({ operation, cold, warm }) => [operation, latencies(cold), latencies(warm)]),
    ),
    table(
      ['removal', 'µs', 'longest PING meanwhile, ms', 'LevelDB before', 'after', 'cleared after, s', 'space reclaimed after, s'],
      removals.map((each) => [
        each.command,
        String(Math.round(each.requestUs)),
        milliseconds(each.longestPingMs),
        mebibytes(each.bytesBefore),
        mebibytes(each.bytesAfter),
        seconds(each.clearedMs),
        seconds(each.reclaimedMs),
      ]),
    ),
  ]
}

export function growthTables({ sizes, rows, residentBytes }: GrowthResult): string[] {
  const largest = sizes.at(-1) ?? 0
  return [
    table(
      ['µs, pipelined', ...sizes.map(perSecond)],
      rows.map(({ operation, timesUs }) => [operation, ...timesUs.map((us) => us.toFixed(2))]),
    ),
    table(
      [`RSS with ${perSecond(largest)}`, ''],
      residentBytes.map(({ kind, bytes }) => [kind, mebibytes(bytes)]),
    ),
  ]
}

export function middleTable(rows: readonly MiddleRow[]): string {
  const names = rows[0]?.found.map(({ name }) => name) ?? []
  return table(
    ['in the middle of the list', ...names.map((name) => `${name} p50 / p99 / max ms`)],
    rows.map(({ operation, found }) => [operation, ...found.map((each) => latenciesMs(each.latencies))]),
  )
}
