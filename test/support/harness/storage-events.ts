/**
 * The owner of a storage engine that waits for nothing and needs nothing. Tests put their own
 * functions in.
 */
import type { StorageEvents } from '../../../storage/storage.ts'

export function idleEvents(): StorageEvents {
  return {
    onAvailabilityChanged() {},
    onCheckpointMayBegin() {},
    onExpired() {},
    onInstalled() {},
    onSynced() {},
    pinned: () => Number.POSITIVE_INFINITY,
  }
}
