/** The options of the side of the master, and its calls to the node. */
import type { Clock, Random } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ReplicationSettings } from '../protocol/settings.ts'

export interface MasterOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: ReplicationSettings
  readonly runId: string
  readonly databases: number
  /** Run ids upstream of this node: its master, the master of that one, and so on. */
  chain(): readonly string[]
  /** For a replica: true if it is in step with its master. */
  isLinked(): boolean
  /** The end of what replicas may be fed: an offset between groups. */
  feedLimit(): number
  /** Called for a valid request to take over. Throws Refusal if this node cannot take over. */
  takeOver(from: { readonly runId: string; readonly offset: number }): void
  /** Called after an acknowledged offset has moved. */
  onAck(): void
  /** True if the binlog may take a group that changes nothing now. */
  mayPulse(): boolean
  /** Requests a turn: there are bytes to send. */
  wake(): void
}
