/**
 * CLUSTER, READONLY, READWRITE, ASKING: commands for clients of a Redis Cluster. With
 * `cluster-enabled no` they answer as a Redis without cluster mode, and programs that check for a
 * cluster continue. With `emulated` this node says that it owns all slots. With `yes` it follows
 * the map that CLUSTERX sets (clusterx.ts). Subcommands that would change a map in another way are
 * refused.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import { SLOTS, slotOf } from '../../base/hash-slots.ts'
import type { Steps } from '../../storage/scan/steps.ts'
import { type Command, type CommandFlag, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { OK, type Reply, Verbatim } from '../contract/reply.ts'
import type { Session } from '../contract/session.ts'
import { isToken, requireInteger } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'
import { loadingIfClosed } from '../parsing/loading-error.ts'
import { nodeOf, requireCluster, requireSlot } from './cluster-node-of.ts'
import { clusterx } from './clusterx.ts'
import { keysOfSlot } from './slot-keys.ts'
import { slotStats } from './slot-stats.ts'
import { clusterInfo, nodesLines, replicaLines, shards, slotRanges } from './topology.ts'

type ClusterRun = (context: Context, args: readonly Bytes[]) => Reply
type ClusterWalk = (context: Context, args: readonly Bytes[]) => Steps<Reply>

function unknownNode(name: Bytes) {
  return clientError(`ERR Unknown node ${name}`)
}

/** Throws ClientError unless a node is in the cluster. */
function requireKnown({ server: { cluster } }: Context, id: Bytes): void {
  if (id !== cluster.nodeId && cluster.node?.map.find(id) === undefined) throw unknownNode(id)
}

const replicas: ClusterRun = (context, args) => {
  const { cluster } = context.server
  const id = must(args[2])
  requireKnown(context, id)
  if (cluster.node?.map.find(id)?.masterId != null) throw clientError('ERR The specified node is not a master')
  return replicaLines(cluster, context.session, id)
}

/** The subcommands that nodes and emulated clusters answer; most others are refused. */
const RUNS: Readonly<Record<string, ClusterRun>> = {
  'count-failure-reports': (context, args) => {
    requireKnown(context, must(args[2]))
    return 0
  },
  countkeysinslot: ({ db }, args) => db.keysInSlot(slotArgument(must(args[2]), 'ERR Invalid slot')),
  help: () => helpReply('cluster', HELP),
  info: ({ server }) => new Verbatim('txt', clusterInfo(server.cluster)),
  keyslot: (_context, args) => slotOf(must(args[2])),
  links: () => [],
  myid: ({ server }) => server.cluster.nodeId,
  myshardid: ({ server }) => server.cluster.shardId,
  nodes: ({ server, session }) => new Verbatim('txt', nodesLines(server.cluster, session)),
  replicas,
  saveconfig: () => OK,
  shards: ({ server, session }) => shards(server.cluster, session),
  slaves: replicas,
  'slot-stats': slotStats,
  slots: ({ server, session }) => slotRanges(server.cluster, session),
}

/** Subcommands of an emulated cluster. */
const EMULATED: Readonly<Record<string, ClusterRun>> = {
  failover: () => {
    throw clientError('ERR You should send CLUSTER FAILOVER to a replica')
  },
  forget: (context, args) => {
    throw args[2] === context.server.cluster.nodeId
      ? clientError("ERR I tried hard but I can't forget myself...")
      : unknownNode(must(args[2]))
  },
}

/** Subcommands of a node that follows a map. */
const MAPPED: Readonly<Record<string, ClusterRun>> = {
  reset(context, args) {
    const how = args.length === 2 || isToken(args[2], 'soft') ? 'soft' : isToken(args[2], 'hard') ? 'hard' : null
    if (how === null || args.length > 3) throw syntaxError()
    const isReplica = context.server.replication.isReplica
    if (!isReplica && context.keyspace.keyCount > 0)
      throw clientError("ERR CLUSTER RESET can't be called with master nodes containing keys")
    nodeOf(context).reset(how)
    return OK
  },
  /** NODE is refused: the owners of slots come with the map. */
  setslot(context, args) {
    setSlot(context, requireSlot(must(args[2])), args)
    return OK
  },
}

function setSlot(context: Context, slot: number, args: readonly Bytes[]): void {
  const node = nodeOf(context)
  const [how, id] = [lowerCase(must(args[3])), args[4]]
  if (how === 'stable' && args.length === 4) node.closeSlot(slot)
  else if ((how === 'migrating' || how === 'importing') && id !== undefined && args.length === 5) {
    const isOwn = node.map.ownerOf(slot)?.id === context.server.cluster.nodeId
    if (how === 'migrating' && !isOwn) throw clientError(`ERR I'm not the owner of hash slot ${slot}`)
    if (how === 'importing' && isOwn) throw clientError(`ERR I'm already the owner of hash slot ${slot}`)
    const peer = node.map.find(id)
    if (peer === undefined) throw clientError(`ERR I don't know about node ${id}`)
    if (peer.masterId !== null) throw clientError('ERR Target node is not a master')
    node.openSlot(slot, how, id)
  } else if (how === 'node' && args.length === 5) throw clientError(`ERR CLUSTER SETSLOT NODE is not possible: ${OTHER_WAY}`)
  else throw clientError('ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP')
}

const OTHER_WAY = 'nodes take the owners of slots from their map, which CLUSTERX SETNODES or CLUSTERX SETSLOT sets'

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
  return (context, args) => {
    requireCluster(context)
    const isEmulated = context.server.cluster.node === null
    const run = RUNS[name] ?? (isEmulated ? EMULATED : MAPPED)[name]
    if (run !== undefined) return run(context, args)
    const reason = isEmulated ? 'in an emulated cluster: this node owns all slots' : `here: ${OTHER_WAY}`
    throw clientError(`ERR CLUSTER ${name.toUpperCase()} is not possible ${reason}`)
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
  [
    'slot-stats',
    '<SLOTSRANGE start-slot end-slot | ORDERBY metric [LIMIT limit] [ASC | DESC]>',
    -4,
    READ_FLAGS,
    '8.0.0',
    'Returns an array of slot usage statistics for slots assigned to the current node.',
  ],
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

/** Sets how the requests of a client are routed from now on. */
function routing(change: (session: Session) => void): ClusterRun {
  return (context) => {
    requireCluster(context)
    if (context.server.cluster.node !== null) change(context.session)
    return OK
  }
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
  run: routing((session) => {
    session.isReadingReplica = true
  }),
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
  run: routing((session) => {
    session.isReadingReplica = false
  }),
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
  run: routing((session) => {
    session.isAsking = true
  }),
})

export const clusterCommands: readonly Command[] = [cluster, clusterx, readonly, readwrite, asking]
