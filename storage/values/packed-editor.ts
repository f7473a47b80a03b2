/**
 * Changes of a small collection in its packed form: the trees of its root record as one string of
 * bytes (`TreeObject.packed`). values/collection.ts and tree/page-codec.ts have the grammar.
 *
 * A change copies the string into a buffer, moves the bytes behind the place, and makes a new
 * string. The old string stays as it is for a checkpoint under way. The buffer remembers which
 * string it holds, so that several changes of one collection copy it once.
 *
 *   open -> find or seek -> the place: an element of the tree, or a gap between two
 *        -> insert, replace, remove -> close
 */
import { assert } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { FIELD_VALUES, NO_VALUES, SCORE_VALUES } from '../tree/node.ts'
import { PackedElements } from './packed-elements.ts'

// hot: changes of small collections run here, once for each byte or element

const BUFFER_BYTES = 4096
/** A buffer that had to grow beyond this is not kept for the next collection. */
const KEPT_BYTES = 1024 * 1024
/** Bytes that one element takes at most beside its content: lengths, a score. */
export const MAX_ELEMENT_HEAD_BYTES = 16
const SCORE_BYTES = 8
/** The offset of the first tree, after the number of trees. */
const FIRST_TREE_AT = 1
/** The offset of the number of elements in a tree. */
const SIZE_AT = 2
const LAYOUT_AT = 1
const KEYED = 1
const VALUES_SHIFT = 1

/** Returns the number of elements of a packed collection. */
export function packedSize(packed: Bytes): number {
  let at = FIRST_TREE_AT + SIZE_AT
  let size = 0
  for (let shift = 0; ; shift += 7) {
    const byte = packed.charCodeAt(at++)
    size |= (byte & 0x7f) << shift
    if (byte < 0x80) return size
  }
}

/** Returns the bytes of a packed collection of one tree beside its elements. */
export function packedHeadBytes(size: number): number {
  return FIRST_TREE_AT + SIZE_AT + varintBytes(size)
}

/** Reads and changes packed collections. One is enough, because commands are synchronous. */
class PackedEditor {
  /** The number of elements of the tree that `open` or `openSecond` has moved to. */
  size = 0
  /** The index of the place. */
  index = 0
  private bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  private length = 0
  /** The string that the buffer holds; empty while it holds a change. */
  private held: Bytes = ''
  private treeOffset = 0
  private values = NO_VALUES
  private isKeyed = false
  /** The offset of the first key or, in a list, of the first value. */
  private start = 0
  /** The offset of the key at the place or, in a list, of its value. */
  private keyOffset = 0
  /** The offset after the varint that was read last. */
  private next = 0
  private readonly elements = new PackedElements()

  /** Returns a packed collection's elements for reading, valid until the next call. */
  read(packed: Bytes): PackedElements {
    this.hold(packed)
    this.elements.moveTo(this.bytes, FIRST_TREE_AT)
    return this.elements
  }

  /** Returns the elements of a sorted set's second tree for reading, valid until the next call. */
  readSecond(packed: Bytes): PackedElements {
    const elements = this.read(packed)
    elements.moveTo(this.bytes, elements.secondTreeAt)
    return elements
  }

  /** Moves to the first tree of a packed collection. */
  open(packed: Bytes): void {
    this.hold(packed)
    this.openTree(FIRST_TREE_AT)
  }

  /** Moves to the first tree of the collection that is open. */
  openFirst(): void {
    this.openTree(FIRST_TREE_AT)
  }

  /** Moves to the second tree. REQUIRES: the first tree is open, and the collection has two. */
  openSecond(): void {
    assert(this.bytes[0] === 2 && this.treeOffset === FIRST_TREE_AT, 'the second tree follows the first')
    this.openTree(this.valueAt(this.size))
  }

  /** Returns the packed collection with its changes. */
  close(): Bytes {
    if (this.held === '') this.held = this.bytes.latin1Slice(0, this.length)
    return this.held
  }

