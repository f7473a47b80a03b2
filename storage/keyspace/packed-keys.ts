/**
 * The packed keys of one database: clean keys that are in memory as the content of their root
 * records, without objects. A small value weighs a third of what its entry does.
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
import { KIND_STRING, readRoot } from '../records/records.ts'
import { KeyMap } from './key-map.ts'

// hot: reads of keys without an entry look here

/**
 * Bytes of memory that a packed key costs beside its key and content, measured: its slot in the
 * map and the headers of two strings.
 */
export const PACKED_OVERHEAD_BYTES = 100

const IS_PLAIN = 1
const IS_REFERENCED = 2
const FLAGS = IS_PLAIN | IS_REFERENCED
const USE_SHIFT = 2
/** The earliest time that 30 bits hold: 17 years of idleness. */
const EARLIEST_USE = -(2 ** 29)
/** The clock hand passes at most this many slots for each visit. */
const SLOTS_PER_VISIT = 16

const sizeOf = (key: Bytes, content: Bytes): number => PACKED_OVERHEAD_BYTES + key.length + content.length

/** A key without an entry: what its root record says, and its last use. */
export interface StoredKey {
  readonly content: Bytes
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
  return { content: (isPlain ? payload : record).latin1Slice(), isPlain, lastUse }
}

/** The packed keys of one database. */
export class PackedKeys {
  /** Memory of all packed keys, in bytes. */
  bytes = 0
  private readonly map: KeyMap<Bytes>
  private visitedInRound = 0
  private isRoundOver = false

  /** The parameters are for tests. */
  constructor(segmentSlots?: number, hash?: (key: Bytes) => number) {
    this.map = new KeyMap<Bytes>(segmentSlots, hash, (key, content) => {
      this.bytes -= sizeOf(key, content)
    })
  }

  get count(): number {
    return this.map.size
  }

  has(key: Bytes): boolean {
    return this.map.find(key)
  }

  /** True if a key is packed as a record, whose value may have pages on disk. */
  isRecord(key: Bytes): boolean {
    return this.map.find(key) && (this.map.note & IS_PLAIN) === 0
  }

  /** Adds a key. REQUIRES: LevelDB has this content, and the key is neither packed nor an entry. */
  add(key: Bytes, { content, isPlain, lastUse }: StoredKey, isReferenced: boolean): void {
    this.bytes += sizeOf(key, content)
    const use = Math.max(EARLIEST_USE, lastUse) << USE_SHIFT
    this.map.add(key, content, use | (isReferenced ? IS_REFERENCED : 0) | (isPlain ? IS_PLAIN : 0))
  }

  /**
   * Returns the string of a key, whose last use may then be read and set. Returns undefined if the
   * key is not packed or its content is a record.
   */
  readString(key: Bytes): Bytes | undefined {
    const { map } = this
    if (!map.find(key) || (map.note & IS_PLAIN) === 0) return undefined
    map.note |= IS_REFERENCED
    return map.value
  }

  /** The last use of the key that `readString` has found just now. */
  get lastUse(): number {
    return this.map.note >> USE_SHIFT
  }

  set lastUse(lastUse: number) {
    const { map } = this
    map.note = (lastUse << USE_SHIFT) | (map.note & FLAGS)
  }

  /** Removes a key and returns it; null if it is not packed. */
  remove(key: Bytes): StoredKey | null {
    const { map } = this
    if (!map.find(key)) return null
    const { note, value: content } = map
    this.removePlace()
    return { content, isPlain: (note & IS_PLAIN) !== 0, lastUse: note >> USE_SHIFT }
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
    const { map, bytes: before } = this
    for (let left = steps; left > 0 && before - this.bytes < enough; left--) {
      this.visitedInRound++
      const found = map.moveHand(SLOTS_PER_VISIT)
      if (found === 'key') {
        if ((map.note & IS_REFERENCED) !== 0 && spared === 'used') map.note &= ~IS_REFERENCED
        else this.removePlace()
      } else if (found === 'end') {
        this.isRoundOver = true
        break
      }
    }
    return before - this.bytes
  }

  /** Returns a key drawn at random; null if there is none near the drawn slot. */
  randomKey(random: () => number): Bytes | null {
    return this.map.draw(random) ? this.map.key : null
  }

  private removePlace(): void {
    const { map } = this
    this.bytes -= sizeOf(map.key, map.value)
    map.removePlace()
  }
}
