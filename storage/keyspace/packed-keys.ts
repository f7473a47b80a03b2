/**
 * The packed keys of one database: clean keys that are in memory as the content of their root
 * records, without objects. The content lies in slabs outside of V8's heap.
 *
 *   entry --- pack: clean, and no page of its value is in memory ---> packed key
 *   entry <-- unpack: a command changes the key or needs its value as an object --
 *
 *   content   a string without a deadline: its value; else the whole root record (records.ts)
 *   note      the last use in 30 bits (last-use.ts), whether the key was used since the clock
 *             hand's last visit, and whether the content is a plain string
 *
 * Invariant: a packed key is no entry, and LevelDB has its root record as it is here. So a packed
 * key can leave memory at any time.
 */
import type { Bytes } from '../../base/bytes.ts'
import { KIND_STRING, readRoot, rootDueAtOf, rootKind } from '../records/records.ts'
import { PackedIndex, SEGMENT_SLOTS } from '../residents/packed-index.ts'
import { END, NO_RECORD, PackedSlabs, SlabCursor } from '../residents/packed-slabs.ts'
import { readCheckedRoot } from '../values/collection.ts'
import { inlineTreeAt, PackedElements } from '../values/packed-elements.ts'
import { hashOf } from './key-hash.ts'

// hot: reads of keys without an entry look here

/**
 * Bytes of memory that a packed key costs beside its key and content, measured: its slot in the
 * index, the head of its record, and its share of the slabs' holes.
 */
export const PACKED_OVERHEAD_BYTES = 40

const IS_PLAIN = 1
const IS_REFERENCED = 2
const FLAGS = IS_PLAIN | IS_REFERENCED
const USE_SHIFT = 2
/** The earliest time that 30 bits hold: 17 years of idleness. */
const EARLIEST_USE = -(2 ** 29)
/** The clock hand passes at most this many holes for each visit. */
const RECORDS_PER_VISIT = 16
/** Records that are moved, at most, for each key that is packed while there are many holes. */
const MOVES_PER_KEY = 3
/** Records that cleaning passes for each that it moves. */
const RECORDS_PER_MOVE = 16

/** A key without an entry: what its root record says, and its last use. */
export interface StoredKey {
  /** A plain string, also as bytes in a buffer; else the root record. */
  readonly content: Bytes | Buffer
  readonly isPlain: boolean
  readonly lastUse: number
}

/**
 * Returns the content of a root record that has been read just now. Throws DamageError if the
 * record is damaged.
 */
export function packedContentOf(record: Buffer, lastUse: number): StoredKey {
  const { kind, expireAtMs, payload } = readRoot(record)
  const isPlain = kind === KIND_STRING && expireAtMs === 0
  return { content: isPlain ? payload : record, isPlain, lastUse }
}

/** The packed keys of one database. */
export class PackedKeys {
  /** Memory of all packed keys, in bytes. */
  bytes = 0
  private readonly slabs = new PackedSlabs()
  private readonly index: PackedIndex
  private readonly hand = new SlabCursor()
  private readonly found = new PackedElements()
  private visitedInRound = 0
  private isRoundOver = false

  /** The parameters are for tests. */
  constructor(segmentSlots = SEGMENT_SLOTS, hash = hashOf) {
    this.index = new PackedIndex(this.slabs, segmentSlots, hash, (address) => this.forget(address))
  }

  get count(): number {
    return this.index.count
  }

  has(key: Bytes): boolean {
    return this.index.find(key)
  }

  /** True if a key is packed as a record, whose value may have pages on disk. */
  isRecord(key: Bytes): boolean {
    return this.index.find(key) && !this.isPlain
  }

  /** Sets the place to a key. Returns false if it is not packed. The place holds until a change. */
  find(key: Bytes): boolean {
    return this.index.find(key)
  }

  /** True if the content at the place is a string. */
  get isPlain(): boolean {
    return (this.slabs.note(this.index.address) & IS_PLAIN) !== 0
  }

  /** The kind of the value at the place (records.ts). */
  get kind(): number {
    return this.isPlain ? KIND_STRING : rootKind(this.record)
  }

  /** The deadline of the key at the place in ms since the epoch; 0 means none. */
  get expireAtMs(): number {
    return this.isPlain ? 0 : readCheckedRoot(this.record).expireAtMs
  }

  /** True if the value at the place may expire before its key: fields of a hash. */
  get mayExpireInside(): boolean {
    if (this.isPlain) return false
    const root = readCheckedRoot(this.record)
    return root.expireAtMs !== rootDueAtOf(root)
  }

  /** The string at the place. */
  get text(): Bytes {
    return this.slabs.text(this.index.address)
  }

  /** The root record at the place, in a buffer that is valid until the next key is packed. */
  get record(): Buffer {
    return this.slabs.view(this.index.address)
  }

