/**
 * The work between two chunks of a writer: it is bounded also where compression, or elements that
 * are held to be packed, make little output of much input.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RdbStreamEntry } from '../../rdb/elements.ts'
import { streamId } from '../../rdb/encodings/stream-ids.ts'
import type { RdbItem, RdbValue } from '../../rdb/values.ts'
import { RdbWriter } from '../../rdb/writer.ts'

/** The most input between two chunks, in bytes and elements. */
const MAX_BYTES = 96 * 1024
const MAX_ELEMENTS = 1024

const ZERO_ID = streamId(0n, 0n)
const TEXT = 'x'.repeat(20_000)

/** Writes items, and asserts how much was taken of `make`'s input between two chunks. */
function assertSlices(
  make: (taken: <T>(elements: Iterable<T>, bytesOf: (element: T) => number) => Iterable<T>) => Iterable<RdbValue>,
): void {
  let [bytes, elements, maxBytes, maxElements] = [0, 0, 0, 0]
  function* taken<T>(all: Iterable<T>, bytesOf: (element: T) => number): Generator<T> {
    for (const element of all) {
      bytes += bytesOf(element)
      elements++
      yield element
    }
  }
  const endSlice = () => {
    maxBytes = Math.max(maxBytes, bytes)
    maxElements = Math.max(maxElements, elements)
    bytes = 0
    elements = 0
  }
  const writer = new RdbWriter()
  writer.begin()
  for (const value of make(taken)) {
    const item: RdbItem = { kind: 'key', key: 'key', expireAtMs: null, value }
    for (const _ of writer.write(item)) endSlice()
  }
  endSlice()
  assert.ok(maxBytes <= MAX_BYTES, `${maxBytes} bytes between two chunks`)
  assert.ok(maxElements <= MAX_ELEMENTS, `${maxElements} elements between two chunks`)
}

const numbers = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))
const lengthOf = (text: string) => text.length

test('many strings that compress well', () => {
  assertSlices((taken) => numbers(500, () => ({ type: 'string', sizeBytes: TEXT.length, pieces: taken([TEXT], lengthOf) })))
})

/** A string that lies in a buffer, as in a record of a snapshot. */
function stored(text: string, taken: (texts: string[]) => void): RdbValue {
  const buffer = Buffer.from(text, 'latin1')
  const { length } = text
  const range = {
    get buffer() {
      taken([text])
      return buffer
    },
    start: 0,
    end: length,
  }
  return { type: 'string', sizeBytes: length, pieces: [text], range }
}

test('many strings of a snapshot, short, random or compressible', () => {
  const random = Array.from({ length: 400 }, (_, i) => String.fromCharCode((i * i * 7919) % 251)).join('')
  for (const text of ['7', 'short', random, TEXT]) {
    assertSlices(function* (taken) {
      for (let i = 0; i < 3000; i++) yield stored(text, (texts) => [...taken(texts, lengthOf)])
    })
  }
})

test('a long list whose elements compress well', () => {
  assertSlices((taken) => [
    {
      type: 'list',
      count: 500,
      elements: taken(
        numbers(500, () => TEXT),
        lengthOf,
      ),
    },
  ])
})

test('a list that is held, and many of them', () => {
  const elements = numbers(20_000, String)
  assertSlices((taken) => numbers(3, () => ({ type: 'list', count: elements.length, elements: taken(elements, lengthOf) })))
})

test('a stream whose entries compress well', () => {
  const entries = numbers(3000, (i): RdbStreamEntry => ({ id: streamId(BigInt(i + 1), 0n), fields: ['field', TEXT.slice(0, 5000)] }))
  const state = { firstId: ZERO_ID, maxDeletedId: ZERO_ID, lastId: streamId(3000n, 0n), entriesAdded: 3000n, groups: [] }
  assertSlices((taken) => [
    { type: 'stream', count: entries.length, entries: taken(entries, ({ fields }) => fields.join('').length), ...state },
  ])
})

test('a stream with many pending entries', () => {
  const count = 20_000
  const ids = numbers(count, (i) => streamId(BigInt(i + 1), 0n))
  const pending = ids.map((id) => ({ id, deliveredAtMs: 1, deliveryCount: 1 }))
  const state = { firstId: ZERO_ID, maxDeletedId: ZERO_ID, lastId: streamId(1n, 0n), entriesAdded: 1n }
  assertSlices((taken) => {
    const consumer = { name: 'c', seenAtMs: 1, activeAtMs: 1, pendingCount: count, pendingIds: taken(ids, lengthOf) }
    const group = { name: 'g', lastId: ZERO_ID, entriesRead: 1n, pendingCount: count, consumers: [consumer] }
    return [{ type: 'stream', count: 0, entries: [], ...state, groups: [{ ...group, pending: taken(pending, () => 24) }] }]
  })
})

test('collections that are to be packed, however large', () => {
  const count = 200_000
  assertSlices((taken) => [
    { type: 'set', count, isPacked: true, members: taken(numbers(count, String), lengthOf) },
    {
      type: 'sorted-set',
      count,
      isPacked: true,
      members: taken(
        numbers(count, (i) => [`member ${i}`, i] as const),
        ([member]) => member.length,
      ),
    },
    {
      type: 'hash',
      count,
      isPacked: true,
      minDeadlineMs: null,
      fields: taken(
        numbers(count, (i) => [`field ${i}`, 'value', null] as const),
        ([field]) => field.length + 5,
      ),
    },
  ])
})

test.run()
