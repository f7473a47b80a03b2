/** Connects replication to sockets, gates, clients and configuration. */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Clock, Random } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { ClientError, UNBLOCKED_BY_CLIENT_TEXT, UNBLOCKED_BY_ROLE_TEXT } from '../../commands/contract/errors.ts'
import type { Session } from '../../commands/contract/session.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import { readLibraryHeader } from '../../commands/functions/header.ts'
import { Replication } from '../../replication/replication.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Config } from '../config/config.ts'
import { replicationSettings } from '../config/settings.ts'
import type { ReplicationGate } from '../loop/gate-reasons.ts'
import type { Gates } from '../loop/gates.ts'
import type { Turn } from '../loop/turn.ts'
import type { Statistics } from '../metrics/statistics.ts'
import type { ClientRegistry, WaitingClients } from '../network/client-registry.ts'
import { dialer } from '../network/dialer.ts'
import type { NodeState } from './node-state.ts'
import { ReplayClient, replayer } from './replay-client.ts'
import { upstreamRunner } from './upstream-runner.ts'

export interface ReplicationParts {
  readonly config: Config
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly storage: Storage
  readonly executor: Executor
  readonly turn: Turn
  readonly gates: Gates
  readonly clients: ClientRegistry
  readonly statistics: Statistics
  readonly state: NodeState
}

/**
 * To be called after recovery and before the first command: from then on a replica refuses writes.
 */
export function startReplication(parts: ReplicationParts): void {
  const { config, log, clock, random, storage, executor, turn, gates, clients, statistics, state } = parts
  // As in Redis, blocked clients are unblocked with an error when this node begins to follow a
  // master, or another one.
  let followed = followedBy(storage)
  const endBlocked = () => {
    const now = followedBy(storage)
    if (now !== followed && now !== '') executor.blockedClients.endAll()
    followed = now
  }
  const replication = new Replication({
    storage,
    clock,
    random,
    log,
    settings: replicationSettings(config),
    runId: state.runId,
    databases: config.number('databases'),
    replayer: replayer(executor, storage.keyspace),
    redisPorts: {
      runner: upstreamRunner(executor, storage.keyspace),
      limits: config,
      libraryName: (code) => readLibraryHeader(code).name,
    },
    dial: dialer(config, {
      onReceived: (bytes) => {
        statistics.replicationInputBytes += bytes
      },
      onSent: (bytes) => {
        statistics.netOutputBytes += bytes
      },
    }),
    port: () => announcedPort(config, state),
    syncAlways: () => turn.mustWaitForSync,
    isHeld: () => gates.isPaused,
    waitFailure: () => new ClientError(UNBLOCKED_BY_ROLE_TEXT),
    wake: () => turn.begin(),
    onChanged: () => {
      showMaster(config, storage)
      endBlocked()
      clients.master = masterSession(parts)
      gates.refresh()
    },
  })
  state.replication = replication
  const [host, port] = config.list('replicaof')
  replication.start(host === undefined || port === undefined ? null : { host, port: Number(port) })
  showMaster(config, storage)
  for (const key of ['min-replicas-to-write', 'min-replicas-max-lag', 'replica-serve-stale-data'] as const)
    config.onChange(key, () => gates.refresh())
}

/** Returns the clients that wait for replicas or an fsync: none until replication has started. */
export function waitingClients(state: Pick<NodeState, 'replication'>): WaitingClients {
  return {
    has: (session) => state.replication?.waiters.has(session) ?? false,
    unblock: (session, how) =>
      state.replication?.waiters.unblock(session, how === 'error' ? new ClientError(UNBLOCKED_BY_CLIENT_TEXT) : null) ?? false,
  }
}

/**
 * Shows the stored master in CONFIG, whichever command set it. Without a stored role, CONFIG keeps
 * the value of the configuration file.
 */
function showMaster(config: Config, storage: Storage): void {
  const { master } = storage.identity
  if (master === undefined) return
  const words = master === null ? [] : [master.host, String(master.port)]
  if (config.list('replicaof').join(' ') !== words.join(' ')) config.setByServer('replicaof', words)
}

/** Returns host and port of this node's master; empty if it has none. */
function followedBy(storage: Storage): Bytes {
  const { master } = storage.identity
  return master === undefined || master === null ? '' : `${master.host} ${master.port}`
}

/** Returns the state of replication for the gates: null until the binlog has been replayed. */
export function replicationGate(config: Config, state: Pick<NodeState, 'replication'>): () => ReplicationGate | null {
  const started = () => must(state.replication)
  const gate: ReplicationGate = {
    get isReplica() {
      return started().isReplica
    },
    get isMasterDown() {
      const { isReplica, link } = started()
      return isReplica && !link.isUp && !config.flag('replica-serve-stale-data')
    },
    get isShortOfReplicas() {
      return started().lacksReplicas
    },
    get writableUntilMs() {
      return started().writableUntilMs
    },
    get isUnsettled() {
      return started().isUnsettled
    },
    settle: () => started().settle(),
    get isPausingWrites() {
      return started().isWritingPaused
    },
  }
  return () => (state.replication === null ? null : gate)
}

/** Returns the port that this node announces as a replica: the one that clients use. */
function announcedPort(config: Config, { port, tlsPort }: NodeState): number {
  return config.flag('tls-replication') && tlsPort > 0 ? tlsPort : port > 0 ? port : tlsPort
}

/** Differs from all ids of connections. */
const MASTER_SESSION_ID = 0

function masterSession({ storage, state, clock }: ReplicationParts): Session | null {
  const { master } = storage.identity
  const { replication } = state
  if (replication === null || !replication.isReplica || master === undefined || master === null || !replication.link.isUp) return null
  const close = () => replication.link.reconnect('killed by CLIENT KILL')
  const session = new ReplayClient(MASTER_SESSION_ID, 'master', `${master.host}:${master.port}`, clock.monotonicMs(), close)
  session.lastActiveMs = session.createdAtMs
  return session
}
