/**
 * The durations of the parts of a turn, for LATENCY. While no event is recorded, no clock is read.
 *
 *   binlog-append      the open group is written to the log (and a segment begun, if one is full)
 *   send-replies       replies are encoded into the sockets of all clients of the turn
 *   feed-replicas      appended bytes are sent to replicas
 *   checkpoint-slice   a checkpoint begins, or encodes for about a millisecond
 *   eviction-cycle     keys and pages are packed or evicted, dropped objects are freed
 */
import type { Clock } from '../../base/clock.ts'
import type { LatencyMonitor } from './latency.ts'

export type TurnPart = 'binlog-append' | 'send-replies' | 'feed-replicas' | 'checkpoint-slice' | 'eviction-cycle'

/** A stopwatch that restarts at each end. */
export class TurnTimes {
  private readonly latency: Pick<LatencyMonitor, 'enabled' | 'add'>
  private readonly clock: Clock
  private isRunning = false
  private fromMs = 0

  constructor(latency: Pick<LatencyMonitor, 'enabled' | 'add'>, clock: Clock) {
    this.latency = latency
    this.clock = clock
  }

  /** Begins the first part. */
  start(): void {
    this.isRunning = this.latency.enabled
    if (this.isRunning) this.fromMs = this.clock.monotonicMs()
  }

  /** Ends a part, which began where the last one ended. */
  end(part: TurnPart): void {
    if (!this.isRunning) return
    const atMs = this.clock.monotonicMs()
    this.latency.add(part, atMs - this.fromMs)
    this.fromMs = atMs
  }
}
