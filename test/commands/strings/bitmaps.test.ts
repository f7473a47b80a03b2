/** SETBIT, GETBIT, BITCOUNT, BITPOS and BITOP on short and huge strings. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bitmaps } from '../../../commands/strings/bitmaps.ts'
import { stringRanges } from '../../../commands/strings/ranges.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { Rope } from '../../../storage/values/rope.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { harness } from '../../support/harness/harness.ts'

const made = () => harness([strings, stringRanges, bitmaps])
const INVALID_OFFSET = 'ERR bit offset is not an integer or out of range'

test('SETBIT returns the old bit, grows the string, and logs only changes', () => {
  const { plain, logged } = made()
  assert.is(plain('SETBIT', 'a', '7', '1'), 0)
  assert.is(plain('SETBIT', 'a', '7', '0'), 1)
  logged()
  assert.is(plain('SETBIT', 'a', '7', '0'), 0)
  assert.equal(logged(), [])
  assert.is(plain('SETBIT', 'a', '16', '0'), 0)
  assert.equal(logged(), [['SETBIT', 'a', '16', '0']])
  assert.is(plain('GET', 'a'), '\x00\x00\x00')
})

test('offsets and bits out of range are refused', () => {
  const { error } = made()
  for (const offset of ['-1', 'x', '', '4294967296', '9223372036854775807']) {
    assert.is(error('SETBIT', 'a', offset, '1'), INVALID_OFFSET, offset)
    assert.is(error('GETBIT', 'a', offset), INVALID_OFFSET, offset)
  }
  for (const bit of ['-1', '2', '01', 'x', '']) assert.is(error('SETBIT', 'a', '0', bit), 'ERR bit is not an integer or out of range', bit)
})

test('setting the last bit of 512 MiB does not allocate 512 MiB', () => {
  const { plain, db } = made()
  assert.is(plain('SETBIT', 'a', '4294967295', '1'), 0)
  assert.is(plain('STRLEN', 'a'), 2 ** 29)
  assert.is(plain('GETBIT', 'a', '4294967295'), 1)
  assert.is(plain('GETBIT', 'a', '4294967294'), 0)
  assert.ok((db.peek('a')!.value as Rope).residentBytes < 100_000)
  assert.is(plain('BITPOS', 'a', '1'), 4294967295)
  assert.is(plain('BITCOUNT', 'a'), 1)
})

test('BITPOS counts zeros after the end only if no end is given', () => {
  const { plain, error } = made()
  plain('SET', 'a', '\xff\xff')
  assert.is(plain('BITPOS', 'a', '0'), 16)
  assert.is(plain('BITPOS', 'a', '0', '1'), 16)
  assert.is(plain('BITPOS', 'a', '0', '2'), -1)
  assert.is(plain('BITPOS', 'a', '0', '0', '-1'), -1)
  assert.is(plain('BITPOS', 'a', '1', '3', '-1', 'BIT'), 3)
  assert.is(plain('BITPOS', 'none', '0', '5', '6'), 0)
  assert.is(plain('BITPOS', 'none', '1'), -1)
  assert.is(error('BITPOS', 'a', '2'), 'ERR The bit argument must be 1 or 0.')
  assert.is(error('BITPOS', 'a', '0', '1', '2', 'WORD'), 'ERR syntax error')
  assert.is(error('BITCOUNT', 'a', '0'), 'ERR syntax error')
  assert.is(error('BITCOUNT', 'a', '0', 'x'), 'ERR value is not an integer or out of range')
  // Without a key, the range is not checked.
  assert.is(plain('BITCOUNT', 'none', '0', 'x'), 0)
  assert.is(plain('BITPOS', 'none', '0', '1', '2', 'WORD'), 0)
})

/** Returns a string of random density, now and then a long one. */
function randomString({ integer, pick }: Seeded): string {
  const byte = pick([() => integer(256), () => 0, () => 255, () => (integer(50) === 0 ? integer(256) : 0)])
  const bytes = Buffer.alloc(pick([0, integer(10), integer(300), integer(300), 16_384, 65_536 + integer(40_000)]))
  for (let i = 0; i < bytes.length; i++) bytes[i] = byte()
  return bytes.latin1Slice()
}

