/** The node's place in a cluster, as commands see it. `server/wiring/cluster-facade.ts` has it. */
import type { Bytes } from '../../base/bytes.ts'
import type { Session } from './session.ts'

/** How clients reach the node. */
export interface ClusterEndpoint {
  readonly ip: Bytes
  /** The port of the kind that the asking client uses, TLS or not. */
  readonly port: number
  /** Both ports; 0 for none. */
  readonly plainPort: number
  readonly tlsPort: number
  readonly busPort: number
  /** Empty if none is announced. */
  readonly hostname: Bytes
  /** The kind of address that clients are to prefer. */
  readonly preferred: 'ip' | 'hostname' | 'unknown-endpoint'
}

/** A server that is in no cluster. */
export const NO_CLUSTER: ClusterPort = {
  mode: 'disabled',
  mustUseOneSlot: false,
  nodeId: '',
  shardId: '',
  offset: 0,
  endpointFor() {
    throw new Error('a server outside of a cluster has no endpoint in one')
  },
}

export interface ClusterPort {
  /** `emulated`: this node says that it owns all slots. */
  readonly mode: 'disabled' | 'emulated'
  /** Requests, transactions and scripts with keys in several slots are refused. */
  readonly mustUseOneSlot: boolean
  /** 40 hexadecimal digits. */
  readonly nodeId: Bytes
  readonly shardId: Bytes
  /** The offset of the replication stream. */
  readonly offset: number
  endpointFor(session: Session): ClusterEndpoint
}
