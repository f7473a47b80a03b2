/** One timer for all blocked clients: it fires at the first timeout to expire. */
import type { Clock } from '../../base/clock.ts'
import type { BlockedClients } from '../../commands/blocking/blocked-clients.ts'
import type { Turn } from './turn.ts'

/**
 * setTimeout fires at once for delays of 2^31 ms and more, so a longer wait is checked once an
 * hour.
 */
const MAX_DELAY_MS = 3_600_000

/** Ends the waits of blocked clients at their timeouts. */
export class BlockedTimer {
  private readonly blockedClients: BlockedClients
  private readonly turn: Turn
  private readonly clock: Clock
  private timer: NodeJS.Timeout | null = null
  /** Monotonic time for which the timer is set, ms. */
  private setFor = Number.POSITIVE_INFINITY
  private isStopped = false

  constructor(blockedClients: BlockedClients, turn: Turn, clock: Clock) {
    this.blockedClients = blockedClients
    this.turn = turn
    this.clock = clock
  }

  /**
   * To be called after each turn. A timer whose client no longer waits fires without effect: that
   * is cheaper than setting a new timer every turn.
   */
  set(): void {
    const { nextDeadlineMs } = this.blockedClients
    if (nextDeadlineMs >= this.setFor || this.isStopped) return
    this.clear()
    this.setFor = nextDeadlineMs
    const delayMs = Math.ceil(nextDeadlineMs - this.clock.monotonicMs())
    this.timer = setTimeout(() => this.fire(), Math.min(Math.max(delayMs, 1), MAX_DELAY_MS))
  }

  stop(): void {
    this.isStopped = true
    this.clear()
  }

  private clear(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    this.setFor = Number.POSITIVE_INFINITY
  }

  private fire(): void {
    this.clear()
    this.turn.begin()
    this.blockedClients.expire()
  }
}
