/** A smoothed rate in bytes per second. */
import type { Clock } from '../../base/clock.ts'

const SAMPLE_MS = 1000
/** The weight of the newest second; all seconds before it have the rest. */
const WEIGHT = 0.3

/** Measures bytes per second, smoothed over the last seconds. */
export class ByteRate {
  private readonly clock: Clock
  private startedMs = 0
  private bytes = 0
  private smoothed: number | null = null

  constructor(clock: Clock) {
    this.clock = clock
  }

  reset(): void {
    this.startedMs = this.clock.monotonicMs()
    this.bytes = 0
    this.smoothed = null
  }

  add(bytes: number): void {
    this.closeWindow()
    this.bytes += bytes
  }

  get perSecond(): number {
    this.closeWindow()
    if (this.smoothed !== null) return Math.round(this.smoothed)
    const elapsedMs = this.clock.monotonicMs() - this.startedMs
    return elapsedMs > 0 ? Math.round((this.bytes * 1000) / elapsedMs) : 0
  }

  /** Adds a completed second to the average. */
  private closeWindow(): void {
    const monotonicMs = this.clock.monotonicMs()
    const elapsedMs = monotonicMs - this.startedMs
    if (elapsedMs < SAMPLE_MS) return
    const latest = (this.bytes * 1000) / elapsedMs
    this.smoothed = this.smoothed === null ? latest : this.smoothed + (latest - this.smoothed) * WEIGHT
    this.startedMs = monotonicMs
    this.bytes = 0
  }
}
