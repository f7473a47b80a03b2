/**
 * One logical database: its keys in memory, and the way to the keys that only LevelDB holds. Its
 * records carry `id`, which is never used again; `index` is the number that SELECT names. FLUSHDB
 * puts a new Database with a new id in its place, SWAPDB swaps indexes.
 *
 * Every change goes through the methods here. They keep counts, memory, deadlines and the dirty
 * list right, and count the change in `keyspace.changes`. The executor logs a command exactly when
 * that counter has moved.
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { KIND_ROPE, KIND_STRING, objectIdOf, type Root, readRoot, ropeLengthOf } from '../records/records.ts'
import type { OwnerDatabase } from '../tree/owner.ts'
import { isReadWhole, readCheckedRoot, readCollection } from '../values/collection.ts'
import { Hash } from '../values/hash.ts'
import type { PackedElements } from '../values/packed-elements.ts'
import { MIN_ROPE_BYTES, Rope } from '../values/rope.ts'
import { dropPages, entryBytesOf, moveTo, setOwner, type Value } from '../values/value.ts'
import { dueAtOf, expire, isExpired } from './due.ts'
import { Entry } from './entry.ts'
import { EVENT_HASH, EVENT_KEY_MISS, EVENT_NEW } from './key-events.ts'
import { KeyTable } from './key-table.ts'
import type { Keyspace } from './keyspace.ts'
import { isInUse } from './last-use.ts'
import { NewKeys } from './new-keys.ts'
import type { StoredKey } from './packed-keys.ts'

/** One logical database: its resident keys, and the way to the keys in LevelDB. */
export class Database extends KeyTable implements OwnerDatabase {
  index: number
  /** The generation in which the database was dropped; 0 while it is in use. */
  droppedIn = 0
  /**
   * Keys without a LevelDB record. Those that the checkpoint in flight writes are in
   * `frozenNewKeys`.
   */
  newKeys = new NewKeys()
  frozenNewKeys: NewKeys | null = null

  constructor(keyspace: Keyspace, id: number, index: number) {
    super(keyspace, id)
    this.index = index
  }

  /** Returns the live entry of a key for a read command, and counts a hit or a miss. */
  read(key: Bytes): Entry | undefined {
    const entry = this.find(key)
    if (entry === undefined) this.missed(key)
    else this.keyspace.hits++
    return entry
  }

  /** Counts a miss and reports it as an event. For read commands that do not find their key. */
  missed(key: Bytes): void {
    this.keyspace.misses++
    this.keyspace.event(EVENT_KEY_MISS, 'keymiss', this.index, key)
  }

  /** Returns the live entry of a key. Deletes an expired one first; a replica hides it instead. */
  find(key: Bytes): Entry | undefined {
    const entry = this.peek(key)
    if (entry !== undefined && this.keyspace.isUseCounted) entry.lastUse = this.used(entry.lastUse)
    return entry
  }

  /** Returns what a key's `lastUse` becomes with a use now. */
  private used(lastUse: number): number {
    const { useCounter, monotonicSeconds } = this.keyspace
    return useCounter === null ? monotonicSeconds : useCounter.used(lastUse, monotonicSeconds)
  }

  /** Like `find`, without counting as use: for TYPE, TTL, OBJECT and the like. */
  peek(key: Bytes): Entry | undefined {
    const entry = this.lookup(key)
    return entry !== undefined && entry.dueAtMs !== 0 && this.keyspace.isPast(entry.dueAtMs) ? this.expireOrHide(entry) : entry
  }

  /** Returns the entry of a key that exists, expired keys included. */
  lookup(key: Bytes): Entry | undefined {
    const entry = this.entries.get(key)
    if (entry !== undefined) {
      entry.isReferenced = true
      return entry.value === null ? undefined : entry
    }
    if (this.keyCountAtMost === this.residentCount) return undefined // every key is resident
    const packed = this.packed.remove(key)
    if (packed !== null) return this.unpack(key, packed)
    if (this.isKnownAbsent(key)) return undefined
    const record = this.readRoot(key)
    return record === undefined ? undefined : this.makeResident(key, readRoot(record), this.keyspace.monotonicSeconds)
  }

