/**
 * The settings of storage and replication, computed from configuration keys at the start and on
 * every change.
 */
import type { Random } from '../../base/clock.ts'
import { defaultReplicationSettings, type ReplicationSettings } from '../../replication/protocol/settings.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { UseCounter } from '../../storage/keyspace/last-use.ts'
import type { Storage, StorageSettings } from '../../storage/storage.ts'
import type { Config } from './config.ts'
import type { ConfigNameOf } from './table.ts'

const RESERVE_BYTES = 16 * 1024 * 1024
const MIN_DIRTY_BYTES = 32 * 1024 * 1024

/**
 * The most that the automatic dirty limit reaches: a checkpoint copies as much again into its
 * batch, and LevelDB copies it once more.
 */
const MAX_DIRTY_BYTES = 512 * 1024 * 1024

/**
 * The dirty limit in force: the configured one, or half of the cache within MIN_DIRTY_BYTES and
 * MAX_DIRTY_BYTES.
 */
function dirtyLimit(config: Config): number {
  const limit = config.number('dirty-limit')
  return limit > 0 ? limit : Math.min(MAX_DIRTY_BYTES, Math.max(MIN_DIRTY_BYTES, Math.floor(config.number('cache-memory') / 2)))
}

export function storageSettings(config: Config): StorageSettings {
  return {
    binlog: {
      fileSizeBytes: config.number('binlog-file-size'),
      retentionBytes: config.number('binlog-retention-bytes'),
      retentionMs: config.number('binlog-retention-seconds') * 1000,
    },
    checkpoint: {
      binlogBytes: config.number('checkpoint-binlog-bytes'),
      intervalMs: config.number('checkpoint-seconds') * 1000,
      dirtyLimitBytes: dirtyLimit(config),
    },
    cacheBytes: config.number('cache-memory'),
    databases: config.number('databases'),
    reserveBytes: RESERVE_BYTES,
    slots: config.text('cluster-enabled') === 'no' ? 'ignored' : 'counted',
  }
}

/** Applies every CONFIG SET to storage's settings. */
export function followStorageSettings(config: Config, storage: Storage): void {
  const { settings } = storage
  config.followReads(() => {
    const now = storageSettings(config)
    Object.assign(settings.binlog, now.binlog)
    Object.assign(settings.checkpoint, now.checkpoint)
    settings.cacheBytes = now.cacheBytes
  })
}

/** Selects how the uses of keys are noted: by time, or by a counter under an LFU policy. */
export function followUseSettings(config: Config, keyspace: Keyspace, random: Random): void {
  config.followReads(() => {
    const counter = new UseCounter(config.number('lfu-log-factor'), config.number('lfu-decay-time'), random)
    keyspace.useCounter = config.text('maxmemory-policy').endsWith('-lfu') ? counter : null
  })
}

/** Returns replication's settings, to which every CONFIG SET is applied. */
export function replicationSettings(config: Config): ReplicationSettings {
  const settings = defaultReplicationSettings()
  const seconds = (name: ConfigNameOf<number>) => config.number(name) * 1000
  config.followReads(() => {
    const minReplicasMaxLagMs = seconds('min-replicas-max-lag')
    const now: ReplicationSettings = {
      timeoutMs: seconds('repl-timeout'),
      pingPeriodMs: seconds('repl-ping-replica-period'),
      lagLimitBytes: config.number('replica-lag-limit'),
      forgetAfterMs: seconds('replica-forget-after'),
      fullSyncBytesPerSecond: config.number('dbsync-rate-limit'),
      // As in Redis, 0 for either key means no condition.
      minReplicas: minReplicasMaxLagMs === 0 ? 0 : config.number('min-replicas-to-write'),
      minReplicasMaxLagMs,
      isDisklessSync: config.flag('repl-diskless-sync'),
      mustCompressRdb: config.flag('rdbcompression'),
      psyncCompatibility: config.text('psync-compatibility') as ReplicationSettings['psyncCompatibility'],
      announceIp: config.text('replica-announce-ip'),
      announcePort: config.number('replica-announce-port'),
      masterUser: config.text('masteruser'),
      masterPassword: config.text('masterauth'),
    }
    Object.assign(settings, now)
  })
  return settings
}
