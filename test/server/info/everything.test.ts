/**
 * The whole text of INFO, byte by byte: a server's state on one side, what clients get on the
 * other.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { infoText } from '../../../server/info/info.ts'
import { infoSource } from '../../support/harness/info-source.ts'

/** Fields that show the machine, the process or the version. */
const OF_MACHINE =
  /^(redis_version|node_version|v8_version|os|process_id|executable|mem_allocator|total_system_memory(?:_human)?|used_cpu_(?:sys|user)(?:_main_thread)?):.+$/gm

const EVERYTHING = `# Server
redis_version:(machine)
redis_git_sha1:00000000
redis_git_dirty:0
redis_build_id:0000000000000000
redis_mode:standalone
haypile_version:1.2.3
node_version:(machine)
v8_version:(machine)
os:(machine)
arch_bits:64
monotonic_clock:Node.js performance.now
multiplexing_api:libuv
atomicvar_api:none
gcc_version:0.0.0
process_id:(machine)
process_supervised:no
run_id:ffffffffffffffffffffffffffffffffffffffff
tcp_port:6379
server_time_usec:1700000000123000
uptime_in_seconds:90061
uptime_in_days:1
hz:10
configured_hz:10
lru_clock:5501184
executable:(machine)
config_file:
data_directory:/data
log_lines_dropped:0
io_threads_active:0
listener0:name=tcp,bind=*,bind=-::*,port=6379
listener1:name=unix,bind=/run/haypile.sock

# Clients
connected_clients:2
cluster_connections:0
maxclients:10000
client_recent_max_input_buffer:20
client_recent_max_output_buffer:30
blocked_clients:0
tracking_clients:0
pubsub_clients:0
clients_in_timeout_table:0
total_blocking_keys:0
total_blocking_keys_on_nokey:0
held_clients:0
handshaking_clients:0
gate_reasons:

# Memory
used_memory:50000000
used_memory_human:47.68M
used_memory_rss:90000000
used_memory_rss_human:85.83M
used_memory_rss_anonymous:72000000
used_memory_rss_mapped:18000000
used_memory_peak:60000000
used_memory_peak_human:57.22M
used_memory_peak_perc:83.33%
used_memory_overhead:40000000
used_memory_startup:0
used_memory_dataset:10000000
used_memory_dataset_perc:20.00%
allocator_allocated:50000000
allocator_active:60000000
allocator_resident:72000000
total_system_memory:(machine)
total_system_memory_human:(machine)
used_memory_lua:0
used_memory_vm_eval:0
used_memory_lua_human:0B
used_memory_scripts_eval:0
number_of_cached_scripts:0
number_of_functions:0
number_of_libraries:0
used_memory_vm_functions:0
used_memory_vm_total:0
used_memory_vm_total_human:0B
used_memory_functions:0
used_memory_scripts:0
used_memory_scripts_human:0B
maxmemory:0
maxmemory_human:0B
maxmemory_policy:noeviction
allocator_frag_ratio:1.20
allocator_frag_bytes:10000000
allocator_rss_ratio:1.20
allocator_rss_bytes:12000000
rss_overhead_ratio:1.25
rss_overhead_bytes:18000000
mem_fragmentation_ratio:1.80
mem_fragmentation_bytes:40000000
mem_not_counted_for_evict:0
mem_replication_backlog:0
mem_total_replication_buffers:0
mem_clients_slaves:0
mem_clients_normal:0
mem_cluster_links:0
mem_aof_buffer:0
mem_allocator:(machine)
active_defrag_running:0
lazyfree_pending_objects:2
lazyfreed_objects:4

# Persistence
loading:0
async_loading:0
current_cow_peak:0
current_cow_size:0
current_cow_size_age:0
current_fork_perc:0.00
current_save_keys_processed:0
current_save_keys_total:0
rdb_changes_since_last_save:7
rdb_bgsave_in_progress:0
rdb_last_save_time:1699999999
rdb_last_bgsave_status:ok
rdb_last_bgsave_time_sec:-1
rdb_current_bgsave_time_sec:-1
rdb_saves:0
rdb_last_cow_size:0
rdb_last_load_keys_expired:0
rdb_last_load_keys_loaded:3
aof_enabled:1
aof_rewrite_in_progress:0
aof_rewrite_scheduled:0
aof_last_rewrite_time_sec:-1
aof_current_rewrite_time_sec:-1
aof_last_bgrewrite_status:ok
aof_rewrites:0
aof_rewrites_consecutive_failures:0
aof_last_write_status:ok
aof_last_cow_size:0
module_fork_in_progress:0
module_fork_last_cow_size:0
aof_current_size:4000
aof_base_size:0
aof_pending_rewrite:0
aof_buffer_length:0
aof_pending_bio_fsync:1
aof_delayed_fsync:0

# Stats
total_connections_received:9
total_commands_processed:100
instantaneous_ops_per_sec:12
total_net_input_bytes:1000
total_net_output_bytes:2000
total_net_repl_input_bytes:400
total_net_repl_output_bytes:500
instantaneous_input_kbps:0.50
instantaneous_output_kbps:2.00
instantaneous_input_repl_kbps:1.00
instantaneous_output_repl_kbps:0.25
rejected_connections:0
sync_full:2
sync_partial_ok:3
sync_partial_err:1
expired_keys:1
expired_subkeys:1
expired_stale_perc:0.00
expired_time_cap_reached_count:0
expire_cycle_cpu_milliseconds:0
evicted_keys:0
evicted_clients:0
total_eviction_exceeded_time:0
current_eviction_exceeded_time:0
keyspace_hits:5
keyspace_misses:6
pubsub_channels:0
pubsub_patterns:0
pubsubshard_channels:0
latest_fork_usec:0
total_forks:0
migrate_cached_sockets:1
slave_expires_tracked_keys:0
active_defrag_hits:0
active_defrag_misses:0
active_defrag_key_hits:0
active_defrag_key_misses:0
total_active_defrag_time:0
current_active_defrag_time:0
tracking_total_keys:0
tracking_total_items:0
tracking_total_prefixes:0
unexpected_error_replies:0
total_error_replies:4
dump_payload_sanitizations:0
total_reads_processed:10
total_writes_processed:11
io_threaded_reads_processed:0
io_threaded_writes_processed:0
reply_buffer_shrinks:0
reply_buffer_expands:0
client_query_buffer_limit_disconnections:0
client_output_buffer_limit_disconnections:0
acl_access_denied_auth:1
acl_access_denied_cmd:2
acl_access_denied_key:3
acl_access_denied_channel:4
eventloop_cycles:50
eventloop_duration_sum:70500
eventloop_duration_cmd_sum:1235
instantaneous_eventloop_cycles_per_sec:10
instantaneous_eventloop_duration_usec:1410

# Replication
role:master
connected_slaves:0
master_failover_state:no-failover
master_replid:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
master_replid2:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
master_repl_offset:5000
second_repl_offset:3001
repl_backlog_active:1
repl_backlog_size:1073741824
repl_backlog_first_byte_offset:1001
repl_backlog_histlen:4000
ReplicationID:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
slave_repl_offset:5000
is_eligible_for_master_election:true
pika_db0:binlog_offset=0 5000,safety_purge=none

# CPU
used_cpu_sys:(machine)
used_cpu_user:(machine)
used_cpu_sys_children:0.000000
used_cpu_user_children:0.000000
used_cpu_sys_main_thread:(machine)
used_cpu_user_main_thread:(machine)

# Modules

# Commandstats
cmdstat_config|get:calls=2,usec=7,usec_per_call=3.25,rejected_calls=1,failed_calls=0
cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=3,failed_calls=0

# Errorstats
errorstat_ERR:count=4

# Latencystats
latency_percentiles_usec_get:p50=1.003,p99.9=12.500

# Cluster
cluster_enabled:0

# Keyspace
db0:keys=3,expires=1,avg_ttl=0

# Binlog
binlog_status:ok
binlog_stall_reason:
binlog_start_offset:1000
binlog_end_offset:5000
binlog_synced_offset:4500
binlog_size:4000
binlog_size_human:3.91K
binlog_segments:2
binlog_retention_bytes:1073741824
binlog_fsync_policy:everysec
binlog_bytes_written:4000
binlog_groups_written:12
binlog_syncs:3

# Storage
storage_keys:3
storage_resident_keys:3
storage_packed_keys:1
storage_resident_bytes:10000000
storage_resident_human:9.54M
storage_cache_limit:64000000
storage_evictions:0
storage_disk_reads:8
storage_dirty_records:5
storage_dirty_bytes:100
storage_dirty_limit:1000
storage_disk_low:0
storage_reopen_error:
checkpoint_running:0
checkpoint_offset:4000
checkpoint_last_time:1699999999
checkpoint_last_duration_ms:-1
checkpoint_last_error:
checkpoint_bytes_written:700
checkpoints_completed:0
checkpoints_failed:0
garbage_waiting:0
garbage_swept:0
`

test('INFO everything shows every field of a server in order', () => {
  const text = infoText(infoSource(), ['everything'])
  assert.is(text.replaceAll('\r\n', '\n').replaceAll(OF_MACHINE, '$1:(machine)'), EVERYTHING)
  assert.is(text.split('\n').length, text.split('\r\n').length)
})

test.run()
