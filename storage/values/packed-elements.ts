/**
 * The elements of a small collection, read from its root record where that lies, without objects:
 * values/collection.ts and tree/page-codec.ts have the grammar. Only the first tree is read: fields
 * and values, elements of a list, members, members and scores.
 */
import { assert, at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { FLAGS_AT, FORM_AT, FORM_PAGES, HEADER_INLINE_AT, KIND_AT, readUint64 } from '../records/records.ts'
import { BYTES_VALUES, FIELD_VALUES, type Layout, NO_VALUES, SCORE_VALUES, type TreeValue } from '../tree/node.ts'

// hot: reads of packed collections run here, once for each byte or element

const KEYED = 1
const VALUES_SHIFT = 1
const SCORE_BYTES = 8
/** The offset of a root's deadline, or of its payload if it has none. */
const AFTER_HEAD = 3
const DEADLINE_BYTES = 8

/** The elements of a small collection in its root record. */
export class PackedElements {
  /** The number of elements. */
  size = 0
  private bytes: Buffer = Buffer.alloc(0)
  private layout = 0
  /** The offset of the first key, or of the first value if there are no keys. */
  private start = 0
  /** The read position. */
  private position = 0

  /** Moves to a tree that lies inside its root record. The bytes must not change meanwhile. */
  moveTo(bytes: Buffer, treeAt: number): void {
    this.bytes = bytes
    assert(bytes[treeAt] === 0, 'an inline tree is a leaf')
    this.layout = bytes[treeAt + 1] as number
    this.position = treeAt + 2
    this.size = this.varint()
    this.start = this.position
  }

  /** The number of fields; none of them has a deadline. */
  get liveSize(): number {
    return this.size
  }

  /** Returns a field's value. */
  get(field: Bytes): Bytes | undefined {
    assert(this.layout === (KEYED | (FIELD_VALUES << VALUES_SHIFT)), 'only a hash has fields')
    const index = this.indexOf(field)
    if (index < 0) return undefined
    this.position = this.start
    for (let left = this.size; left > 0; left--) this.skipBytes()
    for (let left = index; left > 0; left--) this.skipField()
    const length = this.varint() >>> 1 // bit 0: none of the fields has a deadline
    return this.bytes.latin1Slice(this.position, this.position + length)
  }

  /** True if the field or member exists. */
  has(key: Bytes): boolean {
    return this.indexOf(key) >= 0
  }

  /** Returns a member's score. */
  score(member: Bytes): number | undefined {
    assert(this.layout === (KEYED | (SCORE_VALUES << VALUES_SHIFT)), 'only members of a sorted set have scores')
    const index = this.indexOf(member)
    if (index < 0) return undefined
    this.position = this.start
    for (let left = this.size; left > 0; left--) this.skipBytes()
    return this.bytes.readDoubleLE(this.position + index * SCORE_BYTES)
  }

  /** Returns the elements of a list from `from` to before `to`. */
  slice(from: number, to: number): Bytes[] {
    assert(this.layout === BYTES_VALUES << VALUES_SHIFT, 'only a list has elements by index')
    const values: Bytes[] = []
    this.position = this.start
    for (let index = 0; index < to; index++) {
      const length = this.varint()
      if (index >= from) values.push(this.bytes.latin1Slice(this.position, this.position + length))
      this.position += length
    }
    return values
  }

  /** Returns all keys in order; of a list, its elements. */
  keys(): Bytes[] {
    const keys: Bytes[] = []
    this.position = this.start
    for (let left = this.size; left > 0; left--) {
      const length = this.varint()
      keys.push(this.bytes.latin1Slice(this.position, this.position + length))
      this.position += length
    }
    return keys
  }

  /** Returns all values, of a set none. REQUIRES: `keys` came before, and there are keys. */
  values(): TreeValue[] {
    const values: TreeValue[] = []
    const kind = this.layout >> VALUES_SHIFT
    if (kind === NO_VALUES) return values
    const isScored = kind === SCORE_VALUES
    for (let left = this.size; left > 0; left--) {
      if (isScored) {
        values.push(this.bytes.readDoubleLE(this.position))
        this.position += SCORE_BYTES
        continue
      }
      const length = this.varint() >>> 1
      values.push(this.bytes.latin1Slice(this.position, this.position + length))
      this.position += length
    }
    return values
  }

  /** The offset of the second tree of a sorted set. */
  get secondTreeAt(): number {
    assert(this.layout === (KEYED | (SCORE_VALUES << VALUES_SHIFT)), 'only a sorted set has a second tree')
    this.position = this.start
    for (let left = this.size; left > 0; left--) this.skipBytes()
    return this.position + this.size * SCORE_BYTES
  }

  private indexOf(key: Bytes): number {
    const { bytes, size } = this
    const wanted = key.length
    this.position = this.start
    for (let index = 0; index < size; index++) {
      const length = this.varint()
      const { position } = this
      if (length === wanted) {
        let i = 0
        while (i < length && bytes[position + i] === key.charCodeAt(i)) i++
        if (i === length) return index
      }
      this.position = position + length
    }
    return -1
  }

  private skipBytes(): void {
    const length = this.varint()
    this.position += length
  }

  private skipField(): void {
    const length = this.varint() >>> 1
    this.position += length
  }

  private varint(): number {
    const { bytes } = this
    let { position } = this
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[position++] as number
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    this.position = position
    return value
  }
}

/**
 * Returns the offset in a buffer of the first tree of a collection whose root record begins at
 * `start`. Returns -1 if it is of another kind, or its deadline has passed, or reading it may
 * change something (`isReadWhole` in collection.ts).
 */
export function inlineTreeAt(buffer: Buffer, start: number, kind: number, nowMs: number): number {
  if (buffer[start + KIND_AT] !== kind) return -1
  let payload = start + AFTER_HEAD
  if (buffer[start + FLAGS_AT] !== 0) {
    if (readUint64(buffer, payload) <= nowMs) return -1
    payload += DEADLINE_BYTES
  }
  const isWhole = buffer[payload + FORM_AT] !== FORM_PAGES && buffer[payload + HEADER_INLINE_AT] === 0
  return isWhole ? payload + HEADER_INLINE_AT + 2 : -1
}

/** True if bytes are `count` inline trees of these layouts, from an offset to their end. */
export function isWholePacked(bytes: Buffer, from: number, layouts: readonly Layout[], count: number): boolean {
  if (bytes[from] !== count) return false
  let offset = from + 1
  for (let index = 0; index < count; index++) {
    const { isKeyed, values } = at(layouts, index)
    if (bytes[offset] !== 0 || bytes[offset + 1] !== ((isKeyed ? KEYED : 0) | (values << VALUES_SHIFT))) return false
    offset = endOfTree(bytes, offset + 2, values)
    if (offset < 0) return false
  }
  return offset === bytes.length
}

/** The read position of `isWholePacked`. */
let position = 0

/** Returns the offset after a tree's elements, or -1 if they are cut short. */
function endOfTree(bytes: Buffer, from: number, values: number): number {
  position = from
  const size = readLength(bytes)
  if (size < 0 || !skipContents(bytes, size, 0)) return -1
  if (values === FIELD_VALUES && !skipContents(bytes, size, 1)) return -1
  return values === SCORE_VALUES ? position + size * SCORE_BYTES : position
}

/** Passes contents with their lengths, which are shifted. Returns false if they are cut short. */
function skipContents(bytes: Buffer, count: number, shift: 0 | 1): boolean {
  for (let left = count; left > 0; left--) {
    const length = readLength(bytes)
    if (length < 0 || (length & shift) !== 0) return false
    position += length >> shift
  }
  return position <= bytes.length
}

/** Reads a varint of up to three bytes; -1 if it is cut short or longer. */
function readLength(bytes: Buffer): number {
  let value = 0
  for (let shift = 0; shift < 21; shift += 7) {
    const byte = bytes[position++]
    if (byte === undefined) return -1
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value
  }
  return -1
}
