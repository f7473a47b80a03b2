/**
 * The keys of one database that are in memory, and their counts. A key that exists is in one of
 * three states:
 *
 *   resident   it has an entry: an object with its value (entry.ts)
 *   packed     it has no entry; its root record is in memory (packed-keys.ts)
 *   on disk    only LevelDB has it
 *
 * Entries of deleted keys, the tombstones, are in the same map as residents.
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { DatabaseMeta } from '../records/meta.ts'
import { DamageError, objectIdOf, type Root, rootDueAtOf, rootKey } from '../records/records.ts'
import { Residents } from '../residents/residents.ts'
import { type CountedSlots, SlotCounts } from '../slots/slot-counts.ts'
import type { TreeObject } from '../tree/object.ts'
import { preloadElements } from '../tree/preload.ts'
import type { Collection } from '../values/collection.ts'
import { Rope } from '../values/rope.ts'
import { SortedSet } from '../values/sorted-set.ts'
import { hasResidentPages, type Value } from '../values/value.ts'
import { AbsentKeys } from './absent-keys.ts'
import type { Entry } from './entry.ts'
import { rootOf } from './frozen-entries.ts'
import { KeyMap } from './key-map.ts'
import type { Keyspace } from './keyspace.ts'
import { PackedKeys, packedContentOf } from './packed-keys.ts'

const preloadedEntries: (Entry | undefined)[] = []
const preloadedValues: (Value | null)[] = []
const preloadedObjects: TreeObject[] = []
const preloadedElements: Bytes[] = []

/** Returns the element that is looked up in a collection; empty if unknown. */
function elementOf(value: Collection, element: Bytes | number): Bytes {
  if (typeof element === 'string') return element
  return value instanceof SortedSet ? value.memberAtStart(element) : ''
}

/** The keys of one database that are in memory, and their counts. */
export class KeyTable {
  readonly keyspace: Keyspace
  readonly id: number
  /**
   * The number of keys, or more: a key that is not settled counts twice if LevelDB has it
   * (unsettled-keys.ts).
   */
  keyCountAtMost = 0
  /** True once a walk has found a key on disk that is not UTF-8. */
  hasBinaryKeys = false
  /** The number of keys with a deadline, or more. */
  volatileCountAtMost = 0
  /** The number of keys in each slot; null on a node outside of a cluster. */
  slots: SlotCounts | null
  readonly residents = new Residents()
  readonly packed = new PackedKeys()
  protected readonly entries = new KeyMap<Entry>()
  private readonly absentKeys = new AbsentKeys()
  /** The number of resident keys that exist; resident tombstones do not count. */
  protected residentCount = 0
  /** The number of keys that exist and have no entry, for `checkCounts`. */
  protected absentCount = 0
  /** The number of resident tombstones, for `checkCounts`. */
  protected tombstoneCount = 0
  /** The sum of what `preload` has read: the compiler may leave out a read without effect. */
  preloadSum = 0

  constructor(keyspace: Keyspace, id: number) {
    this.keyspace = keyspace
    this.id = id
    this.slots = keyspace.mustCountSlots ? new SlotCounts() : null
  }

  /** The number of keys, including expired keys that are not deleted yet. Settles all keys. */
  get keyCount(): number {
    this.keyspace.unsettled.settleAll()
    return this.keyCountAtMost
  }

  /** Returns the number of keys in a slot. Settles all keys. REQUIRES: slots are counted. */
  keysInSlot(slot: number): number {
    this.keyspace.unsettled.settleAll()
    return must(this.slots).of(slot)
  }

  /** The number of keys with a deadline. Settles all keys. */
  get volatileCount(): number {
    this.keyspace.unsettled.settleAll()
    return this.volatileCountAtMost
  }

  /** The number of entries in memory, including tombstones. */
  get residentEntries(): number {
    return this.entries.size
  }

  /** The number of keys in memory, resident or packed. */
  get keysInMemory(): number {
    return this.residentCount + this.packed.count
  }

  /** The number of keys with an entry. */
  get residentKeys(): number {
    return this.residentCount
  }

  /** True if no key is on disk only. */
  get isWholeInMemory(): boolean {
    return this.keyCountAtMost === this.residentCount + this.packed.count
  }

