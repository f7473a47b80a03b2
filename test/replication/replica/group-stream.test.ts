/** Cutting the stream into groups, whatever pieces it arrives in. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type GroupBatch, GroupStream, MAX_END_LINE_BYTES, type StreamItem } from '../../../replication/replica/group-stream.ts'
import { GROUP_HEAD_BYTES } from '../../../storage/binlog/group.ts'
import { groupOf, groupOfBody, groupsOf, START } from '../../support/replication/groups.ts'

const SET = (value: string) => [['SET', 'k', value]]
const text = (value: string) => Buffer.from(value, 'latin1')

/** Feeds data in pieces of one size. Returns the items of the stream. */
function fed(data: Buffer, pieceBytes: number, stream = new GroupStream(0)): StreamItem[] {
  const items: StreamItem[] = []
  for (let at = 0; at < data.length; at += pieceBytes) items.push(...stream.push(Buffer.from(data.subarray(at, at + pieceBytes))))
  return items
}

const batches = (items: readonly StreamItem[]): GroupBatch[] => items.flatMap((item) => (item.type === 'groups' ? [item.batch] : []))

/**
 * Joins batches and keeps heartbeats in their places. The result does not depend on the pieces that
 * the bytes came in.
 */
function gist(items: readonly StreamItem[]): string[] {
  const words: string[] = []
  for (const item of items) {
    if (item.type === 'asked') words.push('?')
    else if (item.type === 'ended') words.push(`ended ${item.text}`)
    else if (item.type === 'bad') words.push(`bad ${item.reason}`)
    else for (const [i, { offset }] of item.batch.headers.entries()) words.push(`${offset} ${item.batch.bodies[i]?.latin1Slice()}`)
  }
  return words
}

test('adjacent groups become one batch of the same bytes, and heartbeats are ignored', () => {
  const groups = groupsOf(START, [SET('1'), SET('22'), [], SET('4')])
  const bytes = Buffer.concat(groups.map((group) => group.bytes))
  const [batch, ...rest] = batches(new GroupStream(0).push(Buffer.concat([text('\n\n'), bytes, text('\n')])))
  assert.is(rest.length, 0)
  assert.ok(batch?.bytes.equals(bytes))
  assert.equal(
    batch?.headers.map(({ offset }) => offset),
    [0, ...groups.slice(0, 3).map(({ end }) => end.offset)],
  )
  assert.ok(Buffer.concat(batch?.bodies ?? []).equals(Buffer.concat(groups.map((group) => group.bytes.subarray(GROUP_HEAD_BYTES)))))
})

test('the stream gives the same items whole, byte by byte and in any pieces', () => {
  const sign = fc.constantFrom('group', 'large', '\n', '?')
  fc.assert(
    fc.property(fc.array(sign, { maxLength: 12 }), fc.integer({ min: 1, max: 700 }), fc.boolean(), (signs, pieceBytes, ends) => {
      const parts: Buffer[] = []
      let at = START
      for (const each of signs) {
        if (each.length === 1) parts.push(text(each))
        else {
          const group = groupOf(at, SET(each === 'large' ? 'x'.repeat(1000) : each))
          parts.push(group.bytes)
          at = group.end
        }
      }
      if (ends) parts.push(text('-BADSESSION it is over\r\n'))
      const data = Buffer.concat(parts)
      const whole = gist(new GroupStream(0).push(data))
      assert.equal(gist(fed(data, 1)), whole)
      assert.equal(gist(fed(data, pieceBytes)), whole)
    }),
  )
})

test('a sign between groups divides their batch', () => {
  const [first, second] = groupsOf(START, [SET('1'), SET('2')]) as [ReturnType<typeof groupOf>, ReturnType<typeof groupOf>]
  const items = new GroupStream(0).push(Buffer.concat([first.bytes, text('?'), second.bytes, text('?')]))
  assert.equal(
    items.map(({ type }) => type),
    ['groups', 'asked', 'groups', 'asked'],
  )
})

test('the pieces of a large group are joined once', () => {
  const group = groupOf(START, SET('x'.repeat(8 * 1024 * 1024)))
  const stream = new GroupStream(0)
  const { concat } = Buffer
  let joined = 0
  Buffer.concat = (list, length) => {
    const result = concat(list, length)
    joined += result.length
    return result
  }
  try {
    const items = fed(group.bytes, 64 * 1024, stream)
    assert.is(batches(items).length, 1)
    assert.ok(batches(items)[0]?.bytes.equals(group.bytes))
  } finally {
    Buffer.concat = concat
  }
  assert.ok(joined <= group.bytes.length, `${joined} bytes were copied`)
})

test('the read offset counts all group bytes, complete or not', () => {
  const group = groupOf({ offset: 5000, crc: 7 }, SET('1'))
  const stream = new GroupStream(5000)
  assert.is(stream.readOffset, 5000)
  stream.push(Buffer.concat([text('\n'), group.bytes.subarray(0, 100)]))
  assert.is(stream.readOffset, 5100)
  stream.push(group.bytes.subarray(100))
  assert.is(stream.readOffset, group.end.offset)
})

test('an error reply ends the stream', () => {
  const group = groupOf(START, SET('1'))
  const data = Buffer.concat([group.bytes, text('-CODE some text\r\n'), group.bytes])
  for (const size of [1, 7, data.length]) assert.equal(gist(fed(data, size)).at(-1), 'ended CODE some text')
})

test('bytes that are neither group nor sign are an error, and groups before them are delivered', () => {
  const group = groupOf(START, SET('1'))
  const after = group.end.offset
  const elsewhere = groupOf({ offset: 77, crc: 0 }, SET('1')).bytes
  const unreadable = Buffer.from(group.bytes)
  unreadable.write('x', 60)
  const cases: readonly (readonly [Buffer, string])[] = [
    [text('x'), `bad byte 120 between groups at offset ${after}`],
    [text(`*3\r\n$3\r\nSET\r\n${'x'.repeat(200)}`), `bad no group head at offset ${after}`],
    [elsewhere, `bad a group whose head states offset 77 at offset ${after}`],
    [unreadable, `bad no group head at offset ${after}`],
    [text(`-${'x'.repeat(MAX_END_LINE_BYTES)}`), `bad an error without an end at offset ${after}`],
  ]
  for (const [wrong, expected] of cases) {
    const data = Buffer.concat([group.bytes, wrong])
    for (const size of [1, 50, data.length]) {
      const stream = new GroupStream(0)
      const words = gist(fed(data, size, stream))
      assert.is(words.length, 2, expected)
      assert.ok(words[0]?.startsWith('0 '))
      assert.is(words[1], expected)
      assert.equal(stream.push(group.bytes), [], 'the stream delivers nothing more')
    }
  }
})

test('a group over the size limit is refused at its head', () => {
  const group = groupOfBody(START, Buffer.alloc(0))
  const head = Buffer.from(group.bytes)
  const zeros = head.indexOf(' 000000000000 ')
  head.write('999999999999', zeros + 1)
  assert.equal(gist(new GroupStream(0).push(head)), ['bad a group of 999999999999 bytes at offset 0'])
})

test.run()
