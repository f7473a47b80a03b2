/**
 * Remembers which clients have read which keys, until a change of the key is notified. A limit
 * bounds the number of keys. Past it a random key is removed, and the caller must notify its
 * readers as if the key had changed.
 *
 * Keys are not separated by database: a reader of `a` in one database is notified of changes of `a`
 * in another, as in Redis. A reader that stops tracking is not removed at once. While the table has
 * such readers, each added key also checks two other keys for them.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import { KeyMap } from '../../storage/keyspace/key-map.ts'
import type { SessionTracker } from '../contract/tracking.ts'

interface TrackedKey {
  readonly key: Bytes
  /** One tracker or several; most keys have one. */
  readers: SessionTracker | Set<SessionTracker>
  /** Its index in `all`. */
  index: number
}

/** The limit in place of "no limit": a table of this size always fits in memory. */
const MAX_TRACKED_KEYS = 8_000_000

/** A bounded table of the clients that have read each key. */
export class TrackingTable {
  private byKey = new KeyMap<TrackedKey>()
  /** All keys, in no order. */
  private all: TrackedKey[] = []
  private readonly random: Random
  private limit = MAX_TRACKED_KEYS
  private items = 0
  /** The number of pairs of a key and a reader that no longer tracks. */
  private goneItems = 0
  /** The index in `all` where the next search for readers that no longer track begins. */
  private nextLook = 0

  constructor(random: Random) {
    this.random = random
  }

  get keyCount(): number {
    return this.all.length
  }

  /** The number of pairs of a key and a reader. */
  get itemCount(): number {
    return this.items
  }

  get isFull(): boolean {
    return this.all.length > this.limit
  }

  /** Sets the maximum number of keys; 0 means MAX_TRACKED_KEYS. */
  setLimit(keys: number): void {
    this.limit = keys === 0 ? MAX_TRACKED_KEYS : Math.min(keys, MAX_TRACKED_KEYS)
  }

  add(key: Bytes, reader: SessionTracker): void {
    const tracked = this.byKey.get(key)
    if (tracked === undefined) {
      const added: TrackedKey = { key, readers: reader, index: this.all.length }
      this.byKey.add(key, added)
      this.all.push(added)
    } else if (!addReader(tracked, reader)) return
    this.items++
    reader.itemCount++
    for (let i = 0; i < 2 && this.goneItems > 0; i++) this.collectDeadReaders()
  }

  /** Removes a key and returns its readers to notify; null if the key is unknown. */
  removeKey(key: Bytes): readonly SessionTracker[] | null {
    const tracked = this.byKey.get(key)
    if (tracked === undefined) return null
    this.remove(tracked)
    const readers = readersOf(tracked)
    for (const reader of readers) this.dropItemOf(reader)
    return readers
  }

  /** Returns the chosen keys. O(keys). */
  keysWhere(isChosen: (key: Bytes) => boolean): Bytes[] {
    return this.all.map(({ key }) => key).filter(isChosen)
  }

  /** Returns a random key. REQUIRES: the table is not empty. */
  randomKey(): Bytes {
    return must(this.all[Math.floor(this.random() * this.all.length)]).key
  }

  /** Records that a client stops tracking. */
  noteReaderGone(reader: SessionTracker): void {
    this.goneItems += reader.itemCount
  }

  /** Removes everything in O(readers). `readers` are the clients that keep tracking. */
  clear(readers: Iterable<SessionTracker>): void {
    for (const reader of readers) reader.itemCount = 0
    this.byKey = new KeyMap()
    this.all = []
    this.items = 0
    this.goneItems = 0
  }

  private dropItemOf(reader: SessionTracker): void {
    this.items--
    reader.itemCount--
    if (reader.hasEnded) this.goneItems--
  }

  private remove({ key, index }: TrackedKey): void {
    const last = must(this.all.pop())
    if (last.index !== index) {
      last.index = index
      this.all[index] = last
    }
    this.byKey.delete(key)
  }

  private collectDeadReaders(): void {
    this.nextLook = this.nextLook === 0 ? this.all.length - 1 : Math.min(this.nextLook, this.all.length) - 1
    const tracked = must(this.all[this.nextLook])
    const readers = readersOf(tracked)
    const left = readers.filter((reader) => !reader.hasEnded)
    if (left.length === readers.length) return
    for (const reader of readers) if (reader.hasEnded) this.dropItemOf(reader)
    if (left.length === 0) this.remove(tracked)
    else tracked.readers = left.length === 1 ? must(left[0]) : new Set(left)
  }
}

/** Returns true if the reader was added, false if it was there. */
function addReader(tracked: TrackedKey, reader: SessionTracker): boolean {
  const { readers } = tracked
  if (readers === reader) return false
  if (!(readers instanceof Set)) {
    tracked.readers = new Set([readers, reader])
    return true
  }
  if (readers.has(reader)) return false
  readers.add(reader)
  return true
}

function readersOf({ readers }: TrackedKey): readonly SessionTracker[] {
  return readers instanceof Set ? [...readers] : [readers]
}
