/**
 * Reads the roots that a batch of pipelined requests needs in one asynchronous read, so that cold
 * reads of many clients overlap. Prefetching is an optimisation only: a command reads missing keys
 * synchronously.
 *
 * A result is dropped if LevelDB or the database has changed since the request, or if the key has
 * become resident. The database remembers the keys that LevelDB does not have, so that their
 * commands do not read again.
 */
import { must, rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { firstKeyOf, overwritesBlindly } from '../../commands/contract/key-finder.ts'
import type { Runtimes } from '../../commands/contract/runtimes.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { rootKey } from '../../storage/records/records.ts'

/**
 * Fewer missing keys are read synchronously: a trip to the thread pool costs more than as many
 * reads from the cache.
 */
const MIN_PREFETCHED_KEYS = 8
/** Keys being read at a time, for all clients together. */
const MAX_PREFETCHED_KEYS = 4096

/** Reads the roots for a batch of requests in one asynchronous read. */
export class Prefetcher {
  /** Requests decoded ahead at most. */
  readonly maxRequests = 256
  private readonly keyspace: Keyspace
  private readonly runtimes: Runtimes
  private keysInFlight = 0

  constructor(keyspace: Keyspace, runtimes: Runtimes) {
    this.keyspace = keyspace
    this.runtimes = runtimes
  }

  /** True if a database has keys that are on disk only. */
  isCold(database: number): boolean {
    const db = this.keyspace.database(database)
    return !db.isWholeInMemory
  }

  /** Starts reading, or returns null if that is not worthwhile. Never rejects. */
  start(database: number, requests: readonly Bytes[][]): Promise<void> | null {
    if (requests.length < MIN_PREFETCHED_KEYS || this.keysInFlight >= MAX_PREFETCHED_KEYS) return null
    const db = this.keyspace.database(database)
    const missing = new Set<Bytes>()
    const mayOverwriteBlindly = this.keyspace.unsettled.mayAdd
    for (const args of requests) {
      const runtime = this.runtimes.find(must(args[0]))
      if (runtime === undefined || (mayOverwriteBlindly && overwritesBlindly(runtime.command, args))) continue
      const index = firstKeyOf(runtime.command, args)
      const key = index > 0 ? args[index] : undefined
      if (key !== undefined && db.isUnknown(key)) missing.add(key)
    }
    return missing.size < MIN_PREFETCHED_KEYS ? null : this.read(database, [...missing])
  }

  private async read(database: number, keys: readonly Bytes[]): Promise<void> {
    const { keyspace } = this
    const db = keyspace.database(database)
    const { epoch, eviction } = keyspace
    this.keysInFlight += keys.length
    try {
      keyspace.diskReads += keys.length
      const records = await keyspace.records.getMany(keys.map((key) => Buffer.from(rootKey(db.id, key))))
      if (keyspace.epoch !== epoch || db.droppedIn !== 0) return
      for (const [index, record] of records.entries()) {
        const key = must(keys[index])
        if (!db.isUnknown(key)) continue
        if (record === undefined) {
          db.rememberAbsent(key)
          continue
        }
        eviction.makeRoom()
        // Keys read for other clients must not be evicted before they are used.
        if (eviction.isFull) return
        if (db.isUnknown(key)) db.packRecord(key, record)
      }
    } catch (error) {
      rethrowAssertion(error)
      // The commands read again and report the error.
    } finally {
      this.keysInFlight -= keys.length
    }
  }
}
