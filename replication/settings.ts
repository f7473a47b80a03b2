/** What an operator can set about replication. One mutable object, kept in step with CONFIG SET by the server; everyone reads it when needed. */
export interface ReplicationSettings {
  /** repl-timeout: a peer that has been silent for so long is gone, ms. */
  timeoutMs: number
  /** repl-ping-replica-period: an idle link carries a sign of life so often, ms. */
  pingPeriodMs: number
  /** replica-lag-limit: an attached replica keeps so much binlog from being removed, in bytes; further behind it is cut off. */
  lagLimitBytes: number
  /** replica-forget-after: how long a replica that has left is still shown, ms. */
  forgetAfterMs: number
  /** dbsync-rate-limit: bytes a second of all full syncs together; 0 means none. */
  fullSyncBytesPerSecond: number
  /** min-replicas-to-write and min-replicas-max-lag; 0 replicas means no such condition. */
  minReplicas: number
  minReplicasMaxLagMs: number
  /** replica-announce-ip and -port; empty and 0: what the connection shows and the port that is listened on. */
  announceIp: string
  announcePort: number
  /** masteruser and masterauth; empty: no AUTH. */
  masterUser: string
  masterPassword: string
}

/** Redis's defaults where Redis has such a setting. */
export const defaultReplicationSettings = (): ReplicationSettings => ({
  timeoutMs: 60_000,
  pingPeriodMs: 10_000,
  lagLimitBytes: 2 * 1024 ** 3,
  forgetAfterMs: 3_600_000,
  fullSyncBytesPerSecond: 0,
  minReplicas: 0,
  minReplicasMaxLagMs: 10_000,
  announceIp: '',
  announcePort: 0,
  masterUser: '',
  masterPassword: '',
})
