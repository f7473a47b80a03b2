/**
 * What a page of a tree holds, and what of a small tree lies in its root record. On disk: never renumber.
 *
 *   page     level(1) layout(1) length(varint) item*     layout: bit 0 keyed, bits 1-2 the values (node.ts)
 *   level 0  item: [key] value
 *   above    item: [separator] pageNumber(varint) count(varint)
 *   key, separator, bytes value   length(varint) bytes
 *   score value                   IEEE double(8), little-endian
 *   field value                   varint(length * 2 + hasDeadline) [expireAt(8), little-endian double] bytes
 *   varint                        7 bits a byte, least significant first, up to 2^53
 */
import type { Bytes } from '../bytes.ts'
import { DamageError } from '../records.ts'
import { BYTES_VALUES, FIELD_VALUES, FieldValue, NO_VALUES, SCORE_VALUES, TreeNode, type TreeValue } from './node.ts'
import type { Tree } from './tree.ts'

/** Short strings are copied byte by byte: that is faster than a call. */
const SHORT_BYTES = 20

/** A growing buffer that pages are written into. */
export class PageWriter {
  private buffer = Buffer.allocUnsafeSlow(16 * 1024)
  private length = 0

  /** What has been written since `begin`; valid until the next `begin`. */
  get content(): Buffer {
    return this.buffer.subarray(0, this.length)
  }

  begin(): void {
    this.length = 0
  }

  byte(value: number): void {
    this.reserve(1)
    this.buffer[this.length++] = value
  }

  varint(value: number): void {
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

  /** Bytes without their length. */
  raw(bytes: Bytes): void {
    const { length } = bytes
    this.reserve(length)
    const { buffer } = this
    if (length > SHORT_BYTES) buffer.latin1Write(bytes, this.length)
    else for (let i = 0; i < length; i++) buffer[this.length + i] = bytes.charCodeAt(i)
    this.length += length
  }

  bytes(bytes: Bytes): void {
    this.varint(bytes.length)
    this.raw(bytes)
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return
    const larger = Buffer.allocUnsafeSlow((this.length + bytes) * 2)
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}

/** Reads what a PageWriter has written. Throws DamageError where it ends too soon. */
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
      if (scale > 2 ** 49) throw new DamageError('page: a number of too many bytes')
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

export function encodePage(writer: PageWriter, node: TreeNode): void {
  const { tree, level, length, keys } = node
  const { isKeyed, values: kind } = tree.layout
  writer.byte(level)
  writer.byte(layoutByte(tree))
  writer.varint(length)
  for (let i = 0; i < length; i++) {
    if (isKeyed) writer.bytes(keys[i] as Bytes)
    if (level === 0) encodeValue(writer, kind, node.values[i])
    else {
      const child = node.children[i] as TreeNode | number
      writer.varint(typeof child === 'number' ? child : child.number)
      writer.varint(node.counts[i] as number)
    }
  }
}

function encodeValue(writer: PageWriter, kind: number, value: TreeValue): void {
  if (kind === NO_VALUES) return
  if (kind === SCORE_VALUES) writer.double(value as number)
  else if (kind === BYTES_VALUES) writer.bytes(value as Bytes)
  else if (typeof value === 'string') {
    writer.varint(value.length * 2)
    writer.raw(value)
  } else {
    const field = value as FieldValue
    writer.varint(field.value.length * 2 + 1)
    writer.double(field.expireAt)
    writer.raw(field.value)
  }
}

/** A node of the tree, not yet hung in. The content must end where the page ends. */
export function decodePage(tree: Tree, content: Buffer): TreeNode {
  const reader = new PageReader(content)
  const node = decodeNode(reader, tree)
  if (reader.left > 0) throw new DamageError('page: bytes after its end')
  return node
}

export function decodeNode(reader: PageReader, tree: Tree): TreeNode {
  const { isKeyed, values: kind } = tree.layout
  const node = new TreeNode(tree, reader.byte())
  if (reader.byte() !== layoutByte(tree)) throw new DamageError('page: of another kind of tree')
  const length = reader.varint()
  if (length > reader.left + 1) throw new DamageError('page: more elements than bytes')
  const { keys, values, children, counts } = node
  for (let i = 0; i < length; i++) {
    if (isKeyed) keys.push(reader.bytes())
    if (node.level > 0) {
      children.push(reader.varint())
      counts.push(reader.varint())
    } else if (kind !== NO_VALUES) values.push(decodeValue(reader, kind))
  }
  node.measure()
  return node
}

function decodeValue(reader: PageReader, kind: number): TreeValue {
  if (kind === SCORE_VALUES) return reader.double()
  if (kind === BYTES_VALUES) return reader.bytes()
  if (kind !== FIELD_VALUES) throw new DamageError('page: values of no known kind')
  const head = reader.varint()
  if (head % 2 === 0) return reader.raw(head / 2)
  const expireAt = reader.double()
  return new FieldValue(reader.raw((head - 1) / 2), expireAt)
}
