/**
 * The offsets of a Redis master's stream that a node acknowledges:
 *
 *   applied   in memory and in the log: it survives the end of the process
 *   synced    durable: it survives a loss of power
 *
 * A group that the disk does not take yet counts for neither. The log grows by groups, so `synced`
 * moves when the log is durable up to the end of a group that has a position.
 */
import { assert } from '../../base/assert.ts'

/** The log as acknowledgements see it. */
export interface AckedLog {
  readonly stalled: string | null
  readonly binlog: { readonly synced: number; readonly end: { readonly offset: number } }
}

/** At this many groups that are not durable, the newest ones are counted as one. */
const MAX_GROUPS = 1024

/** The offsets of a stream that a node acknowledges. */
export class StreamAcks {
  private readonly log: AckedLog
  private written: number
  private durable = 0
  /** Groups that may not be durable: the ends in the log, and the offsets to which they lead. */
  private groups: { end: number; offset: number }[]

  /** `logEnd` is the end of the log, whose data is that of an offset of the stream. */
  constructor(log: AckedLog, logEnd: number, offset: number) {
    this.log = log
    this.written = offset
    this.groups = [{ end: logEnd, offset }]
  }

  /** Notes a group that ends there in the log, now or once the disk takes it. */
  logged(end: number, offset: number): void {
    const { groups } = this
    const last = groups.at(-1)
    assert(last === undefined || (last.end <= end && last.offset <= offset), 'groups lead forwards')
    if (last === undefined || groups.length < MAX_GROUPS) groups.push({ end, offset })
    else {
      last.end = end
      last.offset = offset
    }
  }

  /** Returns what is acknowledged of a stream that is applied up to an offset. */
  at(offset: number): { readonly applied: number; readonly synced: number } {
    const { log, groups } = this
    if (log.stalled === null) this.written = offset
    else for (const group of groups) if (group.end <= log.binlog.end.offset) this.written = Math.max(this.written, group.offset)
    while ((groups[0]?.end ?? Number.POSITIVE_INFINITY) <= log.binlog.synced) this.durable = groups.shift()?.offset ?? this.durable
    // Nothing waits for the disk: what came after the last group has no effect.
    if (groups.length === 0) this.durable = this.written
    assert(this.durable <= this.written, 'what is durable is in the log')
    return { applied: this.written, synced: this.durable }
  }
}
