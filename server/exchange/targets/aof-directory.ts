/**
 * The directory of an AOF of several files, which Redis 7.0 and later versions load with
 * `appendonly yes`. All data is in the base, an RDB:
 *
 *   appendonly.aof.manifest      one line: the base
 *   appendonly.aof.1.base.rdb
 *
 * The directory appears whole or not at all.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { rethrowAssertion } from '../../../base/assert.ts'
import { errorText } from '../../../base/error-text.ts'
import { realFiles } from '../../../base/files.ts'
import { ExchangeRefusal } from '../refusal.ts'
import { writeFile } from './file-output.ts'

const BASE = 'appendonly.aof.1.base.rdb'
const MANIFEST = 'appendonly.aof.manifest'

/** Writes the chunks of an RDB as a base. Returns the number of bytes. Throws ExchangeRefusal. */
export async function writeAofDirectory(path: string, chunks: AsyncIterable<Buffer>): Promise<number> {
  const target = resolve(path)
  const temporary = `${target}.new`
  beginDirectory(path, target, temporary)
  try {
    const bytes = await writeFile(join(temporary, BASE), chunks)
    await writeFile(join(temporary, MANIFEST), only(Buffer.from(`file ${BASE} seq 1 type b\n`)))
    renameSync(temporary, target)
    realFiles.syncDirectorySync(dirname(target))
    return bytes
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    throw error
  }
}

/** Throws ExchangeRefusal where the directory has content, or cannot be made. */
function beginDirectory(path: string, target: string, temporary: string): void {
  try {
    if (existsSync(target) && readdirSync(target).length > 0) {
      throw ExchangeRefusal.ofUsage(`${path} exists and is not empty: name another directory, or remove it`)
    }
    mkdirSync(temporary)
  } catch (error) {
    rethrowAssertion(error)
    if (error instanceof ExchangeRefusal) throw error
    throw ExchangeRefusal.ofUsage(`${temporary} cannot be written: ${errorText(error)}`)
  }
}

async function* only(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk
}
