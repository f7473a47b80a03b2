/**
 * The reasons for a missing link that were logged since it was last up. Two alternating reasons do
 * not fill the log.
 */

/** The limit of recorded reasons; at the limit all are forgotten. */
const MAX_TOLD = 16

/** The reasons that were logged since the link was last up. */
export class ToldReasons {
  private readonly kinds = new Set<string>()

  /** Adds a reason. Returns true if it is new, so that it has to be logged. */
  add(reason: string): boolean {
    const kind = kindOf(reason)
    if (this.kinds.has(kind)) return false
    if (this.kinds.size >= MAX_TOLD) this.kinds.clear()
    this.kinds.add(kind)
    return true
  }

  clear(): void {
    this.kinds.clear()
  }
}

/**
 * Returns a reason without its numbers (attempts, offsets, file names), which differ in each try.
 */
export const kindOf = (reason: string) => reason.replace(/\d+/g, '#')
