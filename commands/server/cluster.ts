/**
 * CLUSTER, READONLY, READWRITE, ASKING: commands for a Redis cluster. haypile is not a cluster and
 * answers like a Redis without cluster mode. Programs that check for a cluster then continue.
 */
import { type Command, type CommandFlag, command } from '../contract/command.ts'
import { clientError } from '../contract/errors.ts'

function refuse(): never {
  throw clientError('ERR This instance has cluster support disabled')
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
      run: refuse,
    }),
  ),
})

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
  run: refuse,
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
  run: refuse,
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
  run: refuse,
})

export const clusterCommands: readonly Command[] = [cluster, readonly, readwrite, asking]
