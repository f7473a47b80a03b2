/** The median and the mean of the figures of several rounds, with the middle half. */

export interface Spread {
  readonly median: number
  /** The mean shows work that only some of the rounds contain, such as compaction. */
  readonly mean: number
  /** The first and the third quartile: half of the rounds lie between them. */
  readonly q1: number
  readonly q3: number
}

/** Returns null if there is no figure, or if one is missing. */
export function spreadOf(values: readonly (number | null)[]): Spread | null {
  if (values.length === 0 || values.includes(null)) return null
  const sorted = (values as readonly number[]).toSorted((a, b) => a - b)
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  return { median: quantile(sorted, 0.5), mean, q1: quantile(sorted, 0.25), q3: quantile(sorted, 0.75) }
}

/** Interpolates between the two nearest of the sorted values. */
function quantile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share
  const below = sorted[Math.floor(position)] ?? 0
  const above = sorted[Math.ceil(position)] ?? below
  return below + (above - below) * (position - Math.floor(position))
}

export const meanMicros = (spread: Spread | null) => (spread === null ? '?' : digits(spread.mean))
export const micros = (spread: Spread | null) => (spread === null ? '?' : digits(spread.median))
export const ratioText = (spread: Spread | null | undefined) =>
  spread === null || spread === undefined ? '?' : `${spread.median.toFixed(2)} (${spread.q1.toFixed(2)} to ${spread.q3.toFixed(2)})`

/** Returns a number with three significant digits or more. */
function digits(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
}
