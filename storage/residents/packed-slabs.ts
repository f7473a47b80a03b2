/**
 * The bytes of packed keys, outside of V8's heap: no object for each key, so nothing for a
 * collection of the heap to visit. Records are appended to slabs and never change their length. A
 * removed record leaves a hole. Once holes take too much, the records of the emptiest slab are
 * moved, and the slab is freed (Rumble et al., "Log-structured Memory for DRAM-based Storage",
 * 2014).
 *
 *   record   note(4) head(4) [keyLength(4) contentLength(4)] key content, to a multiple of 4 bytes
 *   head     bit 0 removed, bits 1 to 9 the key's length, bits 10 to 31 the content's; a key's
 *            length of 511 says that both lengths follow
 *   address  32 bits, signed: the slab's index times 2^18, plus the record's first word in the slab
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'

// hot: reads of keys without an entry look here

const WORD_BITS = 18
const SLAB_WORDS = 2 ** WORD_BITS
const WORD_MASK = SLAB_WORDS - 1
/** The last slab of 32 bits is not used, so that no address is `NO_RECORD` or `END`. */
const MAX_SLABS = 2 ** 14 - 1
const MAX_SLAB_BYTES = 4 * SLAB_WORDS
const MIN_SLAB_BYTES = 16 * 1024
/** A new slab takes at most this share of all, so that the head of a small log is small. */
const SLAB_SHARE = 4
/** Holes are cleaned while they take more than this share of all slabs. */
const HOLE_SHARE = 4
/** Freed slabs of full size that are kept for the next ones. */
const MAX_SPARE_SLABS = 4
/** A slab with fewer holes is not cleaned: that would free too little. */
const MIN_CLEANED_HOLES = 0.1
const HEAD_BYTES = 8
const LONG_HEAD_BYTES = 16
const REMOVED = 1
const KEY_SHIFT = 1
const CONTENT_SHIFT = 10
const IS_LONG = 511
const MAX_SHORT_CONTENT = 2 ** (32 - CONTENT_SHIFT)
assert((MAX_SLABS + 1) * SLAB_WORDS === 2 ** 32, 'an address has 32 bits')

/** In place of an address: there is no record. */
export const NO_RECORD = -1
/** In place of an address: the end of all slabs. */
export const END = -2

class Slab {
  readonly bytes: Buffer
  readonly words: Int32Array
  /** The first byte after the last record. */
  end = 0
  /** Bytes of the records that have not been removed. */
  liveBytes = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.words = new Int32Array(bytes.buffer, 0, bytes.length / 4)
  }
}

/** A position between records: the clock hand's, or that of cleaning. */
export class SlabCursor {
  index = 0
  word = 0
  /** The slab of `index` when `word` was set: another slab may have taken its place. */
  slab: object | null = null
}

/** The slabs with the records of the packed keys of one database. */
export class PackedSlabs {
  private readonly slabs: (Slab | null)[] = []
  private readonly freeIndexes: number[] = []
  private readonly spares: Buffer[] = []
  private head = -1
  /** Bytes of all slabs in use. */
  capacityBytes = 0
  private liveBytes = 0
  /** The index of the slab that is cleaned; -1 if none is. */
  private cleaned = -1
  private readonly cleaning = new SlabCursor()

  /** True if records should be moved, because of the room that holes take. */
  get hasHoles(): boolean {
    if (this.isCleaning) return true
    const head = this.slabs[this.head]
    const free = head === undefined || head === null ? 0 : head.bytes.length - head.end
    return (this.capacityBytes - free - this.liveBytes) * HOLE_SHARE > this.capacityBytes
  }

  /** True while the records of a slab are moved. */
  get isCleaning(): boolean {
    return this.cleaned >= 0
  }

  /** Appends a record and returns its address; NO_RECORD if there is no room for it. */
  add(key: Bytes, content: Bytes | Uint8Array, note: number): number {
    const isShort = key.length < IS_LONG && content.length < MAX_SHORT_CONTENT
    const headBytes = isShort ? HEAD_BYTES : LONG_HEAD_BYTES
    const size = (headBytes + key.length + content.length + 3) & ~3
    const slab = this.slabFor(size)
    if (slab === null) return NO_RECORD
    const { bytes, words, end } = slab
    const word = end >>> 2
    words[word] = note
    if (isShort) words[word + 1] = (content.length << CONTENT_SHIFT) | (key.length << KEY_SHIFT)
    else {
      words[word + 1] = IS_LONG << KEY_SHIFT
      words[word + 2] = key.length
      words[word + 3] = content.length
    }
    const at = end + headBytes
    bytes.latin1Write(key, at)
    if (typeof content === 'string') bytes.latin1Write(content, at + key.length)
    else bytes.set(content, at + key.length)
    return this.appended(slab, size)
  }

