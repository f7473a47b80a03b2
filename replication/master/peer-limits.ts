/** How long a replica may be silent and how far it may be behind: what the master asks of each connection ten times a second. */
import type { Storage } from '../../storage/storage.ts'
import type { ReplicationSettings } from '../settings.ts'
import { isReading, isStuck, type Peer } from './peers.ts'
import type { SlaveItem } from './slave-items.ts'

export interface LimitsOptions {
  readonly storage: Storage
  readonly settings: ReplicationSettings
}

/** Why a replica must not stay: it has been silent for repl-timeout and would not read a word; or what it is told. */
export type Fault = 'silent' | { readonly reason: string }

/** Bytes from an offset to the binlog's end. */
export function behind({ storage }: LimitsOptions, offset: number): number {
  return Math.max(0, storage.binlog.end.offset - offset)
}

/** A replica that has not come so far is too far behind. */
export function cutOff({ storage, settings }: LimitsOptions, { headStart }: Peer): number {
  return storage.binlog.end.offset - settings.lagLimitBytes - headStart
}

/** Null where all is well; an idle stream is shown a sign of life then. */
export function faultOf(options: LimitsOptions, peer: Peer, item: SlaveItem, nowMs: number): Fault | null {
  const { timeoutMs, pingPeriodMs } = options.settings
  if (isReading(peer)) item.heardMs = nowMs
  if (nowMs - item.heardMs > timeoutMs) return 'silent'
  peer.feed?.showLife(pingPeriodMs, nowMs)
  if (isStuck(peer, item.applied, timeoutMs, nowMs)) return { reason: 'it has got all there is, and applies none of it' }
  return lagOf(options, peer, item)
}

function lagOf(options: LimitsOptions, peer: Peer, item: SlaveItem): Fault | null {
  const { storage, settings } = options
  const has = peer.feed === null ? item.pinned : item.applied // before it is fed, what is kept for it is what counts
  const lag = behind(options, has)
  if (lag <= settings.lagLimitBytes) peer.headStart = 0
  else if (has < cutOff(options, peer) || storage.diskLow) {
    return { reason: `it is ${lag} bytes behind, more than replica-lag-limit, ${settings.lagLimitBytes}` }
  }
  return null
}
