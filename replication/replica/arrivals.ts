/**
 * When what is read of a socket came in, at the earliest. It came in just now where this process has been looking all the time; where it has not
 * (SIGSTOP, a suspended machine), any time since it last did, and its sender may have gone since.
 */

/** Ticks come ten times a second; so long without one is a gap. */
const GAP_MS = 1000
/** What lay in a socket at the end of a gap has been read after so long. */
const DRAIN_MS = 1000

export class Arrivals {
  private tickedMs: number
  private gap = { startMs: 0, endMs: Number.NEGATIVE_INFINITY }

  constructor(nowMs: number) {
    this.tickedMs = nowMs
  }

  /** Ten times a second. */
  tick(nowMs: number): void {
    if (nowMs - this.tickedMs > GAP_MS) this.gap = { startMs: this.tickedMs, endMs: nowMs }
    this.tickedMs = nowMs
  }

  /** Of what is read now; monotonic. */
  dateOf(nowMs: number): number {
    if (nowMs - this.tickedMs > GAP_MS) return this.tickedMs // the gap's first tick is still to come
    return nowMs - this.gap.endMs < DRAIN_MS ? this.gap.startMs : nowMs
  }
}
