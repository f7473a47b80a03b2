/**
 * The limit on the memory of MIGRATE's payloads. A transfer that finds the limit reached waits for
 * its turn, in order, before it writes its payloads. The size of payloads is not known before they
 * are written. So the payloads of one transfer more may exceed the limit.
 */
import { assert, must } from '../../base/assert.ts'
import type { PayloadTurn } from '../../commands/contract/ports.ts'

class WaitingTurn implements PayloadTurn {
  isReady = false
  readonly ready: () => void
  private readonly room: PayloadRoom

  constructor(room: PayloadRoom, ready: () => void) {
    this.room = room
    this.ready = ready
  }

  giveUp(): void {
    this.room.giveUp(this)
  }
}

/** Counts payloads in memory, and keeps those who wait for room. */
export class PayloadRoom {
  usedBytes = 0
  private readonly maxBytes: number
  /** In order of arrival. Only the first may be ready. */
  private readonly turns: WaitingTurn[] = []

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** True if payloads may be written now. */
  get isOpen(): boolean {
    return this.turns.length === 0 && this.usedBytes < this.maxBytes
  }

  /**
   * Calls `ready` once there is room, after all who waited before. REQUIRES: the room is not open.
   */
  wait(ready: () => void): PayloadTurn {
    const turn = new WaitingTurn(this, ready)
    this.turns.push(turn)
    return turn
  }

  add(bytes: number): void {
    this.usedBytes += bytes
  }

  remove(bytes: number): void {
    this.usedBytes -= bytes
    assert(this.usedBytes >= 0, 'only payloads that were counted are released')
    this.admitNext()
  }

  /** Ends a turn: its payloads are written, or nobody waits for it any more. */
  giveUp(turn: WaitingTurn): void {
    const index = this.turns.indexOf(turn)
    if (index < 0) return
    this.turns.splice(index, 1)
    this.admitNext()
  }

  private admitNext(): void {
    if (this.turns.length === 0 || this.usedBytes >= this.maxBytes) return
    const first = must(this.turns[0])
    if (first.isReady) return
    first.isReady = true
    first.ready()
  }
}
