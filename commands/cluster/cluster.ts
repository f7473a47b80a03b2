/**
 * CLUSTER, READONLY, READWRITE, ASKING: commands for clients of a Redis Cluster. With
 * `cluster-enabled no` they answer as a Redis without cluster mode, and programs that check for a
 * cluster continue. With `emulated` this node says that it owns all slots. What would change a
 * cluster is refused: there is nothing to change.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { SLOTS, slotOf } from '../../base/hash-slots.ts'
import type { Steps } from '../../storage/scan/steps.ts'
import { type Command, type CommandFlag, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import { OK, type Reply, Verbatim } from '../contract/reply.ts'
import { requireInteger } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'
import { loadingIfClosed } from '../parsing/loading-error.ts'
import { keysOfSlot } from './slot-keys.ts'
import { clusterInfo, nodesLine, shards, slotRanges } from './topology.ts'

type ClusterRun = (context: Context, args: readonly Bytes[]) => Reply
type ClusterWalk = (context: Context, args: readonly Bytes[]) => Steps<Reply>

function requireCluster({ server }: Context): void {
  if (server.cluster.mode === 'disabled') throw clientError('ERR This instance has cluster support disabled')
}

function unknownNode(name: Bytes) {
  return clientError(`ERR Unknown node ${name}`)
}

/** Answers a question about the named node, which has to be this one. */
function ofMyself(reply: Reply): ClusterRun {
  return ({ server }, args) => {
    const name = must(args[2])
    if (name !== server.cluster.nodeId) throw unknownNode(name)
    return reply
  }
}

/** The subcommands that an emulated cluster answers; it refuses the others. */
const EMULATED: Readonly<Record<string, ClusterRun>> = {
  'count-failure-reports': ofMyself(0),
  failover: () => {
    throw clientError('ERR You should send CLUSTER FAILOVER to a replica')
  },
  forget: (context, args) => {
    throw args[2] === context.server.cluster.nodeId
      ? clientError("ERR I tried hard but I can't forget myself...")
      : unknownNode(must(args[2]))
  },
  countkeysinslot: ({ db }, args) => db.keysInSlot(slotArgument(must(args[2]), 'ERR Invalid slot')),
  help: () => helpReply('cluster', HELP),
  info: () => new Verbatim('txt', clusterInfo()),
  keyslot: (_context, args) => slotOf(must(args[2])),
  links: () => [],
  myid: ({ server }) => server.cluster.nodeId,
  myshardid: ({ server }) => server.cluster.shardId,
  nodes: ({ server: { cluster }, session }) => new Verbatim('txt', nodesLine(cluster, cluster.endpointFor(session))),
  replicas: ofMyself([]),
  saveconfig: () => OK,
  shards: ({ server: { cluster }, session }) => shards(cluster, cluster.endpointFor(session)),
  slaves: ofMyself([]),
  slots: ({ server: { cluster }, session }) => slotRanges(cluster, cluster.endpointFor(session)),
}

/** Subcommands that look through the keys of the selected database. */
const WALKS: Readonly<Record<string, ClusterWalk>> = {
  /** O(1) for a slot without keys; otherwise reads keys in order until it has found enough. */
  *getkeysinslot({ db, server }, args) {
    const text = 'ERR Invalid slot or number of keys'
    const slot = slotArgument(must(args[2]), text)
    const limit = requireInteger(must(args[3]))
    if (limit < 0) throw clientError(text)
    server.storage.expireBeforeWalk()
    return yield* loadingIfClosed(keysOfSlot(db, slot, Number(limit)))
  },
}

function slotArgument(word: Bytes, text: Bytes): number {
  const slot = requireInteger(word)
  if (slot < 0 || slot >= SLOTS) throw clientError(text)
  return Number(slot)
}

function runOf(name: string): ClusterRun {
  const run = EMULATED[name]
  return (context, args) => {
    requireCluster(context)
    if (run !== undefined) return run(context, args)
    throw clientError(`ERR CLUSTER ${name.toUpperCase()} is not possible in an emulated cluster: this node owns all slots`)
  }
}

function stepsOf(walk: ClusterWalk): ClusterWalk {
  return function* (context, args) {
    requireCluster(context)
    return yield* walk(context, args)
  }
}

const READ_FLAGS: readonly CommandFlag[] = ['stale']
const ADMIN_FLAGS: readonly CommandFlag[] = ['admin', 'stale']
const CHANGE_FLAGS: readonly CommandFlag[] = ['admin', 'stale', 'no_async_loading']

