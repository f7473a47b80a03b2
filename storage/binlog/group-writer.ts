/**
 * Appends the turn's group to the binlog. A group that cannot be written is held, unchanged, until
 * a retry succeeds. Meanwhile none of its writes is acknowledged, and memory is ahead of the log by
 * this group.
 */

import { assert, rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import type { Log } from '../../base/log.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Binlog } from './binlog.ts'
import type { OpenGroup } from './open-group.ts'

/** Appends the turn's group, and holds a group that cannot be written. */
export class GroupWriter {
  /** The reason why the held group could not be written; null if none is held. */
  stalled: string | null = null
  private readonly group: OpenGroup
  private readonly keyspace: Keyspace
  private readonly log: Log
  private readonly freeDiskSpace: (error: unknown) => boolean
  private stalledClockMs = 0

  /**
   * `freeDiskSpace` is called when a write fails. It returns true if an immediate retry is
   * worthwhile.
   */
  constructor(group: OpenGroup, keyspace: Keyspace, log: Log, freeDiskSpace: (error: unknown) => boolean) {
    this.group = group
    this.keyspace = keyspace
    this.log = log
    this.freeDiskSpace = freeDiskSpace
  }

  /** Ends the turn's group and appends it. */
  commit(binlog: Binlog): 'written' | 'stalled' {
    if (this.stalled !== null) return 'stalled'
    const { nowMs } = this.keyspace
    try {
      binlog.append(this.group, nowMs)
    } catch (error) {
      rethrowAssertion(error) // the group is malformed, so it must not be written later either
      if (!this.freeDiskSpace(error) || !this.appendAgain(binlog, nowMs)) {
        this.stall(error)
        return 'stalled'
      }
    }
    this.group.reset()
    return 'written'
  }

  /** Retries the held group. Returns true if it is written now. */
  retry(binlog: Binlog): boolean {
    assert(this.stalled !== null, 'only a stalled group is tried again')
    if (!this.appendAgain(binlog, this.stalledClockMs)) return false
    this.group.reset()
    this.stalled = null
    this.log.info({ offset: binlog.end.offset }, 'binlog can be written again; writes are accepted')
    return true
  }

  private appendAgain(binlog: Binlog, clockMs: number): boolean {
    try {
      binlog.append(this.group, clockMs)
      return true
    } catch (error) {
      rethrowAssertion(error)
      return false
    }
  }

  private stall(error: unknown): void {
    this.stalled = errorText(error)
    this.stalledClockMs = this.keyspace.nowMs
    this.keyspace.expiryMode = 'hide'
    this.log.error(
      { error: this.stalled },
      'cannot write the binlog: replies of this turn wait and writes are refused until the disk accepts it',
    )
  }
}
