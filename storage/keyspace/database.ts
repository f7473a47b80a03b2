/**
 * One logical database: the keys resident in memory, and the way to those that are only in LevelDB. Its records carry `id`, which is never
 * used again; `index` is what SELECT names. FLUSHDB puts a new Database with a new id in its place, SWAPDB swaps indexes.
 *
 * Every change goes through the methods here, which keep counts, memory, deadlines and the dirty list right and count it in
 * `keyspace.changes`: the executor logs a command exactly when that has moved.
 */
import type { Bytes } from '../../base/bytes.ts'
import { KIND_ROPE, KIND_STRING, objectIdOf, type Root, readRoot, rootKey, ropeLengthOf } from '../records/records.ts'
import { readCollection } from '../values/collection.ts'
import { Hash } from '../values/hash.ts'
import { ROPE_MIN_BYTES, Rope } from '../values/rope.ts'
import { belongTo, dropPages, entryBytesOf, hasResidentPages, moveTo } from '../values/value.ts'
import { Entry, type Value } from './entry.ts'
import { EVENT_EXPIRED, EVENT_GENERIC, EVENT_HASH, EVENT_KEY_MISS, EVENT_NEW } from './key-events.ts'
import { KeyMap } from './key-map.ts'
import type { Keyspace } from './keyspace.ts'
import { NewKeys } from './new-keys.ts'
import { Residents } from './residents.ts'

export class Database {
  readonly keyspace: Keyspace
  readonly id: number
  index: number
  /** Keys that exist, expired ones that nobody has deleted yet included. */
  keyCount = 0
  /** Keys with a deadline. */
  volatileCount = 0
  /** Not 0: dropped, as of this generation. */
  droppedIn = 0
  readonly residents = new Residents()
  /** Keys that no LevelDB record exists of, and those that the checkpoint in flight is writing. */
  newKeys = new NewKeys()
  frozenNewKeys: NewKeys | null = null
  private readonly entries = new KeyMap()
  /** Resident keys that exist (tombstones are resident, too). */
  private residentCount = 0

  constructor(keyspace: Keyspace, id: number, index: number) {
    this.keyspace = keyspace
    this.id = id
    this.index = index
  }

  /** The live entry of a key for a read command: counts a hit or a miss. */
  read(key: Bytes): Entry | undefined {
    const entry = this.find(key)
    if (entry === undefined) this.missed(key)
    else this.keyspace.hits++
    return entry
  }

  /** A read command has not found a key. */
  missed(key: Bytes): void {
    this.keyspace.misses++
    this.keyspace.event(EVENT_KEY_MISS, 'keymiss', this.index, key)
  }

  /** The live entry of a key; an expired one is deleted first, or hidden on a replica. */
  find(key: Bytes): Entry | undefined {
    const entry = this.peek(key)
    if (entry !== undefined && this.keyspace.touching) entry.accessedAt = this.keyspace.seconds
    return entry
  }

  /** Like `find`, but no sign of use: for TYPE, TTL, OBJECT and the like. */
  peek(key: Bytes): Entry | undefined {
    const entry = this.lookup(key)
    return entry !== undefined && entry.dueAt !== 0 && this.keyspace.isPast(entry.dueAt) ? this.met(entry) : entry
  }

  /** Whether finding out about a key would need a read from disk now. */
  isUnknown(key: Bytes): boolean {
    return this.keyCount !== this.residentCount && this.entries.get(key) === undefined
  }

  /** The resident entry, a tombstone included, whatever its deadline. For walks and background work. */
  resident(key: Bytes): Entry | undefined {
    return this.entries.get(key)
  }

  /** The entry of a key that exists, whatever its deadline. */
  lookup(key: Bytes): Entry | undefined {
    const entry = this.entries.get(key)
    if (entry !== undefined) {
      entry.referenced = true
      return entry.value === null ? undefined : entry
    }
    if (this.keyCount === this.residentCount) return undefined // all that exists is resident
    const record = this.keyspace.readRecord(rootKey(this.id, key))
    return record === undefined ? undefined : this.install(key, record)
  }

  /** Makes a key resident from its root record. The key is not resident. */
  install(key: Bytes, record: Buffer): Entry {
    const root = readRoot(record)
    const value = this.valueOf(root)
    const entry = new Entry(this, key, value)
    if (typeof value !== 'string') belongTo(value, entry)
    entry.stored = true
    entry.expireAt = root.expireAt
    entry.dueAt = dueAtOf(entry)
    entry.storedDueAt = entry.dueAt
    entry.accessedAt = this.keyspace.seconds
    this.entries.add(entry)
    this.residentCount++
    const { sizeBytes } = entry
    this.residents.add(entry, sizeBytes)
    this.keyspace.eviction.admit(sizeBytes)
    return entry
  }

