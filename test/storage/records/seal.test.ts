/** The CRC of records: it is that of zlib, and every changed bit is found. */
import { crc32 } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CRC_BYTES, isSealed, seal } from '../../../storage/records/seal.ts'
import { seeded } from '../../support/generators/seed.ts'

test('a record ends with the CRC-32 of the bytes before it, and any changed bit is found', () => {
  const chance = seeded('seal')
  for (let round = 0; round < 200; round++) {
    const length = 1 + chance.integer(round < 100 ? 12 : 3000)
    const bytes = Buffer.from(Array.from({ length: length + CRC_BYTES + 3 }, () => chance.integer(256)))
    const record = seal(bytes, length)
    assert.is(record.length, length + CRC_BYTES)
    assert.is(record.readUInt32BE(length), crc32(bytes.subarray(0, length)))
    assert.ok(isSealed(record))
    const bit = chance.integer(record.length * 8)
    record[bit >> 3]! ^= 1 << (bit & 7)
    assert.not.ok(isSealed(record), `bit ${bit} of ${record.length} bytes`)
  }
})

test.run()
