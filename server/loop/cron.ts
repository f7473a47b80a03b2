/**
 * Periodic work. Ten times a second: fsync, retries, rates and timeouts. One more timer fires at
 * the next deadline, so that keys expire on time.
 */
import type { Node } from '../node.ts'

const TICK_MS = 100
const SYNC_EVERY_MS = 1000
const ROOM_EVERY_MS = 1000
/** V8 needs time to report its memory use, so it is sampled rarely. */
const SAMPLE_EVERY_MS = 10_000

export class Cron {
  private readonly node: Node
  private ticker: NodeJS.Timeout | null = null
  private deadlineTimer: NodeJS.Timeout | null = null
  /** Wall time for which the deadline timer is set, ms. */
  private deadlineAt = 0
  /** When each was last done: monotonic, ms. */
  private lastSyncMs = Number.NEGATIVE_INFINITY
  private lastRoomMs = Number.NEGATIVE_INFINITY
  private lastSampleMs = Number.NEGATIVE_INFINITY

  constructor(node: Node) {
    this.node = node
  }

  start(): void {
    this.ticker = setInterval(() => this.tick(), TICK_MS)
  }

  stop(): void {
    if (this.ticker !== null) clearInterval(this.ticker)
    if (this.deadlineTimer !== null) clearTimeout(this.deadlineTimer)
    this.ticker = null
    this.deadlineTimer = null
  }

  /**
   * To be called after each turn. Sets the timer for the next deadline if that is earlier than the
   * timer's current one.
   */
  afterTurn(): void {
    this.node.statistics.turns++
    if (this.ticker === null) return
    const first = this.node.engine.keyspace.deadlines.first
    if (first === undefined) return
    const now = this.node.clock.wallMs()
    if (first.at > now + TICK_MS) return // the next tick comes first
    if (this.deadlineTimer !== null) {
      if (this.deadlineAt <= first.at) return
      clearTimeout(this.deadlineTimer)
    }
    this.deadlineAt = first.at
    const delayMs = this.node.engine.expiry.delayMs(now)
    if (!this.node.engine.expiry.active) return
    this.deadlineTimer = setTimeout(() => {
      this.deadlineTimer = null
      this.node.turn.begin()
    }, delayMs)
  }

  private tick(): void {
    const { node } = this
    const { engine, turn, gates, statistics, clock } = node
    const now = clock.monotonicMs()
    turn.begin()
    statistics.tick(now)
    if (engine.stalled !== null && engine.retry()) turn.unstall()
    if (now - this.lastRoomMs >= ROOM_EVERY_MS) {
      this.lastRoomMs = now
      engine.recoverRoom()
    }
    if (now - this.lastSampleMs >= SAMPLE_EVERY_MS) {
      this.lastSampleMs = now
      node.storage.sample()
    }
    const policy = node.config.text('appendfsync')
    if (policy === 'everysec' && now - this.lastSyncMs >= SYNC_EVERY_MS) {
      this.lastSyncMs = now
      engine.binlog.sync()
    }
    if (!engine.checkpointer.isReopening) engine.expiry.lookAhead(clock.wallMs())
    node.links?.tick()
    gates.refresh(now)
    this.closeIdle(now)
  }

  private closeIdle(now: number): void {
    const { config, clients } = this.node
    const timeoutMs = config.number('timeout') * 1000
    for (const client of clients.connections.values()) {
      client.checkLimits()
      if (
        timeoutMs > 0 &&
        now - client.lastActiveMs > timeoutMs &&
        !client.monitoring &&
        client.subscriptions === null &&
        !client.isHeld &&
        client.replica === null
      )
        client.close('now')
    }
  }
}
