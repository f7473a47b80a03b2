/**
 * The command line:
 *
 *   haypile [file | -] { --name value { value } }      serve; flags win over the file, `-` is standard input
 *   haypile check DIR [--cut]                          verify a data directory that no server has open
 *
 * The word after a flag is its value even where it begins with dashes; more values (for keys that take many) end at the next flag.
 */
import { totalmem } from 'node:os'
import { Command, CommanderError, Option } from 'commander'
import { splitInline } from '../commands/inline-words.ts'
import { bytesOfText, textOf } from '../storage/bytes.ts'
import { Config } from './config.ts'
import { ConfigError } from './config-file.ts'
import { configHelp } from './config-help.ts'
import type { ConfigName } from './config-key.ts'
import { configNames, nearestConfigName } from './config-table.ts'
import { oneWordOfUserLine } from './config-users.ts'

export interface CommandLineActions {
  readonly version: string
  /** Serves. What it throws is the caller's to report. */
  start(config: Config): Promise<void>
  /** Verifies a data directory; the exit code. With `cut`, a damaged binlog is set aside from the damage on. */
  check(directory: string, options: { readonly cut: boolean }): Promise<number>
  /** Standard output and error; the process's own unless given. */
  readonly output?: { out(text: string): void; error(text: string): void }
}

/** Does what the words after `haypile` ask for. Resolves to the exit code, which is 0 for a server that has been started. */
export async function runCommandLine(words: readonly string[], actions: CommandLineActions): Promise<number> {
  const output = actions.output ?? { out: (text) => process.stdout.write(text), error: (text) => process.stderr.write(text) }
  let exitCode = 0
  const program = new Command('haypile')
    .description('A Redis-compatible key-value server with its data on disk.')
    .usage('[file] [--name value ...]')
    .version(`haypile ${actions.version}`, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .argument('[file]', 'configuration file; - reads standard input')
    .configureOutput({ writeOut: output.out, writeErr: output.error, outputError: (text, write) => write(`haypile: ${suggesting(text)}`) })
    .showSuggestionAfterError(false)
    .addHelpText('after', () => configHelp({ memoryBytes: totalmem() }))
    .exitOverride()
  const options = [...configNames.values()].map((name) => ({ name, option: optionOf(name) }))
  for (const { option } of options) program.addOption(option)
  program.action(async (file: string | undefined) => {
    const config = new Config()
    if (file !== undefined) config.loadFile(file)
    config.load(givenFlags(program, options))
    await actions.start(config)
  })
  program
    .command('check')
    .description('verify every invariant of a data directory that no server has open')
    .argument('<directory>')
    .option('--cut', 'set a damaged binlog aside from the first damage on, in .cut files')
    .action(async (directory: string, { cut }: { cut?: boolean }) => {
      exitCode = await actions.check(directory, { cut: cut === true })
    })
  try {
    await program.parseAsync(withUserLines(words.flatMap(unglued)), { from: 'user' })
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

function givenFlags(program: Command, options: readonly { name: ConfigName; option: Option }[]): [string, string | string[]][] {
  const given: [string, string | string[]][] = []
  for (const { name, option } of options) {
    const attribute = option.attributeName()
    if (program.getOptionValueSource(attribute) !== 'cli') continue
    const value: unknown = program.getOptionValue(attribute)
    given.push([name.name, value === true ? [] : Array.isArray(value) ? value : String(value)])
  }
  return given
}

/** `"--maxmemory 1gb"` in one word, as Redis's own start scripts write it. */
function unglued(word: string): string[] {
  if (!/^--[a-z0-9-]+\s/.test(word)) return [word]
  return splitInline(bytesOfText(word))?.map(textOf) ?? [word]
}

/** Each `--user` with its words made one: the flag may come several times, and each is a line of its own, which Commander would not tell apart. */
function withUserLines(words: readonly string[]): string[] {
  const result: string[] = []
  for (let i = 0; i < words.length; ) {
    const word = words[i++] as string
    result.push(word)
    if (word !== '--user') continue
    const line: string[] = []
    while (i < words.length && !(words[i] as string).startsWith('--')) line.push(words[i++] as string)
    result.push(textOf(oneWordOfUserLine(line.map(bytesOfText))))
  }
  return result
}

/** Commander's text without its prefix, with the nearest flag where it complains of an unknown one. (Its own search passes over hidden ones.) */
function suggesting(text: string): string {
  const plain = text.replace(/^error: /, '')
  const unknown = /^unknown option '--([^'=]+)/.exec(plain)?.[1]
  const nearest = unknown === undefined ? undefined : nearestConfigName(bytesOfText(unknown))
  return nearest === undefined ? plain : `${plain.trimEnd()}, did you mean '--${nearest}'?\n`
}