const bitsOf = (text: string) => Array.from(text, (byte) => byte.charCodeAt(0).toString(2).padStart(8, '0')).join('')

/** Cuts by positions as in Redis: from the start to the end, both inclusive. */
function cut(bits: string, first: number, last: number, unit: number): { start: number; bits: string } {
  const length = bits.length / unit
  const start = Math.max(first < 0 ? first + length : first, 0)
  const end = Math.max(last < 0 ? last + length : last, 0)
  return { start: start * unit, bits: bits.slice(start * unit, (end + 1) * unit) }
}

test('BITCOUNT and BITPOS equal those of a text of zeros and ones', () => {
  const seed = seeded('bit ranges')
  const { integer, pick } = seed
  const { plain } = made()
  for (let round = 0; round < 30; round++) {
    const value = randomString(seed)
    if (value === '') continue
    const all = bitsOf(value)
    plain('SET', 'a', value)
    assert.is(plain('BITCOUNT', 'a'), all.replaceAll('0', '').length)
    for (let i = 0; i < 10; i++) {
      const [unit, name] = pick([
        [8, 'BYTE'],
        [1, 'BIT'],
      ] as const)
      const limit = (all.length / unit) * 2 + 10
      const [first, last] = [integer(limit) - limit / 2, integer(limit) - limit / 2].map(Math.floor) as [number, number]
      const range = cut(all, first, last, unit)
      const isEmpty = first < 0 && last < 0 && first > last
      const ones = isEmpty ? 0 : range.bits.replaceAll('0', '').length
      assert.is(plain('BITCOUNT', 'a', String(first), String(last), name), ones, `BITCOUNT ${first} ${last} ${name}`)
      for (const bit of ['0', '1']) {
        const found = range.bits.indexOf(bit)
        const expected = found === -1 ? -1 : range.start + found
        assert.is(plain('BITPOS', 'a', bit, String(first), String(last), name), expected, `BITPOS ${bit} ${first} ${last} ${name}`)
      }
    }
  }
})

test('BITOP equals a loop over bytes', () => {
  const seed = seeded('bitop')
  const { integer, pick } = seed
  const { plain, db } = made()
  const operations = { AND: (a: number, b: number) => a & b, OR: (a: number, b: number) => a | b, XOR: (a: number, b: number) => a ^ b }
  for (let round = 0; round < 25; round++) {
    const sources = Array.from({ length: 1 + integer(4) }, () => randomString(seed))
    const keys = sources.map((_, i) => `source${i}`)
    for (const [i, key] of keys.entries()) plain('SET', key, sources[i]!)
    const name = pick(['AND', 'OR', 'XOR'] as const)
    const target = pick(['target', ...keys])
    const length = Math.max(...sources.map((source) => source.length))
    const padded = sources.map((source) => Buffer.concat([Buffer.from(source, 'latin1'), Buffer.alloc(length - source.length)]))
    const expected = Buffer.from(padded.reduce((a, b) => a.map((byte, i) => operations[name](byte, b[i]!)) as Buffer<ArrayBuffer>))
    assert.is(plain('BITOP', name, target, ...keys), length)
    assert.is(plain('GET', target) ?? '', expected.latin1Slice())
    assert.is(plain('BITOP', 'NOT', 'inverse', target), length)
    assert.is(plain('GET', 'inverse') ?? '', Buffer.from(expected.map((byte) => ~byte)).latin1Slice())
    const value = db.peek('inverse')?.value
    if (value instanceof Rope)
      assert.ok(
        value
          .chunk(value.chunkCount - 1)
          .subarray(length % 16_384 || 16_384)
          .every((byte) => byte === 0),
      )
  }
})

test('an empty BITOP result deletes the target', () => {
  const { plain, error, logged } = made()
  plain('SET', 'a', 'x')
  logged()
  assert.is(plain('BITOP', 'AND', 'a', 'none'), 0)
  assert.is(plain('BITOP', 'AND', 'a', 'none'), 0)
  assert.equal(logged(), [['BITOP', 'AND', 'a', 'none']])
  assert.is(plain('GET', 'a'), null)
  assert.is(error('BITOP', 'NOT', 'a', 'b', 'c'), 'ERR BITOP NOT must be called with a single source key.')
  assert.is(error('BITOP', 'NAND', 'a', 'b'), 'ERR syntax error')
})

test.run()
