/**
 * The files that an `include` of a configuration file names. A path with `*`, `?` or `[` stands for every file that matches, in the order of their
 * bytes, as glob(3) has it; for none where nothing matches, so that an empty conf.d is no error. Any other path stands for itself.
 */
import { basename, dirname, join } from 'node:path'
import { bytesOfText } from '../../base/bytes.ts'
import type { Files } from '../../base/files.ts'
import { globOf, isLiteral } from '../../commands/parsing/glob.ts'

/** The paths for an absolute or relative path. Throws what the file system throws for a directory that cannot be read. */
export function includedPaths(files: Files, path: string): string[] {
  const name = basename(path)
  const isPlain = isLiteral(bytesOfText(name))
  if (isPlain && isLiteral(bytesOfText(path))) return [path]
  const directory = dirname(path)
  const matches = globOf(bytesOfText(name))
  return includedPaths(files, directory).flatMap((parent) => {
    if (isPlain) return files.existsSync(join(parent, name)) ? [join(parent, name)] : []
    const found = namesIn(files, parent).filter((one) => (!one.startsWith('.') || name.startsWith('.')) && matches(bytesOfText(one)))
    return found.map((one) => join(parent, one))
  })
}

function namesIn(files: Files, directory: string): string[] {
  try {
    return files.listSync(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}
