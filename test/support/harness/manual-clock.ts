import type { Clock } from '../../../base/clock.ts'

/** A clock that stands still until a test turns it. */
export class ManualClock implements Clock {
  private wall: number
  private monotonic = 0

  /** `wallMs` since the epoch; by default in November 2023. */
  constructor(wallMs = 1_700_000_000_000) {
    this.wall = wallMs
  }

  wallMs(): number {
    return Math.floor(this.wall)
  }

  monotonicMs(): number {
    return this.monotonic
  }

  /** Time passes on both. */
  advance(milliseconds: number): void {
    if (milliseconds < 0) throw new Error('time only passes forwards; setWall sets the wall clock back')
    this.wall += milliseconds
    this.monotonic += milliseconds
  }

  /** Someone sets the wall clock, forwards or back; monotonic time does not notice. */
  setWall(wallMs: number): void {
    this.wall = wallMs
  }
}
