/** When an entry is due, by its own deadline or its hash's, and how an expired key is deleted. */
import { Hash } from '../values/hash.ts'
import type { Entry } from './entry.ts'
import { EVENT_EXPIRED, EVENT_GENERIC, EVENT_HASH } from './key-events.ts'

/** Returns the time of the next deletion, as `Entry.dueAtMs` has it. */
export function dueAtOf({ value, expireAtMs }: Entry): number {
  if (!(value instanceof Hash) || value.nextDeadlineMs === 0) return expireAtMs
  return expireAtMs === 0 ? value.nextDeadlineMs : Math.min(expireAtMs, value.nextDeadlineMs)
}

/** True if the key is past its deadline, or every field of its hash is. */
export function isExpired({ db, value, expireAtMs }: Entry): boolean {
  return (expireAtMs !== 0 && db.keyspace.isPast(expireAtMs)) || (value instanceof Hash && value.isExpired)
}

/** Deletes and logs a key that is past its deadline, or whose fields all are. */
export function expire(entry: Entry): void {
  const { db, key } = entry
  const { keyspace, index } = db
  const { changes } = keyspace
  const isKeyDue = entry.expireAtMs !== 0 && keyspace.isPast(entry.expireAtMs)
  if (isKeyDue) keyspace.expiredKeys++
  else keyspace.expiredFields += (entry.value as Hash).size
  keyspace.isExpiring = true
  db.remove(entry)
  keyspace.isExpiring = false
  keyspace.changes = changes // the deletion is logged below, not as part of the running command
  keyspace.log.deleted(index, key)
  if (isKeyDue) keyspace.event(EVENT_EXPIRED, 'expired', index, key)
  else {
    keyspace.event(EVENT_HASH, 'hexpired', index, key)
    keyspace.event(EVENT_GENERIC, 'del', index, key)
  }
}
