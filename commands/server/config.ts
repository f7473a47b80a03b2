/** CONFIG: reading and changing the configuration. */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { type Command, command } from '../contract/command.ts'
import { wrongArity } from '../contract/errors.ts'
import { MapReply, OK } from '../contract/reply.ts'
import { helpReply } from '../parsing/help.ts'

const HELP = helpReply('config', [
  'GET <pattern>',
  '    Return parameters matching the glob-like <pattern> and their values.',
  'SET <directive> <value>',
  '    Set the configuration <directive> to <value>.',
  'RESETSTAT',
  '    Reset statistics reported by the INFO command.',
  'REWRITE',
  '    Rewrite the configuration file.',
])

const get = command({
  name: 'config|get',
  group: 'server',
  since: '2.0.0',
  summary: 'Returns the effective values of configuration parameters.',
  complexity: 'O(N) when N is the number of configuration parameters provided',
  history: [['7.0.0', 'Added the ability to pass multiple pattern parameters in one call']],
  syntax: 'CONFIG GET parameter [parameter ...]',
  arity: -3,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  run: ({ server }, args) => new MapReply(server.config.match(args.slice(2)).flat()),
})

const set = command({
  name: 'config|set',
  group: 'server',
  since: '2.0.0',
  summary: 'Sets configuration parameters in-flight.',
  complexity: 'O(N) when N is the number of configuration parameters provided',
  history: [['7.0.0', 'Added the ability to set multiple parameters in one call.']],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  syntax: 'CONFIG SET parameter value [parameter value ...]',
  arity: -4,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  run({ server }, args) {
    if (args.length % 2 !== 0) throw wrongArity('config|set')
    const pairs: (readonly [name: Bytes, value: Bytes])[] = []
    for (let i = 2; i < args.length; i += 2) pairs.push([must(args[i]), must(args[i + 1])])
    server.config.set(pairs)
    return OK
  },
})

const resetStat = command({
  name: 'config|resetstat',
  group: 'server',
  since: '2.0.0',
  summary: "Resets the server's statistics.",
  complexity: 'O(1)',
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  syntax: 'CONFIG RESETSTAT',
  arity: 2,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  run({ server }) {
    server.statistics.reset()
    return OK
  },
})

const rewrite = command({
  name: 'config|rewrite',
  group: 'server',
  since: '2.8.0',
  summary: 'Persists the effective configuration to file.',
  complexity: 'O(1)',
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  syntax: 'CONFIG REWRITE',
  arity: 2,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  run({ server }) {
    server.config.rewrite()
    return OK
  },
})

const help = command({
  name: 'config|help',
  group: 'server',
  since: '5.0.0',
  summary: 'Returns helpful text about the different subcommands.',
  complexity: 'O(1)',
  syntax: 'CONFIG HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () => HELP,
})

export const configCommands: readonly Command[] = [
  command({
    name: 'config',
    group: 'server',
    since: '2.0.0',
    summary: 'A container for server configuration commands.',
    complexity: 'Depends on subcommand.',
    syntax: 'CONFIG',
    arity: -2,
    flags: [],
    subcommands: [get, set, resetStat, rewrite, help],
  }),
]
