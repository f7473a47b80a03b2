/** `# Server`, `# Clients` and `# CPU`. */
import * as os from 'node:os'
import { type Bytes, bytesOfText } from '../../base/bytes.ts'
import { REDIS_COMPATIBLE_VERSION } from '../../commands/contract/version.ts'
import { mainThreadCpu } from '../process/main-thread-cpu.ts'
import { each, group, line, type Rows } from './fields.ts'
import type { InfoSource } from './source.ts'

const SECONDS_PER_DAY = 86_400
/** Redis keeps its LRU clock in 24 bits of seconds (LRU_BITS in its server.h). */
const LRU_CLOCK_SECONDS = 2 ** 24

const uptimeSeconds = ({ clock, startedMs }: InfoSource) => Math.floor((clock.monotonicMs() - startedMs) / 1000)

export const serverRows: Rows = [
  ['redis_version', REDIS_COMPATIBLE_VERSION],
  ['redis_git_sha1', '00000000'],
  ['redis_git_dirty', 0],
  ['redis_build_id', '0000000000000000'],
  ['redis_mode', ({ cluster }) => (cluster.mode === 'disabled' ? 'standalone' : 'cluster')],
  ['haypile_version', ({ version }) => version],
  ['node_version', process.version],
  ['v8_version', process.versions.v8],
  ['os', `${os.type()} ${os.release()} ${os.machine()}`],
  ['arch_bits', 64],
  ['monotonic_clock', 'Node.js performance.now'],
  ['multiplexing_api', 'libuv'],
  ['atomicvar_api', 'none'],
  ['gcc_version', '0.0.0'],
  ['process_id', process.pid],
  ['process_supervised', 'no'],
  ['run_id', ({ runId }) => runId],
  ['tcp_port', ({ port }) => port],
  ['server_time_usec', ({ clock }) => clock.wallMs() * 1000],
  ['uptime_in_seconds', uptimeSeconds],
  ['uptime_in_days', (source) => Math.floor(uptimeSeconds(source) / SECONDS_PER_DAY)],
  ['hz', 10],
  ['configured_hz', 10],
  ['lru_clock', ({ clock }) => Math.floor(clock.wallMs() / 1000) % LRU_CLOCK_SECONDS],
  ['executable', process.execPath],
  ['config_file', ({ config }) => bytesOfText(config.filePath ?? '')],
  ['data_directory', ({ config }) => config.text('dir')],
  ['log_lines_dropped', ({ log }) => log.droppedLines],
  ['io_threads_active', ({ config }) => (config.number('io-threads') > 1 ? 1 : 0)],
  listenerLines,
]

function listenerLines({ config, port, tlsPort }: InfoSource): Bytes {
  const bound = (addresses: readonly Bytes[]) => addresses.map((address) => `,bind=${address}`).join('')
  const addresses = bound(config.list('bind'))
  const path = config.text('unixsocket')
  const listeners: Bytes[] = []
  if (port !== 0) listeners.push(`name=tcp${addresses},port=${port}`)
  if (path !== '') listeners.push(`name=unix${bound([path])}`)
  if (tlsPort !== 0) listeners.push(`name=tls${addresses},port=${tlsPort}`)
  return each(listeners, (listener, i) => line(`listener${i}`, listener))
}

/** The figures of one walk over the clients. */
function walkClients(source: InfoSource) {
  const { clients, handshakes, blockedClients } = source
  /** Includes connections in a TLS handshake. */
  let connected = handshakes.count
  let longestQueryBuffer = 0
  let longestOutput = 0
  for (const client of clients.connections.values()) {
    if (client.replica === null) connected++
    longestQueryBuffer = Math.max(longestQueryBuffer, client.queryBufferBytes())
    longestOutput = Math.max(longestOutput, client.outputBufferBytes())
  }
  return { source, connected, longestQueryBuffer, longestOutput, awaited: blockedClients.keyCounts() }
}

export const clientRows: Rows = [
  group(walkClients, [
    ['connected_clients', ({ connected }) => connected],
    ['cluster_connections', 0],
    ['maxclients', ({ source }) => source.config.number('maxclients')],
    ['client_recent_max_input_buffer', ({ longestQueryBuffer }) => longestQueryBuffer],
    ['client_recent_max_output_buffer', ({ longestOutput }) => longestOutput],
    // As in Redis, clients that CLIENT PAUSE or a slow disk holds count as blocked.
    [
      'blocked_clients',
      ({ source: { blockedClients, replication, gates } }) => blockedClients.count + (replication?.waiters.count ?? 0) + gates.heldCount,
    ],
    ['tracking_clients', ({ source }) => source.tracking.clientCount],
    ['pubsub_clients', ({ source }) => source.pubsub.subscribers.size],
    ['clients_in_timeout_table', ({ source }) => source.blockedClients.timedCount],
    ['total_blocking_keys', ({ awaited }) => awaited.all],
    ['total_blocking_keys_on_nokey', ({ awaited }) => awaited.forDeletion],
    ['held_clients', ({ source }) => source.gates.heldCount],
    ['handshaking_clients', ({ source }) => source.handshakes.count],
    ['gate_reasons', ({ source }) => source.gates.presentNames().join(',')],
  ]),
]

/** CPU seconds of the process and of its main thread. */
function cpuSeconds() {
  const used = process.cpuUsage()
  const [system, user] = [used.system / 1e6, used.user / 1e6]
  return { system, user, main: mainThreadCpu() ?? { system, user } }
}

export const cpuRows: Rows = [
  group(cpuSeconds, [
    ['used_cpu_sys', ({ system }) => system.toFixed(6)],
    ['used_cpu_user', ({ user }) => user.toFixed(6)],
    ['used_cpu_sys_children', '0.000000'],
    ['used_cpu_user_children', '0.000000'],
    ['used_cpu_sys_main_thread', ({ main }) => main.system.toFixed(6)],
    ['used_cpu_user_main_thread', ({ main }) => main.user.toFixed(6)],
  ]),
]
