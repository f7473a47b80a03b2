/** Groups of the master that do not follow this node's binlog: when to stop trying. */

/** Consecutive bad groups tolerated at one offset before a full sync is requested. */
const MAX_BAD_GROUPS = 3

/** The bad groups that came in a row at one offset. */
export class BadGroups {
  private offset = -1
  private count = 0

  /** Counts a bad group. Returns why a full sync is required now, or null. */
  add(offset: number, reason: string): string | null {
    this.count = this.offset === offset ? this.count + 1 : 1
    this.offset = offset
    const { count } = this
    if (count < MAX_BAD_GROUPS) return null
    this.clear()
    return `the master sent ${count} times in a row ${reason}`
  }

  clear(): void {
    this.offset = -1
    this.count = 0
  }
}
