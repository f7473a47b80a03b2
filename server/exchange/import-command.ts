/**
 * `haypile import SOURCE`: the data of a Redis or haypile comes into a data directory, or into a
 * running server.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import { systemClock } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import { RdbError } from '../../rdb/format/rdb-error.ts'
import type { LoadSummary } from '../../storage/exchange/loader.ts'
import { itemsOfParts } from './collecting.ts'
import { addressOf } from './connection.ts'
import { countParts } from './counting.ts'
import { importIntoDirectory } from './directory-target.ts'
import { DEFAULT_DATABASES } from './offline.ts'
import type { KeySelection } from './parts.ts'
import { Progress } from './progress.ts'
import { ExchangeRefusal } from './refusal.ts'
import { type ImportSummary, importLines, reportObject } from './report.ts'
import { importIntoServer, type ServerImportSummary } from './server-target.ts'
import { openSource, type PartSource } from './sources.ts'

export interface ExchangeOutput {
  out(text: string): void
  error(text: string): void
  /** True draws a progress bar on standard error. */
  readonly hasProgressBar: boolean
}

export interface ImportOptions {
  /** The data directory that is filled, or the URL of the server. */
  readonly target: { readonly directory: string } | { readonly server: string }
  readonly selection: KeySelection
  readonly databases?: number | undefined
  /** True: keys that the server has are replaced. */
  readonly mustReplace: boolean
  /** True: the source is read and counted, and nothing is imported. */
  readonly isDryRun: boolean
  /** True prints the report as JSON. */
  readonly isJson: boolean
}

/** Resolves with the exit status: 0 imported, 1 data was refused, 2 wrong words or source. */
export async function runImport(path: string, options: ImportOptions, output: ExchangeOutput): Promise<number> {
  const work = new Import(options, output)
  try {
    return await work.run(path)
  } catch (error) {
    rethrowAssertion(error)
    output.error(`haypile: ${error instanceof RdbError ? `${path}: ` : ''}${errorText(error)}; ${work.remainder}\n`)
    return error instanceof ExchangeRefusal ? error.exitStatus : 1
  } finally {
    work.progress?.stop()
  }
}

/** One import. */
class Import {
  progress: Progress | null = null
  private readonly options: ImportOptions
  private readonly output: ExchangeOutput
  private readonly summary: LoadSummary & ServerImportSummary

  constructor(options: ImportOptions, output: ExchangeOutput) {
    this.options = options
    this.output = output
    this.summary = { keys: 0, libraries: 0, expired: 0, filtered: 0, lostDeadlines: 0, empty: 0, skipped: [], refusals: new Map() }
  }

  /** The part of the data that stays after a failure, as a text. */
  get remainder(): string {
    const { keys } = this.summary
    return 'server' in this.options.target && keys > 0 ? `${keys} keys had been imported before` : 'nothing was imported'
  }

  async run(path: string): Promise<number> {
    const { target, isDryRun, isJson } = this.options
    if ('server' in target) addressOf(target.server)
    const source = await openSource(path)
    const { hasProgressBar: hasBar, error: write } = this.output
    const progress = new Progress({ clock: systemClock, write, hasBar, action: 'importing', unit: 'bytes', total: source.sizeBytes })
    this.progress = progress
    const summary = await this.carry(source, progress)
    progress.stop()
    const name = 'server' in target ? addressOf(target.server).name : target.directory
    const report = { source: source.name, target: name, bytes: progress.done, seconds: progress.elapsedMs / 1000, summary }
    this.output.out(isJson ? `${JSON.stringify(reportObject(report))}\n` : importLines(report, isDryRun ? 'would import' : 'imported'))
    return this.summary.refusals.size > 0 ? 1 : 0
  }

  private async carry(source: PartSource, progress: Progress): Promise<ImportSummary> {
    const { target, databases = DEFAULT_DATABASES, mustReplace, isDryRun } = this.options
    const { summary } = this
    const selection = { ...this.options.selection, database: this.options.selection.database ?? source.database }
    const parts = source.parts((bytes) => {
      progress.done += bytes
    })
    const show = (keys: number) => {
      progress.keys = keys
      progress.show()
    }
    if (isDryRun) return countParts(parts, selection, (counts) => show(counts.keys))
    if ('server' in target) {
      const request = { address: addressOf(target.server), mustReplace, onProgress: () => show(summary.keys) }
      await importIntoServer(itemsOfParts(parts, selection, summary), summary, request)
      return summary
    }
    const warn = (text: string) => this.output.error(`haypile: ${text}\n`)
    return importIntoDirectory(parts, { directory: target.directory, databases, selection, warn, onProgress: ({ keys }) => show(keys) })
  }
}
