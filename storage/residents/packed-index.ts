/**
 * The addresses of the packed keys of one database, by key: extendible hashing as in
 * storage/keyspace/key-map.ts, over slots of two numbers. The keys themselves are in the slabs.
 *
 *   slot     hash, address in the slabs; a hash of 0 is an empty slot
 *
 * A key that finds no slot near its home is dropped: LevelDB has it.
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { PackedSlabs } from './packed-slabs.ts'

// hot: reads of keys without an entry look here

/** Slots of a segment before it is split rather than doubled. */
export const SEGMENT_SLOTS = 16_384
const FIRST_SLOTS = 64
const MAX_DEPTH = 24
/** A key that finds no slot within this distance of its home is dropped. */
const MAX_PROBES = 512
/** The directory has at most this many times the positions that evenly spread keys need. */
const MAX_DIRECTORY_RATIO = 16

class IndexSegment {
  readonly depth: number
  /** Two numbers a slot. */
  slots: Int32Array
  mask: number
  count = 0

  constructor(depth: number, size: number) {
    this.depth = depth
    this.slots = new Int32Array(2 * size)
    this.mask = size - 1
  }

  /** Fills a slot. Returns false if none of the slots within MAX_PROBES is empty. */
  put(hash: number, address: number): boolean {
    const { slots, mask } = this
    const home = hash & mask
    let slot = home
    while (slots[2 * slot] !== 0) {
      slot = (slot + 1) & mask
      if (((slot - home) & mask) === MAX_PROBES) return false
    }
    slots[2 * slot] = hash
    slots[2 * slot + 1] = address
    this.count++
    return true
  }

  /** Empties a slot and moves up the keys that its key had displaced. */
  empty(slot: number): void {
    const { slots, mask } = this
    let hole = slot
    for (let next = (hole + 1) & mask; slots[2 * next] !== 0; next = (next + 1) & mask) {
      const home = (slots[2 * next] as number) & mask
      if (((next - home) & mask) < ((next - hole) & mask)) continue
      slots[2 * hole] = slots[2 * next] as number
      slots[2 * hole + 1] = slots[2 * next + 1] as number
      hole = next
    }
    slots[2 * hole] = 0
    this.count--
  }

  get size(): number {
    return this.mask + 1
  }

  /** True if the segment cannot take another key: probing stays short below three quarters. */
  get isFull(): boolean {
    return (this.count + 1) * 4 > this.size * 3
  }

  /** True if half of the slots are too many. */
  get isSparse(): boolean {
    return this.size > FIRST_SLOTS && this.count * 8 < this.size
  }
}

/** The addresses of packed keys, by key. */
export class PackedIndex {
  /** The number of keys. */
  count = 0
  private readonly slabs: PackedSlabs
  private readonly segmentSlots: number
  private readonly hash: (key: Bytes) => number
  private readonly onDropped: (address: number) => void
  private readonly first = new IndexSegment(0, FIRST_SLOTS)
  /** The directory has at least two positions, so that the shift stays below 32. */
  private directory: IndexSegment[] = [this.first, this.first]
  private depth = 1
  private shift = 31
  /** The place, which `find` sets. */
  private segment: IndexSegment = this.first
  private slot = 0

  /**
   * `hash` returns a signed 32-bit integer other than 0. `onDropped` is called for each key that
   * finds no slot.
   */
  constructor(slabs: PackedSlabs, segmentSlots: number, hash: (key: Bytes) => number, onDropped: (address: number) => void) {
    assert((segmentSlots & (segmentSlots - 1)) === 0 && segmentSlots >= FIRST_SLOTS, 'a segment has a power of two of slots')
    this.slabs = slabs
    this.segmentSlots = segmentSlots
    this.hash = hash
    this.onDropped = onDropped
  }

