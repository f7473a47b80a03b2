/** Decides when a replica sends an ACK to its master. */
import type { AckRequest } from '../protocol/messages.ts'

/** The least interval between ACKs while the applied offset moves. */
const MOVING_MS = 100
/** The interval between ACKs while the applied offset stands still, and between heartbeats. */
const IDLE_MS = 1000
/** The least interval between fsyncs that are made because the master asked for an ACK. */
const SYNC_MS = 100

/** The schedule of ACKs: at once if the master asked, else by time and by the offset that moved. */
export class AckClock {
  /** True while a question of the master is unanswered. */
  isAsked = false
  /** The number of questions since the stream began. */
  asked = 0
  private applied = -1
  private synced = -1
  private sentMs = Number.NEGATIVE_INFINITY
  private syncedMs = Number.NEGATIVE_INFINITY

  /** Starts a stream: the first ACK is due at once. */
  reset(): void {
    this.isAsked = true
    this.asked = 0
  }

  ask(): void {
    this.isAsked = true
    this.asked++
  }

  /**
   * Returns true if an ACK is due, and then counts it as sent. A newly durable offset is reported
   * at once, because clients of the master may be blocked on it.
   */
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

  /** Returns true if a question may cause an fsync now, and then counts the fsync as begun. */
  maySync(nowMs: number): boolean {
    if (nowMs - this.syncedMs < SYNC_MS) return false
    this.syncedMs = nowMs
    return true
  }

  /** Returns true if a heartbeat is due, and then counts it as sent. */
  isHeartbeatDue(nowMs: number): boolean {
    if (nowMs - this.sentMs < IDLE_MS) return false
    this.sentMs = nowMs
    return true
  }
}
