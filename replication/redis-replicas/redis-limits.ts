/** The limits on silence and lag of Redis replicas, which are checked ten times a second. */
import type { LimitsOptions } from '../master/peer-limits.ts'
import { neededFrom, type RedisReplica } from './redis-replica.ts'

/**
 * The reason for which a connection is closed: nothing has come for repl-timeout, all that was
 * requested has been sent, or another reason, which is logged.
 */
type RedisFault = 'silent' | 'complete' | { readonly reason: string }

/** Returns the lowest offset that may be kept for a replica. */
export function minAllowedOffset({ storage, settings }: LimitsOptions, { lagAllowanceBytes }: RedisReplica): number {
  return storage.binlog.end.offset - settings.lagLimitBytes - lagAllowanceBytes
}

/** Returns why a replica is dropped, or null. Dates its last byte and its last progress. */
export function faultOf({ storage, settings }: LimitsOptions, replica: RedisReplica, monotonicMs: number): RedisFault | null {
  const { connection, stream, isStreamAwaited, transfer, request, isRdbOnly } = replica
  const { receivedBytes, unsentBytes } = connection
  stream?.note(monotonicMs)
  // A replica that is sent an RDB, or acknowledges nothing, need not speak, but it has to read.
  const mustSpeak = request === 'psync' && (stream !== null || isStreamAwaited)
  const hasRead = unsentBytes < replica.unsentBytes || (!mustSpeak && unsentBytes === 0)
  if (receivedBytes > replica.receivedBytes || hasRead) replica.heardMs = monotonicMs
  replica.receivedBytes = receivedBytes
  replica.unsentBytes = unsentBytes
  if (isRdbOnly && request === 'psync' && transfer?.state === 'done' && unsentBytes === 0) return 'complete'
  if (monotonicMs - replica.heardMs > settings.timeoutMs) return 'silent'
  const lag = storage.binlog.end.offset - neededFrom(replica)
  if (lag <= settings.lagLimitBytes) replica.lagAllowanceBytes = 0
  else if (lag > settings.lagLimitBytes + replica.lagAllowanceBytes || storage.isDiskLow) {
    return { reason: `it is ${lag} bytes behind, more than replica-lag-limit, ${settings.lagLimitBytes}` }
  }
  return null
}
