/**
 * `# Persistence`, `# Keyspace`, `# Binlog` and `# Storage`. In Redis's terms a checkpoint is both
 * a background save and an AOF rewrite, and the binlog is the AOF.
 */
import { type Bytes, bytesOfText } from '../../base/bytes.ts'
import { each, flag, group, humanBytes, line, type Rows, safe, seconds } from './fields.ts'
import type { InfoSource } from './source.ts'

/** The binlog, null until it is open, and its offsets, 0 until then. */
export function binlogOf(source: InfoSource) {
  const { storage } = source
  const binlog = storage.isReady ? storage.binlog : null
  const end = binlog?.end.offset ?? 0
  const start = binlog?.segments[0]?.start ?? end
  return { source, keyspace: storage.keyspace, binlog, start, end, size: end - start, synced: binlog?.synced ?? 0 }
}

/** The binlog and the checkpointer, null until storage is open, and its last run. */
function checkpointsOf(source: InfoSource) {
  const { storage, startedAtMs } = source
  const checkpointer = storage.isReady ? storage.checkpointer : null
  return {
    source,
    keyspace: storage.keyspace,
    binlog: binlogOf(source),
    checkpointer,
    isRunning: checkpointer?.isRunning ?? false,
    hasFailed: checkpointer !== null && checkpointer.lastError !== null,
    completed: checkpointer?.completed ?? 0,
    lastLandedMs: checkpointer?.lastLandedMs ?? startedAtMs,
    /** Null before the first checkpoint. */
    lastDurationMs: checkpointer === null || checkpointer.completed === 0 ? null : checkpointer.lastDurationMs,
  }
}

export const persistenceRows: Rows = [
  group(checkpointsOf, [
    ['loading', ({ source }) => flag(source.gates.isLoading)],
    ['async_loading', 0],
    ['current_cow_peak', 0],
    ['current_cow_size', 0],
    ['current_cow_size_age', 0],
    ['current_fork_perc', '0.00'],
    ['current_save_keys_processed', 0],
    ['current_save_keys_total', 0],
    ['rdb_changes_since_last_save', ({ keyspace }) => keyspace.countedChanges - keyspace.landedChanges],
    ['rdb_bgsave_in_progress', ({ isRunning }) => flag(isRunning)],
    ['rdb_last_save_time', ({ lastLandedMs }) => Math.floor(lastLandedMs / 1000)],
    ['rdb_last_bgsave_status', ({ hasFailed }) => (hasFailed ? 'err' : 'ok')],
    ['rdb_last_bgsave_time_sec', ({ lastDurationMs }) => seconds(lastDurationMs)],
    ['rdb_current_bgsave_time_sec', ({ isRunning }) => (isRunning ? 0 : -1)],
    ['rdb_saves', ({ completed }) => completed],
    ['rdb_last_cow_size', 0],
    ['rdb_last_load_keys_expired', 0],
    ['rdb_last_load_keys_loaded', ({ source }) => source.recoveredKeys],
    ['aof_enabled', 1],
    ['aof_rewrite_in_progress', ({ isRunning }) => flag(isRunning)],
    ['aof_rewrite_scheduled', 0],
    ['aof_last_rewrite_time_sec', ({ lastDurationMs }) => seconds(lastDurationMs)],
    ['aof_current_rewrite_time_sec', ({ isRunning }) => (isRunning ? 0 : -1)],
    ['aof_last_bgrewrite_status', ({ hasFailed }) => (hasFailed ? 'err' : 'ok')],
    ['aof_rewrites', ({ completed }) => completed],
    ['aof_rewrites_consecutive_failures', ({ hasFailed }) => flag(hasFailed)],
    ['aof_last_write_status', ({ source: { storage } }) => (storage.stalled === null && !storage.isDiskLow ? 'ok' : 'err')],
    ['aof_last_cow_size', 0],
    ['module_fork_in_progress', 0],
    ['module_fork_last_cow_size', 0],
    ['aof_current_size', ({ binlog }) => binlog.size],
    ['aof_base_size', 0],
    ['aof_pending_rewrite', 0],
    ['aof_buffer_length', ({ source }) => source.memory.get('binlog') ?? 0],
    ['aof_pending_bio_fsync', ({ binlog }) => flag(binlog.synced < binlog.end)],
    ['aof_delayed_fsync', 0],
  ]),
]

