/** When a replica tells its master how far it is. */
import type { AckRequest } from '../protocol/messages.ts'

/** While offsets move, at most so often; while nothing does, so often. */
const MOVING_MS = 100
const IDLE_MS = 1000
/** What is asked for brings the binlog to the medium, at most so often. */
const SYNC_MS = 100

export class AckClock {
  /** The master has asked, and is to be answered. */
  isAsked = false
  /** How often it has asked since the stream began. */
  asked = 0
  private applied = -1
  private synced = -1
  private sentMs = Number.NEGATIVE_INFINITY
  private syncedMs = Number.NEGATIVE_INFINITY

  /** A stream begins: the next one is due at once. */
  reset(): void {
    this.isAsked = true
    this.asked = 0
  }

  ask(): void {
    this.isAsked = true
    this.asked++
  }

  /** Whether one is due; it is taken for sent then. What is on the medium is told at once: others may be waiting for just that. */
  isDue({ applied, synced }: AckRequest, nowMs: number): boolean {
    const sinceMs = nowMs - this.sentMs
    const isLate = sinceMs >= IDLE_MS || (applied !== this.applied && sinceMs >= MOVING_MS)
    if (!this.isAsked && synced === this.synced && !isLate) return false
    this.isAsked = false
    this.applied = applied
    this.synced = synced
    this.sentMs = nowMs
    return true
  }

  /** Whether the master's question is worth a sync; it is taken for begun then. */
  maySync(nowMs: number): boolean {
    if (nowMs - this.syncedMs < SYNC_MS) return false
    this.syncedMs = nowMs
    return true
  }

  /** The same for a sign of life without a meaning. */
  isLifeDue(nowMs: number): boolean {
    if (nowMs - this.sentMs < IDLE_MS) return false
    this.sentMs = nowMs
    return true
  }
}
