/**
 * One direction of a simulated connection: bytes arrive late, in pieces, in order. What the sender's kernel takes is bounded, so a receiver
 * that does not read is felt by the sender.
 *
 *   send -> queue (unsent) -> flight (at most WINDOW_BYTES) -> deliver
 */
import type { Seeded } from '../support/generators/seed.ts'
import type { Schedule } from './schedule.ts'

const WINDOW_BYTES = 48 * 1024
/** How often a delivery stops short of what has arrived. */
const SPLIT_CHANCE = 0.3

export interface PipeHost {
  readonly schedule: Schedule
  readonly chance: Seeded
  latencyMs(): number
  /** Nothing gets through for now; `kick` follows when that has changed. */
  isBlocked(): boolean
  deliver(bytes: Buffer): void
  ended(reason: string): void
  /** Everything sent has been taken. */
  drained(): void
}

export class Pipe {
  /** From now on nothing arrives, and nobody is told. */
  isLost = false
  /** The receiver does not read. */
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

  /** The sender closes: what its kernel has not taken is gone, the end comes behind the rest. */
  finish(reason: string): void {
    this.end ??= reason
    this.queue = []
    this.kick()
  }

  /** Of what is under way, some or nothing arrives. */
  tear(): void {
    this.flight = this.flight.subarray(0, this.host.chance.integer(this.flight.length + 1))
  }

  /** A bit of what comes next arrives as its opposite. */
  corrupt(): void {
    this.isCorrupt = true
  }

  holdUntil(ms: number): void {
    this.heldUntilMs = ms
  }

  /** Something has changed. */
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
      this.host.ended(this.end)
      return
    }
    const length = chance.random() < SPLIT_CHANCE ? 1 + chance.integer(flight.length) : flight.length
    this.flight = flight.subarray(length)
    const wasFull = this.queue.length > 0
    this.fill()
    if (wasFull && this.queue.length === 0) schedule.after(this.host.latencyMs(), () => this.host.drained())
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
