/** The payload of FUNCTION DUMP and RESTORE: its CRC, compression and refusals. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bufferOf, bytesOf } from '../../../base/bytes.ts'
import { decodeLibraries, encodeLibraries } from '../../../commands/functions/payload.ts'
import { crc64 } from '../../../rdb/format/crc64.ts'
import { lzfDecompress } from '../../../rdb/format/lzf.ts'
import { seeded } from '../../support/generators/seed.ts'

/** Returns a payload with its correct footer. */
const sealed = (body: Buffer | string, version = 10) => {
  const content = Buffer.concat([Buffer.from(body as string, 'latin1'), Buffer.from([version, 0])])
  return bytesOf(Buffer.concat([content, crc64(content)]))
}
const refused = (payload: string) => {
  try {
    decodeLibraries(payload)
    return 'taken'
  } catch (error) {
    return (error as Error).message
  }
}

test('the CRC of the check value is that of CRC-64/REDIS', () => {
  assert.is(crc64(Buffer.from('123456789')).toString('hex'), 'cad9b8c414d9c6e9')
})

test('a dump of redis-server 7.0.15 is read, compressed or not', () => {
  assert.equal(decodeLibraries('\n\x00]\x9b\\@\x0f\x7f\xa2\xda'), [])
  const compressed =
    '\xf5\xc3@\x9e@\xb6\x1f#!lua name=ab\nredis.register_fun\x05ction{\xc0\x08\x00_`(\x0c"f",callback=\xc0\x1a\r() end,descrip@5\x01="@\x0c\x15",flags={"no-writes"," =\x05ow-oom\xe0\x00\x0b\x04stale \r %\x02clu@~ \x0c\x80&\x11cross-slot-keys"}}\n\x00\x00\x1dTW\\\x94\xa7\x0c'
  assert.equal(decodeLibraries(compressed), [
    '#!lua name=ab\nredis.register_function{function_name="f",callback=function() end,description="desc",flags={"no-writes","allow-oom","allow-stale","no-cluster","allow-cross-slot-keys"}}',
  ])
})

test('a written payload is read back', () => {
  const { integer } = seeded('function payloads')
  for (let round = 0; round < 100; round++) {
    const codes = Array.from({ length: integer(5) }, () =>
      String.fromCharCode(
        ...Array.from({ length: [integer(64), integer(300), 63, 64, 16_383, 16_384][integer(6)] as number }, () => integer(256)),
      ),
    )
    assert.equal(decodeLibraries(bytesOf(encodeLibraries(codes))), codes)
  }
})

test("every malformed payload has Redis's error", () => {
  const none = 'ERR DUMP payload version or checksum are wrong'
  assert.is(refused(''), none)
  assert.is(refused('\xf5'), none)
  assert.is(refused(sealed('', 12)), none)
  assert.equal(decodeLibraries(sealed('', 11)), [])
  const payload = bytesOf(encodeLibraries(['some code']))
  for (let at = 0; at < payload.length; at++) {
    const flipped = bufferOf(payload)
    flipped[at] = (flipped[at] as number) ^ 4
    assert.is(refused(bytesOf(flipped)), none)
    assert.is(refused(payload.slice(0, at)), none)
  }
  assert.is(refused(sealed('\x00\x01a')), 'ERR given type is not a function')
  assert.is(refused(sealed('\xf6\x01a')), 'ERR Pre-GA function format not supported')
  for (const body of [
    '\xf5',
    '\xf5@',
    '\xf5\x10abc',
    '\xf5\xc3\x02\x10ab',
    '\xf5\xc3\x02\x02\x01ab',
    '\xf5\xc4',
    '\xf5\x82',
    '\xf5\xc3\x01\x80\x7f\xff\xff\xff\x00',
  ])
    assert.is(refused(sealed(body)), 'ERR Failed loading library payload', JSON.stringify(body))
  assert.equal(decodeLibraries(sealed('\xf5\xc0\x10\xf5\xc1\xff\xff')), ['16', '-1'])
})

test('compressed strings that refer outside of their bounds are refused', () => {
  const { integer } = seeded('lzf')
  const inside = Buffer.from([0x01, 97, 98, 0x20, 0x01]) // ab, then three from two back
  assert.is(lzfDecompress(inside, 5)?.toString(), 'ababa')
  assert.is(lzfDecompress(inside, 4), null)
  assert.is(lzfDecompress(inside, 6), null)
  assert.is(lzfDecompress(Buffer.from([0x20, 0x01]), 3), null)
  for (let round = 0; round < 2000; round++) {
    const length = integer(300)
    const output = lzfDecompress(Buffer.from(Array.from({ length: integer(20) }, () => integer(256))), length)
    assert.ok(output === null || output.length === length)
  }
})

test.run()