export function keyspaceLines({ storage }: InfoSource): Bytes {
  const used = storage.keyspace.databases.filter(({ keyCount }) => keyCount > 0)
  return each(used, ({ index, keyCount, volatileCount }) => line(`db${index}`, `keys=${keyCount},expires=${volatileCount},avg_ttl=0`))
}

export const binlogRows: Rows = [
  group(binlogOf, [
    ['binlog_status', ({ source }) => (source.storage.stalled === null ? 'ok' : 'stalled')],
    ['binlog_stall_reason', ({ source }) => safe(bytesOfText(source.storage.stalled ?? ''))],
    ['binlog_start_offset', ({ start }) => start],
    ['binlog_end_offset', ({ end }) => end],
    ['binlog_synced_offset', ({ synced }) => synced],
    ['binlog_size', ({ size }) => size],
    ['binlog_size_human', ({ size }) => humanBytes(size)],
    ['binlog_segments', ({ binlog }) => binlog?.segments.length ?? 0],
    ['binlog_retention_bytes', ({ source }) => source.config.number('binlog-retention-bytes')],
    ['binlog_fsync_policy', ({ source }) => source.config.text('appendfsync')],
    ['binlog_bytes_written', ({ binlog }) => binlog?.bytesWritten ?? 0],
    ['binlog_groups_written', ({ binlog }) => binlog?.groupsWritten ?? 0],
    ['binlog_syncs', ({ binlog }) => binlog?.syncs ?? 0],
  ]),
]

export const storageRows: Rows = [
  group(checkpointsOf, [
    ['storage_keys', ({ keyspace }) => keyspace.keyCount],
    ['storage_resident_keys', ({ keyspace }) => keyspace.databases.reduce((sum, db) => sum + db.keysInMemory, 0)],
    ['storage_packed_keys', ({ keyspace }) => keyspace.databases.reduce((sum, db) => sum + db.packed.count, 0)],
    ['storage_resident_bytes', ({ keyspace }) => keyspace.residentBytes],
    ['storage_resident_human', ({ keyspace }) => humanBytes(keyspace.residentBytes)],
    ['storage_cache_limit', ({ source }) => source.storage.settings.cacheBytes],
    // They remain on disk, unlike Redis's evicted keys.
    ['storage_evictions', ({ keyspace }) => keyspace.evictions],
    ['storage_disk_reads', ({ keyspace }) => keyspace.diskReads],
    ['storage_dirty_records', ({ keyspace }) => keyspace.dirty.length],
    ['storage_dirty_bytes', ({ keyspace }) => keyspace.dirtyBytes + keyspace.frozenBytes],
    ['storage_dirty_limit', ({ source }) => source.storage.settings.checkpoint.dirtyLimitBytes],
    ['storage_disk_low', ({ source }) => flag(source.storage.isDiskLow)],
    ['storage_reopen_error', ({ source }) => safe(source.storage.recordsFailure ?? '')],
    ['checkpoint_running', ({ isRunning }) => flag(isRunning)],
    ['checkpoint_offset', ({ checkpointer }) => checkpointer?.landedOffset ?? 0],
    ['checkpoint_last_time', ({ lastLandedMs }) => Math.floor(lastLandedMs / 1000)],
    ['checkpoint_last_duration_ms', ({ lastDurationMs }) => Math.round(lastDurationMs ?? -1)],
    ['checkpoint_last_error', ({ checkpointer }) => safe(checkpointer?.lastError ?? '')],
    ['checkpoint_bytes_written', ({ checkpointer }) => checkpointer?.bytesWritten ?? 0],
    ['checkpoints_completed', ({ completed }) => completed],
    ['checkpoints_failed', ({ checkpointer }) => checkpointer?.failed ?? 0],
    ['garbage_waiting', ({ source: { storage } }) => (storage.isReady ? storage.sweeper.waiting : 0)],
    ['garbage_swept', ({ source: { storage } }) => (storage.isReady ? storage.sweeper.swept : 0)],
  ]),
]
