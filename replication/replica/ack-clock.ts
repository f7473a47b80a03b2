/** Decides when a replica sends an ACK to its master. */
import type { AckRequest } from '../protocol/messages.ts'

/** The least interval between ACKs while the applied offset moves. */
const MIN_MOVING_INTERVAL_MS = 100
/** The interval between ACKs while the applied offset stands still, and between heartbeats. */
const MAX_ACK_INTERVAL_MS = 1000
/** The least interval between fsyncs that are made because the master asked for an ACK. */
const MIN_SYNC_INTERVAL_MS = 100

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
   * Returns true if an ACK is due, and counts it as sent. A newly durable offset is reported
   * at once, because clients of the master may be blocked on it.
   */
  beginAckIfDue({ applied, synced }: AckRequest, monotonicMs: number): boolean {
    const sinceMs = monotonicMs - this.sentMs
    const isLate = sinceMs >= MAX_ACK_INTERVAL_MS || (applied !== this.applied && sinceMs >= MIN_MOVING_INTERVAL_MS)
    if (!this.isAsked && synced === this.synced && !isLate) return false
    this.isAsked = false
    this.applied = applied
    this.synced = synced
    this.sentMs = monotonicMs
    return true
  }

  /** Returns true if a question may cause an fsync now, and counts the fsync as begun. */
  beginSyncIfDue(monotonicMs: number): boolean {
    if (monotonicMs - this.syncedMs < MIN_SYNC_INTERVAL_MS) return false
    this.syncedMs = monotonicMs
    return true
  }

  /** Returns true if a heartbeat is due, and counts it as sent. */
  beginHeartbeatIfDue(monotonicMs: number): boolean {
    if (monotonicMs - this.sentMs < MAX_ACK_INTERVAL_MS) return false
    this.sentMs = monotonicMs
    return true
  }
}
