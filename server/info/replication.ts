/**
 * `# Replication`: the fields of Redis 7.2 in its order, then Pika's, then our own. The binlog is
 * the replication backlog.
 *
 * Replica lines begin with Redis's fields, for clients that read them by position.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { ConflictView, ReplicaView } from '../../replication/master/replica-view.ts'
import type { Replication } from '../../replication/replication.ts'
import { segmentPath } from '../../storage/binlog/segments.ts'
import { previousOf } from '../../storage/directory/identity.ts'
import { each, flag, group, line, type Rows, seconds } from './fields.ts'
import type { InfoSource } from './source.ts'
import { binlogOf } from './storage.ts'

/** The replication id that means none. */
const NO_ID = '0'.repeat(40)

/** INFO's word for each state of the link. CONNECT: connecting, or waiting to connect again. */
const STATES = {
  none: 'CONNECT',
  connect: 'CONNECT',
  connecting: 'CONNECT',
  auth: 'AUTH',
  meta_sync: 'META_SYNC',
  try_sync: 'TRY_SYNC',
  db_sync: 'DB_SYNC',
  installing: 'DB_SYNC',
  binlog_sync: 'BINLOG_SYNC',
} as const satisfies Readonly<Record<Replication['link']['view']['state'], string>>

/** Makes a text safe for a line with commas and equals signs. */
const item = (text: Bytes) => oneLine(text).replace(/[,=]/g, '_')

/**
 * Makes a text safe for a field. Addresses and errors keep their colons, as in Redis: a field ends
 * with its line.
 */
const oneLine = (text: Bytes) => text.replace(/[\r\n]/g, '_')

type LinkSource = ReturnType<typeof linkOf>

/** The link to the master, and the parts of the server that its fields need. */
function linkOf({ config, storage, clock }: InfoSource, { link }: Replication) {
  const monotonicMs = clock.monotonicMs()
  const { view } = link
  const state = STATES[view.state]
  return {
    config,
    view,
    state,
    isUp: state === 'BINLOG_SYNC',
    end: storage.isReady ? storage.binlog.end.offset : 0,
    monotonicMs,
    /** Milliseconds since a moment; null before the first such event. */
    since: (thenMs: number | null) => (thenMs === null ? null : Math.max(0, monotonicMs - thenMs)),
  }
}

/** Both sides of replication, and the binlog. */
function replicationOf(source: InfoSource) {
  const { storage, replication } = source
  return {
    source,
    binlog: binlogOf(source),
    identity: storage.identity,
    master: replication?.master ?? null,
    previous: previousOf(storage.identity),
    /** Null on a master. */
    link: replication?.isReplica === true ? linkOf(source, replication) : null,
    attached: replication?.master.replicas.attached() ?? [],
    pin: replication?.master.replicas.pin ?? null,
  }
}

/**
 * Returns the progress of a full sync. The total is an estimate, raised to the received bytes if it
 * is lower. Null if there is no full sync.
 */
function progressOf({ view, since }: LinkSource) {
  if (view.fullSync === null) return null
  const { bytes, totalBytes, bytesPerSecond } = view.fullSync
  const total = Math.max(bytes, totalBytes)
  const left = total - bytes
  return {
    bytes,
    total,
    left,
    bytesPerSecond,
    percent: percentOf(bytes, total),
    etaSeconds: bytesPerSecond > 0 ? Math.ceil(left / bytesPerSecond) : -1,
    silentMs: since(view.lastIoMs) ?? 0,
  }
}

const percentOf = (part: number, total: number) => (total === 0 ? 0 : (part / total) * 100).toFixed(2)

