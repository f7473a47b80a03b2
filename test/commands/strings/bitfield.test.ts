/** BITFIELD: widths, overflow, and what counts as a change. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bitfields } from '../../../commands/strings/bitfield.ts'
import { bitmaps } from '../../../commands/strings/bitmaps.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { seeded } from '../../support/generators/seed.ts'
import { harness } from '../../support/harness/harness.ts'

const made = () => harness([strings, bitmaps, bitfields])

test('SET returns the old value, INCRBY the new one and GET the current one', () => {
  const { plain } = made()
  const words = 'SET u8 0 255 GET u8 0 INCRBY u8 0 10 SET i5 #3 -1 GET u4 17'.split(' ')
  assert.equal(plain('BITFIELD', 'a', ...words), [0, 255, 9, 0, 14])
  assert.equal(plain('BITFIELD_RO', 'a', 'GET', 'i5', '#3', 'GET', 'u8', '1000'), [-1, 0])
})

test('overflow wraps, saturates or fails, as the last OVERFLOW says', () => {
  const { plain } = made()
  const words = 'SET u2 0 3 INCRBY u2 0 1 OVERFLOW SAT INCRBY u2 0 9 INCRBY u2 0 -9 OVERFLOW FAIL INCRBY u2 0 -1 SET u2 0 4'
  assert.equal(plain('BITFIELD', 'a', ...words.split(' ')), [0, 0, 3, 0, null, null])
  const signed = 'SET i8 0 127 INCRBY i8 0 1 OVERFLOW SAT INCRBY i8 0 -1 SET i8 0 300 GET i8 0 SET i8 0 -300 GET i8 0'
  assert.equal(plain('BITFIELD', 'b', ...signed.split(' ')), [0, -128, -128, -128, 127, 127, -128])
  assert.equal(plain('BITFIELD', 'c', 'OVERFLOW', 'SAT', 'SET', 'u8', '0', '-1', 'GET', 'u8', '0'), [0, 255])
})

test('64-bit fields are exact', () => {
  const { plain } = made()
  const max = '9223372036854775807'
  assert.equal(plain('BITFIELD', 'a', 'SET', 'i64', '3', max, 'INCRBY', 'i64', '3', '1'), [0, -9223372036854775808n])
  assert.equal(plain('BITFIELD', 'a', 'SET', 'u63', '3', max, 'OVERFLOW', 'FAIL', 'INCRBY', 'u63', '3', '1'), [4611686018427387904n, null])
  assert.equal(plain('BITFIELD', 'a', 'GET', 'u63', '3'), [9223372036854775807n])
})

test('writing the present value changes and logs nothing; growth and each write count one change', () => {
  const { plain, logged, keyspace } = made()
  const changesOf = (...words: string[]) => {
    const before = keyspace.changes
    plain('BITFIELD', ...words)
    return [keyspace.changes - before, logged().length]
  }
  assert.equal(changesOf('a', 'SET', 'i5', '0', '0'), [1, 1])
  assert.equal(changesOf('a', 'SET', 'i5', '0', '0'), [0, 0])
  assert.equal(changesOf('a', 'SET', 'i5', '0', '1'), [1, 1])
  assert.equal(changesOf('a', 'INCRBY', 'i5', '0', '0'), [0, 0])
  assert.equal(changesOf('a', 'SET', 'i5', '90', '0'), [1, 1])
  assert.equal(changesOf('b', 'INCRBY', 'i5', '0', '1'), [1, 1])
  assert.is((plain('GET', 'a') as string).length, 12)
})

test('a failed write still grows the string, and reads change and log nothing', () => {
  const { plain, logged } = made()
  assert.equal(plain('BITFIELD', 'a', 'GET', 'u8', '100'), [0])
  assert.equal(plain('BITFIELD', 'a'), [])
  assert.equal(logged(), [])
  assert.is(plain('GET', 'a'), null)
  assert.equal(plain('BITFIELD', 'a', 'OVERFLOW', 'FAIL', 'SET', 'u8', '12', '256'), [null])
  assert.is(plain('GET', 'a'), '\x00\x00\x00')
  assert.is(logged().length, 1)
  assert.equal(plain('BITFIELD', 'a', 'OVERFLOW', 'FAIL', 'SET', 'u8', '0', '256'), [null])
  assert.equal(logged(), [])
})

test('invalid arguments are refused before anything changes', () => {
  const { error, logged } = made()
  const type = 'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.'
  const cases: readonly [string, string][] = [
    ['GET u64 0', type],
    ['GET i65 0', type],
    ['GET u0 0', type],
    ['GET U8 0', type],
    ['GET u08 0', type],
    ['GET u8 -1', 'ERR bit offset is not an integer or out of range'],
    ['GET u8 #-1', 'ERR bit offset is not an integer or out of range'],
    ['GET u8 #4294967295', 'ERR bit offset is not an integer or out of range'],
    ['SET u8 0 x', 'ERR value is not an integer or out of range'],
    ['OVERFLOW NONE', 'ERR Invalid OVERFLOW type specified'],
    ['OVERFLOW', 'ERR syntax error'],
    ['GET u8', 'ERR syntax error'],
    ['SET u8 0', 'ERR syntax error'],
    ['FOO u8 0', 'ERR syntax error'],
  ]
  for (const [words, text] of cases) assert.is(error('BITFIELD', 'a', 'SET', 'u8', '0', '1', ...words.split(' ')), text, words)
  assert.is(error('BITFIELD_RO', 'a', 'SET', 'u8', '0', '1'), 'ERR BITFIELD_RO only supports the GET subcommand')
  assert.equal(logged(), [])
})

test('fields of any width and offset are read back, and their neighbours stay unchanged', () => {
  const { integer, pick } = seeded('bitfield')
  const { plain } = made()
  const length = 70_000 * 8
  const twin = new Uint8Array(length)
  plain('SETBIT', 'a', String(length - 1), '0')
  for (let round = 0; round < 2000; round++) {
    const signed = pick([true, false])
    const bits = 1 + integer(signed ? 64 : 63)
    const offset = pick([integer(200), 16_384 * 8 - integer(80), integer(length - 64)])
    const random = (BigInt(integer(2 ** 32)) << 32n) | BigInt(integer(2 ** 32))
    const value = signed ? BigInt.asIntN(bits, random) : BigInt.asUintN(bits, random)
    const encoding = `${signed ? 'i' : 'u'}${bits}`
    const read = () => {
      const field = BigInt(`0b${twin.subarray(offset, offset + bits).join('')}`)
      return signed ? BigInt.asIntN(bits, field) : field
    }
    const before = read()
    const [old] = plain('BITFIELD', 'a', 'SET', encoding, String(offset), String(value)) as [number | bigint]
    assert.is(BigInt(old), before)
    const digits = BigInt.asUintN(bits, value).toString(2).padStart(bits, '0')
    for (let i = 0; i < bits; i++) twin[offset + i] = Number(digits[i])
  }
  const bytes = Buffer.from(plain('GET', 'a') as string, 'latin1')
  for (let i = 0; i < bytes.length; i++) assert.is(bytes[i], Number.parseInt(twin.subarray(i * 8, i * 8 + 8).join(''), 2))
})

test.run()