  /** Sets the place to a key. Returns false if it is missing. The place holds until a change. */
  find(key: Bytes): boolean {
    const hash = this.hash(key)
    const segment = this.directory[hash >>> this.shift] as IndexSegment
    const { slots, mask } = segment
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = slots[2 * slot] as number
      if (found === 0) return false
      if (found !== hash || !this.slabs.matches(slots[2 * slot + 1] as number, key)) continue
      this.segment = segment
      this.slot = slot
      return true
    }
  }

  /** The address at the place. REQUIRES: `find` has returned true. */
  get address(): number {
    return this.segment.slots[2 * this.slot + 1] as number
  }

  /** Records that the key at the place has another address. */
  set address(address: number) {
    this.segment.slots[2 * this.slot + 1] = address
  }

  /** Adds a key, or drops it. REQUIRES: the key is not in the index. */
  add(key: Bytes, address: number): void {
    const hash = this.hash(key)
    let segment = this.directory[hash >>> this.shift] as IndexSegment
    this.count++
    while (segment.isFull) {
      if (segment.size < this.segmentSlots) this.resize(segment, segment.size * 2)
      else if (this.maySplit(segment)) this.split(segment, hash)
      else {
        this.drop(address)
        return
      }
      segment = this.directory[hash >>> this.shift] as IndexSegment
    }
    if (!segment.put(hash, address)) this.drop(address)
  }

  /** Removes the key at the place. REQUIRES: `find` has returned true. */
  removePlace(): void {
    const { segment } = this
    segment.empty(this.slot)
    this.count--
    if (segment.isSparse) this.resize(segment, segment.size / 2)
  }

  /** Returns the address of a random key; undefined if there is none near the drawn slot. */
  draw(random: () => number): number | undefined {
    const { slots, mask, size } = must(this.directory[Math.floor(random() * this.directory.length)])
    const drawn = Math.floor(random() * size)
    for (let step = 0; step < FIRST_SLOTS; step++) {
      const slot = (drawn + step) & mask
      if (slots[2 * slot] !== 0) return slots[2 * slot + 1]
    }
    return undefined
  }

  /** The addresses of all keys. */
  *addresses(): Iterable<number> {
    for (const { slots } of new Set(this.directory)) {
      for (let at = 0; at < slots.length; at += 2) if (slots[at] !== 0) yield slots[at + 1] as number
    }
  }

  private drop(address: number): void {
    this.count--
    this.onDropped(address)
  }

  /** Gives a segment another number of slots. */
  private resize(segment: IndexSegment, size: number): void {
    const { slots } = segment
    segment.slots = new Int32Array(2 * size)
    segment.mask = size - 1
    segment.count = 0
    for (let at = 0; at < slots.length; at += 2) {
      if (slots[at] !== 0 && !segment.put(slots[at] as number, slots[at + 1] as number)) this.drop(slots[at + 1] as number)
    }
  }

  /**
   * True if splitting a segment may help. A split does not help if the directory already has many
   * more positions than its keys need. The segment's hashes are alike then, and splits would not
   * separate them.
   */
  private maySplit(segment: IndexSegment): boolean {
    if (segment.depth < this.depth) return true
    const positions = 2 ** (this.depth + 1)
    return this.depth < MAX_DEPTH && positions * this.segmentSlots <= MAX_DIRECTORY_RATIO * (this.count + this.segmentSlots)
  }

  /** Replaces a segment by two that share one bit more each. */
  private split(segment: IndexSegment, hash: number): void {
    if (segment.depth === this.depth) {
      this.directory = this.directory.flatMap((shared) => [shared, shared])
      this.depth++
      this.shift--
    }
    const depth = segment.depth + 1
    const halves = [new IndexSegment(depth, this.segmentSlots), new IndexSegment(depth, this.segmentSlots)] as const
    const { slots } = segment
    for (let at = 0; at < slots.length; at += 2) {
      const found = slots[at] as number
      if (found === 0) continue
      if (!halves[((found >>> (32 - depth)) & 1) as 0 | 1].put(found, slots[at + 1] as number)) this.drop(slots[at + 1] as number)
    }
    // The positions of the segment are those that share its top bits.
    const positions = 2 ** (this.depth - segment.depth)
    const start = Math.floor((hash >>> this.shift) / positions) * positions
    for (let i = 0; i < positions; i++) this.directory[start + i] = halves[i < positions / 2 ? 0 : 1]
  }
}
