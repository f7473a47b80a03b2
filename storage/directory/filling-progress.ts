/**
 * The progress of a full sync that fills a data set, in a file of its own, so that the next
 * process can continue it.
 *
 *   filling.json   JSON: source   strings with which the replica asks its master for the rest
 *                        after    key of a record, in hexadecimal: the records up to it are durable
 *                        meta     the meta record if it has come, in hexadecimal; else null
 *                        records, bytes   number of records received; bytes of their keys and
 *                                         values
 *
 * On disk. Each version of the file is durable before it gets its name, and the records it
 * describes are durable before that. The name itself is not synced, because the version before is
 * as good.
 */
import { join } from 'node:path'
import { assert, rethrowAssertion } from '../../base/assert.ts'
import { bufferOf } from '../../base/bytes.ts'
import type { Files } from '../../base/files.ts'
import { readJson } from './identity.ts'

/** The content of filling.json. */
export interface FillingProgress {
  readonly source: readonly string[]
  readonly after: string
  readonly meta: string | null
  readonly records: number
  readonly bytes: number
}

const FILE_NAME = 'filling.json'

/** Stores the progress. REQUIRES: the records up to `after` are durable. */
export async function saveProgress(files: Files, directory: string, progress: FillingProgress): Promise<void> {
  assert(isHex(progress.after) && (progress.meta === null || isHex(progress.meta)), 'a filling can be resumed from its progress')
  assert(isCount(progress.records) && isCount(progress.bytes), 'the counts of a filling are whole numbers')
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

/** Returns the stored progress; null if there is no file, or none that a sync can continue from. */
export function readProgress(files: Files, directory: string): FillingProgress | null {
  const path = join(directory, FILE_NAME)
  if (!files.existsSync(path)) return null
  try {
    const { source, after, meta, records, bytes } = readJson(files, path) ?? {}
    if (!Array.isArray(source) || !source.every((word) => typeof word === 'string')) return null
    if (!isHex(after) || (meta !== null && !isHex(meta)) || !isCount(records) || !isCount(bytes)) return null
    return { source, after, meta, records, bytes }
  } catch (error) {
    rethrowAssertion(error)
    return null
  }
}

export function removeProgress(files: Files, directory: string): void {
  files.removeTreeSync(join(directory, FILE_NAME))
}

const isHex = (text: unknown): text is string => typeof text === 'string' && /^([0-9a-f]{2})+$/.test(text)
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