  /** Removes a record. Its content can be read until the next record is added. */
  remove(address: number): void {
    const index = address >>> WORD_BITS
    const slab = this.slabs[index] as Slab
    const word = address & WORD_MASK
    const head = slab.words[word + 1] as number
    assert((head & REMOVED) === 0, 'a packed record is removed once')
    slab.words[word + 1] = head | REMOVED
    const size = sizeOf(slab.words, word)
    slab.liveBytes -= size
    this.liveBytes -= size
    if (slab.liveBytes === 0 && index !== this.head) this.free(index)
  }

  /** True if the record at an address is that of a key. */
  matches(address: number, key: Bytes): boolean {
    const { bytes, words } = this.slabs[address >>> WORD_BITS] as Slab
    const word = address & WORD_MASK
    let length = ((words[word + 1] as number) >>> KEY_SHIFT) & IS_LONG
    let at = word * 4 + HEAD_BYTES
    if (length === IS_LONG) {
      length = words[word + 2] as number
      at += LONG_HEAD_BYTES - HEAD_BYTES
    }
    if (length !== key.length) return false
    for (let i = 0; i < length; i++) if (bytes[at + i] !== key.charCodeAt(i)) return false
    return true
  }

  key(address: number): Bytes {
    const { bytes, words } = this.slabs[address >>> WORD_BITS] as Slab
    const word = address & WORD_MASK
    const start = keyStart(words, word)
    return bytes.latin1Slice(start, start + keyLength(words, word))
  }

  /** Returns the content as bytes of their own. */
  text(address: number): Bytes {
    const { bytes, words } = this.slabs[address >>> WORD_BITS] as Slab
    const word = address & WORD_MASK
    const start = keyStart(words, word) + keyLength(words, word)
    return bytes.latin1Slice(start, start + contentLength(words, word))
  }

  /** Returns the content where it lies: valid until the next record is added. */
  view(address: number): Buffer {
    const { bytes, words } = this.slabs[address >>> WORD_BITS] as Slab
    const word = address & WORD_MASK
    const start = keyStart(words, word) + keyLength(words, word)
    return bytes.subarray(start, start + contentLength(words, word))
  }

  /** The buffer in which the content lies. */
  buffer(address: number): Buffer {
    return (this.slabs[address >>> WORD_BITS] as Slab).bytes
  }

  /** The offset of the content in its buffer. */
  offset(address: number): number {
    const { words } = this.slabs[address >>> WORD_BITS] as Slab
    const word = address & WORD_MASK
    return keyStart(words, word) + keyLength(words, word)
  }

  /** The length of key and content, in bytes. */
  length(address: number): number {
    const { words } = this.slabs[address >>> WORD_BITS] as Slab
    const word = address & WORD_MASK
    return keyLength(words, word) + contentLength(words, word)
  }

  note(address: number): number {
    return (this.slabs[address >>> WORD_BITS] as Slab).words[address & WORD_MASK] as number
  }

  setNote(address: number, note: number): void {
    ;(this.slabs[address >>> WORD_BITS] as Slab).words[address & WORD_MASK] = note
  }

  /**
   * Moves a cursor past at most `records` records, to after the first one that has not been
   * removed, and returns its address. Returns NO_RECORD if there is none among them, and END at the
   * end of all slabs, from where the cursor goes to the start.
   */
  moveCursor(cursor: SlabCursor, records: number): number {
    for (let left = records; left > 0; left--) {
      const slab = this.slabs[cursor.index]
      if (slab === undefined) {
        cursor.index = 0
        cursor.slab = null
        return END
      }
      if (slab !== cursor.slab) {
        cursor.slab = slab
        cursor.word = 0
      }
      if (slab === null || cursor.word * 4 >= slab.end) {
        cursor.index++
        cursor.slab = null
        cursor.word = 0
        continue
      }
      const { word } = cursor
      cursor.word += sizeOf(slab.words, word) >>> 2
      if (((slab.words[word + 1] as number) & REMOVED) === 0) return (cursor.index << WORD_BITS) | word
    }
    return NO_RECORD
  }

