/** The bytes of an RDB: which strings are compressed, and the buffers in which chunks lie. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { STRING_LZF } from '../../../rdb/format/codes.ts'
import { RdbOutput } from '../../../rdb/format/output.ts'
import { seeded } from '../../support/generators/seed.ts'

const chance = seeded('rdb output')
const randomText = (length: number) => Array.from({ length }, () => String.fromCharCode(chance.integer(256))).join('')

/** The bytes for which a string is written. */
function written(out: RdbOutput, text: string): Buffer {
  out.string(text)
  return out.take()
}

test('after many strings that cannot be compressed one of some is tried, and long ones always', () => {
  const out = new RdbOutput({ mayCompress: true, hasChecksum: false })
  const isCompressed = (text: string) => written(out, text)[0] === STRING_LZF
  const even = 'x'.repeat(200)
  for (let i = 0; i < 1000; i++) assert.not(isCompressed(randomText(200)))
  assert.ok(isCompressed('x'.repeat(2000)))
  for (let i = 0; i < 1000; i++) assert.not(isCompressed(randomText(200)))
  const tries = Array.from({ length: 8 }, () => isCompressed(even))
  assert.ok(tries.includes(true), 'one of eight is tried')
  assert.ok(isCompressed(even), 'all are tried again')
})

test('strings of more than 256 KiB are not compressed', () => {
  const out = new RdbOutput({ mayCompress: true, hasChecksum: false })
  assert.ok(written(out, 'x'.repeat(256 * 1024)).length < 10_000)
  assert.is(written(out, 'x'.repeat(256 * 1024 + 1)).length, 256 * 1024 + 6)
})

test('a chunk keeps its bytes while the next ones are written', () => {
  const out = new RdbOutput({ mayCompress: false, hasChecksum: true })
  const chunks: Buffer[] = []
  const texts = Array.from({ length: 300 }, (_, i) => String.fromCharCode(65 + (i % 26)).repeat(chance.integer(9000)))
  for (const text of texts) {
    out.raw(text)
    if (chance.integer(3) === 0) chunks.push(out.take())
  }
  chunks.push(out.take())
  assert.is(Buffer.concat(chunks).latin1Slice(), texts.join(''))
})

test.run()
