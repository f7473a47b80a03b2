/**
 * `# Replication`: the fields of Redis 7.2 in its order, then Pika's, then our own. The binlog is
 * the replication backlog.
 *
 * Replica lines begin with Redis's fields, for clients that read them by position.
 */
import type { Bytes } from '../../base/bytes.ts'
import { segmentPath } from '../../storage/binlog/segments.ts'
import { type Fields, flag } from './fields.ts'
import type {
  AbsentReplicaFigures,
  ConflictFigures,
  FullSyncFigures,
  GivenFullSyncFigures,
  InfoFigures,
  LinkFigures,
  ReplicaFigures,
  ReplicationFigures,
} from './figures.ts'

/** The replication id that means none. */
const NO_ID = '0'.repeat(40)

const seconds = (milliseconds: number | null) => (milliseconds === null ? -1 : Math.max(0, Math.floor(milliseconds / 1000)))

/** Makes a text safe for a line with commas and equals signs. */
const item = (text: Bytes) => oneLine(text).replace(/[,=]/g, '_')

/**
 * Makes a text safe for a field. Addresses and errors keep their colons, as in Redis: a field ends
 * with its line.
 */
const oneLine = (text: Bytes) => text.replace(/[\r\n]/g, '_')

export function replicationFields(figures: InfoFigures): Fields {
  return [...redisFields(figures), ...pikaFields(figures), ...ownFields(figures)]
}

function redisFields({ replication, binlog }: InfoFigures): Fields {
  const { role, link, replicas, goodReplicas } = replication
  const history = binlog.endOffset - binlog.startOffset
  return [
    ['role', role === 'master' ? 'master' : 'slave'],
    ...(link === null ? [] : linkFields(link, replication)),
    ['connected_slaves', replicas.length],
    ...(goodReplicas === null ? [] : ([['min_slaves_good_slaves', goodReplicas]] as const)),
    ...replicas.map((replica, i) => [`slave${i}`, replicaLine(replica, binlog.endOffset)] as const),
    ['master_failover_state', replication.failover],
    ['master_replid', replication.replicationId],
    ['master_replid2', replication.previousId === '' ? NO_ID : replication.previousId],
    ['master_repl_offset', binlog.endOffset],
    // Redis numbers a stream's first byte 1, and gives a switch the offset of the first byte after
    // it.
    ['second_repl_offset', replication.switchOffset < 0 ? -1 : replication.switchOffset + 1],
    ['repl_backlog_active', 1],
    ['repl_backlog_size', binlog.retentionBytes],
    ['repl_backlog_first_byte_offset', history > 0 ? binlog.startOffset + 1 : 0],
    ['repl_backlog_histlen', history],
  ]
}

function linkFields(link: LinkFigures, { priority, announced }: ReplicationFigures): Fields {
  const isUp = link.state === 'BINLOG_SYNC'
  return [
    ['master_host', oneLine(link.host)],
    ['master_port', link.port],
    ['master_link_status', isUp ? 'up' : 'down'],
    ['master_last_io_seconds_ago', seconds(isUp ? link.silentMs : null)],
    ['master_sync_in_progress', flag(link.state === 'DB_SYNC')],
    ['slave_read_repl_offset', link.receivedOffset],
    ['slave_repl_offset', link.appliedOffset],
    ...(link.fullSync === null ? [] : transferFields(link.fullSync)),
    ...(isUp ? [] : ([['master_link_down_since_seconds', seconds(link.downMs)]] as const)),
    ['slave_priority', priority],
    ['slave_read_only', 1],
    ['replica_announced', flag(announced)],
  ]
}

/**
 * Returns the progress of a full sync. The total is an estimate, raised to the received bytes if it
 * is lower.
 */
function progress({ bytes, totalBytes, bytesPerSecond }: FullSyncFigures) {
  const total = Math.max(bytes, totalBytes)
  const left = total - bytes
  return {
    total,
    left,
    percent: (total === 0 ? 0 : (bytes / total) * 100).toFixed(2),
    etaSeconds: bytesPerSecond > 0 ? Math.ceil(left / bytesPerSecond) : -1,
  }
}

function transferFields(fullSync: FullSyncFigures): Fields {
  const { total, left, percent } = progress(fullSync)
  return [
    ['master_sync_total_bytes', total],
    ['master_sync_read_bytes', fullSync.bytes],
    ['master_sync_left_bytes', left],
    ['master_sync_perc', percent],
    ['master_sync_last_io_seconds_ago', seconds(fullSync.silentMs)],
  ]
}

