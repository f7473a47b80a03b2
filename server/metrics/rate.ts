/**
 * The rate of a counter: the mean over its last sixteen samples, as in Redis's instantaneous
 * metrics.
 */

const SAMPLES = 16

/** The rate of one counter. */
export class Rate {
  private readonly samples = new Float64Array(SAMPLES)
  private next = 0
  private lastCount = 0
  private lastMs = Number.NEGATIVE_INFINITY

  /**
   * Adds the counter's current value. The first call, and one after the counter went back, only set
   * the starting point.
   */
  sample(count: number, monotonicMs: number): void {
    const elapsedMs = monotonicMs - this.lastMs
    if (elapsedMs <= 0) return
    if (count >= this.lastCount && this.lastMs !== Number.NEGATIVE_INFINITY) {
      this.samples[this.next] = ((count - this.lastCount) * 1000) / elapsedMs
      this.next = (this.next + 1) % SAMPLES
    }
    this.lastMs = monotonicMs
    this.lastCount = count
  }

  get perSecond(): number {
    return this.samples.reduce((sum, sample) => sum + sample, 0) / SAMPLES
  }

  reset(): void {
    this.samples.fill(0)
    this.lastCount = 0
  }
}
