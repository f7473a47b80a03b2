/**
 * Blocked clients of WAIT and WAITAOF. A waiter ends when its condition holds, at its timeout, or
 * when it is unblocked.
 *
 * `after` is the start offset of the group with the client's last write. Offsets move by whole
 * groups only, so a node whose offset is greater has that write.
 */
export interface WaitCondition {
  readonly after: number
  readonly mustBeDurableHere: boolean
  readonly replicas: number
  readonly what: 'applied' | 'synced'
  /** 0: no limit. */
  readonly timeoutMs: number
}

export interface WaitResult {
  readonly local: number
  readonly replicas: number
}

interface Waiter {
  readonly owner: object
  readonly condition: WaitCondition
  /** Monotonic, ms; Infinity for none. */
  readonly deadlineMs: number
  readonly resolve: (result: WaitResult) => void
  readonly reject: (error: Error) => void
}

/** The blocked clients of WAIT and WAITAOF. */
export class Waiters {
  readonly measure: (condition: WaitCondition) => WaitResult
  private waiting: Waiter[] = []

  /** `measure` returns how many nodes have reached the offset of a condition. */
  constructor(measure: (condition: WaitCondition) => WaitResult) {
    this.measure = measure
  }

  get count(): number {
    return this.waiting.length
  }

  has(owner: object): boolean {
    return this.waiting.some((waiter) => waiter.owner === owner)
  }

  /** True if a client waits for an fsync on this node. */
  get wantSync(): boolean {
    return this.waiting.some(({ condition }) => condition.mustBeDurableHere)
  }

  /** Resolves at once if the condition holds. `owner` is the client, for `forget` and `unblock`. */
  wait(owner: object, condition: WaitCondition, monotonicMs: number): Promise<WaitResult> {
    const result = this.measure(condition)
    if (isMet(condition, result)) return Promise.resolve(result)
    const deadlineMs = condition.timeoutMs === 0 ? Number.POSITIVE_INFINITY : monotonicMs + condition.timeoutMs
    return new Promise((resolve, reject) => this.waiting.push({ owner, condition, deadlineMs, resolve, reject }))
  }

  /**
   * Ends the waiters whose condition holds or whose time is up. Called after progress and on ticks.
   */
  check(monotonicMs: number): void {
    if (this.waiting.length === 0) return
    this.release((waiter) => {
      const result = this.measure(waiter.condition)
      if (!isMet(waiter.condition, result) && monotonicMs < waiter.deadlineMs) return false
      waiter.resolve(result)
      return true
    })
  }

  /** Removes a client that has disconnected, without a reply. */
  forget(owner: object): void {
    if (this.waiting.length > 0) this.waiting = this.waiting.filter((waiter) => waiter.owner !== owner)
  }

  /**
   * CLIENT UNBLOCK: replies with the present counts, or with an error. Returns true if the client
   * was waiting.
   */
  unblock(owner: object, error: Error | null): boolean {
    const before = this.waiting.length
    this.release((waiter) => {
      if (waiter.owner !== owner) return false
      if (error === null) waiter.resolve(this.measure(waiter.condition))
      else waiter.reject(error)
      return true
    })
    return this.waiting.length < before
  }

  /** Rejects all waiters: no condition can be met any more. */
  failAll(error: Error): void {
    this.release((waiter) => {
      waiter.reject(error)
      return true
    })
  }

  private release(isDone: (waiter: Waiter) => boolean): void {
    this.waiting = this.waiting.filter((waiter) => !isDone(waiter))
  }
}

function isMet({ mustBeDurableHere, replicas }: WaitCondition, result: WaitResult): boolean {
  return result.replicas >= replicas && (!mustBeDurableHere || result.local > 0)
}
