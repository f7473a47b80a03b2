/** LZF within larger buffers: what is read and written stays within the bounds that are given. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { lzfCompressInto, lzfDecompress, MIN_SAVED_BYTES } from '../../../rdb/format/lzf.ts'
import { seeded } from '../../support/generators/seed.ts'

const FILLER = 0xaa

test('a part of a buffer is compressed into a part of another, or not at all', () => {
  const chance = seeded('lzf parts')
  let compressed = 0
  for (let round = 0; round < 2000; round++) {
    const letters = 1 + chance.integer(round % 3 === 0 ? 256 : 6)
    const input = Buffer.from(Array.from({ length: 1 + chance.integer(600) }, () => chance.integer(letters)))
    const start = chance.integer(input.length)
    const end = start + chance.integer(input.length - start + 1)
    const to = chance.integer(20)
    const limit = to + chance.integer(end - start + 1)
    const output = Buffer.alloc(to + input.length, FILLER)
    const last = lzfCompressInto(input, start, end, output, to, limit)
    assert.ok(last === -1 || (last >= to && last <= limit), `${last} of ${to} to ${limit}`)
    assert.ok(output.subarray(0, to).every((byte) => byte === FILLER))
    assert.ok(output.subarray(limit).every((byte) => byte === FILLER))
    if (last < 0) continue
    compressed++
    assert.equal(lzfDecompress(output.subarray(to, last), end - start), input.subarray(start, end))
  }
  assert.ok(compressed > 200, `${compressed} were compressed`)
})

test('a match after many bytes without any is found', () => {
  const chance = seeded('lzf late')
  const random = Buffer.from(Array.from({ length: 2000 }, () => chance.integer(256)))
  const input = Buffer.concat([random, Buffer.alloc(2000, 'repeated ')])
  const output = Buffer.alloc(input.length)
  const end = lzfCompressInto(input, 0, input.length, output, 0, input.length - MIN_SAVED_BYTES)
  assert.ok(end > 0 && end < 2300, `${end} bytes`)
  assert.equal(lzfDecompress(output.subarray(0, end), input.length), input)
})

test.run()
