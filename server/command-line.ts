/**
 * The command line:
 *
 *   haypile [file | -] { --name value { value } }      serve; flags win over the file, `-` is standard input
 *   haypile check DIR [--cut | --new-identity]         verify a data directory that no server has open
 *
 * The word after a flag is its value even where it begins with dashes. A key that takes many words has all that follow up to the next `--`.
 */
import { Command, CommanderError, Option } from 'commander'
import { splitInline } from '../commands/inline-words.ts'
import { bytesOfText, lowerCase, textOf } from '../storage/bytes.ts'
import type { Repair } from '../storage/check.ts'
import { Config } from './config.ts'
import { ConfigError } from './config-file.ts'
import { configHelp } from './config-help.ts'
import type { ConfigName } from './config-key.ts'
import { configNames, nearestConfigName } from './config-table.ts'
import { oneWordOfUserLine } from './config-users.ts'
import { machineOfProgram } from './heap.ts'

export interface CommandLineActions {
  readonly version: string
  /** Serves. What it throws is the caller's to report. */
  start(config: Config): Promise<void>
  /** Verifies a data directory, and repairs it where that is asked for; the exit code. */
  check(directory: string, options: { readonly repair: Repair }): Promise<number>
  /** Standard output and error; the process's own unless given. */
  readonly output?: { out(text: string): void; error(text: string): void }
}

/** Does what the words after `haypile` ask for. Resolves to the exit code, which is 0 for a server that has been started. */
export async function runCommandLine(words: readonly string[], actions: CommandLineActions): Promise<number> {
  const output = actions.output ?? { out: (text) => process.stdout.write(text), error: (text) => process.stderr.write(text) }
  const machine = machineOfProgram()
  let exitCode = 0
  const { words: plain, given } = separatedFlags(words.flatMap(unglued))
  const program = new Command('haypile')
    .description('A Redis-compatible key-value server with its data on disk.')
    .usage('[file] [--name value ...]')
    .version(`haypile ${actions.version}`, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .argument('[file]', 'configuration file; - reads standard input')
    .configureOutput({ writeOut: output.out, writeErr: output.error, outputError: (text, write) => write(`haypile: ${suggesting(text)}`) })
    .showSuggestionAfterError(false)
    .addHelpText('after', () => configHelp(machine))
    .exitOverride()
  for (const name of configNames.values()) program.addOption(optionOf(name))
  program.action(async (file: string | undefined) => {
    const config = new Config({ machine })
    if (file !== undefined) config.loadFile(file)
    config.load(given)
    await actions.start(config)
  })
  program
    .command('check')
    .description('verify every invariant of a data directory that no server has open')
    .argument('<directory>')
    .addOption(new Option('--cut', 'set a damaged binlog aside from the first damage on, in .cut files').conflicts('newIdentity'))
    .option(
      '--new-identity',
      'replace a missing or unreadable identity.json: a node without a past, a master unless replicaof is configured',
    )
    .action(async (directory: string, { cut, newIdentity }: { cut?: boolean; newIdentity?: boolean }) => {
      exitCode = await actions.check(directory, { repair: newIdentity === true ? 'new identity' : cut === true ? 'cut binlog' : 'nothing' })
    })
  try {
    await program.parseAsync(plain, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    if (!(error instanceof ConfigError)) throw error
    output.error(`haypile: ${error.message}\n`)
    return 1
  }
  return exitCode
}

function optionOf({ name, key }: ConfigName): Option {
  const value = key.kind.takes === 'many' ? '[value...]' : '<value>'
  return new Option(`--${name} ${value}`, key.help).hideHelp()
}

/** `"--maxmemory 1gb"` in one word, as Redis's own start scripts write it. */
function unglued(word: string): string[] {
  if (!/^--[a-z0-9-]+\s/i.test(word)) return [word]
  return splitInline(bytesOfText(word))?.map(textOf) ?? [word]
}

/** A flag as a line of a file would have it. */
type Given = readonly [name: string, words: string | readonly string[]]

/**
 * The settings of the flags, in their order, and the words as Commander is to check them. A name is in any case, as Redis has it. A flag that
 * takes many words has all of them up to the next `--`, and a single dash begins a value (`-::1`). One that stands twice is two lines of a file.
 */
function separatedFlags(words: readonly string[]): { readonly words: string[]; readonly given: Given[] } {
  const plain: string[] = []
  const given: Given[] = []
  for (let i = 0; i < words.length; ) {
    const word = words[i++] as string
    const [, flag = '', glued] = /^--([^\s=]+)(?:=(.*))?$/s.exec(word) ?? []
    const name = configNames.get(lowerCase(bytesOfText(flag)))
    if (name === undefined) {
      plain.push(word)
      continue
    }
    const takesMany = name.key.kind.takes === 'many'
    const from = i
    if (glued === undefined && !takesMany) i = Math.min(i + 1, words.length)
    else if (glued === undefined) while (i < words.length && !(words[i] as string).startsWith('--')) i++
    const values = glued === undefined ? words.slice(from, i) : [glued]
    plain.push(...(values.length === 0 ? [`--${name.name}`] : [`--${name.name}=${values.join(' ')}`]))
    if (name.name === 'user') given.push([name.name, textOf(oneWordOfUserLine(values.map(bytesOfText)))])
    else given.push([name.name, values])
  }
  return { words: plain, given }
}

/** Commander's text without its prefix, with the nearest flag where it complains of an unknown one. (Its own search passes over hidden ones.) */
function suggesting(text: string): string {
  const plain = text.replace(/^error: /, '')
  const unknown = /^unknown option '--([^'=]+)/.exec(plain)?.[1]
  const nearest = unknown === undefined ? undefined : nearestConfigName(bytesOfText(unknown))
  return nearest === undefined ? plain : `${plain.trimEnd()}, did you mean '--${nearest}'?\n`
}
