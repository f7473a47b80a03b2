/** MODULE, for programs that list modules: there are none. Loading one fails with Redis's error. */
import { type Args, type Command, type CommandFlag, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import type { Reply } from '../contract/reply.ts'
import { helpReply } from '../parsing/help.ts'
import { requireEnabled } from './protected-commands.ts'

const HELP = helpReply('module', [
  'LIST',
  '    Return a list of loaded modules.',
  'LOAD <path> [<arg> ...]',
  '    Refused: there are no modules here.',
  'LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]',
  '    Refused like LOAD.',
  'UNLOAD <name>',
  '    Refused: no module is loaded.',
])

const CHANGE_FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'no_async_loading']

function refuse(text: string): (context: Context, args: Args) => Reply {
  return (context) => {
    requireEnabled(context, 'MODULE')
    throw clientError(text)
  }
}

const NOT_LOADED = 'ERR Error loading the extension. Please check the server logs.'
const NOT_UNLOADED = 'ERR Error unloading module: no such module with that name'

const shared = { group: 'server', complexity: 'O(1)' } as const

const help = command({
  ...shared,
  name: 'module|help',
  since: '5.0.0',
  summary: 'Returns helpful text about the different subcommands.',
  syntax: 'MODULE HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () => HELP,
})

const list = command({
  ...shared,
  name: 'module|list',
  since: '4.0.0',
  summary: 'Returns all loaded modules.',
  complexity: 'O(N) where N is the number of loaded modules.',
  syntax: 'MODULE LIST',
  tips: ['nondeterministic_output_order'],
  arity: 2,
  flags: ['admin', 'noscript'],
  run: () => [],
})

const load = command({
  ...shared,
  name: 'module|load',
  since: '4.0.0',
  summary: 'Loads a module.',
  syntax: 'MODULE LOAD path [arg [arg ...]]',
  arity: -3,
  flags: CHANGE_FLAGS,
  run: refuse(NOT_LOADED),
})

const loadex = command({
  ...shared,
  name: 'module|loadex',
  since: '7.0.0',
  summary: 'Loads a module using extended parameters.',
  syntax: 'MODULE LOADEX path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]',
  arity: -3,
  flags: CHANGE_FLAGS,
  run: refuse(NOT_LOADED),
})

const unload = command({
  ...shared,
  name: 'module|unload',
  since: '4.0.0',
  summary: 'Unloads a module.',
  syntax: 'MODULE UNLOAD name',
  arity: 3,
  flags: CHANGE_FLAGS,
  run: refuse(NOT_UNLOADED),
})

const container = command({
  ...shared,
  name: 'module',
  since: '4.0.0',
  summary: 'A container for module commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'MODULE',
  arity: -2,
  flags: [],
  subcommands: [help, list, load, loadex, unload],
})

export const moduleCommands: readonly Command[] = [container]