  /** Sets the place to a key, or to the gap where it belongs. Returns true if the key exists. */
  find(key: Bytes): boolean {
    const { bytes, size } = this
    const wanted = key.length
    let at = this.start
    for (let index = 0; index < size; index++) {
      let length = bytes[at] as number
      let content = at + 1
      if (length >= 0x80) {
        length = this.varint(at)
        content = this.next
      }
      const shared = Math.min(length, wanted)
      let i = 0
      while (i < shared && bytes[content + i] === key.charCodeAt(i)) i++
      const isBefore = i < shared ? (bytes[content + i] as number) < key.charCodeAt(i) : length < wanted
      if (!isBefore) {
        this.index = index
        this.keyOffset = at
        return i === shared && length === wanted
      }
      at = content + length
    }
    this.index = size
    this.keyOffset = at
    return false
  }

  /** Sets the place to the element of a rank; the rank `size` is the end. */
  seek(rank: number): void {
    assert(rank >= 0 && rank <= this.size, 'a rank lies within its tree')
    let at = this.start
    for (let left = rank; left > 0; left--) at = this.varint(at) + this.next
    this.index = rank
    this.keyOffset = at
  }

  /** The key at the place or, in a list, the value. */
  get key(): Bytes {
    const length = this.varint(this.keyOffset)
    return this.bytes.latin1Slice(this.next, this.next + length)
  }

  /** The value of the field at the place. */
  get fieldValue(): Bytes {
    const length = this.varint(this.valueAt(this.index)) >>> 1
    return this.bytes.latin1Slice(this.next, this.next + length)
  }

  /** The score at the place. */
  get score(): number {
    return this.bytes.readDoubleLE(this.valueAt(this.index))
  }

  /** Returns the bytes by which a new value of the field or element at the place is longer. */
  growthOf(value: Bytes): number {
    const length = this.isKeyed ? this.varint(this.valueAt(this.index)) >>> 1 : this.varint(this.keyOffset)
    return value.length - length
  }

  /** Inserts an element of a set, or of a list, before the place. */
  insert(key: Bytes): void {
    assert(this.values === NO_VALUES || !this.isKeyed, 'an element without a value is inserted')
    this.insertBytes(this.keyOffset, key, key.length)
    this.resize(1)
  }

  /** Inserts a field before the place. */
  insertField(field: Bytes, value: Bytes): void {
    assert(this.values === FIELD_VALUES, 'only a hash has fields')
    this.insertBytes(this.valueAt(this.index), value, value.length * 2)
    this.insertBytes(this.keyOffset, field, field.length)
    this.resize(1)
  }

  /** Inserts a member with a score before the place. */
  insertScored(member: Bytes, score: number): void {
    assert(this.values === SCORE_VALUES, 'only members of a sorted set have scores')
    const at = this.valueAt(this.index)
    this.splice(at, 0, SCORE_BYTES)
    this.bytes.writeDoubleLE(score, at)
    this.insertBytes(this.keyOffset, member, member.length)
    this.resize(1)
  }

  /** Replaces the value of the field at the place. */
  replaceField(value: Bytes): void {
    assert(this.values === FIELD_VALUES, 'only a hash has fields')
    const at = this.valueAt(this.index)
    const oldLength = this.varint(at) >>> 1
    this.replaceBytes(at, this.next + oldLength - at, value, value.length * 2)
  }

  /** Replaces the score of the member at the place. */
  replaceScore(score: number): void {
    assert(this.values === SCORE_VALUES, 'only members of a sorted set have scores')
    const at = this.valueAt(this.index)
    this.held = ''
    this.bytes.writeDoubleLE(score, at)
  }

  /** Replaces the element of a list at the place. */
  replaceElement(value: Bytes): void {
    assert(!this.isKeyed, 'only a list has elements without keys')
    const oldLength = this.varint(this.keyOffset)
    this.replaceBytes(this.keyOffset, this.next + oldLength - this.keyOffset, value, value.length)
  }

