/**
 * Counts the tests of a file by what its process printed.
 *
 * uvu ends with status 0 if `before` throws, or `after.each` for a test that failed: the tests that
 * follow do not run, and no error is printed. So a file has passed only if all of its tests have.
 * uvu leaves skipped tests out of the total.
 */
export interface FileOutcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** The output without colours. With it, the number of tests that did not run. */
  readonly text: string
}

/** `isClean` is true if the process ended with status 0 and left no other process running. */
export function outcomeOf(output: string, isClean: boolean): FileOutcome {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken away
  const plain = output.replace(/\u001b\[[0-9;]*m/g, '')
  const count = (what: string) => Number(new RegExp(`^\\s*${what}:\\s+(\\d+)`, 'm').exec(plain)?.[1] ?? 0)
  const [total, passed, skipped] = [count('Total'), count('Passed'), count('Skipped')]
  const missing = total - passed
  const failed = Math.max(missing, isClean && total > 0 ? 0 : 1)
  const note = isClean && missing > 0 ? `\n${missing} of ${total} tests did not run: does a hook throw?\n` : ''
  return { passed, failed, skipped, text: plain + note }
}
