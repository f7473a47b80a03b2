/** DUMP payloads: round trips, and what is refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crc64 } from '../../rdb/format/crc64.ts'
import { RdbError } from '../../rdb/format/rdb-error.ts'
import { readPayload } from '../../rdb/payload.ts'
import { writePayload } from '../../rdb/writer.ts'
import { seeded } from '../support/generators/seed.ts'
import { contentOf, rdbValueOf, sorted } from '../support/rdb/contents.ts'
import { payloadOf } from '../support/rdb/old-encoders.ts'
import { randomContent } from '../support/rdb/random-contents.ts'

const read = (payload: Buffer) => {
  const { type, parts } = readPayload(payload)
  return contentOf(type, parts)
}

test('a payload is read as written', () => {
  const chance = seeded('payloads')
  for (let round = 0; round < 60; round++) {
    const content = randomContent(chance)
    const { payload } = writePayload(rdbValueOf(content), { mayCompress: chance.integer(2) === 0 })
    assert.equal(sorted(read(payload)), sorted(content))
  }
})

test('the checksum is the CRC-64 of Jones', () => {
  assert.is(crc64(Buffer.from('123456789')).readBigUInt64LE(0), 0xe9c6d914c4b8d9can)
})

test('a payload with another version or checksum, or of a wrong length, is refused', () => {
  const { payload } = writePayload(rdbValueOf({ type: 'list', elements: ['a', 'b'] }))
  const cases: readonly [Buffer, RegExp][] = [
    [Buffer.alloc(4), /damaged at byte 4: the payload is too short/],
    [payloadOf(0, [1, 0x61], 13), /refused at byte 3: version 13 is not known/],
    [Buffer.concat([payload.subarray(0, -1), Buffer.from([payload.at(-1)! ^ 1])]), /the checksum does not match/],
    [payloadOf(0, [2, 0x61]), /damaged at byte 3: the data ends within an element/],
    [payloadOf(0, [1, 0x61, 0x62]), /damaged at byte 3: bytes follow the value/],
    [payloadOf(1, [0]), /a collection is empty/],
    [payloadOf(8, [0]), /refused at byte 0: type 8 is not known/],
    [payloadOf(7, [0x81, 0, 0, 0, 0, 0, 0, 0, 5]), /refused at byte 0: a value of the module type AAAAAAAAA/],
    [payloadOf(2, [0x80, 0xff, 0xff, 0xff, 0xff]), /elements exceed the bytes that follow/],
    [payloadOf(0, [0x81, 0, 0, 0, 1, 0, 0, 0, 0]), /exceeds the budget/],
    [payloadOf(0, [0xc3, 2, 0x80, 0x10, 0, 0, 0, 0, 0]), /compressed bytes state an impossible length/],
  ]
  for (const [bad, text] of cases) {
    assert.throws(
      () => read(bad),
      (error: unknown) => error instanceof RdbError && text.test(error.message),
      String(text),
    )
  }
})

test('a string, a packed encoding and a count beyond the budget are refused before they are read', () => {
  const text = writePayload(rdbValueOf({ type: 'string', value: 'x'.repeat(100) }), { mayCompress: false }).payload
  const compressed = writePayload(rdbValueOf({ type: 'string', value: 'x'.repeat(100) })).payload
  const list = writePayload(rdbValueOf({ type: 'list', elements: ['a', 'b', 'c'] })).payload
  const set = writePayload(rdbValueOf({ type: 'set', members: ['a', 'b', 'c'] })).payload
  assert.ok(compressed.length < text.length)
  const within = (payload: Buffer, budget: object) => () => {
    const { type, parts } = readPayload(payload, budget)
    contentOf(type, parts)
  }
  for (const payload of [text, compressed]) {
    within(payload, { maxStringBytes: 100 })()
    assert.throws(within(payload, { maxStringBytes: 99 }), /a string of 100 bytes exceeds the budget/)
  }
  assert.throws(within(list, { maxStringBytes: 5 }), /exceeds the budget/)
  within(set, { maxElementCount: 3 })()
  assert.throws(within(set, { maxElementCount: 2 }), /3 elements exceed the budget/)
})

test.run()
