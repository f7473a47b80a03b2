/**
 * CLUSTERX: sets the map of a cluster on one of its nodes. Names, words and errors are those of
 * Kvrocks, whose controller can drive nodes with them.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { type Command, type CommandFlag, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import { OK, type Reply } from '../contract/reply.ts'
import { integerOf, isToken } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'
import { parseRange } from './cluster-map.ts'
import { nodeOf } from './cluster-node-of.ts'

const FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'no_multi', 'stale']

/** Returns a version of the map. Throws ClientError. */
function versionOf(word: Bytes): number {
  const version = integerOf(word)
  if (version === null || version < 0 || version > Number.MAX_SAFE_INTEGER) throw clientError('ERR Invalid version')
  return Number(version)
}

interface Subcommand {
  readonly syntax: string
  readonly arity: number
  readonly summary: string
  readonly flags: readonly CommandFlag[]
  readonly run: (context: Context, args: readonly Bytes[]) => Reply
}

const HELP = [
  'MYID',
  '    Return the id of the node.',
  'SETNODEID <node-id>',
  '    Set the id of the node: 40 characters.',
  'SETNODES <nodes> <version> [FORCE]',
  '    Set the map. <nodes> has a line for each node:',
  '    <id> <host> <port> master - <slot or range> ...',
  '    <id> <host> <port> slave <id of the master>',
  'SETSLOT <slot or range>[,...] NODE <node-id> <version>',
  '    Give slots to a master. <version> is that of the map, plus one.',
  'VERSION',
  '    Return the version of the map; -1 without a map.',
]

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  help: {
    syntax: '',
    arity: 2,
    summary: 'Returns helpful text about the different subcommands.',
    flags: [],
    run: () => helpReply('clusterx', HELP),
  },
  myid: { syntax: '', arity: 2, summary: 'Returns the ID of a node.', flags: ['stale'], run: ({ server }) => server.cluster.nodeId },
  setnodeid: {
    syntax: 'node-id',
    arity: 3,
    summary: 'Sets the ID of a node.',
    flags: FLAGS,
    run(context, args) {
      nodeOf(context).setId(must(args[2]))
      return OK
    },
  },
  setnodes: {
    syntax: 'nodes version [FORCE]',
    arity: -4,
    summary: 'Sets the map of the cluster.',
    flags: FLAGS,
    run(context, args) {
      const node = nodeOf(context)
      const version = versionOf(must(args[3]))
      if (args.length > 5 || (args.length === 5 && !isToken(args[4], 'force'))) throw clientError('ERR Invalid setnodes options')
      node.setNodes(must(args[2]), version, args.length === 5 ? 'forced' : 'newer')
      return OK
    },
  },
  setslot: {
    syntax: 'slots NODE node-id version',
    arity: 6,
    summary: 'Gives slots to a master in the map of the cluster.',
    flags: FLAGS,
    run(context, args) {
      const node = nodeOf(context)
      if (!isToken(args[3], 'node')) throw clientError('ERR Invalid setslot options')
      const ranges = must(args[2]).split(/[ ,]+/).map(parseRange)
      node.setSlots(ranges, must(args[4]), versionOf(must(args[5])))
      return OK
    },
  },
  version: {
    syntax: '',
    arity: 2,
    summary: 'Returns the version of the map of the cluster.',
    flags: ['stale'],
    run: (context) => String(nodeOf(context).map.version),
  },
}

export const clusterx: Command = command({
  name: 'clusterx',
  group: 'cluster',
  since: '7.0.0',
  summary: 'A container for commands that set the map of a cluster.',
  complexity: 'Depends on subcommand.',
  syntax: 'CLUSTERX',
  arity: -2,
  flags: [],
  subcommands: Object.entries(SUBCOMMANDS).map(([name, { syntax, arity, summary, flags, run }]) =>
    command({
      name: `clusterx|${name}`,
      group: 'cluster',
      since: '7.0.0',
      summary,
      syntax: `CLUSTERX ${name.toUpperCase()} ${syntax}`.trimEnd(),
      arity,
      flags,
      run,
    }),
  ),
})
