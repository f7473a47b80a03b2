/** Transactions and units of several commands, as sessions and families see them. */
import type { Bytes } from '../../base/bytes.ts'
import type { Reply } from './reply.ts'
import type { Request } from './request.ts'

/** The requests that a client has queued since MULTI. */
export interface SessionTransaction {
  readonly requests: readonly Request[]
  /** A request was refused since MULTI, so EXEC will refuse the transaction. */
  isSpoiled: boolean
  /** Total size of the queued words. */
  readonly bytes: number
  queue(request: Request): void
}

export interface WatchedKey {
  readonly watch: SessionWatch
  readonly database: number
  readonly key: Bytes
  /**
   * The key had already expired when WATCH ran, so its deletion must not break the watch. Only
   * where keys are not deleted on expiry, as on a replica.
   */
  isExpiredAlready: boolean
}

/** The keys that one client watches. */
export interface SessionWatch {
  readonly keys: WatchedKey[]
  isBroken: boolean
}

/** The keys that clients watch; a change breaks the watch. */
export interface WatchesPort {
  add(watch: SessionWatch, database: number, key: Bytes): void
  remove(watch: SessionWatch): void
  /** True if one of its keys has changed or expired since WATCH. */
  isBroken(watch: SessionWatch): boolean
}

/** Units of several commands: an EXEC, a script or a function. */
export interface UnitsPort {
  readonly watches: WatchesPort
  /** Runs a queued request for the session whose command runs. */
  readonly runQueued: (request: Request) => Reply
  /**
   * Continues a suspended unit. It takes the reply of the part that suspended it and returns the
   * whole reply, or SUSPENDED again.
   */
  continuation: ((reply: Reply) => Reply) | null
  /**
   * Runs several requests as one unit. If `run` answers SUSPENDED, the unit stays open until its
   * last part has ended.
   */
  runTogether(run: () => Reply): Reply
  /**
   * Writes the current unit's effects so far to the group, before this node changes its role and
   * its log's history.
   */
  writeToGroup(): void
}
