/**
 * The flags of a command line:
 *
 *   flag = "--" name { value } | "--" name "=" value | "-p" port
 *
 * Names are case-insensitive. The word after a flag is its value even if it begins with dashes. A
 * key that takes many words takes all words up to the next `--` or `-p`; a single dash begins a
 * value (`-::1`). A flag given twice counts like two lines of a file.
 */
import { at } from '../../base/assert.ts'
import { bytesOfText, lowerCase, textOf } from '../../base/bytes.ts'
import { splitInline } from '../../commands/parsing/inline-words.ts'
import type { Item } from './file.ts'
import { configNames, nearestConfigName } from './table.ts'
import { oneWordOfUserLine } from './users.ts'

/** Flags that are not configuration keys. */
const PLAIN_FLAGS = ['-h', '--help', '-v', '--version', '--']

/**
 * Separates the flags, in order and with their problems, from the words that are neither flags nor
 * values.
 */
export function separatedFlags(given: readonly string[]): { readonly plain: string[]; readonly flags: Item[] } {
  const words = given.flatMap(unglued)
  const plain: string[] = []
  const flags: Item[] = []
  for (let i = 0; i < words.length; ) {
    const word = at(words, i++)
    const [, flag = '', glued] = /^--([^\s=]+)(?:=(.*))?$/s.exec(word === '-p' ? '--port' : word) ?? []
    const name = configNames.get(lowerCase(bytesOfText(flag)))
    if (!word.startsWith('-') || word === '-' || PLAIN_FLAGS.includes(word)) plain.push(word)
    else if (name === undefined) {
      flags.push({ problem: unknownFlag(at(word.split('=', 1), 0)) })
      while (i < words.length && !at(words, i).startsWith('-')) i++
    } else {
      const takesMany = name.key.kind.takes === 'many'
      const from = i
      if (glued === undefined && !takesMany) i = Math.min(i + 1, words.length)
      else if (glued === undefined) while (i < words.length && !isFlag(at(words, i))) i++
      const values = (glued === undefined ? words.slice(from, i) : [glued]).map(bytesOfText)
      const shown = `--${name.name}`
      if (values.length === 0 && !takesMany) flags.push({ problem: `${shown}: a value is missing` })
      else flags.push({ name: name.name, words: name.name === 'user' ? [oneWordOfUserLine(values)] : values, where: '', given: shown })
    }
  }
  return { plain, flags }
}

const isFlag = (word: string) => word.startsWith('--') || word === '-p'

/** Splits `"--maxmemory 1gb"` given as one word, as Redis's own start scripts write it. */
function unglued(word: string): string[] {
  if (!/^--[a-z0-9-]+\s/i.test(word)) return [word]
  return splitInline(bytesOfText(word))?.map(textOf) ?? [word]
}

function unknownFlag(flag: string): string {
  const nearest = flag.startsWith('--') ? nearestConfigName(bytesOfText(flag.slice(2))) : undefined
  return `unknown option '${flag}'${nearest === undefined ? '' : `, did you mean '--${nearest}'?`}`
}
