/** A token bucket in bytes, refilled at the rate of dbsync-rate-limit. */

/** The most that may be sent at once after a pause, in seconds of the rate. */
const BURST_SECONDS = 0.2

/**
 * A token bucket (Turner, "New Directions in Communications", 1986) in bytes. It may go negative by
 * one chunk.
 */
export class RateLimit {
  private readonly bytesPerSecond: () => number
  private left = 0
  private refilledMs: number

  /** `bytesPerSecond` is called on each use because CONFIG SET changes it; 0 means no limit. */
  constructor(bytesPerSecond: () => number, nowMs: number) {
    this.bytesPerSecond = bytesPerSecond
    this.refilledMs = nowMs
    this.left = bytesPerSecond() * BURST_SECONDS
  }

  get isOpen(): boolean {
    return this.left > 0 || this.bytesPerSecond() === 0
  }

  take(bytes: number): void {
    if (this.bytesPerSecond() > 0) this.left -= bytes
  }

  refill(nowMs: number): void {
    const rate = this.bytesPerSecond()
    this.left = rate === 0 ? 0 : Math.min(rate * BURST_SECONDS, this.left + (rate * (nowMs - this.refilledMs)) / 1000)
    this.refilledMs = nowMs
  }
}
