/**
 * One direction of a simulated connection: bytes arrive late, in pieces, in order. The sender's
 * kernel accepts a bounded amount, so the sender notices a receiver that does not read.
 *
 *   send -> queue (unsent) -> flight (at most WINDOW_BYTES) -> deliver
 */
import type { Seeded } from '../../support/generators/seed.ts'
import type { Schedule } from '../schedule.ts'

const WINDOW_BYTES = 48 * 1024
/** The chance that a delivery takes only part of the bytes that have arrived. */
const SPLIT_CHANCE = 0.3

export interface PipeHost {
  readonly schedule: Schedule
  readonly chance: Seeded
  latencyMs(): number
  /** True while nothing gets through; `kick` is called when that changes. */
  isBlocked(): boolean
  deliver(bytes: Buffer): void
  onEnd(reason: string): void
  /** Called when the kernel has accepted all sent bytes. */
  onDrained(): void
}

/** One direction of a connection. */
export class Pipe {
  /** True once nothing arrives any more, without an error on either side. */
  isLost = false
  /** True while the receiver does not read. */
  isPaused = false
  private readonly host: PipeHost
  private queue: Buffer[] = []
  private flight: Buffer = Buffer.alloc(0)
  private isScheduled = false
  private end: string | null = null
  private heldUntilMs = 0
  private isCorrupt = false

  constructor(host: PipeHost) {
    this.host = host
  }

  get unsentBytes(): number {
    return this.queue.reduce((sum, { length }) => sum + length, 0)
  }

  send(bytes: Buffer): void {
    if (this.end !== null) return
    this.queue.push(Buffer.from(bytes))
    this.fill()
    this.kick()
  }

  /**
   * Closes from the sender's side. Bytes that its kernel has not accepted are lost; the end follows
   * the rest.
   */
  finish(reason: string): void {
    this.end ??= reason
    this.queue = []
    this.kick()
  }

  /** Loses a suffix of the bytes in flight, possibly all. */
  tear(): void {
    this.flight = this.flight.subarray(0, this.host.chance.integer(this.flight.length + 1))
  }

  /** Inverts a bit of the next bytes. */
  corrupt(): void {
    this.isCorrupt = true
  }

  holdUntil(ms: number): void {
    this.heldUntilMs = ms
  }

  /** Continues after a change. */
  kick(): void {
    if (this.isScheduled || this.isLost || (this.flight.length === 0 && this.end === null)) return
    this.isScheduled = true
    this.host.schedule.after(this.host.latencyMs(), () => this.arrive())
  }

  private fill(): void {
    while (this.flight.length < WINDOW_BYTES) {
      const next = this.queue.shift()
      if (next === undefined) return
      const room = WINDOW_BYTES - this.flight.length
      this.flight = Buffer.concat([this.flight, next.subarray(0, room)])
      if (next.length > room) this.queue.unshift(next.subarray(room))
    }
  }

  private arrive(): void {
    const { schedule, chance } = this.host
    this.isScheduled = false
    if (this.isLost || this.isPaused || this.host.isBlocked()) return
    if (schedule.nowMs < this.heldUntilMs) {
      this.isScheduled = true
      schedule.after(this.heldUntilMs - schedule.nowMs, () => this.arrive())
      return
    }
    const { flight } = this
    if (flight.length === 0) {
      if (this.end === null) return
      this.isLost = true
      this.host.onEnd(this.end)
      return
    }
    const length = chance.random() < SPLIT_CHANCE ? 1 + chance.integer(flight.length) : flight.length
    this.flight = flight.subarray(length)
    const wasFull = this.queue.length > 0
    this.fill()
    if (wasFull && this.queue.length === 0) schedule.after(this.host.latencyMs(), () => this.host.onDrained())
    const bytes = Buffer.from(flight.subarray(0, length))
    if (this.isCorrupt) turnBit(bytes, chance)
    this.isCorrupt = false
    this.host.deliver(bytes)
    this.kick()
  }
}

function turnBit(bytes: Buffer, chance: Seeded): void {
  const index = chance.integer(bytes.length)
  bytes[index] = (bytes[index] as number) ^ (1 << chance.integer(8))
}
