/** `haypile export FILE`: the data of a data directory becomes a file that Redis reads. */
import { assert, rethrowAssertion } from '../../base/assert.ts'
import { systemClock } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import type { ExchangeOutput } from './import-command.ts'
import { type ExportSummary, emptySummary, type ItemBatches } from './items.ts'
import { DEFAULT_DATABASES } from './offline.ts'
import type { KeySelection } from './parts.ts'
import { Progress } from './progress.ts'
import { ExchangeRefusal } from './refusal.ts'
import { exportLines, reportObject } from './report.ts'
import { itemsOfParts } from './sources/collecting.ts'
import { addressOf } from './sources/connection.ts'
import { type ItemSource, openDirectoryItems } from './sources/directory-items.ts'
import { openSource } from './sources/sources.ts'
import { mustBeOfUse, type TlsFiles } from './sources/tls-files.ts'
import { writeAofDirectory } from './targets/aof-directory.ts'
import { writeFile, writeStandardOutput } from './targets/file-output.ts'
import { chunksIn, type ExportFormat, FORMATS, formatOf, type RdbVersion } from './targets/formats.ts'

export interface ExportOptions {
  /** The data directory that is read, or the URL of the server. */
  readonly source: { readonly directory: string } | { readonly server: string }
  readonly selection: KeySelection
  readonly databases?: number | undefined
  /** Undefined: the file's ending decides. */
  readonly format?: ExportFormat | undefined
  readonly rdbVersion: RdbVersion
  /** For a server with rediss://. */
  readonly tls?: TlsFiles | undefined
  /** True prints the report as JSON. */
  readonly isJson: boolean
}

/** Resolves with the exit status: 0 exported, 1 failed, 2 wrong words, directory or file. */
export async function runExport(path: string, options: ExportOptions, output: ExchangeOutput): Promise<number> {
  const { isJson } = options
  const isStream = path === '-'
  const name = isStream ? 'standard output' : path
  const format = options.format ?? formatOf(path)
  let progress: Progress | null = null
  try {
    if (format === undefined) throw ExchangeRefusal.ofUsage(`${name} names no format: use --format with ${FORMATS.join(', ')}`)
    if (isStream && format === 'appendonlydir') throw ExchangeRefusal.ofUsage('appendonlydir is a directory: name it')
    const warn = (text: string) => output.error(`haypile: ${text}\n`)
    const source = await openItems(options, warn)
    try {
      progress = progressOf(source.keyCount, output)
      const summary = emptySummary()
      const items = watched(source.items(options.selection, summary), summary, progress)
      const chunks = chunksIn(format, items, options.rdbVersion, summary)
      const bytes = await (isStream
        ? writeStandardOutput(chunks)
        : format === 'appendonlydir'
          ? writeAofDirectory(path, chunks)
          : writeFile(path, chunks))
      progress.stop()
      const outcome = { source: source.name, target: name, bytes, seconds: progress.elapsedMs / 1000, summary }
      const report = isStream ? output.error : output.out
      report(isJson ? `${JSON.stringify(reportObject(outcome))}\n` : exportLines(outcome))
    } finally {
      await source.close()
    }
    return 0
  } catch (error) {
    rethrowAssertion(error)
    progress?.stop()
    output.error(`haypile: ${errorText(error)}; ${isStream ? 'the output is not complete' : `${path} was not written`}\n`)
    return error instanceof ExchangeRefusal ? error.exitStatus : 1
  }
}

async function openItems(
  { source, tls = {}, databases = DEFAULT_DATABASES }: ExportOptions,
  warn: (text: string) => void,
): Promise<ItemSource> {
  mustBeOfUse(tls, 'server' in source ? source.server : '')
  if ('directory' in source) return openDirectoryItems({ directory: source.directory, databases, warn })
  addressOf(source.server, tls)
  const server = await openSource(source.server, tls)
  assert(server.kind === 'parts', 'a server sends parts')
  return {
    name: server.name,
    keyCount: null,
    items: ({ pattern, database = server.database }, summary) =>
      itemsOfParts(
        server.parts(() => {}, 'parts'),
        { pattern, database },
        summary,
      ),
    close: async () => {},
  }
}

function progressOf(total: number | null, { hasProgressBar: hasBar, error: write }: ExchangeOutput): Progress {
  return new Progress({ clock: systemClock, write, hasBar, action: 'exporting', unit: 'keys', total })
}

/** Passes the batches on and shows the progress after each. */
async function* watched(batches: ItemBatches, summary: ExportSummary, progress: Progress): ItemBatches {
  for await (const items of batches) {
    yield items
    progress.keys = summary.keys
    progress.done = summary.keys + summary.expired + summary.filtered
    progress.show()
  }
}
