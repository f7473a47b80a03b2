/** What a link is given, the connection it speaks on, and its node as its state machine sees it. */
import type { Bytes } from '../../base/bytes.ts'
import type { Clock, Random } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ReplicationSettings } from '../settings.ts'
import type { LinkReplayer } from './applier.ts'
import type { FullSyncTarget } from './full-sync-target.ts'
import type { LinkFacts } from './machine-types.ts'

/** A connection that is being made or open. */
export interface Wire {
  send(data: Bytes | Buffer): void
  /** Nothing is read until `resume`; a little may come all the same. */
  pause(): void
  resume(): void
  close(): void
}

/** None comes before `dial` has returned, and none after `close`. */
export interface WireEvents {
  connected(): void
  /** The buffer is the receiver's. */
  data(buffer: Buffer): void
  closed(reason: string): void
}

export type Dial = (host: string, port: number, events: WireEvents) => Wire

export interface ReplicaLinkOptions {
  readonly storage: Storage
  readonly replayer: LinkReplayer
  readonly dial: Dial
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: ReplicationSettings
  readonly runId: string
  readonly databases: number
  /** What clients reach this node on. */
  port(): number
  /** Before anything is applied: begins a turn, at the end of which `flush` comes. */
  wake(): void
  /** State, chain or ids are others now. */
  changed(): void
  /** Whatever is appended is synced at once. */
  syncAlways(): boolean
  /** Clients are paused, and what the master sends waits with them. */
  isHeld(): boolean
}

/** All of it is looked up when it is asked for. */
export function linkFacts(
  options: ReplicaLinkOptions,
  target: FullSyncTarget,
  link: { isPaused(): boolean; unfit(): string | null },
): LinkFacts {
  const { storage, clock, random, settings, runId, databases } = options
  return {
    ...{ random, settings, runId, databases },
    get nowMs() {
      return clock.monotonicMs()
    },
    get port() {
      return options.port()
    },
    get identity() {
      return storage.identity
    },
    get fullSync() {
      return storage.identity.fullSync ?? link.unfit()
    },
    get end() {
      return storage.binlog.end
    },
    get isEmpty() {
      return storage.binlog.end.offset === 0 && storage.keyspace.keyCount === 0
    },
    get copy() {
      return target.resume
    },
    get copiedBytes() {
      return target.progress?.bytes ?? 0
    },
    get freeBytes() {
      return storage.room.freeBytes
    },
    get isPaused() {
      return link.isPaused()
    },
  }
}
