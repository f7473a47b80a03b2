/**
 * How far a generation has been filled by a full sync, in a file of its own: what lets the next process go on with it.
 *
 *   filling.json   JSON: source   what the filler needs in order to ask for the rest, as strings
 *                        after    key of the last record before which all are durable, in hexadecimal
 *                        meta     the meta record if it has come, in hexadecimal; else null
 *                        records, bytes   how many have come, and their keys and values
 *
 * On disk. Each version of the file is durable before it has its name, and all that it speaks of is durable before that. The name itself is
 * not synced: the version before is as good.
 */
import { join } from 'node:path'
import { bufferOf } from '../../base/bytes.ts'
import type { Files } from '../../base/files.ts'
import { readJson } from './identity.ts'

export interface FillingProgress {
  readonly source: readonly string[]
  readonly after: string
  readonly meta: string | null
  readonly records: number
  readonly bytes: number
}

const FILE_NAME = 'filling.json'

export async function saveProgress(files: Files, directory: string, progress: FillingProgress): Promise<void> {
  const path = join(directory, FILE_NAME)
  const file = files.openSync(`${path}.new`, 'create')
  try {
    file.writeSync([bufferOf(`${JSON.stringify(progress)}\n`)], 0)
    await file.datasync()
  } finally {
    file.closeSync()
  }
  files.renameSync(`${path}.new`, path)
}

/** Null where there is none, or none that can be gone on from. */
export function readProgress(files: Files, directory: string): FillingProgress | null {
  const path = join(directory, FILE_NAME)
  if (!files.existsSync(path)) return null
  try {
    const { source, after, meta, records, bytes } = readJson(files, path) ?? {}
    if (!Array.isArray(source) || !source.every((word) => typeof word === 'string')) return null
    if (!isHex(after) || (meta !== null && !isHex(meta)) || !isCount(records) || !isCount(bytes)) return null
    return { source, after, meta, records, bytes }
  } catch {
    return null
  }
}

export function removeProgress(files: Files, directory: string): void {
  files.removeTreeSync(join(directory, FILE_NAME))
}

const isHex = (text: unknown): text is string => typeof text === 'string' && /^([0-9a-f]{2})+$/.test(text)
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