  /**
   * Returns the address of the next record that is to be moved; NO_RECORD if there are too few
   * holes, or none among the next records. REQUIRES: the last record returned has been moved or
   * removed.
   */
  nextToMove(records: number): number {
    const { cleaning } = this
    if (this.cleaned < 0) {
      if (!this.hasHoles) return NO_RECORD
      this.cleaned = this.emptiest()
      if (this.cleaned < 0) return NO_RECORD
      cleaning.index = this.cleaned
      cleaning.slab = null
    }
    const address = this.moveCursor(cleaning, records)
    if (cleaning.index === this.cleaned) return address
    this.cleaned = -1
    return NO_RECORD
  }

  /**
   * Appends a copy of a record and removes the record. Returns the new address; NO_RECORD, and does
   * nothing, if there is no room.
   */
  move(address: number): number {
    const from = this.slabs[address >>> WORD_BITS] as Slab
    const word = address & WORD_MASK
    const size = sizeOf(from.words, word)
    const slab = this.slabFor(size)
    if (slab === null) return NO_RECORD
    slab.words.set(from.words.subarray(word, word + (size >>> 2)), slab.end >>> 2)
    const to = this.appended(slab, size)
    this.remove(address)
    return to
  }

  private appended(slab: Slab, size: number): number {
    const address = (this.head << WORD_BITS) | (slab.end >>> 2)
    slab.end += size
    slab.liveBytes += size
    this.liveBytes += size
    assert(slab.end <= slab.bytes.length, 'a record lies inside its slab')
    return address
  }

  /** Returns the slab in which the next record of this size lies; null if there are too many. */
  private slabFor(size: number): Slab | null {
    const head = this.slabs[this.head]
    if (head !== undefined && head !== null && head.end + size <= head.bytes.length) return head
    const wanted = size > MAX_SLAB_BYTES ? size : this.nextSlabBytes(size)
    const index = this.freeIndexes.pop() ?? this.slabs.length
    if (index >= MAX_SLABS) return null
    const spare = wanted === MAX_SLAB_BYTES ? this.spares.pop() : undefined
    const slab = new Slab(spare ?? Buffer.allocUnsafeSlow(wanted))
    this.slabs[index] = slab
    this.capacityBytes += wanted
    const before = this.head
    this.head = index
    if (head !== undefined && head !== null && head.liveBytes === 0) this.free(before)
    return slab
  }

  private nextSlabBytes(size: number): number {
    let bytes = MIN_SLAB_BYTES
    while (bytes < size || (bytes < MAX_SLAB_BYTES && bytes * SLAB_SHARE < this.capacityBytes)) bytes *= 2
    return bytes
  }

  private free(index: number): void {
    const slab = must(this.slabs[index])
    assert(slab.liveBytes === 0 && index !== this.head, 'only an empty slab is freed')
    this.slabs[index] = null
    this.freeIndexes.push(index)
    this.capacityBytes -= slab.bytes.length
    if (this.cleaned === index) this.cleaned = -1
    if (slab.bytes.length === MAX_SLAB_BYTES && this.spares.length < MAX_SPARE_SLABS) this.spares.push(slab.bytes)
  }

  /** Returns the index of the slab with the largest share of holes, the head aside; -1 if none. */
  private emptiest(): number {
    let found = -1
    let least = 1 - MIN_CLEANED_HOLES
    for (const [index, slab] of this.slabs.entries()) {
      if (slab === null || index === this.head) continue
      const share = slab.liveBytes / slab.bytes.length
      if (share >= least) continue
      least = share
      found = index
    }
    return found
  }
}

function keyLength(words: Int32Array, word: number): number {
  const length = ((words[word + 1] as number) >>> KEY_SHIFT) & IS_LONG
  return length === IS_LONG ? (words[word + 2] as number) : length
}

function isLong(words: Int32Array, word: number): boolean {
  return (((words[word + 1] as number) >>> KEY_SHIFT) & IS_LONG) === IS_LONG
}

function contentLength(words: Int32Array, word: number): number {
  return isLong(words, word) ? (words[word + 3] as number) : (words[word + 1] as number) >>> CONTENT_SHIFT
}

/** Returns the offset of a record's key in its slab, in bytes. */
function keyStart(words: Int32Array, word: number): number {
  return word * 4 + (isLong(words, word) ? LONG_HEAD_BYTES : HEAD_BYTES)
}

/** Returns the size of a record in bytes. */
function sizeOf(words: Int32Array, word: number): number {
  return (keyStart(words, word) - word * 4 + keyLength(words, word) + contentLength(words, word) + 3) & ~3
}
