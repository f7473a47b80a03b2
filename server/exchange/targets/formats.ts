/** The formats of exports. */
import { basename } from 'node:path'
import type { RdbItem } from '../../../rdb/values.ts'
import { RdbWriter } from '../../../rdb/writer.ts'
import type { ExportSummary, ItemBatches } from '../items.ts'
import { lineOf } from '../json-lines.ts'
import { KeyCommands } from './key-commands.ts'

export const FORMATS = ['rdb', 'aof', 'appendonlydir', 'resp', 'jsonl', 'ndjson'] as const
export type ExportFormat = (typeof FORMATS)[number]

export type RdbVersion = 10 | 11 | 12
export const RDB_VERSIONS: readonly RdbVersion[] = [10, 11, 12]

/** The version that an RDB names as its writer's: the first one with its format. */
const REDIS_VERSIONS: Readonly<Record<RdbVersion, string>> = { 10: '7.0.0', 11: '7.2.0', 12: '7.4.0' }

/** Commands are joined to chunks of about this size. */
const CHUNK_BYTES = 256 * 1024

/** Returns the format that a name's ending means, or that of the directory of an AOF. */
export function formatOf(path: string): ExportFormat | undefined {
  const name = basename(path)
  const ending = name === 'appendonlydir' ? name : /\.([a-z]+)$/.exec(name)?.[1]
  return FORMATS.find((format) => format === ending && (format !== 'appendonlydir' || name === format))
}

/** Yields a file of the items in a format, and counts them. */
export function chunksIn(format: ExportFormat, batches: ItemBatches, version: RdbVersion, summary: ExportSummary): AsyncGenerator<Buffer> {
  switch (format) {
    case 'rdb':
      return rdbChunks(batches, version, [], summary)
    case 'appendonlydir':
      return rdbChunks(batches, version, [{ kind: 'aux', name: 'aof-base', value: '1' }], summary)
    case 'aof':
    case 'resp':
      return commandChunks(batches, new KeyCommands({ mustReplace: format === 'resp', hasFieldDeadlines: version === 12 }), summary)
    default:
      return jsonChunks(batches, summary)
  }
}

/** Yields the items as commands. */
async function* commandChunks(batches: ItemBatches, commands: KeyCommands, summary: ExportSummary): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const items of batches) {
    for (const item of items) {
      if (!counts(item, summary)) continue
      for (const chunk of commands.write(item)) {
        chunks.push(chunk)
        sizeBytes += chunk.length
        if (sizeBytes < CHUNK_BYTES) continue
        yield Buffer.concat(chunks)
        chunks = []
        sizeBytes = 0
      }
    }
    summary.lostDeadlines = commands.lostDeadlineCount
  }
  yield Buffer.concat(chunks)
}

async function* jsonChunks(batches: ItemBatches, summary: ExportSummary): AsyncGenerator<Buffer> {
  let database = 0
  for await (const items of batches) {
    const lines: string[] = []
    for (const item of items) {
      if (item.kind === 'database') database = item.index
      if (!counts(item, summary)) continue
      const line = lineOf(item, database)
      if (line !== null) lines.push(line)
    }
    yield Buffer.from(lines.join(''))
  }
}

/** Counts an item. Returns false for a hash all of whose fields are expired. */
function counts(item: RdbItem, summary: ExportSummary): boolean {
  if (item.kind === 'library') summary.libraries++
  if (item.kind !== 'key') return true
  const isEmpty = item.value.type === 'hash' && item.value.count === 0
  if (isEmpty) summary.expired++
  else summary.keys++
  return !isEmpty
}

/** Yields an RDB of the items and counts them. */
async function* rdbChunks(
  batches: ItemBatches,
  version: RdbVersion,
  head: readonly RdbItem[],
  summary: ExportSummary,
): AsyncGenerator<Buffer> {
  const writer = new RdbWriter({ version })
  writer.begin()
  yield* writer.write({ kind: 'aux', name: 'redis-ver', value: REDIS_VERSIONS[version] })
  yield* writer.write({ kind: 'aux', name: 'redis-bits', value: '64' })
  for (const item of head) yield* writer.write(item)
  for await (const items of batches) {
    for (const item of items) {
      if (counts(item, summary)) for (const chunk of writer.write(item)) yield chunk
    }
    summary.lostDeadlines = writer.lostDeadlineCount
  }
  yield* writer.end()
}