  /**
   * The elements of the collection of this kind at the place, valid until the next key is packed.
   * Returns null if they cannot be read where they lie (records.ts).
   */
  elements(kind: number, nowMs: number): PackedElements | null {
    const { slabs, found } = this
    const { address } = this.index
    const buffer = slabs.buffer(address)
    const treeAt = inlineTreeAt(buffer, slabs.offset(address), kind, nowMs)
    if (treeAt < 0) return null
    found.moveTo(buffer, treeAt)
    return found
  }

  get lastUse(): number {
    return this.slabs.note(this.index.address) >> USE_SHIFT
  }

  /** Marks the key at the place as used. */
  noteUse(): void {
    const { slabs, index } = this
    const { address } = index
    slabs.setNote(address, slabs.note(address) | IS_REFERENCED)
  }

  /** Sets the last use of the key at the place. */
  set lastUse(lastUse: number) {
    const { slabs, index } = this
    const { address } = index
    slabs.setNote(address, (lastUse << USE_SHIFT) | (slabs.note(address) & FLAGS))
  }

  /** Adds a key. REQUIRES: LevelDB has this content, and the key is neither packed nor an entry. */
  add(key: Bytes, { content, isPlain, lastUse }: StoredKey, isReferenced: boolean): void {
    const use = Math.max(EARLIEST_USE, lastUse) << USE_SHIFT
    const note = use | (isReferenced ? IS_REFERENCED : 0) | (isPlain ? IS_PLAIN : 0)
    const address = this.slabs.add(key, content, note)
    if (address === NO_RECORD) return
    this.bytes += PACKED_OVERHEAD_BYTES + key.length + content.length
    this.index.add(key, address)
    if (this.slabs.hasHoles) this.cleanSome(MOVES_PER_KEY)
  }

  /**
   * Removes a key and returns it; null if it is not packed. A record lies in a buffer that is valid
   * until the next key is packed.
   */
  remove(key: Bytes): StoredKey | null {
    if (!this.index.find(key)) return null
    const { isPlain, lastUse } = this
    const found = { content: isPlain ? this.text : this.record, isPlain, lastUse }
    this.removePlace()
    return found
  }

  /** Removes the key at the place. */
  removePlace(): void {
    const { address } = this.index
    this.index.removePlace()
    this.forget(address)
  }

  /** The number of packed keys that the hand has not visited in this round; approximate. */
  get leftInRound(): number {
    return this.isRoundOver || this.count === 0 ? 0 : Math.max(1, this.count - this.visitedInRound)
  }

  startRound(): void {
    this.visitedInRound = 0
    this.isRoundOver = false
  }

  /**
   * Moves the hand over at most `steps` packed keys and evicts some until `enough` bytes are freed.
   * A key used since the hand's last visit stays, unless `spared` is 'nothing'. Stops at the end of
   * a round. Returns the bytes freed.
   */
  advanceHand(steps: number, _landedGeneration: number, enough: number, spared: 'used' | 'nothing'): number {
    const { slabs, index, bytes: before } = this
    for (let left = steps; left > 0 && before - this.bytes < enough; left--) {
      this.visitedInRound++
      const address = slabs.moveCursor(this.hand, RECORDS_PER_VISIT)
      if (address === END) {
        this.isRoundOver = true
        break
      }
      if (address === NO_RECORD) continue
      const note = slabs.note(address)
      if ((note & IS_REFERENCED) !== 0 && spared === 'used') slabs.setNote(address, note & ~IS_REFERENCED)
      else if (index.find(slabs.key(address))) this.removePlace()
    }
    return before - this.bytes
  }

  /**
   * Moves at most `count` records out of slabs that consist mostly of holes. Returns true if there
   * is more to move.
   */
  cleanSome(count: number): boolean {
    const { slabs, index } = this
    for (let left = count; left > 0; left--) {
      const address = slabs.nextToMove(RECORDS_PER_MOVE)
      if (address === NO_RECORD) {
        if (slabs.isCleaning) continue
        return false
      }
      if (!index.find(slabs.key(address))) throw new Error('a packed record is not in the index')
      const to = slabs.move(address)
      if (to === NO_RECORD) this.removePlace()
      else index.address = to
    }
    return slabs.hasHoles
  }

  /** Returns a key drawn at random; null if there is none near the drawn slot. */
  randomKey(random: () => number): Bytes | null {
    const address = this.index.draw(random)
    return address === undefined ? null : this.slabs.key(address)
  }

  /** Removes a record that is no longer in the index. */
  private forget(address: number): void {
    this.bytes -= PACKED_OVERHEAD_BYTES + this.slabs.length(address)
    this.slabs.remove(address)
  }
}
