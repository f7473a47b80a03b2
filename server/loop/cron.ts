/**
 * Periodic work. Ten times a second: retries, rates and timeouts; once a second the fsync of
 * `appendfsync everysec`. One more timer fires at the next deadline, so that keys expire on time.
 */
import type { Clock } from '../../base/clock.ts'
import type { Replication } from '../../replication/replication.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Config } from '../config/config.ts'
import type { Statistics } from '../metrics/statistics.ts'
import type { ClientRegistry } from '../network/client-registry.ts'
import type { Gates } from './gates.ts'
import type { Turn } from './turn.ts'

const TICK_MS = 100
const SYNC_EVERY_MS = 1000
const ROOM_EVERY_MS = 1000
/** V8 needs time to report its memory use, so it is sampled rarely. */
const SAMPLE_EVERY_MS = 10_000

export interface CronParts {
  readonly config: Config
  readonly clock: Clock
  readonly storage: Storage
  readonly turn: Turn
  readonly gates: Gates
  readonly statistics: Statistics
  readonly clients: Pick<ClientRegistry, 'connections'>
  /** Samples the memory in use. */
  readonly storagePort: { sample(): void }
  /** Its replication is null until the binlog has been replayed. */
  readonly state: { readonly replication: Replication | null }
}

/** Runs the periodic work of a node. */
export class Cron {
  private readonly parts: CronParts
  private ticker: NodeJS.Timeout | null = null
  private deadlineTimer: NodeJS.Timeout | null = null
  /** Wall time for which the deadline timer is set, ms. */
  private nextDeadlineMs = 0
  /** Monotonic time of the last fsync that the tick began, ms. */
  private lastSyncMs = Number.NEGATIVE_INFINITY
  /** Monotonic time of the last check of the disk for room, ms. */
  private lastRoomMs = Number.NEGATIVE_INFINITY
  /** Monotonic time of the last sample of memory, ms. */
  private lastSampleMs = Number.NEGATIVE_INFINITY

  constructor(parts: CronParts) {
    this.parts = parts
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
    const { statistics, storage, clock, turn } = this.parts
    statistics.turns++
    if (this.ticker === null) return
    const first = storage.keyspace.deadlines.first
    if (first === undefined) return
    const wallMs = clock.wallMs()
    if (first.dueAtMs > wallMs + TICK_MS) return // the next tick comes first
    if (this.deadlineTimer !== null) {
      if (this.nextDeadlineMs <= first.dueAtMs) return
      clearTimeout(this.deadlineTimer)
    }
    this.nextDeadlineMs = first.dueAtMs
    const delayMs = storage.expiry.delayMs(wallMs)
    if (!storage.expiry.isActive) return
    this.deadlineTimer = setTimeout(() => {
      this.deadlineTimer = null
      turn.begin()
    }, delayMs)
  }

  private tick(): void {
    const { storage, turn, gates, statistics, clock, config, state, storagePort } = this.parts
    const monotonicMs = clock.monotonicMs()
    turn.begin()
    statistics.tick(monotonicMs)
    if (storage.stalled !== null && storage.retry()) turn.unstall()
    if (monotonicMs - this.lastRoomMs >= ROOM_EVERY_MS) {
      this.lastRoomMs = monotonicMs
      storage.reclaimReserve()
    }
    if (monotonicMs - this.lastSampleMs >= SAMPLE_EVERY_MS) {
      this.lastSampleMs = monotonicMs
      storagePort.sample()
    }
    const policy = config.text('appendfsync')
    if (policy === 'everysec' && monotonicMs - this.lastSyncMs >= SYNC_EVERY_MS) {
      this.lastSyncMs = monotonicMs
      storage.binlog.sync()
    }
    if (!storage.checkpointer.isReopening) storage.expiry.lookAhead(clock.wallMs())
    state.replication?.tick()
    gates.refresh(monotonicMs)
    this.closeIdle(monotonicMs)
  }

  private closeIdle(monotonicMs: number): void {
    const { config, clients } = this.parts
    const timeoutMs = config.number('timeout') * 1000
    for (const client of clients.connections.values()) {
      client.checkLimits()
      if (
        timeoutMs > 0 &&
        monotonicMs - client.lastActiveMs > timeoutMs &&
        !client.isMonitoring &&
        client.subscriptions === null &&
        !client.isHeld &&
        client.replica === null
      )
        client.close('now')
    }
  }
}