  /** Removes elements from the place on. */
  remove(count = 1): void {
    const { index, keyOffset, isKeyed, values } = this
    assert(count >= 0 && index + count <= this.size, 'only elements that exist are removed')
    if (isKeyed && values !== NO_VALUES) {
      const from = this.valueAt(index)
      this.splice(from, this.valueAfter(from, count) - from, 0)
    }
    let end = keyOffset
    for (let left = count; left > 0; left--) end = this.varint(end) + this.next
    this.splice(keyOffset, end - keyOffset, 0)
    this.resize(-count)
  }

  /** Copies a string into the buffer, unless the buffer holds it. */
  private hold(packed: Bytes): void {
    if (this.held === packed) return
    const { length } = packed
    if (length > this.bytes.length || this.bytes.length > KEPT_BYTES)
      this.bytes = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, 2 * length))
    this.bytes.latin1Write(packed, 0)
    this.length = length
    this.held = packed
  }

  private openTree(treeOffset: number): void {
    const { bytes } = this
    assert(bytes[treeOffset] === 0, 'an inline tree is a leaf')
    const layout = bytes[treeOffset + LAYOUT_AT] as number
    this.treeOffset = treeOffset
    this.isKeyed = (layout & KEYED) !== 0
    this.values = layout >> VALUES_SHIFT
    this.size = this.varint(treeOffset + SIZE_AT)
    this.start = this.next
    this.index = 0
    this.keyOffset = this.start
  }

  /** Returns the offset of a value of a keyed tree. Its values follow all of its keys. */
  private valueAt(index: number): number {
    let at = this.keyOffset
    for (let left = this.size - this.index; left > 0; left--) at = this.varint(at) + this.next
    return this.valueAfter(at, index)
  }

  /** Returns the offset `count` values after the one at an offset. */
  private valueAfter(from: number, count: number): number {
    if (this.values === NO_VALUES || !this.isKeyed) return from
    if (this.values === SCORE_VALUES) return from + count * SCORE_BYTES
    let at = from
    for (let left = count; left > 0; left--) at = (this.varint(at) >>> 1) + this.next
    return at
  }

  private insertBytes(at: number, content: Bytes, head: number): void {
    this.replaceBytes(at, 0, content, head)
  }

  /** Replaces bytes by a varint and content. */
  private replaceBytes(at: number, removed: number, content: Bytes, head: number): void {
    const headBytes = varintBytes(head)
    this.splice(at, removed, headBytes + content.length)
    this.writeVarint(at, head)
    this.bytes.latin1Write(content, at + headBytes)
  }

  /** Changes the number of elements of the tree. */
  private resize(change: number): void {
    const { size, treeOffset } = this
    const before = varintBytes(size)
    const after = varintBytes(size + change)
    if (before !== after) this.splice(treeOffset + SIZE_AT, before, after)
    this.writeVarint(treeOffset + SIZE_AT, size + change)
    this.size = size + change
    this.start += after - before
    this.keyOffset += after - before
  }

  /** Makes room for `added` bytes in place of `removed`. */
  private splice(at: number, removed: number, added: number): void {
    this.held = ''
    const length = this.length + added - removed
    if (length > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * length)
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    }
    if (added !== removed) this.bytes.copyWithin(at + added, at + removed, this.length)
    this.length = length
  }

  private writeVarint(at: number, value: number): void {
    const { bytes } = this
    let left = value
    let to = at
    for (; left >= 0x80; left >>>= 7) bytes[to++] = (left & 0x7f) | 0x80
    bytes[to] = left
  }

  private varint(at: number): number {
    const { bytes } = this
    const first = bytes[at] as number
    if (first < 0x80) {
      this.next = at + 1
      return first
    }
    let value = first & 0x7f
    let position = at + 1
    for (let shift = 7; ; shift += 7) {
      const byte = bytes[position++] as number
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    this.next = position
    return value
  }
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4
}

/** The one editor. */
export const packedEditor = new PackedEditor()
