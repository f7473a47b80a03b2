import type { Clock } from '../../../base/clock.ts'

/** A clock that stands still until a test advances it. */
export class ManualClock implements Clock {
  private wall: number
  private monotonic = 0

  /** `wallMs` is the time since the epoch; the default is in November 2023. */
  constructor(wallMs = 1_700_000_000_000) {
    this.wall = wallMs
  }

  wallMs(): number {
    return Math.floor(this.wall)
  }

  monotonicMs(): number {
    return this.monotonic
  }

  /** Advances wall and monotonic time. */
  advance(milliseconds: number): void {
    if (milliseconds < 0) throw new Error('time only passes forwards; setWall sets the wall clock back')
    this.wall += milliseconds
    this.monotonic += milliseconds
  }

  /** Sets the wall clock, forwards or back, without changing monotonic time. */
  setWall(wallMs: number): void {
    this.wall = wallMs
  }
}
