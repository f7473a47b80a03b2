/**
 * Commands that count keys. Keys that were set without a look at LevelDB must be settled first
 * (storage/keyspace/unsettled-keys.ts), which takes reads. Such a command waits for them if it runs
 * alone. In a transaction or a script it reads key by key and blocks the server.
 */
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { type Steps, waitFor } from '../../storage/scan/steps.ts'

/** The part of a declaration that says when a command that counts keys waits. */
export const countingKeys = { mayWait: ({ unsettled }: Keyspace): boolean => unsettled.count > 0 } as const

/** Settles all keys. */
export function settleKeys({ unsettled }: Keyspace): Steps<void> {
  return waitFor({ later: () => unsettled.settleLater(), now: () => unsettled.settleAll() })
}