const linkRows: Rows<LinkSource> = [
  ['master_host', ({ view }) => oneLine(view.masterHost)],
  ['master_port', ({ view }) => view.masterPort],
  ['master_link_status', ({ isUp }) => (isUp ? 'up' : 'down')],
  ['master_last_io_seconds_ago', ({ isUp, view, since }) => seconds(isUp ? since(view.lastIoMs) : null)],
  ['master_sync_in_progress', ({ state }) => flag(state === 'DB_SYNC')],
  // With a Redis master the offsets are those of its stream, which monitors compare with its own.
  ['slave_read_repl_offset', ({ view }) => Math.max(view.applied, view.read)],
  ['slave_repl_offset', ({ view }) => view.applied],
  group(progressOf, [
    ['master_sync_total_bytes', ({ total }) => total],
    ['master_sync_read_bytes', ({ bytes }) => bytes],
    ['master_sync_left_bytes', ({ left }) => left],
    ['master_sync_perc', ({ percent }) => percent],
    ['master_sync_last_io_seconds_ago', ({ silentMs }) => seconds(silentMs)],
  ]),
  ['master_link_down_since_seconds', ({ isUp, view, since }) => (isUp ? null : seconds(since(view.downSinceMs)))],
  ['slave_priority', ({ config }) => config.number('replica-priority')],
  ['slave_read_only', 1],
  ['replica_announced', ({ config }) => flag(config.flag('replica-announced'))],
]

const ownLinkRows: Rows<LinkSource> = [
  ['repl_state', ({ state }) => state],
  ['repl_last_error', ({ view }) => oneLine(view.reason ?? '')],
  ['repl_last_error_seconds_ago', ({ view, since }) => seconds(since(view.reasonSinceMs))],
  ['repl_next_try_seconds', ({ view, monotonicMs }) => (view.nextTryMs === null ? null : seconds(view.nextTryMs - monotonicMs))],
  group(progressOf, [
    ['repl_full_sync_percent', ({ percent }) => percent],
    ['repl_full_sync_bytes', ({ bytes }) => bytes],
    ['repl_full_sync_bytes_total', ({ total }) => total],
    ['repl_full_sync_bytes_per_second', ({ bytesPerSecond }) => Math.round(bytesPerSecond)],
    ['repl_full_sync_eta_seconds', ({ etaSeconds }) => etaSeconds],
  ]),
  ['repl_master_replid', ({ view }) => view.redis?.replicationId ?? null],
  ['repl_apply_errors', ({ view }) => view.redis?.failures ?? null],
  ['repl_full_syncs', ({ view }) => view.fullSyncs],
  ['repl_partial_syncs', ({ view }) => view.partialSyncs],
]

export const replicationRows: Rows = [
  group(replicationOf, [
    ['role', ({ source }) => (source.storage.role === 'master' ? 'master' : 'slave')],
    group(({ link }) => link, linkRows),
    ['connected_slaves', ({ attached }) => attached.length],
    ['min_slaves_good_slaves', ({ source: { replication } }) => goodReplicas(replication)],
    ({ attached, binlog }) => each(attached, (view, i) => line(`slave${i}`, replicaLine(view, binlog.end))),
    ['master_failover_state', ({ source }) => source.replication?.failover.state ?? 'no-failover'],
    ['master_replid', ({ identity }) => identity.replicationId],
    ['master_replid2', ({ previous }) => (previous.id === '' ? NO_ID : previous.id)],
    ['master_repl_offset', ({ binlog }) => binlog.end],
    // Redis numbers a stream's first byte 1, and gives a switch the offset of the first byte after
    // it.
    ['second_repl_offset', ({ previous }) => (previous.offset < 0 ? -1 : previous.offset + 1)],
    ['repl_backlog_active', 1],
    ['repl_backlog_size', ({ source }) => source.config.number('binlog-retention-bytes')],
    ['repl_backlog_first_byte_offset', ({ binlog }) => (binlog.size > 0 ? binlog.start + 1 : 0)],
    ['repl_backlog_histlen', ({ binlog }) => binlog.size],
    ['ReplicationID', ({ identity }) => identity.replicationId],
    ['slave_repl_offset', ({ link, binlog }) => (link === null ? binlog.end : null)],
    ['repl_connect_status', ({ link }) => (link === null ? null : pikaState(link))],
    // True if the data set is complete. False from the beginning of the first full sync to its end.
    ['is_eligible_for_master_election', ({ identity, link }) => String(identity.fullSync === null && link?.state !== 'DB_SYNC')],
    // Pika's line of db0. Pika has a log for each database; here all databases share one, shown as
    // that of db0 in its file 0. Pika calls the line `db0`, and puts a replica's state into another
    // line of that name. Exporters would take both for a database of the keyspace.
    ['pika_db0', ({ source, binlog }) => `binlog_offset=0 ${binlog.end},safety_purge=${safetyPurge(source)}`],
    group(({ link }) => link, ownLinkRows),
    ({ master, binlog }) => each(master?.replicas.absent() ?? [], (view, i) => line(`offline_slave${i}`, absentLine(view, binlog.end))),
    ({ master }) => each(master?.replicas.conflicts() ?? [], (view, i) => line(`repl_conflict${i}`, conflictLine(view))),
    ({ attached }) => each(attached.flatMap(givenLine), (given, i) => line(`repl_full_sync_to${i}`, given)),
    ['repl_pinned_offset', ({ pin }) => pin?.offset ?? null],
    ['repl_pinned_by', ({ pin }) => (pin === null ? null : oneLine(pin.by))],
  ]),
]