/** Name, arguments, arity, flags, since, summary. */
const SUBCOMMANDS: readonly (readonly [string, string, number, readonly CommandFlag[], string, string])[] = [
  ['addslots', 'slot [slot ...]', -3, CHANGE_FLAGS, '3.0.0', 'Assigns new hash slots to a node.'],
  ['addslotsrange', 'start-slot end-slot [start-slot end-slot ...]', -4, CHANGE_FLAGS, '7.0.0', 'Assigns new hash slot ranges to a node.'],
  ['bumpepoch', '', 2, CHANGE_FLAGS, '3.0.0', 'Advances the cluster config epoch.'],
  ['count-failure-reports', 'node-id', 3, ADMIN_FLAGS, '3.0.0', 'Returns the number of active failure reports active for a node.'],
  ['countkeysinslot', 'slot', 3, READ_FLAGS, '3.0.0', 'Returns the number of keys in a hash slot.'],
  ['delslots', 'slot [slot ...]', -3, CHANGE_FLAGS, '3.0.0', 'Sets hash slots as unbound for a node.'],
  [
    'delslotsrange',
    'start-slot end-slot [start-slot end-slot ...]',
    -4,
    CHANGE_FLAGS,
    '7.0.0',
    'Sets hash slot ranges as unbound for a node.',
  ],
  ['failover', '[FORCE | TAKEOVER]', -2, CHANGE_FLAGS, '3.0.0', 'Forces a replica to perform a manual failover of its master.'],
  ['flushslots', '', 2, CHANGE_FLAGS, '3.0.0', 'Deletes all slots information from a node.'],
  ['forget', 'node-id', 3, CHANGE_FLAGS, '3.0.0', 'Removes a node from the nodes table.'],
  ['getkeysinslot', 'slot count', 4, READ_FLAGS, '3.0.0', 'Returns the key names in a hash slot.'],
  ['help', '', 2, ['loading', 'stale'], '5.0.0', 'Returns helpful text about the different subcommands.'],
  ['info', '', 2, READ_FLAGS, '3.0.0', 'Returns information about the state of a node.'],
  ['keyslot', 'key', 3, READ_FLAGS, '3.0.0', 'Returns the hash slot for a key.'],
  ['links', '', 2, READ_FLAGS, '7.0.0', 'Returns a list of all TCP links to and from peer nodes.'],
  ['meet', 'ip port [cluster-bus-port]', -4, CHANGE_FLAGS, '3.0.0', 'Forces a node to handshake with another node.'],
  ['myid', '', 2, READ_FLAGS, '3.0.0', 'Returns the ID of a node.'],
  ['myshardid', '', 2, READ_FLAGS, '7.2.0', 'Returns the shard ID of a node.'],
  ['nodes', '', 2, READ_FLAGS, '3.0.0', 'Returns the cluster configuration for a node.'],
  ['replicas', 'node-id', 3, ADMIN_FLAGS, '5.0.0', 'Lists the replica nodes of a master node.'],
  ['replicate', 'node-id', 3, CHANGE_FLAGS, '3.0.0', 'Configure a node as replica of a master node.'],
  ['reset', '[HARD | SOFT]', -2, ['admin', 'noscript', 'stale'], '3.0.0', 'Resets a node.'],
  ['saveconfig', '', 2, CHANGE_FLAGS, '3.0.0', 'Forces a node to save the cluster configuration to disk.'],
  ['set-config-epoch', 'config-epoch', 3, CHANGE_FLAGS, '3.0.0', 'Sets the configuration epoch for a new node.'],
  [
    'setslot',
    'slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>',
    -4,
    CHANGE_FLAGS,
    '3.0.0',
    'Binds a hash slot to a node.',
  ],
  ['shards', '', 2, READ_FLAGS, '7.0.0', 'Returns the mapping of cluster slots to shards.'],
  ['slaves', 'node-id', 3, ADMIN_FLAGS, '3.0.0', 'Lists the replica nodes of a master node.'],
  ['slots', '', 2, READ_FLAGS, '3.0.0', 'Returns the mapping of cluster slots to nodes.'],
]

const HELP = [
  'COUNTKEYSINSLOT <slot>',
  '    Return the number of keys in <slot>.',
  'GETKEYSINSLOT <slot> <count>',
  '    Return at most <count> names of keys in <slot>.',
  'INFO',
  '    Return the state of the cluster.',
  'KEYSLOT <key>',
  '    Return the hash slot of <key>.',
  'MYID',
  '    Return the id of the node.',
  'MYSHARDID',
  '    Return the id of the shard.',
  'NODES',
  '    Return a line for each node:',
  '    <id> <ip:port@bus-port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...',
  'SHARDS',
  '    Return the shards with their slots and nodes.',
  'SLOTS',
  '    Return the ranges of slots with the addresses and ids of their nodes.',
]

const cluster = command({
  name: 'cluster',
  group: 'cluster',
  since: '3.0.0',
  summary: 'A container for Redis Cluster commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'CLUSTER',
  arity: -2,
  flags: [],
  subcommands: SUBCOMMANDS.map(([name, parameters, arity, flags, since, summary]) =>
    command({
      name: `cluster|${name}`,
      group: 'cluster',
      since,
      summary,
      syntax: `CLUSTER ${name.toUpperCase()} ${parameters}`.trimEnd(),
      arity,
      flags,
      ...(WALKS[name] === undefined ? { run: runOf(name) } : { steps: stepsOf(must(WALKS[name])) }),
    }),
  ),
})

/** There is no other node to be redirected to. */
function acknowledge(context: Context): Reply {
  requireCluster(context)
  return OK
}

const readonly = command({
  name: 'readonly',
  group: 'cluster',
  since: '3.0.0',
  summary: 'Enables read-only queries for a connection to a Redis Cluster replica node.',
  complexity: 'O(1)',
  syntax: 'READONLY',
  categories: ['connection'],
  arity: 1,
  flags: ['loading', 'stale', 'fast'],
  run: acknowledge,
})

const readwrite = command({
  name: 'readwrite',
  group: 'cluster',
  since: '3.0.0',
  summary: 'Enables read-write queries for a connection to a Redis Cluster replica node.',
  complexity: 'O(1)',
  syntax: 'READWRITE',
  categories: ['connection'],
  arity: 1,
  flags: ['loading', 'stale', 'fast'],
  run: acknowledge,
})

const asking = command({
  name: 'asking',
  group: 'cluster',
  since: '3.0.0',
  summary: 'Signals that a cluster client is following an -ASK redirect.',
  complexity: 'O(1)',
  syntax: 'ASKING',
  categories: ['connection'],
  arity: 1,
  flags: ['fast'],
  run: acknowledge,
})

export const clusterCommands: readonly Command[] = [cluster, readonly, readwrite, asking]