  /** Gives a key a value and no deadline, whatever it was before. */
  set(key: Bytes, value: Value | Buffer): Entry {
    // The two common cases cost one look into the map: a resident key without a deadline, and a new key where all are resident.
    const resident = this.entries.get(key)
    if (resident === undefined) {
      if (this.keyCount === this.residentCount) return this.make(undefined, key, value)
    } else if (resident.value !== null && resident.expireAt === 0) {
      resident.referenced = true
      resident.accessedAt = this.keyspace.seconds
      this.replace(resident, value)
      return resident
    }
    const entry = this.find(key)
    if (entry === undefined) return this.create(key, value)
    this.replace(entry, value)
    if (entry.expireAt !== 0) this.clearDeadline(entry)
    return entry
  }

  /** Gives an existing key another value; its deadline stays. */
  replace(entry: Entry, value: Value | Buffer): void {
    this.touch(entry)
    this.assign(entry, value)
  }

  /** Makes a key that does not exist. */
  create(key: Bytes, value: Value | Buffer): Entry {
    return this.make(this.entries.get(key), key, value)
  }

  /** Makes a key of its tombstone or, where there is none, anew. */
  private make(tombstone: Entry | undefined, key: Bytes, value: Value | Buffer): Entry {
    let entry = tombstone
    // A key past its deadline that was only hidden: what comes in its place comes after its end.
    if (entry !== undefined && entry.value !== null) this.expire(entry)
    if (entry === undefined) {
      entry = new Entry(this, key, null)
      this.entries.add(entry)
      this.residents.add(entry, entry.sizeBytes)
    }
    // A stored key that was deleted may be about to leave LevelDB with the checkpoint in flight.
    const mayBeMissing = !entry.stored || this.keyspace.frozenGeneration !== 0
    if (mayBeMissing && entry.generation !== this.keyspace.generation) this.newKeys.add(key)
    this.touch(entry)
    this.assign(entry, value)
    entry.accessedAt = this.keyspace.seconds
    this.keyCount++
    this.residentCount++
    this.keyspace.event(EVENT_NEW, 'new', this.index, key)
    return entry
  }

  /** Deletes an existing key. */
  remove(entry: Entry): void {
    const { value } = entry
    this.detach(entry)
    if (typeof value !== 'string') dropPages(value as Exclude<Value, Bytes>)
  }

  /** Deletes an existing key but not its value, which the caller gives to another key with `attach`. */
  detach(entry: Entry): Value {
    const value = entry.value as Value
    this.touch(entry)
    if (typeof value === 'string') this.resize(-value.length)
    else {
      this.resize(-entryBytesOf(value))
      belongTo(value, null)
    }
    entry.value = null
    entry.dueAt = 0
    this.signal(entry.key)
    if (entry.expireAt !== 0) this.clearDeadline(entry)
    this.keyCount--
    this.residentCount--
    return value
  }

  /** Makes a key that does not exist, of a value that was another key's. */
  attach(key: Bytes, value: Value, expireAt: number): Entry {
    if (typeof value !== 'string') moveTo(value, this)
    const entry = this.create(key, value)
    if (expireAt !== 0) this.setDeadline(entry, expireAt)
    return entry
  }

  /** Deletes a key if it exists; whether it did. */
  delete(key: Bytes): boolean {
    const entry = this.find(key)
    if (entry === undefined) return false
    this.remove(entry)
    return true
  }

  /** Sets when an existing key ends, in ms since the epoch; 0 means never. */
  setDeadline(entry: Entry, expireAt: number): void {
    if (expireAt === 0) {
      if (entry.expireAt !== 0) {
        this.touch(entry)
        this.clearDeadline(entry)
      }
      return
    }
    this.touch(entry)
    if (entry.expireAt === 0) this.volatileCount++
    entry.expireAt = expireAt
    this.dueChanged(entry)
  }

  /** To be called when an entry's deadline has changed, or that of its hash's next field. It has been touched. */
  dueChanged(entry: Entry): void {
    const before = entry.dueAt
    const dueAt = dueAtOf(entry)
    entry.dueAt = dueAt
    // A deadline that is put off needs no hint of its own: the earlier one leads to it. So one that is refreshed again and again has one hint.
    if (dueAt !== 0 && (before === 0 || dueAt < before)) this.keyspace.deadlines.add(entry)
  }

  /** To be called before a value is changed in place. */
  touch(entry: Entry): void {
    const { keyspace } = this
    keyspace.changes++
    if (keyspace.observers !== null) for (const observer of keyspace.observers) observer.changes(this.index, entry.key)
    if (entry.generation !== keyspace.generation) keyspace.touchSlow(entry, entry.sizeBytes)
  }

