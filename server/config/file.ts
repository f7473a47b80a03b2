/**
 * Configuration files.
 *
 *   line  = blank | "#" comment | "include" file { file } | name { word } | name ":" [ " " value ]
 *   file  = a path, relative to the including file's directory; one with * ? [ names all matches
 *   word  = as in an inline request: plain, "with \n escapes" or 'without'
 *
 * The form with a colon is Pika's; its value is the rest of the line, unchanged. Names are
 * case-insensitive. Later lines win.
 */

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { must, rethrowAssertion } from '../../base/assert.ts'
import { type Bytes, bytesOf, lowerCase, textOf } from '../../base/bytes.ts'
import { errorText } from '../../base/error-text.ts'
import { contentOf, type Files } from '../../base/files.ts'
import { splitInline } from '../../commands/parsing/inline-words.ts'
import { includedPaths } from './include-paths.ts'

/** A key with the words given for it. */
export interface Setting {
  readonly name: Bytes
  readonly words: readonly Bytes[]
  /**
   * For messages: the place (`/etc/haypile.conf:3: `, or empty) and the name as the file spells it.
   */
  readonly where: string
  readonly given: string
}

/** An error message lists at most this many problems, one a line. */
const MAX_PROBLEMS = 50
const MAX_INCLUDE_DEPTH = 16
const PIKA_LINE = /^([A-Za-z0-9_-]+)\s*:(?:\s+(.*))?$/s

/** The configuration cannot be used. The message has one line for each problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(problems: readonly string[]) {
    const told = [
      ...problems.slice(0, MAX_PROBLEMS),
      ...(problems.length > MAX_PROBLEMS ? [`and ${problems.length - MAX_PROBLEMS} more`] : []),
    ]
    super(told.join('\n'))
  }
}

/** A faulty line of a file. It is reported in line order together with the faulty settings. */
interface Problem {
  readonly problem: string
}

export type Item = Setting | Problem

/**
 * Reads the settings of a file and of the files it includes, in order; `-` is standard input.
 * Throws ConfigError if files include each other.
 */
export function readConfigFile(files: Files, path: string): Item[] {
  return readAt(files, path, '', 0)
}

/**
 * Reads the settings of the file, or of all files of a pattern, that `path` includes. Throws
 * ConfigError if files include each other.
 */
export function includedSettings(files: Files, path: string, included: string, where: string, depth = 0): Item[] {
  const pattern = resolve(path === '-' ? '.' : dirname(path), included)
  try {
    return includedPaths(files, pattern).flatMap((one) => readAt(files, one, where, depth + 1))
  } catch (error) {
    rethrowAssertion(error)
    if (error instanceof ConfigError) throw error
    return [{ problem: `${where}cannot look for the configuration files ${pattern}: ${errorText(error)}` }]
  }
}

function readAt(files: Files, path: string, where: string, depth: number): Item[] {
  if (depth > MAX_INCLUDE_DEPTH) throw new ConfigError([`${path}: files include each other more than ${MAX_INCLUDE_DEPTH} deep`])
  let text: Bytes
  try {
    text = readText(files, path)
  } catch (error) {
    rethrowAssertion(error)
    return [{ problem: `${where}cannot read the configuration file ${path}: ${errorText(error)}` }]
  }
  return parseConfigText(text, path, (included, place) => includedSettings(files, path, included, place, depth))
}

/**
 * Parses a file's text. `include` returns the settings of another file, whose path may be relative
 * to this one's.
 */
export function parseConfigText(text: Bytes, path: string, include: (path: string, where: string) => readonly Item[]): Item[] {
  return text.split('\n').flatMap((line, index): readonly Item[] => {
    const where = `${path === '-' ? 'standard input' : path}:${index + 1}: `
    const parsed = parseConfigLine(line)
    if (parsed === null) return [{ problem: `${where}unbalanced quotes` }]
    const [name, ...words] = parsed
    if (name === undefined) return []
    if (lowerCase(name) === 'include') return words.flatMap((word) => include(textOf(word), where))
    return [{ name: lowerCase(name), words, where, given: textOf(name) }]
  })
}

/**
 * Splits one line into words, the name first. Returns none for a blank line or a comment, null for
 * unbalanced quotes.
 */
export function parseConfigLine(line: Bytes): Bytes[] | null {
  const trimmed = line.replace(/^[ \t\r]+|[ \t\r]+$/g, '')
  if (trimmed === '' || trimmed.startsWith('#')) return []
  const pika = PIKA_LINE.exec(trimmed)
  if (pika !== null) return [must(pika[1]), pika[2] ?? '']
  return splitInline(trimmed)
}

/** Reads a file's bytes; `-` is standard input. Throws the file system's errors. */
export function readText(files: Files, path: string): Bytes {
  return path === '-' ? bytesOf(readFileSync(0)) : bytesOf(contentOf(files, path))
}
