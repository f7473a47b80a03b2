/**
 * The command line:
 *
 *   haypile [file | -] { --name value { value } }      serve; flags win over the file, - is stdin
 *   haypile check DIR [--cut | --new-identity]         verify a data directory, its server stopped
 *   haypile import SOURCE (--dir DIR | --to URL)       bring in the data of a Redis or haypile
 *   haypile export FILE (--dir DIR | --from URL)       write the data of a server to a file
 *   haypile coordinator --etcd URL,...                 keep the map of a cluster
 *   haypile cluster ACTION --etcd URL,...              create, show and change a cluster
 *   haypile help [all | check | import ...], --help, --version
 *
 * Exit statuses are in docs/command-line.md.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { Repair } from '../storage/check/check.ts'
import { addCluster, addCoordinator, type ClusterActions } from './cluster-words.ts'
import { Config } from './config/config.ts'
import { ConfigError, type Item } from './config/file.ts'
import { separatedFlags } from './config/flags.ts'
import { fullHelp, shortHelp } from './config/help.ts'
import type { ExportOptions } from './exchange/export-command.ts'
import type { ImportOptions } from './exchange/import-command.ts'
import { type ExportFormat, FORMATS, RDB_VERSIONS } from './exchange/targets/formats.ts'
import { machineOfProgram } from './process/heap.ts'

/** The command line or the configuration is wrong. */
const USAGE_STATUS = 2
/** The subcommands beside serving; configuration keys are not for them. */
const TOOLS: readonly string[] = ['check', 'import', 'export', 'coordinator', 'cluster']

export interface CommandLineActions extends ClusterActions {
  readonly version: string
  /** Starts a server. The caller reports its errors. */
  start(config: Config): Promise<void>
  /** Verifies a data directory, and repairs it if asked to. Resolves with the exit status. */
  check(directory: string, options: { readonly repair: Repair }): Promise<number>
  /** Imports data. Resolves with the exit status. */
  import(source: string, options: ImportOptions): Promise<number>
  /** Exports data. Resolves with the exit status. */
  export(file: string, options: ExportOptions): Promise<number>
  /** Standard output and error; by default the process's own. */
  readonly output?: { out(text: string): void; error(text: string): void }
}

/** Runs the command line. Resolves with the exit status, which is 0 once a server has started. */
export async function runCommandLine(words: readonly string[], actions: CommandLineActions): Promise<number> {
  const output = actions.output ?? { out: (text) => process.stdout.write(text), error: (text) => process.stderr.write(text) }
  const machine = machineOfProgram()
  const isTool = TOOLS.includes(words[0] ?? '')
  const { plain, flags } = isTool ? { plain: [...words], flags: [] } : separatedFlags(words)
  let exitCode = 0
  const program = new Command('haypile')
    .version(`haypile ${actions.version}`, '-v, --version')
    .helpOption(false)
    .helpCommand(false)
    .argument('[file]')
    .configureOutput({
      writeOut: output.out,
      writeErr: output.error,
      outputError: (text, write) => write(complaint(text)),
    })
    .showSuggestionAfterError(false)
    .exitOverride()
    .action(async (file: string | undefined) => {
      const config = new Config({ machine })
      config.loadAll(file, flags)
      await actions.start(config)
    })
  const setStatus = (status: number) => {
    exitCode = status
  }
  const tools: Readonly<Record<string, Command>> = {
    check: addCheck(program, flags, actions, setStatus),
    import: addImport(program, flags, actions, setStatus),
    export: addExport(program, flags, actions, setStatus),
    coordinator: addCoordinator(program, actions, setStatus),
    cluster: addCluster(program, actions, setStatus),
  }
  try {
    const topic = isTool ? undefined : helpTopic(plain)
    if (topic === undefined) await program.parseAsync(plain, { from: 'user' })
    else output.out(tools[topic]?.helpInformation() ?? (topic === 'all' ? fullHelp(machine) : shortHelp(machine)))
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_STATUS
    if (!(error instanceof ConfigError)) throw error
    for (const line of error.message.split('\n')) output.error(`haypile: ${line}\n`)
    return USAGE_STATUS
  }
  return exitCode
}

type SetStatus = (status: number) => void

function addCheck(program: Command, flags: readonly Item[], actions: CommandLineActions, setStatus: SetStatus): Command {
  return program
    .command('check')
    .usage('DIR [--cut | --new-identity]')
    .description('verify every invariant of a data directory that no server has open')
    .argument('<directory>')
    .helpOption('-h, --help', 'print this help')
    .addOption(new Option('--cut', 'set a damaged binlog aside from the first damage on, in .cut files').conflicts('newIdentity'))
    .option(
      '--new-identity',
      'replace a missing or unreadable identity.json: a node without a past, a master unless replicaof is configured',
    )
    .action(async (directory: string, { cut, newIdentity }: { cut?: boolean; newIdentity?: boolean }) => {
      mustComeFirst('check', flags)
      setStatus(await actions.check(directory, { repair: newIdentity === true ? 'new-identity' : cut === true ? 'cut-binlog' : 'nothing' }))
    })
}

interface ExchangeFlags {
  readonly dir?: string
  readonly match?: string
  readonly db?: number
  readonly databases?: number
  readonly json?: true
  readonly cacert?: string
  readonly cert?: string
  readonly key?: string
}

