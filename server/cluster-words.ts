/** The words of `haypile coordinator` and `haypile cluster` on the command line. */
import { type Command, InvalidArgumentError } from 'commander'
import { isClusterName } from './cluster-map/keys.ts'
import type { ClusterRequest } from './coordinator/cluster-command.ts'

/** The place of a cluster as the options name it. */
interface NamedCluster {
  readonly etcd: string
  readonly cluster: string
}

/** The options of `haypile cluster start`. */
interface LocalWords {
  readonly shards: number
  readonly replicas: number
  readonly dir: string
  readonly port: number
  readonly cluster: string
  readonly etcd?: string
}

export interface ClusterActions {
  /** Runs a coordinator until a signal. Resolves with the exit status. */
  coordinator(place: NamedCluster): Promise<number>
  /** Does what an operator asks for. Resolves with the exit status. */
  cluster(place: NamedCluster, request: ClusterRequest, output: 'text' | 'json'): Promise<number>
  /** Runs a cluster on this machine until a signal. Resolves with the exit status. */
  localCluster(words: LocalWords): Promise<number>
}

type PlaceFlags = NamedCluster & { readonly json?: true }

/** Adds the options that say where the cluster is. */
function withPlace(command: Command): Command {
  return command
    .helpOption('-h, --help', 'print this help')
    .requiredOption('--etcd <endpoints>', 'the etcd of the cluster: http://host:port,...')
    .option('--cluster <name>', 'the name of the cluster', clusterName, 'haypile')
}

export function addCoordinator(program: Command, actions: ClusterActions, setStatus: (status: number) => void): Command {
  return withPlace(program.command('coordinator'))
    .usage('--etcd http://host:port,... [--cluster NAME]')
    .description('keep the map of a cluster in etcd and replace masters that fail; run up to three')
    .action(async ({ etcd, cluster }: PlaceFlags) => setStatus(await actions.coordinator({ etcd, cluster })))
}

export function addCluster(program: Command, actions: ClusterActions, setStatus: (status: number) => void): Command {
  const cluster = program
    .command('cluster')
    .helpOption('-h, --help', 'print this help')
    .description('create, show and change a cluster; its nodes are named as host:port')
  const add = <A extends readonly unknown[]>(words: string, description: string, requestOf: (...args: A) => ClusterRequest): Command => {
    const command = withPlace(cluster.command(words)).description(description).option('--json', 'print the result as JSON')
    return command.action(async (...given: unknown[]) => {
      const { etcd, cluster: name, json } = command.opts<PlaceFlags>()
      setStatus(
        await actions.cluster({ etcd, cluster: name }, requestOf(...(given.slice(0, -1) as unknown as A)), json === true ? 'json' : 'text'),
      )
    })
  }
  add('create <nodes...>', 'make a cluster of empty nodes that share the slots', (nodes: string[], { replicas }: { replicas: number }) => ({
    action: 'create',
    nodes,
    replicas,
  })).option('--replicas <number>', 'replicas of each master', wholeNumber, 1)
  add('status', 'show the map and the state of each node; status 1 if something is wrong', () => ({ action: 'status' }))
  add('add-shard <nodes...>', 'add a shard without slots: a master, then its replicas', (nodes: string[]) => ({
    action: 'add-shard',
    nodes,
  }))
  add('add-replica <node> <of>', 'add an empty node to the shard of another node', (node: string, of: string) => ({
    action: 'add-replica',
    node,
    of,
  }))
  add('remove <node>', 'remove a replica, or the last node of a shard without slots', (node: string) => ({ action: 'remove', node }))
  add('failover <replica>', 'let a replica take over from its master, without losing a write', (node: string) => ({
    action: 'failover',
    node,
  }))
  for (const name of ['move-slots', 'rebalance'])
    add(`${name} [words...]`, 'not in this version: slots cannot be moved', () => ({ action: 'move-slots' }))
  cluster
    .command('start')
    .description('run a whole cluster on this machine, for development and for many cores')
    .helpOption('-h, --help', 'print this help')
    .option('--shards <number>', 'masters', wholeNumber, 3)
    .option('--replicas <number>', 'replicas of each master', wholeNumber, 0)
    .option('--dir <directory>', 'where the data and the logs of all nodes are', './data')
    .option('--port <number>', 'the first of consecutive ports', portNumber, 7000)
    .option('--etcd <endpoints>', 'an etcd that runs already; otherwise one is started')
    .option('--cluster <name>', 'the name of the cluster', clusterName, 'haypile')
    .action(async (words: LocalWords) => setStatus(await actions.localCluster(words)))
  return cluster
}

function portNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > 65_000) throw new InvalidArgumentError('not a port from 1 to 65000.')
  return Number(text)
}

function clusterName(text: string): string {
  if (!isClusterName(text)) throw new InvalidArgumentError('up to 64 letters, digits, _, . and -.')
  return text
}

function wholeNumber(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError('not a whole number.')
  return Number(text)
}
