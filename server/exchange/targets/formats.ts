/** The formats of exported files. */
import { RdbWriter } from '../../../rdb/writer.ts'
import type { ExportSummary, ItemBatches } from '../items.ts'

export const FORMATS = ['rdb'] as const
export type ExportFormat = (typeof FORMATS)[number]

export type RdbVersion = 10 | 11 | 12
export const RDB_VERSIONS: readonly RdbVersion[] = [10, 11, 12]

/** The version that an RDB names as its writer's: the first one with its format. */
const REDIS_VERSIONS: Readonly<Record<RdbVersion, string>> = { 10: '7.0.0', 11: '7.2.0', 12: '7.4.0' }

/** Returns the format that a file name's ending means. */
export function formatOf(path: string): ExportFormat | undefined {
  const ending = /\.([a-z]+)$/.exec(path)?.[1]
  return FORMATS.find((format) => format === ending)
}

/** Yields an RDB of the items and counts them. */
export async function* rdbChunks(batches: ItemBatches, version: RdbVersion, summary: ExportSummary): AsyncGenerator<Buffer> {
  const writer = new RdbWriter({ version })
  writer.begin()
  yield* writer.write({ kind: 'aux', name: 'redis-ver', value: REDIS_VERSIONS[version] })
  yield* writer.write({ kind: 'aux', name: 'redis-bits', value: '64' })
  for await (const items of batches) {
    for (const item of items) {
      if (item.kind === 'key') {
        const { value } = item
        // All fields of a hash may be expired.
        if (value.type === 'hash' && value.count === 0) {
          summary.expired++
          continue
        }
        summary.keys++
      }
      if (item.kind === 'library') summary.libraries++
      for (const chunk of writer.write(item)) yield chunk
    }
    summary.lostDeadlines = writer.lostDeadlineCount
  }
  yield* writer.end()
}
