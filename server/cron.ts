/**
 * What happens by the clock: ten times a second syncing, retries, rates and time-outs; and one timer for the next deadline, so that keys
 * go on time.
 */
import { systemClock } from '../storage/clock.ts'
import type { Node } from './node.ts'

const TICK_MS = 100
const SYNC_EVERY_MS = 1000
const ROOM_EVERY_MS = 1000
/** Asking V8 for its memory takes time of its own. */
const SAMPLE_EVERY_MS = 10_000

export class Cron {
  private readonly node: Node
  private ticker: NodeJS.Timeout | null = null
  private deadlineTimer: NodeJS.Timeout | null = null
  /** Wall time for which the deadline timer is set, ms. */
  private deadlineAt = 0
  private lastSyncMs = 0
  private lastRoomMs = 0
  private lastSampleMs = 0

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

  /** After each turn: sets the timer for the next deadline, where that is sooner than what it is set for. */
  afterTurn(): void {
    this.node.statistics.turns++
    if (this.ticker === null) return
    const first = this.node.engine.keyspace.deadlines.first
    if (first === undefined) return
    const now = systemClock.wallMs()
    if (first.at > now + TICK_MS) return // a tick will come by before
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
    const { engine, turn, gates, statistics } = node
    const wallMs = systemClock.wallMs()
    turn.begin()
    statistics.tick(systemClock.monotonicMs())
    if (engine.stalled !== null && engine.retry()) turn.unstall()
    if (wallMs - this.lastRoomMs >= ROOM_EVERY_MS || wallMs < this.lastRoomMs) {
      this.lastRoomMs = wallMs
      engine.recoverRoom()
    }
    if (wallMs - this.lastSampleMs >= SAMPLE_EVERY_MS || wallMs < this.lastSampleMs) {
      this.lastSampleMs = wallMs
      node.storage.sample()
    }
    const policy = node.config.text('appendfsync')
    if (policy === 'everysec' && (wallMs - this.lastSyncMs >= SYNC_EVERY_MS || wallMs < this.lastSyncMs)) {
      this.lastSyncMs = wallMs
      engine.binlog.sync()
    }
    if (!engine.checkpointer.isReopening) engine.expiry.lookAhead(wallMs)
    node.links?.tick()
    gates.refresh(wallMs)
    this.closeIdle(wallMs)
  }

  private closeIdle(wallMs: number): void {
    const { config, clients } = this.node
    const timeoutMs = config.number('timeout') * 1000
    for (const client of clients.connections.values()) {
      client.checkLimits()
      if (
        timeoutMs > 0 &&
        wallMs - client.lastActiveMs > timeoutMs &&
        !client.monitoring &&
        client.subscriptions === null &&
        !client.isHeld &&
        client.replica === null
      )
        client.close('now')
    }
  }
}
