/** Imports and exports in the test's process, with what they print. */
import * as assert from 'uvu/assert'
import { runCheck } from '../../../server/check-command.ts'
import { type ExportOptions, runExport } from '../../../server/exchange/export-command.ts'
import { type ImportOptions, runImport } from '../../../server/exchange/import-command.ts'

export interface Printed {
  readonly status: number
  readonly out: string
  readonly error: string
}

/** Runs a command with an output of its own. */
async function printed(
  command: (output: { out(text: string): void; error(text: string): void; hasProgressBar: boolean }) => Promise<number>,
): Promise<Printed> {
  let out = ''
  let error = ''
  const status = await command({
    out: (text) => {
      out += text
    },
    error: (text) => {
      error += text
    },
    hasProgressBar: false,
  })
  return { status, out, error }
}

/** Imports a file into a data directory. */
export function importFile(path: string, directory: string, options: Partial<ImportOptions> = {}): Promise<Printed> {
  const given = { target: { directory }, selection: {}, mustReplace: false, isDryRun: false, isJson: false, ...options }
  return printed((output) => runImport(path, given, output))
}

/** Exports a data directory into a file. */
export function exportFile(path: string, directory: string, options: Partial<ExportOptions> = {}): Promise<Printed> {
  const given = { source: { directory }, selection: {}, rdbVersion: 10, isJson: false, ...options } as const
  return printed((output) => runExport(path, given, output))
}

/** Fails unless the checker finds the directory clean. */
export async function checkClean(directory: string): Promise<void> {
  const { status, out } = await printed((output) => runCheck(directory, { output, hasProgressBar: false }))
  assert.is(status, 0, out)
}
