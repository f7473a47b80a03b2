/**
 * The `user` lines of a configuration file: a name and rules, one user a line. They are kept as
 * text, since their meaning depends on the command table. Words are quoted where they need it.
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
    // The whole line is one word after a flag or a colon; a name has no space.
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

/** The line of these words as one word. Its space distinguishes it from a name. */
export function oneWordOfUserLine(words: readonly Bytes[]): Bytes {
  return words.length === 1 && words[0]?.includes(' ') ? words[0] : `${lineOf(words)} `
}

function lineOf(words: readonly Bytes[]): UserLine {
  return words.map((word) => (/^[!-~]+$/.test(word) && !/["'\\]/.test(word) ? word : quoted(word))).join(' ')
}