  /**
   * Returns the live value of a key for a read command, and counts a hit or a miss. A packed key
   * stays packed, unless it is in use. Its collection is then decoded for the caller alone.
   * REQUIRES: the value is not changed.
   */
  readValue(key: Bytes): Value | undefined {
    const { packed } = this
    if (this.keyCountAtMost !== this.residentCount && this.entries.get(key) === undefined && packed.find(key)) {
      const value = packed.isPlain ? packed.text : this.readPackedRecord()
      if (value !== undefined) {
        this.countPackedRead()
        return value
      }
    }
    return this.read(key)?.value ?? undefined
  }

  /**
   * Returns the elements of a small packed collection for a read command, and counts a hit. They
   * are valid until the next key is packed. Returns null if the key is not packed, or is of another
   * kind or has deadlines; then nothing is counted.
   */
  readElements(key: Bytes, kind: number): PackedElements | null {
    const { packed } = this
    if (this.keyCountAtMost === this.residentCount || this.entries.get(key) !== undefined || !packed.find(key) || packed.isPlain)
      return null
    const elements = packed.elements(kind, this.keyspace.nowMs)
    if (elements !== null) this.countPackedRead()
    return elements
  }

  /** Counts a read of the key that packed keys have found. */
  private countPackedRead(): void {
    const { keyspace, packed } = this
    packed.noteUse()
    if (keyspace.isUseCounted) packed.lastUse = this.used(packed.lastUse)
    keyspace.hits++
  }

  /**
   * Returns the value of the record that packed keys have found, if reading it changes nothing and
   * the key is not in use.
   */
  private readPackedRecord(): Value | undefined {
    const { keyspace, packed } = this
    if (isInUse(packed.lastUse, keyspace.monotonicSeconds)) return undefined
    const root = readCheckedRoot(packed.record)
    if (!isReadWhole(root) || (root.expireAtMs !== 0 && keyspace.isPast(root.expireAtMs))) return undefined
    return this.decodeValue(root)
  }

  /** Makes a key resident that was packed. REQUIRES: it has no entry. */
  private unpack(key: Bytes, { content, lastUse }: StoredKey): Entry {
    if (typeof content === 'string') return this.addStored(new Entry(this, key, content), lastUse)
    return this.makeResident(key, readCheckedRoot(content), lastUse)
  }

  /** Makes a key resident from its root record. REQUIRES: it has no entry and is not packed. */
  private makeResident(key: Bytes, root: Root, lastUse: number): Entry {
    const value = this.decodeValue(root)
    const entry = new Entry(this, key, value)
    if (typeof value !== 'string') setOwner(value, entry)
    entry.expireAtMs = root.expireAtMs
    entry.dueAtMs = dueAtOf(entry)
    entry.storedDueAtMs = entry.dueAtMs
    return this.addStored(entry, lastUse)
  }

  /** Gives a key a value and no deadline, whether the key exists or not. */
  set(key: Bytes, value: Value | Buffer): Entry {
    // The two common cases cost one lookup in the map: a resident key without a deadline, and a new
    // key while all keys are resident.
    const resident = this.entries.get(key)
    if (resident === undefined) {
      if (this.keyCountAtMost === this.residentCount) return this.make(undefined, key, value)
      if (this.packed.find(key)) {
        if (this.packed.isPlain) return this.replacePacked(key, value)
      } else if (this.keyspace.unsettled.mayAdd && !this.isKnownAbsent(key)) return this.setUnsettled(key, value)
    } else if (resident.value !== null && resident.expireAtMs === 0) {
      resident.isReferenced = true
      resident.lastUse = this.used(resident.lastUse)
      this.replace(resident, value)
      return resident
    }
    const entry = this.find(key)
    if (entry === undefined) return this.create(key, value)
    this.replace(entry, value)
    if (entry.expireAtMs !== 0) this.clearDeadline(entry)
    return entry
  }

