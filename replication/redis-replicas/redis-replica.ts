/** One attached replica that speaks Redis's protocol, and how the master shows it. */
import type { ReplicaConnection } from '../master/replica-connection.ts'
import type { GivenFullSyncReason, ReplicaView, ViewMoment } from '../master/replica-view.ts'
import type { RdbTransfer } from './rdb-transfer.ts'
import type { RedisStream } from './redis-stream.ts'
import type { StreamRequest } from './stream-translator.ts'

/** A connection that has sent PSYNC or SYNC. */
export interface RedisReplica {
  readonly connection: ReplicaConnection
  /** The announced address, or that of the connection; port 0 where none was announced. */
  readonly ip: string
  readonly port: number
  /** Its request. A replica that has sent SYNC need not acknowledge anything. */
  readonly request: StreamRequest
  readonly isRdbOnly: boolean
  readonly reason: GivenFullSyncReason
  transfer: RdbTransfer | null
  stream: RedisStream | null
  /** The stream begins at this offset; Infinity before it is known. */
  startOffset: number
  /** True while the stream waits for the first ACK, which says that the RDB has been read. */
  isStreamAwaited: boolean
  /** The acknowledged offsets. */
  applied: number
  synced: number
  /** Bytes by which it may exceed replica-lag-limit until it has been within the limit once. */
  lagAllowanceBytes: number
  /** Monotonic time of its last byte, or of the last progress of its full sync, ms. */
  heardMs: number
  /** Monotonic time of its last ACK, ms. */
  ackedMs: number
  /** Bytes received and bytes unsent at the last check, which date `heardMs`. */
  receivedBytes: number
  unsentBytes: number
  /** Deadlines of fields that it was not sent, as far as they were logged. */
  loggedLosses: number
}

/** The name of a replica in the log. Several programs may announce no port. */
export function nameOf({ ip, port, connection }: RedisReplica): string {
  return port === 0 ? connection.address : `${ip}:${port}`
}

/** The binlog from this offset on must stay for the replica; Infinity if none is needed. */
export function neededFrom({ stream, startOffset, request, applied, isRdbOnly }: RedisReplica): number {
  if (isRdbOnly) return Number.POSITIVE_INFINITY
  if (stream === null) return startOffset
  return request === 'psync' ? applied : stream.offset
}

export function viewOf(replica: RedisReplica, { monotonicMs, end }: ViewMoment): ReplicaView {
  const { ip, port, connection, stream, transfer, reason, request, synced, ackedMs, isStreamAwaited } = replica
  // What a replica that acknowledges nothing has is not known: it shows what it was sent.
  const applied = request === 'sync' && stream !== null ? stream.offset : replica.applied
  const isOnline = stream !== null || isStreamAwaited
  const isSending = transfer !== null && (transfer.state === 'sending' || transfer.state === 'done')
  const isFullSync = transfer !== null && !isOnline
  return {
    ip,
    port,
    runId: '',
    address: connection.address,
    state: isOnline ? 'online' : isSending ? 'send_bulk' : 'wait_bgsave',
    applied,
    synced,
    lagBytes: Math.max(0, end - applied),
    lagSeconds: isOnline ? Math.floor((monotonicMs - ackedMs) / 1000) : 0,
    fullSync: isFullSync ? { reason, isResumed: false, sentBytes: transfer.sentBytes, totalBytes: transfer.totalBytes } : null,
    goneMs: null,
  }
}
