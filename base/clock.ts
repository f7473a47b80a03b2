import { performance } from 'node:perf_hooks'

/** Where time comes from. Passed in, so that tests turn it by hand. */
export interface Clock {
  /** Wall time, ms since the epoch, whole. */
  wallMs(): number
  /** Monotonic time, ms with fractions, from an arbitrary origin. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

/** Where chance comes from: 0 <= x < 1. */
export type Random = () => number