  /** Forgets a clean entry, and a rope's pages with it if all of them are clean. */
  evict(entry: Entry): void {
    const { value } = entry
    if (value !== null && typeof value !== 'string' && hasResidentPages(value)) {
      entry.referenced = true // its pages go first, one by one
      return
    }
    if (value !== null) this.residentCount--
    this.forget(entry)
    this.keyspace.evictions++
  }

  /** A tombstone whose removal has landed and that is still one. */
  forgetTombstone(entry: Entry): void {
    if (entry.ringIndex >= 0) this.forget(entry)
  }

  /** Entries in memory, tombstones included. */
  get residentEntries(): number {
    return this.entries.size
  }

  get residentKeys(): number {
    return this.residentCount
  }

  /** Sets the counts that the checkpoint recorded. */
  restoreCounts(keys: number, volatile: number): void {
    this.keyCount = keys
    this.volatileCount = volatile
  }

  private forget(entry: Entry): void {
    this.entries.delete(entry.key)
    this.residents.remove(entry, entry.sizeBytes)
  }

  private assign(entry: Entry, value: Value | Buffer): void {
    const old = entry.value
    entry.rewritten = false
    if (typeof old === 'string') this.resize(-old.length)
    else if (old !== null && old !== value) {
      this.resize(-entryBytesOf(old))
      belongTo(old, null)
      dropPages(old)
    }
    if (typeof value === 'string') {
      if (value.length < ROPE_MIN_BYTES) {
        entry.value = value
        this.resize(value.length)
      } else entry.value = Rope.of(this, value)
    } else if (Buffer.isBuffer(value)) entry.value = this.ofBuffer(value)
    else if (old !== value) {
      entry.value = value
      belongTo(value, entry)
      this.resize(entryBytesOf(value))
    }
    if (entry.dueAt !== entry.expireAt || entry.value instanceof Hash) this.dueChanged(entry)
    this.signal(entry.key)
  }

  /** Somebody who is blocked on the key may go on. */
  signal(key: Bytes): void {
    this.keyspace.awaited?.changed(this.index, key)
  }

  private valueOf(root: Root): Value {
    if (root.kind === KIND_STRING) return root.payload.latin1Slice()
    return root.kind === KIND_ROPE ? new Rope(this, objectIdOf(root), ropeLengthOf(root), true) : readCollection(this, root)
  }

  private ofBuffer(value: Buffer): Value {
    if (value.length >= ROPE_MIN_BYTES) return Rope.of(this, value)
    this.resize(value.length)
    return value.latin1Slice()
  }

  /** An entry or page that has been touched takes so many bytes more. */
  resize(bytes: number): void {
    this.residents.bytes += bytes
    this.keyspace.dirtyBytes += bytes
  }

  private clearDeadline(entry: Entry): void {
    entry.expireAt = 0
    this.volatileCount--
    this.dueChanged(entry)
  }

  /** A lookup has met a key that is due, or whose fields are: whether it is still there. */
  private met(entry: Entry): Entry | undefined {
    if (!this.isOver(entry)) return entry
    if (this.keyspace.expiry === 'delete') this.expire(entry)
    return undefined
  }

  /** Whether a key is past its deadline, or all the fields of its hash are past theirs. */
  isOver({ value, expireAt }: Entry): boolean {
    return (expireAt !== 0 && this.keyspace.isPast(expireAt)) || (value instanceof Hash && value.isOver)
  }

  /** Deletes a key because its time has come, or that of all its fields, and logs that. */
  expire(entry: Entry): void {
    const { keyspace, index } = this
    const { changes } = keyspace
    const { key } = entry
    const isKeyDue = entry.expireAt !== 0 && keyspace.isPast(entry.expireAt)
    if (isKeyDue) keyspace.expiredKeys++
    else keyspace.expiredFields += (entry.value as Hash).size
    keyspace.isEnding = true
    this.remove(entry)
    keyspace.isEnding = false
    keyspace.changes = changes // logged here, not as the running command
    keyspace.log.deleted(index, key)
    if (isKeyDue) keyspace.event(EVENT_EXPIRED, 'expired', index, key)
    else {
      keyspace.event(EVENT_HASH, 'hexpired', index, key)
      keyspace.event(EVENT_GENERIC, 'del', index, key)
    }
  }
}

function dueAtOf({ value, expireAt }: Entry): number {
  if (!(value instanceof Hash) || value.nextDeadline === 0) return expireAt
  return expireAt === 0 ? value.nextDeadline : Math.min(expireAt, value.nextDeadline)
}
