/**
 * Decides which process owns an announced address. A run id names a process. Its attempt numbers
 * grow.
 *
 *   a later attempt of the holder, or the last one repeated   granted
 *   an earlier attempt than the last one of that run id       stale
 *   the last attempt of another process, repeated             stale while the holder is alive
 *   an unknown run id                                         granted at once: a restarted replica
 *   a known run id, while another holder is alive             conflict: the run id known for longer
 *                                                             is granted, the other refused until
 *                                                             the first one is gone
 *
 * A repeated last attempt may come from a process that is already dead.
 */

/** The limit of run ids remembered per address. */
const MAX_CLAIMANTS = 8

export interface Claimant {
  readonly runId: string
  attempt: number
  address: string
  /** Monotonic time since which it has been refused; null if it is not refused. */
  refusedSinceMs: number | null
  /** Monotonic time of its last METASYNC. */
  seenMs: number
}

export type AddressClaim =
  /**
   * `evicted`: the process that loses the address to one known for longer; a conflict begins.
   * `wasRefused`: this process was refused before; its conflict has ended.
   */
  | { readonly type: 'granted'; readonly evicted: Claimant | null; readonly wasRefused: boolean }
  /** `isNew`: a conflict begins. */
  | { readonly type: 'refused'; readonly holder: Claimant; readonly isNew: boolean }
  | { readonly type: 'stale'; readonly attempt: number }

/** The processes that announce one address, and the one that holds it. */
export class Claims {
  /** In the order of their first METASYNC. */
  private claimants: Claimant[] = []
  private current: Claimant | null = null

  get holder(): Claimant | null {
    return this.current
  }

  /** The claimants that are refused. */
  get refused(): readonly Claimant[] {
    return this.claimants.filter(({ refusedSinceMs }) => refusedSinceMs !== null)
  }

  /**
   * Decides one METASYNC and records it. A holder is alive if its connection is open and not
   * silent.
   */
  claim(runId: string, attempt: number, address: string, isHolderAlive: boolean, monotonicMs: number): AddressClaim {
    const known = this.claimants.find((claimant) => claimant.runId === runId)
    const isOther = known !== this.current && isHolderAlive
    if (known !== undefined && (attempt < known.attempt || (attempt === known.attempt && isOther)))
      return { type: 'stale', attempt: known.attempt }
    const claimant = known ?? this.add(runId)
    claimant.attempt = attempt
    claimant.address = address
    claimant.seenMs = monotonicMs
    const holder = this.current
    const isContested = known !== undefined && holder !== null && holder !== claimant && isHolderAlive
    if (isContested && this.claimants.indexOf(holder) < this.claimants.indexOf(claimant)) {
      const isNew = claimant.refusedSinceMs === null
      if (isNew) claimant.refusedSinceMs = monotonicMs
      return { type: 'refused', holder, isNew }
    }
    const wasRefused = claimant.refusedSinceMs !== null
    this.current = claimant
    claimant.refusedSinceMs = null
    if (!isContested) return { type: 'granted', evicted: null, wasRefused }
    holder.refusedSinceMs = monotonicMs
    holder.seenMs = monotonicMs
    return { type: 'granted', evicted: holder, wasRefused }
  }

  /**
   * Ends conflicts whose refused process has been silent for `silentMs`. Returns those processes.
   */
  expireConflicts(silentMs: number, monotonicMs: number): readonly Claimant[] {
    const ended = this.refused.filter(({ seenMs }) => monotonicMs - seenMs > silentMs)
    for (const claimant of ended) claimant.refusedSinceMs = null
    return ended
  }

  private add(runId: string): Claimant {
    if (this.claimants.length >= MAX_CLAIMANTS) this.claimants.splice(this.claimants[0] === this.current ? 1 : 0, 1)
    const claimant = { runId, attempt: 0, address: '', refusedSinceMs: null, seenMs: 0 }
    this.claimants.push(claimant)
    return claimant
  }
}
