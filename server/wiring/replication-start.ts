/** Connects replication to sockets, gates, clients and configuration. */
import type { Bytes } from '../../base/bytes.ts'
import type { Session } from '../../commands/contract/session.ts'
import { Refusal } from '../../replication/protocol/messages.ts'
import { Replication } from '../../replication/replication.ts'
import { replicationSettings } from '../config/settings.ts'
import type { ReplicationGate } from '../loop/gate-reasons.ts'
import { dialer } from '../network/dialer.ts'
import type { Node } from '../node.ts'
import { ReplayClient, replayer } from './replay-client.ts'

/**
 * To be called after recovery and before the first command: from then on a replica refuses writes.
 */
export function startReplication(node: Node): void {
  const { config, engine, executor, gates, clients, statistics, log } = node
  // As in Redis, blocked clients are unblocked with an error when this node begins to follow a
  // master, or another one.
  let followed = followedBy(node)
  const endBlocked = () => {
    const now = followedBy(node)
    if (now !== followed && now !== '') executor.blockedClients.endAll()
    followed = now
  }
  const replication = new Replication({
    storage: engine,
    clock: node.clock,
    random: node.random,
    log,
    settings: replicationSettings(config),
    runId: node.runId,
    databases: config.number('databases'),
    replayer: replayer(executor, engine.keyspace),
    dial: dialer(config, {
      received: (bytes) => {
        statistics.replicationInputBytes += bytes
      },
      sent: (bytes) => {
        statistics.netOutputBytes += bytes
      },
    }),
    port: () => announcedPort(node),
    syncAlways: () => node.turn.waitForSync,
    isHeld: () => gates.isPaused,
    wake: () => node.turn.begin(),
    changed: () => {
      showMaster(node)
      endBlocked()
      clients.master = masterSession(node)
      gates.refresh()
    },
  })
  node.replication.replication = replication
  gates.replication = gate(node, replication)
  clients.waiters = {
    has: (session) => replication.waiters.has(session),
    end: (session, how) => replication.waiters.end(session, how === 'error' ? unblocked() : null),
  }
  const [host, port] = config.list('replicaof')
  replication.start(host === undefined || port === undefined ? null : { host, port: Number(port) })
  showMaster(node)
  for (const key of ['min-replicas-to-write', 'min-replicas-max-lag', 'replica-serve-stale-data'] as const)
    config.onChange(key, () => gates.refresh())
}

/**
 * Stores the master in CONFIG, whichever command set it. Without a stored master, CONFIG keeps the
 * file's.
 */
function showMaster({ config, engine }: Node): void {
  const { master } = engine.identity
  if (master === undefined) return
  const words = master === null ? [] : [master.host, String(master.port)]
  if (config.list('replicaof').join(' ') !== words.join(' ')) config.setByServer('replicaof', words)
}

/** Returns host and port of this node's master; empty if it has none. */
function followedBy({ engine }: Node): Bytes {
  const { master } = engine.identity
  return master === undefined || master === null ? '' : `${master.host} ${master.port}`
}

const unblocked = () => new Refusal('UNBLOCKED', 'client unblocked via CLIENT UNBLOCK')

function gate(node: Node, replication: Replication): ReplicationGate {
  const { config } = node
  return {
    get isReplica() {
      return replication.isReplica
    },
    get isMasterDown() {
      return replication.isReplica && !replication.link.isUp && !config.flag('replica-serve-stale-data')
    },
    get lacksReplicas() {
      return replication.lacksReplicas
    },
    get writableUntilMs() {
      return replication.writableUntilMs
    },
    get isUnsettled() {
      return replication.isUnsettled
    },
    settle: () => replication.settle(),
    get writesPaused() {
      return replication.writesPaused
    },
  }
}

/** Returns the port that this node announces as a replica: the one that clients use. */
function announcedPort({ config, port, tlsPort }: Node): number {
  return config.flag('tls-replication') && tlsPort > 0 ? tlsPort : port > 0 ? port : tlsPort
}

/** Differs from all ids of connections. */
const MASTER_SESSION_ID = 0

function masterSession({ engine, links, clock }: Node): Session | null {
  const { master } = engine.identity
  if (links === null || !links.isReplica || master === undefined || master === null || !links.link.isUp) return null
  const close = () => links.link.reconnect('killed by CLIENT KILL')
  const session = new ReplayClient(MASTER_SESSION_ID, 'master', `${master.host}:${master.port}`, clock.monotonicMs(), close)
  session.lastActiveMs = session.createdAtMs
  return session
}
