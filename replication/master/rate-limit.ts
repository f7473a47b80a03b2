/** So many bytes a second: what is sent is taken off, and nothing more is sent while there is less than nothing left. */

/** So much may be sent in one go after a pause, in seconds of the rate. */
const BURST_SECONDS = 0.2

export class RateLimit {
  private readonly bytesPerSecond: () => number
  private left = 0
  private refilledMs: number

  /** 0 bytes a second means no limit; asked for each time, as it can be set. */
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
