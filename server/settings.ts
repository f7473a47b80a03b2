/** From configuration keys to what storage is told, at start and when they change. */
import type { Storage, StorageSettings } from '../storage/storage.ts'
import type { Config } from './config.ts'

const RESERVE_BYTES = 16 * 1024 * 1024
const MIN_DIRTY_BYTES = 32 * 1024 * 1024

/** The dirty limit in force: half of the cache where none is set, within reason. */
function dirtyLimit(config: Config): number {
  const limit = config.number('dirty-limit')
  return limit > 0 ? limit : Math.max(MIN_DIRTY_BYTES, Math.floor(config.number('cache-memory') / 2))
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
  }
}

/** Keeps storage's settings in step with CONFIG SET. */
export function followStorageSettings(config: Config, storage: Storage): void {
  const { settings } = storage
  const apply = () => {
    const now = storageSettings(config)
    Object.assign(settings.binlog, now.binlog)
    Object.assign(settings.checkpoint, now.checkpoint)
    settings.cacheBytes = now.cacheBytes
  }
  const keys = [
    'binlog-file-size',
    'binlog-retention-bytes',
    'binlog-retention-seconds',
    'checkpoint-binlog-bytes',
    'checkpoint-seconds',
    'cache-memory',
    'dirty-limit',
  ]
  for (const key of keys) config.onChange(key, apply)
}
