/** `# Server`, `# Clients`, `# Stats` and `# CPU`. */
import { REDIS_COMPATIBLE_VERSION } from '../../commands/contract/version.ts'
import type { Fields } from './fields.ts'
import type { InfoFigures, ListenerFigures } from './figures.ts'

const SECONDS_PER_DAY = 86_400
/** Redis keeps its LRU clock in 24 bits of seconds. */
const LRU_CLOCK_SECONDS = 2 ** 24

export function serverFields({ server }: InfoFigures): Fields {
  const uptimeSeconds = Math.floor(server.uptimeMs / 1000)
  const seconds = Math.floor(server.wallMs / 1000)
  return [
    ['redis_version', REDIS_COMPATIBLE_VERSION],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0000000000000000'],
    ['redis_mode', 'standalone'],
    ['haypile_version', server.version],
    ['node_version', server.nodeVersion],
    ['v8_version', server.v8Version],
    ['os', server.system],
    ['arch_bits', 64],
    ['monotonic_clock', 'Node.js performance.now'],
    ['multiplexing_api', 'libuv'],
    ['atomicvar_api', 'none'],
    ['gcc_version', '0.0.0'],
    ['process_id', server.processId],
    ['process_supervised', 'no'],
    ['run_id', server.runId],
    ['tcp_port', server.port],
    ['server_time_usec', server.wallMs * 1000],
    ['uptime_in_seconds', uptimeSeconds],
    ['uptime_in_days', Math.floor(uptimeSeconds / SECONDS_PER_DAY)],
    ['hz', 10],
    ['configured_hz', 10],
    ['lru_clock', seconds % LRU_CLOCK_SECONDS],
    ['executable', server.executable],
    ['config_file', server.configFile],
    ['data_directory', server.directory],
    ['log_lines_dropped', server.logLinesDropped],
    ['io_threads_active', 0],
    ...server.listeners.map(listenerLine),
  ]
}

function listenerLine({ name, addresses, port }: ListenerFigures, index: number): readonly [string, string] {
  const binds = addresses.map((address) => `,bind=${address}`).join('')
  return [`listener${index}`, `name=${name}${binds}${port === 0 ? '' : `,port=${port}`}`]
}

export function clientFields({ clients }: InfoFigures): Fields {
  return [
    ['connected_clients', clients.connected],
    ['cluster_connections', 0],
    ['maxclients', clients.limit],
    ['client_recent_max_input_buffer', clients.longestQueryBuffer],
    ['client_recent_max_output_buffer', clients.longestOutput],
    ['blocked_clients', clients.blocked + clients.held],
    ['tracking_clients', clients.tracking],
    ['pubsub_clients', clients.subscribers],
    ['clients_in_timeout_table', clients.timed],
    ['total_blocking_keys', clients.awaitedKeys],
    ['total_blocking_keys_on_nokey', clients.awaitedKeysOrGone],
    ['held_clients', clients.held],
    ['handshaking_clients', clients.handshaking],
    ['gate_reasons', clients.gateReasons.join(',')],
  ]
}

const kibibytes = (bytes: number) => (bytes / 1024).toFixed(2)

export function statsFields({ stats }: InfoFigures): Fields {
  return [
    ['total_connections_received', stats.connectionsReceived],
    ['total_commands_processed', stats.commandsProcessed],
    ['instantaneous_ops_per_sec', Math.floor(stats.commandsPerSecond)],
    ['total_net_input_bytes', stats.netInputBytes],
    ['total_net_output_bytes', stats.netOutputBytes],
    ['total_net_repl_input_bytes', stats.replicationInputBytes],
    ['total_net_repl_output_bytes', stats.replicationOutputBytes],
    ['instantaneous_input_kbps', kibibytes(stats.inputPerSecond)],
    ['instantaneous_output_kbps', kibibytes(stats.outputPerSecond)],
    ['instantaneous_input_repl_kbps', kibibytes(stats.replicationInputPerSecond)],
    ['instantaneous_output_repl_kbps', kibibytes(stats.replicationOutputPerSecond)],
    ['rejected_connections', stats.rejectedConnections],
    ['sync_full', stats.fullSyncs],
    ['sync_partial_ok', stats.partialSyncs],
    ['sync_partial_err', stats.partialSyncsRefused],
    ['expired_keys', stats.expiredKeys],
    ['expired_subkeys', stats.expiredFields],
    ['expired_stale_perc', '0.00'],
    ['expired_time_cap_reached_count', 0],
    ['expire_cycle_cpu_milliseconds', 0],
    ['evicted_keys', 0],
    ['evicted_clients', 0],
    ['total_eviction_exceeded_time', 0],
    ['current_eviction_exceeded_time', 0],
    ['keyspace_hits', stats.hits],
    ['keyspace_misses', stats.misses],
    ['pubsub_channels', stats.channels],
    ['pubsub_patterns', stats.patterns],
    ['pubsubshard_channels', stats.shardChannels],
    ['latest_fork_usec', 0],
    ['total_forks', 0],
    ['migrate_cached_sockets', 0],
    ['slave_expires_tracked_keys', 0],
    ['active_defrag_hits', 0],
    ['active_defrag_misses', 0],
    ['active_defrag_key_hits', 0],
    ['active_defrag_key_misses', 0],
    ['total_active_defrag_time', 0],
    ['current_active_defrag_time', 0],
    ['tracking_total_keys', stats.trackedKeys],
    ['tracking_total_items', stats.trackedItems],
    ['tracking_total_prefixes', stats.trackedPrefixes],
    ['unexpected_error_replies', 0],
    ['total_error_replies', stats.errorReplies],
    ['dump_payload_sanitizations', 0],
    ['total_reads_processed', stats.reads],
    ['total_writes_processed', stats.writes],
    ['io_threaded_reads_processed', 0],
    ['io_threaded_writes_processed', 0],
    ['reply_buffer_shrinks', 0],
    ['reply_buffer_expands', 0],
    ['client_query_buffer_limit_disconnections', stats.queryBufferLimitDisconnections],
    ['client_output_buffer_limit_disconnections', stats.outputLimitDisconnections],
    ['acl_access_denied_auth', stats.denials.auth],
    ['acl_access_denied_cmd', stats.denials.command],
    ['acl_access_denied_key', stats.denials.key],
    ['acl_access_denied_channel', stats.denials.channel],
    ['eventloop_cycles', stats.turns],
    ['eventloop_duration_sum', Math.round(stats.activeMs * 1000)],
    ['eventloop_duration_cmd_sum', Math.round(stats.commandMicros)],
    ['instantaneous_eventloop_cycles_per_sec', Math.floor(stats.turnsPerSecond)],
    ['instantaneous_eventloop_duration_usec', Math.floor(stats.microsPerTurn)],
  ]
}

export function cpuFields({ cpu }: InfoFigures): Fields {
  return [
    ['used_cpu_sys', cpu.systemSeconds.toFixed(6)],
    ['used_cpu_user', cpu.userSeconds.toFixed(6)],
    ['used_cpu_sys_children', '0.000000'],
    ['used_cpu_user_children', '0.000000'],
    ['used_cpu_sys_main_thread', cpu.mainSystemSeconds.toFixed(6)],
    ['used_cpu_user_main_thread', cpu.mainUserSeconds.toFixed(6)],
  ]
}
