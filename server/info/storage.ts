/**
 * `# Persistence`, `# Binlog` and `# Storage`. In Redis's terms a checkpoint is both a background
 * save and an AOF rewrite, and the binlog is the AOF.
 */
import { type Fields, flag, humanBytes, safe } from './fields.ts'
import type { InfoFigures } from './figures.ts'

const seconds = (milliseconds: number | null) => (milliseconds === null ? -1 : Math.floor(milliseconds / 1000))

export function persistenceFields({ persistence, binlog, memory }: InfoFigures): Fields {
  const running = flag(persistence.checkpointRunning)
  const runningSeconds = persistence.checkpointRunning ? 0 : -1
  const status = persistence.lastFailed ? 'err' : 'ok'
  return [
    ['loading', flag(persistence.loading)],
    ['async_loading', 0],
    ['current_cow_peak', 0],
    ['current_cow_size', 0],
    ['current_cow_size_age', 0],
    ['current_fork_perc', '0.00'],
    ['current_save_keys_processed', 0],
    ['current_save_keys_total', 0],
    ['rdb_changes_since_last_save', persistence.changes],
    ['rdb_bgsave_in_progress', running],
    ['rdb_last_save_time', Math.floor(persistence.lastCheckpointMs / 1000)],
    ['rdb_last_bgsave_status', status],
    ['rdb_last_bgsave_time_sec', seconds(persistence.lastDurationMs)],
    ['rdb_current_bgsave_time_sec', runningSeconds],
    ['rdb_saves', persistence.checkpoints],
    ['rdb_last_cow_size', 0],
    ['rdb_last_load_keys_expired', 0],
    ['rdb_last_load_keys_loaded', persistence.recoveredKeys],
    ['aof_enabled', 1],
    ['aof_rewrite_in_progress', running],
    ['aof_rewrite_scheduled', 0],
    ['aof_last_rewrite_time_sec', seconds(persistence.lastDurationMs)],
    ['aof_current_rewrite_time_sec', runningSeconds],
    ['aof_last_bgrewrite_status', status],
    ['aof_rewrites', persistence.checkpoints],
    ['aof_rewrites_consecutive_failures', flag(persistence.lastFailed)],
    ['aof_last_write_status', persistence.writeStatus],
    ['aof_last_cow_size', 0],
    ['module_fork_in_progress', 0],
    ['module_fork_last_cow_size', 0],
    ['aof_current_size', binlog.endOffset - binlog.startOffset],
    ['aof_base_size', 0],
    ['aof_pending_rewrite', 0],
    ['aof_buffer_length', memory.get('binlog') ?? 0],
    ['aof_pending_bio_fsync', flag(binlog.syncedOffset < binlog.endOffset)],
    ['aof_delayed_fsync', 0],
  ]
}

export function binlogFields({ binlog }: InfoFigures): Fields {
  const size = binlog.endOffset - binlog.startOffset
  return [
    ['binlog_status', binlog.stalled === null ? 'ok' : 'stalled'],
    ['binlog_stall_reason', binlog.stalled === null ? '' : safe(binlog.stalled)],
    ['binlog_start_offset', binlog.startOffset],
    ['binlog_end_offset', binlog.endOffset],
    ['binlog_synced_offset', binlog.syncedOffset],
    ['binlog_size', size],
    ['binlog_size_human', humanBytes(size)],
    ['binlog_segments', binlog.segments],
    ['binlog_retention_bytes', binlog.retentionBytes],
    ['binlog_fsync_policy', binlog.fsyncPolicy],
    ['binlog_bytes_written', binlog.bytesWritten],
    ['binlog_groups_written', binlog.groupsWritten],
    ['binlog_syncs', binlog.syncs],
  ]
}

export function storageFields({ storage, persistence }: InfoFigures): Fields {
  return [
    ['storage_keys', storage.keys],
    ['storage_resident_keys', storage.residentKeys],
    ['storage_resident_bytes', storage.residentBytes],
    ['storage_resident_human', humanBytes(storage.residentBytes)],
    ['storage_cache_limit', storage.cacheBytes],
    ['storage_evictions', storage.evictions],
    ['storage_disk_reads', storage.diskReads],
    ['storage_dirty_records', persistence.dirtyRecords],
    ['storage_dirty_bytes', storage.dirtyBytes],
    ['storage_dirty_limit', storage.dirtyLimitBytes],
    ['storage_disk_low', flag(storage.diskLow)],
    ['storage_reopen_error', safe(storage.reopenError ?? '')],
    ['checkpoint_running', flag(persistence.checkpointRunning)],
    ['checkpoint_offset', storage.checkpointOffset],
    ['checkpoint_last_time', Math.floor(persistence.lastCheckpointMs / 1000)],
    ['checkpoint_last_duration_ms', Math.round(persistence.lastDurationMs ?? -1)],
    ['checkpoint_last_error', safe(storage.checkpointLastError ?? '')],
    ['checkpoint_bytes_written', storage.checkpointBytesWritten],
    ['checkpoints_completed', persistence.checkpoints],
    ['checkpoints_failed', storage.checkpointsFailed],
    ['garbage_waiting', storage.garbageWaiting],
    ['garbage_swept', storage.garbageSwept],
  ]
}
