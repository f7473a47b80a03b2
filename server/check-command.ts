/**
 * `haypile check DIR`: prints the findings of checking a data directory, with a progress bar on a
 * terminal.
 */
import { statSync } from 'node:fs'
import type { SingleBar } from 'cli-progress'
import { realFiles } from '../base/files.ts'
import { lazyPackage } from '../base/lazy-package.ts'
import { checkDirectory, type Repair } from '../storage/check/check.ts'
import type { CheckProgress } from '../storage/check/report.ts'
import { LevelRecords } from '../storage/records/level-records.ts'
import type { RecordStore } from '../storage/records/record-store.ts'
import { DamageError } from '../storage/records/records.ts'

const LEVEL_SETTINGS = { writeBufferBytes: 4 * 1024 * 1024, blockCacheBytes: 32 * 1024 * 1024 }

export interface CheckCommandOptions {
  readonly repair?: Repair
  readonly output?: { out(text: string): void; error(text: string): void }
  /** True draws a progress bar on standard error; by default if that is a terminal. */
  readonly hasProgressBar?: boolean
}

/** Resolves with the exit status: 0 clean, 1 damaged, 2 could not be checked. */
export async function runCheck(directory: string, options: CheckCommandOptions = {}): Promise<number> {
  const output = options.output ?? { out: (text) => process.stdout.write(text), error: (text) => process.stderr.write(text) }
  const bar = new PhaseBar(options.hasProgressBar ?? process.stderr.isTTY === true)
  try {
    if (!statSync(directory).isDirectory()) throw new Error('not a directory')
    const report = await checkDirectory({
      files: realFiles,
      directory,
      openRecords: openExisting,
      progress: (progress) => bar.update(progress),
      repair: options.repair ?? 'nothing',
    })
    bar.stop()
    for (const { severity, place, text } of report.findings) output.out(`${severity.padEnd(6)}  ${place}: ${text}\n`)
    const hidden = report.damages + report.notes - report.findings.length
    if (hidden > 0) output.out(`... and ${hidden} more\n`)
    for (const repair of report.repairs) output.out(`done    ${repair}\n`)
    const { records, binlog } = report
    output.out(
      `${directory}: ${records.roots} keys (${records.volatile} with a deadline), ${records.pages} pages, ${records.garbage} garbage records; ` +
        `binlog: ${binlog.segments} segments, ${binlog.groups} groups, ${binlog.commands} commands, end ${binlog.end}\n`,
    )
    output.out(report.damages === 0 ? 'clean\n' : `${report.damages} damaged\n`)
    return report.damages === 0 ? 0 : 1
  } catch (error) {
    bar.stop()
    output.error(`haypile: ${directory} cannot be checked: ${reason(error)}\n`)
    return 2
  }
}

async function openExisting(path: string): Promise<RecordStore> {
  try {
    return await LevelRecords.open(path, LEVEL_SETTINGS, 'existing')
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } }
    if (cause?.code === 'LEVEL_CORRUPTION') throw new DamageError(`LevelDB cannot be opened: ${cause.message}`)
    throw error
  }
}

function reason(error: unknown): string {
  const { code, cause, message } = error as { code?: string; cause?: { code?: string; message?: string }; message?: string }
  if (code === 'ENOENT') return 'no such directory'
  if (cause?.code === 'LEVEL_LOCKED') return 'a server has it open'
  return cause?.message ?? message ?? String(error)
}

/** A progress bar for each phase, one after the other. */
class PhaseBar {
  private readonly isShown: boolean
  private bar: SingleBar | null = null
  private phase = ''

  constructor(shown: boolean) {
    this.isShown = shown
  }

  update({ phase, done, total }: CheckProgress): void {
    if (!this.isShown) return
    if (phase !== this.phase) {
      this.stop()
      this.phase = phase
      const { SingleBar: Bar } = lazyPackage<typeof import('cli-progress')>('cli-progress')
      this.bar = new Bar({ format: `${phase.padEnd(8)} {bar} {percentage}% {value}/{total} {eta_formatted}`, stream: process.stderr })
      this.bar.start(total, done)
    } else {
      this.bar?.setTotal(total)
      this.bar?.update(done)
    }
  }

  stop(): void {
    this.bar?.stop()
    this.bar = null
  }
}
