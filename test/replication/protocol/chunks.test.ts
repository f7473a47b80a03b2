/** Chunks of a full sync: round trips, and damage that is refused. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CHUNK_FRAME_BYTES, encodeChunk, encodeEndChunk, RECORD_FRAME_BYTES, readChunk } from '../../../replication/protocol/chunks.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const records = fc.array(fc.tuple(bytes, bytes), { maxLength: 20 })
const hex = (list: readonly (readonly [Buffer, Buffer])[]) => list.map(([key, value]) => `${key.toString('hex')}=${value.toString('hex')}`)

test('a chunk of records is decoded as encoded, and has the predicted size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), records, (sequence, list) => {
      const chunk = encodeChunk(sequence, list)
      const read = readChunk(chunk)
      assert.is(read.kind, 'records')
      assert.is(read.sequence, sequence)
      assert.is(read.total, 0)
      assert.equal(hex(read.records), hex(list))
      const content = list.reduce((sum, [key, value]) => sum + RECORD_FRAME_BYTES + key.length + value.length, 0)
      assert.is(chunk.length, CHUNK_FRAME_BYTES + content)
    }),
  )
})

test('the last chunk gives the total of records, in more than 32 bits', () => {
  for (const total of [0, 1, 2 ** 32, 2 ** 52]) {
    assert.equal(readChunk(encodeEndChunk(7, total)), { kind: 'end', sequence: 7, records: [], total })
  }
})

test('a chunk with a wrong bit, a missing end or extra bytes is refused', () => {
  const record = [Buffer.from('key'), Buffer.from('value')] as const
  for (const chunk of [encodeChunk(1, [record, record]), encodeChunk(1, []), encodeEndChunk(2, 3)]) {
    for (let at = 0; at < chunk.length; at++) {
      for (let bit = 1; bit < 256; bit <<= 1) {
        const wrong = Buffer.from(chunk)
        wrong[at]! ^= bit
        assert.throws(() => readChunk(wrong), /malformed chunk/)
      }
      assert.throws(() => readChunk(chunk.subarray(0, at)), /malformed chunk/)
    }
    assert.throws(() => readChunk(Buffer.concat([chunk, Buffer.from([0])])), /malformed chunk/)
  }
})

test.run()
