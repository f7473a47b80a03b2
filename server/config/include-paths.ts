/**
 * The files that an `include` of a configuration file names. A path with `*`, `?` or `[` names
 * every matching file, in byte order, as glob(3) does. A pattern without a match names none, so
 * that an empty conf.d is no error. Any other path names itself.
 */
import { basename, dirname, join } from 'node:path'
import { bytesOfText } from '../../base/bytes.ts'
import type { Files } from '../../base/files.ts'
import { globOf, isLiteral } from '../../commands/parsing/glob.ts'

/**
 * Expands an absolute or relative path. Throws the file system's error if a directory cannot be
 * read.
 */
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
