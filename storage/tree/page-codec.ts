/**
 * The content of a tree's page, and of a small tree in its root record. On disk: never renumber.
 *
 *   page     level(1) layout(1) length(varint) [key*] item*    layout: bit 0 keyed, bits 1-2 the
 *                                                              values (node.ts)
 *   level 0  item: value
 *   above    item: pageNumber(varint) count(varint)            keys: separators
 *   key, bytes value              length(varint) bytes
 *   score value                   IEEE double(8), little-endian
 *   field value                   varint(length * 2 + hasDeadline)
 *                                 [expireAtMs(8), little-endian double] bytes
 *   varint                        7 bits a byte, least significant first, up to 2^53
 */
import { assert, at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { DamageError } from '../records/records.ts'
import { BYTES_VALUES, FIELD_VALUES, FieldValue, NO_VALUES, SCORE_VALUES, TreeNode, type TreeValue } from './node.ts'
import type { Tree } from './tree.ts'

// hot: runs once for each byte or element of a page

/** Varints of small numbers, as strings. */
const SMALL_VARINTS = Array.from({ length: 4096 }, (_, value) =>
  value < 0x80 ? String.fromCharCode(value) : String.fromCharCode((value & 0x7f) | 0x80, value >>> 7),
)
/** Strings longer than this are copied at once, without joining. */
const LONG_BYTES = 4096
const BUFFER_BYTES = 16 * 1024
/** A buffer that had to grow beyond this is not kept for the next page. */
const KEPT_BYTES = 1024 * 1024

/**
 * A growing buffer that pages are written into. Consecutive strings are joined and copied in one
 * go, which takes a third of the time of copying them one by one.
 */
export class PageWriter {
  private buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  private length = 0
  /** Joined bytes that are not copied yet. */
  private run = ''

  /** The bytes written since `reset`; valid until the next `reset`. */
  get content(): Buffer {
    this.flush()
    return this.buffer.subarray(0, this.length)
  }

  reset(): void {
    if (this.buffer.length > KEPT_BYTES) this.buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
    this.length = 0
    this.run = ''
  }

  byte(value: number): void {
    this.reserve(1)
    this.buffer[this.length++] = value
  }

  varint(value: number): void {
    assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, 'a varint is a whole number up to 2^53')
    this.reserve(8)
    const { buffer } = this
    let left = value
    while (left >= 0x80) {
      buffer[this.length++] = left > 0x7fff_ffff ? (left % 0x80) | 0x80 : (left & 0x7f) | 0x80
      left = left > 0x7fff_ffff ? Math.floor(left / 0x80) : left >>> 7
    }
    buffer[this.length++] = left
  }

  double(value: number): void {
    this.reserve(8)
    this.length = this.buffer.writeDoubleLE(value, this.length)
  }

  uint64(value: number): void {
    this.reserve(8)
    this.buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), this.length)
    this.length = this.buffer.writeUInt32BE(value >>> 0, this.length + 4)
  }

  uint32(value: number): void {
    this.reserve(4)
    this.length = this.buffer.writeUInt32BE(value, this.length)
  }

  /** Writes bytes without their length. */
  raw(bytes: Bytes): void {
    this.run += bytes
    if (bytes.length > LONG_BYTES) this.flush()
  }

  bytes(bytes: Bytes): void {
    this.size(bytes.length)
    this.raw(bytes)
  }

  /** Writes a varint, joined with the strings that follow. */
  size(value: number): void {
    const small = SMALL_VARINTS[value]
    if (small === undefined) this.varint(value)
    else this.run += small
  }

  private flush(): void {
    const { run } = this
    if (run.length === 0) return
    this.run = ''
    this.reserve(run.length)
    this.length += this.buffer.latin1Write(run, this.length)
  }

  private reserve(bytes: number): void {
    if (this.run.length > 0) this.flush()
    if (this.length + bytes <= this.buffer.length) return
    const larger = Buffer.allocUnsafeSlow((this.length + bytes) * 2)
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}

/** Reads the output of a PageWriter. Throws DamageError if it ends too soon. */
export class PageReader {
  position = 0
  private readonly buffer: Buffer

  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  get left(): number {
    return this.buffer.length - this.position
  }

  byte(): number {
    this.need(1)
    return this.buffer[this.position++] as number
  }

  varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
      if (scale > 2 ** 49) throw new DamageError('page: a number has too many bytes')
    }
    return value
  }

  double(): number {
    this.need(8)
    const value = this.buffer.readDoubleLE(this.position)
    this.position += 8
    return value
  }

  uint64(): number {
    this.need(8)
    const value = this.buffer.readUInt32BE(this.position) * 0x1_0000_0000 + this.buffer.readUInt32BE(this.position + 4)
    this.position += 8
    return value
  }

  uint32(): number {
    this.need(4)
    const value = this.buffer.readUInt32BE(this.position)
    this.position += 4
    return value
  }

  raw(length: number): Bytes {
    this.need(length)
    const start = this.position
    this.position += length
    return this.buffer.latin1Slice(start, this.position)
  }

  bytes(): Bytes {
    return this.raw(this.varint())
  }

  private need(bytes: number): void {
    if (this.position + bytes > this.buffer.length) throw new DamageError('page: cut short')
  }
}

