/**
 * Builds the parts of a server on an open data directory, in the order of their dependencies. Each
 * part is given what it names, and the compiler refuses a part that is used before it is built.
 *
 * Some calls go against the order: the executor, built early, tells turns, gates and clients what
 * happens. They all go through one forward reference, `later`, which is resolved when everything
 * is built.
 */
import type { Clock, Random } from '../base/clock.ts'
import type { Acl } from '../commands/acl/acl.ts'
import { HAYPILE_VERSION } from '../commands/contract/version.ts'
import { Executor } from '../commands/execution/executor.ts'
import type { FunctionLibraries } from '../commands/functions/libraries.ts'
import type { KeyEventPublisher } from '../commands/pubsub/key-event-publisher.ts'
import type { PubSub } from '../commands/pubsub/pub-sub.ts'
import type { Scripting } from '../commands/scripting/scripting.ts'
import type { Storage } from '../storage/storage.ts'
import { SlotSweeper } from './cluster/slot-sweeper.ts'
import type { Config } from './config/config.ts'
import { followStorageSettings, followUseSettings } from './config/settings.ts'
import { infoText } from './info/info.ts'
import type { InfoSource } from './info/source.ts'
import type { Logger } from './logging/log.ts'
import { BlockedTimer } from './loop/blocked-timer.ts'
import { Cron } from './loop/cron.ts'
import { Gates } from './loop/gates.ts'
import { Turn, type TurnEvents } from './loop/turn.ts'
import { GarbagePauses } from './metrics/garbage-pauses.ts'
import { LatencyMonitor } from './metrics/latency.ts'
import { Slowlog } from './metrics/slowlog.ts'
import { Statistics } from './metrics/statistics.ts'
import { TurnTimes } from './metrics/turn-times.ts'
import { Acceptor } from './network/acceptor.ts'
import { ClientRegistry } from './network/client-registry.ts'
import { connectTo } from './network/dialer.ts'
import { Listener } from './network/listener.ts'
import { Migrations } from './network/migrations.ts'
import { Monitors } from './network/monitors.ts'
import { type LifeCycle, serverPort } from './server-port.ts'
import { SocketThreads } from './threads/socket-threads.ts'
import { ClusterFacade } from './wiring/cluster-facade.ts'
import { clusterNode } from './wiring/cluster-start.ts'
import { clientHooks, executorHooks, requestGates } from './wiring/executor-hooks.ts'
import type { Forward } from './wiring/forward.ts'
import { startFunctions } from './wiring/functions-start.ts'
import { connectionHost } from './wiring/node-connections.ts'
import { NodeState } from './wiring/node-state.ts'
import { ReplicationFacade } from './wiring/replication-facade.ts'
import { replicationGate, waitingClients } from './wiring/replication-start.ts'
import { flagsOfScript, startScripting } from './wiring/scripting-start.ts'
import { StorageFacade } from './wiring/storage-facade.ts'

/** The inputs of the assembly, which exist before the first part. */
export interface Foundations {
  readonly config: Config
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  /** Ends the process. */
  readonly exit: (status: number) => void
  readonly acl: Acl
  readonly pubsub: PubSub
  /** Publishes the keyspace events that storage reports. */
  readonly keyEvents: KeyEventPublisher
  /** REQUIRES: opened, not yet recovered. */
  readonly storage: Storage
}

/** The parts of a server. */
export interface NodeParts extends Omit<Foundations, 'exit'> {
  readonly state: NodeState
  readonly statistics: Statistics
  readonly latency: LatencyMonitor
  readonly garbagePauses: GarbagePauses
  readonly cluster: ClusterFacade
  readonly monitors: Monitors
  readonly executor: Executor
  readonly gates: Gates
  readonly turn: Turn
  readonly scripting: Scripting
  readonly functions: FunctionLibraries
  readonly clients: ClientRegistry
  readonly storagePort: StorageFacade
  readonly replicationPort: ReplicationFacade
  readonly acceptor: Acceptor
  readonly listener: Listener
  readonly socketThreads: SocketThreads
  readonly migrations: Migrations
  readonly blockedTimer: BlockedTimer
  readonly cron: Cron
  /** Null unless this is a node of a cluster. */
  readonly slotSweeper: SlotSweeper | null
}

/**
 * The objects that parts may reach through the forward reference: all parts, and the node's life
 * cycle.
 */
export interface Later extends NodeParts {
  readonly life: LifeCycle
}

/** The parts that clients and their connections are built on. */
type Core = Omit<NodeParts, keyof Outside>
type Outside = Pick<
  NodeParts,
  | 'clients'
  | 'storagePort'
  | 'replicationPort'
  | 'acceptor'
  | 'listener'
  | 'socketThreads'
  | 'migrations'
  | 'blockedTimer'
  | 'cron'
  | 'slotSweeper'
>

export function assemble(foundations: Foundations, later: Forward<Later>): NodeParts {
  const core = assembleCore(foundations, later)
  const outside = assembleOutside(core, later)
  followSettings(core)
  followUseSettings(foundations.config, foundations.storage.keyspace, foundations.random)
  return { ...core, ...outside }
}