  /** Gives a key another value that is packed as a string, which is not read. */
  private replacePacked(key: Bytes, value: Value | Buffer): Entry {
    const { packed } = this
    const { lastUse } = packed
    packed.removePlace()
    const entry = this.addStored(new Entry(this, key, ''), this.used(lastUse))
    this.replace(entry, value)
    return entry
  }

  /**
   * Sets a key that LevelDB may have. REQUIRES: `unsettled.mayAdd`, and the key has no entry and is
   * not packed.
   */
  private setUnsettled(key: Bytes, value: Value | Buffer): Entry {
    const entry = this.make(undefined, key, value)
    entry.isStored = true
    this.keyspace.unsettled.add(entry)
    return entry
  }

  /** Gives an existing key another value and keeps its deadline. */
  replace(entry: Entry, value: Value | Buffer): void {
    this.touch(entry)
    this.assign(entry, value)
  }

  /** Creates a key. REQUIRES: the key does not exist. */
  create(key: Bytes, value: Value | Buffer): Entry {
    return this.make(this.entries.get(key), key, value)
  }

  /** Creates a key by reviving its tombstone, or with a new entry if there is no tombstone. */
  private make(tombstone: Entry | undefined, key: Bytes, value: Value | Buffer): Entry {
    let entry = tombstone
    // An expired key that was only hidden is deleted before its successor is created.
    if (entry !== undefined && entry.value !== null) expire(entry)
    if (entry === undefined) {
      entry = new Entry(this, key, null)
      this.entries.add(key, entry)
      this.residents.add(entry, entry.sizeBytes)
    } else this.tombstoneCount--
    // The checkpoint in flight may be about to remove a deleted key's record from LevelDB.
    const mayBeMissing = !entry.isStored || this.keyspace.frozenGeneration !== 0
    if (mayBeMissing && entry.generation !== this.keyspace.generation) this.newKeys.add(key)
    this.touch(entry)
    this.assign(entry, value)
    entry.lastUse = this.keyspace.monotonicSeconds
    this.keyCountAtMost++
    this.residentCount++
    if (this.slots !== null) this.slots.add(key)
    this.keyspace.event(EVENT_NEW, 'new', this.index, key)
    return entry
  }

  /** Deletes an existing key. */
  remove(entry: Entry): void {
    const { value } = entry
    this.detach(entry)
    if (typeof value !== 'string') dropPages(must(value))
  }

  /**
   * Deletes an existing key but keeps its value, which the caller gives to another key with
   * `attach`.
   */
  detach(entry: Entry): Value {
    const value = must(entry.value, 'only a key that exists is deleted')
    this.touch(entry)
    if (typeof value === 'string') this.resize(-value.length)
    else {
      this.resize(-entryBytesOf(value))
      setOwner(value, null)
    }
    entry.value = null
    entry.dueAtMs = 0
    this.signal(entry.key)
    if (entry.expireAtMs !== 0) this.clearDeadline(entry)
    this.keyCountAtMost--
    this.residentCount--
    if (this.slots !== null) this.slots.remove(entry.key)
    this.tombstoneCount++
    assert(this.residentCount >= 0 && this.keyCountAtMost >= this.residentCount, 'resident keys are among the keys that exist')
    return value
  }

  /**
   * Creates a key from a value that `detach` took from another key. REQUIRES: the key does not
   * exist.
   */
  attach(key: Bytes, value: Value, expireAtMs: number): Entry {
    if (typeof value !== 'string') moveTo(value, this)
    const entry = this.create(key, value)
    if (expireAtMs !== 0) this.setDeadline(entry, expireAtMs)
    return entry
  }

  /** Deletes a key. Returns false if it did not exist. */
  delete(key: Bytes): boolean {
    const entry = this.find(key)
    if (entry === undefined) return false
    this.remove(entry)
    return true
  }

