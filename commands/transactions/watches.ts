/**
 * WATCH: the keys that clients watch, and whether one of them has changed. The first change of a
 * key breaks its watches. A change is a command, expiry, the master's stream, any full sync, or
 * FLUSHDB and SWAPDB if the key exists.
 *
 * A key is watched in the database with its index, also after SWAPDB. Without watches the keyspace
 * is not observed.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { isExpired } from '../../storage/keyspace/due.ts'
import type { KeyObserver } from '../../storage/keyspace/key-events.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { SessionWatch, WatchedKey, WatchesPort } from '../contract/transactions.ts'

/** The keys that one client watches. */
export class Watch implements SessionWatch {
  readonly keys: WatchedKey[] = []
  isBroken = false
}

/** The keys that clients watch; a change breaks the watch. */
export class Watches implements WatchesPort, KeyObserver {
  private readonly keyspace: Keyspace
  /** Watched keys of each database, by key. */
  private readonly watched: Map<Bytes, Set<WatchedKey>>[]
  private readonly all = new Set<SessionWatch>()

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    this.watched = keyspace.databases.map(() => new Map())
  }

  /** The number of pairs of a client and a key. */
  get keyCount(): number {
    let count = 0
    for (const watch of this.all) count += watch.keys.length
    return count
  }

  get clientCount(): number {
    return this.all.size
  }

  add(watch: SessionWatch, database: number, key: Bytes): void {
    const ofDatabase = must(this.watched[database])
    const ofKey = ofDatabase.get(key) ?? new Set()
    for (const other of ofKey) if (other.watch === watch) return
    const watchedKey = { watch, database, key, isExpiredAlready: this.hasExpired(database, key) }
    watch.keys.push(watchedKey)
    ofDatabase.set(key, ofKey.add(watchedKey))
    this.all.add(watch)
    this.keyspace.observe(this)
  }

  remove(watch: SessionWatch): void {
    for (const watchedKey of watch.keys) {
      const ofDatabase = must(this.watched[watchedKey.database])
      const ofKey = ofDatabase.get(watchedKey.key)
      ofKey?.delete(watchedKey)
      if (ofKey?.size === 0) ofDatabase.delete(watchedKey.key)
    }
    this.all.delete(watch)
    if (this.all.size === 0) this.keyspace.unobserve(this)
  }

  /** True if one of its keys has changed or expired since WATCH. */
  isBroken(watch: SessionWatch): boolean {
    return watch.isBroken || watch.keys.some(({ database, key, isExpiredAlready }) => !isExpiredAlready && this.hasExpired(database, key))
  }

  onChange(database: number, key: Bytes): void {
    for (const watchedKey of this.watched[database]?.get(key) ?? []) change(watchedKey)
  }

  onReplace(database: number, by: number | null): void {
    for (const [key, ofKey] of must(this.watched[database])) {
      this.keyspace.eviction.makeRoom()
      const goes = this.keyspace.database(database).lookup(key) !== undefined
      const comes = by !== null && this.keyspace.database(by).lookup(key) !== undefined
      const comesOver = comes && this.hasExpired(by, key)
      for (const watchedKey of ofKey) {
        if ((comes && !comesOver) || (goes && !watchedKey.isExpiredAlready)) watchedKey.watch.isBroken = true
        watchedKey.isExpiredAlready = comesOver
      }
    }
  }

  onReplaceAll(): void {
    for (const watch of this.all) watch.isBroken = true
  }

  private hasExpired(database: number, key: Bytes): boolean {
    const db = this.keyspace.database(database)
    this.keyspace.eviction.makeRoom()
    const entry = db.lookup(key)
    return entry !== undefined && isExpired(entry)
  }
}

function change(watched: WatchedKey): void {
  if (watched.isExpiredAlready) watched.isExpiredAlready = false
  else watched.watch.isBroken = true
}
