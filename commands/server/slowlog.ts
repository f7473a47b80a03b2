/** SLOWLOG: the latest slow commands. */
import { type Command, command } from '../contract/command.ts'
import { clientError, wrongSubcommandWords } from '../contract/errors.ts'
import { OK } from '../contract/reply.ts'
import { requireSafeInteger } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'

const DEFAULT_COUNT = 10

const HELP = helpReply('slowlog', [
  'GET [<count>]',
  '    Return top <count> entries from the slowlog (default: 10, -1 mean all).',
  '    Entries are made of:',
  '    id, timestamp, time in microseconds, arguments array, client IP and port,',
  '    client name',
  'LEN',
  '    Return the length of the slowlog.',
  'RESET',
  '    Reset the slowlog.',
])

const get = command({
  name: 'slowlog|get',
  group: 'server',
  since: '2.2.12',
  summary: "Returns the slow log's entries.",
  complexity: 'O(N) where N is the number of entries returned',
  history: [['4.0.0', 'Added client IP address, port and name to the reply.']],
  tips: ['request_policy:all_nodes', 'nondeterministic_output'],
  syntax: 'SLOWLOG GET [count]',
  arity: -2,
  flags: ['admin', 'loading', 'stale'],
  run({ server }, args) {
    if (args.length > 3) throw wrongSubcommandWords('slowlog', args[1])
    const count = args.length === 2 ? DEFAULT_COUNT : requireSafeInteger(args[2], -1, Number.MAX_SAFE_INTEGER, countError)
    return server.slowlog
      .newest(count === -1 ? server.slowlog.length : count)
      .map((entry) => [entry.id, entry.atSeconds, entry.durationMicros, entry.args, entry.address, entry.clientName])
  },
})

const length = command({
  name: 'slowlog|len',
  group: 'server',
  since: '2.2.12',
  summary: 'Returns the number of entries in the slow log.',
  complexity: 'O(1)',
  tips: ['request_policy:all_nodes', 'response_policy:agg_sum', 'nondeterministic_output'],
  syntax: 'SLOWLOG LEN',
  arity: 2,
  flags: ['admin', 'loading', 'stale'],
  run: ({ server }) => server.slowlog.length,
})

const reset = command({
  name: 'slowlog|reset',
  group: 'server',
  since: '2.2.12',
  summary: 'Clears all entries from the slow log.',
  complexity: 'O(N) where N is the number of entries in the slowlog',
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  syntax: 'SLOWLOG RESET',
  arity: 2,
  flags: ['admin', 'loading', 'stale'],
  run({ server }) {
    server.slowlog.reset()
    return OK
  },
})

const help = command({
  name: 'slowlog|help',
  group: 'server',
  since: '6.2.0',
  summary: 'Show helpful text about the different subcommands',
  complexity: 'O(1)',
  syntax: 'SLOWLOG HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () => HELP,
})

export const slowlogCommands: readonly Command[] = [
  command({
    name: 'slowlog',
    group: 'server',
    since: '2.2.12',
    summary: 'A container for slow log commands.',
    complexity: 'Depends on subcommand.',
    syntax: 'SLOWLOG',
    arity: -2,
    flags: [],
    subcommands: [get, length, reset, help],
  }),
]

const countError = () => clientError('ERR count should be greater than or equal to -1')