  /** True if only a read from disk can tell whether the key exists. */
  isUnknown(key: Bytes): boolean {
    if (this.isWholeInMemory || this.entries.get(key) !== undefined || this.packed.has(key)) return false
    return !this.absentKeys.has(key, this.keyspace.epoch)
  }

  /** Remembers that LevelDB does not have a key. REQUIRES: read in this epoch, and `isUnknown`. */
  rememberAbsent(key: Bytes): void {
    this.absentKeys.add(key, this.keyspace.epoch)
  }

  /**
   * True if neither memory nor LevelDB has a key. False says nothing. REQUIRES: the key has no
   * entry and is not packed.
   */
  protected isKnownAbsent(key: Bytes): boolean {
    return this.isWholeInMemory || this.absentKeys.has(key, this.keyspace.epoch)
  }

  /**
   * Returns the resident entry, tombstones and expired keys included. For walks and background
   * work. A packed key is as LevelDB has it.
   */
  resident(key: Bytes): Entry | undefined {
    return this.entries.get(key)
  }

  /**
   * Finds a live packed key for a command that does not need its value, and counts a hit but no
   * use. Returns the packed keys with their place at it; null if the key has to be looked up.
   */
  observePacked(key: Bytes): PackedKeys | null {
    const { keyspace, packed } = this
    if (this.keyCountAtMost === this.residentCount || this.entries.get(key) !== undefined || !packed.find(key)) return null
    const { expireAtMs } = packed
    if ((expireAtMs !== 0 && expireAtMs <= keyspace.nowMs) || packed.mayExpireInside) return null
    packed.noteUse()
    keyspace.hits++
    return packed
  }

  /**
   * Reads the way to the values of keys into the processor's cache. `elements[i]` is the element of
   * the collection at `keys[i]` that is looked up, or empty, or the rank of a sorted set's member.
   * Changes nothing.
   */
  preload(keys: readonly Bytes[], elements: readonly (Bytes | number)[], count: number): void {
    this.entries.preload(keys, count, preloadedEntries)
    let sum = 0
    for (let i = 0; i < count; i++) {
      const entry = preloadedEntries[i]
      preloadedEntries[i] = undefined
      preloadedValues[i] = entry === undefined ? null : entry.value
      if (entry !== undefined) sum += entry.key.length + entry.generation
    }
    let collections = 0
    for (let i = 0; i < count; i++) {
      const value = preloadedValues[i] as Value | null
      preloadedValues[i] = null
      if (value === null || value instanceof Rope) continue
      if (typeof value === 'string') sum += value.length
      else {
        preloadedObjects[collections] = value.object
        preloadedElements[collections++] = elementOf(value, must(elements[i]))
      }
    }
    if (collections > 0) sum += preloadElements(preloadedObjects, preloadedElements, collections)
    this.preloadSum = sum | 0
  }

  /** Packs a key whose root record has been read. REQUIRES: `isUnknown`. */
  packRecord(key: Bytes, record: Buffer): void {
    const { keyspace, packed } = this
    const before = packed.bytes
    packed.add(key, packedContentOf(record, keyspace.monotonicSeconds), true)
    keyspace.eviction.admit(packed.bytes - before)
  }

  /** Adds the entry of a key that LevelDB has. Returns the entry. */
  protected addStored(entry: Entry, lastUse: number): Entry {
    entry.isStored = true
    entry.lastUse = lastUse
    this.entries.add(entry.key, entry)
    this.residentCount++
    this.absentCount--
    assert(this.residentCount <= this.keyCountAtMost, 'resident keys are among the keys that exist')
    const { sizeBytes } = entry
    this.residents.add(entry, sizeBytes)
    this.keyspace.eviction.admit(sizeBytes)
    return entry
  }

  /** Reads the root record of a key that has no entry and is not packed. */
  protected readRoot(key: Bytes): Buffer | undefined {
    const { keyspace, id } = this
    const ahead = keyspace.rootsAhead?.find(id, key, keyspace.epoch)
    return ahead === undefined ? keyspace.readRecord(rootKey(id, key)) : (ahead ?? undefined)
  }