function layoutByte({ layout }: Tree): number {
  return (layout.isKeyed ? 1 : 0) | (layout.values << 1)
}

const pageWriter = new PageWriter()

/** Returns the content of a page, in a scratch buffer. */
export function pageContent(node: TreeNode): Buffer {
  pageWriter.reset()
  encodePage(pageWriter, node)
  return pageWriter.content
}

/** Writes a node as the content of a page. */
export function encodePage(writer: PageWriter, node: TreeNode): void {
  const { tree, level, length, keys } = node
  const { isKeyed, values: kind } = tree.layout
  assert(level >= 0 && level < 256, 'a level is written in one byte')
  assert(!isKeyed || keys.length === length, 'a node has a key for each entry')
  assert(level > 0 || kind === NO_VALUES || node.values.length === length, 'a leaf has a value for each element')
  assert(level === 0 || node.counts.length === length, 'an inner node counts each child')
  assert(length > 0 || (level === 0 && node.parent === null), 'no node but a root leaf is empty')
  writer.byte(level)
  writer.byte(layoutByte(tree))
  writer.varint(length)
  if (isKeyed) for (let i = 0; i < length; i++) writer.bytes(keys[i] as Bytes)
  if (level === 0) {
    if (kind !== NO_VALUES) for (let i = 0; i < length; i++) encodeValue(writer, kind, node.values[i])
    return
  }
  for (let i = 0; i < length; i++) {
    const child = at(node.children, i)
    const number = typeof child === 'number' ? child : child.number
    const count = at(node.counts, i)
    assert(number > 0 && number < 2 ** 32, 'a child is a page of its own')
    assert(count > 0, 'no child is empty')
    writer.varint(number)
    writer.varint(count)
  }
}

function encodeValue(writer: PageWriter, kind: number, value: TreeValue): void {
  if (kind === SCORE_VALUES) writer.double(value as number)
  else if (kind === BYTES_VALUES) writer.bytes(value as Bytes)
  else if (typeof value === 'string') {
    writer.size(value.length * 2)
    writer.raw(value)
  } else {
    const field = value as FieldValue
    writer.varint(field.value.length * 2 + 1)
    writer.double(field.expireAtMs)
    writer.raw(field.value)
  }
}

/**
 * Returns a node of the tree, not linked into it yet. Throws DamageError unless the content fills
 * the page exactly.
 */
export function decodePage(tree: Tree, content: Buffer): TreeNode {
  const reader = new PageReader(content)
  const node = decodeNode(reader, tree)
  if (reader.left > 0) throw new DamageError('page: bytes after its end')
  return node
}

/** Reads the content of a page as a node, not linked into the tree yet. Throws DamageError. */
export function decodeNode(reader: PageReader, tree: Tree): TreeNode {
  const { isKeyed, values: kind } = tree.layout
  const node = new TreeNode(tree, reader.byte())
  if (reader.byte() !== layoutByte(tree)) throw new DamageError('page: belongs to another kind of tree')
  const length = reader.varint()
  if (length > reader.left + 1) throw new DamageError('page: more elements than bytes')
  const { keys, values, children, counts } = node
  if (isKeyed) for (let i = 0; i < length; i++) keys.push(reader.bytes())
  if (node.level > 0) {
    for (let i = 0; i < length; i++) {
      children.push(reader.varint())
      counts.push(reader.varint())
    }
  } else if (kind !== NO_VALUES) for (let i = 0; i < length; i++) values.push(decodeValue(reader, kind))
  node.measure()
  return node
}

/** The pages below an inner page, in order, with the number of elements below each. */
export interface ChildPages {
  /** The level of the inner page: the children of level 1 are leaves. */
  readonly level: number
  readonly numbers: readonly number[]
  readonly counts: readonly number[]
}

/** Returns the pages below the page with this content; null for a leaf. Throws DamageError. */
export function childrenOf(content: Buffer): ChildPages | null {
  const reader = new PageReader(content)
  const level = reader.byte()
  if (level === 0) return null
  const isKeyed = (reader.byte() & 1) !== 0
  const length = reader.varint()
  if (length > reader.left + 1) throw new DamageError('page: more elements than bytes')
  if (isKeyed) for (let i = 0; i < length; i++) reader.bytes()
  const numbers: number[] = []
  const counts: number[] = []
  for (let i = 0; i < length; i++) {
    numbers.push(reader.varint())
    counts.push(reader.varint())
  }
  return { level, numbers, counts }
}

function decodeValue(reader: PageReader, kind: number): TreeValue {
  if (kind === SCORE_VALUES) return reader.double()
  if (kind === BYTES_VALUES) return reader.bytes()
  if (kind !== FIELD_VALUES) throw new DamageError('page: values of an unknown kind')
  const head = reader.varint()
  if (head % 2 === 0) return reader.raw(head / 2)
  const expireAtMs = reader.double()
  return new FieldValue(reader.raw((head - 1) / 2), expireAtMs)
}
