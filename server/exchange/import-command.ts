/**
 * `haypile import SOURCE`: the data of a Redis or haypile comes into a data directory, or into a
 * running server.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import { systemClock } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import { RdbError } from '../../rdb/format/rdb-error.ts'
import type { LoadSummary } from '../../storage/exchange/loader.ts'
import type { ItemBatches } from './items.ts'
import { DEFAULT_DATABASES } from './offline.ts'
import type { KeySelection, PartBatches } from './parts.ts'
import { Progress } from './progress.ts'
import { ExchangeRefusal } from './refusal.ts'
import { type ImportSummary, importLines, reportObject } from './report.ts'
import { itemsOfParts } from './sources/collecting.ts'
import type { CommandSource } from './sources/command-log.ts'
import { addressOf } from './sources/connection.ts'
import { type LogSource, openSource, type PartSource } from './sources/sources.ts'
import { mustBeOfUse, type TlsFiles } from './sources/tls-files.ts'
import { countParts } from './targets/counting.ts'
import { importIntoDirectory } from './targets/directory-target.ts'
import { importIntoServer, type ServerImportSummary } from './targets/server-target.ts'
import { importLogIntoDirectory, StagedLog } from './targets/staging.ts'

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
  /** For servers with rediss://. */
  readonly tls?: TlsFiles | undefined
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

async function* nothing(): ItemBatches {}

/** One import. */
class Import {
  progress: Progress | null = null
  private readonly options: ImportOptions
  private readonly output: ExchangeOutput
  private readonly summary: LoadSummary & ServerImportSummary

  constructor(options: ImportOptions, output: ExchangeOutput) {
    this.options = options
    this.output = output
    this.summary = {
      keys: 0,
      libraries: 0,
      expired: 0,
      filtered: 0,
      lostDeadlines: 0,
      empty: 0,
      skipped: [],
      commands: 0,
      refusals: new Map(),
    }
  }

  /** The part of the data that stays after a failure, as a text. */
  get remainder(): string {
    const { keys, commands } = this.summary
    const { target, isDryRun } = this.options
    if (!('server' in target) || isDryRun || keys + commands === 0) return 'nothing was imported'
    if (keys === 0 || commands > 0) return `${commands} commands had been run before: empty the server before they run again`
    return `${keys} keys had been imported before: run the import again with --replace`
  }

  async run(path: string): Promise<number> {
    const { target, isDryRun, tls = {}, isJson } = this.options
    mustBeOfUse(tls, path, 'server' in target ? target.server : '')
    if ('server' in target) addressOf(target.server, tls)
    const source = await openSource(path, tls)
    const { hasProgressBar: hasBar, error: write } = this.output
    const progress = new Progress({ clock: systemClock, write, hasBar, action: 'importing', unit: 'bytes', total: source.sizeBytes })
    this.progress = progress
    const summary = await this.carry(source, progress)
    progress.stop()
    const name = 'server' in target ? addressOf(target.server, tls).name : target.directory
    const report = { source: source.name, target: name, bytes: progress.done, seconds: progress.elapsedMs / 1000, summary }
    this.output.out(isJson ? `${JSON.stringify(reportObject(report))}\n` : importLines(report, isDryRun ? 'would import' : 'imported'))
    return this.summary.refusals.size > 0 ? 1 : 0
  }

  private async carry(source: PartSource | LogSource, progress: Progress): Promise<ImportSummary> {
    const onRead = (bytes: number) => {
      progress.done += bytes
    }
    if (source.kind === 'log') return this.carryLog(source.open(onRead))
    const { selection, target, isDryRun } = this.options
    const strings = 'directory' in target && !isDryRun ? 'whole' : 'parts'
    return this.carryParts(source.parts(onRead, strings), { ...selection, database: selection.database ?? source.database })
  }

  private async carryLog(log: CommandSource): Promise<ImportSummary> {
    const { target, selection, databases = DEFAULT_DATABASES, mustReplace, isDryRun } = this.options
    const { summary, show, warn } = this
    let loaded: LoadSummary = summary
    if (isDryRun || selection.database !== undefined || selection.pattern !== undefined) {
      loaded = await this.carryKeysOfLog(log)
    } else if ('server' in target) {
      const items = (await log.hasRdb()) ? itemsOfParts(log.parts(), selection, summary) : nothing()
      const request = { address: addressOf(target.server, this.options.tls), mustReplace, onProgress: () => show(summary.keys) }
      await importIntoServer(items, log.commands(), summary, request)
    } else {
      const request = { directory: target.directory, databases, warn, onProgress: ({ keys }: { keys: number }) => show(keys) }
      loaded = await importLogIntoDirectory(log, request, summary)
    }
    if (log.isCutShort) warn('the log ends within a command, which was left out')
    return { ...loaded, commands: summary.commands, refusals: summary.refusals }
  }

  /** Keys are selected or counted once the log has been run. */
  private async carryKeysOfLog(log: CommandSource): Promise<LoadSummary> {
    const { selection, databases = DEFAULT_DATABASES } = this.options
    const { summary, show, warn } = this
    const staged = new StagedLog(log, { databases, warn, onProgress: ({ keys }) => show(keys) }, summary)
    const loaded = await this.carryParts(staged.parts(), selection)
    const { empty = 0, skipped = [] } = staged.base ?? {}
    return { ...loaded, empty: loaded.empty + empty, skipped: [...skipped, ...loaded.skipped] }
  }

  private readonly show = (keys: number) => {
    if (this.progress === null) return
    this.progress.keys = keys
    this.progress.show()
  }

  private readonly warn = (text: string) => this.output.error(`haypile: ${text}\n`)

  private async carryParts(parts: PartBatches, selection: KeySelection): Promise<LoadSummary> {
    const { target, databases = DEFAULT_DATABASES, mustReplace, isDryRun } = this.options
    const { summary, show, warn } = this
    if (isDryRun) return countParts(parts, selection, (counts) => show(counts.keys))
    if ('server' in target) {
      const request = { address: addressOf(target.server, this.options.tls), mustReplace, onProgress: () => show(summary.keys) }
      await importIntoServer(itemsOfParts(parts, selection, summary), null, summary, request)
      return summary
    }
    return importIntoDirectory(parts, { directory: target.directory, databases, selection, warn, onProgress: ({ keys }) => show(keys) })
  }
}