/** Returns the number of replicas in step; null unless min-replicas-to-write is set. */
function goodReplicas(replication: Replication | null): number | null {
  return replication !== null && replication.minReplicas > 0 ? replication.master.replicas.goodCount() : null
}

function replicaLine({ ip, port, state, applied, synced, lagSeconds }: ReplicaView, end: number): Bytes {
  const lag = state === 'online' ? Math.max(0, lagSeconds) : 0
  const redis = `ip=${item(ip)},port=${port},state=${state === 'handshake' ? 'wait_bgsave' : state},offset=${applied},lag=${lag}`
  return `${redis},lag_bytes=${Math.max(0, end - applied)},synced=${synced}`
}

function pikaState({ state, view }: LinkSource): string {
  switch (state) {
    case 'CONNECT':
      return view.reason === null ? 'no_connect' : 'error'
    case 'AUTH':
    case 'META_SYNC':
      return 'connecting'
    case 'TRY_SYNC':
      return 'try_to_incr_sync'
    case 'DB_SYNC':
      return view.fullSync === null ? 'try_to_full_sync' : 'syncing_full'
    case 'BINLOG_SYNC':
      return 'connected'
  }
}

/**
 * Returns the name of the newest segment before which neither recovery nor a replica needs
 * anything, which PURGELOGSTO accepts; `none` if every segment is needed.
 */
function safetyPurge({ storage, replication }: InfoSource): string {
  if (!storage.isReady) return 'none'
  const needed = Math.min(storage.checkpointer.landedOffset, replication?.master.replicas.pinned ?? Number.POSITIVE_INFINITY)
  const { segments } = storage.binlog
  const last = segments.filter(({ start }) => start <= needed).at(-1)
  return last === undefined || last === segments[0] ? 'none' : segmentPath('', last.start)
}

function absentLine({ ip, port, applied, synced, goneMs }: ReplicaView, end: number): Bytes {
  const offsets = `offset=${applied},lag_bytes=${Math.max(0, end - applied)},synced=${synced}`
  return `ip=${item(ip)},port=${port},${offsets},gone=${seconds(goneMs ?? 0)}`
}

function conflictLine({ ip, port, holderRunId, holderAddress, refusedRunId, refusedAddress, refusedMs }: ConflictView): Bytes {
  const holder = `run_id=${holderRunId},addr=${item(holderAddress)}`
  return `ip=${item(ip)},port=${port},${holder},refused_run_id=${refusedRunId},refused_addr=${item(refusedAddress)},refused=${seconds(refusedMs)}`
}

/** Returns the line of the full sync that the replica is given, if there is one. */
function givenLine({ ip, port, fullSync }: ReplicaView): Bytes[] {
  if (fullSync === null) return []
  const { reason, isResumed, sentBytes, totalBytes } = fullSync
  const total = Math.max(sentBytes, totalBytes)
  const address = `ip=${item(ip)},port=${port}`
  return [
    `${address},reason=${reason},resumed=${flag(isResumed)},bytes=${sentBytes},bytes_total=${total},percent=${percentOf(sentBytes, total)}`,
  ]
}
