/** How long a link waits before it tries again. */
import type { Random } from '../../base/clock.ts'

const FIRST_MS = 100
const LONGEST_MS = 5000

/** Doubles with each failure in a row, up to five seconds; up to half of it is left to chance, so that replicas do not come all at once. */
export function backoffMs(failures: number, random: Random): number {
  if (failures <= 0) return 0
  const delay = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 30))
  return delay * (0.5 + 0.5 * random())
}
