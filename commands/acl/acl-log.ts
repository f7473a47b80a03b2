/** ACL LOG: what was refused to whom, newest first. The same refusal again within a minute raises a count instead of the number of entries. */
import type { Bytes } from '../../storage/bytes.ts'
import type { Reason } from './selector.ts'

/** Where the request came from. */
export type AclContext = 'toplevel' | 'multi' | 'lua' | 'module'

export interface AclEvent {
  readonly reason: Reason | 'auth'
  readonly context: AclContext
  /** Command, key or channel; AUTH or HELLO as the client wrote it. */
  readonly object: Bytes
  readonly username: Bytes
  /** The line of CLIENT LIST. */
  readonly client: Bytes
}

export interface AclLogEntry extends AclEvent {
  readonly id: number
  readonly createdAtMs: number
  count: number
  client: Bytes
  updatedAtMs: number
}

/** The same refusals so long after each other are one entry. */
const GROUPING_MS = 60_000
/** So many of the newest entries are looked at for it. */
const GROUPING_ENTRIES = 10

export class AclLog {
  readonly entries: AclLogEntry[] = []
  private nextId = 0

  add(event: AclEvent, nowMs: number, maxEntries: number): void {
    const { entries } = this
    const known = entries.slice(0, GROUPING_ENTRIES).findIndex((entry) => isSame(entry, event) && nowMs - entry.updatedAtMs <= GROUPING_MS)
    if (known >= 0) {
      const [entry] = entries.splice(known, 1) as [AclLogEntry]
      entry.count++
      entry.client = event.client
      entry.updatedAtMs = nowMs
      entries.unshift(entry)
    } else entries.unshift({ ...event, id: this.nextId++, count: 1, createdAtMs: nowMs, updatedAtMs: nowMs })
    this.trim(maxEntries)
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
