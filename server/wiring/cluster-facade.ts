/** The node's place in a cluster, as commands see it. */
import type { Bytes } from '../../base/bytes.ts'
import { SLOTS } from '../../base/hash-slots.ts'
import type { ClusterEndpoint, ClusterPort } from '../../commands/contract/cluster.ts'
import type { Session } from '../../commands/contract/session.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ClusterNode } from '../cluster/cluster-node.ts'
import type { Config } from '../config/config.ts'
import type { NodeState } from './node-state.ts'

/** The distance of Redis's bus port from the port. No bus listens here. */
const BUS_PORT_OFFSET = 10_000
const MAX_PORT = 65_535

/** The mode for each value of cluster-enabled. */
const MODES = { no: 'disabled', yes: 'nodes', emulated: 'emulated' } as const satisfies Record<string, ClusterPort['mode']>

interface FacadeParts {
  readonly config: Config
  readonly storage: Pick<Storage, 'binlog' | 'identity' | 'isReady'>
  readonly state: Pick<NodeState, 'runId' | 'port' | 'tlsPort'>
  /** Null unless cluster-enabled is yes. */
  readonly node: ClusterNode | null
}

/** A cluster of several nodes, one in which this node owns all slots, or none. */
export class ClusterFacade implements ClusterPort {
  readonly mode: ClusterPort['mode']
  mustUseOneSlot = false
  mustJudge = false
  readonly node: ClusterNode | null
  private readonly parts: FacadeParts

  constructor(parts: FacadeParts) {
    this.parts = parts
    this.node = parts.node
    this.mode = MODES[parts.config.text('cluster-enabled')]
    parts.config.observe('cluster-require-one-slot', (isRequired) => {
      this.mustUseOneSlot = this.mode === 'nodes' || (isRequired && this.mode !== 'disabled')
      this.mustJudge = this.mustUseOneSlot
    })
  }

  /** In an emulated cluster the id of this run: no other node refers to it. */
  get nodeId(): string {
    return this.node?.id ?? this.parts.state.runId
  }

  /** The id of the history, which a master and its replicas share. */
  get shardId(): string {
    return this.parts.storage.identity.replicationId
  }

  get offset(): number {
    const { storage } = this.parts
    return storage.isReady ? storage.binlog.end.offset : 0
  }

  hidesKeysOf(db: Database): boolean {
    if (this.node === null) return false
    for (let slot = 0; slot < SLOTS; slot++) if (this.node.hidesSlot(slot) && db.keysInSlot(slot) > 0) return true
    return false
  }

  shownKeysOf(db: Database): number {
    let sum = 0
    for (let slot = 0; slot < SLOTS; slot++) if (this.node?.hidesSlot(slot) !== true) sum += db.keysInSlot(slot)
    return sum
  }

  hides(key: Bytes): boolean {
    return this.node?.hides(key) === true
  }

  /** Without an announced address it is the one that the session's client has connected to. */
  endpointFor({ localAddress }: Session): ClusterEndpoint {
    const { config, state } = this.parts
    const local = addressOf(localAddress)
    const plainPort = config.number('cluster-announce-port') || state.port
    const tlsPort = config.number('cluster-announce-tls-port') || state.tlsPort
    const isTls = plainPort === 0 || (state.tlsPort !== 0 && local?.port === state.tlsPort)
    const port = isTls ? tlsPort : plainPort
    return {
      ip: config.text('cluster-announce-ip') || (local?.ip ?? '127.0.0.1'),
      port,
      plainPort,
      tlsPort,
      busPort: config.number('cluster-announce-bus-port') || Math.min(port + BUS_PORT_OFFSET, MAX_PORT),
      hostname: config.text('cluster-announce-hostname'),
      preferred: config.text('cluster-preferred-endpoint-type') as ClusterEndpoint['preferred'],
    }
  }
}

/** Returns the parts of `ip:port` or `[ip]:port`; null for a Unix socket. */
function addressOf(localAddress: string): { readonly ip: string; readonly port: number } | null {
  if (localAddress.startsWith('/')) return null
  const colon = localAddress.lastIndexOf(':')
  if (colon < 0) return null
  return { ip: localAddress.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(localAddress.slice(colon + 1)) }
}
