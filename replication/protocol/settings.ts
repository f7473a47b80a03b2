/**
 * The settings of replication. One mutable object: the server updates it on CONFIG SET, and all
 * parts read it on each use.
 */
export interface ReplicationSettings {
  /** repl-timeout, ms: a replica or master that is silent for longer is taken for dead. */
  timeoutMs: number
  /** repl-ping-replica-period, ms: the interval of heartbeats on an idle link. */
  pingPeriodMs: number
  /**
   * replica-lag-limit, bytes: the binlog that an attached replica may pin. A replica that
   * lags by more is cut off.
   */
  lagLimitBytes: number
  /** replica-forget-after, ms: how long a replica that has left is still shown. */
  forgetAfterMs: number
  /** dbsync-rate-limit: bytes per second of all full syncs together; 0 is no limit. */
  fullSyncBytesPerSecond: number
  /** min-replicas-to-write; 0 switches the condition off. */
  minReplicas: number
  /** min-replicas-max-lag, ms. 0 switches the condition off; minReplicas is 0 then. */
  minReplicasMaxLagMs: number
  /** repl-diskless-sync: false sends the length of an RDB first to a Redis replica. */
  isDisklessSync: boolean
  /** rdbcompression: strings in an RDB are compressed. */
  mustCompressRdb: boolean
  /** psync-compatibility: deadlines of fields are left out for a Redis replica, or end its sync. */
  psyncCompatibility: 'translate' | 'refuse'
  /** replica-announce-ip; empty: the master takes the address of the connection. */
  announceIp: string
  /** replica-announce-port; 0: the listening port. */
  announcePort: number
  /** masteruser; empty: AUTH is sent with the password alone. */
  masterUser: string
  /** masterauth; empty: no AUTH is sent. */
  masterPassword: string
}

/** The defaults. Settings that Redis has too have the default of Redis. */
export const defaultReplicationSettings = (): ReplicationSettings => ({
  timeoutMs: 60_000,
  pingPeriodMs: 10_000,
  lagLimitBytes: 2 * 1024 ** 3,
  forgetAfterMs: 3_600_000,
  fullSyncBytesPerSecond: 0,
  minReplicas: 0,
  minReplicasMaxLagMs: 10_000,
  isDisklessSync: true,
  mustCompressRdb: true,
  psyncCompatibility: 'translate',
  announceIp: '',
  announcePort: 0,
  masterUser: '',
  masterPassword: '',
})
