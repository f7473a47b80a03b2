/** The node's place in a cluster, as commands see it: `cluster-enabled emulated`. */
import type { ClusterEndpoint, ClusterPort } from '../../commands/contract/cluster.ts'
import type { Session } from '../../commands/contract/session.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Config } from '../config/config.ts'
import type { NodeState } from './node-state.ts'

/** The distance of Redis's bus port from the port. No bus listens here. */
const BUS_PORT_OFFSET = 10_000
const MAX_PORT = 65_535

interface FacadeParts {
  readonly config: Config
  readonly storage: Pick<Storage, 'binlog' | 'identity' | 'isReady'>
  readonly state: Pick<NodeState, 'runId' | 'port' | 'tlsPort'>
}

/** A cluster in which this node owns all slots, or none. */
export class ClusterFacade implements ClusterPort {
  readonly mode: ClusterPort['mode']
  mustUseOneSlot = false
  private readonly parts: FacadeParts

  constructor(parts: FacadeParts) {
    this.parts = parts
    this.mode = parts.config.text('cluster-enabled') === 'emulated' ? 'emulated' : 'disabled'
    parts.config.observe('cluster-require-one-slot', (isRequired) => {
      this.mustUseOneSlot = isRequired && this.mode !== 'disabled'
    })
  }

  /** The id of this run: no other node refers to it. */
  get nodeId(): string {
    return this.parts.state.runId
  }

  /** The id of the history, which a master and its replicas share. */
  get shardId(): string {
    return this.parts.storage.identity.replicationId
  }

  get offset(): number {
    const { storage } = this.parts
    return storage.isReady ? storage.binlog.end.offset : 0
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
