/** Tables of the cold workloads. */
import { mebibytes, milliseconds, perSecond, table } from '../support/tables.ts'
import type { ColdResult } from './cold.ts'
import { meanMicros, micros, ratioText } from './spread.ts'

export function coldTables({ keys, cacheBytes, rows, memory, restarts }: ColdResult): string[] {
  const head = [
    `CPU, ${perSecond(keys)} keys, cache-memory ${mebibytes(cacheBytes)}`,
    ...(rows[0]?.servers ?? []).flatMap(({ label }) => [`${label} µs`, 'main', 'compaction', 'deferred', 'reads']),
    ...(rows[0]?.ratios ?? []).flatMap(({ label, to }) => [`${label} to ${to}`]),
  ]
  const costs = table(
    head,
    rows.map(({ title, pipeline, servers, ratios }) => [
      pipeline === 1 ? title : `${title} -P ${pipeline}`,
      ...servers.flatMap((each) => [
        micros(each.processMicros),
        micros(each.mainMicros),
        meanMicros(each.compactionMicros),
        micros(each.deferredMicros),
        each.diskReads === null ? '' : each.diskReads.median.toFixed(2),
      ]),
      ...ratios.map(({ processMicros }) => ratioText(processMicros)),
    ]),
  )
  const resident = table(
    ['RssAnon', 'server', 'MiB', 'to cache-memory'],
    memory.map(({ label, at, anonymousBytes }) => [
      at,
      label,
      mebibytes(anonymousBytes),
      anonymousBytes === null ? '?' : (anonymousBytes / cacheBytes).toFixed(2),
    ]),
  )
  const starts = table(
    ['restart after kill -9', 'SETs before', 'start, ms', 'replayed', 's for a million replayed'],
    restarts.map(({ label, writes, startMs, replayed }) => [
      label,
      perSecond(writes),
      milliseconds(startMs),
      replayed === null ? '' : perSecond(replayed.commands),
      replayed?.secondsPerMillion?.toFixed(2) ?? '',
    ]),
  )
  return [costs, resident, starts]
}