function replicaLine(replica: ReplicaFigures, endOffset: number): Bytes {
  const { ip, port, state, appliedOffset, syncedOffset, silentMs } = replica
  const lag = state === 'online' ? seconds(silentMs) : 0
  const redis = `ip=${item(ip)},port=${port},state=${state},offset=${appliedOffset},lag=${lag}`
  return `${redis},lag_bytes=${Math.max(0, endOffset - appliedOffset)},synced=${syncedOffset}`
}

/**
 * Pika's line of db0. Pika has a log for each database; here all databases share one, shown as that
 * of db0 in its file 0. Pika calls the line `db0`, and puts a replica's state into another line of
 * that name. Exporters would take both for a database of the keyspace.
 */
function pikaFields({ replication, binlog }: InfoFigures): Fields {
  const { link, purgeableTo } = replication
  const safetyPurge = purgeableTo === null ? 'none' : segmentPath('', purgeableTo)
  return [
    ['ReplicationID', replication.replicationId],
    ...(link === null ? ([['slave_repl_offset', binlog.endOffset]] as const) : connectFields(link)),
    ['is_eligible_for_master_election', String(replication.isElectable)],
    ['pika_db0', `binlog_offset=0 ${binlog.endOffset},safety_purge=${safetyPurge}`],
  ]
}

function connectFields(link: LinkFigures): Fields {
  return [['repl_connect_status', pikaState(link)]]
}

function pikaState({ state, fullSync, lastError }: LinkFigures): string {
  switch (state) {
    case 'CONNECT':
      return lastError === null ? 'no_connect' : 'error'
    case 'AUTH':
    case 'META_SYNC':
      return 'connecting'
    case 'TRY_SYNC':
      return 'try_to_incr_sync'
    case 'DB_SYNC':
      return fullSync === null ? 'try_to_full_sync' : 'syncing_full'
    case 'BINLOG_SYNC':
      return 'connected'
  }
}

function ownFields({ replication, binlog }: InfoFigures): Fields {
  const { link, absent, conflicts, given, pin } = replication
  return [
    ...(link === null ? [] : stateFields(link)),
    ...absent.map((replica, i) => [`offline_slave${i}`, absentLine(replica, binlog.endOffset)] as const),
    ...conflicts.map((conflict, i) => [`repl_conflict${i}`, conflictLine(conflict)] as const),
    ...given.map((fullSync, i) => [`repl_full_sync_to${i}`, givenLine(fullSync)] as const),
    ...(pin === null
      ? []
      : ([
          ['repl_pinned_offset', pin.offset],
          ['repl_pinned_by', oneLine(pin.by)],
        ] as const)),
  ]
}

function stateFields(link: LinkFigures): Fields {
  return [
    ['repl_state', link.state],
    ['repl_last_error', oneLine(link.lastError ?? '')],
    ['repl_last_error_seconds_ago', seconds(link.lastErrorMs)],
    ...(link.nextTryMs === null ? [] : ([['repl_next_try_seconds', seconds(link.nextTryMs)]] as const)),
    ...(link.fullSync === null ? [] : fullSyncFields(link.fullSync)),
    ['repl_full_syncs', link.fullSyncs],
    ['repl_partial_syncs', link.partialSyncs],
  ]
}

function fullSyncFields(fullSync: FullSyncFigures): Fields {
  const { total, percent, etaSeconds } = progress(fullSync)
  return [
    ['repl_full_sync_percent', percent],
    ['repl_full_sync_bytes', fullSync.bytes],
    ['repl_full_sync_bytes_total', total],
    ['repl_full_sync_bytes_per_second', Math.round(fullSync.bytesPerSecond)],
    ['repl_full_sync_eta_seconds', etaSeconds],
  ]
}

function absentLine({ ip, port, appliedOffset, syncedOffset, goneMs }: AbsentReplicaFigures, endOffset: number): Bytes {
  const offsets = `offset=${appliedOffset},lag_bytes=${Math.max(0, endOffset - appliedOffset)},synced=${syncedOffset}`
  return `ip=${item(ip)},port=${port},${offsets},gone=${seconds(goneMs)}`
}

function conflictLine({ ip, port, runId, address, refusedRunId, refusedAddress, refusedMs }: ConflictFigures): Bytes {
  const holder = `run_id=${runId},addr=${item(address)}`
  return `ip=${item(ip)},port=${port},${holder},refused_run_id=${refusedRunId},refused_addr=${item(refusedAddress)},refused=${seconds(refusedMs)}`
}

function givenLine({ ip, port, reason, isResumed, sentBytes, totalBytes }: GivenFullSyncFigures): Bytes {
  const total = Math.max(sentBytes, totalBytes)
  const percent = (total === 0 ? 0 : (sentBytes / total) * 100).toFixed(2)
  return `ip=${item(ip)},port=${port},reason=${reason},resumed=${flag(isResumed)},bytes=${sentBytes},bytes_total=${total},percent=${percent}`
}