/** Adds the options that import and export have in common, and `--help`. */
function withExchangeOptions(command: Command): Command {
  return command
    .helpOption('-h, --help', 'print this help')
    .option('--match <pattern>', 'only keys that match, as in KEYS')
    .option('--db <index>', 'only keys of this database', wholeNumber)
    .option('--databases <count>', 'the number of databases of the data directory, 16 by default', wholeNumber)
    .option('--cacert <file>', 'for rediss://: the authority that signed the certificate of the server, PEM')
    .option('--cert <file>', 'for rediss://: the certificate that the server asks for, PEM')
    .option('--key <file>', 'for rediss://: the private key of --cert, PEM')
    .option('--json', 'print the report as JSON')
}

/** Returns what the common options say. */
function exchangeOf({ match: pattern, db: database, databases, cacert, cert, key, json }: ExchangeFlags) {
  return { selection: { pattern, database }, databases, tls: { cacert, cert, key }, isJson: json === true }
}

function addImport(program: Command, flags: readonly Item[], actions: CommandLineActions, setStatus: SetStatus): Command {
  const command = program
    .command('import')
    .configureOutput({ outputError: withHelpOn('import') })
    .usage('SOURCE (--dir DIR | --to URL) [options]')
    .description('bring an RDB, an AOF, commands, lines of JSON or the data of a server into a data directory or a server; - is stdin')
    .argument('<source>')
    .addOption(new Option('--dir <directory>', 'a data directory without keys that no server has open').conflicts('to'))
    .option('--to <url>', 'a running server: redis://[user:password@]host[:port][/database]')
    .option('--replace', 'replace the keys that the server has already')
    .option('--dry-run', 'read and count the source, and import nothing')
  return withExchangeOptions(command).action(async (source: string, given: ImportFlags) => {
    mustComeFirst('import', flags)
    const { dir: directory, to: server } = given
    if (directory === undefined && server === undefined) throw new ConfigError(['import needs --dir DIR or --to URL'])
    const target = server === undefined ? { directory: directory ?? '' } : { server }
    const [mustReplace, isDryRun] = [given.replace === true, given.dryRun === true]
    setStatus(await actions.import(source, { ...exchangeOf(given), target, mustReplace, isDryRun }))
  })
}

interface ImportFlags extends ExchangeFlags {
  readonly to?: string
  readonly replace?: true
  readonly dryRun?: true
}

interface ExportFlags extends ExchangeFlags {
  readonly from?: string
  readonly format?: ExportFormat
  readonly rdbVersion: string
}

function addExport(program: Command, flags: readonly Item[], actions: CommandLineActions, setStatus: SetStatus): Command {
  const command = program
    .command('export')
    .configureOutput({ outputError: withHelpOn('export') })
    .usage('FILE (--dir DIR | --from URL) [options]')
    .description('write the data of a stopped or a running server to a file that Redis reads; - is standard output')
    .argument('<file>')
    .addOption(new Option('--dir <directory>', 'the data directory of a stopped server').conflicts('from'))
    .option('--from <url>', 'a running server: redis://[user:password@]host[:port][/database]')
    .addOption(new Option('--format <name>', "the format, if not the file's ending").choices(FORMATS))
    .addOption(
      new Option(
        '--rdb-version <number>',
        'for RDBs and commands: 10 for Redis 7.0, 11 for 7.2, 12 for 7.4, which alone has deadlines of fields',
      )
        .choices(RDB_VERSIONS.map(String))
        .default('10'),
    )
  return withExchangeOptions(command).action(async (file: string, given: ExportFlags) => {
    mustComeFirst('export', flags)
    const { dir: directory, from: server, format } = given
    if (directory === undefined && server === undefined) throw new ConfigError(['export needs --dir DIR or --from URL'])
    const source = server === undefined ? { directory: directory ?? '' } : { server }
    const rdbVersion = RDB_VERSIONS.find((known) => String(known) === given.rdbVersion) ?? 10
    setStatus(await actions.export(file, { ...exchangeOf(given), source, format, rdbVersion }))
  })
}

const complaint = (text: string): string => `haypile: ${text.replace(/^error: /, '')}`

/** Returns what prints an error. One that does not say what is allowed names the help on a tool. */
function withHelpOn(tool: string): (text: string, write: (text: string) => void) => void {
  return (text, write) => write(complaint(text.replace(/(?<!\.)\n$/, `; see haypile help ${tool}\n`)))
}

function mustComeFirst(name: string, flags: readonly Item[]): void {
  if (flags.length > 0) throw new ConfigError([`${name} takes no configuration keys, and precedes its directory`])
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('not a whole number.')
  return Number(text)
}

/**
 * Returns the topic of `haypile help` or `--help`: `all`, the name of a tool, or an empty text.
 * Undefined if no help is wanted. Throws ConfigError.
 */
function helpTopic(plain: readonly string[]): string | undefined {
  if (plain[0] !== 'help' && !plain.some((word) => word === '-h' || word === '--help')) return undefined
  const topics = plain.filter((word) => !['help', '-h', '--help'].includes(word))
  if (topics.length > 1 || !['', 'all', ...TOOLS].includes(topics[0] ?? '')) {
    const known = ['', ' all', ...TOOLS.map((name) => ` ${name}`)].map((name) => `haypile help${name}`)
    throw new ConfigError([`there is no help on '${topics.join(' ')}': ${known.join(', ')}`])
  }
  return topics[0] ?? ''
}
