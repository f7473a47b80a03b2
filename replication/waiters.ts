/**
 * Clients that wait for replicas or the medium to have what they wrote: WAIT and WAITAOF. A waiter is done when its condition holds, when its
 * time is up, or when someone ends it.
 *
 * `after` is the offset at which the group begins that holds the client's last write: offsets move by whole groups only, so whoever is past
 * it has that write.
 */
export interface WaitCondition {
  readonly after: number
  readonly local: boolean
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

export class Waiters {
  readonly measure: (condition: WaitCondition) => WaitResult
  private waiting: Waiter[] = []

  /** `measure` says how far things are. */
  constructor(measure: (condition: WaitCondition) => WaitResult) {
    this.measure = measure
  }

  get count(): number {
    return this.waiting.length
  }

  has(owner: object): boolean {
    return this.waiting.some((waiter) => waiter.owner === owner)
  }

  /** Whether anyone waits for the medium here. */
  get wantSync(): boolean {
    return this.waiting.some(({ condition }) => condition.local)
  }

  /** Resolves at once where the condition holds. `owner` is the client, for `forget` and `end`. */
  wait(owner: object, condition: WaitCondition, nowMs: number): Promise<WaitResult> {
    const result = this.measure(condition)
    if (isMet(condition, result)) return Promise.resolve(result)
    const deadlineMs = condition.timeoutMs === 0 ? Number.POSITIVE_INFINITY : nowMs + condition.timeoutMs
    return new Promise((resolve, reject) => this.waiting.push({ owner, condition, deadlineMs, resolve, reject }))
  }

  /** To be called when something has moved, and now and then for the time. */
  check(nowMs: number): void {
    if (this.waiting.length === 0) return
    this.release((waiter) => {
      const result = this.measure(waiter.condition)
      if (!isMet(waiter.condition, result) && nowMs < waiter.deadlineMs) return false
      waiter.resolve(result)
      return true
    })
  }

  /** The client has gone: nobody is to be answered. */
  forget(owner: object): void {
    if (this.waiting.length > 0) this.waiting = this.waiting.filter((waiter) => waiter.owner !== owner)
  }

  /** CLIENT UNBLOCK: answers with what there is, or with an error. Whether the client was waiting. */
  end(owner: object, error: Error | null): boolean {
    const before = this.waiting.length
    this.release((waiter) => {
      if (waiter.owner !== owner) return false
      if (error === null) waiter.resolve(this.measure(waiter.condition))
      else waiter.reject(error)
      return true
    })
    return this.waiting.length < before
  }

  /** Nobody's condition can come true any more. */
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

function isMet({ local, replicas }: WaitCondition, result: WaitResult): boolean {
  return result.replicas >= replicas && (!local || result.local > 0)
}
