/**
 * ACL LOG: refusals with their users, newest first. A repeated refusal within a minute raises the
 * entry's count instead of adding an entry.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { AclContext, Reason } from '../contract/access.ts'

export interface AclEvent {
  readonly reason: Reason | 'auth'
  readonly context: AclContext
  /** The command, key or channel; for authentication AUTH or HELLO as the client wrote it. */
  readonly object: Bytes
  readonly username: Bytes
  /** The client's line of CLIENT LIST. */
  readonly client: Bytes
}

export interface AclLogEntry extends AclEvent {
  readonly id: number
  readonly createdAtMs: number
  count: number
  client: Bytes
  updatedAtMs: number
  /** `updatedAtMs` on the monotonic clock, for the age. */
  seenMs: number
}

/** Equal refusals within this time are one entry. */
const GROUPING_MS = 60_000
/** Only this many of the newest entries are compared. */
const MAX_COMPARED_ENTRIES = 10

/** The entries of ACL LOG, newest first. */
export class AclLog {
  readonly entries: AclLogEntry[] = []
  private readonly monotonicMs: () => number
  private nextId = 0

  constructor(monotonicMs: () => number) {
    this.monotonicMs = monotonicMs
  }

  /** `nowMs` is the wall time. */
  add(event: AclEvent, nowMs: number, maxEntries: number): void {
    const { entries } = this
    const seenMs = this.monotonicMs()
    const known = entries.slice(0, MAX_COMPARED_ENTRIES).findIndex((entry) => isSame(entry, event) && seenMs - entry.seenMs <= GROUPING_MS)
    if (known >= 0) {
      const [entry] = entries.splice(known, 1) as [AclLogEntry]
      entry.count++
      entry.client = event.client
      entry.updatedAtMs = nowMs
      entry.seenMs = seenMs
      entries.unshift(entry)
    } else entries.unshift({ ...event, id: this.nextId++, count: 1, createdAtMs: nowMs, updatedAtMs: nowMs, seenMs })
    this.trim(maxEntries)
  }

  /** The time since an entry's last refusal. */
  ageMs({ seenMs }: AclLogEntry): number {
    return this.monotonicMs() - seenMs
  }

  trim(maxEntries: number): void {
    if (this.entries.length > maxEntries) this.entries.length = maxEntries
  }

  reset(): void {
    this.entries.length = 0
  }
}

function isSame(a: AclEvent, b: AclEvent): boolean {
  return a.reason === b.reason && a.context === b.context && a.object === b.object && a.username === b.username
}
