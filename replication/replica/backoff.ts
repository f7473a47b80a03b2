/** The delay before a link tries again. */
import type { Random } from '../../base/clock.ts'

const FIRST_MS = 100
const LONGEST_MS = 5000

/**
 * Returns a delay that doubles with each failure in a row, up to five seconds. Up to half of it is
 * random, so that replicas do not all reconnect at once.
 */
export function backoffMs(failures: number, random: Random): number {
  if (failures <= 0) return 0
  const delay = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 30))
  return delay * (0.5 + 0.5 * random())
}
