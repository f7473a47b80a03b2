/**
 * Records that were gathered in one buffer, in any order, and their order by key. The form in
 * memory and in the temporary files of a load, integers little-endian:
 *
 *   records   (keyLength(4) valueLength(4) key value)*         valueLength 2^32 - 1: a claimed key,
 *                                                              without a value
 */
import { assert } from '../../base/assert.ts'

// hot: runs for each record of an import

/** Bytes of a record beside key and value. */
export const HEAD_BYTES = 8
/** The length of the value of a key that is only claimed. */
export const CLAIMED = 0xffff_ffff
/** The most records that can be sorted at once: their numbers take 20 bits. */
export const MAX_SORTED_RECORDS = 2 ** 20
/** Records that are sorted by comparing them. */
const FEW_RECORDS = 8
/** Bytes of a key that one round of sorting orders. */
const ROUND_BYTES = 5

export function uint32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

/** Returns the bytes of the record at an offset. */
export function recordBytes(bytes: Uint8Array, at: number): number {
  const valueLength = uint32At(bytes, at + 4)
  return HEAD_BYTES + uint32At(bytes, at) + (valueLength === CLAIMED ? 0 : valueLength)
}

/** Returns the offsets of the records in the order of their keys. */
export function sortedRecords(bytes: Uint8Array, length: number, count: number): Uint32Array {
  return new RecordSorter().sorted(bytes, length, count)
}

/** Returns a negative number if the first key is less, 0 if the keys are equal. */
export function compareKeys(a: Uint8Array, aAt: number, aLength: number, b: Uint8Array, bAt: number, bLength: number): number {
  const limit = Math.min(aLength, bLength)
  for (let i = 0; i < limit; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

/**
 * Sorts by the bytes after the prefix that all keys share, some at a time: V8 sorts 64-bit integers
 * natively, each with 44 bits of a key and the number of its record.
 */
export class RecordSorter {
  private bytes: Uint8Array = new Uint8Array(0)
  /** Memory that is kept for the next records. */
  private offsets = new Uint32Array(0)
  private slots = new BigUint64Array(0)
  private halves = new Uint32Array(0)
  private order = new Uint32Array(0)

  /**
   * Returns the offsets of the records in the order of their keys, valid until the next call.
   */
  sorted(bytes: Uint8Array, length: number, count: number): Uint32Array {
    assert(count <= MAX_SORTED_RECORDS, 'the numbers of records take 20 bits')
    if (count > this.offsets.length) this.allocate(count)
    const offsets = this.offsets.subarray(0, count)
    for (let i = 0, at = 0; i < count; i++) {
      offsets[i] = at
      at += recordBytes(bytes, at)
      assert(at <= length, 'a record lies inside its buffer')
    }
    this.bytes = bytes
    this.sort(offsets, 0)
    return offsets
  }

  private allocate(count: number): void {
    const slots = new BigUint64Array(count)
    this.offsets = new Uint32Array(count)
    this.slots = slots
    this.halves = new Uint32Array(slots.buffer)
    this.order = new Uint32Array(count)
  }

  /** Sorts records whose keys share their first `depth` bytes. */
  private sort(offsets: Uint32Array, depth: number): void {
    const count = offsets.length
    if (count <= FEW_RECORDS) {
      this.sortFew(offsets)
      return
    }
    const start = this.sharedLength(offsets, depth)
    this.fillSlots(offsets, start)
    this.slots.subarray(0, count).sort()
    const ties = this.takeOrder(offsets)
    for (let i = 0; i < ties.length; i += 2) this.sortTie(offsets.subarray(ties[i], ties[i + 1]), start)
  }

  private compare(a: number, b: number): number {
    const { bytes } = this
    return compareKeys(bytes, a + HEAD_BYTES, uint32At(bytes, a), bytes, b + HEAD_BYTES, uint32At(bytes, b))
  }

  private sortFew(offsets: Uint32Array): void {
    for (let i = 1; i < offsets.length; i++) {
      const moved = offsets[i]!
      let to = i
      for (; to > 0 && this.compare(offsets[to - 1]!, moved) > 0; to--) offsets[to] = offsets[to - 1]!
      offsets[to] = moved
    }
  }

  private sharedLength(offsets: Uint32Array, depth: number): number {
    const { bytes } = this
    const first = offsets[0]!
    let shared = uint32At(bytes, first)
    for (let i = 1; i < offsets.length && shared > depth; i++) {
      const offset = offsets[i]!
      shared = Math.min(shared, uint32At(bytes, offset))
      let same = depth
      while (same < shared && bytes[first + HEAD_BYTES + same] === bytes[offset + HEAD_BYTES + same]) same++
      shared = same
    }
    return shared
  }

  private fillSlots(offsets: Uint32Array, start: number): void {
    const { bytes, halves } = this
    for (let i = 0; i < offsets.length; i++) {
      const offset = offsets[i]!
      const at = offset + HEAD_BYTES + start
      const left = uint32At(bytes, offset) - start
      const high =
        left >= 4
          ? (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
          : ((left > 0 ? bytes[at]! : 0) << 24) | ((left > 1 ? bytes[at + 1]! : 0) << 16) | ((left > 2 ? bytes[at + 2]! : 0) << 8)
      halves[2 * i + 1] = high
      halves[2 * i] = ((left > 4 ? bytes[at + 4]! : 0) << 24) | ((left > 5 ? bytes[at + 5]! & 0xf0 : 0) << 16) | i
    }
  }

  /** Brings the offsets into the order of the slots. Returns the bounds of runs of equal slots. */
  private takeOrder(offsets: Uint32Array): number[] {
    const { halves, order } = this
    const count = offsets.length
    const ties: number[] = []
    for (let i = 0; i < count; i++) order[i] = offsets[halves[2 * i]! & (MAX_SORTED_RECORDS - 1)]!
    offsets.set(order.subarray(0, count))
    for (let from = 0, i = 1; i <= count; i++) {
      const isTie = i < count && halves[2 * i + 1] === halves[2 * from + 1] && (halves[2 * i]! ^ halves[2 * from]!) >>> 20 === 0
      if (isTie) continue
      if (i - from > 1) ties.push(from, i)
      from = i
    }
    return ties
  }

  private sortTie(offsets: Uint32Array, start: number): void {
    const { bytes } = this
    // The slot of a key that ends early is filled up with zeros, which may be bytes of another key.
    if (offsets.every((offset) => uint32At(bytes, offset) >= start + ROUND_BYTES + 1)) this.sort(offsets, start + ROUND_BYTES)
    else offsets.sort((a, b) => this.compare(a, b))
  }
}
