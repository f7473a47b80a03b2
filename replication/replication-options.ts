/** The settings and parts that a node gives to replication. */
import type { Clock, Random } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Storage } from '../storage/storage.ts'
import type { ReplicationSettings } from './protocol/settings.ts'
import type { Dial } from './protocol/wire.ts'
import type { LinkReplayer } from './replica/link.ts'

export interface ReplicationOptions {
  /** REQUIRES: the storage is recovered. */
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: ReplicationSettings
  readonly runId: string
  readonly databases: number
  readonly replayer: LinkReplayer
  readonly dial: Dial
  /** The port that clients reach this node on. */
  port(): number
  /**
   * True with appendfsync always: only durable groups are fed, and received groups are fsynced at
   * once.
   */
  syncAlways(): boolean
  /** True while CLIENT PAUSE holds writes: received groups wait as well. */
  isHeld(): boolean
  /** Creates the error of WAIT for when this node stops being the master. */
  waitFailure(): Error
  /** Requests a turn. Called before anything changes. */
  wake(): void
  /** Called after the role, the link or the pause of writes has changed. */
  changed(): void
}
