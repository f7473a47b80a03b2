/**
 * A file that appears whole or not at all: it is written under a temporary name, synced, and then
 * renamed.
 */
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { rethrowAssertion } from '../../../base/assert.ts'
import { errorText } from '../../../base/error-text.ts'
import { realFiles } from '../../../base/files.ts'
import { ExchangeRefusal } from '../refusal.ts'

/** Writes the chunks to standard output. Returns the number of bytes. Throws ExchangeRefusal. */
export async function writeStandardOutput(chunks: AsyncIterable<Buffer>): Promise<number> {
  const failed = (error: Error) => ExchangeRefusal.ofData(`standard output cannot be written: ${errorText(error)}`)
  process.stdout.on('error', () => {}) // the callback of the write has the error, too
  let bytes = 0
  for await (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(chunk, (error) => (error instanceof Error ? reject(failed(error)) : resolve()))
    })
    bytes += chunk.length
  }
  return bytes
}

/** Writes the chunks to a file, which replaces an existing one. Returns the number of bytes. */
export async function writeFile(path: string, chunks: AsyncIterable<Buffer>): Promise<number> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'w').catch((error: unknown) => {
    rethrowAssertion(error)
    throw ExchangeRefusal.ofUsage(`${temporary} cannot be written: ${errorText(error)}`)
  })
  let bytes = 0
  try {
    for await (const chunk of chunks) {
      await file.writeFile(chunk)
      bytes += chunk.length
    }
    await file.sync()
  } catch (error) {
    await file.close()
    await rm(temporary, { force: true })
    throw error
  }
  await file.close()
  await rename(temporary, path)
  realFiles.syncDirectorySync(dirname(path))
  return bytes
}
