/** The delays and time limits of a link. */
import type { Random } from '../../base/clock.ts'

/**
 * The timeout of the connection and of replies that a master gives at once: AUTH, METASYNC,
 * TRYSYNC.
 */
export const PROMPT_TIMEOUT_MS = 10_000
/** A link up for longer is good: it is reopened at once, and earlier failures are forgotten. */
export const MIN_STABLE_MS = 1000

const FIRST_WAIT_MS = 100
const MAX_BACKOFF_MS = 5000

/**
 * Returns a delay that doubles with each failure in a row, up to five seconds. Up to half of it is
 * random, so that replicas do not all reconnect at once.
 */
export function backoffMs(failures: number, random: Random): number {
  if (failures <= 0) return 0
  const delay = Math.min(MAX_BACKOFF_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 30))
  return delay * (0.5 + 0.5 * random())
}
