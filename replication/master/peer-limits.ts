/** The limits on silence and lag, which the master checks on each connection ten times a second. */
import type { Storage } from '../../storage/storage.ts'
import type { ReplicationSettings } from '../protocol/settings.ts'
import { type Peer, trackReading, trackStuck } from './peers.ts'
import type { SlaveItem } from './slave-items.ts'

export interface LimitsOptions {
  readonly storage: Storage
  readonly settings: ReplicationSettings
}

/**
 * Why a replica is dropped. A `silent` one has sent nothing for repl-timeout, and is sent no
 * reason. Any other gets the reason.
 */
export type Fault = 'silent' | { readonly reason: string }

/** Returns the bytes from an offset to the end of the binlog. */
export function behind({ storage }: LimitsOptions, offset: number): number {
  return Math.max(0, storage.binlog.end.offset - offset)
}

/** Returns the lowest offset that is within replica-lag-limit and the allowance of the peer. */
export function minAllowedOffset({ storage, settings }: LimitsOptions, { lagAllowanceBytes }: Peer): number {
  return storage.binlog.end.offset - settings.lagLimitBytes - lagAllowanceBytes
}

/**
 * Checks a peer, and sends a heartbeat on an idle stream. Returns why to drop the peer, or null.
 */
export function checkPeer(options: LimitsOptions, peer: Peer, item: SlaveItem, monotonicMs: number): Fault | null {
  const { timeoutMs, pingPeriodMs } = options.settings
  if (trackReading(peer)) item.heardMs = monotonicMs
  if (monotonicMs - item.heardMs > timeoutMs) return 'silent'
  peer.feed?.sendHeartbeatIfIdle(pingPeriodMs, monotonicMs)
  if (trackStuck(peer, item.applied, timeoutMs, monotonicMs)) return { reason: 'it has received all groups and applies none of them' }
  return lagOf(options, peer, item)
}

function lagOf(options: LimitsOptions, peer: Peer, item: SlaveItem): Fault | null {
  const { storage, settings } = options
  // Before the stream begins, the replica acknowledges nothing: its pinned offset counts.
  const has = peer.feed === null ? item.pinned : item.applied
  const lag = behind(options, has)
  if (lag <= settings.lagLimitBytes) peer.lagAllowanceBytes = 0
  else if (has < minAllowedOffset(options, peer) || storage.isDiskLow) {
    return { reason: `it is ${lag} bytes behind, more than replica-lag-limit, ${settings.lagLimitBytes}` }
  }
  return null
}