  /**
   * Removes what LevelDB has of a key that was set without a look at it: the predecessor's counts,
   * its deadline and its pages. REQUIRES: no checkpoint has begun since.
   */
  settle(entry: Entry, root: Root): void {
    const { keyspace } = this
    assert(entry.storedDueAtMs === 0, 'a key that is not settled has not been written')
    this.keyCountAtMost--
    this.absentCount--
    if (this.slots !== null) this.slots.remove(entry.key)
    if (root.expireAtMs !== 0) this.volatileCountAtMost--
    entry.storedDueAtMs = rootDueAtOf(root)
    const objectId = objectIdOf(root)
    if (objectId === 0) return
    keyspace.droppedObjects++
    keyspace.garbageObjects.push(objectId)
  }

  /**
   * Replaces a clean entry by a packed key. Returns false if the entry was used since the last
   * call. Returns false, and does nothing, if the entry is a tombstone, or pages of its value are
   * in memory, or OBJECT ENCODING would change.
   */
  pack(entry: Entry): boolean {
    const { value, expireAtMs, lastUse } = entry
    if (value === null || entry.isModifiedInPlace || (typeof value !== 'string' && hasResidentPages(value))) return false
    if (entry.isReferenced) {
      entry.isReferenced = false
      return false
    }
    assert(entry.generation <= this.keyspace.landedGeneration, 'only a clean entry is packed')
    const isPlain = typeof value === 'string' && expireAtMs === 0
    const content = isPlain ? value : rootOf(value, expireAtMs)
    this.removeClean(entry)
    this.packed.add(entry.key, { content, isPlain, lastUse }, true) // used some seconds ago
    return true
  }

  /**
   * Removes a clean entry from memory. An entry whose value has resident pages stays for another
   * round, because its pages leave memory first.
   */
  evict(entry: Entry): void {
    const { value } = entry
    if (value !== null && typeof value !== 'string' && hasResidentPages(value)) {
      entry.isReferenced = true // spares it in the next round
      return
    }
    assert(entry.generation <= this.keyspace.landedGeneration, 'only a clean entry leaves memory')
    if (value !== null) this.removeClean(entry)
    else {
      this.tombstoneCount--
      this.removeEntry(entry)
    }
    this.keyspace.evictions++
  }

  /**
   * Removes a tombstone from memory after LevelDB has removed its record. REQUIRES: the entry is
   * still a tombstone.
   */
  removeTombstone(entry: Entry): void {
    assert(entry.value === null, 'only a deleted key is a tombstone')
    if (entry.ringIndex < 0) return
    this.tombstoneCount--
    this.removeEntry(entry)
  }

  /** Compares counts that are kept separately: before they are stored, after evictions. O(1). */
  checkCounts(): void {
    const { keyCountAtMost: keyCount, residentCount, volatileCountAtMost: volatileCount } = this
    assert(this.entries.size === residentCount + this.tombstoneCount, 'an entry is a key that exists or a tombstone')
    assert(keyCount === residentCount + this.absentCount, 'a key that exists is resident or not')
    assert(this.packed.count <= this.absentCount, 'a packed key exists and has no entry')
    assert(volatileCount >= 0 && volatileCount <= keyCount, 'keys with a deadline are among the keys that exist')
  }

  /** Returns the counts for a checkpoint to record. Settles all keys. */
  get meta(): DatabaseMeta {
    const { id, keyCount, volatileCount, slots } = this
    if (slots === null) return { id, keys: keyCount, volatile: volatileCount }
    assert(slots.total() === keyCount, 'each key is counted in its slot')
    return { id, keys: keyCount, volatile: volatileCount, slots: slots.encode() }
  }

  /** Sets the counts that the checkpoint recorded; `counted` has slots that it did not record. */
  restoreCounts({ id, keys, volatile, slots }: DatabaseMeta, counted: CountedSlots | null): void {
    if (volatile > keys) throw new DamageError('meta record: more keys with a deadline than keys')
    this.keyCountAtMost = keys
    this.absentCount = keys
    this.volatileCountAtMost = volatile
    if (this.slots !== null) this.slots = counted?.get(id) ?? SlotCounts.decode(slots ?? '', keys)
  }

  /** Removes the entry of a key that LevelDB has. */
  private removeClean(entry: Entry): void {
    this.residentCount--
    this.absentCount++
    assert(this.residentCount >= 0, 'resident keys are not negative')
    this.removeEntry(entry)
  }

  private removeEntry(entry: Entry): void {
    this.entries.delete(entry.key)
    this.residents.remove(entry, entry.sizeBytes)
  }
}
