/** When an entry is due, by its own deadline or its hash's, and how an expired key is deleted. */
import { Hash } from '../values/hash.ts'
import type { Entry } from './entry.ts'
import { EVENT_EXPIRED, EVENT_GENERIC, EVENT_HASH } from './key-events.ts'

/** Returns the time of the next deletion, as `Entry.dueAt` has it. */
export function dueAtOf({ value, expireAt }: Entry): number {
  if (!(value instanceof Hash) || value.nextDeadline === 0) return expireAt
  return expireAt === 0 ? value.nextDeadline : Math.min(expireAt, value.nextDeadline)
}

/** True if the key is past its deadline, or every field of its hash is. */
export function isOver({ db, value, expireAt }: Entry): boolean {
  return (expireAt !== 0 && db.keyspace.isPast(expireAt)) || (value instanceof Hash && value.isOver)
}

/** Deletes and logs a key that is past its deadline, or whose fields all are. */
export function expire(entry: Entry): void {
  const { db, key } = entry
  const { keyspace, index } = db
  const { changes } = keyspace
  const isKeyDue = entry.expireAt !== 0 && keyspace.isPast(entry.expireAt)
  if (isKeyDue) keyspace.expiredKeys++
  else keyspace.expiredFields += (entry.value as Hash).size
  keyspace.isEnding = true
  db.remove(entry)
  keyspace.isEnding = false
  keyspace.changes = changes // the deletion is logged below, not as part of the running command
  keyspace.log.deleted(index, key)
  if (isKeyDue) keyspace.event(EVENT_EXPIRED, 'expired', index, key)
  else {
    keyspace.event(EVENT_HASH, 'hexpired', index, key)
    keyspace.event(EVENT_GENERIC, 'del', index, key)
  }
}
