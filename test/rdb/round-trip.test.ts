/** The reader reads every value that the writer writes, whole and byte by byte. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RdbReader, readRdb } from '../../rdb/reader.ts'
import type { RdbItem } from '../../rdb/values.ts'
import { RdbWriter, withEofMark, writeRdb } from '../../rdb/writer.ts'
import { seeded } from '../support/generators/seed.ts'
import { type Content, fileContent, rdbValueOf, sorted } from '../support/rdb/contents.ts'
import { randomContent, TYPES } from '../support/rdb/random-contents.ts'

const { HAYPILE_ROUNDS = '15' } = process.env
const ROUNDS = Number(HAYPILE_ROUNDS)
const VERSIONS = [10, 11, 12] as const

async function gathered(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const found: Buffer[] = []
  for await (const chunk of chunks) found.push(chunk)
  return Buffer.concat(found)
}

function* pieces(file: Buffer, size: () => number): Generator<Buffer> {
  for (let at = 0; at < file.length; ) {
    const next = at + size()
    yield file.subarray(at, next)
    at = next
  }
}

const keyItem = (key: string, content: Content): RdbItem => ({ kind: 'key', key, expireAtMs: null, value: rdbValueOf(content) })

test('each type in each version is read as written, in chunks of any size', async () => {
  const chance = seeded('rdb round trip')
  for (let round = 0; round < ROUNDS; round++) {
    const contents = new Map(TYPES.map((type) => [`key of ${type}`, randomContent(chance, type)]))
    const items = [...contents].map(([key, content]) => keyItem(key, content))
    const mayCompress = chance.integer(2) === 0
    const file = await gathered(writeRdb(items, { version: chance.pick(VERSIONS), mayCompress }))
    const sizes = [() => file.length, () => 1 + chance.integer(5000), () => 1 + chance.integer(20)]
    const found = await fileContent(readRdb(pieces(file, chance.pick(sizes))))
    assert.is(found.isVerified, true)
    assert.is(found.keys.size, contents.size)
    for (const [key, content] of contents) assert.equal(sorted(found.keys.get(`0:${key}`)!.content), sorted(content), key)
  }
})

test('databases, deadlines, libraries and auxiliary fields are read as written', async () => {
  const value = rdbValueOf({ type: 'string', value: 'v' })
  const items: RdbItem[] = [
    { kind: 'aux', name: 'redis-ver', value: '7.0.15' },
    { kind: 'library', code: '#!lua name=lib\n' },
    { kind: 'database', index: 3 },
    { kind: 'sizes', keyCount: 2, deadlineCount: 1 },
    { kind: 'key', key: 'a', expireAtMs: 1_900_000_000_123, value },
    { kind: 'key', key: 'b', expireAtMs: null, value },
  ]
  const file = await gathered(writeRdb(items, { hasChecksum: false }))
  const found = await fileContent(readRdb(pieces(file, () => 1)))
  assert.is(found.version, 10)
  assert.is(found.isVerified, false)
  assert.equal([...found.aux], [['redis-ver', '7.0.15']])
  assert.equal(found.libraries, ['#!lua name=lib\n'])
  assert.equal(
    [...found.keys].map(([key, { expireAtMs }]) => [key, expireAtMs]),
    [
      ['3:a', 1_900_000_000_123],
      ['3:b', null],
    ],
  )
})

test('field deadlines are written from version 12 on, and counted where they are lost', async () => {
  const far = 1_900_000_000_000
  const small: Content = {
    type: 'hash',
    fields: [
      ['a', '1', far + 5],
      ['b', '2', null],
      ['c', '3', far],
    ],
  }
  const large: Content = { type: 'hash', fields: Array.from({ length: 500 }, (_, i) => [`f${i}`, 'v', i % 2 === 0 ? far + i : null]) }
  for (const content of [small, large]) {
    const file = await gathered(writeRdb([keyItem('h', content)], { version: 12 }))
    assert.equal((await fileContent(readRdb([file]))).keys.get('0:h')!.content, content)
    const writer = new RdbWriter({ version: 10 })
    writer.begin()
    const chunks = [...writer.write(keyItem('h', content)), ...writer.end()]
    assert.is(writer.lostDeadlineCount, content === small ? 2 : 250)
    const without = (await fileContent(readRdb(chunks))).keys.get('0:h')!.content as typeof small
    assert.equal(without.fields, small.type === 'hash' && (content as typeof small).fields.map(([field, value]) => [field, value, null]))
  }
})

test('a string in a buffer is written as one made of the same bytes', () => {
  const chance = seeded('rdb ranges')
  const texts = ['', '0', '-0', '00', '-1', '127', '128', '-32768', '32768', '2147483647', '-2147483648', '2147483648', '99999999999']
  texts.push(
    '1.5',
    '1e3',
    ' 1',
    '\xff',
    'x'.repeat(20),
    'x'.repeat(21),
    'x'.repeat(63),
    'x'.repeat(64),
    'ab'.repeat(9000),
    'x'.repeat(300_000),
  )
  for (let round = 0; round < 300; round++) {
    const letters = chance.pick([2, 10, 256])
    texts.push(Array.from({ length: chance.integer(400) }, () => String.fromCharCode(chance.integer(letters))).join(''))
  }
  for (const mayCompress of [true, false]) {
    const [whole, ranges] = [new RdbWriter({ mayCompress }), new RdbWriter({ mayCompress })]
    for (const [index, text] of texts.entries()) {
      const buffer = Buffer.from(`abc${text}def`, 'latin1')
      const value = { type: 'string', sizeBytes: text.length, pieces: [text] } as const
      const item = { kind: 'key', key: `key ${index}`, expireAtMs: index % 3 === 0 ? index + 1 : null } as const
      const expected = Buffer.concat([...whole.write({ ...item, value }), ...whole.end()])
      const range = { buffer, start: 3, end: 3 + text.length }
      const found = Buffer.concat([...ranges.write({ ...item, value: { ...value, range } }), ...ranges.end()])
      assert.equal(found, expected, `${text.length} bytes: ${text.slice(0, 20)}`)
    }
  }
})

test('a diskless full sync has its mark before and after the file', async () => {
  const mark = 'a'.repeat(40)
  const bytes = await gathered(withEofMark(writeRdb([keyItem('k', { type: 'string', value: 'v' })]), mark))
  const head = `$EOF:${mark}\r\n`
  assert.is(bytes.latin1Slice(0, head.length), head)
  const reader = new RdbReader()
  reader.push(bytes.subarray(head.length))
  while (reader.next() !== null);
  assert.ok(reader.isAtEnd)
  assert.is(reader.rest().latin1Slice(), mark)
})

test('a large value is read in parts and written in chunks of bounded size', async () => {
  const elements = Array.from({ length: 200_000 }, (_, index) => `element ${index}`)
  const writer = new RdbWriter()
  writer.begin()
  const chunks: Buffer[] = []
  const value = rdbValueOf({ type: 'list', elements })
  for (const chunk of writer.write({ kind: 'key', key: 'list', expireAtMs: null, value })) chunks.push(chunk)
  chunks.push(...writer.end())
  assert.ok(chunks.length > 30 && chunks.every((chunk) => chunk.length < 140_000), 'chunks')
  let largest = 0
  for await (const part of readRdb(chunks)) if (part.kind === 'list') largest = Math.max(largest, part.elements.length)
  assert.ok(largest > 0 && largest <= 512, `${largest} elements in a part`)
  assert.equal((await fileContent(readRdb(chunks))).keys.get('0:list')!.content, { type: 'list', elements })
})

test.run()
