/** The settings and parts that a node gives to replication. */
import type { ReplicaLinkOptions } from './replica/link-options.ts'

/** REQUIRES: the storage is recovered. */
export interface ReplicationOptions extends ReplicaLinkOptions {
  /** Creates the error of WAIT for when this node stops being the master. */
  waitFailure(): Error
}
