/**
 * The `user` lines of a configuration file: name and rules, a user a line. Kept as lines, since what they mean depends on the commands that
 * there are; each word is in quotes where it needs them.
 */
import type { Bytes } from '../../base/bytes.ts'
import { splitInline } from '../../commands/parsing/inline-words.ts'
import { ConfigRefused, type Kind, quoted } from './kinds.ts'

export type UserLine = Bytes

export const userLines: Kind<readonly UserLine[]> = {
  describe: 'name rule ...',
  takes: 'many',
  parse(words, previous = []) {
    if (words.every((word) => word === '')) return previous
    // A line in one word, as after a flag or a colon: no name has a space.
    if (!words[0]?.includes(' ')) return [...previous, lineOf(words)]
    return [...previous, ...words.map((line) => lineOf(wordsOfUserLine(line)))]
  },
  print: (lines) => lines.join('\n'),
  lines: (lines) => lines,
}

export function wordsOfUserLine(line: UserLine): Bytes[] {
  const words = splitInline(line)
  if (words === null) throw new ConfigRefused('unbalanced quotes')
  return words
}

/** The line of these words as one word, which is told from a name by its space. */
export function oneWordOfUserLine(words: readonly Bytes[]): Bytes {
  return words.length === 1 && words[0]?.includes(' ') ? words[0] : `${lineOf(words)} `
}

function lineOf(words: readonly Bytes[]): UserLine {
  return words.map((word) => (/^[!-~]+$/.test(word) && !/["'\\]/.test(word) ? word : quoted(word))).join(' ')
}
