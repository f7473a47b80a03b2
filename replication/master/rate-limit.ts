/** A token bucket in bytes, refilled at the rate of dbsync-rate-limit. */

/** The most that may be sent at once after a pause, in seconds of the rate. */
const MAX_BURST_SECONDS = 0.2

/**
 * A token bucket (Turner, "New Directions in Communications", 1986) in bytes. It may go negative by
 * one chunk.
 */
export class RateLimit {
  private readonly bytesPerSecond: () => number
  private tokensBytes = 0
  private refilledMs: number

  /** `bytesPerSecond` is called on each use because CONFIG SET changes it; 0 means no limit. */
  constructor(bytesPerSecond: () => number, monotonicMs: number) {
    this.bytesPerSecond = bytesPerSecond
    this.refilledMs = monotonicMs
    this.tokensBytes = bytesPerSecond() * MAX_BURST_SECONDS
  }

  get isOpen(): boolean {
    return this.tokensBytes > 0 || this.bytesPerSecond() === 0
  }

  consume(bytes: number): void {
    if (this.bytesPerSecond() > 0) this.tokensBytes -= bytes
  }

  refill(monotonicMs: number): void {
    const rate = this.bytesPerSecond()
    this.tokensBytes =
      rate === 0 ? 0 : Math.min(rate * MAX_BURST_SECONDS, this.tokensBytes + (rate * (monotonicMs - this.refilledMs)) / 1000)
    this.refilledMs = monotonicMs
  }
}
