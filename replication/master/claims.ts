/**
 * Which process an announced address belongs to. A process is named by its run id, and its tries by an attempt number that grows.
 *
 *   a later attempt of the holder, or the same one again    goes on
 *   an earlier attempt than one that was seen               stale
 *   the last attempt of another process, said again         stale while the holder is alive: that process may be dead
 *   a run id never seen                                     takes over at once: a replica that was restarted
 *   one that was seen, while the holder is alive            two processes announce one address: whoever was there first has it,
 *                                                           and the other one is refused until the first one is gone
 */

/** Run ids remembered for one address. */
const MAX_CLAIMANTS = 8

export interface Claimant {
  readonly runId: string
  attempt: number
  address: string
  /** Monotonic time since when it is refused; null while it is not. */
  refusedSinceMs: number | null
  /** When it last tried. */
  seenMs: number
}

export type Claim =
  /** `evicted` has just lost the address to one that was there before it: a conflict begins. `wasRefused`: one has ended. */
  | { readonly type: 'granted'; readonly evicted: Claimant | null; readonly wasRefused: boolean }
  /** `isNew`: a conflict begins. */
  | { readonly type: 'refused'; readonly holder: Claimant; readonly isNew: boolean }
  | { readonly type: 'stale'; readonly attempt: number }

export class Claims {
  /** In the order in which they were first seen. */
  private claimants: Claimant[] = []
  private current: Claimant | null = null

  get holder(): Claimant | null {
    return this.current
  }

  /** Those that are refused. */
  get refused(): readonly Claimant[] {
    return this.claimants.filter(({ refusedSinceMs }) => refusedSinceMs !== null)
  }

  claim(runId: string, attempt: number, address: string, isHolderAlive: boolean, nowMs: number): Claim {
    const known = this.claimants.find((claimant) => claimant.runId === runId)
    const isOther = known !== this.current && isHolderAlive
    if (known !== undefined && (attempt < known.attempt || (attempt === known.attempt && isOther)))
      return { type: 'stale', attempt: known.attempt }
    const claimant = known ?? this.add(runId)
    claimant.attempt = attempt
    claimant.address = address
    claimant.seenMs = nowMs
    const holder = this.current
    const isContested = known !== undefined && holder !== null && holder !== claimant && isHolderAlive
    if (isContested && this.claimants.indexOf(holder) < this.claimants.indexOf(claimant)) {
      const isNew = claimant.refusedSinceMs === null
      if (isNew) claimant.refusedSinceMs = nowMs
      return { type: 'refused', holder, isNew }
    }
    const wasRefused = claimant.refusedSinceMs !== null
    this.current = claimant
    claimant.refusedSinceMs = null
    if (!isContested) return { type: 'granted', evicted: null, wasRefused }
    holder.refusedSinceMs = nowMs
    holder.seenMs = nowMs
    return { type: 'granted', evicted: holder, wasRefused }
  }

  /** Ends conflicts of which the refused side has not been heard of for so long. Returns those. */
  settle(silentMs: number, nowMs: number): readonly Claimant[] {
    const settled = this.refused.filter(({ seenMs }) => nowMs - seenMs > silentMs)
    for (const claimant of settled) claimant.refusedSinceMs = null
    return settled
  }

  private add(runId: string): Claimant {
    if (this.claimants.length >= MAX_CLAIMANTS) this.claimants.splice(this.claimants[0] === this.current ? 1 : 0, 1)
    const claimant = { runId, attempt: 0, address: '', refusedSinceMs: null, seenMs: 0 }
    this.claimants.push(claimant)
    return claimant
  }
}