/** Builds what runs requests: the executor, the gates, the turn, scripts and functions. */
function assembleCore(foundations: Foundations, later: Forward<Later>): Core {
  const { exit, ...kept } = foundations
  const { config, log, clock, random, acl, storage, pubsub } = kept
  const { keyspace, group } = storage
  const { table } = acl.environment
  const monotonicMs = () => clock.monotonicMs()
  const state = new NodeState(clock, random)
  const slowlog = new Slowlog(config)
  const latency = new LatencyMonitor(config, clock)
  const garbagePauses = new GarbagePauses(config, latency)
  const statistics = new Statistics(keyspace, () => latency.resetHistograms())
  const monitors = new Monitors(clock)
  const node = clusterNode(config, random, later)
  const cluster = new ClusterFacade({ config, storage, state, node })
  const port = serverPort(
    {
      log,
      table,
      config,
      acl,
      pubsub,
      slowlog,
      latency,
      statistics,
      scanCursors: storage.scanCursors,
      cluster,
      random,
      runId: state.runId,
    },
    later,
    (sections) => infoText(infoSource(later.value), sections),
  )
  const executor = new Executor({
    keyspace,
    group,
    server: port,
    hooks: executorHooks({ slowlog, latency, statistics, keyspace }, clientHooks({ log, monitors, storage, exit, later })),
    gates: requestGates(later),
    monotonicMs,
    groupStart: () => storage.binlog.end.offset,
  })
  const gates = new Gates(storage, executor, table, {
    replication: replicationGate(config, state),
    lease: () => state.fencing?.lease ?? null,
    flagsOfScript: (command, args) => flagsOfScript(later.value.scripting, later.value.functions, command, args),
    onOpened: () => executor.blockedClients.retryPostponed(),
  })
  const turn = new Turn(storage, turnEvents({ executor, state, gates }, later), new TurnTimes(latency, clock))
  const scripting = startScripting({ config, clock, log, storage, executor, turn, gates })
  const functions = startFunctions({ config, clock, log, keyspace, scripting })
  return { ...kept, state, statistics, latency, garbagePauses, cluster, monitors, executor, gates, turn, scripting, functions }
}

function turnEvents({ executor, state, gates }: Pick<NodeParts, 'executor' | 'state' | 'gates'>, later: Forward<Later>): TurnEvents {
  return {
    serveBlocked: () => executor.serveBlocked(),
    notifyClients: () => executor.tracking.isActive && executor.tracking.endTurn(),
    mayReply: () => gates.mayReply(),
    feedReplicas: () => state.replication?.flush(),
    onEnded: () => {
      later.value.cron.afterTurn()
      later.value.blockedTimer.set()
      gates.refresh()
    },
  }
}

/** Builds the parts around the core: clients, ports, sockets, timers. */
function assembleOutside(core: Core, later: Forward<Later>): Outside {
  const { config, log, clock, acl, storage, state, statistics, monitors, executor, gates, turn } = core
  const clients = new ClientRegistry({
    blocked: executor.blockedClients,
    waiters: waitingClients(state),
    gates,
    monitors,
    monotonicMs: () => clock.monotonicMs(),
  })
  const storagePort = new StorageFacade({
    storage,
    wake: () => turn.begin(),
    reload: () => later.value.life.reload(),
    clientBytes: () => clients.bufferBytes,
  })
  const replicationPort = new ReplicationFacade({
    storage,
    state,
    connections: clients.connections,
    ownPorts: () => [state.port, state.tlsPort, config.number('replica-announce-port')],
    ownAddresses: () => [config.text('replica-announce-ip'), ...config.list('bind')],
  })
  const host = connectionHost({ config, log, clock, acl, storage, executor, turn, gates, statistics, clients, state })
  const acceptor = new Acceptor({ config, clients, statistics, host })
  const listener = new Listener(acceptor, log)
  const socketThreads = new SocketThreads({ acceptor, log })
  const migrations = new Migrations((target, events) => connectTo(config, 'tls-cluster', target, events))
  const blockedTimer = new BlockedTimer(executor.blockedClients, turn, clock)
  const cron = new Cron({ config, clock, storage, turn, gates, statistics, clients, storagePort, state })
  const { node } = core.cluster
  const slotSweeper = node === null ? null : new SlotSweeper({ node, storage, executor, turn, clock, log })
  return { clients, storagePort, replicationPort, acceptor, listener, socketThreads, migrations, blockedTimer, cron, slotSweeper }
}

/** Applies the settings of parts that do not know the configuration, now and after each change. */
function followSettings({ config, storage, executor, turn, keyEvents }: Core): void {
  config.observe('appendfsync', (policy) => {
    turn.mustWaitForSync = policy === 'always'
  })
  followStorageSettings(config, storage)
  config.observe('notify-keyspace-events', (letters) => keyEvents.configure(letters))
  config.observe('tracking-table-max-keys', (keys) => executor.tracking.table.setLimit(keys))
}

function infoSource(parts: NodeParts): InfoSource {
  const { state, executor, acceptor, storagePort } = parts
  const { runId, startedAtMs, startedMs, port, tlsPort, recoveredKeys, replication, fencing } = state
  const { blockedClients, tracking } = executor
  return {
    ...parts,
    version: HAYPILE_VERSION,
    runId,
    startedAtMs,
    startedMs,
    port,
    tlsPort,
    recoveredKeys,
    replication,
    lease: fencing?.lease ?? null,
    blockedClients,
    tracking,
    handshakes: acceptor.handshakes,
    memory: storagePort.memory(),
  }
}
