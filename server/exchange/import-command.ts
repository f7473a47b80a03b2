/** `haypile import SOURCE`: the data of a Redis or haypile comes into a data directory. */
import { rethrowAssertion } from '../../base/assert.ts'
import { systemClock } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import { RdbError } from '../../rdb/format/rdb-error.ts'
import type { LoadSummary } from '../../storage/exchange/loader.ts'
import { importIntoDirectory } from './directory-target.ts'
import { DEFAULT_DATABASES } from './offline.ts'
import type { KeySelection } from './parts.ts'
import { Progress } from './progress.ts'
import { ExchangeRefusal } from './refusal.ts'
import { importLines, reportObject } from './report.ts'
import { openSource, type PartSource } from './sources.ts'

export interface ExchangeOutput {
  out(text: string): void
  error(text: string): void
  /** True draws a progress bar on standard error. */
  readonly hasProgressBar: boolean
}

export interface ImportOptions {
  /** The data directory that is filled. */
  readonly directory: string
  readonly selection: KeySelection
  readonly databases?: number | undefined
  /** True prints the report as JSON. */
  readonly isJson: boolean
}

/** Resolves with the exit status: 0 imported, 1 the data was refused, 2 wrong words or source. */
export async function runImport(path: string, options: ImportOptions, output: ExchangeOutput): Promise<number> {
  let progress: Progress | null = null
  try {
    const source = openSource(path)
    progress = progressOf(source, output)
    const summary = await importSource(source, options, output, progress)
    progress.stop()
    const outcome = { source: path, target: options.directory, bytes: progress.done, seconds: progress.elapsedMs / 1000, summary }
    output.out(options.isJson ? `${JSON.stringify(reportObject(outcome))}\n` : importLines(outcome))
    return 0
  } catch (error) {
    rethrowAssertion(error)
    progress?.stop()
    const isRefusal = error instanceof ExchangeRefusal
    output.error(`haypile: ${error instanceof RdbError ? `${path}: ` : ''}${errorText(error)}; nothing was imported\n`)
    return isRefusal ? error.exitStatus : 1
  }
}

function progressOf({ sizeBytes }: PartSource, output: ExchangeOutput): Progress {
  const { hasProgressBar: hasBar, error: write } = output
  return new Progress({ clock: systemClock, write, hasBar, action: 'importing', unit: 'bytes', total: sizeBytes })
}

function importSource(source: PartSource, options: ImportOptions, output: ExchangeOutput, progress: Progress): Promise<LoadSummary> {
  const parts = source.parts((bytes) => {
    progress.done += bytes
  })
  return importIntoDirectory(parts, {
    directory: options.directory,
    databases: options.databases ?? DEFAULT_DATABASES,
    selection: options.selection,
    warn: (text) => output.error(`haypile: ${text}\n`),
    onProgress: ({ keys }) => {
      progress.keys = keys
      progress.show()
    },
  })
}
