/**
 * Which clients have read which keys, until they are told that a key has changed. Bounded by a number of keys: past it one of them, any one,
 * is forgotten, and whoever asked must tell its readers as if it had changed.
 *
 * Keys of all databases are one: a client that reads `a` in one database is told of a change of `a` in another, as in Redis. Readers that track no
 * more are left where they are, and go as the table is used: each key that is added pays for a look at two others while there are any.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import { KeyMap } from '../../storage/keyspace/key-map.ts'
import type { Tracker } from './tracker.ts'

interface TrackedKey {
  readonly key: Bytes
  /** One, or several: most keys have one. */
  readers: Tracker | Set<Tracker>
  /** Its place in `all`. */
  index: number
}

/** What "no limit" comes to: a table that always has room in memory. */
const MOST_KEYS = 8_000_000

export class TrackingTable {
  private byKey = new KeyMap<TrackedKey>()
  /** In no order. */
  private all: TrackedKey[] = []
  private readonly random: Random
  private limit = MOST_KEYS
  private items = 0
  /** Of these, such whose readers track no more. */
  private goneItems = 0
  /** Where the next look for readers that are gone begins. */
  private nextLook = 0

  constructor(random: Random) {
    this.random = random
  }

  get keyCount(): number {
    return this.all.length
  }

  /** Readers of all keys, a client as often as there are keys of it. */
  get itemCount(): number {
    return this.items
  }

  get isFull(): boolean {
    return this.all.length > this.limit
  }

  /** 0 for as many as there can be. */
  setLimit(keys: number): void {
    this.limit = keys === 0 ? MOST_KEYS : Math.min(keys, MOST_KEYS)
  }

  add(key: Bytes, reader: Tracker): void {
    const tracked = this.byKey.get(key)
    if (tracked === undefined) {
      const added: TrackedKey = { key, readers: reader, index: this.all.length }
      this.byKey.add(added)
      this.all.push(added)
    } else if (!addReader(tracked, reader)) return
    this.items++
    reader.itemCount++
    for (let i = 0; i < 2 && this.goneItems > 0; i++) this.lookForGone()
  }

  /** Forgets a key; the readers that are to be told, or null. */
  take(key: Bytes): readonly Tracker[] | null {
    const tracked = this.byKey.get(key)
    if (tracked === undefined) return null
    this.remove(tracked)
    const readers = readersOf(tracked)
    for (const reader of readers) this.drop(reader)
    return readers
  }

  /** Any key: the table has one. */
  any(): Bytes {
    return (this.all[Math.floor(this.random() * this.all.length)] as TrackedKey).key
  }

  /** A client tracks no more. */
  leaves(reader: Tracker): void {
    this.goneItems += reader.itemCount
  }

  /** Forgets everything, at once whatever there is. `readers` are those that go on. */
  clear(readers: Iterable<Tracker>): void {
    for (const reader of readers) reader.itemCount = 0
    this.byKey = new KeyMap()
    this.all = []
    this.items = 0
    this.goneItems = 0
  }

  private drop(reader: Tracker): void {
    this.items--
    reader.itemCount--
    if (reader.isOver) this.goneItems--
  }

  private remove({ key, index }: TrackedKey): void {
    const last = this.all.pop() as TrackedKey
    if (last.index !== index) {
      last.index = index
      this.all[index] = last
    }
    this.byKey.delete(key)
  }

  private lookForGone(): void {
    this.nextLook = this.nextLook === 0 ? this.all.length - 1 : Math.min(this.nextLook, this.all.length) - 1
    const tracked = this.all[this.nextLook] as TrackedKey
    const readers = readersOf(tracked)
    const left = readers.filter((reader) => !reader.isOver)
    if (left.length === readers.length) return
    for (const reader of readers) if (reader.isOver) this.drop(reader)
    if (left.length === 0) this.remove(tracked)
    else tracked.readers = left.length === 1 ? (left[0] as Tracker) : new Set(left)
  }
}

/** Whether it was not there. */
function addReader(tracked: TrackedKey, reader: Tracker): boolean {
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

function readersOf({ readers }: TrackedKey): readonly Tracker[] {
  return readers instanceof Set ? [...readers] : [readers]
}