  /** Sets the deadline of an existing key in ms since the epoch; 0 removes it. */
  setDeadline(entry: Entry, expireAtMs: number): void {
    if (expireAtMs === 0) {
      if (entry.expireAtMs !== 0) {
        this.touch(entry)
        this.clearDeadline(entry)
      }
      return
    }
    this.touch(entry)
    if (entry.expireAtMs === 0) this.volatileCountAtMost++
    entry.expireAtMs = expireAtMs
    this.dueChanged(entry)
  }

  /**
   * Recomputes `dueAtMs` after the deadline of the key or of its hash's next field has changed.
   * REQUIRES: the entry has been touched.
   */
  dueChanged(entry: Entry): void {
    const before = entry.dueAtMs
    const dueAtMs = dueAtOf(entry)
    entry.dueAtMs = dueAtMs
    // A later deadline needs no new hint, because the earlier hint leads to it. A deadline that is
    // refreshed again and again therefore keeps one hint.
    if (dueAtMs !== 0 && (before === 0 || dueAtMs < before)) this.keyspace.deadlines.add(entry)
  }

  /** Marks an entry dirty. REQUIRES: called before every change of its value in place. */
  touch(entry: Entry): void {
    const { keyspace } = this
    keyspace.changes++
    if (keyspace.observers !== null) for (const observer of keyspace.observers) observer.onChange(this.index, entry.key)
    if (entry.generation !== keyspace.generation) keyspace.touchSlow(entry, entry.sizeBytes)
  }

  private assign(entry: Entry, value: Value | Buffer): void {
    const old = entry.value
    entry.isModifiedInPlace = false
    if (typeof old === 'string') this.resize(-old.length)
    else if (old !== null && old !== value) {
      this.resize(-entryBytesOf(old))
      setOwner(old, null)
      dropPages(old)
    }
    if (typeof value === 'string') {
      if (value.length < MIN_ROPE_BYTES) {
        entry.value = value
        this.resize(value.length)
      } else entry.value = Rope.of(this, value)
    } else if (Buffer.isBuffer(value)) entry.value = this.ofBuffer(value)
    else if (old !== value) {
      entry.value = value
      setOwner(value, entry)
      this.resize(entryBytesOf(value))
    }
    if (entry.dueAtMs !== entry.expireAtMs || entry.value instanceof Hash) this.dueChanged(entry)
    this.signal(entry.key)
  }

  /** Notifies the clients that are blocked on the key. */
  signal(key: Bytes): void {
    this.keyspace.keyWaiters?.onKeyChanged(this.index, key)
  }

  private decodeValue(root: Root): Value {
    if (root.kind === KIND_STRING) return root.payload.latin1Slice()
    return root.kind === KIND_ROPE ? new Rope(this, objectIdOf(root), ropeLengthOf(root), true) : readCollection(this, root)
  }

  private ofBuffer(value: Buffer): Value {
    if (value.length >= MIN_ROPE_BYTES) return Rope.of(this, value)
    this.resize(value.length)
    return value.latin1Slice()
  }

  /** Adds to the memory of touched entries and pages, in bytes; negative when it shrinks. */
  resize(bytes: number): void {
    this.residents.bytes += bytes
    this.keyspace.dirtyBytes += bytes
  }

  private clearDeadline(entry: Entry): void {
    entry.expireAtMs = 0
    this.volatileCountAtMost--
    assert(this.volatileCountAtMost >= 0, 'keys with a deadline are not negative')
    this.dueChanged(entry)
  }

  /**
   * Handles a lookup of a key that is due, or whose fields are: deletes it on a master, hides it on
   * a replica. Returns the entry if it still exists.
   */
  private expireOrHide(entry: Entry): Entry | undefined {
    if (!isExpired(entry)) return entry
    if (this.keyspace.expiryMode === 'delete') expire(entry)
    return undefined
  }

  fieldsExpired(key: Bytes, fields: readonly Bytes[]): void {
    const { keyspace, index } = this
    keyspace.log.fieldsDeleted(index, key, fields)
    keyspace.event(EVENT_HASH, 'hexpired', index, key)
  }
}
