/**
 * The turn's group on its way to the binlog. One that cannot be written stays in hand, as it is, until it can: nothing of it has been
 * acknowledged, and memory is ahead of the log by it.
 */
import type { Log } from '../../base/log.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Binlog } from './binlog.ts'
import type { OpenGroup } from './open-group.ts'

export class GroupWriter {
  /** Why the group in hand could not be written; null when there is none waiting. */
  stalled: string | null = null
  private readonly group: OpenGroup
  private readonly keyspace: Keyspace
  private readonly log: Log
  private readonly makeRoom: (error: unknown) => boolean
  private stalledClockMs = 0

  /** `makeRoom` is asked when a write fails: whether it is worth trying once more at once. */
  constructor(group: OpenGroup, keyspace: Keyspace, log: Log, makeRoom: (error: unknown) => boolean) {
    this.group = group
    this.keyspace = keyspace
    this.log = log
    this.makeRoom = makeRoom
  }

  /** Ends the turn's group and appends it. */
  commit(binlog: Binlog): 'written' | 'stalled' {
    if (this.stalled !== null) return 'stalled'
    const { now } = this.keyspace
    try {
      binlog.append(this.group, now)
    } catch (error) {
      if (!this.makeRoom(error) || !this.appendAgain(binlog, now)) {
        this.stall(error)
        return 'stalled'
      }
    }
    this.group.reset()
    return 'written'
  }

  /** Tries the group in hand again. Returns whether it is written now. */
  retry(binlog: Binlog): boolean {
    if (!this.appendAgain(binlog, this.stalledClockMs)) return false
    this.group.reset()
    this.stalled = null
    this.log.info({ offset: binlog.end.offset }, 'binlog written again; writes go on')
    return true
  }

  private appendAgain(binlog: Binlog, clockMs: number): boolean {
    try {
      binlog.append(this.group, clockMs)
      return true
    } catch {
      return false
    }
  }

  private stall(error: unknown): void {
    this.stalled = error instanceof Error ? error.message : String(error)
    this.stalledClockMs = this.keyspace.now
    this.keyspace.expiry = 'hide'
    this.log.error({ error: this.stalled }, 'binlog cannot be written: replies of this turn wait, writes are refused until it can')
  }
}
