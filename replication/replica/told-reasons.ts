/** Which reasons for having no link were logged since it was last up: two that take turns do not fill the log. */
const MAX_TOLD = 16

export class ToldReasons {
  private readonly kinds = new Set<string>()

  /** Notes a reason. Returns whether it is to be logged. */
  isNew(reason: string): boolean {
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

/** A reason without the numbers in it (attempts, offsets, names of files), which may differ in each try. */
export const kindOf = (reason: string) => reason.replace(/\d+/g, '#')
