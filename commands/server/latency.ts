/** LATENCY: spikes of the server's events, and durations of commands. */
import { type Command, command } from '../contract/command.ts'
import { clientError } from '../contract/errors.ts'
import { MapReply, Verbatim } from '../contract/reply.ts'
import { helpReply } from '../parsing/help.ts'
import { latencyDoctor, latencyGraph } from './latency-report.ts'

const HELP = helpReply('latency', [
  'DOCTOR',
  '    Return a human readable latency analysis report.',
  'GRAPH <event>',
  '    Return an ASCII latency graph for the <event> class.',
  'HISTORY <event>',
  '    Return time-latency samples for the <event> class.',
  'LATEST',
  '    Return the latest latency samples for all events.',
  'RESET [<event> ...]',
  '    Reset latency data of one or more <event> classes.',
  '    (default: reset all data for all event classes)',
  'HISTOGRAM [COMMAND ...]',
  '    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.',
  '    If no commands are specified then all histograms are replied.',
])

const FLAGS = ['admin', 'noscript', 'loading', 'stale'] as const
const TIPS = ['request_policy:all_nodes', 'response_policy:special', 'nondeterministic_output'] as const

/** LATENCY DOCTOR advises on this server, so its words are not Redis's. */
const doctor = command({
  name: 'latency|doctor',
  group: 'server',
  since: '2.8.13',
  summary: 'Returns a human-readable latency analysis report.',
  complexity: 'O(1)',
  tips: TIPS,
  syntax: 'LATENCY DOCTOR',
  arity: 2,
  flags: FLAGS,
  run: ({ server }) => new Verbatim('txt', latencyDoctor(server.latency, server.config)),
})

const graph = command({
  name: 'latency|graph',
  group: 'server',
  since: '2.8.13',
  summary: 'Returns a latency graph for an event.',
  complexity: 'O(1)',
  tips: TIPS,
  syntax: 'LATENCY GRAPH event',
  arity: 3,
  flags: FLAGS,
  run({ server }, args) {
    const event = args[2]
    const latest = server.latency.latest().find(([name]) => name === event)
    if (latest === undefined) throw clientError(`ERR No samples available for event '${event}'`)
    return new Verbatim('txt', latencyGraph(event, server.latency.samplesByAge(event), latest[3]))
  },
})

const histogram = command({
  name: 'latency|histogram',
  group: 'server',
  since: '7.0.0',
  summary: 'Returns the cumulative distribution of latencies of a subset or all commands.',
  complexity: 'O(N) where N is the number of commands with latency information being retrieved.',
  tips: TIPS,
  syntax: 'LATENCY HISTOGRAM [command [command ...]]',
  arity: -2,
  flags: FLAGS,
  run: ({ server }, args) =>
    new MapReply(
      server.latency
        .histograms(args.slice(2))
        .flatMap(([name, calls, buckets]) => [name, new MapReply(['calls', calls, 'histogram_usec', new MapReply(buckets.flat())])]),
    ),
})

const history = command({
  name: 'latency|history',
  group: 'server',
  since: '2.8.13',
  summary: 'Returns timestamp-latency samples for an event.',
  complexity: 'O(1)',
  tips: TIPS,
  syntax: 'LATENCY HISTORY event',
  arity: 3,
  flags: FLAGS,
  run: ({ server }, args) => server.latency.history(args[2]),
})

const latest = command({
  name: 'latency|latest',
  group: 'server',
  since: '2.8.13',
  summary: 'Returns the latest latency samples for all events.',
  complexity: 'O(1)',
  tips: TIPS,
  syntax: 'LATENCY LATEST',
  arity: 2,
  flags: FLAGS,
  run: ({ server }) => server.latency.latest(),
})

const reset = command({
  name: 'latency|reset',
  group: 'server',
  since: '2.8.13',
  summary: 'Resets the latency data for one or more events.',
  complexity: 'O(1)',
  tips: ['request_policy:all_nodes', 'response_policy:agg_sum'],
  syntax: 'LATENCY RESET [event [event ...]]',
  arity: -2,
  flags: FLAGS,
  run: ({ server }, args) => server.latency.reset(args.slice(2)),
})

const help = command({
  name: 'latency|help',
  group: 'server',
  since: '2.8.13',
  summary: 'Returns helpful text about the different subcommands.',
  complexity: 'O(1)',
  syntax: 'LATENCY HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () => HELP,
})

export const latencyCommands: readonly Command[] = [
  command({
    name: 'latency',
    group: 'server',
    since: '2.8.13',
    summary: 'A container for latency diagnostics commands.',
    complexity: 'Depends on subcommand.',
    syntax: 'LATENCY',
    arity: -2,
    flags: [],
    subcommands: [doctor, graph, histogram, history, latest, reset, help],
  }),
]
