/**
 * Encoders of what Redis wrote before 7.0, written apart from the product's readers: ziplists,
 * zipmaps, intsets. For fixtures.
 */
import { crc64 } from '../../../rdb/format/crc64.ts'

const le = (value: number, size: number): number[] => Array.from({ length: size }, (_, index) => Math.floor(value / 256 ** index) & 0xff)

/** Returns a string of the RDB, with a length of one, two or five bytes. */
export function rdbString(bytes: Buffer | string): Buffer {
  const content = Buffer.from(bytes as string, 'latin1')
  const { length } = content
  const head = length < 64 ? [length] : length < 16384 ? [0x40 | (length >> 8), length & 0xff] : [0x80, ...le(length, 4).reverse()]
  return Buffer.concat([Buffer.from(head), content])
}

/** Returns a payload of a type and a body, with its footer. */
export function payloadOf(type: number, body: readonly number[] | Buffer, version = 10): Buffer {
  const bytes = Buffer.concat([Buffer.from([type]), Buffer.from(body), Buffer.from(le(version, 2))])
  return Buffer.concat([bytes, crc64(bytes)])
}

/** Returns a file of a version whose items are given; files before version 5 have no checksum. */
export function fileOf(version: number, ...items: readonly (readonly number[] | Buffer)[]): Buffer {
  const magic = version === 80 ? 'VALKEY080' : `REDIS${String(version).padStart(4, '0')}`
  const bytes = Buffer.concat([Buffer.from(magic), ...items.map((item) => Buffer.from(item)), Buffer.from([255])])
  return version < 5 ? bytes : Buffer.concat([bytes, crc64(bytes)])
}

/** Returns the item of a key. */
export const keyOf = (type: number, key: string, body: readonly number[] | Buffer): Buffer =>
  Buffer.concat([Buffer.from([type]), rdbString(key), Buffer.from(body)])

/** Returns a ziplist; numbers and bigints become integers, strings stay strings. */
export function ziplist(...elements: readonly (string | number | bigint)[]): Buffer {
  const entries: Buffer[] = []
  let length = 0
  let previous = 0
  let tail = 10
  for (const element of elements) {
    const head = previous < 254 ? [previous] : [254, ...le(previous, 4)]
    const entry = Buffer.concat([Buffer.from(head), typeof element === 'string' ? zipString(element) : zipInteger(BigInt(element))])
    tail = 10 + length
    entries.push(entry)
    length += entry.length
    previous = entry.length
  }
  return Buffer.concat([
    Buffer.from([...le(11 + length, 4), ...le(tail, 4), ...le(Math.min(elements.length, 0xffff), 2)]),
    ...entries,
    Buffer.from([255]),
  ])
}

function zipString(text: string): Buffer {
  const { length } = text
  const head = length < 64 ? [length] : length < 16384 ? [0x40 | (length >> 8), length & 0xff] : [0x80, ...le(length, 4).reverse()]
  return Buffer.concat([Buffer.from(head), Buffer.from(text, 'latin1')])
}

function zipInteger(value: bigint): Buffer {
  if (value >= 0n && value <= 12n) return Buffer.from([0xf1 + Number(value)])
  const sizes = [
    [0xfe, 1],
    [0xc0, 2],
    [0xf0, 3],
    [0xd0, 4],
    [0xe0, 8],
  ] as const
  const [code, size] = sizes.find(([, bytes]) => BigInt.asIntN(bytes * 8, value) === value)!
  const eight = Buffer.alloc(8)
  eight.writeBigInt64LE(value)
  return Buffer.concat([Buffer.from([code]), eight.subarray(0, size)])
}

/** Returns a zipmap of fields and values in turn, with unused bytes after each value. */
export function zipmap(unused: number, ...elements: readonly string[]): Buffer {
  const parts = [Buffer.from([Math.min(elements.length / 2, 254)])]
  const length = (text: string) => (text.length < 254 ? [text.length] : [254, ...le(text.length, 4)])
  for (const [index, text] of elements.entries()) {
    const isValue = index % 2 === 1
    parts.push(Buffer.from([...length(text), ...(isValue ? [unused] : [])]), Buffer.from(text, 'latin1'))
    if (isValue) parts.push(Buffer.alloc(unused, 0x78))
  }
  return Buffer.concat([...parts, Buffer.from([255])])
}

/** Returns an intset with integers of a size, in the order given. */
export function intset(size: 2 | 4 | 8, ...integers: readonly bigint[]): Buffer {
  const body = Buffer.alloc(integers.length * 8)
  integers.forEach((value, index) => {
    body.writeBigInt64LE(value, index * 8)
  })
  const cut = integers.map((_, index) => body.subarray(index * 8, index * 8 + size))
  return Buffer.concat([Buffer.from([...le(size, 4), ...le(integers.length, 4)]), ...cut])
}

/** Returns a listpack of small strings and integers below 128. */
export function listpack(...elements: readonly (string | number)[]): Buffer {
  const entries = elements.map((element) => {
    if (typeof element === 'number') return Buffer.from([element, 1])
    const entry = Buffer.concat([Buffer.from([0x80 | element.length]), Buffer.from(element, 'latin1')])
    return Buffer.concat([entry, Buffer.from([entry.length])])
  })
  const body = Buffer.concat(entries)
  return Buffer.concat([Buffer.from([...le(body.length + 7, 4), ...le(Math.min(elements.length, 0xffff), 2)]), body, Buffer.from([255])])
}
