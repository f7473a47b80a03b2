/**
 * Configuration files.
 *
 *   line  = blank | "#" comment | "include" file { file } | name { word } | name ":" [ " " value ]
 *   file  = a path, relative to the including file's directory; one with * ? [ stands for all matches, in order
 *   word  = as in an inline request: plain, "with \n escapes" or 'without'
 *
 * The form with a colon is Pika's; its value is the rest of the line as it stands. Names are in any case. Later lines win.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { splitInline } from '../commands/inline-words.ts'
import { type Bytes, bytesOf, lowerCase, textOf } from '../storage/bytes.ts'
import { contentOf, type Files } from '../storage/files.ts'
import { includedPaths } from './include-paths.ts'

/** A key with the words given for it. */
export interface Setting {
  readonly name: Bytes
  readonly words: readonly Bytes[]
  /** For messages: `line 3 of /etc/haypile.conf`, or empty. */
  readonly where: string
}

/** The configuration cannot be used. The message is a line for the person who wrote it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const INCLUDE_DEPTH = 16
const PIKA_LINE = /^([A-Za-z0-9_-]+)\s*:(?:\s+(.*))?$/s

/** The settings of a file and of those that it includes, in order; `-` is standard input. Throws ConfigError. */
export function readConfigFile(files: Files, path: string, depth = 0): Setting[] {
  if (depth > INCLUDE_DEPTH) throw new ConfigError(`${path}: files include each other more than ${INCLUDE_DEPTH} deep`)
  return parseConfigText(readText(files, path), path, (included) => includedSettings(files, path, included, depth))
}

/** The settings of what `path` includes by a word: a file, or a pattern of files. Throws ConfigError. */
export function includedSettings(files: Files, path: string, included: string, depth: number): Setting[] {
  const pattern = resolve(path === '-' ? '.' : dirname(path), included)
  return pathsFor(files, pattern).flatMap((one) => readConfigFile(files, one, depth + 1))
}

function pathsFor(files: Files, pattern: string): string[] {
  try {
    return includedPaths(files, pattern)
  } catch (error) {
    throw new ConfigError(`cannot look for the configuration files ${pattern}: ${(error as Error).message}`)
  }
}

/** The settings of a file's text. `include` answers those of another file, whose path may be relative to this one's. Throws ConfigError. */
export function parseConfigText(text: Bytes, path: string, include: (path: string) => readonly Setting[]): Setting[] {
  const settings: Setting[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const where = `line ${index + 1} of ${path === '-' ? 'standard input' : path}`
    const parsed = parseConfigLine(line)
    if (parsed === null) throw new ConfigError(`unbalanced quotes on ${where}`)
    const [name, ...words] = parsed
    if (name === undefined) continue
    if (lowerCase(name) === 'include') for (const word of words) settings.push(...include(textOf(word)))
    else settings.push({ name: lowerCase(name), words, where })
  }
  return settings
}

/** The words of one line, the name first; none for a blank one or a comment, null for unbalanced quotes. */
export function parseConfigLine(line: Bytes): Bytes[] | null {
  const trimmed = line.replace(/^[ \t\r]+|[ \t\r]+$/g, '')
  if (trimmed === '' || trimmed.startsWith('#')) return []
  const pika = PIKA_LINE.exec(trimmed)
  if (pika !== null) return [pika[1] as Bytes, pika[2] ?? '']
  return splitInline(trimmed)
}

/** The bytes of a file; `-` is standard input. Throws ConfigError. */
export function readText(files: Files, path: string): Bytes {
  try {
    if (path === '-') return bytesOf(readFileSync(0))
    return bytesOf(contentOf(files, path))
  } catch (error) {
    throw new ConfigError(`cannot read the configuration file ${path}: ${(error as Error).message}`)
  }
}
