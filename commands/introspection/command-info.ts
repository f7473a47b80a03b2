/**
 * COMMAND and its subcommands: the command table in Redis 7.2's shapes. Replies are computed on
 * demand because they are rare.
 *
 * Unlike Redis, which lists commands in the order of its hash table, haypile lists them in the
 * order of declaration.
 */
import { at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { categoriesOf } from '../contract/categories.ts'
import { type Command, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { strictKeyUsesOf, takesKeys } from '../contract/key-finder.ts'
import { MapReply, type Reply, SimpleString } from '../contract/reply.ts'
import type { CommandTable } from '../contract/table.ts'
import { isToken } from '../parsing/args.ts'
import { globOf } from '../parsing/glob.ts'
import { docsOf, infoOf, keyAccessFlags } from './replies.ts'

const FLAGS = ['loading', 'stale'] as const
const COMMAND_CATEGORIES = ['connection'] as const
const UNORDERED_TIPS = ['nondeterministic_output_order'] as const
const shared = { group: 'server', flags: FLAGS, categories: COMMAND_CATEGORIES } as const

const count = command({
  ...shared,
  name: 'command|count',
  since: '2.8.13',
  summary: 'Returns a count of commands.',
  complexity: 'O(1)',
  syntax: 'COMMAND COUNT',
  arity: 2,
  run: ({ server }) => [...server.table.all()].length,
})

const docs = command({
  ...shared,
  name: 'command|docs',
  since: '7.0.0',
  summary: 'Returns documentary information about one, multiple or all commands.',
  complexity: 'O(N) where N is the number of commands to look up',
  syntax: 'COMMAND DOCS [command-name [command-name ...]]',
  arity: -2,
  tips: UNORDERED_TIPS,
  run({ server }, args) {
    const wanted = args.length === 2 ? [...server.table.all()] : args.slice(2).flatMap((name) => findByFullName(server.table, name) ?? [])
    return new MapReply(wanted.flatMap((one) => [one.name, docsOf(one)]))
  },
})

const getKeys = command({
  ...shared,
  name: 'command|getkeys',
  since: '2.8.13',
  summary: 'Extracts the key names from an arbitrary command.',
  complexity: 'O(N) where N is the number of arguments to the command',
  syntax: 'COMMAND GETKEYS command [arg [arg ...]]',
  arity: -3,
  run: ({ server }, args) => keysIn(server.table, args.slice(2)).map(({ key }) => key),
})

const getKeysAndFlags = command({
  ...shared,
  name: 'command|getkeysandflags',
  since: '7.0.0',
  summary: 'Extracts the key names and access flags for an arbitrary command.',
  complexity: 'O(N) where N is the number of arguments to the command',
  syntax: 'COMMAND GETKEYSANDFLAGS command [arg [arg ...]]',
  arity: -3,
  run: ({ server }, args) => keysIn(server.table, args.slice(2)).map(({ key, access }) => [key, keyAccessFlags(access)]),
})

const info = command({
  ...shared,
  name: 'command|info',
  since: '2.8.13',
  summary: 'Returns information about one, multiple or all commands.',
  complexity: 'O(N) where N is the number of commands to look up',
  syntax: 'COMMAND INFO [command-name [command-name ...]]',
  arity: -2,
  tips: UNORDERED_TIPS,
  history: [['7.0.0', 'Allowed to be called with no argument to get info on all commands.']],
  run({ server }, args) {
    if (args.length === 2) return infoOfAll(server.table)
    return args.slice(2).map((name) => {
      const found = findByFullName(server.table, name)
      return found === undefined ? null : infoOf(found)
    })
  },
})

const list = command({
  ...shared,
  name: 'command|list',
  since: '7.0.0',
  summary: 'Returns a list of command names.',
  complexity: 'O(N) where N is the total number of Redis commands',
  syntax: 'COMMAND LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]',
  arity: -2,
  tips: UNORDERED_TIPS,
  run({ server }, args) {
    const wanted = args.length === 2 ? () => true : listFilter(args.slice(2))
    return [...server.table.byName.values()].filter(wanted).map((one) => one.name)
  },
})

const HELP = `COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
(no subcommand)
    Return details about all Redis commands.
COUNT
    Return the total number of commands in this Redis server.
LIST
    Return a list of all commands in this Redis server.
INFO [<command-name> ...]
    Return details about multiple Redis commands.
    If no command names are given, documentation details for all
    commands are returned.
DOCS [<command-name> ...]
    Return documentation details about multiple Redis commands.
    If no command names are given, documentation details for all
    commands are returned.
GETKEYS <full-command>
    Return the keys from a full Redis command.
GETKEYSANDFLAGS <full-command>
    Return the keys and the access flags from a full Redis command.
HELP
    Print this help.`

const help = command({
  ...shared,
  name: 'command|help',
  since: '5.0.0',
  summary: 'Returns helpful text about the different subcommands.',
  complexity: 'O(1)',
  syntax: 'COMMAND HELP',
  arity: 2,
  run: () => HELP.split('\n').map((line) => new SimpleString(line)),
})

const all = command({
  ...shared,
  name: 'command',
  since: '2.8.13',
  summary: 'Returns detailed information about all commands.',
  complexity: 'O(N) where N is the total number of Redis commands',
  syntax: 'COMMAND',
  arity: -1,
  tips: UNORDERED_TIPS,
  subcommands: [count, docs, getKeys, getKeysAndFlags, help, info, list],
  run: ({ server }: Context): Reply => infoOfAll(server.table),
})

export const commandInfo: readonly Command[] = [all]

function infoOfAll(table: CommandTable): Reply {
  return [...table.all()].map((one) => infoOf(one))
}

/** Finds a command by a name like `config|get`, in any case and with at most one bar. */
function findByFullName(table: CommandTable, name: Bytes): Command | undefined {
  const bar = name.indexOf('|')
  if (bar < 0) return table.find(name)
  const container = table.find(name.slice(0, bar))
  return container?.subcommands && table.findSubcommand(container, name.slice(bar + 1))
}

/**
 * Finds the command that a request's words would run. A container's name followed by more words
 * means a subcommand, never the container.
 */
function findByWords(table: CommandTable, words: readonly Bytes[]): Command | undefined {
  const found = table.find(words[0] ?? '')
  if (found?.subcommands === undefined || words.length === 1) return found
  return table.findSubcommand(found, words[1] ?? '')
}

function keysIn(table: CommandTable, words: readonly Bytes[]) {
  const found = findByWords(table, words)
  if (found === undefined) throw clientError('ERR Invalid command specified')
  if (!takesKeys(found)) throw clientError('ERR The command has no key arguments')
  if (found.arity > 0 ? words.length !== found.arity : words.length < -found.arity)
    throw clientError('ERR Invalid number of arguments specified for command')
  const uses = strictKeyUsesOf(found, words) ?? []
  if (uses.length === 0 && !found.flags.includes('no_mandatory_keys')) throw clientError('ERR Invalid arguments specified for command')
  return uses.map(({ position, access }) => ({ key: at(words, position), access }))
}

/** Returns the filter of FILTERBY. There are no modules, so MODULE matches nothing. */
function listFilter(words: readonly Bytes[]): (one: Command) => boolean {
  if (words.length !== 3 || !isToken(words[0], 'filterby')) throw syntaxError()
  const argument = at(words, 2)
  if (isToken(words[1], 'module')) return () => false
  if (isToken(words[1], 'aclcat')) return (one) => categoriesOf(one).some((category) => isToken(argument, category))
  if (!isToken(words[1], 'pattern')) throw syntaxError()
  const matches = globOf(argument, 'ignore-case')
  return (one) => matches(one.name)
}
