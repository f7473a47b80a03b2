/**
 * Dates the bytes read from a socket: the earliest time at which they can have arrived. While this
 * process runs, they arrived just now. After a pause (SIGSTOP, a suspended machine) they may have
 * arrived at any time since its start, and their sender may be gone.
 */

/** A longer time without a tick, ten of which come per second, is a pause. */
const MIN_GAP_MS = 1000
/** Bytes that were in a socket at the end of a pause have been read after this time. */
const DRAIN_MS = 1000

/** Dates received bytes. Missing ticks show that the process was paused. */
export class Arrivals {
  private tickedMs: number
  private gap = { startMs: 0, endMs: Number.NEGATIVE_INFINITY }

  constructor(monotonicMs: number) {
    this.tickedMs = monotonicMs
  }

  /** Ten times a second. */
  tick(monotonicMs: number): void {
    if (monotonicMs - this.tickedMs > MIN_GAP_MS) this.gap = { startMs: this.tickedMs, endMs: monotonicMs }
    this.tickedMs = monotonicMs
  }

  /** Returns the arrival date of bytes read now; monotonic. */
  dateOf(monotonicMs: number): number {
    // No tick has come since the pause, which began at the last tick or later.
    if (monotonicMs - this.tickedMs > MIN_GAP_MS) return this.tickedMs
    return monotonicMs - this.gap.endMs < DRAIN_MS ? this.gap.startMs : monotonicMs
  }
}
