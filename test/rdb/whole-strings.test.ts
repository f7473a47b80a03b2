/** Short strings as one part with their bytes, and claims that go beyond a known length. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BytesInPlace } from '../../base/bytes.ts'
import type { RdbPart } from '../../rdb/elements.ts'
import { RdbError } from '../../rdb/format/rdb-error.ts'
import { RdbReader, type RdbReaderOptions } from '../../rdb/reader.ts'
import type { RdbItem } from '../../rdb/values.ts'
import { RdbWriter } from '../../rdb/writer.ts'
import { fileOf, keyOf, rdbString } from '../support/rdb/old-encoders.ts'

const MAX_WHOLE_BYTES = 65_535
const VALUES = ['', '1', '-12345', '70000', 'plain', 'z'.repeat(5000), 'é'.repeat(70), 'y'.repeat(MAX_WHOLE_BYTES), 'y'.repeat(70_000)]

function rdbOf(values: readonly string[]): Buffer {
  const writer = new RdbWriter({ version: 10 })
  writer.begin()
  const chunks: Buffer[] = []
  for (const [index, text] of values.entries()) {
    const expireAtMs = index % 2 === 0 ? null : 1_800_000_000_000 + index
    const item: RdbItem = {
      kind: 'key',
      key: `key:${index}`,
      expireAtMs,
      value: { type: 'string', sizeBytes: text.length, pieces: [text] },
    }
    chunks.push(...writer.write(item))
  }
  const list = { type: 'list', count: 2, elements: ['a', 'b'] } as const
  chunks.push(...writer.write({ kind: 'key', key: 'list', expireAtMs: null, value: list }))
  return Buffer.concat([...chunks, ...writer.end()])
}

const textOf = ({ bytes, from, length }: BytesInPlace): string => bytes.latin1Slice(from, from + length)

/** Reads a file in pieces of a size, which are overwritten once the reader has them. */
function partsOf(file: Buffer, pieceBytes: number, options: RdbReaderOptions): RdbPart[] {
  const reader = new RdbReader({}, options)
  const parts: RdbPart[] = []
  const take = () => {
    for (let part = reader.next(); part !== null; part = reader.next()) {
      if (part.kind !== 'string-key') parts.push(part)
      else {
        const { key, value, expireAtMs } = part
        parts.push({ kind: 'key', key: textOf(key), type: 'string', expireAtMs, idleSeconds: null, frequency: null })
        parts.push({ kind: 'string', piece: textOf(value) }, { kind: 'key-end' })
      }
    }
  }
  const piece = Buffer.alloc(Math.min(pieceBytes, file.length))
  for (let at = 0; at < file.length; at += piece.length) {
    reader.push(piece.subarray(0, file.copy(piece, 0, at)))
    take()
    piece.fill(0xee)
  }
  reader.end()
  take()
  return parts
}

/** Joins the pieces of a long string. */
function joined(parts: readonly RdbPart[]): RdbPart[] {
  const found: RdbPart[] = []
  for (const part of parts) {
    const last = found.at(-1)
    if (part.kind === 'string' && last?.kind === 'string') found[found.length - 1] = { kind: 'string', piece: last.piece + part.piece }
    else found.push(part)
  }
  return found
}

test('strings that come whole are those that come in parts, in chunks of any size', () => {
  const file = rdbOf(VALUES)
  const expected = joined(partsOf(file, file.length, {}))
  for (const pieceBytes of [1, 7, 1000, 65_536, file.length]) {
    for (const totalBytes of [undefined, file.length]) {
      assert.equal(joined(partsOf(file, pieceBytes, { strings: 'whole', totalBytes })), expected, `${pieceBytes}`)
      assert.equal(joined(partsOf(file, pieceBytes, { totalBytes })), expected, `${pieceBytes}`)
    }
  }
})

/** Returns the error that a file meets before its last bytes have come. */
function errorBeforeEnd(file: Buffer, given: number, options: RdbReaderOptions): RdbError | null {
  const reader = new RdbReader({}, options)
  reader.push(file.subarray(0, given))
  try {
    while (reader.next() !== null);
    return null
  } catch (error) {
    if (error instanceof RdbError) return error
    throw error
  }
}

const LENGTH_4096 = [0x50, 0]
const CLAIMS: readonly (readonly [string, Buffer])[] = [
  ['a string', keyOf(0, 'k', [...LENGTH_4096, 97])],
  ['a long string', keyOf(0, 'k', [0x80, 0, 2, 0, 0, 97])],
  ['a key', Buffer.from([0, ...LENGTH_4096, 97])],
  ['an element', keyOf(1, 'k', [2, ...rdbString('a'), ...LENGTH_4096, 97])],
  ['a packed list', keyOf(10, 'k', [...LENGTH_4096, 97])],
  ['compressed bytes', keyOf(0, 'k', [0xc3, ...LENGTH_4096, ...LENGTH_4096, 97])],
  ['a library', Buffer.from([245, ...LENGTH_4096, 97])],
]

test('more bytes than a file of a known length has left are refused before they are awaited', () => {
  for (const [name, item] of CLAIMS) {
    const file = fileOf(10, item, Buffer.alloc(2000, 0x61))
    const given = 9 + item.length
    for (const strings of ['parts', 'whole'] as const) {
      assert.is(errorBeforeEnd(file, given, { strings }), null, name)
      const error = errorBeforeEnd(file, given, { strings, totalBytes: file.length })
      assert.is(error?.kind, 'damaged', name)
      assert.is(error?.offset, given - 1, name)
      assert.match(error?.message ?? '', /it claims \d+ bytes, and 2010 follow/, name)
    }
  }
})

test('more elements than a file of a known length has bytes for are refused at once', () => {
  const item = keyOf(1, 'k', [0x80, 0, 0x10, 0, 0, ...rdbString('a')])
  const file = fileOf(10, item, Buffer.alloc(2000, 0x61))
  assert.is(errorBeforeEnd(file, file.length - 100, {}), null)
  assert.match(errorBeforeEnd(file, 9 + item.length, { totalBytes: file.length })?.message ?? '', /1048576 elements exceed the bytes/)
})

test.run()
