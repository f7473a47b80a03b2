/** The checksum of RDB files, which takes bytes in parts of any length, anywhere in memory. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Crc64, crc64 } from '../../../rdb/format/crc64.ts'
import { seeded } from '../../support/generators/seed.ts'

test('the checksum is that of the test vector of Redis', () => {
  assert.is(crc64(Buffer.from('123456789')).readBigUInt64LE(0), 0xe9c6d914c4b8d9can)
})

test('parts of any length and alignment give the checksum of the whole, byte by byte', () => {
  const chance = seeded('crc64')
  const memory = Buffer.from(new ArrayBuffer(5000))
  for (let i = 0; i < memory.length; i++) memory[i] = chance.integer(256)
  for (let round = 0; round < 200; round++) {
    const start = chance.integer(memory.length)
    const end = start + chance.integer(memory.length - start + 1)
    const single = new Crc64()
    for (let i = start; i < end; i++) single.update(memory, i, i + 1)
    const whole = new Crc64()
    whole.update(memory, start, end)
    assert.equal(whole.digest(), single.digest(), `${start} to ${end}`)
    const parts = new Crc64()
    for (let from = start; from < end; ) {
      const until = Math.min(end, from + 1 + chance.integer(700))
      parts.update(memory.subarray(from, until))
      from = until
    }
    assert.equal(parts.digest(), single.digest(), `${start} to ${end} in parts`)
  }
})

test.run()
