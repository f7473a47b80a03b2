import { performance } from 'node:perf_hooks'

/** The source of time. It is passed in, so that tests set it by hand. */
export interface Clock {
  /** Returns the wall time in whole ms since the epoch. */
  wallMs(): number
  /** Returns the monotonic time in ms with fractions, from an arbitrary origin. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

/** A source of random numbers: 0 <= x < 1. */
export type Random = () => number
